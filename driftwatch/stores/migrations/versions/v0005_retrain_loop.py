"""What the retrain loop has to remember: roles of versions, who did what, what is watched, and what a message is of."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("baseline", sa.Column("role", sa.Text(), nullable=False, server_default="live"))
    op.add_column("retrain", sa.Column("segment", sa.Text(), nullable=False, server_default=""))
    op.add_column("retrain", sa.Column("calls", sa.Text(), nullable=False, server_default="[]"))
    op.add_column("retrain", sa.Column("watched_from", sa.BigInteger(), nullable=True))
    op.add_column("retrain_step", sa.Column("by", sa.Text(), nullable=False, server_default=""))
    op.add_column("message", sa.Column("kind", sa.Text(), nullable=False, server_default="retrain"))
    op.add_column("message", sa.Column("tried_since", sa.BigInteger(), nullable=True))
    op.create_index("message_by_sink", "message", ["state", "sink", "model", "ordinal"])
    op.create_index("message_by_retrain", "message", ["retrain_id"])
