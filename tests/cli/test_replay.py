"""``replay`` and ``export``, against a real service whose stores are in memory."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from pyarrow import feather

from driftwatch import Baseline, Client
from driftwatch.bootstrap import assemble
from driftwatch.cli.app import main
from driftwatch.settings import load_settings
from driftwatch.testing import MemoryLog, MemorySpool, MemoryState
from driftwatch.web.app import build_app
from driftwatch.web.server import server_of

N_ROWS = 60


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A service of its own thread; each test has a model of its own in it."""
    settings = load_settings(data=tmp_path_factory.mktemp("data"))
    service = assemble(settings, spool=MemorySpool(), log=MemoryLog(), state=MemoryState(), told={})
    service.start()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = server_of(build_app(service, settings))
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        while not server.started:
            time.sleep(0.005)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join(20)
    service.close()


@dataclass
class Ended:
    code: int
    out: str
    err: str


Run = Callable[..., Ended]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """The command as a person types it, in a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def typed(*arguments: str) -> Ended:
        monkeypatch.setattr(sys, "argv", ["driftwatch", *arguments])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        return Ended(int(ended.value.code or 0), printed.out, printed.err)

    return typed


@pytest.fixture
def model(url: str, request: pytest.FixtureRequest) -> str:
    """A registered model; its reference calls the label ``y`` and the prediction ``guess``."""
    name = "".join(letter if letter.isalnum() else "-" for letter in request.node.name)[:100]
    frame = events().rename(columns={"prediction": "guess", "label": "y"})
    baseline = Baseline.fit(
        frame, model=name, label="y", prediction="guess", score="score", timestamp="event_time", ignore=["label_time"]
    )
    with Client(url) as client:
        client.register(baseline)
    return name


def events() -> pd.DataFrame:
    random = np.random.default_rng(3)
    times = pd.date_range("2013-04-01", periods=N_ROWS, freq="h", tz="UTC", unit="us")
    score = random.uniform(size=N_ROWS)
    return pd.DataFrame(
        {
            "event_time": times,
            "x": random.normal(size=N_ROWS),
            "colour": random.choice(["red", "blue"], N_ROWS),
            "score": score,
            "prediction": np.where(score > 0.5, "yes", "no"),
            "label": random.choice(["yes", "no"], N_ROWS),
            "label_time": times + pd.to_timedelta(random.integers(1, 90, N_ROWS), unit="min"),
        }
    )


def logged(url: str, model: str) -> pd.DataFrame:
    with Client(url) as client:
        return client.export(model).sort_values("event_time", ignore_index=True)


def write(frame: pd.DataFrame, path: Path) -> None:
    match path.suffix:
        case ".csv":
            frame.to_csv(path, index=False)
        case ".parquet":
            frame.to_parquet(path)
        case ".arrow":
            feather.write_feather(pa.Table.from_pandas(frame), path)
        case ".ndjson":
            pl.from_pandas(frame).write_ndjson(path)


@pytest.mark.parametrize("extension", [".csv", ".parquet", ".arrow", ".ndjson"])
def test_a_file_is_in_the_service_as_it_was(run: Run, url: str, model: str, tmp_path: Path, extension: str) -> None:
    write(events(), tmp_path / f"events{extension}")
    ended = run("replay", f"events{extension}", "--model", model, "--url", url, "--batch", "7")
    assert ended.code == 0
    assert "60 rows" in ended.out
    assert "predictions: 60 accepted, 0 known already, 0 rejected" in ended.out
    assert "labels: 60 accepted, 0 known already, 0 rejected" in ended.out
    found = logged(url, model)
    assert found["prediction_id"].is_unique
    expected = events()[["event_time", "x", "colour", "prediction", "score", "label", "label_time"]]
    pd.testing.assert_frame_equal(found[expected.columns], expected, check_dtype=False, rtol=1e-12)


def test_the_same_file_again_changes_nothing(run: Run, url: str, model: str, tmp_path: Path) -> None:
    write(events(), tmp_path / "events.csv")
    run("replay", "events.csv", "--model", model, "--url", url)
    before = logged(url, model)
    (tmp_path / "events.csv").rename(tmp_path / "renamed.csv")
    ended = run("replay", "renamed.csv", "--model", model, "--url", url, "--by-time", "--batch", "11")
    assert "predictions: 0 accepted, 60 known already, 0 rejected" in ended.out
    pd.testing.assert_frame_equal(logged(url, model), before)


def test_a_file_with_other_rows_of_the_same_name_is_another(run: Run, url: str, model: str, tmp_path: Path) -> None:
    for month in ("one", "two"):
        (tmp_path / month).mkdir()
        write(events()[30:] if month == "two" else events()[:30], tmp_path / month / "events.csv")
        run("replay", f"{month}/events.csv", "--model", model, "--url", url)
    assert len(logged(url, model)) == N_ROWS


def test_columns_may_have_the_names_that_the_reference_gave_them(
    run: Run, url: str, model: str, tmp_path: Path
) -> None:
    write(events().rename(columns={"prediction": "guess", "label": "y"}), tmp_path / "events.parquet")
    assert run("replay", "events.parquet", "--model", model, "--url", url).code == 0
    found = logged(url, model)
    assert found["label"].tolist() == events()["label"].tolist()
    assert not {"guess", "y"} & set(found.columns)


def test_what_the_file_says_of_ids_segments_and_versions_is_kept(
    run: Run, url: str, model: str, tmp_path: Path
) -> None:
    ids = [f"id-{row}" for row in range(N_ROWS)]
    write(events().assign(prediction_id=ids, segment="DE", model_version=1), tmp_path / "events.parquet")
    assert run("replay", "events.parquet", "--model", model, "--url", url).code == 0
    found = logged(url, model)
    assert found["prediction_id"].tolist() == ids
    assert set(found["segment"]) == {"DE"}
    assert set(found["model_version"]) == {"1"}


def test_labels_may_come_in_a_file_of_their_own_later(run: Run, url: str, model: str, tmp_path: Path) -> None:
    frame = events().assign(prediction_id=[f"id-{row}" for row in range(N_ROWS)])
    write(frame.drop(columns=["label", "label_time"]), tmp_path / "predictions.parquet")
    write(frame[["prediction_id", "label", "label_time"]][:40], tmp_path / "labels.parquet")
    assert "labels: 0 accepted" in run("replay", "predictions.parquet", "--model", model, "--url", url).out
    assert "labels: 40 accepted" in run("replay", "labels.parquet", "--model", model, "--url", url).out
    found = logged(url, model)
    assert found["label"].notna().sum() == 40


def test_a_missing_label_is_not_sent_and_a_missing_feature_is_missing(
    run: Run, url: str, model: str, tmp_path: Path
) -> None:
    frame = events()
    frame.loc[:9, "label"] = None
    frame.loc[:4, "x"] = np.nan
    write(frame, tmp_path / "events.csv")
    assert "labels: 50 accepted" in run("replay", "events.csv", "--model", model, "--url", url).out
    found = logged(url, model)
    assert found["x"].isna().sum() == 5
    assert found["label"].isna().sum() == 10


def test_by_time_sends_an_unsorted_file_in_order(run: Run, url: str, model: str, tmp_path: Path) -> None:
    write(events().sample(frac=1.0, random_state=1), tmp_path / "events.parquet")
    ended = run("replay", "events.parquet", "--model", model, "--url", url, "--by-time", "--speed", "1e9")
    assert ended.code == 0
    with Client(url) as client:
        found = client.export(model)
    assert found["event_time"].is_monotonic_increasing


def test_refused_rows_are_said_with_their_row_and_field(run: Run, url: str, model: str, tmp_path: Path) -> None:
    frame = events()
    frame["prediction"] = frame["prediction"].where(frame.index != 4, "perhaps")
    write(frame, tmp_path / "events.csv")
    ended = run("replay", "events.csv", "--model", model, "--url", url)
    assert ended.code == 0
    assert "predictions: 59 accepted, 0 known already, 1 rejected" in ended.out
    assert "row 5: prediction: " in ended.err


def test_where_every_row_is_refused_the_exit_code_says_so(run: Run, url: str, model: str, tmp_path: Path) -> None:
    write(events().assign(prediction="perhaps").drop(columns="label"), tmp_path / "events.csv")
    ended = run("replay", "events.csv", "--model", model, "--url", url)
    assert ended.code == 2
    assert "predictions: 0 accepted, 0 known already, 60 rejected" in ended.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["absent.csv"], "absent.csv: there is no such file."),
        (["events.xlsx"], "events.xlsx: files with the extension '.xlsx' cannot be read."),
        (["features.csv"], "features.csv: has no column prediction or guess."),
        (["untimed.csv", "--by-time"], "untimed.csv: has no column event_time to sort by."),
        (["events.csv", "--model", "nobody"], "nobody"),
        (["events.csv", "--url", "http://127.0.0.1:9"], "Is driftwatch serve running?"),
        (["events.csv", "--url", "localhost:8000"], "url: 'localhost:8000' is no address"),
    ],
)
def test_wrong_use_is_one_line_that_says_what_to_do(
    run: Run, url: str, model: str, tmp_path: Path, arguments: list[str], said: str
) -> None:
    write(events(), tmp_path / "events.csv")
    write(events()[["x", "colour"]], tmp_path / "features.csv")
    write(events().drop(columns="event_time"), tmp_path / "untimed.csv")
    (tmp_path / "events.xlsx").write_text("x")
    ended = run("replay", "--model", model, "--url", url, *arguments)
    assert ended.code == 2
    assert ended.err.count("\n") == 1
    assert ended.err.startswith("driftwatch: ")
    assert said in ended.err
    assert ended.out == ""


@pytest.mark.parametrize("option", [["--speed", "0"], ["--batch", "0"], ["--batch", "100000"]])
def test_a_senseless_option_is_wrong_use(run: Run, option: list[str]) -> None:
    assert run("replay", "events.csv", "--model", "m", *option).code == 2


@pytest.fixture
def ctrl_c_counts() -> Iterator[None]:
    """Whoever started the tests in the background has them ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c_counts")
