"""A model with prompts for queries and documents: what every command puts before which text."""

import ast
import json
import re
from html import unescape
from pathlib import Path

import pytest
from sentence_transformers import SentenceTransformer

from whyalike import Explainer
from whyalike.models.installed import Pooling, Transformer
from whyalike.nearest_pairs import nearest_pairs
from whyalike.study.folder import read_study

QUERY, DOCUMENT = "find gloves: ", "item: "
LEFT, RIGHT = "warm hands", "Knit gloves of stretch wool."
TEXTS = """description
"Keep hands warm with knit gloves, touchscreen-compatible fingertips and ribbed cuffs all day long now."
"These smartphone-friendly gloves are cut from stretch wool; warm, soft and ribbed at the cuffs, too."
"Pale straw in the glass, this white opens with lemon zest and white flowers on the long palate."
"A white wine with lemon and flowers, pale straw in the glass and long on the fresh palate here."
"""
CATALOGUE = """id,title,description
a,Gloves,Knit gloves with touchscreen fingertips.
b,Scarf,A long scarf of soft wool.
c,Hat,A warm hat that covers the ears.
"""


@pytest.fixture(scope="module")
def own(model, tmp_path_factory):
    """The folder of a pipeline with both prompts."""
    folder = tmp_path_factory.mktemp("prompted") / "pipeline"
    SentenceTransformer(
        modules=[Transformer(model), Pooling(32)],
        device="cpu",
        prompts={"query": QUERY, "document": DOCUMENT, "passage": "wool: "},
    ).save(str(folder))
    return str(folder)


@pytest.fixture(scope="module")
def pipeline(own):
    return SentenceTransformer(own, device="cpu")


def score(pipeline, left, right, prompts):
    vectors = [
        pipeline.encode([text], prompt=prompt, convert_to_tensor=True)
        for text, prompt in zip((left, right), prompts, strict=True)
    ]
    return float(pipeline.similarity(*vectors))


WAYS = [
    ((), (QUERY, DOCUMENT)),
    (("--prompt-names", "query", "passage"), (QUERY, "wool: ")),
    (("--prompts", "keep: ", ""), ("keep: ", "")),
    (("--prompts", "", ""), ("", "")),
]


def said(result):
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.mark.parametrize(("options", "prompts"), WAYS)
def test_explain_and_compare(run, own, pipeline, options, prompts):
    found = said(run("explain", "--model", own, *options, "--json", LEFT, RIGHT))
    assert found["prompts"] == list(prompts)
    assert found["similarity"] == pytest.approx(score(pipeline, LEFT, RIGHT, prompts), abs=1e-5)
    shown = run("explain", "--model", own, *options, LEFT, RIGHT).stdout
    assert ("prompts '" in shown) == any(prompts)
    several = said(
        run("explain", "--model", own, *options, "--methods", "bti,maxsim", "--json", LEFT, RIGHT)
    )
    assert [one["prompts"] for one in several["explanations"]] == [list(prompts)] * 2
    found = said(run("compare", "--model", own, *options, "--json", LEFT, RIGHT, "wine"))
    for one, text in (("better", RIGHT), ("worse", "wine")):
        assert found[one]["prompts"] == list(prompts)
        expected = score(pipeline, LEFT, text, prompts)
        assert found[one]["similarity"] == pytest.approx(expected, abs=1e-5)


def test_explain_by_page_and_terminal(run, own, tmp_path):
    page = tmp_path / "why.html"
    shown = run("explain", "--model", own, "--html", page, LEFT, RIGHT).stdout
    words = f"{QUERY!r} before the left text, {DOCUMENT!r} before the right"
    assert f"prompts {words}" in " ".join(shown.split())
    (fact,) = re.findall(r"<dt>Prompts</dt>\s*<dd><bdi>(.*?)</bdi></dd>", page.read_text())
    assert unescape(fact) == words
    shown = run("compare", "--model", own, "--html", page, LEFT, RIGHT, "wine").stdout
    words = f"prompts {QUERY!r} before the query, {DOCUMENT!r} before the texts"
    assert words in " ".join(shown.split())
    assert "<dt>Prompts</dt>" in page.read_text()


def test_a_figure_is_of_the_texts_with_their_prompts(run, own, monkeypatch, tmp_path):
    made = []
    monkeypatch.setattr(
        "whyalike.evaluation.figures.write_figure",
        lambda explainer, *_, **__: made.append(explainer.prompts),
    )
    for options, _ in WAYS:
        run("figure", "3", LEFT, RIGHT, "--model", own, *options, "-o", tmp_path / "f.png")
    assert made == [prompts for _, prompts in WAYS]


def test_a_probe_compares_a_text_with_itself_as_a_document(run, own, pipeline):
    text = "The hotel was quiet."
    alone = said(run("probe", "--model", own, "--json", text))
    assert alone["prompts"] == [QUERY, DOCUMENT]
    for one in alone["scores"]:
        expected = score(pipeline, text, one["edited"], (DOCUMENT, DOCUMENT))
        assert one["similarity"] == pytest.approx(expected, abs=1e-5)
    asked = said(run("probe", "--model", own, "--prompts", "keep: ", "", "--json", LEFT, text))
    for one in asked["scores"]:
        expected = score(pipeline, LEFT, one["edited"], ("keep: ", ""))
        assert one["similarity"] == pytest.approx(expected, abs=1e-5)


