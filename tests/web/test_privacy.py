"""Dropped and hashed features are nowhere in what is kept, and neither drift because of it."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow.csv import write_csv
from pyarrow.parquet import read_table
from typer.testing import CliRunner

from driftwatch.bootstrap import build_service, privacy_rules
from driftwatch.cli.app import app
from driftwatch.core.baseline import Baseline
from driftwatch.core.pseudonyms import Pseudonyms
from driftwatch.errors import FileError, InputError, SettingError
from driftwatch.setting_types import PrivacySetting
from driftwatch.settings import load_settings
from driftwatch.wire.arrow_stream import ARROW_STREAM
from driftwatch.wire.native import JSON

ROWS = 400
CARDS = [f"SECRET-CARD-{n}" for n in range(8)]
OPEN, DROPPED, HASHED = "open-value-7f3a", "SECRET-dropped", "SECRET-hashed"


def rows(rng: np.random.Generator) -> dict[str, Any]:
    x = rng.normal(size=ROWS)
    return {"x": x, "card": rng.choice(CARDS, ROWS), "predicted": x, "y": x + rng.normal(size=ROWS)}


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "hash.key"
    path.write_bytes(b"0123456789abcdef0123456789abcdef\n")
    return path


def fitted(key_file: Path | None) -> Baseline:
    reference = rows(np.random.default_rng(1))
    if key_file is not None:
        reference["card"] = Pseudonyms(key_file.read_bytes().strip()).names("card", reference["card"].tolist())
    return Baseline.fit(reference, model="shop", task="regression", label="y", prediction="predicted")


def events(**features: Any) -> bytes:
    live = rows(np.random.default_rng(2))
    return json.dumps(
        [
            {
                "prediction_id": f"p{n}",
                "event_time": f"2026-01-01T00:00:{n % 60:02}Z",
                "features": {"x": live["x"][n], "card": str(live["card"][n]), **features},
                "prediction": live["predicted"][n],
            }
            for n in range(ROWS)
        ]
    ).encode()


def kept_values(data: Path) -> Iterator[bytes]:
    """Everything in a data folder: each file as it is, every value of its databases and of its Parquet files."""
    for path in (one for one in data.rglob("*") if one.is_file()):
        yield path.read_bytes()
        if path.suffix == ".parquet":
            for column in read_table(path).columns:
                yield from (str(value).encode() for value in column.to_pylist())
        elif path.read_bytes()[:15] == b"SQLite format 3":
            with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
                tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
                for table in tables:
                    for row in database.execute(f'SELECT * FROM "{table}"'):
                        yield from (one if isinstance(one, bytes) else str(one).encode() for one in row)


def kept(data: Path, wanted: str) -> bool:
    return any(wanted.encode() in value for value in kept_values(data))


def served(data: Path, baseline: Baseline, body: bytes, *, worked_off: bool, **privacy: Any) -> Any:
    """What a service answers and keeps of the events, in its spool alone or also in its log and state."""
    settings = load_settings(data=data, window="1d", lateness="1s", privacy=privacy)
    service = build_service(settings)
    try:
        service.operations.register_baseline("shop", baseline.to_json())
        submission = service.ingest.predictions("shop", JSON.predictions(body).rows)
        for receipt in submission.receipts:
            receipt.result(30)
        if worked_off:
            assert len(list(service.operations.export("shop"))) >= 1
        return service.telemetry.snapshot().counters
    finally:
        service.close()


@pytest.mark.parametrize("worked_off", [False, True], ids=["in the spool", "in the log"])
def test_nothing_of_what_is_dropped_or_hashed_is_kept(tmp_path: Path, key_file: Path, worked_off: bool) -> None:
    data = tmp_path / "data"
    served(
        data,
        fitted(key_file),
        events(note=OPEN, ssn=DROPPED, email=HASHED),
        worked_off=worked_off,
        drop=["ssn"],
        hash=["email"],
        models={"shop": {"hash": ["card"]}},
        hash_key_file=str(key_file),
    )
    assert kept(data, OPEN), "the search finds what is kept"
    assert not kept(data, "SECRET")
    assert kept(data, Pseudonyms(key_file.read_bytes().strip()).name("email", HASHED))


def test_nothing_of_what_comes_as_columns_is_kept_either(tmp_path: Path, key_file: Path) -> None:
    live = rows(np.random.default_rng(2))
    table = pa.table(
        {
            "x": live["x"],
            "card": live["card"],
            "ssn": [DROPPED] * ROWS,
            "note": [OPEN] * ROWS,
            "prediction": live["predicted"],
        }
    )
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    rules = {"drop": ["ssn"], "hash": ["card"], "hash_key_file": str(key_file)}
    settings = load_settings(data=tmp_path / "data", privacy=rules)
    service = build_service(settings)
    try:
        service.operations.register_baseline("shop", fitted(key_file).to_json())
        submission = service.ingest.prediction_columns("shop", ARROW_STREAM.predictions(sink.getvalue().to_pybytes()))
        for receipt in submission.receipts:
            receipt.result(30)
    finally:
        service.close()
    assert kept(tmp_path / "data", OPEN)
    assert not kept(tmp_path / "data", "SECRET")


def test_without_rules_everything_is_kept(tmp_path: Path) -> None:
    served(tmp_path / "data", fitted(None), events(email=HASHED), worked_off=True)
    assert kept(tmp_path / "data", HASHED)


def test_rules_of_one_model_leave_the_others_alone(tmp_path: Path) -> None:
    served(tmp_path / "data", fitted(None), events(ssn=OPEN), worked_off=True, models={"another": {"drop": ["ssn"]}})
    assert kept(tmp_path / "data", OPEN)


@pytest.fixture
def judged(make_web: Any, key_file: Path) -> Any:
    """Finds the findings of a window of the shop's rows, by column, under rules."""

    def judge(baseline: Baseline, **privacy: Any) -> dict[str, Any]:
        web = make_web(privacy={"hash_key_file": str(key_file), **privacy})
        assert web.client.put("/v1/models/shop/baseline", content=baseline.to_json()).status_code == 200
        answer = web.client.post("/v1/models/shop/predictions", content=events())
        assert answer.json()["accepted"] == ROWS
        later = '{"event_time": "2026-01-05T00:00:00Z", "features": {"x": 0.0}, "prediction": 0.0}'
        assert web.client.post("/v1/models/shop/predictions", content=later).status_code == 202
        web.settle()
        window = web.client.get("/v1/models/shop/drift").json()["windows"][0]
        return {one["column"]: one for one in window["findings"]}

    return judge


