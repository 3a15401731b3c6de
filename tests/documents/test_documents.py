"""Every document that a release stored is read for ever, and says then what it said."""

import json
import shutil
import sqlite3
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from write_documents import LEFT, PAIRS, PASSAGE, RIGHT, letters

from whyalike import CatalogueIndex, Comparison, Explainer, Explanation, Item
from whyalike.diagnosing import Audit, Diagnosis, Difference
from whyalike.evaluation import read_pair_texts
from whyalike.evaluation.leaderboard import read_leaderboard
from whyalike.evaluation.results import ResultStore, known_score
from whyalike.fingerprint import ScoreSample
from whyalike.highlights import Highlights
from whyalike.ranking import Ranking
from whyalike.study import from_storage, open_storage, plan, read_study
from whyalike.study.export import read_csv
from whyalike.study.ratings import COLUMNS
from whyalike.training import TrainingResult
from whyalike.training.result import figures_table, write_card
from whyalike.training.unfinished import begin_run

RELEASES = sorted(path for path in Path(__file__).parent.iterdir() if (path / "study").is_dir())


@pytest.fixture(params=RELEASES, ids=lambda path: path.name)
def stored(request):
    """The folder of what one release stored."""
    return request.param


def load(path):
    return json.loads(path.read_text(encoding="utf-8"))


def assert_says(again, before, where=""):
    """All that was said is said again, bit by bit; newer releases may say more."""
    if isinstance(before, dict):
        assert isinstance(again, dict), where
        for key, value in before.items():
            assert key in again, f"{where}.{key}"
            assert_says(again[key], value, f"{where}.{key}")
    elif isinstance(before, list):
        assert len(again) == len(before), where
        for n, pair in enumerate(zip(again, before, strict=True)):
            assert_says(*pair, f"{where}[{n}]")
    else:
        assert (again, isinstance(again, bool)) == (before, isinstance(before, bool)), where


def without(content, *names):
    return {key: value for key, value in content.items() if key not in ("version", *names)}


def assert_explains(content):
    found = Explanation.from_dict(content)
    assert_says(found.to_dict(), without(content))
    return found


def test_there_is_a_release():
    assert RELEASES


def test_explanations(stored):
    paths = sorted(stored.glob("explanation-*.json"))
    assert len(paths) >= 3
    for path in paths:
        text = path.read_text(encoding="utf-8")
        found = Explanation.from_json(text)
        assert_says(found.to_dict(), without(json.loads(text)))
        assert found.left.words[0].text in str(found)
        assert found.method in found.to_html()
        assert Explanation.from_json(found.to_json()) == found
    bti, cut, signed = map(assert_explains, map(load, paths))
    assert (bti.left.text, bti.right.text) == (LEFT, RIGHT)
    assert (bti.options.words, bti.options.seed, bti.options.bandwidth) == ("pretoken", 5, 0.25)
    assert cut.left.unread_words > 0
    assert cut.warnings
    assert signed.matrix.shape == (len(signed.left.words), len(signed.right.words))


def test_a_comparison(stored):
    text = (stored / "comparison.json").read_text(encoding="utf-8")
    found = Comparison.from_json(text)
    assert_says(found.to_dict(), {**without(json.loads(text)), "better": {}, "worse": {}})
    for name in ("better", "worse"):
        assert_says(getattr(found, name).to_dict(), without(json.loads(text)[name]))
    assert "margin" in str(found)


def test_highlights(stored):
    text = (stored / "highlights.json").read_text(encoding="utf-8")
    found = Highlights.from_json(text)
    assert_says(found.to_dict(), without(json.loads(text)))
    assert (found.passage, found.budget) == (PASSAGE, 12)
    assert found.best.kept
    assert found.best in found.ranked
    assert found.text_of(found.best) in found.pruned
    assert {span.kind for span in found.spans} >= {"same word"}
    assert Highlights.from_json(found.to_json()) == found


def test_a_ranking(stored):
    text = (stored / "ranking.json").read_text(encoding="utf-8")
    found = Ranking.from_json(text)
    content = json.loads(text)
    said = found.to_dict()
    # Verdicts of explanations and comparisons are said anew.
    assert_says(said, without(content, "passages", "comparison"))
    assert_says(_plain(said["passages"]), _plain(content["passages"]))
    for each in content["passages"]:
        if each["explanation"] is not None:
            assert_explains(each["explanation"])
    assert found.right == "1"
    assert [passage.rank for passage in found.passages] == [1, 2, 3]
    assert [size.size for size in found.sizes] == [8, None]
    assert "Soft wool gloves are warm." in str(found)
    assert found.to_html()
    assert Ranking.from_json(found.to_json()) == found


def _plain(passages):
    return [without(each, "explanation") for each in passages]


def test_sentences_and_checks(stored):
    found = assert_explains(load(stored / "units.json"))
    assert found.units.kind == "sentence"
    assert next(PASSAGE[u.start : u.end] for u in found.units.right) == "# Gloves"
    assert found.checks is not None
    assert "sentences of the right text" in str(found)


