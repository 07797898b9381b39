"""Single events of many requests become groups: who waits for what, and who fails with whom."""

from __future__ import annotations

import asyncio
import gc
import weakref
from concurrent.futures import Future
from dataclasses import dataclass, field

import pytest

from driftwatch.errors import StoreFull, UnknownModel
from driftwatch.pipeline.ingest import Submission
from driftwatch.ports import SpoolReceipt
from driftwatch.web.gathering import MOST_EVENTS, Gathering, Outcome
from driftwatch.wire.native import Rejection


@dataclass
class Ingest:
    """Takes groups; their receipts wait until they are written. An event ``"bad"`` is rejected, ``"again"`` known."""

    groups: list[list[str]] = field(default_factory=list)
    receipts: list[tuple[Future[SpoolReceipt], tuple[int, ...]]] = field(default_factory=list)
    error: Exception | None = None

    def submit(self, model: str, names: list[str]) -> Submission:
        self.groups.append(names)
        if "poison" in names:
            raise ZeroDivisionError
        if self.error:
            raise self.error
        good = [index for index, event in enumerate(names) if event != "bad"]
        receipt: Future[SpoolReceipt] = Future()
        if good:
            again = tuple(row for row, index in enumerate(good) if names[index] == "again")
            self.receipts.append((receipt, again))
        return Submission(
            prediction_ids=tuple(f"id of {names[index]}" for index in good),
            rejections=tuple(
                Rejection(index, "prediction", "is bad.") for index, event in enumerate(names) if event == "bad"
            ),
            receipts=(receipt,) if good else (),
            positions=(good,) if good else (),
        )

    def write(self) -> None:
        for receipt, again in self.receipts:
            receipt.set_result(SpoolReceipt(sequence=1, accepted=1, duplicates=again))
        self.receipts.clear()


async def turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def sent(gathering: Gathering[str, str], *events: str) -> list[asyncio.Future[Outcome]]:
    return [put(gathering, event) for event in events]


def put(gathering: Gathering[str, str], event: str) -> asyncio.Future[Outcome]:
    """An event's outcome, to be waited for."""
    waiting: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()

    def then(outcome: Outcome | BaseException) -> None:
        if isinstance(outcome, BaseException):
            waiting.set_exception(outcome)
        else:
            waiting.set_result(outcome)

    gathering.put("flights", event, then)
    return waiting


def test_what_arrives_together_is_one_group_and_what_comes_meanwhile_the_next():
    async def story():
        ingest = Ingest()
        gathering = Gathering(ingest.submit)
        first = sent(gathering, "a", "b")
        await turns()
        second = sent(gathering, "c") + sent(gathering, "d")
        await turns()
        assert ingest.groups == [["a", "b"]]
        ingest.write()
        await asyncio.gather(*first)
        await turns()
        assert ingest.groups == [["a", "b"], ["c", "d"]]
        ingest.write()
        return [one.prediction_id for one in await asyncio.gather(*first, *second)]

    assert asyncio.run(story()) == ["id of a", "id of b", "id of c", "id of d"]


def test_nothing_is_answered_before_it_is_written():
    async def story():
        ingest = Ingest()
        (one,) = sent(Gathering(ingest.submit), "a")
        await turns()
        assert not one.done()
        ingest.write()
        await one

    asyncio.run(story())


def test_each_event_has_its_own_outcome():
    async def story():
        ingest = Ingest()
        tasks = sent(Gathering(ingest.submit), "a", "bad", "again", "b")
        await turns()
        ingest.write()
        return await asyncio.gather(*tasks)

    good, bad, again, last = asyncio.run(story())
    assert (good.prediction_id, good.is_duplicate, good.rejection) == ("id of a", False, None)
    assert bad.rejection.field == "prediction"
    assert (again.prediction_id, again.is_duplicate) == ("id of again", True)
    assert last.prediction_id == "id of b"


def test_a_group_of_nothing_but_bad_events_waits_for_no_commit():
    async def story():
        (one,) = sent(Gathering(Ingest().submit), "bad")
        return await one

    assert asyncio.run(story()).rejection is not None


@pytest.mark.parametrize("error", [UnknownModel("flights"), StoreFull("no room")])
def test_what_the_store_says_holds_for_the_whole_group(error):
    async def story():
        ingest = Ingest(error=error)
        outcomes = await asyncio.gather(*sent(Gathering(ingest.submit), "a", "b"), return_exceptions=True)
        assert len(ingest.groups) == 1
        return outcomes

    assert asyncio.run(story()) == [error, error]


def test_a_failed_commit_is_everybodys_answer():
    async def story():
        ingest = Ingest()
        tasks = sent(Gathering(ingest.submit), "a", "b")
        await turns()
        ingest.receipts[0][0].set_exception(StoreFull("the disk is full"))
        return await asyncio.gather(*tasks, return_exceptions=True)

    assert [type(one) for one in asyncio.run(story())] == [StoreFull, StoreFull]


def test_an_event_that_nobody_foresaw_fails_alone():
    async def story():
        ingest = Ingest()
        tasks = sent(Gathering(ingest.submit), "a", "poison", "b")
        await turns()
        ingest.write()
        return await asyncio.gather(*tasks, return_exceptions=True)

    first, poison, last = asyncio.run(story())
    assert (first.prediction_id, last.prediction_id) == ("id of a", "id of b")
    assert isinstance(poison, ZeroDivisionError)


def test_who_cannot_be_told_does_not_keep_the_others(caplog):
    def broken(_: object) -> None:
        raise ZeroDivisionError("nobody can be told")

    async def story():
        ingest = Ingest()
        gathering = Gathering(ingest.submit)
        gathering.put("flights", "a", broken)
        one = put(gathering, "b")
        await turns()
        ingest.write()
        return await one

    assert asyncio.run(story()).prediction_id == "id of b"
    assert "nobody can be told" in caplog.text


def test_groups_are_bounded_and_nothing_is_remembered_when_all_are_answered():
    async def story():
        ingest = Ingest()
        gathering = Gathering(ingest.submit)
        tasks = sent(gathering, *("e" for _ in range(MOST_EVENTS + 1)))
        while not all(one.done() for one in tasks):
            await turns()
            ingest.write()
        await turns()
        return [len(group) for group in ingest.groups], gathering._lines

    assert asyncio.run(story()) == ([MOST_EVENTS, 1], {})


def test_what_was_told_is_let_go_without_a_search_for_garbage():
    class Event:
        """Can be watched."""

    async def story():
        receipt: Future[SpoolReceipt] = Future()
        receipts = [receipt]
        gathering: Gathering[str, Event] = Gathering(
            lambda _, events: Submission(("id",) * len(events), (), tuple(receipts), (range(len(events)),))
        )
        event = Event()
        gathering.put("flights", event, lambda _: None)
        watched = weakref.ref(event)
        del event
        await turns()
        receipts.clear()
        receipt.set_result(SpoolReceipt(sequence=1, accepted=1, duplicates=()))
        await turns()
        return watched()

    gc.disable()
    try:
        assert asyncio.run(story()) is None
    finally:
        gc.enable()
