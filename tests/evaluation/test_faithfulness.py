"""Faithfulness on functions whose truth is known: vectors that are sums of word vectors."""

import itertools
import json
import math
from dataclasses import replace

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer

from raising import raises
from tiny_models import TEXTS, tiny
from whyalike import Explainer
from whyalike.errors import OptionError
from whyalike.evaluation import Replacement, Subsets, measure_faithfulness, subset_similarities
from whyalike.evaluation.measures import METRICS
from whyalike.models.black_box import BlackBox
from whyalike.models.installed import Pooling, Transformer
from whyalike.texts import find_words, is_mark, keep_words

LETTERS = "abcdefghijklmn"
LEFT, RIGHT = "a b c d e f g h i j k l", "c m b n h g a f"
PAIRS = [(LEFT, RIGHT), ("f e d c b a, n.", "a k b j l c d")]


def vector_of(word):
    place = LETTERS.find(word)
    return np.random.default_rng(place).random(6) if place >= 0 else np.zeros(6)


def bag(texts):
    return np.array([sum((vector_of(w) for w in find(t)), np.zeros(6)) for t in texts])


def find(text):
    return [text[a:b] for a, b in find_words(text)]


def additive(method="random"):
    """The similarity is sum_ij w_i . w'_j: what a word adds is known exactly."""
    return Explainer(embed=bag, similarity_function="dot", method=method)


def with_saliency(explanation, left, right):
    """The explanation with other saliency, in units of the score."""

    def side(text, values):
        words = [
            replace(word, saliency=float(v), contribution=float(v))
            for word, v in zip(text.words, values, strict=True)
        ]
        return replace(text, words=tuple(words))

    return replace(
        explanation, left=side(explanation.left, left), right=side(explanation.right, right)
    )


def oracle(explanation):
    left, right = (find(side.text) for side in (explanation.left, explanation.right))
    (one, other) = bag([explanation.left.text, explanation.right.text])
    return [vector_of(w) @ other for w in left], [vector_of(w) @ one for w in right]


@pytest.fixture(scope="module")
def explained():
    return list(additive().explain_many(PAIRS))


@pytest.fixture(scope="module")
def rankings(explained):
    """Explanations by an oracle, by its opposite, and by twenty random ones."""
    truth = [oracle(e) for e in explained]
    known = {
        "oracle": [with_saliency(e, *t) for e, t in zip(explained, truth, strict=True)],
        "opposite": [
            with_saliency(e, -np.array(a), -np.array(b))
            for e, (a, b) in zip(explained, truth, strict=True)
        ],
    }
    for seed in range(20):
        rng = np.random.default_rng(seed)
        known[seed] = [
            with_saliency(e, rng.random(len(e.left.words)), rng.random(len(e.right.words)))
            for e in explained
        ]
    return known


WORDS = [name for name in METRICS if not name.startswith("pair_")]


@pytest.mark.parametrize("side", ["left", "right", "both"])
def test_oracle_is_best_and_its_opposite_worst(rankings, side):
    found = {
        name: measure_faithfulness(additive(), PAIRS, metrics=WORDS, explanations=given)
        for name, given in rankings.items()
    }
    for metric in WORDS:
        sign = 1 if METRICS[metric].higher_is_better else -1
        scores = {name: sign * f.values[metric][side] for name, f in found.items()}
        for name, values in scores.items():
            assert (scores["oracle"] >= values - 1e-9).all(), (metric, name)
            assert (scores["opposite"] <= values + 1e-9).all(), (metric, name)
        chance = np.mean([scores[seed] for seed in range(20)], axis=0)
        assert (scores["oracle"] > chance).all()
        assert (scores["opposite"] < chance).all()


def test_no_set_of_words_beats_the_oracle(rankings):
    """The oracle's curve is the best there is, found by trying every set of words."""
    found = measure_faithfulness(
        additive(), PAIRS, metrics=["aopc_deletion"], explanations=rankings["oracle"]
    )
    other = bag([RIGHT])[0]
    words = find(LEFT)
    for k in range(1, 11):
        best = max(sum(vector_of(w) @ other for w in s) for s in itertools.combinations(words, k))
        assert found.curves["without_words"]["left"][0, k - 1] == pytest.approx(best)


