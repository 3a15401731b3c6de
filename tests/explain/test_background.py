"""What is usual among a user's own texts, each number against a loop over them."""

import json

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer

from raising import raises
from tiny_models import tiny
from whyalike import CatalogueIndex, Explainer, Explanation, Item
from whyalike.background import FEWEST, Background
from whyalike.errors import OptionError, TextError
from whyalike.models.encoder import Encoder
from whyalike.models.installed import Pooling, Transformer

WORDS = [
    "warm",
    "knit",
    "gloves",
    "smart",
    "wool",
    "lemon",
    "white",
    "flowers",
    "stretch",
    "hands",
    "screen",
    "cuffs",
    "these",
]
LEFT, RIGHT = "Warm knit gloves, ribbed.", "These smart gloves are cut from wool."


def some_texts(count=FEWEST, seed=0):
    draw = np.random.default_rng(seed)
    found = {}
    while len(found) < count:
        found[" ".join(draw.choice(WORDS, size=draw.integers(3, 9)))] = None
    return list(found)


BACKGROUND = some_texts()


def explainer(method, **settings):
    return Explainer(tiny("bert").parts, method=method, **settings)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("background")
    tiny("bert").model.save_pretrained(path)
    tiny("bert").tokenizer.save_pretrained(path)
    return path


def pipeline(folder, function):
    modules = [Transformer(str(folder)), Pooling(32)]
    return SentenceTransformer(modules=modules, device="cpu", similarity_fn_name=function)


def contributions(text):
    return np.array([word.contribution for word in text.words])


def scores_with_each(alone, left, right):
    """The scores of the left text with all of the background, and of these with the right one."""
    return (
        np.array([alone.explain(left, text).similarity for text in BACKGROUND]),
        np.array([alone.explain(text, right).similarity for text in BACKGROUND]),
    )


@pytest.mark.parametrize("prompts", [("", ""), ("knit ", "screen the ")])
def test_words_sum_to_what_the_pair_has_beyond_the_mean_score(prompts):
    alone = explainer("whyalike", prompts=prompts)
    explained = alone.with_background(BACKGROUND).explain(LEFT, RIGHT)
    assert explained.similarity == pytest.approx(alone.explain(LEFT, RIGHT).similarity, abs=1e-6)
    of_left, of_right = scores_with_each(alone, LEFT, RIGHT)
    found = explained.background
    assert found.left_mean == pytest.approx(of_left.mean(), abs=1e-6)
    assert found.right_mean == pytest.approx(of_right.mean(), abs=1e-6)
    assert found.mean == pytest.approx((of_left.mean() + of_right.mean()) / 2, abs=1e-6)
    for side, usual in ((explained.left, of_left), (explained.right, of_right)):
        total = explained.similarity - usual.mean()
        assert contributions(side).sum() == pytest.approx(total, abs=1e-6)
    assert explained.completeness_gap < 1e-6
    paired = sum(pair.score for pair in explained.matches)
    assert paired + explained.remainder == pytest.approx(explained.similarity, abs=1e-9)


@pytest.mark.parametrize("function", ["cosine", "dot"])
@pytest.mark.parametrize("method", ["gradient_x_activation", "whyalike"])
def test_the_gradient_is_that_of_the_score_less_its_mean(folder, function, method):
    """Differentiating is linear: the mean of what words add to the scores with each text goes."""
    alone = Explainer(pipeline(folder, function), method=method)
    explained = alone.with_background(BACKGROUND).explain(LEFT, RIGHT)
    plain = alone.explain(LEFT, RIGHT)

    def contributions(text):
        return np.array([word.alone for word in text.words])

    of_left = [contributions(alone.explain(LEFT, text).left) for text in BACKGROUND]
    of_right = [contributions(alone.explain(text, RIGHT).right) for text in BACKGROUND]
    for side, whole, usual in (
        (explained.left, plain.left, of_left),
        (explained.right, plain.right, of_right),
    ):
        expected = contributions(whole) - np.mean(usual, axis=0)
        assert np.abs(expected).max() > 1e-3
        np.testing.assert_allclose(contributions(side), expected, rtol=1e-3, atol=1e-5)


