"""TF-IDF with word vectors, and the controls, a second time in loops."""

import csv
import hashlib
import math

import numpy as np
import pytest

from raising import raises
from tiny_models import TEXTS, tiny
from whyalike import BTIOptions, Explainer, Lexicon, WordVectors
from whyalike.errors import OptionError
from whyalike.explanation import WordPair
from whyalike.methods.method import get_method
from whyalike.selection import top_words

LEFT = "Knit gloves keep hands warm, gloves;"
RIGHT = "Warm mittens, knit; from soft nylon."
LEFT_WORDS = ["knit", "gloves", "keep", "hands", "warm", ",", "gloves", ";"]
RIGHT_WORDS = ["warm", "mittens", ",", "knit", ";", "from", "soft", "nylon", "."]
CATALOGUE = ["knit gloves", "keep warm with gloves", "mittens from wool", "soft hands keep", "soft"]
VECTORS = {
    "knit": [1.0, 0.2, 0.0],
    "gloves": [0.9, 0.1, 0.4],
    "keep": [-0.3, 1.0, 0.1],
    "warm": [0.2, 0.8, 0.5],
    "mittens": [0.8, 0.0, 0.5],
    "hands": [0.1, -0.6, 0.9],
    "soft": [0.0, -0.2, 0.7],
    ",": [1.0, 1.0, 1.0],
    "nylon": [0.9, 0.1, 0.4],
}
LEXICAL = ("tfidf_w2v", "idf", "random")


@pytest.fixture(scope="module")
def lexicon():
    table = np.array(list(VECTORS.values()), dtype=np.float32)
    vectors = WordVectors("by hand", {word: row for row, word in enumerate(VECTORS)}, table)
    return Lexicon.fit(CATALOGUE, vectors=vectors)


def explainer(method, lexicon, *, model="bert", **options):
    small = tiny(model)
    return Explainer(
        small.parts,
        method=method,
        pooling=small.pooling,
        lexicon=lexicon,
        options=BTIOptions(**options),
    )


def idf_by_hand(word):
    df = sum(word in text.split() for text in CATALOGUE)
    return math.log((1 + len(CATALOGUE)) / (1 + df)) + 1


def in_catalogue(word):
    return any(word in text.split() for text in CATALOGUE)


def tf_idf_by_hand(words):
    weights = []
    for word in words:
        known = word in VECTORS and word.isalpha() and in_catalogue(word)
        weights.append(words.count(word) * idf_by_hand(word) if known else 0.0)
    return weights


def cosine(u, v):
    product = sum(a * b for a, b in zip(u, v, strict=True))
    return product / math.sqrt(sum(a * a for a in u)) / math.sqrt(sum(b * b for b in v))


def products_by_hand():
    """The paper's T(w1) T(w2) C(W(w1), W(w2)) of each word and its nearest, from both sides."""
    left, right = tf_idf_by_hand(LEFT_WORDS), tf_idf_by_hand(RIGHT_WORDS)
    found = {}
    for turned in (False, True):
        own, other = (RIGHT_WORDS, LEFT_WORDS) if turned else (LEFT_WORDS, RIGHT_WORDS)
        for i, word in enumerate(own):
            nearest = None
            for j, candidate in enumerate(other):
                if not all(w in VECTORS and w.isalpha() for w in (word, candidate)):
                    continue
                similarity = cosine(VECTORS[word], VECTORS[candidate])
                if nearest is None or similarity > nearest[1]:
                    nearest = j, similarity
            if nearest is not None:
                pair = (nearest[0], i) if turned else (i, nearest[0])
                found[pair] = nearest[1], left[pair[0]] * right[pair[1]] * nearest[1]
    return found


def test_saliency_by_hand(lexicon):
    explanation = explainer("tfidf_w2v", lexicon).explain(LEFT, RIGHT)
    for side, words in ((explanation.left, LEFT_WORDS), (explanation.right, RIGHT_WORDS)):
        assert [word.text.lower() for word in side.words] == words
        weights = tf_idf_by_hand(words)
        np.testing.assert_allclose(
            [word.saliency for word in side.words], [w / max(weights) for w in weights]
        )


