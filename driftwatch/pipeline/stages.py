"""A stream's two stages: how far its windows have been judged in each, and which of them must be judged again."""

from __future__ import annotations

from dataclasses import replace

from driftwatch.core.records import WindowStage
from driftwatch.ports import Stale, StoredStream

STAGES = (WindowStage.CLOSED, WindowStage.COMPLETE)
"""Inputs are judged before labels."""


def judged_before(stream: StoredStream, stage: WindowStage) -> int | None:
    """Windows that begin before this were judged; None before there was one."""
    return stream.closed if stage is WindowStage.CLOSED else stream.complete


def with_judged_before(stream: StoredStream, stage: WindowStage, start: int) -> StoredStream:
    """The stream with its windows judged up to those that begin before ``start``."""
    return replace(stream, closed=start) if stage is WindowStage.CLOSED else replace(stream, complete=start)


def stale(stream: StoredStream, stage: WindowStage) -> Stale | None:
    """Judged windows that something was added to; None where there are none."""
    return stream.stale_closed if stage is WindowStage.CLOSED else stream.stale_complete


def with_stale(stream: StoredStream, stage: WindowStage, windows: Stale | None) -> StoredStream:
    """The stream with other windows to be judged again."""
    if stage is WindowStage.CLOSED:
        return replace(stream, stale_closed=windows)
    return replace(stream, stale_complete=windows)
