from __future__ import annotations

import copy
import pickle
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import BaseEstimator, clone, is_classifier, is_regressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.utils.validation import check_is_fitted

from driftwatch.capture import BufferLimits, Watched, watch
from driftwatch.errors import InputError

NOWHERE = "http://127.0.0.1:9"
RANDOM = np.random.default_rng(7)
FRAME = pd.DataFrame(RANDOM.normal(size=(60, 3)), columns=["a", "b", "c"])
TRUTH = (FRAME["a"] + FRAME["b"] > 0).to_numpy()
THREE = np.array(["low", "mid", "high"])[np.digitize(FRAME["a"], [-0.5, 0.5])]

Make = Callable[..., Watched]


@pytest.fixture
def make(service: Any) -> Iterator[Make]:
    """Watch a model with the test's service; closed at the end."""
    made: list[Watched] = []

    def watched(model: Any, **options: Any) -> Watched:
        made.append(watch(model, **{"url": service.url, "name": "m", **options}))
        return made[-1]

    yield watched
    for one in made:
        one.close(timeout_seconds=1.0)


@pytest.fixture
def classifier() -> LogisticRegression:
    return LogisticRegression().fit(FRAME, TRUTH)


# --- the model stays what it was ---


@pytest.mark.parametrize("method", ["predict", "predict_proba", "predict_log_proba", "decision_function"])
@pytest.mark.parametrize("service_is_there", [True, False])
def test_results_are_those_of_the_model(
    make: Make, classifier: LogisticRegression, method: str, service_is_there: bool
) -> None:
    model = make(classifier) if service_is_there else make(classifier, url=NOWHERE)
    np.testing.assert_array_equal(getattr(model, method)(FRAME), getattr(classifier, method)(FRAME))


def test_the_result_is_the_very_object_that_the_model_gave(make: Make) -> None:
    answer = [1.0]
    assert make(lambda rows: answer)([[1]]) is answer


def test_a_models_exception_passes_unchanged_and_nothing_is_logged(make: Make, service: Any) -> None:
    model = make(LinearRegression().fit(FRAME, TRUTH))
    with pytest.raises(ValueError, match="feature names"):
        model.predict(FRAME[["a", "b"]])
    assert model.flush()
    assert service.requests == []


def test_keyword_arguments_and_further_ones_reach_the_model(make: Make, service: Any) -> None:
    class Scaled:
        def predict(self, X: list[list[float]], factor: float = 1.0) -> list[float]:
            return [row[0] * factor for row in X]

    model = make(Scaled(), feature_names=["x"])
    assert model.predict(X=[[2.0]], factor=3.0) == [6.0]
    assert model.flush()
    assert service.events[0]["features"] == {"x": 2.0}


def test_attributes_are_the_models_to_read_set_and_delete(make: Make, classifier: LogisticRegression) -> None:
    model = make(classifier)
    np.testing.assert_array_equal(model.coef_, classifier.coef_)
    model.threshold = 0.3
    assert classifier.threshold == 0.3
    del model.threshold
    assert not hasattr(classifier, "threshold")
    assert {"coef_", "fit", "switch", "dropped"} <= set(dir(model))
    assert "LogisticRegression" in repr(model)


def test_only_methods_that_the_model_has_are_there(make: Make) -> None:
    regressor = make(LinearRegression().fit(FRAME, TRUTH))
    assert not hasattr(regressor, "predict_proba")
    assert not hasattr(make(LinearSVC()), "predict_proba")
    assert not callable(regressor)
    assert callable(make(sum))
    assert not hasattr(make(sum), "predict")


def test_a_method_keeps_its_signature_and_documentation(make: Make, classifier: LogisticRegression) -> None:
    import inspect

    model = make(classifier)
    assert inspect.signature(model.predict) == inspect.signature(classifier.predict)
    assert model.predict.__doc__ == classifier.predict.__doc__


@pytest.mark.parametrize(
    ("model", "options", "field"),
    [
        (object(), {}, "model"),
        (sum, {"name": ""}, "name"),
        (sum, {"url": "localhost:8000"}, "url"),
        (sum, {"url": "http://"}, "url"),
        (sum, {"url": "http://localhost:port"}, "url"),
    ],
)
def test_wrong_use_is_said_at_once_and_not_in_a_call(model: Any, options: dict[str, str], field: str) -> None:
    with pytest.raises(InputError) as raised:
        watch(model, **{"url": NOWHERE, "name": "m", **options})
    assert raised.value.field == field