def test_pairs_are_those_of_the_papers_product(lexicon):
    explanation = explainer("tfidf_w2v", lexicon).explain(LEFT, RIGHT)
    expected = products_by_hand()
    factor = max(tf_idf_by_hand(LEFT_WORDS)) * max(tf_idf_by_hand(RIGHT_WORDS))
    ours = {(m.left, m.right): (m.similarity, m.score * factor) for m in explanation.matches}
    assert ours.keys() == expected.keys()
    for pair, values in expected.items():
        assert ours[pair] == pytest.approx(values, abs=1e-6)
    raw = [WordPair(i, j, values[0], values[1]) for (i, j), values in expected.items()]
    selected = top_words(raw, options=BTIOptions())
    assert {(p.left, p.right) for p in explanation.pairs} == {(p.left, p.right) for p in selected}
    assert 0 < len(selected) < len(raw)


def test_words_that_the_lexicon_lacks_are_told(lexicon):
    explanation = explainer("tfidf_w2v", lexicon).explain(LEFT, RIGHT)
    # "from" has no vector and "nylon" no place in the catalogue; a mark is no word.
    assert explanation.warnings == (
        "The lexicon lacks words of the right text, whose saliency is 0: from, nylon.",
    )
    matched = {pair.right for pair in explanation.matches}
    assert RIGHT_WORDS.index("from") not in matched
    assert RIGHT_WORDS.index("nylon") in matched, "it has a vector: a match, of score 0"
    strange = explainer("tfidf_w2v", lexicon).explain("one two three two four five six", ".")
    assert strange.matches == strange.pairs == ()
    assert "one, two, three, four, five and 1 more." in strange.warnings[0]
    assert all(word.saliency == 0 for word in strange.left.words)


@pytest.mark.parametrize("method", LEXICAL)
@pytest.mark.parametrize("model", ["bert", "xlm-r", "qwen3"])
def test_the_score_is_the_models(lexicon, method, model):
    ours = explainer(method, lexicon, model=model)
    bti = explainer("bti", lexicon, model=model)
    for left, right in ((LEFT, RIGHT), (TEXTS[2], TEXTS[3]), (LEFT, LEFT), ("", RIGHT)):
        expected = bti.explain(left, right).similarity
        assert ours.explain(left, right).similarity == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("method", LEXICAL)
def test_batch_swap_and_repetition(lexicon, method):
    ours = explainer(method, lexicon)
    pairs = [(LEFT, RIGHT), (TEXTS[0], TEXTS[1]), ("", LEFT), (RIGHT, LEFT), (LEFT, LEFT)]
    single = [ours.explain(*pair) for pair in pairs]
    for batched, alone in zip(ours.explain_many(pairs), single, strict=True):
        assert batched.similarity == pytest.approx(alone.similarity, abs=1e-6)
        assert batched.left == alone.left
        assert batched.right == alone.right
        assert batched.warnings == alone.warnings
    there, back = single[0], single[3]
    assert there.left.words == back.right.words
    assert there.right.words == back.left.words
    assert {(m.left, m.right) for m in there.matches} == {(m.right, m.left) for m in back.matches}
    assert ours.explain(LEFT, RIGHT).to_dict() == there.to_dict()


@pytest.mark.parametrize("words", ["token", "pretoken"])
@pytest.mark.parametrize("method", LEXICAL)
def test_other_words(lexicon, method, words):
    explanation = explainer(method, lexicon, words=words).explain(LEFT, RIGHT)
    gloves = [word.saliency for word in explanation.left.words if word.text == "gloves"]
    assert len(gloves) == 2
    assert min(gloves) > 0


@pytest.mark.parametrize("method", ["idf", "random"])
def test_controls_differ_from_bti_in_saliency_alone(lexicon, method):
    control = explainer(method, lexicon).explain(LEFT, RIGHT)
    bti = explainer("bti", lexicon).explain(LEFT, RIGHT)
    assert {(m.left, m.right): m.similarity for m in control.matches} == pytest.approx(
        {(m.left, m.right): m.similarity for m in bti.matches}, abs=1e-6
    )
    assert [w.saliency for w in control.left.words] != [w.saliency for w in bti.left.words]