def test_places_are_counted(monkeypatch):
    alone = explainer("bti")
    explained = alone.with_background(BACKGROUND).explain(LEFT, RIGHT)
    score = explained.similarity
    scores = {
        (i, j): alone.explain(one, other).similarity
        for i, one in enumerate(BACKGROUND[:12])
        for j, other in enumerate(BACKGROUND[:12])
        if i != j
    }
    monkeypatch.setattr("whyalike.background.FEWEST", 12)
    few = alone.with_background(BACKGROUND[:12]).explain(LEFT, RIGHT).background
    below = [value < score for (i, j), value in scores.items() if i < j]
    assert few.percentile == pytest.approx(100 * np.mean(below))
    nearest = [max(scores[i, j] for j in range(12) if j != i) for i in range(12)]
    assert few.nearest_percentile == pytest.approx(100 * np.mean([n < score for n in nearest]))
    assert few.texts == 12
    # No pair of a text with itself, and the lowest and the highest score have their places.
    measured = Background(BACKGROUND).measure(alone.model, prompts=("", ""))
    assert measured.random.max() < 1
    assert len(measured.random) == FEWEST * (FEWEST - 1) / 2
    assert measured.place(-1.0, None).percentile == 0
    assert measured.place(1.0, None).percentile == 100
    middle = measured.place(float(measured.random[10]), None).percentile
    assert middle == pytest.approx(100 * 10.5 / len(measured.random))


def test_what_all_texts_are_explains_nothing():
    """The right text and all of the background are one to the model: nothing is left to explain."""
    words = RIGHT.split()
    cases = [
        " ".join(word.upper() if place >> n & 1 else word for n, word in enumerate(words))
        for place in range(1, 1 + 2 * FEWEST)
    ]
    for method in ("whyalike", "gradient_x_activation"):
        alone = explainer(method)
        explained = alone.with_background(cases).explain(LEFT, RIGHT)
        assert explained.background.left_mean == pytest.approx(explained.similarity, abs=1e-6)
        assert np.abs(contributions(alone.explain(LEFT, RIGHT).left)).max() > 1e-2
        np.testing.assert_allclose(contributions(explained.left), 0, atol=1e-5)


def vars_of(explanation):
    return explanation.left, explanation.right


@pytest.mark.weights
@pytest.mark.parametrize("method", ["gradient_x_activation", "whyalike"])
def test_boilerplate_sinks_with_real_weights(method):
    kinds = ["hat", "scarf", "coat", "belt", "sock", "boot", "shirt", "skirt", "jacket", "vest"]
    stuffs = ["wool", "silk", "linen", "leather"]
    phrase = "Free returns within thirty days of delivery."
    texts = [f"A {kind} of soft {stuff}. {phrase}" for kind in kinds for stuff in stuffs]
    pair = f"A glove of soft fleece. {phrase}", f"A mitten of warm fleece. {phrase}"
    alone = Explainer("all-MiniLM-L6-v2", method=method)
    found = []
    for one in (alone, alone.with_background(texts)):
        explained = one.explain(*pair)
        values = [contributions(side) for side in vars_of(explained)]
        found.append(sum(value[6:].sum() / value.sum() for value in values))
        shown = {explained.left.words[p.left].text for p in explained.pairs}
    assert found[1] < 0.6 * found[0]
    assert shown & {"glove", "fleece"}


def test_a_background_costs_no_pass_of_its_own_once_it_is_measured(monkeypatch):
    one = explainer("whyalike", background=BACKGROUND)
    first = one.explain(LEFT, RIGHT)
    calls = []
    forward = Encoder._forward
    monkeypatch.setattr(
        Encoder, "_forward", lambda *args, **named: calls.append(1) or forward(*args, **named)
    )
    assert one.explain(LEFT, RIGHT) == first
    assert len(calls) == 1
    together = list(one.explain_many([(LEFT, RIGHT), (RIGHT, BACKGROUND[0])]))
    np.testing.assert_allclose(
        contributions(together[0].left), contributions(first.left), atol=1e-5
    )


@pytest.mark.parametrize("method", ["whyalike", "bti", "gradient_x_activation"])
def test_equal_and_empty_texts(method):
    one = explainer(method, background=BACKGROUND)
    for pair in ((LEFT, LEFT), ("", LEFT), ("", "")):
        explained = one.explain(*pair)
        values = [w.saliency for side in vars_of(explained) for w in side.words]
        assert np.isfinite(values).all()
        assert Explanation.from_json(explained.to_json()) == explained
    same = explainer("whyalike", background=BACKGROUND).explain(LEFT, LEFT)
    total = same.similarity - same.background.left_mean
    assert contributions(same.left).sum() == pytest.approx(total, abs=1e-6)