class Hostile:
    """A result that fails at every touch."""

    def __len__(self) -> int:
        raise ZeroDivisionError

    def __getattr__(self, name: str) -> Any:
        raise ZeroDivisionError

    def __iter__(self) -> Any:
        raise ZeroDivisionError


STRANGE_ROWS = [[[1.0]], Hostile(), None, 3, "text", [Hostile()], {"x": Hostile()}, iter([1])]
STRANGE_ANSWERS = [[1.0], Hostile(), None, object(), iter([1]), {"a": 1}, [[1, 2], [3]]]


@pytest.mark.parametrize("rows", STRANGE_ROWS, ids=range(len(STRANGE_ROWS)))
@pytest.mark.parametrize("answer", STRANGE_ANSWERS, ids=range(len(STRANGE_ANSWERS)))
def test_whatever_a_model_takes_and_gives_passes_unchanged(make: Make, rows: Any, answer: Any) -> None:
    seen: list[Any] = []

    def strange(given: Any) -> Any:
        seen.append(given)
        return answer

    model = make(strange)
    assert model(rows) is answer
    assert seen[0] is rows
    assert len(model.last_prediction_ids) >= 1
    assert model.flush()


def test_a_model_without_arguments_is_called_all_the_same(make: Make) -> None:
    model = make(lambda: 3.0)
    assert model() == 3.0
    assert model.dropped == {"unreadable": 1}


def test_a_method_that_comes_with_fitting_is_logged_too(make: Make, service: Any) -> None:
    class Late(BaseEstimator):
        def fit(self) -> Late:
            self.predict = lambda rows: [1.0] * len(rows)
            return self

        def predict_proba(self, rows: Any) -> Any:
            raise NotImplementedError

    model = make(Late(), feature_names=["x"])
    assert model.fit().predict([[2.0]]) == [1.0]
    assert model.flush()
    assert service.events[0]["features"] == {"x": 2.0}


# --- an estimator for scikit-learn ---


def test_it_is_the_estimator_that_it_wraps(make: Make, classifier: LogisticRegression) -> None:
    model = make(classifier)
    assert isinstance(model, LogisticRegression)
    assert isinstance(model, BaseEstimator)
    assert isinstance(model, Watched)
    assert is_classifier(model)
    assert not is_regressor(model)
    assert model.get_params() == classifier.get_params()
    check_is_fitted(model)


def test_a_clone_is_an_unwatched_estimator_with_the_same_parameters(make: Make, service: Any) -> None:
    model = make(LogisticRegression(C=0.3).fit(FRAME, TRUTH))
    copied = clone(model)
    assert type(copied) is LogisticRegression
    assert copied.C == 0.3
    copied.fit(FRAME, TRUTH).predict(FRAME)
    assert model.flush()
    assert service.requests == []


def test_fitting_gives_the_watched_model_back(make: Make, service: Any) -> None:
    model = make(LogisticRegression())
    assert model.fit(FRAME, TRUTH) is model
    assert model.set_params(C=2.0) is model
    model.predict(FRAME[:1])
    assert model.flush()
    assert service.events[0]["features"] == FRAME.iloc[0].to_dict()


def test_it_works_in_cross_validation_search_and_at_the_end_of_a_pipeline(
    make: Make, classifier: LogisticRegression, service: Any
) -> None:
    model = make(classifier)
    assert len(cross_val_score(model, FRAME, TRUTH, cv=2)) == 2
    search = GridSearchCV(model, {"C": [0.1, 1.0]}, cv=2).fit(FRAME, TRUTH)
    assert search.best_params_["C"] in {0.1, 1.0}
    pipeline = make_pipeline(StandardScaler(), model).fit(FRAME, TRUTH)
    pipeline.predict(FRAME[:5])
    assert model.flush()
    assert len(service.events) == 5


