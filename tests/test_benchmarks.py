"""What the benchmarks share: medians of ratios of neighbours, and the page made of their results."""

import json
import sys
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


def test_the_page_holds_what_the_results_say_and_names_what_was_not_run(shared, tmp_path):
    _, page = shared
    results = tmp_path / "results"
    results.mkdir()
    machine = {
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
    about = {"machine": machine, "command": "python benchmarks/x.py", "processor_seconds": 7.0}
    one = {
        "processor_seconds": 0.1,
        "clock_seconds": 2.0,
        "processor_ratio": 1.234,
        "clock_ratio": 1.3,
        "least_ratio": 1.1,
        "greatest_ratio": 1.4,
        "rounds": 5,
    }
    batch = {"pairs": 256, "against": {"bare": {"whyalike": one}}}
    written = {
        "batch": {**about, "batch": batch},
        "methods": {**about, "output": "method  x\nbti  2.4\n", "quick": True},
    }
    for name, found in written.items():
        (results / f"{name}.json").write_text(json.dumps(found), encoding="utf-8")
    out = tmp_path / "page.md"
    page.write_page(out, results, order=["batch", "methods", "serve"], not_run={"y.py": "a model"})
    said = out.read_text(encoding="utf-8")
    assert "| whyalike | 100 ms | 2 s | **1.23** | 1.1 to 1.4 | 5 |" in said
    assert "```text\nmethod  x\nbti  2.4\n```" in said
    assert "Some Processor (avx2)" in said
    assert "2026-01-02 03:04 UTC, 2 threads, load 1.5" in said
    assert said.count("a short run") == 1
    assert "## Not run here\n\n`serve`." in said
    assert "`y.py` needs a model" in said
