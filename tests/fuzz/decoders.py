"""Every decoder of bytes that come from outside, in one table; a new wire format is in it by itself.

A decoder is a function that takes bytes and ends in order, or raises what it raises on purpose. What it accepts must
then be of use: it goes on to where it is kept, and back.
"""

from __future__ import annotations

import asyncio
import atexit
import gzip
import io
import json
import logging
import random
import struct
import tempfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from pathlib import Path
from typing import Any
from urllib.parse import quote_from_bytes

import numpy as np
import pyarrow as pa
import uvicorn
from hypothesis import strategies as st
from pyarrow import csv, feather, parquet
from uvicorn.server import ServerState

from driftwatch.bootstrap import Service, assemble
from driftwatch.capture.proxy.heads import Refused
from driftwatch.core.baseline import Baseline
from driftwatch.core.frames import to_table
from driftwatch.core.performance import PerformanceSums
from driftwatch.core.performance.own import OwnSums
from driftwatch.core.profile import Profile
from driftwatch.core.records import Task
from driftwatch.core.table import Numbers, Table
from driftwatch.errors import DriftwatchError, EventError, InputError, ServiceError, StoreError
from driftwatch.pipeline.ingest import Submission
from driftwatch.settings import Settings, load_settings
from driftwatch.sources.files import read_batches, read_table
from driftwatch.testing import ManualClock, MemoryInbox, MemoryLog, MemorySpool, MemoryState
from driftwatch.web.app import build_app
from driftwatch.web.bounded_http import HeadLimits, bounded_http
from driftwatch.web.tokens import hash_of
from driftwatch.wire import FORMATS
from driftwatch.wire.arrow import decode, encode
from driftwatch.wire.cloudevents import BATCHED, STRUCTURED
from driftwatch.wire.cloudevents import decode as decode_cloudevents
from driftwatch.wire.columnar import LabelColumns, PredictionColumns
from driftwatch.wire.inflation import INFLATERS, Damaged, TooLarge
from tests.conformance.test_wire import ENCODERS
from tests.fuzz import documents, exchanges
from tests.fuzz.inputs import JSON_VALUES, LABELS, PREDICTIONS, Reshaper, dumped, reshaped
from tests.wire.loggers import kserve, seldon

NOW = datetime(2026, 1, 5, tzinfo=UTC)
MOST_INFLATED = 100_000


@dataclass(frozen=True, slots=True)
class Decoder:
    """One decoder: what it does with bytes, what it may raise, good inputs to damage, and shapes to make others of."""

    decode: Callable[[bytes], object]
    refusals: tuple[type[Exception], ...]
    seeds: tuple[bytes, ...]
    shapes: st.SearchStrategy[bytes] = field(default_factory=lambda: st.binary(max_size=200))
    reshape: Reshaper | None = None


# --- what the decoders stand in


def reference() -> dict[str, Any]:
    rng = np.random.default_rng(5)
    x = rng.normal(size=60)
    truth = np.where(x + rng.normal(size=60) > 0, "b", "a")
    score = 1 / (1 + np.exp(-x))
    return {
        "x": x,
        "colour": rng.choice(["red", "blue"], 60),
        "predicted": np.where(x > 0, "b", "a"),
        "score": score,
        "y": truth,
    }


@cache
def baseline() -> Baseline:
    return Baseline.fit(reference(), model="m", label="y", prediction="predicted", score=["score"], task="binary")


@cache
def service() -> Service:
    settings = load_settings()
    made = assemble(
        settings,
        spool=MemorySpool(),
        log=MemoryLog(),
        state=MemoryState(),
        inbox=MemoryInbox(),
        clock=ManualClock(NOW),
        told={},
    )
    made.operations.register_baseline("m", baseline().to_json())
    return made


