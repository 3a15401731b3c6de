"""assert_found and baselines: they pass, fail with reasons in words, and are written in one call."""

import json
import os
import subprocess
import sys

import pytest

from raising import assert_says, raises
from whyalike import CatalogueIndex, Explainer, Item
from whyalike.errors import FormatError, OptionError
from whyalike.testing import assert_found, assert_no_regression, write_baseline

WORDS = ("warm", "cold", "gloves", "boots", "wool")


def bag(texts):
    """A model that counts these words."""
    return [[0.1, *(float(text.lower().split().count(word)) for word in WORDS)] for text in texts]


def colder(texts):
    """The same, but that cold counts for little."""
    return [[row[0], row[1], 0.1 * row[2], *row[3:]] for row in bag(texts)]


ITEMS = [
    Item("a", "Mittens", "warm wool gloves"),
    Item("b", "Wellingtons", "cold boots"),
    Item("c", "Slippers", "warm boots"),
    Item("d", "Liners", "wool gloves"),
]


@pytest.fixture
def index(tmp_path):
    return CatalogueIndex.build(
        ITEMS, tmp_path / "idx", model=Explainer(embed=bag), fields=("description",)
    )


def test_an_item_is_found_or_it_is_said_why_not(index):
    assert_found(index, "warm gloves", "a", k=1)
    assert_found(index, "warm gloves", "b", k=4)
    with pytest.raises(AssertionError) as failure:
        assert_found(index, "warm gloves", "b", k=2)
    said = str(failure.value)
    assert_says(said, "'b'", "Wellingtons", "number 4 of 4", "first 2", "'a'")
    # The words that put another one first are those of that one.
    assert "warm" in said.split("Why", 1)[1]
    with raises(OptionError, "'z'"):
        assert_found(index, "warm gloves", "z")
    with raises(OptionError, "'a'", "the query"):
        assert_found(index, "warm wool gloves", "a", k=1)
    with raises(OptionError, "k", "0"):
        assert_found(index, "warm", "a", k=0)


PAIRS = [("warm gloves", "warm wool gloves"), ("cold boots", "cold wool"), ("wool", "gloves")]


def test_scores_that_moved_are_said_with_the_words_that_moved_them(tmp_path):
    path = tmp_path / "baseline.json"
    write_baseline(path, Explainer(embed=bag), PAIRS)
    assert json.loads(path.read_text())["cases"][0]["left"] == "warm gloves"
    assert_no_regression(path, Explainer(embed=bag), tolerance=1e-9)
    with pytest.raises(AssertionError) as failure:
        assert_no_regression(path, Explainer(embed=colder))
    said = str(failure.value)
    before, after = (Explainer(embed=f).explain(*PAIRS[1]).similarity for f in (bag, colder))
    assert_says(said, "1 of 3 pairs", "bag", "colder", f"{before:.4f} then", f"{after:.4f} now")
    then, now = said.split("then: ")[1].split("now:  ")
    assert "cold – cold +" in then
    assert then.split("cold – cold ")[1][:6] != now.split("cold – cold ")[-1][:6]
    assert "'warm gloves'" not in said
    assert_no_regression(path, Explainer(embed=colder), tolerance=1.0)


def test_ranks_that_fell_are_said_and_those_that_rose_are_right(index, tmp_path):
    path = tmp_path / "baseline.json"
    write_baseline(path, index, [("cold gloves", "b"), ("warm gloves", "a")])
    assert_no_regression(path, index)
    other = CatalogueIndex.build(ITEMS, tmp_path / "other", model=Explainer(embed=colder))
    was, now = (one.rank_of("b", text="cold gloves").rank for one in (index, other))
    assert was < now
    with raises(AssertionError, "1 of 2 queries", "'b'", f"number {was} and is {now}") as failure:
        assert_no_regression(path, other)
    assert "'a'" not in str(failure.value).replace("'a' is first", "")
    assert_no_regression(path, other, places=now - was)
    write_baseline(path, other, [("cold gloves", "b")])
    assert_no_regression(path, index)


def test_what_is_no_baseline_is_refused_with_what_to_do(index, tmp_path):
    path = tmp_path / "baseline.json"
    with raises(FormatError, "baseline.json", "write_baseline"):
        assert_no_regression(path, Explainer(embed=bag))
    write_baseline(path, Explainer(embed=bag), PAIRS)
    with raises(OptionError, "pairs", "queries"):
        assert_no_regression(path, index)
    with raises(OptionError, "tolerance", "-1"):
        assert_no_regression(path, Explainer(embed=bag), tolerance=-1)
    with raises(OptionError, "cases"):
        write_baseline(path, Explainer(embed=bag), [])
    known = json.loads(path.read_text())
    for damage in (
        {"cases": []}, {"cases": [{"left": "a"}]}, {"kind": "queries"}, {"kind": 1}, {"format": "x"},
        {"cases": [{**known["cases"][0], "score": "high"}]},
    ):  # fmt: skip
        path.write_text(json.dumps({**known, **damage}))
        with pytest.raises(FormatError):
            assert_no_regression(path, Explainer(embed=bag))


def test_baselines_are_written_anew_where_that_is_asked_for(tmp_path, monkeypatch):
    path = tmp_path / "baseline.json"
    write_baseline(path, Explainer(embed=bag), PAIRS)
    monkeypatch.setenv("WHYALIKE_UPDATE_BASELINES", "1")
    assert_no_regression(path, Explainer(embed=colder))
    monkeypatch.setenv("WHYALIKE_UPDATE_BASELINES", "0")
    assert_no_regression(path, Explainer(embed=colder), tolerance=1e-9)
    with pytest.raises(AssertionError):
        assert_no_regression(path, Explainer(embed=bag))


def pytest_of(folder, *words):
    command = [sys.executable, "-m", "pytest", "-q", "-p", "whyalike.pytest_plugin", *words]
    # Installed, it loads by itself; and what other plugins load is not looked at.
    alone = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return subprocess.run(
        [*command, "-p", "no:cacheprovider", "-c", "none.ini", "--rootdir", "."],
        cwd=folder, env=alone, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_the_plugin_of_pytest_loads_no_torch_and_has_the_option(tmp_path):
    (tmp_path / "none.ini").write_text("[pytest]\n")
    (tmp_path / "test_it.py").write_text(
        "import os, sys\n"
        "def test_it():\n"
        "    assert not {'torch', 'numpy', 'whyalike.explainer'} & {*sys.modules}\n"
        "    assert os.environ.get('WHYALIKE_UPDATE_BASELINES') == '1'\n"
    )
    without = pytest_of(tmp_path)
    assert without.returncode == 1
    assert "None == '1'" in without.stdout
    assert pytest_of(tmp_path, "--whyalike-update-baselines").returncode == 0
