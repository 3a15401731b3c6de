"""The suite: all methods by all metrics, resumed where it was cut off, ranked with tests."""

import io
import json
from dataclasses import replace

import numpy as np
import pytest

from raising import raises
from whyalike import Explainer
from whyalike.errors import FormatError, FunctionError, OptionError
from whyalike.evaluation import suite as suite_module
from whyalike.evaluation.gold import AlignedPair
from whyalike.evaluation.suite import Datasets, run_suite
from whyalike.fingerprint import fingerprint
from whyalike.words import Lexicon, Rarity, WordVectors
from whyalike.words import lexicon as lexicon_module

WORDS = ("gloves", "wool", "warm", "red", "wine", "lemon", "soft", "knit")
WORD_VECTORS = WordVectors("none", {"warm": 0}, np.ones((1, 2), dtype=np.float32))
PAIRS = [
    ("warm gloves of wool and more", "soft gloves of knit wool"),
    ("red wine and lemon here", "the wine is red and soft"),
    ("knit wool gloves", "wool gloves that are warm and red"),
    ("lemon wine warm", "red lemon of the wine"),
]
ALIGNED = [
    AlignedPair("a", "warm gloves", "gloves warm", frozenset({(0, 1), (1, 0)})),
    AlignedPair("b", "red wine", "wine here", frozenset({(1, 0)})),
]


def embed(texts):
    """Counts of a few words: what matters is known."""
    return [[float(text.lower().split().count(word)) for word in WORDS] + [0.05] for text in texts]


@pytest.fixture
def explainer():
    return Explainer(embed=embed)


DATA = Datasets(pairs={"shop": PAIRS}, alignments={"gold": ALIGNED})


def test_every_method_has_a_figure_by_every_metric(explainer):
    told = []
    found = run_suite(
        explainer, DATA, methods=["random", "occlusion"], progress=lambda *what: told.append(what)
    )
    assert found.datasets == ("shop", "gold")
    assert found.items == {"shop": 4, "gold": 2}
    assert found.metrics("shop") == suite_module.FAITHFULNESS
    assert {(e.dataset, e.method) for e in found.entries} == {
        (d, m) for d in ("shop", "gold") for m in ("random", "occlusion")
    }
    assert told[0] == ("shop: random", 0, 4)
    assert told[-1] == ("done", 4, 4)
    by = {(e.method, e.metric): e for e in found.entries if e.dataset == "shop"}
    # What the vectors count is known, so that taking away what occlusion finds must cost more.
    assert by["occlusion", "aopc_deletion"].figure.mean > by["random", "aopc_deletion"].figure.mean
    assert found.methods("shop")[0] == "occlusion"


def test_figures_are_those_of_the_parts_alone(explainer):
    from whyalike.evaluation import measure_faithfulness
    from whyalike.evaluation.alignment import evaluate_alignment

    own = explainer.with_method("occlusion")
    found = run_suite(explainer, DATA, methods=["occlusion"])
    alone = measure_faithfulness(own, PAIRS, metrics=("sufficiency",))
    (entry,) = [e for e in found.entries if e.metric == "sufficiency"]
    assert entry.figure.mean == pytest.approx(alone.mean("sufficiency"))
    assert entry.values == pytest.approx(tuple(alone.values["sufficiency"]["both"]))
    (entry,) = [e for e in found.entries if e.metric == "alignment_f"]
    assert entry.figure.mean == evaluate_alignment(own, ALIGNED).values["alignment_f"]


def test_a_run_goes_on_where_it_was_cut_off(explainer, tmp_path, monkeypatch):
    whole = run_suite(explainer, DATA, methods=["random", "occlusion"])
    measured = []
    measure = suite_module.measure_part

    def stop_at_third(part, name, own, items, **options):
        measured.append((name, own.method.name))
        if len(measured) == 3:
            raise KeyboardInterrupt
        return measure(part, name, own, items, **options)

    monkeypatch.setattr(suite_module, "measure_part", stop_at_third)
    with pytest.raises(KeyboardInterrupt):
        run_suite(explainer, DATA, methods=["random", "occlusion"], folder=tmp_path)
    again = run_suite(explainer, DATA, methods=["random", "occlusion"], folder=tmp_path)
    assert measured[3:] == [("gold", "random"), ("gold", "occlusion")]
    assert again == whole
    assert run_suite(explainer, DATA, methods=["random", "occlusion"], folder=tmp_path) == whole
    assert len(measured) == 5


