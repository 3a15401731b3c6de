"""Every kind of scorer through every command: what works without a word said, and what is refused.

The numbers are the model's own, by sentence-transformers and not by us.
"""

import csv
import json

import pytest
from sentence_transformers import (
    CrossEncoder,
    SentenceTransformer,
    SparseEncoder,
)
from torch import nn

from scorer_folders import DEFAULTS, KINDS, save_kinds
from whyalike import Explainer
from whyalike.models.installed import MultiVectorEncoder

LEFT, RIGHT = "keep hands warm with knit gloves", "these smart phone gloves are cut from wool"
OTHER = "pale straw with lemon zest"
EXACT = tuple(kind for kind in KINDS if DEFAULTS[kind] == "exact")
ITEMS = [
    ("g1", "Touch gloves", "Keep hands warm with knit gloves and touch screen finger tips."),
    ("g2", "Wool gloves", "These smart phone gloves are cut from stretch wool."),
    ("s1", "Straw", "Pale straw this opens with lemon zest and white flowers."),
]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    return save_kinds(tmp_path_factory.mktemp("kinds"))


@pytest.fixture
def files(tmp_path):
    rows = {"pairs.csv": [("left", "right"), (LEFT, RIGHT), (OTHER, RIGHT), (LEFT, OTHER)]}
    rows["items.csv"] = [("id", "title", "description"), *ITEMS]
    for name, written in rows.items():
        with (tmp_path / name).open("w", newline="") as stream:
            csv.writer(stream).writerows(written)
    return tmp_path


def by_model(kind, folder, pairs):
    """The model's own scores."""
    left, right = map(list, zip(*pairs, strict=True))
    if kind == "cross-encoder":
        model = CrossEncoder(str(folder), device="cpu")
        return model.predict(pairs, activation_fn=nn.Identity(), show_progress_bar=False).tolist()
    family = {
        "sparse": SparseEncoder,
        "multi-vector": MultiVectorEncoder,
        "static": SentenceTransformer,
    }[kind]
    model = family(str(folder), device="cpu")
    return model.similarity_pairwise(
        model.encode_query(left, convert_to_tensor=True)
        if kind != "multi-vector"
        else model.encode_query(left),
        model.encode_document(right, convert_to_tensor=True)
        if kind != "multi-vector"
        else model.encode_document(right),
    ).tolist()


def said_by(result):
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


@pytest.mark.parametrize("kind", KINDS)
def test_explain(run, folders, kind):
    found = said_by(run("explain", LEFT, RIGHT, "--model", folders[kind], "--json"))
    assert found["method"] == DEFAULTS[kind]
    assert found["similarity"] == pytest.approx(
        by_model(kind, folders[kind], [(LEFT, RIGHT)])[0], abs=1e-5
    )


