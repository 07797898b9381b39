"""Streams, windows of rows, and what is remembered after each window.

No version with the former tables of slices and windows was ever released, so nothing is carried over.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_STREAM = ("model", "model_version", "segment")


def upgrade() -> None:
    op.create_table(
        "stream",
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("model_version", sa.Text(), nullable=False),
        sa.Column("segment", sa.Text(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("first", sa.BigInteger(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.Column("latest_event", sa.BigInteger(), nullable=False),
        sa.Column("closed", sa.BigInteger(), nullable=True),
        sa.Column("complete", sa.BigInteger(), nullable=True),
        sa.Column("stale_closed_first", sa.BigInteger(), nullable=True),
        sa.Column("stale_closed_last", sa.BigInteger(), nullable=True),
        sa.Column("stale_complete_first", sa.BigInteger(), nullable=True),
        sa.Column("stale_complete_last", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint(*_STREAM),
    )
    op.create_table(
        "window_memory",
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("model_version", sa.Text(), nullable=False),
        sa.Column("segment", sa.Text(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("start", sa.BigInteger(), nullable=False),
        sa.Column("memory", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint(*_STREAM, "stage", "start"),
    )
    _rebuild_slices()
    _rebuild_windows()


def _rebuild_slices() -> None:
    op.drop_table("slice")
    op.create_table(
        "slice",
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("model_version", sa.Text(), nullable=False),
        sa.Column("segment", sa.Text(), nullable=False),
        sa.Column("start", sa.BigInteger(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("labels", sa.BigInteger(), nullable=False),
        sa.Column("first_event", sa.BigInteger(), nullable=False),
        sa.Column("reached", sa.BigInteger(), nullable=False),
        sa.Column("profile", sa.LargeBinary(), nullable=False),
        sa.Column("performance", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint(*_STREAM, "start"),
    )


def _rebuild_windows() -> None:
    op.drop_table("judged_window")
    op.create_table(
        "judged_window",
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("end", sa.BigInteger(), nullable=False),
        sa.Column("first_row", sa.BigInteger(), nullable=False),
        sa.Column("end_row", sa.BigInteger(), nullable=False),
        sa.Column("start", sa.BigInteger(), nullable=False),
        sa.Column("model_version", sa.Text(), nullable=False),
        sa.Column("segment", sa.Text(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("labels", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("findings", sa.LargeBinary(), nullable=False),
        sa.Column("verdicts", sa.LargeBinary(), nullable=False),
        sa.Column("performance", sa.LargeBinary(), nullable=False),
        sa.Column("judged_at", sa.BigInteger(), nullable=True),
        sa.Column("revised", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("model", "end", "first_row", "end_row", "start", "model_version", "segment"),
    )