def test_a_watched_pipeline_keeps_its_operators(make: Make) -> None:
    pipeline = make_pipeline(StandardScaler(), LogisticRegression()).fit(FRAME, TRUTH)
    model = make(pipeline)
    assert len(model) == 2
    assert model["logisticregression"] is pipeline["logisticregression"]
    assert model[:-1].transform(FRAME).shape == (60, 3)


@pytest.mark.parametrize(
    "copied",
    [
        lambda model: pickle.loads(pickle.dumps(model)),
        copy.deepcopy,
        lambda model: joblib.Parallel(n_jobs=2, backend="threading")([joblib.delayed(copy.copy)(model)])[0],
    ],
    ids=["pickle", "deepcopy", "joblib"],
)
def test_a_copy_goes_on_logging_from_an_empty_buffer(
    make: Make, classifier: LogisticRegression, service: Any, copied: Callable[[Watched], Watched]
) -> None:
    model = make(classifier, model_version="7", limits=BufferLimits(linger_seconds=60.0))
    model.predict(FRAME[:3])
    another = copied(model)
    assert isinstance(another, Watched)
    np.testing.assert_array_equal(another.predict(FRAME[:2]), classifier.predict(FRAME[:2]))
    assert another.flush()
    assert [event["model_version"] for event in service.events] == ["7", "7"]
    another.close(timeout_seconds=0)


# --- what is logged ---


@pytest.mark.parametrize(
    "rows",
    [
        FRAME[:2],
        FRAME[:2].to_numpy(),
        pl.DataFrame(FRAME[:2].to_dict("list")),
        FRAME[:2].to_numpy().tolist(),
        FRAME[:2].to_dict("records"),
        FRAME[:2].to_dict("list"),
    ],
    ids=["pandas", "numpy", "polars", "lists", "records", "columns"],
)
def test_an_event_has_features_by_name_whatever_the_rows_were(make: Make, service: Any, rows: Any) -> None:
    class First(BaseEstimator):
        feature_names_in_ = np.array(["a", "b", "c"], dtype=object)

        def predict(self, rows: Any) -> np.ndarray:
            return np.array([0.5, 1.5])

    model = make(First(), model_version="3")
    before = time.time()
    model.predict(rows)
    assert model.flush()
    events = service.events
    assert [event["features"] for event in events] == FRAME[:2].to_dict("records")
    assert [event["prediction"] for event in events] == [0.5, 1.5]
    assert [event["prediction_id"] for event in events] == list(model.last_prediction_ids)
    assert all(event["model_version"] == "3" for event in events)
    assert all(before <= event["event_time"] <= time.time() for event in events)
    assert all(
        set(event) == {"prediction_id", "event_time", "model_version", "features", "prediction"} for event in events
    )
    assert service.requests[0].path == "/v1/models/m/predictions"


@pytest.mark.parametrize(
    "answer", [np.array([[1.5], [2.5]]), pd.Series([1.5, 2.5]), [1.5, 2.5], (1.5, 2.5), pd.DataFrame({"y": [1.5, 2.5]})]
)
def test_predictions_may_come_as_any_column(make: Make, service: Any, answer: Any) -> None:
    model = make(lambda rows: answer)
    model([[1], [2]])
    assert model.flush()
    assert [event["prediction"] for event in service.events] == [1.5, 2.5]


@pytest.mark.parametrize("answer", [2.5, np.float32(2.5), np.array(2.5), [2.5]])
def test_a_function_of_one_row_is_logged_as_one_event(make: Make, service: Any, answer: Any) -> None:
    model = make(lambda row: answer, feature_names=["x", "y"])
    model([1, 2])
    model({"x": 1, "y": 2})
    assert model.flush()
    assert [event["features"] for event in service.events] == [{"x": 1, "y": 2}] * 2
    assert [event["prediction"] for event in service.events] == [2.5, 2.5]


def test_the_rows_are_logged_as_they_were_before_the_model_changed_them(make: Make, service: Any) -> None:
    def spoil(rows: np.ndarray) -> np.ndarray:
        rows[:] = -1.0
        return rows[:, 0]

    model = make(spoil)
    answer = model(np.array([[1.5, 2.5]]))
    answer[:] = 99.0
    assert model.flush()
    assert service.events[0]["features"] == {"x0": 1.5, "x1": 2.5}
    assert service.events[0]["prediction"] == -1.0


