"""Files of the log that count no longer are known until they are deleted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("log_file", sa.Column("retired_at", sa.BigInteger(), nullable=True))