@pytest.mark.parametrize(
    ("name", "kind"),
    [("diagnosis", Diagnosis), ("audit", Audit), ("difference", Difference)],
)
def test_reports(stored, name, kind):
    text = (stored / f"{name}.json").read_text(encoding="utf-8")
    found = kind.from_json(text)
    assert_says(json.loads(found.to_json()), without(json.loads(text)))
    assert kind.from_json(found.to_json()) == found
    assert found.to_html()
    assert str(found)


def test_several_methods(stored):
    content = load(stored / "explanations.json")
    assert [assert_explains(one).method for one in content["explanations"]] == [
        "random",
        "whyalike",
    ]


def test_a_search_and_a_probe(stored):
    search, probe = load(stored / "similar.json"), load(stored / "probe.json")
    for hit in search["hits"]:
        found = assert_explains(hit["explanation"])
        assert found.right.text == hit["description"]
    explained = [one["explanation"] for one in probe["scores"] if one["explanation"]]
    assert explained
    for one in explained:
        assert_explains(one)


def test_a_leaderboard_with_the_texts_of_its_pairs(stored):
    path = stored / "evaluation" / "leaderboard.json"
    found = read_leaderboard(path)
    # Tests are done anew, and what a metric is called may be put in better words.
    assert_says(found.to_dict(), without(load(path), "tests", "metrics"))
    assert {(test["dataset"], test["metric"]) for test in load(path)["tests"]} <= set(found.tests)
    assert "occlusion" in found.to_markdown()
    assert read_pair_texts(path.parent, "shop") == tuple(PAIRS)


def test_results_that_a_run_goes_on_from(stored, tmp_path):
    folder = shutil.copytree(stored / "evaluation" / "results", tmp_path / "results")
    board = read_leaderboard(stored / "evaluation" / "leaderboard.json")
    store = ResultStore(folder)
    entries = []
    for path in sorted(folder.glob("*.json")):
        result = store.read(path.stem, load(path)["key"])
        entries += result.entries
        assert result.versions["whyalike"]
        assert store.read(path.stem, "another key") is None
    assert sorted(map(repr, entries)) == sorted(map(repr, board.entries))
    with np.load(folder / "scores.npz") as scores:
        names = scores.files
        vectors = [scores[name] for name in names]
    assert names
    for name, known in zip(names, vectors, strict=True):
        digest, _, exact = name.partition("-")
        assert known_score(folder / "scores.npz", ScoreSample("new", exact, known)) == digest


def test_a_frozen_study_with_its_ratings(stored, tmp_path):
    folder = shutil.copytree(stored / "study", tmp_path / "study")
    study = read_study(folder)
    content = load(folder / "study.json")
    assert study.digest == sha256((folder / "study.json").read_bytes()).hexdigest()
    assert study.methods == tuple(content["methods"])
    assert len(study.stimuli) == study.samples * len(study.methods)
    for one in (*study.stimuli, *study.practice, *study.checks):
        assert_says(
            Explanation(**vars(one.explanation)).to_dict(),
            without(load(folder / "stimuli" / f"{one.id}.json")),
        )
    assert plan(study, 0)[0].stimulus_id == study.practice[0].id
    with closing(sqlite3.connect(folder / "study.db")) as database:
        database.executescript((stored / "study.sql").read_text(encoding="utf-8"))
    storage = open_storage(study, existing=True)
    rated, exported = from_storage(study, storage), read_csv(stored / "ratings.csv")
    storage.close()
    assert len(exported.value) == 1
    for name in COLUMNS:
        assert getattr(rated, name).tolist() == getattr(exported, name).tolist(), name
    assert exported.value.tolist() == [5]
    assert exported.seconds.tolist() == [7.5]
    assert exported.comment.tolist() == ["=sure, why not"]


def test_an_index(stored, tmp_path):
    folder = shutil.copytree(stored / "index", tmp_path / "index")
    index = CatalogueIndex.open(folder, model=Explainer(embed=letters))
    index.verify()
    search = load(stored / "similar.json")
    hits = index.similar(id=search["query"]["id"], k=search["k"], where=search["where"])
    assert [hit.item.id for hit in hits] == [hit["id"] for hit in search["hits"]]
    for hit, before in zip(hits, search["hits"], strict=True):
        assert hit.similarity == pytest.approx(before["similarity"], abs=1e-6)
        assert hit.item.metadata == before["metadata"]
    assert len(index.add([Item("i9", "Hat", "A woollen hat", {"price": 7})])) == len(index) + 1


def test_a_training_run(stored, tmp_path):
    content = load(stored / "training" / "training.json")
    found = TrainingResult.from_dict(content, folder=tmp_path)
    assert_says(found.to_dict(), without(content))
    card = (stored / "training" / "README.md").read_text(encoding="utf-8")
    # A card is not read again: its words may change, and what they say of this run may not.
    for said in (figures_table(found.figures), found.base, f"Step {found.best_step} of"):
        assert said in card
        assert said in write_card(found)
    run = load(stored / "training" / "run.json")
    shutil.copy(stored / "training" / "run.json", tmp_path)
    description = without(run, "format")
    assert begin_run(tmp_path, description, resume=True) is None
