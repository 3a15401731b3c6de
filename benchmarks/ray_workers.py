"""How many pairs a minute Ray's workers explain, beside one process: the same file, by turns.

Needs Ray: `benchmarks/run.py` runs this in an environment of its own (`rival.py make ray`). The
rate of each is that from when each worker has done one piece of 128 pairs, as starting Ray and
opening the model in a worker take the same time for ten million pairs; the time to the first piece
stands beside it. Give as many pairs that pieces are shared out evenly. A worker has one thread. The
processor's time is that of this process and of all that it started.

    python benchmarks/ray_workers.py [--pairs 512] [--workers 1 2] [--rounds 2] [--json FILE]
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from pathlib import Path

import measuring

os.environ.setdefault("RAY_worker_niceness", "0")
TICK = os.sysconf("SC_CLK_TCK")


def used_by_all() -> float:
    """Return the seconds of the processor of this process, and of those that it started."""
    parents, seconds = {}, {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue  # It ended meanwhile.
        pid = int(path.parent.name)
        parents[pid], seconds[pid] = int(fields[1]), sum(map(int, fields[11:15])) / TICK
    ours = {os.getpid()}
    while more := {pid for pid, parent in parents.items() if parent in ours} - ours:
        ours |= more
    return sum(seconds[pid] for pid in ours)


def explain(explainer, path: Path, out: Path, engine: str, workers: int = 1) -> dict[str, float]:
    """Explain the file, and say how fast, and how long it took to the first piece."""
    from whyalike import explain_file

    seen: list[tuple[int, float, float]] = []

    def watch(done: int, _: int) -> None:
        seen.append((done, time.perf_counter(), used_by_all()))

    explain_file(path, out, model=explainer, engine=engine, progress=watch)
    began, *pieces = seen
    first, last = pieces[workers - 1], pieces[-1]
    pairs, seconds, used = (after - before for after, before in zip(last, first, strict=True))
    return {
        "pairs a minute": 60 * pairs / seconds,
        "processor seconds a pair": used / pairs,
        "seconds to the first piece": pieces[0][1] - began[1],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=512)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
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
        with path.open("w", encoding="utf-8") as stream:
            for left, right in measuring.mixed_pairs(asked.pairs, seed=1):
                stream.write(json.dumps({"left": left, "right": right}) + "\n")
        for round_ in range(asked.rounds):
            for count in counts:
                torch.set_num_threads(count)
                name = f"one process, {count} thread{'s' * (count > 1)}"
                out = Path(folder) / f"{round_}-{count}.jsonl"
                one = explain(explainer, path, out, "local")
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
                one = explain(explainer, path, out, "ray", workers)
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