class Loop:
    """Asks an ASGI application, without a network in between."""

    def __init__(self, **options: Any) -> None:
        self._app = build_app(service(), load_settings(**options))
        self._loop = asyncio.new_event_loop()

    def ask(self, method: str, path: str, *, query: bytes = b"", body: bytes = b"", **headers: bytes) -> int:
        """The status of the answer, which must be whole."""
        sent: list[dict[str, Any]] = []
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
            "path": path, "raw_path": path.encode("utf-8", "surrogatepass"), "root_path": "", "query_string": query,
            "headers": [(b"host", b"localhost"), *((k.replace("_", "-").encode(), v) for k, v in headers.items())],
            "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8000), "state": {},
        }  # fmt: skip
        waiting: Iterator[dict[str, Any]] = iter([{"type": "http.request", "body": body, "more_body": False}])

        async def receive() -> dict[str, Any]:
            message = next(waiting, None)
            if message is None:
                await asyncio.sleep(3_600)
            assert message is not None
            return message

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        self._loop.run_until_complete(self._app(scope, receive, send))  # type: ignore[arg-type]
        assert sent[0]["type"] == "http.response.start"
        assert not sent[-1].get("more_body", False)
        status = int(sent[0]["status"])
        assert status < 500, f"{method} {path} was answered with {status}: {sent[-1]['body'][:500]!r}"
        return status


@cache
def open_loop() -> Loop:
    return Loop()


@cache
def guarded_loop() -> Loop:
    return Loop(tokens=[{"name": "a", "scopes": ["read"], "hash": hash_of("token")}])


# --- decoders


def take_events(kind: str, content_type: str, body: bytes) -> None:
    """Read a body, check it against the schema, and write what is taken as the spool does."""
    wire_format = FORMATS[content_type]
    ingest = service().ingest
    found = (wire_format.predictions if kind == "predictions" else wire_format.labels)(body)
    submission: Submission
    if isinstance(found, PredictionColumns):
        submission = ingest.prediction_columns("m", found)
    elif isinstance(found, LabelColumns):
        submission = ingest.label_columns("m", found)
    elif kind == "predictions":
        submission = ingest.predictions("m", found.rows)
    else:
        submission = ingest.labels("m", found.rows)
    assert all(isinstance(one.problem, str) and one.index >= 0 for one in submission.rejections)
    for receipt in submission.receipts:
        receipt.result(10)
    spool = service().spool
    for entry in spool.read(0, 10):
        again = decode(encode(entry.batch))
        assert again.prediction_ids == entry.batch.prediction_ids
        spool.remove_through(entry.sequence)


def inflate(encoding: str, body: bytes) -> None:
    assert len(INFLATERS[encoding](body, MOST_INFLATED)) <= MOST_INFLATED


def use_baseline(document: bytes) -> None:
    """Read a baseline, and compare a few rows with it."""
    read = Baseline.from_json(document.decode())
    assert Baseline.from_json(read.to_json()).layout == read.layout
    if read.performance is not None:
        assert read.performance.sums.measures()
    profile = Profile.empty(read)
    for name, column in read.columns.items():
        values = Table({name: Numbers(np.array([1.0, np.nan]))}, 2)
        if column.moments is not None:
            profile += Profile.of(read, values)
    assert Profile.from_bytes(read, profile.to_bytes()) == profile


@cache
def baseline_document() -> dict[str, Any]:
    """A good one, which nobody changes."""
    document: dict[str, Any] = json.loads(baseline().to_json())
    return document


def read_sums(data: bytes) -> None:
    """Read sums of quality, and make every measure of them."""
    sums = PerformanceSums.from_bytes(data)
    assert PerformanceSums.from_bytes(sums.to_bytes()) == sums
    assert sums.measures()


def sums_bytes() -> tuple[bytes, ...]:
    scored, empty = baseline().performance, PerformanceSums.empty(Task.REGRESSION)
    assert scored is not None
    x = np.array([1.0, 2.5, -3.0, 1e9])
    numbers = PerformanceSums.of(Task.REGRESSION, (), Numbers(x), Numbers(x[::-1].copy()))
    own = numbers.with_own({"own": OwnSums(2, 3 << 1074, 5 << 1074)})
    return scored.sums.to_bytes(), empty.to_bytes(), own.to_bytes()


def reshaped_sums(chance: random.Random) -> bytes:
    document = json.loads(chance.choice(sums_bytes()))
    for _ in range(chance.randrange(1, 3)):
        document = reshaped(document, chance)
    return dumped(document)


def with_checksum(content: bytes) -> bytes:
    """A document that was not altered on its way, whatever is in it."""
    try:
        return checked(json.loads(content))
    except (ValueError, RecursionError):
        return content


