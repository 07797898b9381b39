"""Slices keep what quality is estimated from before labels come."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("slice", sa.Column("estimate", sa.LargeBinary(), nullable=True))