def test_idf_by_hand(lexicon):
    explanation = explainer("idf", lexicon).explain(LEFT, RIGHT)
    for side, words in ((explanation.left, LEFT_WORDS), (explanation.right, RIGHT_WORDS)):
        idf = [idf_by_hand(word) if word.isalpha() else 0.0 for word in words]
        np.testing.assert_allclose(
            [word.saliency for word in side.words], [value / max(idf) for value in idf]
        )
    assert explanation.warnings == ()


def test_random_hangs_on_text_and_seed_alone(lexicon):
    drawn = {}
    for seed in (0, 1, -5):
        explanation = explainer("random", lexicon, seed=seed).explain(LEFT, RIGHT)
        for side, text in ((explanation.left, LEFT), (explanation.right, RIGHT)):
            state = int(hashlib.sha256(f"{seed}\n{text}".encode()).hexdigest(), 16)
            generator = np.random.Generator(np.random.PCG64(state))
            expected = [generator.random() for _ in side.words]
            drawn[seed, text] = tuple(word.saliency for word in side.words)
            assert drawn[seed, text] == tuple(expected)
    assert len(set(drawn.values())) == 6
    assert explainer("random", lexicon, model="xlm-r").explain(LEFT, RIGHT).left.words == tuple(
        explainer("random", lexicon).explain(LEFT, "wool").left.words
    ), "whatever the model and the other text"


def test_a_mark_inside_a_words_token_has_no_saliency(lexicon):
    explanation = explainer("random", lexicon, model="xlm-r").explain("wool gloves, wool", RIGHT)
    saliency = {word.text: word.saliency for word in explanation.left.words}
    assert saliency[","] == 0.0
    assert saliency["gloves"] > 0.0


@pytest.mark.parametrize("method", LEXICAL)
def test_on_any_embedding_at_all(lexicon, method):
    def embed(texts):
        return [[len(text), text.count("e"), text.count("o") + 1.0] for text in texts]

    assert "any embedding" in get_method(method).promises
    ours = Explainer(embed=embed, method=method, lexicon=lexicon)
    explanation = ours.explain(LEFT, RIGHT)
    left, right = embed([LEFT, RIGHT])
    assert explanation.similarity == pytest.approx(cosine(left, right))
    for match in explanation.matches:
        words = LEFT_WORDS[match.left], RIGHT_WORDS[match.right]
        if method == "tfidf_w2v":
            expected = cosine(VECTORS[words[0]], VECTORS[words[1]])
        else:
            own = explanation.left.words[match.left].text, explanation.right.words[match.right].text
            expected = cosine(*embed(own))
        assert match.similarity == pytest.approx(expected)
    assert explanation.left.words == explainer(method, lexicon).explain(LEFT, RIGHT).left.words
    assert ours.explain("", RIGHT).matches == ()
    many = list(ours.explain_many([(LEFT, RIGHT), ("", RIGHT)]))
    assert many[0].to_dict() == explanation.to_dict()


def test_what_is_no_lexicon():
    with raises(OptionError, "dict", "Lexicon.fit"):
        Explainer(tiny("bert").parts, lexicon={"a": [1.0]})


@pytest.mark.lexical
def test_without_a_lexicon_the_packaged_one_and_a_word_about_it():
    for method in ("tfidf_w2v", "idf"):
        explanation = explainer(method, None).explain(LEFT, RIGHT)
        assert "Zipf's law" in explanation.warnings[0]
        saliency = {word.text: word.saliency for word in explanation.right.words}
        assert saliency["nylon"] > saliency["from"] > saliency["."] == 0.0
    assert explainer("random", None).explain(LEFT, RIGHT).warnings == ()


@pytest.mark.lexical
@pytest.mark.realdata
def test_a_catalogue_of_fashion(catalogues):
    with (catalogues / "fashion.csv").open(encoding="utf-8", newline="") as file:
        texts = [row["description"] for row in csv.DictReader(file)]
    fitted = Lexicon.fit(texts)
    explanation = explainer("tfidf_w2v", fitted).explain(texts[0], texts[400])
    for side in (explanation.left, explanation.right):
        saliency = {word.text.lower(): word.saliency for word in side.words}
        assert max(saliency.values()) == 1.0
        assert saliency["."] == 0.0
    assert explanation.pairs
    assert not any("Zipf" in warning for warning in explanation.warnings)
    common, rare = (fitted.rarity.find(word) for word in ("the", "lace"))
    assert common is not None
    assert rare is not None
    assert common < rare
