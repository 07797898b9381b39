"""What every state promises, held against the database and the one in memory."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from driftwatch.core.records import (
    Alert,
    AlertKind,
    AlertState,
    Change,
    Direction,
    Finding,
    RetrainEpisode,
    RetrainState,
    RetrainStep,
    Status,
    Threshold,
    ThresholdOrigin,
    Verdict,
    VerdictReason,
    WindowKey,
    WindowRecord,
    WindowStage,
)
from driftwatch.core.table import Names
from driftwatch.core.window_quality import Interval, LabelSelection, WindowQuality
from driftwatch.errors import StateConflict, UnknownRetrain
from driftwatch.ports import (
    LogFile,
    OutboxMessage,
    OutboxState,
    Outstanding,
    SliceKey,
    SliceOutline,
    Stale,
    State,
    StoredBaseline,
    StoredSlice,
    StoredStream,
    StreamKey,
)
from driftwatch.stores.state import SqlState
from driftwatch.testing import MemoryState, label_batch

T0 = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture(params=["sql", "memory"])
def state(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[State]:
    state: State = SqlState.open(f"sqlite:///{tmp_path / 'state.db'}") if request.param == "sql" else MemoryState()
    yield state
    state.close()


def baseline(model: str = "m", version: str = "1", at: datetime = T0, document: str = "{}") -> StoredBaseline:
    return StoredBaseline(model=model, model_version=version, document=document, registered_at=at)


def slice_at(start: int, *, segment: str = "", version: str = "1", rows: int = 1) -> StoredSlice:
    key = SliceKey(model="m", model_version=version, segment=segment, start=start)
    return StoredSlice(
        key=key,
        rows=rows,
        labels=0,
        first_event=start,
        reached=start + 1,
        profile=b"\x00p",
        performance=b"\xffq",
        labelled=b"\x01r",
    )


def stream_key(segment: str = "", version: str = "1") -> StreamKey:
    return StreamKey(model="m", model_version=version, segment=segment)


def window_at(hours: int, *, version: str = "1", segment: str = "", rows: int = 1) -> WindowRecord:
    start = T0 + hours * HOUR
    key = WindowKey(model="m", model_version=version, start=start, end=start + HOUR, segment=segment)
    return WindowRecord(key=key, stage=WindowStage.CLOSED, rows=rows, labels=0, status=Status.OK)


def alert(alert_id: str, *, model: str = "m", hours: int = 0, state: AlertState = AlertState.FIRING) -> Alert:
    return Alert(
        alert_id=alert_id,
        model=model,
        model_version="1",
        kind=AlertKind.QUALITY,
        state=state,
        started=T0 + hours * HOUR,
        ended=None,
        columns=("x", "y"),
        evidence=math.inf,
        reason="the loss rose",
    )


def episode(retrain_id: str, *, model: str = "m", hours: int = 0) -> RetrainEpisode:
    return RetrainEpisode(
        retrain_id=retrain_id,
        model=model,
        model_version="1",
        state=RetrainState.REQUESTED,
        triggered=T0 + hours * HOUR,
        until=T0,
        reason="the loss rose",
        alert_ids=("a", "b"),
        history=(RetrainStep(at=T0, state=RetrainState.REQUESTED, note="evidence 42"),),
    )


def message(message_id: str, *, minutes: int = 0, due: int | None = None) -> OutboxMessage:
    return OutboxMessage(
        message_id=message_id,
        sink="webhook",
        model="m",
        body='{"a": 1}',
        created_at=T0 + timedelta(minutes=minutes),
        retrain_id="r",
        next_attempt_at=None if due is None else T0 + timedelta(minutes=due),
    )


def log_file(path: str, *, model: str = "m", kind: str = "predictions", first: int = 1) -> LogFile:
    return LogFile(
        path=path,
        kind=kind,
        model=model,
        day=date(2026, 1, 2),
        first_sequence=first,
        last_sequence=first + 1,
        rows=3,
        size_bytes=5_000_000_000,
    )


def outstanding(*ids: str) -> Outstanding:
    return Outstanding(
        prediction_ids=ids,
        model_version="1",
        segments=Names.of(["s"] * len(ids)),
        event_time=np.full(len(ids), 7, dtype=np.int64),
        values=np.zeros((len(ids), 1)),
    )


class TestTransactions:
    def test_changes_are_kept_when_the_context_ends(self, state: State) -> None:
        with state.transaction() as transaction:
            transaction.set_mark("a", 1)
        with state.read() as reader:
            assert reader.mark("a") == 1

    def test_changes_are_seen_inside(self, state: State) -> None:
        with state.transaction() as transaction:
            transaction.set_mark("a", 1)
            transaction.put_window(window_at(0))
            assert transaction.mark("a") == 1
            assert transaction.windows("m") == [window_at(0)]

    def test_an_exception_undoes_everything(self, state: State) -> None:
        with state.transaction() as transaction:
            transaction.set_mark("a", 1)
            transaction.add_outstanding("m", outstanding("p"))
        with pytest.raises(ZeroDivisionError), state.transaction() as transaction:  # noqa: PT012
            transaction.set_mark("a", 2)
            transaction.put_baseline(baseline())
            transaction.put_slices([slice_at(0)])
            transaction.put_message(message("x"))
            transaction.add_log_files([log_file("f")])
            transaction.open_retrain(episode("r"))
            transaction.join_labels(label_batch(["p", "q"], [1.0, 2.0], model="m"))
            raise ZeroDivisionError
        with state.read() as reader:
            assert (reader.mark("a"), reader.models(), reader.outbox(), reader.log_files()) == (1, [], [], [])
            assert (reader.slices("m", "1", "", 0, 10), reader.retrains()) == ([], [])
            assert (reader.outstanding_count("m"), reader.waiting_label_count("m")) == (1, 0)

    def test_a_reader_sees_one_moment_to_its_end(self, state: State) -> None:
        with state.read() as reader:
            with state.transaction() as transaction:
                transaction.set_mark("a", 1)
            assert reader.mark("a") == 0

    def test_readers_do_not_block_a_writer_nor_a_writer_readers(self, state: State) -> None:
        with state.transaction() as transaction, state.read() as reader:
            transaction.set_mark("a", 1)
            assert reader.mark("a") == 0

    def test_transactions_of_several_threads_lose_no_change(self, state: State) -> None:
        def count() -> None:
            for _ in range(25):
                with state.transaction() as transaction:
                    transaction.set_mark("n", transaction.mark("n") + 1)

        threads = [threading.Thread(target=count) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with state.read() as reader:
            assert reader.mark("n") == 100


class TestNamedThings:
    def test_a_mark_is_zero_until_it_is_set(self, state: State) -> None:
        with state.read() as reader:
            assert reader.mark("nobody") == 0

    def test_a_mark_takes_large_and_negative_numbers(self, state: State) -> None:
        with state.transaction() as transaction:
            transaction.set_mark("large", 2**62)
            transaction.set_mark("negative", -(2**62))
            assert (transaction.mark("large"), transaction.mark("negative")) == (2**62, -(2**62))

    def test_marks_are_found_by_the_beginning_of_their_name_alone(self, state: State) -> None:
        with state.transaction() as transaction:
            for name in ("run:a", "run:b", "Run:c", "run_", "xrun:d", "run%:e"):
                transaction.set_mark(name, 1)
            assert list(transaction.marks("run:")) == ["run:a", "run:b"]
            assert list(transaction.marks("run%")) == ["run%:e"]
            assert len(transaction.marks("")) == 6

    def test_a_document_is_none_until_it_is_put(self, state: State) -> None:
        with state.read() as reader:
            assert reader.document("nobody") is None

    def test_a_document_is_replaced_by_the_next(self, state: State) -> None:
        with state.transaction() as transaction:
            transaction.put_document("memory:a", '{"M": 1}')
            transaction.put_document("memory:a", '{"M": 2, "é": "\\u0000"}')
            transaction.put_document("memory:b", "[]")
            assert transaction.document("memory:a") == '{"M": 2, "é": "\\u0000"}'
            assert list(transaction.documents("memory:")) == ["memory:a", "memory:b"]


class TestBaselines:
    def test_models_are_sorted_and_named_once(self, state: State) -> None:
        with state.transaction() as transaction:
            for one in (baseline("z"), baseline("a", "1"), baseline("a", "2")):
                transaction.put_baseline(one)
            assert transaction.models() == ["a", "z"]

    def test_versions_come_oldest_registration_first(self, state: State) -> None:
        with state.transaction() as transaction:
            transaction.put_baseline(baseline(version="a", at=T0 + HOUR))
            transaction.put_baseline(baseline(version="b", at=T0))
            assert [one.model_version for one in transaction.baselines("m")] == ["b", "a"]

    def test_the_same_version_again_replaces(self, state: State) -> None:
        with state.transaction() as transaction:
            transaction.put_baseline(baseline(document="old"))
            transaction.put_baseline(baseline(document="new", at=T0 + HOUR))
            assert transaction.baselines("m") == [baseline(document="new", at=T0 + HOUR)]

    def test_an_unknown_model_has_none(self, state: State) -> None:
        with state.read() as reader:
            assert reader.baselines("nobody") == []


class TestSlices:
    def test_slices_come_back_in_order_from_start_to_before_end(self, state: State) -> None:
        with state.transaction() as transaction:
            transaction.put_slices([slice_at(30), slice_at(10), slice_at(20)])
            assert transaction.slices("m", "1", "", 10, 30) == [slice_at(10), slice_at(20)]

    def test_a_slice_is_replaced_by_key(self, state: State) -> None:
        with state.transaction() as transaction:
            transaction.put_slices([slice_at(10)])
            transaction.put_slices([slice_at(10, rows=5)])
            assert transaction.slices("m", "1", "", 0, 99) == [slice_at(10, rows=5)]

    def test_versions_and_segments_are_told_apart(self, state: State) -> None:
        with state.transaction() as transaction:
            transaction.put_slices([slice_at(10), slice_at(10, version="2"), slice_at(10, segment="s")])
            assert transaction.slices("m", "1", "s", 0, 99) == [slice_at(10, segment="s")]

    def test_outlines_are_slices_without_their_sums(self, state: State) -> None:
        with state.transaction() as transaction:
            transaction.put_slices([slice_at(30), slice_at(10, rows=4), slice_at(20), slice_at(15, segment="s")])
            assert transaction.outlines(stream_key(), 10, 30) == [
                SliceOutline(start=10, rows=4, labels=0, first_event=10, reached=11),
                SliceOutline(start=20, rows=1, labels=0, first_event=20, reached=21),
            ]

    def test_putting_no_slices_is_fine(self, state: State) -> None:
        with state.transaction() as transaction:
            transaction.put_slices([])


class TestStreams:
    def test_streams_come_back_whole_by_version_and_segment(self, state: State) -> None:
        whole = StoredStream(
            key=stream_key(), rows=2**40, first=-5, last=30, latest_event=31, closed=-10, complete=None,
            stale_closed=Stale(first=-20, last=0), stale_complete=None,
        )  # fmt: skip
        bare = [StoredStream(key=stream_key("s"), rows=1, first=1, last=1, latest_event=1)]
        bare.append(replace(bare[0], key=stream_key(version="2")))
        with state.transaction() as transaction:
            transaction.put_streams([bare[1], bare[0], whole])
            assert transaction.streams("m") == [whole, *bare]
            assert transaction.streams("nobody") == []

    def test_a_stream_is_replaced_by_key(self, state: State) -> None:
        before = StoredStream(
            key=stream_key(), rows=1, first=1, last=1, latest_event=1, stale_complete=Stale(first=1, last=2)
        )
        after = replace(before, rows=2, stale_complete=None)
        with state.transaction() as transaction:
            transaction.put_streams([before])
            transaction.put_streams([after])
            transaction.put_streams([])
            assert transaction.streams("m") == [after]

    def test_a_stream_is_forgotten_with_its_slices_and_memories_and_no_other_is(self, state: State) -> None:
        with state.transaction() as transaction:
            for segment in ("", "s"):
                key = stream_key(segment)
                transaction.put_streams([StoredStream(key=key, rows=1, first=1, last=1, latest_event=1)])
                transaction.put_slices([slice_at(10, segment=segment)])
                transaction.put_memory(key, WindowStage.CLOSED, 10, b"m")
            transaction.forget_stream(stream_key())
            assert [one.key.segment for one in transaction.streams("m")] == ["s"]
            assert transaction.slices("m", "1", "", 0, 99) == []
            assert transaction.memory_after(stream_key(), WindowStage.CLOSED, 10) is None
            assert transaction.slices("m", "1", "s", 0, 99) == [slice_at(10, segment="s")]
            assert transaction.memory_after(stream_key("s"), WindowStage.CLOSED, 10) == b"m"


class TestMemories:
    def test_memories_are_found_by_the_start_of_their_window(self, state: State) -> None:
        with state.transaction() as transaction:
            for start in (-10, 20, 0):
                transaction.put_memory(stream_key(), WindowStage.CLOSED, start, f"at {start}".encode())
            assert transaction.memory_before(stream_key(), WindowStage.CLOSED, 20) == b"at 0"
            assert transaction.memory_before(stream_key(), WindowStage.CLOSED, 1_000) == b"at 20"
            assert transaction.memory_before(stream_key(), WindowStage.CLOSED, -10) is None
            assert transaction.memory_after(stream_key(), WindowStage.CLOSED, -10) == b"at -10"
            assert transaction.memory_after(stream_key(), WindowStage.CLOSED, 5) is None

    def test_streams_and_stages_are_told_apart(self, state: State) -> None:
        with state.transaction() as transaction:
            transaction.put_memory(stream_key(), WindowStage.CLOSED, 0, b"a")
            transaction.put_memory(stream_key("s"), WindowStage.COMPLETE, 0, b"b")
            assert transaction.memory_before(stream_key(), WindowStage.COMPLETE, 9) is None
            assert transaction.memory_before(stream_key("s"), WindowStage.CLOSED, 9) is None

    def test_a_memory_is_replaced(self, state: State) -> None:
        with state.transaction() as transaction:
            for memory in (b"a", b"b"):
                transaction.put_memory(stream_key(), WindowStage.CLOSED, 0, memory)
            assert transaction.memory_after(stream_key(), WindowStage.CLOSED, 0) == b"b"

    def test_old_memories_are_forgotten_but_for_the_newest_of_them(self, state: State) -> None:
        with state.transaction() as transaction:
            for start in (0, 10, 20, 30):
                transaction.put_memory(stream_key(), WindowStage.CLOSED, start, b"m")
                transaction.put_memory(stream_key("s"), WindowStage.CLOSED, start, b"m")
            transaction.forget_memories(stream_key(), WindowStage.CLOSED, 25)
            starts = [one for one in range(40) if transaction.memory_after(stream_key(), WindowStage.CLOSED, one)]
            assert starts == [20, 30]
            assert transaction.memory_after(stream_key("s"), WindowStage.CLOSED, 0) == b"m"
            transaction.forget_memories(stream_key(), WindowStage.COMPLETE, 99)


class TestWindows:
    def test_windows_of_rows_are_told_apart_by_their_rows(self, state: State) -> None:
        def of_rows(first: int) -> WindowRecord:
            key = replace(window_at(0).key, first_row=first, end_row=first + 10)
            return replace(window_at(0), key=key, revised=first)

        with state.transaction() as transaction:
            for one in (of_rows(0), of_rows(20), of_rows(10)):
                transaction.put_window(one)
            assert transaction.windows("m") == [of_rows(20), of_rows(10), of_rows(0)]
            assert transaction.window(of_rows(10).key) == of_rows(10)

    def test_a_window_comes_back_whole_with_undefined_and_infinite_numbers(self, state: State) -> None:
        finding = Finding(
            kind=AlertKind.FEATURE_DRIFT,
            column="x",
            statistic="psi",
            score=math.inf,
            threshold=Threshold(value=0.1, origin=ThresholdOrigin.NATURAL),
            p_value=1e-300,
            e_value=0.5,
            evidence=math.inf,
            n_reference=10,
            n_live=20,
            status=Status.DRIFT,
            change=Change(direction=Direction.UP, text="mean 1 -> 2"),
        )
        verdict = Verdict(
            kind=AlertKind.FEATURE_DRIFT,
            status=Status.DRIFT,
            reason=VerdictReason.EVIDENCE_REACHED_BUDGET,
            evidence=math.inf,
            limit=Threshold(value=90.0, origin=ThresholdOrigin.BUDGET),
            columns=("x",),
        )
        window = replace(
            window_at(0),
            findings=(finding,),
            verdicts=(verdict,),
            performance={"mean_absolute_error": 9.25},
            quality=WindowQuality(
                intervals={"mean_absolute_error": Interval(lower=9.0, upper=math.inf, labels=7, error_bound=0.5)},
                confusion=((1, 2), (3, 4)),
                selection=(
                    LabelSelection(
                        column="x", score=0.1, p_value=1e-300, labelled=4, unlabelled=6, is_notable=True, text="other"
                    ),
                ),
            ),
            judged_at=T0,
        )
        undefined = replace(window_at(1), findings=(replace(finding, score=math.nan),))
        with state.transaction() as transaction:
            transaction.put_window(window)
            transaction.put_window(undefined)
            assert transaction.window(window.key) == window
            back = transaction.window(undefined.key)
        assert back is not None
        assert math.isnan(back.findings[0].score)

    def test_a_window_is_replaced_by_key(self, state: State) -> None:
        with state.transaction() as transaction:
            transaction.put_window(window_at(0))
            transaction.put_window(window_at(0, rows=9))
            assert transaction.windows("m") == [window_at(0, rows=9)]

    def test_an_unknown_window_is_none(self, state: State) -> None:
        with state.transaction() as transaction:
            assert transaction.window(window_at(0).key) is None

    def test_windows_come_newest_first_up_to_the_limit(self, state: State) -> None:
        with state.transaction() as transaction:
            for hours in (1, 3, 2):
                transaction.put_window(window_at(hours))
            assert transaction.windows("m", limit=2) == [window_at(3), window_at(2)]

    def test_windows_begin_in_the_range(self, state: State) -> None:
        with state.transaction() as transaction:
            for hours in range(4):
                transaction.put_window(window_at(hours))
            found = transaction.windows("m", start=T0 + HOUR, end=T0 + 3 * HOUR)
            assert found == [window_at(2), window_at(1)]

    def test_windows_are_chosen_by_their_stage(self, state: State) -> None:
        complete = replace(window_at(0), stage=WindowStage.COMPLETE)
        with state.transaction() as transaction:
            for one in (complete, replace(window_at(1), stage=WindowStage.CLOSED)):
                transaction.put_window(one)
            assert transaction.windows("m", stage=WindowStage.COMPLETE) == [complete]

    def test_windows_are_chosen_by_version_and_segment(self, state: State) -> None:
        with state.transaction() as transaction:
            for one in (window_at(0), window_at(1, version="2"), window_at(2, segment="s")):
                transaction.put_window(one)
            assert transaction.windows("m", model_version="2") == [window_at(1, version="2")]
            assert transaction.windows("m", segment="s") == [window_at(2, segment="s")]
            assert len(transaction.windows("m")) == 3
            assert transaction.windows("other") == []


class TestAlerts:
    def test_an_alert_comes_back_whole(self, state: State) -> None:
        with state.transaction() as transaction:
            transaction.put_alert(alert("a"))
            assert transaction.alerts() == [alert("a")]

    def test_an_alert_is_replaced_by_id(self, state: State) -> None:
        resolved = replace(alert("a"), state=AlertState.RESOLVED, ended=T0 + HOUR)
        with state.transaction() as transaction:
            transaction.put_alert(alert("a"))
            transaction.put_alert(resolved)
            assert transaction.alerts() == [resolved]
            assert transaction.alerts(state=AlertState.FIRING) == []

    def test_alerts_come_newest_first_by_model_and_state(self, state: State) -> None:
        given = [alert("a", hours=2), alert("b", hours=1, state=AlertState.RESOLVED), alert("c", hours=3, model="n")]
        with state.transaction() as transaction:
            for one in given:
                transaction.put_alert(one)
            assert [one.alert_id for one in transaction.alerts()] == ["c", "a", "b"]
            assert [one.alert_id for one in transaction.alerts("m")] == ["a", "b"]
            assert [one.alert_id for one in transaction.alerts(state=AlertState.FIRING)] == ["c", "a"]
            assert [one.alert_id for one in transaction.alerts(limit=1)] == ["c"]


class TestRetrains:
    def test_an_episode_comes_back_whole(self, state: State) -> None:
        with state.transaction() as transaction:
            transaction.open_retrain(episode("r"))
            assert transaction.retrain("r") == episode("r")
            assert transaction.retrains() == [episode("r")]

    def test_an_unknown_episode_is_none(self, state: State) -> None:
        with state.read() as reader:
            assert reader.retrain("nobody") is None

    def test_a_step_is_appended_and_gives_its_state(self, state: State) -> None:
        steps = [RetrainStep(at=T0 + HOUR, state=RetrainState.TRAINING), RetrainStep(at=T0, state=RetrainState.FAILED)]
        with state.transaction() as transaction:
            transaction.open_retrain(episode("r"))
            for step in steps:
                transaction.step_retrain("r", step)
            back = transaction.retrain("r")
        assert back == replace(episode("r"), state=RetrainState.FAILED, history=(*episode("r").history, *steps))

    def test_the_new_version_stays_once_it_is_given(self, state: State) -> None:
        step = RetrainStep(at=T0, state=RetrainState.PROMOTED)
        with state.transaction() as transaction:
            transaction.open_retrain(episode("r"))
            transaction.step_retrain("r", step, "2")
            transaction.step_retrain("r", step)
            back = transaction.retrain("r")
        assert back is not None
        assert back.new_version == "2"

    def test_a_step_of_an_unknown_episode_is_refused(self, state: State) -> None:
        with pytest.raises(UnknownRetrain), state.transaction() as transaction:
            transaction.step_retrain("nobody", RetrainStep(at=T0, state=RetrainState.FAILED))

    def test_the_same_id_is_not_opened_twice(self, state: State) -> None:
        with pytest.raises(StateConflict), state.transaction() as transaction:  # noqa: PT012
            transaction.open_retrain(episode("r"))
            transaction.open_retrain(episode("r"))

    def test_episodes_come_newest_first_by_model(self, state: State) -> None:
        with state.transaction() as transaction:
            for one in (episode("a", hours=1), episode("b", hours=2), episode("c", hours=3, model="n")):
                transaction.open_retrain(one)
            assert [one.retrain_id for one in transaction.retrains()] == ["c", "b", "a"]
            assert [one.retrain_id for one in transaction.retrains("m", limit=1)] == ["b"]


class TestOutbox:
    def test_a_message_comes_back_whole(self, state: State) -> None:
        with state.transaction() as transaction:
            transaction.put_message(message("a", due=3))
            assert transaction.outbox() == [message("a", due=3)]

    def test_a_message_is_replaced_by_id_and_keeps_its_place(self, state: State) -> None:
        delivered = replace(message("a"), state=OutboxState.DELIVERED, attempts=2, last_error="503")
        with state.transaction() as transaction:
            transaction.put_message(message("a"))
            transaction.put_message(message("b"))
            transaction.put_message(delivered)
            assert transaction.outbox() == [delivered, message("b")]

    def test_messages_come_oldest_first_up_to_the_limit(self, state: State) -> None:
        with state.transaction() as transaction:
            for one in (message("a", minutes=2), message("b", minutes=1), message("c", minutes=2)):
                transaction.put_message(one)
            assert [one.message_id for one in transaction.outbox()] == ["b", "a", "c"]
            assert [one.message_id for one in transaction.outbox(limit=1)] == ["b"]

    def test_messages_are_chosen_by_state(self, state: State) -> None:
        with state.transaction() as transaction:
            transaction.put_message(replace(message("a"), state=OutboxState.DEAD))
            transaction.put_message(message("b"))
            assert [one.message_id for one in transaction.outbox(state=OutboxState.DEAD)] == ["a"]

    def test_due_are_pending_messages_whose_time_has_come(self, state: State) -> None:
        with state.transaction() as transaction:
            for one in (message("now"), message("then", due=5), message("later", due=6)):
                transaction.put_message(one)
            transaction.put_message(replace(message("done"), state=OutboxState.DELIVERED))
            due = transaction.outbox(due_at=T0 + timedelta(minutes=5))
            assert [one.message_id for one in due] == ["now", "then"]


class TestLogFiles:
    def test_files_come_by_first_sequence_and_are_chosen_by_model_and_kind(self, state: State) -> None:
        given = [log_file("c", first=5), log_file("a", first=9, kind="labels"), log_file("b", first=1, model="n")]
        with state.transaction() as transaction:
            transaction.add_log_files(given)
            assert transaction.log_files() == [given[2], given[0], given[1]]
            assert transaction.log_files("m") == [given[0], given[1]]
            assert transaction.log_files("m", "labels") == [given[1]]

    def test_a_path_that_counts_already_is_replaced(self, state: State) -> None:
        with state.transaction() as transaction:
            transaction.add_log_files([log_file("a")])
            transaction.add_log_files([log_file("a", first=7)])
            assert transaction.log_files() == [log_file("a", first=7)]

    def test_retired_files_no_longer_count(self, state: State) -> None:
        with state.transaction() as transaction:
            transaction.add_log_files([log_file("a"), log_file("b")])
            transaction.retire_log_files(["a", "nobody"], T0)
            assert transaction.log_files() == [log_file("b")]
            assert transaction.log_size() == (1, log_file("b").size_bytes)

    def test_retired_files_are_known_until_they_are_forgotten(self, state: State) -> None:
        with state.transaction() as transaction:
            transaction.add_log_files([log_file("a"), log_file("b"), log_file("c")])
            transaction.retire_log_files(["a"], T0)
            transaction.retire_log_files(["b"], T0 + HOUR)
            assert transaction.retired_log_files() == [log_file("a"), log_file("b")]
            assert transaction.retired_log_files(T0) == [log_file("a")]
            transaction.forget_log_files(["a", "nobody"])
            assert transaction.retired_log_files() == [log_file("b")]

    def test_a_retired_path_that_is_added_counts_again(self, state: State) -> None:
        with state.transaction() as transaction:
            transaction.add_log_files([log_file("a")])
            transaction.retire_log_files(["a"], T0)
            transaction.add_log_files([log_file("a")])
            assert (transaction.log_files(), transaction.retired_log_files()) == ([log_file("a")], [])

    def test_files_that_count_are_summed_up_by_day(self, state: State) -> None:
        day = log_file("a").day
        with state.transaction() as transaction:
            transaction.add_log_files(
                [
                    replace(log_file("a"), day=day + timedelta(days=1), rows=10),
                    replace(log_file("b"), rows=10),
                    replace(log_file("c"), rows=11),
                    replace(log_file("d"), rows=10),
                ]
            )
            transaction.retire_log_files(["d"], T0)
            size = log_file("a").size_bytes
            summed = [(one.day, one.files, one.small_files, one.size_bytes) for one in transaction.log_days(11)]
            assert summed == [(day, 2, 1, 2 * size), (day + timedelta(days=1), 1, 1, size)]
            assert [one.path for one in transaction.log_files("m", "predictions", day)] == ["b", "c"]
