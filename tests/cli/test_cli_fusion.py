"""``--fusion`` and ``--model bm25``: the same as in the library, and what is wrong said first."""

import json

import numpy as np
import pytest

from raising import assert_says
from whyalike import BM25, CatalogueIndex, Comparison, Explainer, Explanation, Fusion, Item

TEXTS = [
    "Warm wool gloves for the winter.",
    "These smart phone gloves are cut from stretch wool.",
    "White flowers open with lemon zest.",
    "Keep hands warm with knit gloves.",
]
QUERY = "warm gloves from wool"


@pytest.fixture
def over(tmp_path):
    path = tmp_path / "catalogue.txt"
    path.write_text("\n".join(TEXTS), encoding="utf-8")
    return path


@pytest.mark.parametrize("normalise", ["none", "min-max", "z-score", "ranks"])
def test_a_fusion_is_as_in_the_library(run, model, over, normalise):
    given = ("--fusion", "bm25=1", "--fusion", f"{model}=2.5", "--over", over)
    result = run("explain", *given, "--normalise", normalise, "--json", QUERY, TEXTS[1])
    assert result.exit_code == 0, result.output
    fusion = Fusion(
        [(BM25(TEXTS), 1), (model, 2.5)],
        normalise=normalise,
        over=None if normalise == "none" else TEXTS,
    )
    own = Explainer(fusion).explain(QUERY, TEXTS[1])
    found = Explanation.from_json(result.stdout)
    assert found.similarity == pytest.approx(own.similarity)
    assert [part.name for part in found.parts] == ["bm25", str(model)]
    assert [part.rank for part in found.parts] == [part.rank for part in own.parts]
    assert found.warnings == own.warnings
    np.testing.assert_allclose(
        [part.contribution for part in found.parts], [part.contribution for part in own.parts]
    )


def test_bm25_over_a_file_a_table_and_an_index(run, over, tmp_path):
    own = Explainer(BM25(TEXTS)).explain(QUERY, TEXTS[0], check=3)
    table = tmp_path / "catalogue.csv"
    table.write_text("sku,said\n" + "".join(f'{n},"{t}"\n' for n, t in enumerate(TEXTS)), "utf-8")
    items = [Item(str(n), f"Item {n}", text) for n, text in enumerate(TEXTS)]
    CatalogueIndex.build(
        items, tmp_path / "idx", model=Explainer(embed=lengths), fields=("description",)
    )
    for given in ((over,), (table, "--column", "said"), (tmp_path / "idx",)):
        result = run("explain", "--model", "bm25", "--over", *given, "--json", QUERY, TEXTS[0])
        assert result.exit_code == 0, result.output
        assert Explanation.from_json(result.stdout) == own


def lengths(texts):
    return [[len(text), 1.0 + text.count("e")] for text in texts]


def test_compare_and_probe(run, model, over):
    given = ("--fusion", "bm25=1", "--fusion", f"{model}=1", "--over", over)
    result = run("compare", *given, "--json", QUERY, TEXTS[0], TEXTS[2])
    assert result.exit_code == 0, result.output
    own = Explainer(Fusion([(BM25(TEXTS), 1), (model, 1)])).compare(QUERY, TEXTS[0], TEXTS[2])
    found = Comparison.from_json(result.stdout)
    assert found.margin == pytest.approx(own.margin)
    assert found.better.method == "parts"
    probed = run("probe", *given, "--json", QUERY, "They are warm gloves, not red.")
    assert probed.exit_code == 0, probed.output
    assert json.loads(probed.stdout)["model"] == f"1 × bm25 + 1 × {model}"


def test_evaluate(run, model, over, tmp_path):
    pairs = tmp_path / "pairs.csv"
    pairs.write_text(f'left,right\n"{QUERY}","{TEXTS[0]}"\n"{TEXTS[3]}","{TEXTS[1]}"\n', "utf-8")
    given = ("--fusion", "bm25=1", "--fusion", f"{model}=1", "--over", over, "--own", pairs)
    result = run(
        "evaluate", *given, "--methods", "parts,random", "--parts", "faithfulness", "--json"
    )
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert {entry["method"] for entry in found["entries"]} == {"parts", "random"}


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (("--fusion", "bm25"), ["--fusion is 'bm25'", "MODEL=WEIGHT"]),
        (("--fusion", "bm25=much"), ["bm25=much", "MODEL=WEIGHT"]),
        (("--fusion", "=1"), ["MODEL=WEIGHT"]),
        (("--fusion", "bm25=1"), ["bm25", "--over"]),
        (("--model", "bm25"), ["bm25", "--over"]),
        (("--over", "x.txt"), ["--over goes with --fusion"]),
        (("--normalise", "ranks"), ["--normalise ranks", "--fusion"]),
        (("--model", "no/such", "--fusion", "bm25=1"), ["--model no/such", "not both"]),
        (("--fusion", "no/such=-1"), ["-1.0", "from 0 on"]),
        (("--fusion", "no/such=nan"), ["nan"]),
        (("--fusion", "no/such=0"), ["above 0"]),
        (("--fusion", "no/such=1", "--normalise", "z-score"), ["--over"]),
        (("--model", "bm25", "--over", "nothing-here.txt"), ["nothing-here.txt"]),
    ],
)
def test_what_is_wrong_is_said_before_a_model_is_loaded(run, given, says):
    result = run("explain", *given, QUERY, TEXTS[0])
    assert result.exit_code == 2
    assert_says(result.stderr, *says)


def test_over_without_use_and_prompts(run, model, over):
    for given, says in (
        (("--over", over), ["over=", "no use"]),
        (("--prompts", "a", "b"), ["parts of a fusion"]),
        (("--pooling", "paper"), ["pooling"]),
    ):
        result = run("explain", "--fusion", f"{model}=1", *given, QUERY, TEXTS[0])
        assert result.exit_code == 2
        assert_says(result.stderr, *says)