def test_predict_proba_alone_gives_the_score_and_the_likeliest_class(make: Make, service: Any) -> None:
    classifier = LogisticRegression().fit(FRAME, THREE)
    model = make(classifier)
    probabilities = model.predict_proba(FRAME[:4])
    assert model.flush()
    assert [event["prediction"] for event in service.events] == classifier.predict(FRAME[:4]).tolist()
    for event, row in zip(service.events, probabilities, strict=True):
        assert event["score"] == pytest.approx(dict(zip(["high", "low", "mid"], row, strict=True)), abs=0)


def test_the_score_of_two_classes_is_the_probability_of_the_last(
    make: Make, classifier: LogisticRegression, service: Any
) -> None:
    model = make(classifier)
    probabilities = model.predict_proba(FRAME[:4])
    assert model.flush()
    assert [event["score"] for event in service.events] == probabilities[:, 1].tolist()
    assert [event["prediction"] for event in service.events] == classifier.predict(FRAME[:4]).tolist()


@pytest.mark.parametrize("first", ["predict", "predict_proba"])
@pytest.mark.parametrize("kind", [pd.DataFrame, np.asarray], ids=["pandas", "numpy"])
def test_predict_and_predict_proba_of_the_same_rows_are_one_event_each(
    make: Make, classifier: LogisticRegression, service: Any, first: str, kind: Any
) -> None:
    second = {"predict": "predict_proba", "predict_proba": "predict"}[first]
    model = make(classifier.fit(kind(FRAME), TRUTH))
    rows = kind(FRAME[:3])
    getattr(model, first)(rows)
    ids = model.last_prediction_ids
    getattr(model, second)(rows.copy())
    assert model.last_prediction_ids == ids
    assert model.flush()
    assert [event["prediction_id"] for event in service.events] == list(ids)
    assert [event["prediction"] for event in service.events] == classifier.predict(rows).tolist()
    assert [event["score"] for event in service.events] == classifier.predict_proba(rows)[:, 1].tolist()


def test_other_rows_or_the_same_method_again_are_events_of_their_own(
    make: Make, classifier: LogisticRegression, service: Any
) -> None:
    model = make(classifier)
    model.predict(FRAME[:1])
    model.predict(FRAME[:1])
    model.predict_proba(FRAME[1:2])
    model.predict(FRAME[2:3])
    model.predict_proba(FRAME[2:3])
    model.predict(FRAME[2:3])
    assert model.flush()
    assert len({event["prediction_id"] for event in service.events}) == 5
    assert len(service.events) == 5


def test_one_column_of_probabilities_is_that_of_the_positive_class(make: Make, service: Any) -> None:
    class Positive:
        def predict_proba(self, rows: Any) -> list[float]:
            return [0.2, 0.9]

    model = make(Positive(), classes=["no", "yes"])
    model.predict_proba([[1], [2]])
    assert model.flush()
    assert [(event["prediction"], event["score"]) for event in service.events] == [("no", 0.2), ("yes", 0.9)]


# --- request, ids, switch ---


def test_what_the_caller_knows_of_the_rows_is_logged_with_them(make: Make, service: Any) -> None:
    times = [datetime(2013, 4, 1, 8, tzinfo=UTC), datetime(2013, 4, 1, 9, tzinfo=UTC)]
    model = make(lambda rows: [0.0] * len(rows), feature_names=["x"])
    with model.request(ids=["a", "b"], event_times=times, segments=["DE", "FR"]) as request:
        model([[1], [2]])
    assert request.prediction_ids == model.last_prediction_ids == ("a", "b")
    model([[3]])
    assert model.flush()
    told = [(event["prediction_id"], event["event_time"], event.get("segment")) for event in service.events]
    assert told[:2] == [
        ("a", "2013-04-01T08:00:00.000000Z", "DE"),
        ("b", "2013-04-01T09:00:00.000000Z", "FR"),
    ]
    assert told[2][0] not in {"a", "b"}
    assert told[2][2] is None


def test_one_value_counts_for_all_rows(make: Make, service: Any) -> None:
    model = make(lambda rows: [0.0] * len(rows))
    with model.request(event_times=pd.Timestamp("2013-04-01T08:00Z"), segments="DE"):
        model([[1], [2]])
    assert model.flush()
    assert {(event["event_time"], event["segment"]) for event in service.events} == {
        ("2013-04-01T08:00:00.000000Z", "DE")
    }


