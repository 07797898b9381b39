"""Slices count what the model answered for labelled rows, and windows have intervals of their measures."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("slice", sa.Column("labelled", sa.LargeBinary(), nullable=True))
    op.add_column("judged_window", sa.Column("quality", sa.LargeBinary(), nullable=True))
