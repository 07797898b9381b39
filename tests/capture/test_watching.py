"""``watch`` on functions and coroutines, blocks of ``watch.request``, and what the baseline knows."""

from __future__ import annotations

import asyncio
import copy
import inspect
import pickle
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from types import FunctionType, ModuleType
from typing import Any

import msgspec
import numpy as np
import pytest
from pydantic import BaseModel
from sklearn.ensemble import IsolationForest
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

import driftwatch
from driftwatch.capture import Watched
from driftwatch.capture.wrapper import watched_again
from driftwatch.errors import InputError
from tests.capture.proxy.wires import BASELINE

RANDOM = np.random.default_rng(7)
ROWS = RANDOM.normal(size=(60, 3))
TRUTH = ROWS[:, 0] > 0
THREE = np.array(["low", "mid", "high"])[np.digitize(ROWS[:, 0], [-0.5, 0.5])]

Make = Callable[..., Any]


@pytest.fixture
def make(service: Any) -> Iterator[Make]:
    """Watch with the test's service; closed at the end. Without a model it is a decorator."""
    made: list[Watched] = []

    def watched(model: Any = None, **options: Any) -> Any:
        found = driftwatch.watch(model, **{"url": service.url, "name": "m", **options})

        def kept(one: Watched) -> Watched:
            made.append(one)
            return one

        return kept(found) if isinstance(found, Watched) else lambda function: kept(found(function))

    yield watched
    for one in made:
        one.close(timeout_seconds=1.0)


# --- functions ---


def test_a_decorated_function_is_still_that_function_to_its_users(make: Make) -> None:
    @make()
    def risk(customer: dict[str, float]) -> float:
        """How likely it is."""
        return customer["age"] / 100

    assert risk({"age": 40.0}) == 0.4
    assert isinstance(risk, FunctionType)
    assert (risk.__name__, risk.__doc__, risk.__module__) == ("risk", "How likely it is.", __name__)
    assert list(inspect.signature(risk).parameters) == ["customer"]
    assert not inspect.iscoroutinefunction(risk)