def test_a_hashed_feature_is_compared_with_a_baseline_of_the_same_key(judged: Any, key_file: Path) -> None:
    found = judged(fitted(key_file), hash=["card"])["card"]
    assert (found["status"], found["n_live"]) == ("ok", ROWS)


def test_a_hashed_feature_that_the_baseline_knows_in_clear_is_set_aside_and_does_not_drift(judged: Any) -> None:
    found = judged(fitted(None), hash=["card"]).get("card")
    assert found is None or (found["status"], found["n_live"]) == ("insufficient_data", 0)


def test_a_dropped_feature_is_set_aside_and_does_not_drift(judged: Any) -> None:
    found = judged(fitted(None), drop=["card"])
    assert found.get("card") is None or found["card"]["n_live"] == 0
    assert found["x"]["status"] == "ok"


def test_what_is_not_compared_is_said_when_the_baseline_comes(judged: Any, caplog: pytest.LogCaptureFixture) -> None:
    judged(fitted(None), hash=["card"], drop=["x", "predicted"])
    said = "\n".join(record.getMessage() for record in caplog.records)
    assert "card is hashed, and not compared" in said
    assert "x is dropped, and not compared" in said
    assert "predicted is stored as it is: it is the model's prediction" in said


def test_baseline_fit_hashes_as_the_service_does(tmp_path: Path, key_file: Path) -> None:
    reference = tmp_path / "reference.csv"
    write_csv(pa.table(rows(np.random.default_rng(1))), reference)
    output = tmp_path / "baseline.json"
    fit = ["baseline", "fit", str(reference), "--label", "y", "--prediction", "predicted", "--model", "shop"]
    hashing = ["--hash", "card", "--hash-key-file", str(key_file)]
    done = CliRunner().invoke(app, [*fit, *hashing, "-o", str(output)])
    assert done.exit_code == 0, done.output
    assert "SECRET" not in output.read_text()
    assert Baseline.from_json(output.read_text()).layout == fitted(key_file).layout
    checked = CliRunner().invoke(app, ["check", str(output), str(reference), *hashing])
    assert checked.exit_code == 0, checked.output


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--hash", "card"], "--hash-key-file: is missing"),
        (["--hash", "nothing", "--hash-key-file", "KEY"], "there is no column 'nothing'"),
    ],
)
def test_hashing_that_cannot_work_is_refused(tmp_path: Path, key_file: Path, arguments: list[str], says: str) -> None:
    reference = tmp_path / "reference.csv"
    reference.write_text("x,card\n1,a\n2,b\n")
    arguments = [str(key_file) if one == "KEY" else one for one in arguments]
    done = CliRunner().invoke(app, ["baseline", "fit", str(reference), *arguments, "-o", str(tmp_path / "b.json")])
    assert isinstance(done.exception, InputError)
    assert says in str(done.exception)


def test_hashing_without_a_key_is_a_setting_error() -> None:
    with pytest.raises(SettingError, match="hash_key_file"):
        privacy_rules(PrivacySetting(hash=frozenset({"a"})))


def test_a_key_that_cannot_be_read_is_a_file_error(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="cannot be read"):
        privacy_rules(PrivacySetting(hash=frozenset({"a"}), hash_key_file=tmp_path / "nothing"))
