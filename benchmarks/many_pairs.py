"""How fast a file of pairs is explained, and what memory it takes, from 10^2 pairs upward.

Each file is explained in a process of its own, by the packaged model; the memory is that of the
process when a tenth, half and all of the rows are done. What more pairs would take is computed
from the rate of the largest file, and labelled so.

    python benchmarks/many_pairs.py [--sizes 100 1000] [--computed 10000 100000] [--json FILE]
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import measuring


def explain(path: Path, out: Path, threads: int | None, device: str) -> None:
    """In a process of its own: explain a file, and print what it took."""
    import torch

    from whyalike import Explainer
    from whyalike.batch.run import PairsRun
    from whyalike.batch.source import PairSource

    if threads:
        torch.set_num_threads(threads)
    explainer = Explainer("all-MiniLM-L6-v2", device=device)
    explainer.explain("warm gloves", "woollen mittens")
    memory: dict[str, float] = {}

    def watch(done: int, total: int) -> None:
        for part in (0.1, 0.5, 1.0):
            if done >= part * total:
                memory.setdefault(f"{part:.0%}", round(resident(), 1))

    before, used, began = resident(), time.process_time(), time.perf_counter()
    report = PairsRun(PairSource(path), out).explain(explainer, progress=watch)
    said = {
        "explained": report.explained,
        "clock_seconds": time.perf_counter() - began,
        "processor_seconds": time.process_time() - used,
        "memory before, MB": round(before, 1),
        "memory, MB": memory,
        "output, MB": round(out.stat().st_size / 1e6, 1),
    }
    print(json.dumps(said))


def resident() -> float:
    """Return the megabytes that this process holds."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 1000])
    parser.add_argument("--computed", type=int, nargs="*", default=[10_000, 100_000])
    parser.add_argument("--threads", type=int)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--explain", nargs=2, type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.explain:
        explain(*asked.explain, asked.threads, asked.device)
        return
    found: dict[str, dict[str, object]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for size in asked.sizes:
            path = Path(folder) / f"{size}.jsonl"
            with path.open("w", encoding="utf-8") as stream:
                for left, right in measuring.mixed_pairs(size, seed=size):
                    stream.write(json.dumps({"left": left, "right": right}) + "\n")
            own = [str(path), str(path.with_suffix(".out.jsonl"))]
            more = ["--threads", str(asked.threads)] if asked.threads else []
            command = [sys.executable, __file__, "--explain", *own, *more, "--device", asked.device]
            said = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
            one = json.loads(said.splitlines()[-1])
            for name in ("clock", "processor"):
                one[f"pairs a minute of the {name}"] = round(60 * size / one[f"{name}_seconds"])
            found[f"{size:,}"] = one
            print(f"{size:,} pairs: {json.dumps(one)}", flush=True)
    rate = asked.sizes[-1] / one["processor_seconds"]
    for size in asked.computed:
        minutes = round(size / rate / 60, 1)
        found[f"{size:,} (computed)"] = {"minutes of the processor": minutes}
        print(f"{size:,} pairs, computed: {minutes} minutes of the processor")
    measuring.keep(asked.json, {"many_pairs": found})


if __name__ == "__main__":
    main()