@pytest.mark.parametrize("kind", KINDS)
def test_compare(run, folders, kind):
    found = said_by(run("compare", LEFT, RIGHT, OTHER, "--model", folders[kind], "--json"))
    assert found["better"]["method"] == DEFAULTS[kind]
    better, worse = by_model(kind, folders[kind], [(LEFT, RIGHT), (LEFT, OTHER)])
    assert found["margin"] == pytest.approx(better - worse, abs=2e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_probe(run, folders, kind):
    found = said_by(run("probe", LEFT, RIGHT, "--model", folders[kind], "--json"))
    assert found["method"] == DEFAULTS[kind]
    assert found["texts"][0]["similarity"] == pytest.approx(
        by_model(kind, folders[kind], [(LEFT, RIGHT)])[0], abs=1e-5
    )
    edited = found["scores"][0]
    after = by_model(kind, folders[kind], [(LEFT, edited["edited"])])[0]
    assert edited["similarity"] == pytest.approx(after, abs=1e-5)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("number", [2, 3, 4])
def test_figures(run, folders, kind, number, tmp_path):
    pytest.importorskip("matplotlib", reason="needs the extra 'plot'")
    picture = tmp_path / "figure.svg"
    result = run("figure", number, LEFT, RIGHT, "--model", folders[kind], "-o", picture)
    if kind in EXACT and number != 3:
        assert result.exit_code == 2
        assert "needs hidden states, and" in result.stderr
        assert not picture.exists()
    else:
        assert result.exit_code == 0, result.stderr
        assert picture.stat().st_size


@pytest.mark.parametrize("kind", KINDS)
def test_evaluate_and_its_list_of_methods(run, folders, kind, files):
    out = files / "out"
    said = run("evaluate", "--own", files / "pairs.csv", "--model", folders[kind], "-o", out)
    assert said.exit_code == 0, said.stderr
    board = json.loads((out / "leaderboard.json").read_text())
    methods = {entry["method"] for entry in board["entries"]}
    if kind == "cross-encoder":
        assert methods == {"random", "bti", "gradient_x_activation", "whyalike"}
        assert board["failures"] == {
            "token_similarity": "needs vectors of whole texts and a pooling over all tokens, which "
            f"{folders[kind]} does not give"
        }
        assert "Left out, as each needs vectors of whole texts" in said.stderr
    else:
        assert methods == {"random", "exact", "occlusion"}
        assert board["failures"] == {}
    named = run("evaluate", "--own", files / "pairs.csv", "--model", folders[kind], "--methods",
                "token_similarity")  # fmt: skip
    assert named.exit_code == 2
    assert "The method 'token_similarity' needs" in named.stderr


@pytest.mark.parametrize("kind", KINDS)
def test_parts_that_look_inside(run, folders, kind, files):
    result = run(
        "evaluate", "--own", files / "pairs.csv", "--model", folders[kind], "--json",
        "--parts", "randomization,sensitivity,infidelity", "--methods", DEFAULTS[kind],
    )  # fmt: skip
    board = said_by(result)
    metrics = {entry["metric"] for entry in board["entries"]}
    assert "infidelity" in metrics
    if kind == "cross-encoder":
        assert {metric.rpartition("_")[2] for metric in metrics} >= {"random", "kept"}
        assert "max_sensitivity" in metrics
        assert board["failures"] == {}
    else:
        assert "Leave that part out" in board["failures"]["exact on pairs"]


@pytest.mark.parametrize("kind", KINDS)
def test_study(run, folders, kind, files):
    result = run("study", "create", "--pairs", files / "pairs.csv", "--methods", "all",
                 "--model", folders[kind], "-o", files / "study")  # fmt: skip
    assert result.exit_code == 0, result.stderr
    assert "Left out, as each needs" in result.stderr
    assert (files / "study").is_dir()


@pytest.mark.parametrize("kind", KINDS)
def test_train(run, folders, kind, files):
    result = run("train", files / "items.csv", "--base", folders[kind], "-o", files / "trained",
                 "--max-steps", 1)  # fmt: skip
    assert result.exit_code == 2
    assert "training takes a transformer that gives each text one vector" in result.stderr
    assert not (files / "trained").exists()


@pytest.mark.parametrize("kind", KINDS)
def test_index_and_similar(run, folders, kind, files):
    index = files / "index"
    made = run(
        "index",
        files / "items.csv",
        "--model",
        folders[kind],
        "-o",
        index,
        "--fields",
        "description",
    )
    if kind in ("cross-encoder", "multi-vector"):
        assert made.exit_code == 2
        assert "needs vectors of whole texts" in made.stderr
        assert "--rerank MODEL" in made.stderr
        return
    assert made.exit_code == 0, made.stderr
    found = said_by(run("similar", index, "--text", LEFT, "--json"))
    assert found["method"] == "exact"
    texts = {item_id: text for item_id, _, text in ITEMS}
    own = dict(
        zip(texts, by_model(kind, folders[kind], [(LEFT, t) for t in texts.values()]), strict=True)
    )
    assert [hit["id"] for hit in found["hits"]] == sorted(own, key=own.get, reverse=True)
    for hit in found["hits"]:
        assert hit["similarity"] == pytest.approx(own[hit["id"]], rel=1e-5, abs=1e-5)
        assert hit["explanation"]["similarity"] == pytest.approx(own[hit["id"]], abs=1e-5)
    by_item = said_by(run("similar", index, "--id", "g1", "--json"))
    assert {hit["id"] for hit in by_item["hits"]} == {"g2", "s1"}


def test_an_option_of_another_method_than_the_models_is_refused(run, folders):
    for kind, option in (("sparse", "steps=4"), ("cross-encoder", "perturbation=mask")):
        result = run("explain", LEFT, RIGHT, "--model", folders[kind], "-O", option)
        assert result.exit_code == 2
        assert "There is no option" in result.stderr


def test_methods_of_an_explainer_by_its_kind(folders):
    for kind in KINDS:
        explainer = Explainer(str(folders[kind]))
        assert explainer.method.name == DEFAULTS[kind]
        assert explainer.signed_method == DEFAULTS[kind]


def test_explain_by_all_methods_says_once_what_another_would_need(run, folders):
    said = run("explain", LEFT, RIGHT, "--model", folders["cross-encoder"], "--methods", "all")
    assert said.exit_code == 0, said.stderr
    shown = " ".join(said.stdout.split())
    assert "needs parts that sum to the score, which" in shown
    assert "Methods that work with it" not in shown
    named = run("explain", LEFT, RIGHT, "--model", folders["cross-encoder"], "--methods",
                "bti,parts")  # fmt: skip
    assert "Methods that work with it" in " ".join(named.stdout.split())