def test_ctrl_c_ends_with_what_was_done_so_far(run: Run, url: str, model: str, tmp_path: Path) -> None:
    write(events(), tmp_path / "events.csv")

    def interrupt() -> None:
        with Client(url) as client:
            deadline = time.monotonic() + 20
            while client.export(model).empty and time.monotonic() < deadline:
                time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    watching = threading.Thread(target=interrupt)
    watching.start()
    ended = run("replay", "events.csv", "--model", model, "--url", url, "--speed", "1", "--batch", "1")
    watching.join()
    assert ended.code == 130
    assert "predictions: 1 accepted" in ended.out
    assert "The same command goes on" in ended.err
    assert "Traceback" not in ended.err


# --- export ---


@pytest.fixture
def replayed(run: Run, url: str, model: str, tmp_path: Path) -> str:
    """A model whose events are in the service; the last ten have no label."""
    frame = events()
    frame.loc[50:, "label"] = None
    write(frame, tmp_path / "sent.parquet")
    assert run("replay", "sent.parquet", "--model", model, "--url", url).code == 0
    (tmp_path / "sent.parquet").unlink()
    return model


def read(path: Path) -> pd.DataFrame:
    match path.suffix:
        case ".csv":
            return pd.read_csv(path, parse_dates=["event_time", "label_time"])
        case ".parquet":
            return pd.read_parquet(path)
        case _:
            frame = pd.read_json(path, lines=True, dtype=False)
            return frame.assign(**{name: pd.to_datetime(frame[name]) for name in ("event_time", "label_time")})