def test_results_of_something_else_are_not_taken(explainer, tmp_path):
    run_suite(explainer, DATA, methods=["random"], folder=tmp_path)
    other = Datasets(pairs={"shop": PAIRS[:2]})
    found = run_suite(explainer, other, methods=["random"], folder=tmp_path)
    assert len(found.entries[0].values) == 2
    (tmp_path / "faithfulness.shop.random.json").write_text("{}")
    with raises(FormatError, "suite", "Remove"):
        run_suite(explainer, other, methods=["random"], folder=tmp_path)


def test_results_of_another_model_of_the_same_name_are_not_taken(explainer, tmp_path):
    def twin(texts):
        return [[*row[:2], 2 * row[2], *row[3:]] for row in embed(texts)]

    twin.__name__ = embed.__name__
    lexicons = [Lexicon(WORD_VECTORS, Rarity.fit([text])) for text in ("warm wine", "lemon")]
    others = [
        Explainer(embed=twin),
        Explainer(embed=embed, prompts=("red ", "red ")),
        Explainer(embed=embed, similarity_function="dot"),
        *(Explainer(embed=embed, lexicon=lexicon) for lexicon in lexicons),
    ]
    names = {each.model.name for each in (explainer, *others)}
    assert names == {"embed"}
    data = Datasets(pairs={"shop": PAIRS})
    folder = tmp_path / "kept"
    keys = set()
    for each in (explainer, *others):
        run_suite(each, data, methods=["random"], folder=folder)
        keys.add(json.loads((folder / "faithfulness.shop.random.json").read_text())["key"])
    assert len(keys) == 6
    again = Explainer(embed=lambda texts: [[1e-9 + x for x in row] for row in embed(texts)])
    assert fingerprint(again, ["warm wine"]) == fingerprint(explainer, ["warm wine"])


def test_rounding_that_differs_from_run_to_run_does_not_measure_again(tmp_path, monkeypatch):
    """A component between two rounded numbers: the digests differ, and the score is the same."""

    def explainer_with(noise):
        def between(texts):
            return [[1.0, 0.0125 + noise, *row] for row in np.array(embed(texts)) / 100]

        return Explainer(embed=between)

    low, high, far = (explainer_with(noise) for noise in (-1e-7, 1e-7, 1e-3))
    texts = [text for pair in PAIRS for text in pair]
    assert fingerprint(low, texts) != fingerprint(high, texts)
    measured = []
    measure = suite_module.measure_part
    monkeypatch.setattr(
        suite_module,
        "measure_part",
        lambda *given, **options: measured.append(given[1]) or measure(*given, **options),
    )
    data = Datasets(pairs={"shop": PAIRS})
    first = run_suite(low, data, methods=["random"], folder=tmp_path)
    assert run_suite(high, data, methods=["random"], folder=tmp_path) == first
    assert measured == ["shop"]
    run_suite(far, data, methods=["random"], folder=tmp_path)
    assert measured == ["shop", "shop"]
    array = io.BytesIO()
    np.save(array, np.zeros(2))
    for damaged in (b"no archive", b"", array.getvalue()):
        (tmp_path / "scores.npz").write_bytes(damaged)
        with raises(FormatError, "scores.npz", "remove"):
            run_suite(low, data, methods=["random"], folder=tmp_path)


def test_datasets_that_cannot_be_told_apart_or_are_empty_are_refused(explainer):
    twice = Datasets(pairs={"shop": PAIRS}, alignments={"shop": ALIGNED})
    with raises(OptionError, "2 datasets", "'shop'"):
        run_suite(explainer, twice, methods=["random"])
    with raises(OptionError, "pairs", "'none'"):
        run_suite(explainer, Datasets(pairs={"none": []}), methods=["random"])