def checked(content: Any) -> bytes:
    from driftwatch.core.baseline_document import _checksum

    return dumped({**baseline_document(), "baseline": content, "checksum": _checksum(content)})


def reshaped_baseline(chance: random.Random) -> bytes:
    content = baseline_document()["baseline"]
    for _ in range(chance.randrange(1, 3)):
        content = reshaped(content, chance)
    try:
        return checked(content)
    except ValueError:  # It has text that is no Unicode, of which no check sum is made.
        return dumped(content)


def read_profile(data: bytes) -> None:
    profile = Profile.from_bytes(baseline(), data)
    assert Profile.from_bytes(baseline(), profile.to_bytes()) == profile


def packed_profile(body: bytes) -> bytes:
    """A profile whose check sum is right, whatever is in it."""
    packed = zlib.compress(body)
    return b"DWP1" + struct.pack("<I", zlib.crc32(packed)) + packed


@cache
def profile_bytes() -> bytes:
    given = reference()
    table = Table({"x": Numbers(given["x"])}, len(given["x"]))
    return Profile.of(baseline(), table).to_bytes()


def damaged_profile(chance: random.Random) -> bytes:
    body = bytearray(zlib.decompress(profile_bytes()[8:]))
    for _ in range(chance.randrange(1, 4)):
        body[chance.randrange(len(body))] = chance.randrange(256)
    if chance.random() < 0.2:
        del body[chance.randrange(len(body)) :]
    return packed_profile(bytes(body))


def read_file(extension: str, data: bytes) -> None:
    """Read a file, and make columns of the schema of it."""
    path = scratch() / f"events{extension}"
    # A file that is still mapped into memory must not be written over.
    path.unlink(missing_ok=True)
    path.write_bytes(data)
    parts = sum(part.num_rows for part in read_batches(path, 7))
    rows = read_table(path)
    assert parts == rows.num_rows
    assert len(to_table(rows, baseline().schema)) == rows.num_rows > 0


@cache
def scratch() -> Path:
    """A folder for files that are written ten thousand times over, in memory where there is one."""
    memory = Path("/dev/shm")
    folder = tempfile.TemporaryDirectory(prefix="driftwatch-fuzz-", dir=memory if memory.is_dir() else None)
    atexit.register(folder.cleanup)
    return Path(folder.name)


def read_settings(data: bytes) -> None:
    path = scratch() / "driftwatch.toml"
    path.write_bytes(data)
    load_settings(path)


def read_tokens(data: bytes) -> None:
    path = scratch() / "tokens.toml"
    path.write_bytes(data)
    load_settings(tokens_file=path)


def ask_windows(query: bytes) -> None:
    """A query, of which each parameter may be anything."""
    open_loop().ask("GET", "/v1/models/m/drift", query=query)


def ask_export(query: bytes) -> None:
    open_loop().ask("GET", "/v1/models/m/performance", query=query)


def ask_path(path: bytes) -> None:
    open_loop().ask("GET", "/" + path.decode("utf-8", "replace"))


def ask_with_authorization(value: bytes) -> None:
    assert guarded_loop().ask("GET", "/v1/models", authorization=value) in {200, 401}


def read_cloudevents(content_type: str, data: bytes) -> None:
    """Read envelopes, and bring what is whole of them to ingest."""
    headers: dict[str, str] = {"content-type": content_type}
    if not content_type:
        head, _, data = data.partition(b"\n\n")
        lines = (line.partition(": ") for line in head.decode("latin-1").split("\n"))
        headers = {name.lower(): value for name, _, value in lines}
    found = decode_cloudevents(headers, data)
    pairing = service().pairing
    assert pairing is not None
    future = pairing.take([event for _, event in found.rows], "m")
    if future is not None:
        future.result(10)
    while pairing.step():
        continue
    pairing.inbox.forget_waiting(NOW + timedelta(days=1), 10_000)
    pairing.inbox.forget_known(NOW + timedelta(days=1))
    spool = service().spool
    for entry in spool.read(0, 100):
        assert decode(encode(entry.batch)).prediction_ids == entry.batch.prediction_ids
        spool.remove_through(entry.sequence)
    assert not any("defect" in str(labels) for (name, labels) in service().telemetry.snapshot().counters)


