"""``whyalike trace``: the same as ``Explainer.trace``, as text, JSON and a page; what is refused."""

import csv
import json

import pytest

from whyalike import BM25, Explainer, Fusion, Item, Stage, Trace

QUERY = "warm gloves for cold hands"
ITEMS = [
    Item("g1", "Knit gloves", "Warm knit gloves for cold hands"),
    Item("g2", "Leather gloves", "Leather gloves with finger tips"),
    Item("w1", "Rioja", "A red wine with plums and smoke"),
    Item("w2", "Viura", "A white wine with lemon zest"),
]


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    path = tmp_path_factory.mktemp("tables") / "items.csv"
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["id", "title", "description"])
        writer.writerows([item.id, item.title, item.description] for item in ITEMS)
    return path


@pytest.fixture
def trace(run, table):
    def trace(*arguments, passages=table):
        return run("trace", "--text", QUERY, "--passages", passages, *arguments)

    return trace


def test_three_stages_as_in_the_library(trace, model, reranker, tmp_path):
    page = tmp_path / "trace.html"
    stages = ("--stage", "bm25", "--keep", "3", "--stage", model, "--stage", reranker)
    result = trace(
        *stages, "--keep", "2", "--top", "1", "--passage", "w2", "--json", "--html", page
    )
    assert result.exit_code == 0, result.output
    first = Explainer(BM25([item.description for item in ITEMS]))
    own = first.trace(
        QUERY,
        ITEMS,
        keep=3,
        stages=[str(model), Stage(str(reranker), keep=2)],
        top=1,
        named=["w2"],
    )
    assert Trace.from_json(result.stdout) == own
    assert page.read_text() == own.to_html()
    assert [(s.scored, s.keep) for s in own.stages] == [(4, 3), (3, None), (3, 2)]
    assert [p.id for p in own.explained] == [own.passages[0].id, "w2"]
    said = trace(*stages, "--keep", "2", "--top", "1").stdout
    assert "Knit gloves" in said
    assert "bm25 (scores 4, keeps 3)" in said


def test_lines_of_text_are_called_by_their_numbers(trace, tmp_path):
    lines = tmp_path / "passages.txt"
    lines.write_text("warm gloves\n\nred wine\n")
    result = trace("--stage", "bm25", "--passage", "2", "--top", "0", "--json", passages=lines)
    assert result.exit_code == 0, result.output
    found = Trace.from_json(result.stdout)
    assert [(p.id, p.text) for p in found.passages] == [("1", "warm gloves"), ("2", "red wine")]
    assert [p.id for p in found.explained] == ["2"]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (("--keep", "3", "--stage", "bm25"), "--keep 3 comes before any --stage"),
        (("--stage", "bm25", "--keep", "3", "--keep", "2"), "two cuts, --keep 3 and 2"),
        (("--stage", "bm25", "--passage", "z"), "There is no passage 'z'"),
        (("--stage", "no/such-model"), "no/such-model"),
        (("--stage", "bm25", "--column", "nothing"), "nothing"),
    ],
)
def test_what_is_refused_is_said(trace, given, says):
    result = trace(*given)
    assert result.exit_code != 0
    assert says in " ".join(result.stderr.split())
    assert result.stdout == ""


def test_nothing_is_explained_where_none_is_asked_for(trace):
    content = json.loads(trace("--stage", "bm25", "--top", "0", "--json").stdout)
    assert content["stages"][0]["keep"] is None
    assert all(rank["explanation"] is None for p in content["passages"] for rank in p["ranks"])


def test_a_fusion_is_the_first_stage(trace, model, reranker):
    result = trace(
        "--fusion", "bm25=1", "--fusion", f"{model}=2", "--normalise", "min-max", "--keep", "2",
        "--stage", reranker, "--json",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    texts = [item.description for item in ITEMS]
    fusion = Fusion([(BM25(texts), 1), (model, 2)], normalise="min-max", over=texts)
    own = Explainer(fusion).trace(QUERY, ITEMS, keep=2, stages=[reranker])
    assert Trace.from_json(result.stdout) == own
    assert [(s.part, s.scored) for s in own.stages] == [
        (True, 4),
        (True, 4),
        (False, 4),
        (False, 2),
    ]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ((), "There is no stage: give --stage MODEL"),
        (("--stage", "bm25", "--normalise", "min-max"), "goes with --fusion"),
        (("--fusion", "bm25"), "give MODEL=WEIGHT"),
        (("--keep", "2", "--fusion", "bm25=1", "--keep", "3"), "two cuts, --keep 2 and 3"),
    ],
)
def test_a_fusion_that_cannot_be(trace, given, says):
    result = trace(*given)
    assert result.exit_code != 0
    assert says in " ".join(result.stderr.split())
