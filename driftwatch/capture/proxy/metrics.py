"""What the proxy tells Prometheus, on a port of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

_BUCKETS = (0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.05, 0.25)

OUTCOMES = ("ok", "client_error", "server_error", "no_answer", "cancelled")
"""What became of a prediction. ``no_answer``: the model server was away, too slow, or broke off."""


class ProxyMetrics:
    """The counters that traffic moves.

    Parameters
    ----------
    model
        The value of the label ``model``.
    registry
        Where they are collected.
    """

    def __init__(self, model: str, registry: CollectorRegistry) -> None:
        requests = Counter(
            "driftwatch_proxy_requests", "Requests by the class of their status.", ["status"], registry=registry
        )
        self._by_class = [requests.labels(f"{hundred}xx") for hundred in range(1, 6)]
        failures = Counter(
            "driftwatch_proxy_failures",
            "Requests that the proxy answered in the model server's place, or broke off, by reason.",
            ["reason"],
            registry=registry,
        )
        self._failures = failures
        predictions = Counter(
            "driftwatch_proxy_predictions",
            "Requests for predictions, by what became of them.",
            ["model", "outcome"],
            registry=registry,
        )
        self._predictions = {outcome: predictions.labels(model, outcome) for outcome in OUTCOMES}
        self.overhead = Histogram(
            "driftwatch_proxy_overhead_seconds",
            "Time that the proxy added to a request: to pass it on, and to pass its answer's head back.",
            buckets=_BUCKETS,
            registry=registry,
        )
        self.connections = Gauge(
            "driftwatch_proxy_client_connections", "Open connections of clients.", registry=registry
        )

    def request(self, status: int) -> None:
        """Count a request."""
        self._by_class[min(5, max(1, status // 100)) - 1].inc()

    def failure(self, reason: str) -> None:
        """Count a request that the model server did not (wholly) answer."""
        self._failures.labels(reason).inc()

    def prediction(self, outcome: str) -> None:
        """Count a request for predictions."""
        self._predictions[outcome].inc()


class CaptureMetrics(Collector):
    """What became of the copies, read when somebody scrapes.

    Parameters
    ----------
    model
        The value of the label ``model``.
    captured, unnamed
        Give the number of events that were read, and of exchanges whose features had no names.
    dropped
        Gives what was dropped, by reason.
    """

    def __init__(
        self,
        model: str,
        captured: Callable[[], int],
        unnamed: Callable[[], int],
        dropped: Callable[[], Mapping[str, int]],
    ) -> None:
        self._model = model
        self._captured = captured
        self._unnamed = unnamed
        self._dropped = dropped

    def collect(self) -> Iterable[Metric]:
        """See `Collector`."""
        yield self._counter("captured", "Events that were read from the traffic.", self._captured())
        yield self._counter(
            "unnamed", "Requests whose features were called x0, x1 and so on, as nobody named them.", self._unnamed()
        )
        dropped = CounterMetricFamily(
            "driftwatch_proxy_dropped", "What passed and was not logged, by reason.", labels=["model", "reason"]
        )
        for reason, count in sorted(self._dropped().items()):
            dropped.add_metric([self._model, reason], count)
        yield dropped

    def _counter(self, name: str, text: str, value: int) -> Metric:
        family = CounterMetricFamily(f"driftwatch_proxy_{name}", text, labels=["model"])
        family.add_metric([self._model], value)
        return family


__all__ = ["OUTCOMES", "CaptureMetrics", "ProxyMetrics"]