def cloudevents() -> dict[str, Decoder]:
    """Each mode, with exchanges of several protocols in it."""
    asked = {"instances": [{"x": 1.5, "colour": "red"}]}
    pairs = [
        (kserve("request", asked), kserve("response", {"predictions": ["a"]})),
        (seldon("inference.request", {"data": {"names": ["x"], "ndarray": [[1.5]]}}, event_id="a"),
         seldon("inference.response", {"data": {"ndarray": ["b"]}}, event_id="b")),
        (seldon("feedback", {"truth": {"data": {"ndarray": ["a"]}}}, event_id="c"),),
    ]  # fmt: skip
    batches = tuple(dumped([one.structured() for one in pair]) for pair in pairs)
    structured = tuple(dumped(one.structured()) for pair in pairs for one in pair)
    binary = tuple(
        "\n".join(f"{name}: {value}" for name, value in one.headers.items()).encode() + b"\n\n" + one.body
        for pair in pairs
        for one in pair
    )

    def another(chance: random.Random) -> bytes:
        return dumped(reshaped(json.loads(chance.choice(batches)), chance))

    return {
        "CloudEvents, batched": Decoder(
            partial(read_cloudevents, BATCHED), (EventError,), batches, JSON_VALUES.map(dumped), another
        ),
        "CloudEvents, structured": Decoder(partial(read_cloudevents, STRUCTURED), (EventError,), structured),
        "CloudEvents, binary": Decoder(partial(read_cloudevents, ""), (EventError,), binary),
    }


def ask_of_host(value: bytes) -> None:
    open_loop().ask("POST", "/v1/models/m/labels", body=b"[]", origin=value, content_type=value, content_encoding=value)


