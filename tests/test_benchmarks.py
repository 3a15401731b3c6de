"""What the benchmarks share: medians of ratios of neighbours, and the page made of their results."""

import json
import sys
import threading
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"


@pytest.fixture
def shared(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import measuring
    import page

    yield measuring, page
    for name in ("measuring", "page"):
        sys.modules.pop(name, None)


def test_a_ratio_is_the_median_of_those_of_neighbours(shared):
    measuring, _ = shared
    # The machine was ten times slower in the second round: neighbours say 2, 2 and 3.
    timed = [
        {"one": (1.0, 2.0), "other": (2.0, 4.0)},
        {"one": (10.0, 20.0), "other": (20.0, 60.0)},
        {"one": (1.0, 2.0), "other": (3.0, 4.0)},
    ]
    found = measuring.summary(timed, by="one")["other"]
    assert found["processor_ratio"] == 2.0
    assert found["clock_ratio"] == 2.0
    assert found["processor_seconds"] == 3.0
    assert (found["least_ratio"], found["greatest_ratio"]) == (2.0, 3.0)


def test_runs_take_turns_at_being_first_and_the_warm_round_does_not_count(shared):
    measuring, _ = shared
    order = []
    runs = {name: (lambda name=name: order.append(name)) for name in "abc"}
    timed = measuring.take_turns(runs, 2, warm=1)
    assert order == list("abc" + "bca" + "cab")
    assert [list(round_) for round_ in timed] == [list("abc"), list("abc")]


def test_a_run_of_another_process_says_its_seconds_itself(shared):
    measuring, _ = shared
    assert measuring.once(lambda: (0.5, 0.25)) == (0.5, 0.25)


def test_texts_have_the_words_that_were_asked_for(shared):
    measuring, _ = shared
    assert [len(text.split()) for text in measuring.mixed_texts([1, 60, 9000])] == [1, 60, 9000]
    assert measuring.mixed_pairs(3, seed=1) == measuring.mixed_pairs(3, seed=1)
    assert measuring.mixed_pairs(3, seed=1) != measuring.mixed_pairs(3, seed=2)


MACHINE = {
    "date": "2026-01-02 03:04 UTC",
    "processor": "Some Processor (avx2)",
    "cores": 4,
    "gpu": None,
    "load": [1.5, 1.0, 1.0],
    "threads": 2,
    "python": "3.12",
    "torch": "2.6",
    "transformers": "4.56",
    "sentence_transformers": "5.1",
}
ABOUT = {"machine": MACHINE, "command": "python benchmarks/x.py", "processor_seconds": 7.0}
ONE = {
    "processor_seconds": 0.1,
    "clock_seconds": 2.0,
    "processor_ratio": 1.234,
    "clock_ratio": 1.3,
    "least_ratio": 1.1,
    "greatest_ratio": 1.4,
    "rounds": 5,
}
BATCH = {"pairs": 256, "against": {"bare, rows by length": {"whyalike": ONE}}}


def page_of(page, tmp_path, written, **more):
    """Write the page of some results, and return it."""
    results = tmp_path / "results"
    results.mkdir()
    for name, found in written.items():
        (results / f"{name}.json").write_text(json.dumps(found), encoding="utf-8")
    out = tmp_path / "page.md"
    order = ["batch", "methods", "serve", "stores"]
    page.write_page(out, results, order=order, not_run={"y.py": "a model"}, **more)
    return out.read_text(encoding="utf-8")


def test_the_page_holds_what_the_results_say_and_names_what_was_not_run(shared, tmp_path):
    _, page = shared
    written = {
        "batch": {**ABOUT, "batch": BATCH},
        "methods": {**ABOUT, "output": "method  x\nbti  2.4\n", "quick": True},
        "stores": {"failed": "it ended with 1"},
    }
    said = page_of(page, tmp_path, written, why={"serve": "needs a server"}, gpu="x.py runs there")
    assert "| **1.23** | whyalike | 1.1 to 1.4 | 1.3 | 100 ms | 2 s | 5 |" in said
    assert "÷ bare passes over rows by length | **1.23** | 1.3 |" in said
    assert "```text\nmethod  x\nbti  2.4\n```" in said
    assert "Some Processor (avx2)" in said
    assert "2026-01-02 03:04 UTC, 2 threads, load 1.5" in said
    assert said.count("a short run") == 1
    _, missing = said.split("## What did not run here, and why")
    assert "- `serve`: needs a server." in missing
    assert "- `stores`: failed: it ended with 1." in missing
    assert "On a GPU: nothing, as none was at hand; x.py runs there." in missing
    assert "`y.py` needs a model" in missing
    assert "`batch`" not in missing


def test_the_page_says_which_result_is_a_part_and_which_is_older(shared, tmp_path):
    _, page = shared
    stopped = {**ABOUT, "batch": BATCH, "partial": "it was stopped after 9 minutes"}
    older = {**ABOUT, "output": "bti 2.4\n", "failed": "it ended with 1"}
    other = {**ABOUT, "serve": {"rates": {}}}
    said = page_of(page, tmp_path, {"batch": stopped, "methods": older, "serve": other})
    assert said.count("A result of an older version of this benchmark: run it again.") == 1
    batch, methods = said.split("## What does each method cost")
    assert "This is what it found until it was stopped after 9 minutes." in batch
    assert "A later run failed: it ended with 1." in methods


@pytest.fixture
def suite(shared, monkeypatch, tmp_path):
    """The suite, whose scripts and results are in a temporary folder."""
    import run

    for name, folder in (("HERE", tmp_path), ("RESULTS", tmp_path / "results")):
        monkeypatch.setattr(run, name, folder)
    run.RESULTS.mkdir()
    yield run
    for name in ("run", "rival"):
        sys.modules.pop(name, None)


def run_script(suite, text, **named):
    """Run a script as a benchmark; return why it failed, and what is kept of it."""
    (suite.HERE / "it.py").write_text(text, encoding="utf-8")
    failed = suite.run(suite.Benchmark("it", "it.py", **named), quick=False, data=None)
    return failed, json.loads((suite.RESULTS / "it.json").read_text(encoding="utf-8"))


WRITES = """
import json, pathlib, sys
found = {"machine": {"gpu": None}, "it": [1], "folder": str(pathlib.Path(__file__).parent / "a")}
pathlib.Path(sys.argv[-1]).write_text(json.dumps(found))
"""


def test_a_figure_that_misses_what_is_asked_of_it_is_a_result(suite):
    failed, kept = run_script(suite, WRITES + "sys.exit(3)", figures=True)
    assert failed is None
    assert (kept["it"], kept["partial"]) == ([1], "")


def test_what_a_benchmark_found_before_it_failed_is_kept_as_a_part(suite):
    failed, kept = run_script(suite, WRITES + "sys.exit(1)", figures=True)
    assert failed == kept["partial"] == "it ended with 1"
    assert kept["it"] == [1]


def test_a_benchmark_that_takes_too_long_is_stopped(suite, monkeypatch):
    new = suite.RESULTS / "it.new.json"

    class AsSoonAsItWrote(threading.Thread):
        """In place of a timer: ends when figures are there."""

        def __init__(self, _, call):
            super().__init__(target=lambda: (self.wait_for_figures(), call()))

        def wait_for_figures(self):
            while not new.exists() or not new.read_text(encoding="utf-8").endswith("}"):
                threading.Event().wait(0.01)

        def cancel(self):
            self.join()

    monkeypatch.setattr(suite.threading, "Timer", AsSoonAsItWrote)
    text = WRITES + "import threading; threading.Event().wait()"
    failed, kept = run_script(suite, text, figures=True, minutes=0)
    assert failed.startswith("it was stopped after")
    assert kept["it"] == [1]


def test_a_failure_stands_beside_an_older_result(suite):
    _, kept = run_script(suite, "print('older')")
    assert kept["output"] == "older\n"
    failed, kept = run_script(suite, "raise SystemExit(2)")
    assert failed == kept["failed"] == "it ended with 2"
    assert kept["output"] == "older\n"


def test_results_hold_no_folder_of_the_machine(suite):
    _, kept = run_script(suite, WRITES, figures=True)
    assert str(suite.HERE.parent) not in json.dumps(kept)


def test_the_phases_that_are_timed_are_functions_that_are_there(shared):
    import limit

    for phase, where, name in limit.places_of_phases():
        assert callable(getattr(where, name, None)), phase
    sys.modules.pop("limit", None)


def test_every_script_is_in_the_suite_or_said_to_be_left_out(shared):
    import run

    parts = {"measuring.py", "page.py", "rival.py", "run.py"}
    named = {one.command.split()[0] for one in run.SUITE} | {
        name.split()[0] for name in run.NOT_RUN
    }
    assert {path.name for path in BENCHMARKS.glob("*.py")} - parts == named - parts
    for name in ("run", "rival"):
        sys.modules.pop(name, None)
