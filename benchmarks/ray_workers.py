"""How many pairs a minute Ray's workers explain, beside one process: the same file, by turns.

Needs Ray: `benchmarks/run.py` runs this in an environment of its own (`rival.py make ray`). Each
piece of 128 pairs says who made it, and from when to when; the rate is that of the time in which
all workers are at work: from when the last of them has its first piece, to when the first of them
has made its last. So neither the start of Ray nor that of a worker is in it; the time to the
first piece stands beside. Where some worker had no piece in that time, there were too few pairs,
and it is said. A worker has one thread, and needs a core; the writer and reader need little.

    python benchmarks/ray_workers.py [--pairs 512] [--workers 1] [--rounds 2] [--json FILE]
    python benchmarks/ray_workers.py --pairs 4096 --workers 1 2        # on two cores and more
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import measuring

from whyalike.batch.run import PairsRun
from whyalike.batch.source import PairSource
from whyalike.engines.runner import choose_runner

os.environ.setdefault("RAY_worker_niceness", "0")


@dataclass
class Span:
    """Who made a piece of so many pairs, and from when to when, in seconds since the epoch."""

    worker: int
    began: float
    ended: float
    pairs: int


@dataclass
class Watched:
    """A runner that keeps the spans of the pieces of another one."""

    runner: Callable
    spans: list[Span] = field(default_factory=list)

    def __call__(self, pieces, make):
        for span, done in self.runner(pieces, partial(make_timed, make)):
            self.spans.append(Span(*span))
            yield done


def make_timed(make):
    """Return what makes a piece, and says, in the order of Span, who did and how long it took.

    Not as a Span: of what this script defines, a worker's process knows nothing.
    """
    function = make()

    def timed(piece):
        began = time.time()
        done = function(piece)
        return (os.getpid(), began, time.time(), len(piece.rows)), done

    return timed


def steady_rate(spans: list[Span], *, workers: int) -> float:
    """Return the pairs a second of the time in which all workers are at work.

    A piece that is made partly in that time counts by that part.
    """
    mine: dict[int, list[Span]] = {}
    for span in spans:
        mine.setdefault(span.worker, []).append(span)
    start = max(min(span.began for span in own) for own in mine.values())
    end = min(max(span.ended for span in own) for own in mine.values())
    if len(mine) < workers or end <= start:
        raise SystemExit(f"{len(mine)} of {workers} workers had a piece at once: give more --pairs")
    made = sum(
        span.pairs
        * max(0, min(end, span.ended) - max(start, span.began))
        / (span.ended - span.began)
        for span in spans
    )
    return made / (end - start)


def measured(explainer, path: Path, out: Path, engine: str, *, workers: int):
    """Explain the file; return its steady rate, and when the first piece was there."""
    runner, began = Watched(choose_runner(engine)), time.time()
    PairsRun(PairSource(path), out).explain(explainer, runner=runner)
    return {
        "pairs a minute": 60 * steady_rate(runner.spans, workers=workers),
        "seconds to the first piece": min(span.ended for span in runner.spans) - began,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=512)
    parser.add_argument("--workers", type=int, nargs="+", default=[1])
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    import ray
    import torch

    from whyalike import Explainer

    explainer = Explainer("all-MiniLM-L6-v2")
    explainer.explain("warm gloves", "woollen mittens")
    threads = torch.get_num_threads()
    counts = list(dict.fromkeys((1, threads)))
    found: dict[str, list[dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pairs.jsonl"
        rows = (
            json.dumps({"left": left, "right": right}) + "\n"
            for left, right in measuring.mixed_pairs(asked.pairs, seed=1)
        )
        path.write_text("".join(rows), encoding="utf-8")
        for round_ in range(asked.rounds):
            for count in counts:
                torch.set_num_threads(count)
                name = f"one process, {count} thread{'s' * (count > 1)}"
                out = Path(folder) / f"{round_}-{count}.jsonl"
                one = measured(explainer, path, out, "local", workers=1)
                found.setdefault(name, []).append(one)
                print(f"{name}: {json.dumps(one)}", flush=True)
            torch.set_num_threads(threads)
            for workers in asked.workers:
                name = f"Ray, {workers} worker{'s' * (workers > 1)}"
                out = Path(folder) / f"{round_}-ray{workers}.jsonl"
                # One CPU is left to the writer: so many that it leaves as many workers.
                ray.init(
                    "local",
                    num_cpus=workers + 1,
                    include_dashboard=False,
                    logging_level="ERROR",
                    log_to_driver=False,
                )
                one = measured(explainer, path, out, "ray", workers=workers)
                ray.shutdown()
                found.setdefault(name, []).append(one)
                print(f"{name}: {json.dumps(one)}", flush=True)
                same = out.read_bytes() == (Path(folder) / f"{round_}-1.jsonl").read_bytes()
                print(f"the same bytes as one process with one thread: {same}", flush=True)
    by = f"one process, {counts[0]} thread"
    figures = {
        name: {
            **{key: statistics.median(one[key] for one in rounds) for key in rounds[0]},
            "ratio": statistics.median(
                one["pairs a minute"] / other["pairs a minute"]
                for one, other in zip(rounds, found[by], strict=True)
            ),
            "rounds": len(rounds),
        }
        for name, rounds in found.items()
    }
    measuring.keep(asked.json, {"ray": {"pairs": asked.pairs, "by": by, "against": figures}})


if __name__ == "__main__":
    main()
