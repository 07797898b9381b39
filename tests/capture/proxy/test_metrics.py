"""The proxy's metrics, and that the documentation knows them all."""

from __future__ import annotations

import re
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest

from driftwatch.capture.buffer import Dropped
from driftwatch.capture.proxy.metrics import OUTCOMES, CaptureMetrics, ProxyMetrics
from tests.capture.proxy.wires import ModelServer, Start, eventually

PAGE = (Path(__file__).parents[3] / "docs" / "proxy.md").read_text()


def exposed() -> CollectorRegistry:
    registry = CollectorRegistry()
    ProxyMetrics("m", registry)
    registry.register(CaptureMetrics("m", lambda: 7, lambda: 2, lambda: {"buffer_full": 3}))
    return registry


def test_every_metric_is_documented() -> None:
    names = set(re.findall(r"^# TYPE (\S+) (?:counter|gauge|histogram)$", generate_latest(exposed()).decode(), re.M))
    names = {one for one in names if not one.endswith("_created")}
    assert len(names) == 8
    assert {one for one in names if one not in PAGE} == set()


def test_every_reason_and_outcome_is_documented() -> None:
    reasons = {one.value for one in Dropped} | {"too_large", "unrecognised", "unparsable", "defect"} | set(OUTCOMES)
    assert {one for one in reasons if f"`{one}`" not in PAGE} == set()


def test_what_became_of_the_copies_is_read_at_a_scrape() -> None:
    registry = exposed()
    assert registry.get_sample_value("driftwatch_proxy_captured_total", {"model": "m"}) == 7
    assert registry.get_sample_value("driftwatch_proxy_unnamed_total", {"model": "m"}) == 2
    assert registry.get_sample_value("driftwatch_proxy_dropped_total", {"model": "m", "reason": "buffer_full"}) == 3


def test_requests_and_the_time_that_the_proxy_adds_are_counted(start: Start, model_server: ModelServer) -> None:
    model_server.answer(lambda head, body: b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n")
    running = start()
    client = running.connect()
    for _ in range(3):
        client.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        client.until(b"\r\n\r\n")
    assert eventually(lambda: running.value("requests_total", status="4xx") == 3)
    assert running.value("overhead_seconds_count") == 3
    assert 0 < running.value("overhead_seconds_sum") < 1
    assert running.value("client_connections") == 1