@pytest.mark.parametrize("name", ["out.csv", "out.parquet", "out.ndjson", "out.JSONL"])
def test_an_export_has_the_rows_in_the_format_of_its_name(
    run: Run, url: str, replayed: str, tmp_path: Path, name: str
) -> None:
    ended = run("export", "--model", replayed, "--url", url, "-o", name)
    assert (ended.code, ended.out) == (0, f"60 rows in {name}\n")
    found = read(tmp_path / name).sort_values("event_time", ignore_index=True)
    expected = events()[["event_time", "x", "colour", "prediction", "score"]]
    pd.testing.assert_frame_equal(found[expected.columns], expected, check_dtype=False, rtol=1e-12)
    assert found["label"].notna().sum() == 50
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_an_export_may_be_of_a_time_and_of_labelled_rows_only(
    run: Run, url: str, replayed: str, tmp_path: Path
) -> None:
    asked = ["--from", "2013-04-03", "--to", "2013-04-03T09:00:00+02:00"]
    assert run("export", "--model", replayed, "--url", url, "-o", "some.csv", *asked).code == 0
    assert len(read(tmp_path / "some.csv")) == 7
    assert (
        run("export", "--model", replayed, "--url", url, "-o", "some.csv", "--labelled", "--from", "2013-04-03").code
        == 0
    )
    found = read(tmp_path / "some.csv")
    assert len(found) == 2
    assert found["label"].notna().all()


def test_an_export_can_be_replayed(run: Run, url: str, replayed: str, tmp_path: Path) -> None:
    before = logged(url, replayed)
    assert run("export", "--model", replayed, "--url", url, "-o", "out.csv").code == 0
    ended = run("replay", "out.csv", "--model", replayed, "--url", url)
    assert "predictions: 0 accepted, 60 known already, 0 rejected" in ended.out
    pd.testing.assert_frame_equal(logged(url, replayed), before)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-o", "out.xlsx"], "out.xlsx: files with the extension '.xlsx' cannot be written."),
        (["-o", "out"], "out: files with the extension '(none)' cannot be written."),
        (["-o", "nowhere/out.csv"], "nowhere/out.csv: cannot be written (No such file or directory)."),
        (["-o", "out.csv", "--from", "yesterday"], "--from: 'yesterday' is no time."),
        (["-o", "out.csv", "--from", "2013-04-02", "--to", "2013-04-01"], "to: "),
        (["-o", "out.csv", "--model", "nobody"], "nobody"),
        (["-o", "out.csv", "--url", "http://127.0.0.1:9"], "Is driftwatch serve running?"),
    ],
)
def test_an_export_that_cannot_be_is_one_line_and_no_file(
    run: Run, url: str, model: str, tmp_path: Path, arguments: list[str], said: str
) -> None:
    ended = run("export", "--model", model, "--url", url, *arguments)
    assert ended.code == 2
    assert ended.err.count("\n") == 1
    assert said in ended.err
    assert list(tmp_path.iterdir()) == []


def test_a_failed_export_leaves_the_file_that_was_there(run: Run, tmp_path: Path) -> None:
    (tmp_path / "out.csv").write_text("before")
    assert run("export", "--model", "m", "--url", "http://127.0.0.1:9", "-o", "out.csv").code == 2
    assert (tmp_path / "out.csv").read_text() == "before"