def test_random_saliency_is_at_chance(explained):
    """Over all orders a word goes among the first k with chance k / N."""
    falls = []
    for seed in range(150):
        rng = np.random.default_rng(seed)
        given = [
            with_saliency(e, rng.random(len(e.left.words)), rng.random(len(e.right.words)))
            for e in explained[:1]
        ]
        f = measure_faithfulness(
            additive(), PAIRS[:1], metrics=["aopc_deletion"], explanations=given
        )
        falls.append(f.curves["without_words"]["left"][0])
    total = len(find(LEFT))
    expected = [k / total * explained[0].similarity for k in range(1, 11)]
    np.testing.assert_allclose(np.mean(falls, axis=0), expected, rtol=0.1)


def by_hand(explanation, left_gone, right_gone):
    """The similarity of a pair without these words, step by step."""
    texts = []
    for side, gone in ((explanation.left, left_gone), (explanation.right, right_gone)):
        kept = [n not in gone for n in range(len(side.words))]
        texts.append(keep_words(side.text, [(w.start, w.end) for w in side.words], kept))
    one, other = bag(texts)
    return float(one @ other)


def slow_curves(explanation, *, marks):
    """Every curve on both sides by loops over the definition; no two saliencies are equal."""
    orders = []
    for side in (explanation.left, explanation.right):
        may = [n for n, w in enumerate(side.words) if marks or not is_mark(w.text)]
        orders.append(sorted(may, key=lambda n, side=side: -side.words[n].saliency))
    whole = by_hand(explanation, (), ())
    curves = {name: [] for name in ("without_words", "only_words", "without_parts", "only_parts")}
    for amounts, name in ((range(1, 11), "words"), ((0.05, 0.1, 0.2, 0.5), "parts")):
        for amount in amounts:
            gone, rest = [], []
            for order in orders:
                k = amount if name == "words" else max(1, math.floor(amount * len(order) + 0.5))
                gone.append(order[: min(k, len(order) - 1)])
                rest.append(order[min(k, len(order)) :])
            curves[f"without_{name}"].append(whole - by_hand(explanation, *gone))
            curves[f"only_{name}"].append(whole - by_hand(explanation, *rest))
    areas = {"deletion_area": 0.0, "insertion_area": 0.0}
    for name in areas:
        heights = []
        for tenth in range(11):
            gone = []
            for order in orders:
                k = math.floor(tenth / 10 * len(order) + 0.5)
                k = max(1, k) if tenth else k
                if name == "deletion_area":
                    gone.append(order[: min(k, len(order) - 1)])
                else:
                    gone.append(order[max(k, 1) :])
            heights.append(by_hand(explanation, *gone))
        areas[name] = sum((a + b) / 20 for a, b in itertools.pairwise(heights))
    return curves, areas


@pytest.mark.parametrize("marks", [False, True])
def test_curves_against_loops(rankings, marks):
    found = measure_faithfulness(additive(), PAIRS, explanations=rankings[3], marks=marks)
    for number, explanation in enumerate(rankings[3]):
        curves, areas = slow_curves(explanation, marks=marks)
        for name, values in curves.items():
            np.testing.assert_allclose(found.curves[name]["both"][number], values, atol=1e-9)
        for name, value in areas.items():
            assert found.values[name]["both"][number] == pytest.approx(value)
        for metric, curve in (
            ("aopc_deletion", "without_words"),
            ("aopc_insertion", "only_words"),
            ("comprehensiveness", "without_parts"),
            ("sufficiency", "only_parts"),
        ):
            assert found.values[metric]["both"][number] == pytest.approx(np.mean(curves[curve]))


