"""What a server counts of what moves on its lane, and of what it keeps."""

from whyalike.web.api.kept import KeptResults
from whyalike.web.api.lane import Lane
from whyalike.web.api.metrics import Gauge


def gauges(lane: Lane, kept: KeptResults) -> list[Gauge]:
    """Return what is read of a lane and of kept results when it is asked for."""
    return [
        Gauge("whyalike_waiting", "Pairs that wait.", lambda: [({}, lane.waiting)]),
        Gauge(
            "whyalike_waiting_seconds",
            "Since the oldest that waits came.",
            lambda: [({}, lane.state.waiting_seconds)],
        ),
        Gauge("whyalike_running", "Batches that began.", lambda: [({}, lane.state.running)]),
        Gauge(
            "whyalike_still_seconds",
            "Since anything moved, while there is something to do.",
            lambda: [({}, lane.state.still_seconds)],
        ),
        Gauge(
            "whyalike_slices_total",
            "Slices of work that were done.",
            lambda: [({}, lane.state.slices)],
            kind="counter",
        ),
        Gauge("whyalike_kept_bytes", "Of kept results.", lambda: [({}, kept.bytes)]),
        Gauge("whyalike_kept_results", "Kept results.", lambda: [({}, len(kept))]),
        Gauge(
            "whyalike_kept_hits_total",
            "Requests that a kept result answered.",
            lambda: [({}, kept.hits)],
            kind="counter",
        ),
        Gauge(
            "whyalike_kept_misses_total",
            "Requests that no kept result answered.",
            lambda: [({}, kept.misses)],
            kind="counter",
        ),
    ]
