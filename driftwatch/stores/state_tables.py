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
)

mark = Table("mark", metadata, Column("name", Text, primary_key=True), Column("value", BigInteger, nullable=False))

document = Table("document", metadata, Column("name", Text, primary_key=True), Column("document", Text, nullable=False))

slice_ = Table(
    "slice",
    metadata,
    Column("model", Text, primary_key=True),
    Column("model_version", Text, primary_key=True),
    Column("segment", Text, primary_key=True),
    Column("start", BigInteger, primary_key=True),
    Column("rows", BigInteger, nullable=False),
    Column("labels", BigInteger, nullable=False),
    Column("profile", LargeBinary, nullable=False),
    Column("performance", LargeBinary, nullable=False),
)

judged_window = Table(
    "judged_window",
    metadata,
    Column("model", Text, primary_key=True),
    Column("start", BigInteger, primary_key=True),
    Column("end", BigInteger, primary_key=True),
    Column("model_version", Text, primary_key=True),
    Column("segment", Text, primary_key=True),
    Column("stage", Text, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("labels", BigInteger, nullable=False),
    Column("status", Text, nullable=False),
    Column("findings", LargeBinary, nullable=False),
    Column("verdicts", LargeBinary, nullable=False),
    Column("performance", LargeBinary, nullable=False),
    Column("judged_at", BigInteger),
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
    UniqueConstraint("message_id", name="message_once"),
    Index("message_by_state", "state", "created_at"),
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
    Index("log_file_by_model", "model", "kind", "first_sequence"),
)

# Rows lie in the order in which they came, which is about the order in which their labels come: both touch few pages.
# What is written when a label comes is narrow, in a table of its own.
outstanding = Table(
    "outstanding",
    metadata,
    Column("ordinal", _COUNTED, primary_key=True, autoincrement=False),
    Column("model", Text, nullable=False),
    Column("prediction_id", Text, nullable=False),
    Column("model_version", Text, nullable=False),
    Column("segment", Text, nullable=False),
    Column("event_time", BigInteger, nullable=False),
    Column("prediction", LargeBinary, nullable=False),
    UniqueConstraint("prediction_id", "model", name="outstanding_once"),
    Index("outstanding_by_time", "model", "event_time"),
)

joined_label = Table(
    "joined_label",
    metadata,
    Column("ordinal", _COUNTED, primary_key=True, autoincrement=False),
    Column("label", Text, nullable=False),
)

waiting_label = Table(
    "waiting_label",
    metadata,
    Column("prediction_id", Text, primary_key=True),
    Column("model", Text, primary_key=True),
    Column("label", Text, nullable=False),
    Column("label_time", BigInteger, nullable=False),
    Index("waiting_label_by_time", "model", "label_time"),
    # The rows lie in the primary key's tree itself: one tree to write and to search instead of two.
    sqlite_with_rowid=False,
)

# Counting ten million rows takes a second; these counts are kept by the changes.
join_count = Table(
    "join_count",
    metadata,
    Column("model", Text, primary_key=True),
    Column("outstanding", BigInteger, nullable=False),
    Column("waiting", BigInteger, nullable=False),
)