def test_a_method_that_fails_is_left_out_with_its_reason(explainer, monkeypatch):
    measure = suite_module.measure_part

    def failing(part, name, own, items, **options):
        if own.method.name == "occlusion":
            raise OptionError("It can't.")
        return measure(part, name, own, items, **options)

    monkeypatch.setattr(suite_module, "measure_part", failing)
    found = run_suite(explainer, DATA, methods=["random", "occlusion"])
    assert found.failures == {"occlusion on shop": "It can't.", "occlusion on gold": "It can't."}
    assert "occlusion on gold: It can't." in found.to_markdown()
    with raises(OptionError, "datasets", "methods"):
        run_suite(explainer, Datasets(), methods=["random"])


def test_a_function_that_fails_ends_the_run_and_not_a_method_of_it():
    calls = []

    def service(texts):
        calls.append(texts)
        raise PermissionError("no more today")

    with raises(FunctionError, "no more today"):
        run_suite(Explainer(embed=service), DATA, methods=["random", "occlusion"])
    assert len(calls) == 1


def test_other_parts_are_those_measured_alone():
    from tiny_models import tiny
    from whyalike.evaluation import measure_infidelity, measure_randomization, measure_sensitivity

    explainer = Explainer(tiny("bert").parts, method="bti")
    pairs = PAIRS[:2]
    found = run_suite(
        explainer,
        Datasets(pairs={"shop": pairs}),
        methods=["bti"],
        parts=("randomization", "infidelity", "sensitivity"),
    )
    assert found.items == {"shop": 2}
    assert not found.failures
    by = {entry.metric: entry.values for entry in found.entries}
    kept = measure_randomization(explainer, pairs, keep_embeddings=True, seeds=2)
    assert by["spearman_kept"] == pytest.approx(tuple(kept.last.per_pair("spearman")))
    random = measure_randomization(explainer, pairs, seeds=2)
    assert by["jaccard_words_random"] == pytest.approx(tuple(random.last.per_pair("jaccard_words")))
    assert by["spearman_random"] != by["spearman_kept"]
    chances = {entry.metric: entry.chance for entry in found.entries}
    expected = sum(random.chance) / len(random.chance)
    assert chances["jaccard_words_random"] == pytest.approx(expected)
    assert chances["jaccard_words_kept"] == pytest.approx(expected)
    assert chances["spearman_random"] is chances["infidelity"] is None
    assert f"jaccard_words_kept (chance {expected:.3f})" in found.to_markdown()
    alone = measure_infidelity(explainer, pairs).values["infidelity"]["both"]
    assert by["infidelity"] == pytest.approx(tuple(alone))
    alone = measure_sensitivity(explainer, pairs).values["max_sensitivity"]["both"]
    assert by["max_sensitivity"] == pytest.approx(tuple(alone))
    assert "`spearman_kept`: " in found.to_markdown()


def test_randomisation_explains_the_trained_model_once(monkeypatch):
    from tiny_models import tiny

    explainer = Explainer(tiny("bert").parts, method="bti")
    models = []
    explain_many = Explainer.explain_many

    def counting(self, pairs, **options):
        models.append(self.model)
        return explain_many(self, pairs, **options)

    monkeypatch.setattr(Explainer, "explain_many", counting)
    data = Datasets(pairs={"shop": PAIRS[:1]})
    run_suite(explainer, data, methods=["bti"], parts=["randomization"])
    assert sum(model is explainer.model for model in models) == 1
    assert len(models) == 1 + 2 * 2, "two seeds, with and without the embeddings"


