"""What a server counts, in the text format that Prometheus reads (version 0.0.4)."""

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

Labels = tuple[tuple[str, str], ...]
Reading = tuple[Mapping[str, str], float]

MEDIA = "text/plain; version=0.0.4; charset=utf-8"
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
PIECES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)


@dataclass(slots=True)
class Counter:
    """A number for each combination of labels, which only grows."""

    name: str
    help: str
    values: dict[Labels, float] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, amount: float = 1, **labels: str) -> None:
        """Count."""
        key = _key(labels)
        with self.lock:
            self.values[key] = self.values.get(key, 0) + amount

    def lines(self) -> list[str]:
        """Return the lines of this counter."""
        with self.lock:
            values = dict(self.values)
        return [
            *_head(self.name, self.help, "counter"),
            *(_line(self.name, labels, value) for labels, value in values.items()),
        ]


@dataclass(slots=True)
class Histogram:
    """How many values are at most each bound, and their sum."""

    name: str
    help: str
    bounds: tuple[float, ...]
    values: dict[Labels, list[float]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, value: float, **labels: str) -> None:
        """Take a value in."""
        with self.lock:
            row = self.values.setdefault(_key(labels), [0.0] * (len(self.bounds) + 2))
            for place, bound in enumerate(self.bounds):
                row[place] += value <= bound
            row[-2] += 1
            row[-1] += value

    def lines(self) -> list[str]:
        """Return the lines of this histogram: cumulative buckets, sum and count."""
        with self.lock:
            values = {labels: list(row) for labels, row in self.values.items()}
        said = _head(self.name, self.help, "histogram")
        for labels, row in values.items():
            for bound, count in zip((*map(_number, self.bounds), "+Inf"), row, strict=False):
                said.append(_line(f"{self.name}_bucket", (*labels, ("le", bound)), count))
            said.append(_line(f"{self.name}_sum", labels, row[-1]))
            said.append(_line(f"{self.name}_count", labels, row[-2]))
        return said


@dataclass(frozen=True, slots=True)
class Gauge:
    """Numbers that are read when they are asked for."""

    name: str
    help: str
    read: Callable[[], Iterable[Reading]]
    kind: str = "gauge"

    def lines(self) -> list[str]:
        """Return the lines of this gauge."""
        return [
            *_head(self.name, self.help, self.kind),
            *(_line(self.name, _key(labels), value) for labels, value in self.read()),
        ]


class Metrics:
    """All that a server counts."""

    def __init__(self) -> None:
        self.requests = Counter("whyalike_requests_total", "Requests by route, method and status.")
        self.seconds = Histogram(
            "whyalike_request_seconds", "How long requests took, by route.", SECONDS
        )
        self.explained = Counter(
            "whyalike_explanations_total", "Pairs that a model explained, by model and method."
        )
        self.failed = Counter(
            "whyalike_failures_total", "Pairs that could not be explained, by model and error."
        )
        self.batches = Histogram(
            "whyalike_batch_pairs", "Pairs that went through a model together.", PIECES
        )
        self.refused = Counter(
            "whyalike_refused_total", "Pairs that were refused, by model and reason."
        )
        self.abandoned = Counter(
            "whyalike_abandoned_total", "Pairs whose client went away before they were explained."
        )
        self.gauges: list[Gauge] = []

    def text(self) -> str:
        """Return everything in Prometheus's text format."""
        parts: tuple[Counter | Histogram | Gauge, ...] = (
            self.requests,
            self.seconds,
            self.explained,
            self.failed,
            self.batches,
            self.refused,
            self.abandoned,
            *self.gauges,
        )
        return "\n".join(line for part in parts for line in part.lines()) + "\n"


def _key(labels: Mapping[str, str]) -> Labels:
    return tuple(sorted(labels.items()))


def _head(name: str, says: str, kind: str) -> list[str]:
    return [f"# HELP {name} {says}", f"# TYPE {name} {kind}"]


def _line(name: str, labels: Labels, value: float) -> str:
    told = ",".join(f'{key}="{_escaped(said)}"' for key, said in labels)
    return f"{name}{{{told}}} {_number(value)}" if told else f"{name} {_number(value)}"


def _escaped(said: str) -> str:
    return said.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(float(value))