def test_a_column_of_times_may_be_given_as_it_is(make: Make, service: Any) -> None:
    model = make(lambda rows: [0.0] * len(rows))
    times = pd.Series(pd.date_range("2013-04-01T08:00", periods=2, freq="h", tz="UTC"))
    for given in (times, times.dt.tz_localize(None).to_numpy(), pl.Series(times.to_list())):
        with model.request(event_times=given):
            model([[1], [2]])
    assert model.flush()
    assert [event["event_time"][11:13] for event in service.events] == ["08", "09"] * 3


def test_given_facts_that_do_not_fit_the_rows_cost_the_log_only(make: Make, service: Any) -> None:
    model = make(lambda rows: [0.0] * len(rows))
    with model.request(ids=["a", "b", "c"]):
        assert model([[1], [2]]) == [0.0, 0.0]
    with model.request(event_times=["yesterday"]):
        assert model([[1]]) == [0.0]
    assert model.flush()
    assert model.dropped == {"unreadable": 3}
    assert service.events == []


def test_ids_can_be_read_from_another_thread_through_the_request(make: Make) -> None:
    import contextvars

    model = make(lambda rows: [0.0] * len(rows))
    with model.request() as request:
        context = contextvars.copy_context()
        with ThreadPoolExecutor(1) as pool:
            ids = pool.submit(context.run, lambda: (model([[1]]), model.last_prediction_ids)[1]).result()
    assert request.prediction_ids == ids
    assert len(ids) == 1


def test_every_thread_reads_the_ids_of_its_own_rows(make: Make) -> None:
    model = make(lambda rows: [0.0] * len(rows))
    both = threading.Barrier(2)

    def predict(rows: int) -> int:
        both.wait(5)
        for _ in range(200):
            model([[1]] * rows)
            if len(model.last_prediction_ids) != rows:
                return 0
        return rows

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(predict, [1, 2])) == [1, 2]


def test_before_the_first_call_there_are_no_ids(make: Make) -> None:
    model = make(sum)
    assert model.last_prediction_ids == ()
    assert model.request().prediction_ids == ()


def test_rows_that_are_not_logged_have_ids_of_their_own_too(make: Make) -> None:
    model = make(lambda rows: [0.0])
    model([[1]])
    logged = model.last_prediction_ids
    model(object())
    assert len(model.last_prediction_ids) == 1
    assert model.last_prediction_ids != logged


def test_after_a_switch_the_new_model_answers_under_its_version(make: Make, service: Any) -> None:
    old, new = LinearRegression().fit(FRAME, TRUTH), LogisticRegression().fit(FRAME, TRUTH)
    model = make(old, model_version="1")
    bound = model.predict
    model.predict(FRAME[:1])
    model.switch(new, model_version="2")
    np.testing.assert_array_equal(model.predict(FRAME[:1]), new.predict(FRAME[:1]))
    np.testing.assert_array_equal(bound(FRAME[:1]), new.predict(FRAME[:1]))
    assert isinstance(model, LogisticRegression)
    model.predict_proba(FRAME[1:2])
    model.switch(old, model_version="3")
    assert not hasattr(model, "predict_proba")
    assert pickle.loads(pickle.dumps(model))._options["model_version"] == "3"
    assert model.flush()
    assert [event["model_version"] for event in service.events] == ["1", "2", "2", "2"]


def test_no_call_ever_mixes_a_model_with_anothers_version(make: Make, service: Any) -> None:
    model = make(lambda rows: [0], model_version="0", limits=BufferLimits(events=1_000_000))
    stop = threading.Event()

    def switch() -> None:
        version = 0
        while not stop.is_set():
            version = 1 - version
            model.switch(lambda rows, answer=version: [answer], model_version=str(version))

    switching = threading.Thread(target=switch)
    switching.start()
    for _ in range(2_000):
        model([[1]])
    stop.set()
    switching.join()
    assert model.flush()
    assert len(service.events) == 2_000
    assert all(str(event["prediction"]) == event["model_version"] for event in service.events)