def test_what_measured_a_kept_result_is_remembered(explainer, tmp_path, monkeypatch):
    data = Datasets(pairs={"shop": PAIRS})
    monkeypatch.setattr(suite_module, "package_versions", lambda: {"torch": "1.0", "old": "3"})
    first = run_suite(explainer, data, methods=["occlusion"], folder=tmp_path)
    assert first.versions == {"torch": "1.0", "old": "3"}
    monkeypatch.setattr(suite_module, "package_versions", lambda: {"torch": "2.0"})
    both = run_suite(explainer, data, methods=["occlusion", "random"], folder=tmp_path)
    assert both.versions == {"torch": "1.0, 2.0", "old": "3"}
    assert both.digests == first.digests
    other = run_suite(explainer, Datasets(pairs={"shop": PAIRS[:3]}), methods=["random"])
    assert other.versions == {"torch": "2.0"}
    assert other.digests.keys() == first.digests.keys()
    assert other.digests != first.digests


def test_kept_results_from_before_chance_and_versions_are_taken(explainer, tmp_path, monkeypatch):
    data = Datasets(pairs={"shop": PAIRS})
    first = run_suite(explainer, data, methods=["occlusion"], folder=tmp_path)
    path = tmp_path / "faithfulness.shop.occlusion.json"
    content = json.loads(path.read_text())
    for one in content["entries"]:
        del one["chance"]
    del content["versions"]
    path.write_text(json.dumps(content))
    monkeypatch.setattr(suite_module, "measure_part", None)
    again = run_suite(explainer, data, methods=["occlusion"], folder=tmp_path)
    assert again == replace(first, versions={})


@pytest.fixture
def small_lexicon(monkeypatch):
    """Small vectors for the packaged ones, for this test alone: the lexicon of them is kept."""
    monkeypatch.setattr(WordVectors, "packaged", lambda: WORD_VECTORS)
    lexicon_module._packaged.cache_clear()
    yield
    lexicon_module._packaged.cache_clear()


@pytest.mark.usefixtures("small_lexicon")
def test_rarity_is_learnt_from_the_datasets_own_catalogue(explainer, tmp_path, monkeypatch):
    texts = ["the gloves", "the gloves and wool", "the gloves that are warm", "red wine", "lemon"]
    data = replace(DATA, catalogues={"shop": texts})
    asked = {"methods": ["idf"], "metrics": ["aopc_deletion"]}
    found = run_suite(explainer, data, folder=tmp_path, **asked)
    fitted = explainer.with_lexicon(Lexicon.fit(texts, vectors=WORD_VECTORS))
    alone = run_suite(fitted, DATA, **asked)
    assert found.entries[0].values == alone.entries[0].values
    guessed = run_suite(explainer, DATA, **asked)
    assert found.entries[0].values != guessed.entries[0].values
    # The alignments come from no catalogue, and the report says what that means.
    assert found.notes("shop") == ()
    assert "idf: How rare a word is was guessed" in found.notes("gold")[0]
    key = json.loads((tmp_path / "faithfulness.shop.idf.json").read_text())["key"]
    run_suite(explainer, replace(DATA, catalogues={"shop": texts[1:]}), folder=tmp_path, **asked)
    assert json.loads((tmp_path / "faithfulness.shop.idf.json").read_text())["key"] != key
    # A lexicon that was chosen stays, and what goes by none is not measured again.
    assert run_suite(fitted, data, **asked).entries == alone.entries
    asked["methods"] = ["occlusion"]
    run_suite(explainer, data, folder=tmp_path, **asked)
    monkeypatch.setattr(suite_module, "measure_part", None)
    run_suite(explainer, replace(data, catalogues={}), folder=tmp_path, **asked)


def test_replacement_and_side_are_those_of_the_part_alone(explainer):
    from whyalike.evaluation import Replacement, measure_faithfulness
    from whyalike.evaluation.faithfulness import CURVES

    texts = [text for pair in PAIRS for text in pair]
    data = Datasets(pairs={"shop": PAIRS}, catalogues={"shop": texts})
    asked = {"methods": ["occlusion"], "metrics": ["sufficiency", "pair_deletion"]}
    found = run_suite(explainer, data, replacement="catalogue", side="left", **asked)
    replacement = Replacement("catalogue", texts)
    own = explainer.with_method("occlusion")
    alone = measure_faithfulness(own, PAIRS, metrics=asked["metrics"], replacement=replacement)
    values = [entry.values for entry in found.entries]
    assert values[0] == pytest.approx(tuple(alone.values["sufficiency"]["left"]))
    assert values[1] == pytest.approx(tuple(alone.values["pair_deletion"]["both"]), nan_ok=True)
    curve = alone.mean_curve(CURVES["sufficiency"], side="left")
    assert found.entries[0].curve[1] == pytest.approx(tuple(curve))
    assert "In the place of a word: words of the catalogue." in found.to_markdown()
    assert "Words are taken: from the left text." in found.to_markdown()


