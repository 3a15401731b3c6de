"""How many pairs a minute Ray's workers explain, beside one process: the same file, by turns.

Needs Ray: `benchmarks/run.py` runs this in an environment of its own (`rival.py make ray`). The
rate of each is that of the pairs that a whole file has beyond a short one, of a piece of 128 pairs
a worker: starting Ray and opening the model in a worker take the same time for ten million pairs,
and stand beside it as the time to the first piece. Ray hands finished pieces on in bursts, so that
no rate can be read within a run. More workers need as many cores and many more pairs: on two cores
the second one is still starting when 512 pairs are done. A worker has one thread.

    python benchmarks/ray_workers.py [--pairs 512] [--workers 1] [--rounds 2] [--json FILE]
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
PIECE = 128


def explain(explainer, path: Path, out: Path, engine: str) -> tuple[float, float]:
    """Explain the file, and return the seconds to the first piece and to the last."""
    from whyalike import explain_file

    seen: list[float] = []
    explain_file(
        path,
        out,
        model=explainer,
        engine=engine,
        progress=lambda *_: seen.append(time.perf_counter()),
    )
    began, *pieces = seen
    return pieces[0] - began, pieces[-1] - began


def compared(explainer, files, out: Path, engine: str, *, workers: int, pairs: int):
    """Explain a short file and a whole one; return the rate of what the whole one has besides."""
    short, whole = files
    _, least = explain(explainer, short[workers], out.with_suffix(".short.jsonl"), engine)
    first, most = explain(explainer, whole, out, engine)
    return {
        "pairs a minute": 60 * (pairs - PIECE * workers) / (most - least),
        "seconds to the first piece": first,
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
        rows = [
            json.dumps({"left": left, "right": right}) + "\n"
            for left, right in measuring.mixed_pairs(asked.pairs, seed=1)
        ]
        path.write_text("".join(rows), encoding="utf-8")
        short = {}
        for workers in {1, *asked.workers}:
            short[workers] = Path(folder) / f"short{workers}.jsonl"
            short[workers].write_text("".join(rows[: PIECE * workers]), encoding="utf-8")
        files = short, path
        for round_ in range(asked.rounds):
            for count in counts:
                torch.set_num_threads(count)
                name = f"one process, {count} thread{'s' * (count > 1)}"
                out = Path(folder) / f"{round_}-{count}.jsonl"
                one = compared(explainer, files, out, "local", workers=1, pairs=asked.pairs)
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
                one = compared(explainer, files, out, "ray", workers=workers, pairs=asked.pairs)
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