def test_the_name_of_a_function_is_the_models_where_none_is_given(
    service: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DRIFTWATCH_URL", service.url)

    @driftwatch.watch
    def loans(rows: list[list[float]]) -> list[float]:
        return [0.5 for _ in rows]

    assert loans([[1.0]]) == [0.5]
    assert loans.close()
    assert service.requests[0].path == "/v1/models/loans/predictions"


@pytest.mark.parametrize("model", [LogisticRegression(), lambda rows: rows])
def test_what_has_no_name_of_its_own_needs_one(model: Any) -> None:
    with pytest.raises(InputError) as raised:
        driftwatch.watch(model)
    assert raised.value.field == "name"


def test_the_arguments_of_a_function_with_several_are_one_row(make: Make, service: Any) -> None:
    @make()
    def risk(age: int, income: float, country: str = "DE") -> float:
        return income / age

    assert risk(40, income=80.0) == 2.0
    assert risk(40, 80.0, "FR") == 2.0
    assert risk.flush()
    assert [event["features"] for event in service.events] == [
        {"age": 40, "income": 80.0, "country": "DE"},
        {"age": 40, "income": 80.0, "country": "FR"},
    ]


@pytest.mark.parametrize(
    "call", [lambda f: f([[2.0]]), lambda f: f(factor=2.0, rows=[[2.0]]), lambda f: f(rows=[[2.0]])]
)
def test_rows_are_found_under_the_parameters_name_too(make: Make, service: Any, call: Any) -> None:
    @make(feature_names=["x"])
    def scaled(rows: list[list[float]], factor: float = 1.0) -> list[float]:
        return [row[0] * factor for row in rows]

    call(scaled)
    assert scaled.flush()
    assert [event["features"] for event in service.events] == [{"x": 2.0}]


def test_the_parameter_with_the_rows_can_be_named(make: Make, service: Any) -> None:
    @make(rows="customer")
    def risk(request: object, customer: dict[str, int]) -> float:
        return 0.5

    risk(object(), {"age": 40})
    risk(object(), customer={"age": 41})
    assert risk.flush()
    assert [event["features"] for event in service.events] == [{"age": 40}, {"age": 41}]
    with pytest.raises(InputError, match="no parameter 'clients'"):
        make(lambda customer: 0.5, rows="clients")


def test_of_several_methods_those_that_have_the_named_parameter_take_the_rows_from_it(make: Make, service: Any) -> None:
    class Model:
        def predict(self, request: object, X: list[list[int]]) -> list[int]:
            return [1]

        def __call__(self, inputs: list[list[int]]) -> list[int]:
            return [2]

    model = make(Model(), rows="X", feature_names=["x"])
    model.predict(object(), [[5]])
    model([[6]])
    assert model.flush()
    assert [(event["features"]["x"], event["prediction"]) for event in service.events] == [(5, 1), (6, 2)]


def test_arguments_that_are_no_single_values_are_no_row(make: Make) -> None:
    @make()
    def risk(customer: dict[str, int], account: dict[str, int]) -> float:
        return 0.5

    assert risk({"age": 40}, {"balance": 1}) == 0.5
    assert risk.flush()
    assert risk.dropped == {"unreadable": 1}


def test_a_function_in_the_body_of_a_class_is_a_method(make: Make, service: Any) -> None:
    class Model:
        factor = 3.0

        @make(feature_names=["x"])
        def predict(self, rows: list[list[float]]) -> list[float]:
            return [row[0] * self.factor for row in rows]

    assert Model().predict([[2.0]]) == [6.0]
    assert Model().predict(rows=[[2.0]]) == [6.0]
    assert isinstance(Model.predict, Watched)
    assert Model.predict.flush()
    assert [(event["features"], event["prediction"]) for event in service.events] == [({"x": 2.0}, 6.0)] * 2


@dataclass
class Flight:
    distance: int
    carrier: str


class FlightModel(BaseModel):
    distance: int
    carrier: str


class FlightStruct(msgspec.Struct):
    distance: int
    carrier: str


@pytest.mark.parametrize("kind", [Flight, FlightModel, FlightStruct])
def test_records_with_fields_are_rows_with_names(make: Make, service: Any, kind: Any) -> None:
    model = make(lambda flight: 1.5)
    model(kind(distance=200, carrier="UA"))
    assert model.flush()
    assert service.events[0]["features"] == {"distance": 200, "carrier": "UA"}


def test_an_answer_with_names_says_itself_what_is_what(make: Make, service: Any) -> None:
    answers = [{"prediction": "yes", "score": {True: 0.9, False: 0.1}}, {"prediction": 1, "score": 0.25, "model": "a"}]
    model = make(lambda row: answers.pop(0), feature_names=["x"])
    model([1])
    model([1])
    assert model.flush()
    assert [(event["prediction"], event["score"]) for event in service.events] == [
        ("yes", {"true": 0.9, "false": 0.1}),
        (1, 0.25),
    ]


def test_an_answer_with_names_and_no_prediction_is_counted(make: Make) -> None:
    model = make(lambda row: {"label": 1}, feature_names=["x"])
    assert model([1]) == {"label": 1}
    assert model.flush()
    assert model.dropped == {"unreadable": 1}


def test_a_decorated_function_is_pickled_under_its_name(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("a_module_of_a_model")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec("def risk(rows):\n    return [0.5 for _ in rows]", module.__dict__)
    module.risk = make(module.risk)
    assert pickle.loads(pickle.dumps(module.risk)) is module.risk


# --- what has to be awaited ---


@pytest.fixture
def coroutine(make: Make) -> Any:
    @make(feature_names=["x"])
    async def doubled(rows: list[list[float]]) -> list[float]:
        await asyncio.sleep(0)
        return [2 * row[0] for row in rows]

    return doubled


def test_a_coroutine_function_stays_one_and_is_logged_when_it_is_done(coroutine: Any, service: Any) -> None:
    assert inspect.iscoroutinefunction(coroutine)

    async def run() -> tuple[str, ...]:
        assert await coroutine([[2.0], [3.0]]) == [4.0, 6.0]
        return tuple(coroutine.last_prediction_ids)

    ids = asyncio.run(run())
    assert coroutine.flush()
    assert [event["prediction"] for event in service.events] == [4.0, 6.0]
    assert [event["prediction_id"] for event in service.events] == list(ids)


def test_an_object_with_coroutine_methods_is_logged(make: Make, service: Any) -> None:
    class Model:
        async def predict(self, rows: Any) -> list[float]:
            return [1.0 for _ in rows]

        async def __call__(self, rows: Any) -> list[float]:
            return [2.0 for _ in rows]

    model = make(Model(), feature_names=["x"])
    assert inspect.iscoroutinefunction(model.predict)

    async def run() -> None:
        assert await model.predict([[0.5]]) == [1.0]
        assert await model([[0.6]]) == [2.0]

    asyncio.run(run())
    assert model.flush()
    assert [(event["features"]["x"], event["prediction"]) for event in service.events] == [(0.5, 1.0), (0.6, 2.0)]


@pytest.mark.parametrize("how", ["coroutine", "future", "task"])
def test_a_plain_function_may_give_something_to_await(make: Make, service: Any, how: str) -> None:
    async def answer() -> list[float]:
        await asyncio.sleep(0)
        return [0.5]

    def predict(rows: Any) -> Any:
        if how == "coroutine":
            return answer()
        return asyncio.ensure_future(answer()) if how == "task" else asyncio.get_running_loop().create_task(answer())

    model = make(predict, feature_names=["x"])

    async def run() -> list[float]:
        found: list[float] = await model([[1.0]])
        await asyncio.sleep(0)
        return found

    assert asyncio.run(run()) == [0.5]
    assert model.flush()
    assert service.events[0]["prediction"] == 0.5


def test_a_future_of_a_pool_is_the_very_one_and_is_logged(make: Make, service: Any) -> None:
    with ThreadPoolExecutor(1) as pool:
        model = make(lambda rows: pool.submit(lambda: [0.5]), feature_names=["x"])
        running = model([[1.0]])
        assert isinstance(running, Future)
        assert running.result(5) == [0.5]
    assert model.flush()
    assert service.events[0]["features"] == {"x": 1.0}


def test_what_fails_or_is_cancelled_while_it_is_awaited_is_not_logged(make: Make, service: Any) -> None:
    @make()
    async def failing(rows: Any) -> Any:
        raise ZeroDivisionError

    @make()
    async def endless(rows: Any) -> Any:
        await asyncio.Event().wait()

    async def run() -> None:
        with pytest.raises(ZeroDivisionError):
            await failing([[1.0]])
        task = asyncio.ensure_future(endless([[1.0]]))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())
    assert failing.flush()
    assert endless.flush()
    assert service.requests == []
    assert failing.dropped == endless.dropped == {}


def test_after_a_switch_between_plain_and_coroutine_functions_both_are_awaited(make: Make) -> None:
    async def slow(rows: Any) -> list[int]:
        return [1]

    model = make(slow)
    bound = model._called
    model.switch(lambda rows: [2])
    assert asyncio.run(bound([[1.0]])) == [2]
    assert model([[1.0]]) == [2]


# --- decision_function ---


def test_decision_function_alone_gives_the_class_that_it_decides_for_and_no_score(make: Make, service: Any) -> None:
    for truth in (TRUTH, THREE):
        classifier = LinearSVC().fit(ROWS, truth)
        model = make(classifier, feature_names=["a", "b", "c"])
        np.testing.assert_array_equal(model.decision_function(ROWS), classifier.decision_function(ROWS))
        assert model.flush()
        events = service.events[-60:]
        assert [event["prediction"] for event in events] == classifier.predict(ROWS).tolist()
        assert not any("score" in event for event in events)


@pytest.mark.parametrize(
    "order",
    [
        ("predict", "predict_proba", "decision_function"),
        ("decision_function", "predict_proba", "predict"),
        ("predict_proba", "decision_function", "predict"),
    ],
)
def test_all_methods_on_the_same_rows_are_one_event(make: Make, service: Any, order: tuple[str, ...]) -> None:
    classifier = LogisticRegression().fit(ROWS, TRUTH)
    model = make(classifier, feature_names=["a", "b", "c"])
    for method in order:
        getattr(model, method)(ROWS[:2])
    assert model.flush()
    assert [event["prediction"] for event in service.events] == classifier.predict(ROWS[:2]).tolist()
    assert [event["score"] for event in service.events] == classifier.predict_proba(ROWS[:2])[:, 1].tolist()
    assert [event["prediction_id"] for event in service.events] == list(model.last_prediction_ids)


def test_the_decision_of_an_outlier_detector_is_its_sign(make: Make, service: Any) -> None:
    forest = IsolationForest(n_estimators=10, random_state=1).fit(ROWS)
    model = make(forest, feature_names=["a", "b", "c"])
    model.decision_function(ROWS)
    assert model.flush()
    assert [event["prediction"] for event in service.events] == forest.predict(ROWS).tolist()


# --- blocks ---


def test_a_block_speaks_of_every_watched_model_that_is_called_in_it(make: Make, service: Any) -> None:
    first, second = make(lambda rows: [1.0], name="first"), make(lambda rows: [2.0], name="second")
    with driftwatch.watch.request(id="order-17", segment="DE") as request:
        first([[1]])
        second([[1]])
    assert request.prediction_id == "order-17"
    first([[1]])
    assert first.flush()
    assert second.flush()
    told = [(event["prediction_id"], event.get("segment")) for event in service.events]
    assert told.count(("order-17", "DE")) == 2
    assert len(set(told)) == 2


def test_the_block_of_one_model_says_nothing_of_another_and_the_innermost_counts(make: Make) -> None:
    first, second = make(lambda rows: [1.0]), make(lambda rows: [2.0])
    with driftwatch.watch.request(id="all") as outer, first.request(id="first") as inner:
        first([[1]])
        second([[1]])
        assert first.last_prediction_ids == ("first",)
        assert second.last_prediction_ids == ("all",)
        with driftwatch.watch.request(id="innermost"):
            first([[1]])
    assert first.last_prediction_ids == ("innermost",)
    assert (outer.prediction_id, inner.prediction_id) == ("all", "first")


def test_a_block_without_facts_reads_the_ids_that_were_made(make: Make, coroutine: Any) -> None:
    model = make(lambda rows: [1.0] * len(rows))
    with driftwatch.watch.request() as request:
        assert request.prediction_id is None
        model([[1], [2]])
    assert request.prediction_ids == model.last_prediction_ids
    assert request.prediction_id == model.last_prediction_ids[0]


def test_tasks_do_not_see_each_others_blocks(coroutine: Any, service: Any) -> None:
    async def one(number: int) -> str | None:
        with driftwatch.watch.request(id=f"id-{number}") as request:
            await coroutine([[float(number)]])
            await asyncio.sleep(0)
        return request.prediction_id

    async def run() -> list[str | None]:
        return await asyncio.gather(*map(one, range(20)))

    assert asyncio.run(run()) == [f"id-{number}" for number in range(20)]
    assert coroutine.flush()
    assert {event["prediction_id"]: event["features"]["x"] for event in service.events} == {
        f"id-{number}": float(number) for number in range(20)
    }


@pytest.mark.parametrize("facts", [{"id": "a", "ids": ["b"]}, {"event_time": 1, "event_times": [1]}])
def test_a_fact_is_given_in_one_way(make: Make, facts: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"Give one of them"):
        driftwatch.watch.request(**facts)


# --- what the baseline knows ---


def told_baseline(service: Any, *before: Any) -> None:
    """The service knows a baseline with the features ``x`` and ``y`` and the classes ``no`` and ``yes``."""
    left = list(before)

    def script(request: Any) -> Any:
        if request.path.endswith("/baseline"):
            return left.pop(0) if left else service.Reply(200, BASELINE)
        return service.accepted(request)

    service.tells_baseline = True
    service.script = script


def posted(service: Any) -> list[dict[str, Any]]:
    return [event for request in service.requests if request.method == "POST" for event in request.json]


def test_rows_that_nobody_names_get_the_baselines_names(make: Make, service: Any) -> None:
    told_baseline(service)
    model = make(lambda rows: np.zeros(len(rows)))
    for rows in (np.array([[1.5, 2.5]]), [[1.5, 2.5]]):
        model(rows)
    assert model.flush()
    assert [event["features"] for event in posted(service)] == [{"x": 1.5, "y": 2.5}] * 2
    assert [request.path for request in service.requests].count("/v1/models/m/baseline") == 1


def test_names_of_the_frame_and_of_the_model_go_before_the_baselines(make: Make, service: Any) -> None:
    told_baseline(service)
    make_one = make(lambda rows: [0.0], feature_names=["p", "q"])
    make_one(np.array([[1.5, 2.5]]))
    another = make(lambda rows: [0.0])
    another([{"r": 1.5, "s": 2.5}])
    assert make_one.flush()
    assert another.flush()
    assert [sorted(event["features"]) for event in posted(service)] == [["p", "q"], ["r", "s"]]
    assert all(request.method == "POST" for request in service.requests)


def test_rows_of_another_width_than_the_baselines_are_counted(make: Make, service: Any) -> None:
    told_baseline(service)
    model = make(lambda rows: [0.0])
    model(np.array([[1.5, 2.5, 3.5]]))
    assert model.flush()
    assert model.dropped == {"unreadable": 1}


def test_probabilities_are_those_of_the_baselines_classes_where_the_model_has_none(make: Make, service: Any) -> None:
    class Network:
        def predict_proba(self, rows: Any) -> list[list[float]]:
            return [[0.2, 0.8]]

    told_baseline(service)
    model = make(Network(), feature_names=["a", "b"])
    model.predict_proba([[1.5, 2.5]])
    assert model.flush()
    assert [(event["prediction"], event["score"]) for event in posted(service)] == [("yes", 0.8)]


def test_a_service_without_a_baseline_yet_is_asked_again_and_nothing_is_lost(make: Make, service: Any) -> None:
    told_baseline(service, service.Reply(404, b"{}"), service.Reply(503, b"{}"))
    model = make(lambda rows: [0.0])
    model(np.array([[1.5, 2.5]]))
    assert model.flush()
    assert [event["features"] for event in posted(service)] == [{"x": 1.5, "y": 2.5}]


def test_a_copy_keeps_what_watch_was_told(make: Make) -> None:
    model = make(lambda rows, factor: [0.0], rows="rows")
    assert copy.copy(model)._options == model._options
    assert watched_again(model._recorder.target.model, model._options)._options["rows"] == "rows"
