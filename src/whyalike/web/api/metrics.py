"""What a server counts, for Prometheus: in a registry of its own, so that two servers are apart."""

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, CollectorRegistry, Counter, Histogram
from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from whyalike.web.api.kept import KeptResults
from whyalike.web.api.work_queue import WorkQueue

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

MEDIA = CONTENT_TYPE_PLAIN_0_0_4
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
PAIRS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
METHODS = frozenset({"GET", "HEAD", "POST", "OPTIONS", "PUT", "DELETE", "PATCH"})


class Metrics:
    """All that a server counts."""

    def __init__(self) -> None:
        self.registry = own = CollectorRegistry(auto_describe=True)
        self.requests = Counter(
            "whyalike_requests_total",
            "Requests by route, method and status.",
            ("method", "route", "status"),
            registry=own,
        )
        self.seconds = Histogram(
            "whyalike_request_seconds",
            "How long requests took, by route.",
            ("route",),
            buckets=SECONDS,
            registry=own,
        )
        self.explained = Counter(
            "whyalike_explanations_total",
            "Pairs that a model explained, by model and method.",
            ("method", "model"),
            registry=own,
        )
        self.failed = Counter(
            "whyalike_failures_total",
            "Pairs that could not be explained, by model and error.",
            ("error", "model"),
            registry=own,
        )
        self.batches = Histogram(
            "whyalike_batch_pairs",
            "Pairs that went through a model together.",
            ("model",),
            buckets=PAIRS,
            registry=own,
        )
        self.refused = Counter(
            "whyalike_refused_total",
            "Pairs that were refused, by model and reason.",
            ("model", "reason"),
            registry=own,
        )
        self.abandoned = Counter(
            "whyalike_abandoned_total",
            "Pairs whose client went away before they were explained.",
            ("model",),
            registry=own,
        )

    def watch(self, queue: WorkQueue, kept: KeptResults) -> None:
        """Show what moves on a queue, and what is kept, whenever the metrics are read."""
        self.registry.register(_Watched(queue, kept))

    def text(self) -> bytes:
        """Return everything in Prometheus's text format."""
        return generate_latest(self.registry)


class _Watched(Collector):
    """What is read of a queue and of kept results when it is asked for."""

    def __init__(self, queue: WorkQueue, kept: KeptResults) -> None:
        self._queue, self._kept = queue, kept

    def collect(self) -> Iterable[Metric]:
        state, kept = self._queue.state, self._kept
        return [
            GaugeMetricFamily("whyalike_waiting", "Pairs that wait.", self._queue.waiting),
            GaugeMetricFamily(
                "whyalike_waiting_seconds",
                "Since the oldest that waits came.",
                state.waiting_seconds,
            ),
            GaugeMetricFamily("whyalike_running", "Batches that began.", state.running),
            GaugeMetricFamily(
                "whyalike_still_seconds",
                "Since anything moved, while there is something to do.",
                state.still_seconds,
            ),
            CounterMetricFamily(
                "whyalike_slices_total", "Slices of work that were done.", state.slices
            ),
            GaugeMetricFamily("whyalike_kept_bytes", "Of kept results.", kept.bytes),
            GaugeMetricFamily("whyalike_kept_results", "Kept results.", len(kept)),
            CounterMetricFamily(
                "whyalike_kept_hits_total", "Requests that a kept result answered.", kept.hits
            ),
            CounterMetricFamily(
                "whyalike_kept_misses_total",
                "Requests that no kept result answered.",
                kept.misses,
            ),
        ]


class Measured:
    """ASGI middleware that counts requests by their route: strangers can't add any."""

    def __init__(self, app: "ASGIApp", metrics: Metrics) -> None:
        self.app, self.metrics = app, metrics

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Answer as the app does, and count it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, status = time.perf_counter(), 500

        async def send_and_note(message: "Message") -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, send_and_note)
        finally:
            route = str(getattr(scope.get("route"), "path", "other"))
            method = scope["method"] if scope["method"] in METHODS else "other"
            self.metrics.requests.labels(method, route, str(status)).inc()
            self.metrics.seconds.labels(route).observe(time.perf_counter() - began)