def test_an_index_of_documents_is_searched_by_queries_and_by_documents(
    run, own, pipeline, tmp_path
):
    (tmp_path / "shop.csv").write_text(CATALOGUE)
    index = tmp_path / "idx"
    made = said(
        run(
            "index",
            tmp_path / "shop.csv",
            "-o",
            index,
            "--model",
            own,
            "--fields",
            "description",
            "--json",
        )
    )
    assert made["prompts"] == [QUERY, DOCUMENT]
    for asked, left, prompts in (
        (("--text", LEFT), LEFT, (QUERY, DOCUMENT)),
        (("--text", LEFT, "--prompts", "keep: ", DOCUMENT), LEFT, ("keep: ", DOCUMENT)),
        (("--id", "a"), "Knit gloves with touchscreen fingertips.", (DOCUMENT, DOCUMENT)),
    ):
        found = said(run("similar", index, *asked, "--json"))
        assert found["prompts"] == list(prompts)
        for hit in found["hits"]:
            expected = score(pipeline, left, hit["description"], prompts)
            assert hit["similarity"] == pytest.approx(expected, abs=1e-5)
            assert hit["explanation"]["similarity"] == pytest.approx(expected, abs=1e-5)
            assert hit["explanation"]["prompts"] == list(prompts)
    refused = run("similar", index, "--id", "a", "--prompts", "keep: ", DOCUMENT)
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "go with --text" in refused.stderr
    refused = run("similar", index, "--text", LEFT, "--prompt-names", "query", "passage")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "prompts is 'item: '" in refused.stderr
    other = said(
        run(
            "index", tmp_path / "shop.csv", "-o", tmp_path / "other", "--model", own, "--json",
            "--prompt-names", "query", "passage",
        )
    )  # fmt: skip
    assert other["prompts"] == [QUERY, "wool: "]


@pytest.mark.parametrize("way", [((), (DOCUMENT, DOCUMENT)), WAYS[1]])
def test_pairs_of_a_catalogue_are_of_documents(run, own, pipeline, tmp_path, way):
    options, prompts = way
    (tmp_path / "shop.csv").write_text(TEXTS)
    arguments = ("--texts", tmp_path / "shop.csv", "--model", own, *options)
    drawn = []

    def keep(explainer, pairs, **_):
        drawn.append((explainer.prompts, list(pairs)))
        return explain(explainer, pairs)

    def draw(texts, model, *, prompt, **options):
        put_before.add(prompt)
        return near(texts, model, prompt=prompt, **options)

    explain, near, put_before = Explainer.explain_many, nearest_pairs, set()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Explainer, "explain_many", keep)
        patch.setattr("whyalike.nearest_pairs.nearest_pairs", draw)
        board = said(
            run(
                "evaluate", *arguments, "--pairs", 1, "--methods", "random",
                "-o", tmp_path / "out", "--json",
            )
        )  # fmt: skip
        made = run(
            "study",
            "create",
            *arguments,
            "--methods",
            "bti,random",
            "-n",
            1,
            "-o",
            tmp_path / "study",
        )
        assert made.exit_code == 0, made.output
    assert {prompts_of for prompts_of, _ in drawn} == {prompts}
    assert board["prompts"] == list(prompts)
    assert f"Prompts: {prompts[0]!r}" in (tmp_path / "out" / "leaderboard.md").read_text()
    assert json.loads((tmp_path / "out" / "leaderboard.json").read_text())["prompts"]
    assert read_study(tmp_path / "study").settings["prompts"] == list(prompts)
    assert put_before == {prompts[1]}, "texts are near as documents"


def test_serve_opens_models_with_them(run, monkeypatch):
    opened = {}

    def open_service(models, **options):
        opened.update(options)
        raise KeyboardInterrupt

    pytest.importorskip("fastapi", reason="needs the extra 'serve'")
    monkeypatch.setattr("whyalike.web.api.opening.open_service", open_service)
    run("serve", "--prompts", "q: ", "d: ")
    assert (opened["prompts"], opened["prompt_names"]) == (("q: ", "d: "), None)
    run("serve", "--prompt-names", "query", "document")
    assert (opened["prompts"], opened["prompt_names"]) == (None, ("query", "document"))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--prompt-names", "query", "answer"), "has no prompt named 'answer'"),
        (("--prompt-names", "query", "document", "--prompts", "", ""), "not both"),
    ],
)
def test_prompts_that_there_are_not(run, own, options, says):
    refused = run("explain", "--model", own, *options, LEFT, RIGHT)
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert says in " ".join(refused.stderr.replace("│", " ").split())


def test_every_command_that_opens_a_model_by_name_takes_prompts():
    """Whoever calls Explainer here passes them on.

    The demo's model has none, and two models that are compared (diff) or stages of a search
    (trace) have each its own.
    """
    folder = Path(__file__).parents[2] / "src" / "whyalike" / "cli"
    for file in folder.glob("*.py"):
        if file.name in ("diff.py", "trace.py"):
            continue
        tree = ast.parse(file.read_text())
        # What is handed on together: a dictionary that has them.
        together = {
            node.target.id
            for node in ast.walk(tree)
            if isinstance(node, ast.AnnAssign)
            and isinstance(node.target, ast.Name)
            and isinstance(node.value, ast.Dict)
            and {"prompts", "prompt_names"}
            <= {key.value for key in node.value.keys if isinstance(key, ast.Constant)}
        }
        calls = [
            node
            for node in ast.walk(tree)
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id == "Explainer"
            and any(keyword.arg in (None, "prompts", "options") for keyword in node.keywords)
        ]
        for call in calls:
            named = {keyword.arg for keyword in call.keywords}
            spread = {
                keyword.value.id
                for keyword in call.keywords
                if keyword.arg is None and isinstance(keyword.value, ast.Name)
            }
            groups = {ast.unparse(keyword.value) for keyword in call.keywords if not keyword.arg}
            assert (
                "embedding.keywords()" in groups
                or spread & together
                or {"prompts", "prompt_names"} <= named
            ), file.name