@pytest.mark.parametrize("method", ["occlusion", "bti", "vanilla_gradients", "random"])
def test_a_method_without_a_contrast_places_the_score_and_says_so(method):
    alone = explainer(method)
    explained, plain = (
        one.explain(LEFT, RIGHT) for one in (alone.with_background(BACKGROUND), alone)
    )
    assert explained.left == plain.left
    assert explained.matches == plain.matches
    assert explained.background.mean is None
    assert explained.background.percentile is not None
    assert plain.background is None
    (said,) = explained.warnings
    assert "explain the score itself" in said
    assert method in said


def test_scores_that_are_no_product_have_places_and_no_contrast(folder):
    one = Explainer(pipeline(folder, "euclidean"), method="whyalike")
    explained, plain = (
        one.with_background(BACKGROUND).explain(LEFT, RIGHT),
        one.explain(LEFT, RIGHT),
    )
    assert explained.left == plain.left
    assert explained.background.mean is None
    assert 0 <= explained.background.nearest_percentile <= 100
    assert any("no product of two vectors" in said for said in explained.warnings)

    def score(pairs):
        return [float(len({*left.split()} & {*right.split()})) for left, right in pairs]

    scored = Explainer(score=score, method="occlusion", background=BACKGROUND)
    found = scored.explain("warm wool gloves", "warm wool gloves hands").background
    assert found.nearest_percentile is None
    assert found.mean is None
    assert found.percentile > 80
    assert scored.explain("nothing", "else").background.percentile < 50


def test_texts_unlike_the_background_are_said_to_be():
    """A text of one word that no text of the background has."""
    one = explainer("whyalike", background=[f"warm wool gloves {n}" for n in range(40)])
    warnings = one.explain("日本語のテキスト", "warm wool gloves 41").warnings
    assert [said for said in warnings if "left text is unlike" in said]
    assert not [said for said in warnings if "right text is unlike" in said]


def test_an_index_is_a_background(tmp_path):
    texts = some_texts(40)
    items = [Item(id=f"i{n}", title="", description=text) for n, text in enumerate(texts)]
    one = explainer("whyalike")
    index = CatalogueIndex.build(items, tmp_path, model=one, name="shop", fields=("description",))
    found = one.with_background(index).explain(LEFT, RIGHT)
    assert found == one.with_background(Background(texts)).explain(LEFT, RIGHT)
    assert found.background.texts == 40


def test_a_comparison_takes_the_same_off_both_texts():
    """The query's words sum to the margin, with and without."""
    alone = explainer("whyalike")
    for one in (alone, alone.with_background(BACKGROUND)):
        comparison = one.compare(LEFT, RIGHT, "white flowers")
        assert contributions(comparison.query).sum() == pytest.approx(comparison.margin, abs=1e-6)


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        (BACKGROUND[:3], OptionError, ("3 different", "30 or more")),
        ([BACKGROUND[0]] * 100, OptionError, ("1 different", "30")),
        (["", " "] * 40, OptionError, ("0 different",)),
        ("one text", TextError, ("str",)),
        (7, TextError, ("int",)),
        ([*BACKGROUND, None], TextError, ("NoneType",)),
    ],
)
def test_what_is_no_background(given, error, said):
    with raises(error, *said):
        explainer("bti", background=given)


def test_of_many_texts_some_are_drawn_and_the_same_ones(monkeypatch):
    monkeypatch.setattr("whyalike.background.MOST", 40)
    texts = some_texts(90)
    one, again, other = (Background(texts, seed=seed) for seed in (0, 0, 1))
    assert len(one.texts) == 40
    assert one.texts == again.texts
    assert one.texts != other.texts
    assert set(one.texts) < set(texts)


def test_every_view_says_where_the_score_stands():
    explained = explainer("whyalike", background=BACKGROUND).explain(LEFT, RIGHT)
    for view in (str(explained), explained.to_markdown(), explained.to_html()):
        said = " ".join(view.split())
        assert "of random pairs of 30 texts" in said
        assert "Any two texts of the background have" in said
    content = json.loads(explained.to_json())
    assert set(content["background"]) == {
        "texts", "percentile", "nearest_percentile", "left_mean", "right_mean"
    }  # fmt: skip
    assert "background" not in json.loads(explainer("bti").explain(LEFT, RIGHT).to_json())


def test_words_of_a_tenth_of_the_texts_are_common_and_not_shown_where_others_are():
    texts = [f"Made in Italy, number {n}" for n in range(27)] + ["Wool", "wool cap", "a wool hat"]
    background = Background(texts)
    assert background.common == {"made", "in", "italy", "number", "wool"}
    fewer = Background([*texts, *(f"plain {n}" for n in range(4))])
    assert "wool" not in fewer.common  # 3 of 34.
