"""The state forgets what is older than it is wanted, behind how far the stream has come."""

from __future__ import annotations

from datetime import timedelta

from driftwatch.bootstrap import keep_state
from driftwatch.pipeline.keep_state import KeepState, StateKeeper
from driftwatch.settings import load_settings

DAY = timedelta(days=1)


def test_old_windows_and_slices_go_once_an_hour(world) -> None:
    for number in range(5):
        world.day(number, rows=40)
    world.day(40, rows=40)
    keeper = StateKeeper(world.state, world.clock, KeepState(windows=38 * DAY, slices=37 * DAY))
    while keeper.step():
        continue
    with world.state.read() as reader:
        (stream,) = reader.streams("flights")
        slices = reader.slices("flights", "1", "", 0, 2**60)
        windows = reader.windows("flights", limit=100)
    # The last event of each day is half an hour before midnight: 37 days before it is the last one of day 3.
    assert [one.rows for one in slices] == [40, 40, 40]
    assert sorted(one.key.start.day for one in windows) == [7, 8, 9]
    assert stream.rows == 240
    world.day(42, rows=40)
    assert not keeper.step()
    world.clock.advance(timedelta(hours=1))
    while keeper.step():
        continue
    with world.state.read() as reader:
        assert [one.rows for one in reader.slices("flights", "1", "", 0, 2**60)] == [40, 40]


def test_nothing_goes_that_a_window_still_needs() -> None:
    settings = load_settings(slices_keep="1d", windows_keep="1d", label_horizon="50d", window="7d")
    keep = keep_state(settings)
    assert (keep.slices, keep.windows) == (57 * DAY, 57 * DAY)
