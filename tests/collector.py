"""A collector of OpenTelemetry on loopback, as the exporters speak to it: OTLP over HTTP."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from support import PATIENCE

Labels = dict[str, Any]


class Collector:
    """What was sent to it; `raw` holds every byte of that."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.raw: list[bytes] = []
        self._spans: list[Any] = []
        self._metrics: list[Any] = []
        self._resources: list[Labels] = []
        self._changed = threading.Condition()

    def receive(self, path: str, body: bytes) -> None:
        """One request of an exporter."""
        with self._changed:
            self.raw.append(body)
            if path == "/v1/traces":
                traces = ExportTraceServiceRequest.FromString(body)
                for resource in traces.resource_spans:
                    self._resources.append(_labels(resource.resource.attributes))
                    for scope in resource.scope_spans:
                        self._spans += scope.spans
            elif path == "/v1/metrics":
                metrics = ExportMetricsServiceRequest.FromString(body)
                self._metrics += [
                    metric
                    for resource in metrics.resource_metrics
                    for scope in resource.scope_metrics
                    for metric in scope.metrics
                ]
            self._changed.notify_all()

    def wait_for(self, there: Callable[[], bool]) -> None:
        """Wait until this holds of what has come."""
        with self._changed:
            assert self._changed.wait_for(there, PATIENCE), "the collector waits in vain"

    def spans(self, name: str) -> list[Any]:
        """The spans of this name, in the order in which they came."""
        return [span for span in self._spans if span.name == name]

    def resource(self) -> Labels:
        """What the process says of itself."""
        return self._resources[-1]

    def names(self) -> set[str]:
        """The names of the metrics."""
        return {metric.name for metric in self._metrics}

    def labels(self) -> set[str]:
        """Every value of a metric's label, whatever the metric."""
        return {
            str(value)
            for metric in self._metrics
            for point in _points(metric)
            for value in _labels(point.attributes).values()
        }

    def value(self, name: str, **labels: Any) -> float | None:
        """The newest value of a metric with these labels among others; of a histogram, the count.

        Values of several points are added, as a dashboard would.
        """
        for metric in reversed(self._metrics):
            if metric.name == name:
                found = [
                    point
                    for point in _points(metric)
                    if labels.items() <= _labels(point.attributes).items()
                ]
                return sum(map(_value, found)) if found else None
        return None


def _points(metric: Any) -> list[Any]:
    return list(getattr(metric, metric.WhichOneof("data")).data_points)


def _value(point: Any) -> float:
    if hasattr(point, "count"):
        return int(point.count)
    return float(getattr(point, point.WhichOneof("value")))


def _labels(attributes: Any) -> Labels:
    return {
        pair.key: getattr(pair.value, pair.value.WhichOneof("value") or "string_value")
        for pair in attributes
    }


labels_of = _labels


@contextmanager
def collecting() -> Iterator[Collector]:
    """A collector that listens, until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            collector.receive(self.path, body)
            self.send_response(200)
            self.send_header("content-type", "application/x-protobuf")
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    collector = Collector(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield collector
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
