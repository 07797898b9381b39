"""The tables of the state. Times are microseconds since 1970 UTC; nested records are msgpack or JSON.

The migrations make these tables; a test holds the two to each other.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData()

_COUNTED = BigInteger().with_variant(Integer, "sqlite")
"""SQLite counts up by itself only in a column of the type INTEGER."""

baseline = Table(
    "baseline",
    metadata,
    Column("model", Text, primary_key=True),
    Column("model_version", Text, primary_key=True),
    Column("document", Text, nullable=False),
    Column("registered_at", BigInteger, nullable=False),
    Column("role", Text, nullable=False, server_default="live"),
)

mark = Table("mark", metadata, Column("name", Text, primary_key=True), Column("value", BigInteger, nullable=False))

document = Table("document", metadata, Column("name", Text, primary_key=True), Column("document", Text, nullable=False))

stream = Table(
    "stream",
    metadata,
    Column("model", Text, primary_key=True),
    Column("model_version", Text, primary_key=True),
    Column("segment", Text, primary_key=True),
    Column("rows", BigInteger, nullable=False),
    Column("first", BigInteger, nullable=False),
    Column("last", BigInteger, nullable=False),
    Column("latest_event", BigInteger, nullable=False),
    Column("closed", BigInteger),
    Column("complete", BigInteger),
    Column("stale_closed_first", BigInteger),
    Column("stale_closed_last", BigInteger),
    Column("stale_complete_first", BigInteger),
    Column("stale_complete_last", BigInteger),
)

slice_ = Table(
    "slice",
    metadata,
    Column("model", Text, primary_key=True),
    Column("model_version", Text, primary_key=True),
    Column("segment", Text, primary_key=True),
    Column("start", BigInteger, primary_key=True),
    # What an outline takes stands before the large columns, which are then not read.
    Column("rows", BigInteger, nullable=False),
    Column("labels", BigInteger, nullable=False),
    Column("first_event", BigInteger, nullable=False),
    Column("reached", BigInteger, nullable=False),
    Column("profile", LargeBinary, nullable=False),
    Column("performance", LargeBinary, nullable=False),
    # Both are empty in slices of earlier versions.
    Column("labelled", LargeBinary),
    Column("estimate", LargeBinary),
)

# What the evidence was after a window, by the window's first position, so that a window can be judged again.
window_memory = Table(
    "window_memory",
    metadata,
    Column("model", Text, primary_key=True),
    Column("model_version", Text, primary_key=True),
    Column("segment", Text, primary_key=True),
    Column("stage", Text, primary_key=True),
    Column("start", BigInteger, primary_key=True),
    Column("memory", LargeBinary, nullable=False),
)

judged_window = Table(
    "judged_window",
    metadata,
    Column("model", Text, primary_key=True),
    Column("end", BigInteger, primary_key=True),
    # Both are 0 for windows of time.
    Column("first_row", BigInteger, primary_key=True, autoincrement=False),
    Column("end_row", BigInteger, primary_key=True, autoincrement=False),
    Column("start", BigInteger, primary_key=True),
    Column("model_version", Text, primary_key=True),
    Column("segment", Text, primary_key=True),
    Column("stage", Text, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("labels", BigInteger, nullable=False),
    Column("status", Text, nullable=False),
    Column("findings", LargeBinary, nullable=False),
    Column("verdicts", LargeBinary, nullable=False),
    Column("performance", LargeBinary, nullable=False),
    # Empty in windows of earlier versions.
    Column("quality", LargeBinary),
    Column("judged_at", BigInteger),
    Column("revised", Integer, nullable=False),
)

alert = Table(
    "alert",
    metadata,
    Column("alert_id", Text, primary_key=True),
    Column("model", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("started", BigInteger, nullable=False),
    Column("record", LargeBinary, nullable=False),
    Index("alert_by_model", "model", "started"),
)

retrain = Table(
    "retrain",
    metadata,
    Column("retrain_id", Text, primary_key=True),
    Column("model", Text, nullable=False),
    Column("model_version", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("triggered", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("alert_ids", Text, nullable=False),
    Column("new_version", Text),
    Column("segment", Text, nullable=False, server_default=""),
    Column("calls", Text, nullable=False, server_default="[]"),
    Column("watched_from", BigInteger),
    Index("retrain_by_model", "model", "triggered"),
)

retrain_step = Table(
    "retrain_step",
    metadata,
    Column("retrain_id", Text, ForeignKey("retrain.retrain_id"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("by", Text, nullable=False, server_default=""),
)

message = Table(
    "message",
    metadata,
    Column("ordinal", _COUNTED, primary_key=True),
    Column("message_id", Text, nullable=False),
    Column("sink", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("retrain_id", Text),
    Column("attempts", Integer, nullable=False),
    Column("next_attempt_at", BigInteger),
    Column("state", Text, nullable=False),
    Column("last_error", Text, nullable=False),
    Column("kind", Text, nullable=False, server_default="retrain"),
    Column("tried_since", BigInteger),
    UniqueConstraint("message_id", name="message_once"),
    Index("message_by_state", "state", "created_at"),
    Index("message_by_sink", "state", "sink", "model", "ordinal"),
    Index("message_by_retrain", "retrain_id"),
)

log_file = Table(
    "log_file",
    metadata,
    Column("path", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("day", Text, nullable=False),
    Column("first_sequence", BigInteger, nullable=False),
    Column("last_sequence", BigInteger, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("retired_at", BigInteger),
    Index("log_file_by_model", "model", "kind", "first_sequence"),
)

# The join: see `driftwatch.stores.join_index`. Times say from when to before when the rows' events lie.
join_recent = Table(
    "join_recent",
    metadata,
    Column("number", _COUNTED, primary_key=True, autoincrement=False),
    Column("width", Integer, nullable=False),
    Column("start", BigInteger, nullable=False),
    Column("end", BigInteger, nullable=False),
    Column("rows", LargeBinary, nullable=False),
)

join_run = Table(
    "join_run",
    metadata,
    Column("name", Text, primary_key=True),
    Column("width", Integer, nullable=False),
    Column("start", BigInteger, nullable=False),
    Column("end", BigInteger, nullable=False),
    Column("last_number", BigInteger, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("capacity", BigInteger, nullable=False),
)

# What a row's numbers stand for: versions, segments, labels that are names.
join_name = Table(
    "join_name",
    metadata,
    Column("number", _COUNTED, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False),
    UniqueConstraint("name", name="join_name_once"),
)

# The secret key of the hashes of ids, one row.
join_key = Table("join_key", metadata, Column("key", LargeBinary, primary_key=True))

# Nothing can be counted without reading all rows; these counts are kept by the changes.
join_count = Table(
    "join_count",
    metadata,
    Column("model", Text, primary_key=True),
    Column("start", BigInteger, primary_key=True),
    Column("end", BigInteger, primary_key=True),
    Column("outstanding", BigInteger, nullable=False),
    Column("waiting", BigInteger, nullable=False),
)

# Rows of the model in stretches that end at this time or before are forgotten.
join_forgotten = Table(
    "join_forgotten",
    metadata,
    Column("model", Text, primary_key=True),
    Column("before", BigInteger, nullable=False),
)