def test_kept_results_of_another_side_are_not_taken(explainer, tmp_path):
    data = Datasets(pairs={"shop": PAIRS})
    asked = {"methods": ["occlusion"], "metrics": ["sufficiency"]}
    usual = run_suite(explainer, data, folder=tmp_path, **asked)
    assert usual.settings == {}
    other = run_suite(explainer, data, folder=tmp_path, side="right", **asked)
    assert other.entries[0].values != usual.entries[0].values
    with raises(OptionError, "'catalogue'", "'shop'"):
        run_suite(explainer, data, replacement="catalogue", **asked)
    with raises(OptionError, "side", "'top'"):
        run_suite(explainer, data, side="top", **asked)


def test_a_part_or_a_metric_that_does_not_exist_is_refused(explainer):
    with raises(OptionError, "'truth'", "suite", "faithfulness"):
        run_suite(explainer, DATA, methods=["random"], parts=["truth"])
    with raises(OptionError, "part", "nothing"):
        run_suite(explainer, DATA, methods=["random"], parts=[])
    with raises(OptionError, "metric", "'truth'", "faithfulness"):
        run_suite(explainer, DATA, methods=["random"], metrics=["truth"])


def test_chosen_metrics_and_their_curves(explainer):
    from whyalike.evaluation import measure_faithfulness

    data = Datasets(pairs={"shop": PAIRS})
    found = run_suite(explainer, data, methods=["occlusion"], metrics=["aopc_deletion"])
    (entry,) = found.entries
    alone = measure_faithfulness(explainer.with_method("occlusion"), PAIRS)
    assert entry.curve[0] == tuple(range(1, 11))
    assert entry.curve[1] == pytest.approx(tuple(alone.mean_curve("without_words")))
    assert entry.figure.mean == pytest.approx(sum(entry.curve[1]) / 10)


def test_a_function_of_pairs_is_measured_as_vectors_are(explainer, tmp_path):
    def score(pairs):
        left, right = (np.array(embed([pair[side] for pair in pairs])) for side in (0, 1))
        return (left * right).sum(axis=1) / np.sqrt((left**2).sum(axis=1) * (right**2).sum(axis=1))

    by_pairs = Explainer(score=score)
    parts, methods = ["faithfulness", "infidelity"], ["random", "occlusion"]
    metrics = [name for name in suite_module.FAITHFULNESS if "pair" not in name]
    one, other = (
        run_suite(each, DATA, methods=methods, parts=parts, metrics=metrics, folder=folder)
        for each, folder in ((by_pairs, tmp_path / "a"), (explainer, tmp_path / "b"))
    )
    assert not one.failures
    pairs = list(zip(one.entries, other.entries, strict=True))
    assert {mine.metric for mine, _ in pairs} >= {"aopc_deletion", "alignment_f"}
    for mine, theirs in pairs:
        assert (mine.dataset, mine.method, mine.metric) == (
            theirs.dataset, theirs.method, theirs.metric,
        )  # fmt: skip
        if mine.dataset == "shop":
            assert mine.values == pytest.approx(theirs.values, abs=1e-9, nan_ok=True)
    # The same function again goes on where it was, and its explanations are not made anew.
    again = Explainer(score=score)
    run_suite(again, DATA, methods=methods, parts=parts, metrics=metrics, folder=tmp_path / "a")
    assert 0 < again.model.pairs_scored < by_pairs.model.pairs_scored
    refused = run_suite(by_pairs, DATA, methods=["random"], parts=["randomization"])
    assert "The part 'randomization' needs hidden states and gradients, and score gives" in str(
        refused.failures
    )