class Connection(asyncio.Transport):
    """The service's end of a connection whose other end is a test."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = b""
        self.closed = False

    def write(self, data: bytes) -> None:  # type: ignore[override]
        self.sent += data

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        """Nothing comes by itself."""

    def resume_reading(self) -> None:
        """As above."""


@cache
def protocol_config() -> uvicorn.Config:
    config = uvicorn.Config(
        build_app(service(), load_settings()),
        http=bounded_http(HeadLimits(2_000, 20), 100), lifespan="off", ws="none", log_config=None, access_log=False,
    )  # fmt: skip
    config.load()
    logging.getLogger("uvicorn").setLevel(logging.CRITICAL)
    return config


def speak_http(data: bytes) -> None:
    """Send bytes to the server in two pieces and go away: heads stay in bounds, and what comes back is HTTP."""

    async def connected() -> None:
        state, transport = ServerState(), Connection()
        protocol: Any = protocol_config().http_protocol_class(
            config=protocol_config(), server_state=state, app_state={}, _loop=asyncio.get_running_loop()
        )
        protocol.connection_made(transport)
        for piece in (data[: len(data) // 2], data[len(data) // 2 :]):
            if not transport.closed:
                protocol.data_received(piece)
            await asyncio.sleep(0)
        assert len(protocol.headers or ()) <= 20
        protocol.connection_lost(None)
        await asyncio.gather(*state.tasks)
        assert not transport.sent or transport.sent.startswith(b"HTTP/1.1 ")
        assert not transport.sent.startswith(b"HTTP/1.1 5"), transport.sent[:500]

    protocol_loop().run_until_complete(connected())


@cache
def protocol_loop() -> asyncio.AbstractEventLoop:
    return asyncio.new_event_loop()


def register(body: bytes) -> None:
    open_loop().ask("PUT", "/v1/models/m/baseline", body=body)


def report_retrain(body: bytes) -> None:
    assert open_loop().ask("POST", "/v1/retrains/nobody/status", body=body) in {400, 404, 422}


# --- good inputs


EVENTS = {
    "predictions": [
        {"prediction_id": "a", "event_time": "2026-01-01T00:00:00Z", "features": {"x": 1.5, "colour": "red"},
         "prediction": "a", "score": 0.25, "model_version": "1", "segment": "DE"},
        {"prediction_id": "b", "event_time": "2026-01-01T00:00:01.5+02:00", "features": {"x": None, "new": True},
         "prediction": "b", "score": 1, "model_version": "1", "segment": ""},
    ],
    "labels": [
        {"prediction_id": "a", "label": "a", "event_time": "2026-01-02T00:00:00Z"},
        {"prediction_id": "b", "label": "b", "event_time": "2026-01-02T00:00:00Z"},
    ],
}  # fmt: skip
SHAPES = {"predictions": PREDICTIONS, "labels": LABELS}


def encoded_or_json(content_type: str, events: list[Any]) -> bytes:
    """Events as their format has them; what it cannot hold, as JSON."""
    try:
        return ENCODERS[content_type](events)
    except (pa.ArrowException, TypeError, ValueError, KeyError, OverflowError, AttributeError):
        return dumped(events)


def reshaped_events(kind: str, content_type: str, chance: random.Random) -> bytes:
    return encoded_or_json(content_type, reshaped(EVENTS[kind], chance))


def wire(kind: str, content_type: str) -> Decoder:
    good = EVENTS[kind]
    return Decoder(
        partial(take_events, kind, content_type),
        (EventError,),
        (ENCODERS[content_type](good), ENCODERS[content_type](good[:1])),
        st.lists(SHAPES[kind], max_size=3).map(partial(encoded_or_json, content_type)),
        partial(reshaped_events, kind, content_type),
    )


def packed(encoding: str) -> tuple[bytes, ...]:
    deflate = gzip.compress if "gzip" in encoding else partial(pa.compress, codec=encoding, asbytes=True)
    return tuple(deflate(data) for data in (b"", b"abc" * 100, bytes(range(256)) * 4))


def files() -> dict[str, bytes]:
    given = reference()
    table = pa.table({**given, "event_time": pa.array([NOW] * 60, pa.timestamp("us", tz="UTC"))}).slice(0, 20)
    written: dict[str, bytes] = {}
    for extension, write in {
        ".csv": lambda sink: csv.write_csv(table, sink),
        ".parquet": lambda sink: parquet.write_table(table, sink),
        ".arrow": lambda sink: feather.write_feather(table, sink),
    }.items():
        sink = io.BytesIO()
        write(sink)
        written[extension] = sink.getvalue()
    written[".ndjson"] = b"\n".join(json.dumps(row, default=str).encode() for row in table.to_pylist())
    return written


SETTINGS = b"""
window = "7d"
lateness = "1h"
retrain_on = ["quality", "label_drift"]
max_models = 5
webhook_secret = "whsec_abc"
[privacy]
drop = ["a"]
[privacy.models.m]
drop = ["b"]
[[tokens]]
name = "a"
scopes = ["read"]
hash = "sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"
"""
REQUEST = (
    b"POST /v1/models/m/labels?a=b HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    b"authorization: Bearer a\r\ncontent-length: 2\r\n\r\n[]"
)
QUERY = b"from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00%2B01:00&limit=5&segment=DE&model_version=1&labelled=true"
TOML_VALUES = (
    st.integers(-(2**66), 2**66).map(str) | st.booleans().map(lambda one: str(one).lower()) | st.floats().map(str)
    | st.text(max_size=8).map(json.dumps) | st.just("[]") | st.just("{}") | st.just("1979-05-27") | st.just('["a"]')
    | st.sampled_from(["1d", "0s", "-1d", "1e9d", "9" * 40 + "d", "1 per 90d", "0 per 0d"]).map(json.dumps)
)  # fmt: skip
SETTING_NAMES = st.sampled_from(sorted(Settings.model_fields))
QUERIES = st.lists(
    st.tuples(
        st.sampled_from(["from", "to", "limit", "segment", "model_version", "model", "labelled"]),
        st.binary(max_size=12) | st.sampled_from([b"2026-01-01T00:00:00Z", b"2026-01-01T00:00:00-23:59", b"1e5", b"5"]),
    ),
    max_size=5,
).map(lambda pairs: b"&".join(name.encode() + b"=" + quote_from_bytes(value).encode() for name, value in pairs))


def table() -> Mapping[str, Decoder]:
    """Every decoder by its name."""
    content = json.dumps(json.loads(baseline().to_json())["baseline"]).encode()
    document = baseline().to_json().encode()
    profile = profile_bytes()
    batches = [encode(batch) for batch in spooled()]
    report = dumped({"state": "training", "note": "n", "new_version": "2"})
    texts = st.binary(max_size=60)
    return {
        **{f"{kind} as {name}": wire(kind, name) for name in FORMATS for kind in EVENTS},
        **{name: Decoder(partial(inflate, name), (Damaged, TooLarge), packed(name)) for name in INFLATERS},
        **{
            f"traffic in {name}": Decoder(partial(exchanges.read, name), (EventError,), exchanges.seeds(name))
            for name in exchanges.FORMATS
        },
        **cloudevents(),
        "head before the proxy": Decoder(
            exchanges.read_heads, (Refused,), (*exchanges.HEADS, b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
        ),
        "chunks before the proxy": Decoder(exchanges.read_chunks, (Refused,), exchanges.CHUNKS),
        "baseline document": Decoder(use_baseline, (DriftwatchError, UnicodeDecodeError), (document,)),
        "baseline with a right checksum": Decoder(
            use_baseline, (DriftwatchError, UnicodeDecodeError), (with_checksum(content),),
            JSON_VALUES.map(dumped).map(with_checksum), reshaped_baseline,
        ),
        "performance sums": Decoder(
            read_sums, (ValueError,), sums_bytes(), JSON_VALUES.map(dumped), reshaped_sums
        ),
        "profile": Decoder(read_profile, (ValueError,), (profile,), texts.map(packed_profile), damaged_profile),
        "stored batch": Decoder(decode, (StoreError,), tuple(batches)),
        **{f"{one} file": Decoder(partial(read_file, one), (InputError,), (data,)) for one, data in files().items()},
        "settings": Decoder(
            read_settings, (DriftwatchError,), (SETTINGS,),
            st.lists(st.tuples(SETTING_NAMES, TOML_VALUES), max_size=3).map(
                lambda pairs: "\n".join(f"{name} = {value}" for name, value in pairs).encode("utf-8", "replace")
            ),
        ),
        "map file": Decoder(documents.map_reader(scratch), (InputError,), (documents.MAP,)),
        "recipe": Decoder(documents.read_recipe, (InputError,), (documents.RECIPE,)),
        "JSON path": Decoder(documents.read_json_path, (InputError,), documents.JSON_PATHS),
        "answer of a service": Decoder(documents.read_answer, (ServiceError,), (documents.ANSWER,)),
        "tokens file": Decoder(read_tokens, (DriftwatchError,), (SETTINGS[SETTINGS.index(b"[[") :],)),
        "query of windows": Decoder(ask_windows, (), (QUERY,), QUERIES),
        "query of performance": Decoder(ask_export, (), (QUERY,), QUERIES),
        "address": Decoder(ask_path, (), (b"v1/models/m/baseline", b"static/style.css", b"?model=m"), texts),
        "authorization": Decoder(ask_with_authorization, (), (b"Bearer token", b"Basic YTp0b2tlbg=="), texts),
        "HTTP": Decoder(speak_http, (), (REQUEST, REQUEST * 2, REQUEST.replace(b"localhost", b"x" * 900))),
        "headers": Decoder(ask_of_host, (), (b"http://localhost", b"gzip", b"application/json; charset=utf-8"), texts),
        "baseline by HTTP": Decoder(register, (), (document,), JSON_VALUES.map(dumped), reshaped_baseline),
        "retrain report": Decoder(
            report_retrain, (), (report,), JSON_VALUES.map(dumped),
            lambda chance: dumped(reshaped(json.loads(report), chance)),
        ),
    }  # fmt: skip


def spooled() -> list[Any]:
    """Batches as ingest makes them."""
    ingest, spool = service().ingest, service().spool
    wire_format = FORMATS["application/json"]
    for kind, take in (("predictions", ingest.predictions), ("labels", ingest.labels)):
        decoded = getattr(wire_format, kind)(dumped(EVENTS[kind]))
        take("m", decoded.rows)
    entries = spool.read(0, 100)
    spool.remove_through(entries[-1].sequence)
    return [entry.batch for entry in entries]
