"""The spool empties into the log without losing or doubling a row."""

import pytest

from driftwatch.pipeline.record import Recorder


class Crash(Exception):
    pass


class CrashingState:
    """A state whose n-th transaction fails, as if the process had died before it was kept."""

    def __init__(self, state, fails_at: int) -> None:
        self._state, self._fails_at, self._count = state, fails_at, 0

    def read(self):
        return self._state.read()

    def transaction(self):
        self._count += 1
        if self._count == self._fails_at:
            raise Crash
        return self._state.transaction()


def ids_in_log(world) -> list[str]:
    with world.state.read() as reader:
        files = reader.log_files("flights", "predictions")
    return sorted(one for batch in world.log.read_predictions(files, None, None) for one in batch.prediction_ids)


def unrecorded_world(make_world):
    """A world whose rows are sliced and not yet in the log."""
    world = make_world()
    world.register()
    world.service.pipeline.step()
    world.day(0, rows=50, labelled=False)
    world.day(1, rows=50, labelled=False)
    return world


EXPECTED = sorted(f"{day}-{row}" for day in (0, 1) for row in range(50))


def test_every_row_is_in_the_log_once(make_world) -> None:
    world = unrecorded_world(make_world)
    world.service.pipeline.flush()
    assert ids_in_log(world) == EXPECTED
    assert world.spool.pending_rows() == 0


@pytest.mark.parametrize("fails_at", [1, 2])
def test_a_crash_between_the_steps_repeats_work_and_no_row(make_world, fails_at: int) -> None:
    world = unrecorded_world(make_world)
    crashing = Recorder(world.spool, world.log, CrashingState(world.state, fails_at), rows_a_file=60)
    with pytest.raises(Crash):
        crashing.record()
    world.day(2, rows=5, labelled=False)
    world.service.pipeline.flush()
    assert ids_in_log(world) == sorted([*EXPECTED, *(f"2-{row}" for row in range(5))])


def test_a_file_written_before_the_crash_is_written_again_under_the_same_name(make_world) -> None:
    world = unrecorded_world(make_world)
    before = set(world.log._files)
    with pytest.raises(Crash):
        Recorder(world.spool, world.log, CrashingState(world.state, 2), rows_a_file=60).record()
    written = set(world.log._files) - before
    world.day(2, rows=5, labelled=False)
    Recorder(world.spool, world.log, world.state, rows_a_file=10_000).record()
    assert written
    assert written == set(world.log._files) - before


def test_a_plan_made_when_files_held_more_rows_is_carried_out_whole(make_world) -> None:
    world = unrecorded_world(make_world)
    with pytest.raises(Crash):
        Recorder(world.spool, world.log, CrashingState(world.state, 2), rows_a_file=10_000).record()
    smaller = Recorder(world.spool, world.log, world.state, rows_a_file=60)
    assert smaller.record() == 100
    assert ids_in_log(world) == EXPECTED


def test_what_a_dead_process_counted_and_did_not_forget_leaves_the_spool(make_world) -> None:
    world = unrecorded_world(make_world)
    remove_through = world.spool.remove_through
    world.spool.remove_through = lambda sequence: (_ for _ in ()).throw(Crash)
    with pytest.raises(Crash):
        Recorder(world.spool, world.log, world.state, rows_a_file=10_000).record()
    assert world.spool.pending_rows() == 100
    world.spool.remove_through = remove_through
    after = Recorder(world.spool, world.log, world.state, rows_a_file=10_000)
    assert after.unrecorded()
    assert after.record() == 0
    assert world.spool.pending_rows() == 0
    assert not after.unrecorded()
    assert ids_in_log(world) == EXPECTED


def test_a_plan_whose_entries_are_gone_does_not_keep_the_others_from_the_log(make_world) -> None:
    world = unrecorded_world(make_world)
    with pytest.raises(Crash):
        Recorder(world.spool, world.log, CrashingState(world.state, 2), rows_a_file=60).record()
    with world.state.read() as reader:
        world.spool.remove_through(reader.mark("planned"))
    world.day(2, rows=5, labelled=False)
    world.service.pipeline.flush()
    world.service.pipeline.flush()
    assert set(ids_in_log(world)) >= {f"2-{row}" for row in range(5)}
