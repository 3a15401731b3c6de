"""``whyalike explain --embed module:name``: a function in the place of a model."""

import json
import logging
import sys

import pytest

from raising import assert_says
from whyalike import BlackBox, Explainer, PairScorer

LEFT, RIGHT = "Warm knit gloves.", "These gloves are wool."

MODULE = """
from whyalike import BlackBox

def vectors(texts):
    return [[len(text), text.count("a") + 0.5] for text in texts]

def documents(texts):
    return [[text.count("o") + 0.5, len(text)] for text in texts]

def scores(pairs):
    return [len(left) - len(right) / 2 for left, right in pairs]

def fails(texts):
    raise PermissionError("wrong key")

class holder:
    box = BlackBox(vectors, name="boxed", batch_size=2)

number = 5
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    (tmp_path / "own_functions.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield "own_functions"
    sys.modules.pop("own_functions", None)
    log = logging.getLogger("whyalike.calls")
    log.handlers.clear()
    log.setLevel(logging.NOTSET)


def explain(run, *arguments):
    return run("explain", *arguments, "--json", LEFT, RIGHT)


def vectors(texts):
    return [[len(text), text.count("a") + 0.5] for text in texts]


def documents(texts):
    return [[text.count("o") + 0.5, len(text)] for text in texts]


def scores(pairs):
    return [len(left) - len(right) / 2 for left, right in pairs]


def test_it_is_the_librarys_explanation_and_its_cost_is_said(run, module):
    cases = (
        (("--embed", f"{module}:vectors"), Explainer(embed=vectors)),
        (("--score", f"{module}:scores"), Explainer(score=PairScorer(scores))),
        (
            ("--embed-query", f"{module}:vectors", "--embed-document", f"{module}:documents"),
            Explainer(embed_query=vectors, embed_document=documents),
        ),
        (
            ("--embed", f"{module}:holder.box", "--method", "shapley"),
            Explainer(embed=BlackBox(vectors, name="boxed", batch_size=2), method="shapley"),
        ),
    )
    for arguments, expected in cases:
        cost = expected.cost([(LEFT, RIGHT)])
        result = explain(run, *arguments)
        assert result.exit_code == 0, result.stderr
        assert json.loads(result.stdout) == expected.explain(LEFT, RIGHT).to_dict()
        assert result.stderr == (
            f"To explain 1 pair by {expected.method.name}, {expected.model.name} will be sent "
            f"{cost}.\n"
        )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--embed", "vectors"), "--embed | 'vectors' | MODULE:NAME"),
        (("--embed", "no_such_module:vectors"), "no_such_module | imported"),
        (("--score", "{}:nothing"), "--score | 'nothing'"),
        (("--embed", "{}:number"), "embed | int | function"),
        (("--embed", "{}:vectors", "--model", "x"), "--model | --embed"),
        (("--embed", "{}:vectors", "--score", "{}:scores"), "leave out score"),
        (("--embed-query", "{}:vectors"), "embed_query | embed_document"),
    ],
)
def test_what_can_not_be_used_is_refused(run, module, arguments, words):
    result = explain(run, *(argument.format(module) for argument in arguments))
    assert result.exit_code == 2
    assert_says(result.stderr, *words.split(" | "))


def test_what_a_function_raises_is_one_sentence(run, module):
    result = explain(run, "--embed", f"{module}:fails")
    assert result.exit_code == 1
    assert_says(result.stderr, "fails raised PermissionError: wrong key")


def test_other_commands_take_functions_too(run, module, tmp_path):
    worse = "Cut from wool, a hat for cold days."
    compared = run("compare", "--score", f"{module}:scores", "--json", LEFT, RIGHT, worse)
    assert compared.exit_code == 0, compared.stderr
    sides = json.loads(compared.stdout)
    expected = scores([(LEFT, RIGHT), (LEFT, worse)])
    found = [sides[side]["similarity"] for side in ("better", "worse")]
    assert sorted(found) == pytest.approx(sorted(expected))

    own = tmp_path / "pairs.csv"
    own.write_text(f'left,right\n"{LEFT}","{RIGHT}"\n"{RIGHT}","{worse}"\n')
    out = tmp_path / "results"
    measured = run(
        "evaluate", "--embed", f"{module}:vectors", "--own", str(own), "--methods",
        "random,occlusion", "--metrics", "aopc_deletion", "-o", str(out),
    )  # fmt: skip
    assert measured.exit_code == 0, measured.stderr
    assert "occlusion" in measured.stdout + measured.stderr

    texts = tmp_path / "texts.txt"
    texts.write_text(f"{LEFT}\n{RIGHT}\n{worse}\n")
    probed = run("probe", "--embed", f"{module}:vectors", "--file", str(texts), "--explain", "0")
    assert probed.exit_code == 0, probed.stderr
    both = run("compare", "--embed", f"{module}:vectors", "--model", "x", LEFT, RIGHT, worse)
    assert both.exit_code == 2
    assert_says(both.stderr, "--model", "--embed")