def test_pairs_against_loops(explained):
    """Without the words of the top matches, and the interaction of each, step by step."""
    found = measure_faithfulness(
        additive(), PAIRS, metrics=["pair_deletion", "pair_interaction"], explanations=explained
    )
    for number, e in enumerate(explained):
        whole = by_hand(e, (), ())
        top = [
            m
            for m in e.matches
            if not is_mark(e.left.words[m.left].text) and not is_mark(e.right.words[m.right].text)
        ]
        assert len({m.score for m in top[:6]}) == len(top[:6])
        falls, interactions = [], []
        for k in range(1, 6):
            gone = {m.left for m in top[:k]}, {m.right for m in top[:k]}
            falls.append(whole - by_hand(e, *gone))
            i, j = {top[k - 1].left}, {top[k - 1].right}
            # Of a bilinear score the interaction of two words is just their product.
            known = vector_of(find(e.left.text)[min(i)]) @ vector_of(find(e.right.text)[min(j)])
            interactions.append(whole - by_hand(e, i, ()) - by_hand(e, (), j) + by_hand(e, i, j))
            assert interactions[-1] == pytest.approx(known)
        np.testing.assert_allclose(found.curves["without_pairs"]["both"][number], falls)
        np.testing.assert_allclose(found.curves["interaction_pairs"]["both"][number], interactions)
        assert found.values["pair_interaction"]["both"][number] == pytest.approx(
            np.mean(interactions)
        )
    assert set(found.values["pair_deletion"]) == {"both"}


def test_selected_pairs_alone_against_a_loop(explained):
    """What a reader is shown, marks and all, each pair by itself; fewer pairs are fewer numbers."""
    shown = [replace(e, pairs=e.matches[1 : 3 + 3 * n]) for n, e in enumerate(explained)]
    found = measure_faithfulness(
        additive(), PAIRS, metrics=["pair_checked"], explanations=shown
    ).values["pair_checked"]
    assert set(found) == {"both"}
    for number, e in enumerate(shown):
        whole = by_hand(e, (), ())
        falls = [whole - by_hand(e, {pair.left}, {pair.right}) for pair in e.pairs[:5]]
        assert len(falls) == (2, 5)[number]
        assert found["both"][number] == pytest.approx(np.mean(falls))


def test_what_is_checked_is_what_an_explanation_shows():
    explainer = Explainer(tiny("bert").parts, method="whyalike")
    pairs = [(TEXTS[0], TEXTS[1])]
    explained = [explainer.explain(*pairs[0], check=5)]
    found = measure_faithfulness(
        explainer, pairs, metrics=["pair_checked"], explanations=explained
    ).values["pair_checked"]["both"]
    falls = [one.fall for one in explained[0].checks.pairs]
    assert found[0] == pytest.approx(np.mean(falls), abs=1e-6)


def test_constant_saliency_is_flagged_and_ordered_at_random():
    """Words of one text fall in importance from the first on: by place, silence would look wise."""
    letters = list(LETTERS[:10])
    scale = {w: 10.0 - n for n, w in enumerate(letters)}

    def embed(texts):
        return np.array([[sum(scale.get(w, 0.0) for w in find(t))] for t in texts])

    # A hundred texts with the same words in the same order, told apart by a word that adds nothing.
    pairs = [(" ".join(letters) + f" x{n}", "a") for n in range(100)]
    explainer = Explainer(embed=embed, similarity_function="dot", method="random")
    silent = [
        with_saliency(e, [1.0] * len(e.left.words), [1.0]) for e in explainer.explain_many(pairs)
    ]
    found = measure_faithfulness(
        explainer, pairs, metrics=["aopc_deletion"], explanations=silent, counts=[1]
    )
    assert found.constant.all()
    falls = found.values["aopc_deletion"]["left"]
    assert len(set(falls.tolist())) > 5
    mean = 10 * sum(scale.values()) / 11
    assert falls.mean() == pytest.approx(mean, rel=0.15)
    assert not measure_faithfulness(explainer, pairs[:3]).constant.any()
    # One word on the right: nothing can go from there, and that is no number.
    assert np.isnan(found.values["aopc_deletion"]["right"]).all()
    assert found.undefined("aopc_deletion", side="both") == 100
    assert math.isnan(found.mean("aopc_deletion"))
    content = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert content["constant"] == 100
    assert content["metrics"]["aopc_deletion"]["right"]["values"] == [None] * 100


def test_empty_texts_and_no_pairs():
    found = measure_faithfulness(additive(), [("", LEFT), (LEFT, RIGHT)])
    assert np.isnan(found.values["aopc_deletion"]["left"]).tolist() == [True, False]
    assert not np.isnan(found.values["aopc_deletion"]["right"]).any()
    assert np.isnan(found.values["pair_deletion"]["both"]).tolist() == [True, False]
    nothing = measure_faithfulness(additive(), [])
    assert nothing.values["sufficiency"]["both"].shape == (0,)
    assert nothing.curves["only_parts"]["both"].shape == (0, 4)
    assert math.isnan(nothing.mean("sufficiency"))
    json.dumps(nothing.to_dict(), allow_nan=False)


def test_batch_equals_single_and_the_seed_decides():
    pairs = [(TEXTS[0], TEXTS[1]), (TEXTS[1], TEXTS[2]), (TEXTS[3], TEXTS[0])]
    explainer = Explainer(tiny("bert").parts, method="whyalike")
    done = []
    together = measure_faithfulness(explainer, pairs, progress=lambda *p: done.append(p))
    assert done == [(3, 3)]
    for number, pair in enumerate(pairs):
        alone = measure_faithfulness(explainer, [pair])
        for metric, sides in together.values.items():
            for side, values in sides.items():
                np.testing.assert_allclose(values[number], alone.values[metric][side][0], atol=1e-5)
    given = list(explainer.explain_many(pairs))
    again = measure_faithfulness(explainer, pairs, explanations=given)
    assert again.to_dict() == together.to_dict()
    np.testing.assert_allclose(together.similarity, [e.similarity for e in given], atol=1e-5)


def test_every_text_is_embedded_once():
    box = BlackBox(bag, similarity_function="dot", cache_size=0)
    explainer = Explainer(embed=box, method="random")
    given = list(explainer.explain_many(PAIRS))
    seen = []
    box._function = lambda texts: seen.extend(texts) or bag(texts)
    measure_faithfulness(explainer, PAIRS, explanations=given)
    assert len(seen) == len(set(seen))


def test_replacements():
    explanation = additive().explain("a b c", "d e")
    subsets = [Subsets(np.array([[1, 1, 1], [0, 1, 0]], bool), np.array([[1, 1], [0, 1]], bool))]
    seen = []

    def embed(texts):
        seen.extend(texts)
        return bag(texts)

    def ask(replacement, explainer=None):
        seen.clear()
        explainer = explainer or Explainer(embed=embed, similarity_function="dot", method="random")
        return subset_similarities(explainer, [explanation], subsets, replacement=replacement)[0]

    dropped = ask(Replacement())
    assert set(seen) == {"a b c", "b", "d e", "e"}
    assert dropped[1] == pytest.approx(vector_of("b") @ vector_of("e"))
    drawn = ask(Replacement("catalogue", catalogue=["M, n!"], draws=64))
    assert {t for t in seen if len(t) == 5} <= {f"{p} b {q}" for p in "mn" for q in "mn"} | {
        "a b c"
    }
    expected = np.mean(
        [
            (vector_of(p) + vector_of("b") + vector_of(q)) @ (vector_of(r) + vector_of("e"))
            for p, q, r in itertools.product("mn", repeat=3)
        ]
    )
    assert drawn[0] == pytest.approx(dropped[0])
    assert drawn[1] == pytest.approx(expected, rel=0.05)
    again = ask(Replacement("catalogue", catalogue=["M, n!"], draws=64))
    assert (again == drawn).all()
    other = ask(Replacement("catalogue", catalogue=["M, n!"], draws=64, seed=1))
    assert other[1] != drawn[1]

    class Masking(BlackBox):
        mask_token = "m"

    masking = Explainer(embed=Masking(embed, similarity_function="dot"), method="random")
    masked = ask(Replacement("mask"), masking)
    one = vector_of("m") * 2 + vector_of("b")
    assert masked[1] == pytest.approx(one @ (vector_of("m") + vector_of("e")))
    with pytest.raises(OptionError, match="no mask token"):
        ask(Replacement("mask"))


def test_deletions_made_with_sentence_transformers_alone(tmp_path):
    """Nothing of ours but the order: words blanked out in place, marks kept, halves rounded up."""
    tiny("bert").model.save_pretrained(tmp_path)
    tiny("bert").tokenizer.save_pretrained(tmp_path)
    modules = [Transformer(str(tmp_path)), Pooling(32)]
    pipeline = SentenceTransformer(modules=modules, device="cpu")
    # 25 words: a tenth of them is 2.5, of which Python's round makes 2.
    left = "Warm knit gloves, " * 8 + "off."
    right = "the smart; gloves " * 8 + "cut!"
    explainer = Explainer(pipeline, method="whyalike")
    explained = explainer.explain(left, right)
    found = measure_faithfulness(explainer, [(left, right)], explanations=[explained])

    def shortened(side, part, *, keep):
        words = [word for word in side.words if word.text.isalnum()]
        order = sorted(words, key=lambda word: -word.saliency)
        count = max(1, math.floor(part * len(words) + 0.5))
        text = list(side.text)
        for word in order[count:] if keep else order[:count]:
            text[word.start : word.end] = " " * (word.end - word.start)
        return "".join(text)

    def cosine(one, other):
        first, second = pipeline.encode([one, other]).astype(np.float64)
        return first @ second / np.linalg.norm(first) / np.linalg.norm(second)

    assert len({word.saliency for word in explained.left.words}) == len(explained.left.words)
    for name, keep in (("sufficiency", True), ("comprehensiveness", False)):
        falls = [
            cosine(left, right)
            - cosine(*(shortened(s, part, keep=keep) for s in (explained.left, explained.right)))
            for part in (0.05, 0.1, 0.2, 0.5)
        ]
        assert found.values[name]["both"][0] == pytest.approx(np.mean(falls), abs=1e-6)


def test_words_beyond_the_limit_stay_out():
    model = tiny("bert")
    long = " ".join(["gloves", "wool"] * 150)
    explainer = Explainer(model.parts, method="random")
    explanation = explainer.explain(long, TEXTS[0])
    assert explanation.left.unread_words
    count = len(explanation.left.words)
    kept = np.ones((2, count), bool)
    kept[1, : count - 2] = False
    found = subset_similarities(
        explainer,
        [explanation],
        [Subsets(kept, np.ones((2, len(explanation.right.words)), bool))],
        replacement=Replacement(),
    )[0]
    short = " ".join(w.text for w in explanation.left.words[-2:])
    assert found[0] == pytest.approx(explanation.similarity, abs=1e-5)
    assert found[1] == pytest.approx(explainer.explain(short, TEXTS[0]).similarity, abs=1e-5)


@pytest.mark.parametrize(
    "options",
    [
        {"metrics": ["aopc"]},
        {"counts": []},
        {"counts": [0]},
        {"fractions": [1.0]},
        {"top_pairs": 0},
    ],
)
def test_wrong_options_are_refused(options):
    with pytest.raises(OptionError, match=f"{next(iter(options))}|no metric"):
        measure_faithfulness(additive(), PAIRS, **options)


def test_wrong_replacements_are_refused():
    for wrong in (
        {"kind": "blur"},
        {"kind": "catalogue"},
        {"kind": "catalogue", "catalogue": ["!"]},
        {"catalogue": ["a b"]},
        {"kind": "catalogue", "catalogue": ["a"], "draws": 0},
    ):
        with pytest.raises(OptionError):
            Replacement(**wrong)


def test_explanations_of_something_else_are_refused(explained):
    explainer = additive()
    for given, message in (
        (explained[:1], "1 explanations | 2 pairs"),
        (explained[::-1], "other texts"),
        ([replace(e, model="another") for e in explained], "of the score"),
        ([explained[0], replace(explained[1], method="idf")], "one method"),
    ):
        with raises(OptionError, *message.split(" | ")):
            measure_faithfulness(explainer, PAIRS, explanations=given)


@pytest.mark.weights
def test_a_real_model_tells_occlusion_from_chance(minilm):
    pairs = [
        (TEXTS[0], TEXTS[1]),
        (
            "How do I get my money back after a late delivery?",
            "A full refund is paid within seven days if a parcel arrives too late.",
        ),
        (
            "A slow walk along the beach at sunset with our two dogs.",
            "Two dogs run beside a couple who stroll on the sand in the evening.",
        ),
    ]
    found = {
        method: measure_faithfulness(
            minilm.with_method(method), pairs, metrics=["aopc_deletion", "deletion_area"]
        )
        for method in ("occlusion", "random")
    }
    best, chance = found["occlusion"], found["random"]
    assert best.mean("aopc_deletion") > chance.mean("aopc_deletion") + 0.05
    assert best.mean("deletion_area") < chance.mean("deletion_area") - 0.05
    np.testing.assert_allclose(best.similarity, chance.similarity)
