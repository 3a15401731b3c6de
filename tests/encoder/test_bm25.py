"""BM25: the score of the package bm25s, and each term of it back at the words of both texts."""

import math
import pickle
import sys
from collections import Counter

import bm25s
import numpy as np
import pytest

from exact_scorers import check_batches, check_perturbation, check_scores, check_whole, random_pairs
from raising import raises
from whyalike import BM25, BTIOptions, CatalogueIndex, Explainer, Item
from whyalike.errors import MissingExtraError, OptionError, TextError

METHODS = ["lucene", "robertson", "atire", "bm25l", "bm25+"]
CATALOGUE = [right for _, right in random_pairs(60)] + [
    "Wool gloves, knit gloves, warm gloves: for the smart phone.",
    "Hats off.",
    "",
    "the of and",
]


def reference(texts, *, method="lucene", stopwords="english", stemmer=None, **settings):
    """Return the scores (N,) of all texts for a query, by the package alone."""
    tokens = bm25s.tokenize(
        texts, stopwords=stopwords, stemmer=stemmer, return_ids=False, show_progress=False
    )
    index = bm25s.BM25(method=method, **settings)
    index.index(tokens, show_progress=False)

    def scores(query):
        terms = bm25s.tokenize(
            [query], stopwords=stopwords, stemmer=stemmer, return_ids=False, show_progress=False
        )[0]
        return index.get_scores(terms) if terms else np.zeros(len(texts))

    return scores


def by_formula(texts, query, document, *, method, k1, b, delta):
    """BM25 written out from the papers, in loops; terms are what blanks part, all lower case."""
    corpus = [text.split() for text in texts]
    mean = sum(map(len, corpus)) / len(corpus)
    counts = Counter(document.split())
    length = 1 - b + b * len(document.split()) / mean
    total = 0.0
    for term in query.split():
        n, df, tf = len(corpus), sum(term in each for each in corpus), counts[term]
        if not df:
            continue
        if method == "lucene":
            total += math.log(1 + (n - df + 0.5) / (df + 0.5)) * tf / (tf + k1 * length)
        elif method == "robertson":
            total += max(0, math.log((n - df + 0.5) / (df + 0.5))) * tf / (tf + k1 * length)
        elif method == "atire":
            total += math.log(n / df) * tf * (k1 + 1) / (tf + k1 * length)
        elif method == "bm25l":
            c = tf / length
            total += math.log((n + 1) / (df + 0.5)) * (k1 + 1) * (c + delta) / (k1 + c + delta)
        else:
            total += math.log((n + 1) / df) * (tf * (k1 + 1) / (tf + k1 * length) + delta)
    return total


@pytest.mark.parametrize("method", METHODS)
def test_the_score_is_that_of_bm25s_and_is_summed(method):
    # Half of each document beside other words, so that most have something in common.
    pairs = [(f"{left} {right[: len(right) // 2]}", right) for left, right in random_pairs()]
    texts = [right for _, right in pairs]
    scores = reference(texts, method=method, k1=1.2, b=0.6)
    explainer = Explainer(BM25(texts, method=method, k1=1.2, b=0.6))
    assert explainer.method.name == "exact"

    def own(some):
        return [scores(left)[texts.index(right)] for left, right in some]

    found = check_scores(explainer, own, pairs)
    assert {each.similarity_function for each in found} == {"score"}
    check_batches(explainer)


@pytest.mark.parametrize("method", METHODS)
def test_by_the_formula_in_the_index_and_outside_of_it(method):
    texts = [right for _, right in random_pairs(60)]
    outside = [right for _, right in random_pairs(90)][60:]
    assert not set(texts) & set(outside)
    settings = {"k1": 0.9, "b": 0.4, "delta": 0.7}
    scorer = BM25(texts, method=method, stopwords=None, **settings)
    for query in ("warm gloves for hands", "wool wool hat knit", "unheard of"):
        expected = [
            by_formula(texts, query, each, method=method, **settings) for each in (*texts, *outside)
        ]
        pairs = [(query, each) for each in (*texts, *outside)]
        np.testing.assert_allclose(scorer.score(pairs), expected, atol=1e-5)
        found = [each.similarity for each in Explainer(scorer).explain_many(pairs)]
        np.testing.assert_allclose(found, expected, atol=1e-5)
        np.testing.assert_allclose([scorer.score([pair])[0] for pair in pairs], expected, atol=1e-5)


def test_each_word_of_the_query_goes_with_the_words_of_its_term():
    scorer = BM25(CATALOGUE)
    document = CATALOGUE[60]
    found = Explainer(scorer).explain("Warm GLOVES, gloves and lemon", document)
    words = [[word.text for word in side.words] for side in (found.left, found.right)]
    assert words[0] == ["Warm", "GLOVES", ",", "gloves", "and", "lemon"]
    single = {term: scorer.score([(term, document)])[0] for term in ("warm", "gloves")}
    expected = np.zeros(found.matrix.shape)
    for row, column in ((i, j) for i in range(6) for j in range(len(words[1]))):
        term = words[0][row].lower()
        if term == words[1][column].lower() and term in single:
            expected[row, column] = single[term] / sum(w.lower() == term for w in words[1])
    assert np.count_nonzero(expected) == 7
    np.testing.assert_allclose(found.matrix, expected, atol=1e-6)
    assert found.similarity == pytest.approx(single["warm"] + 2 * single["gloves"], rel=1e-6)
    assert found.remainder == pytest.approx(0, abs=1e-6)
    assert [w.contribution for w in found.left.words][4:] == [0, 0]
    assert {round(pair.similarity, 6) for pair in found.matches} == {1.0}
    assert found.warnings == ()
    assert {found.left.words[n].text for n in found.left.unmatched} >= {"lemon"}


def test_a_stemmer_shows_in_which_words_go_together():
    def stem(word):
        return word.removesuffix("s").removesuffix("ted")

    texts = ["Knitted glove", "Warm hats", "Lemon"]
    found = Explainer(BM25(texts, stemmer=stem)).explain("knit gloves", texts[0])
    pairs = {(found.left.words[p.left].text, found.right.words[p.right].text) for p in found.pairs}
    assert pairs == {("knit", "Knitted"), ("gloves", "glove")}
    scores = reference(texts, stemmer=lambda words: [stem(word) for word in words])
    assert found.similarity == pytest.approx(scores("knit gloves")[0], abs=1e-5)
    assert Explainer(BM25(texts)).explain("knit gloves", texts[0]).similarity == 0


def test_offsets_where_lower_case_is_longer():
    texts = ["İstanbul İ Wool gloves", "hats"]
    found = Explainer(BM25(texts, stopwords=None)).explain("wool İstanbul", texts[0])
    assert [(found.left.words[p.left].text, found.right.words[p.right].text) for p in found.matches]
    assert {found.right.words[p.right].text for p in found.matches} >= {"Wool"}
    scores = reference(texts, stopwords=[])
    assert found.similarity == pytest.approx(scores("wool İstanbul")[0], abs=1e-5)


def test_no_term_in_common_and_terms_of_no_text():
    explainer = Explainer(BM25(CATALOGUE))
    none = explainer.explain("lemon", "Hats off.")
    assert (none.similarity, none.pairs) == (0, ())
    assert none.warnings == ("The two texts have no term in common.",)
    new = explainer.explain("zebra gloves", "zebra")
    assert new.similarity == 0
    assert len(new.warnings) == 1
    assert new.warnings[0].startswith("No text of the catalogue has zebra: to bm25 ")
    blank = explainer.explain("", "gloves")
    assert blank.similarity == 0
    assert any(
        "left text has no words" in said and "the score is 0" in said for said in blank.warnings
    )


@pytest.mark.parametrize("method", ["bm25l", "bm25+"])
def test_what_every_document_has_is_of_no_word(method):
    scorer = BM25(CATALOGUE, method=method)
    found = Explainer(scorer).explain("gloves", "Hats off.")
    assert found.remainder == pytest.approx(found.similarity)
    assert found.similarity > 0
    assert [word.contribution for word in found.left.words] == [0]
    assert any(f"what {method} gives every document" in said for said in found.warnings)


def test_it_is_stored_pickled_and_perturbed():
    explainer = Explainer(BM25(CATALOGUE))
    left, right = "warm knit gloves", CATALOGUE[60]
    check_whole(explainer.explain(left, right))
    check_perturbation(explainer, left, right)
    copied = pickle.loads(pickle.dumps(explainer)).explain(left, right)
    assert copied == explainer.explain(left, right)
    assert explainer.compare(left, right, "Hats off.").margin > 0
    assert repr(explainer.model) == "BM25(64 texts, method='lucene', k1=1.5, b=0.75)"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"method": "best"}, "method"),
        ({"k1": -1}, "k1"),
        ({"k1": float("nan")}, "k1"),
        ({"b": 1.5}, "b is 1.5"),
        ({"b": True}, "b is True"),
        ({"delta": "x"}, "delta"),
        ({"stopwords": "klingon"}, "klingon"),
        ({"stopwords": 3}, "stopwords"),
        ({"stemmer": 3}, "stemmer"),
        ({"token_pattern": "("}, "regular"),
        ({"token_pattern": "(a)(b)"}, "2 groups"),
    ],
)
def test_bad_settings(settings, message):
    with pytest.raises(OptionError, match=message):
        BM25(CATALOGUE, **settings)


def test_bad_texts_and_prompts():
    for texts in ([], [""], ["the of"], ["!", " "]):
        with raises(TextError, "no terms", f"{len(texts)} texts"):
            BM25(texts)
    for texts in ("one text", [1], [None]):
        with pytest.raises(TextError, match="texts"):
            BM25(texts)
    with raises(OptionError, "bm25", "prompts"):
        Explainer(BM25(CATALOGUE), prompts=("query: ", ""))
    with raises(OptionError, "leave prompts out"):
        BM25(CATALOGUE).score([("a", "b")], prompts=("", "passage: "))
    with pytest.raises(OptionError, match="'bti' needs"):
        Explainer(BM25(CATALOGUE), method="bti")
    with pytest.raises(OptionError, match="a scorer already"):
        Explainer(BM25(CATALOGUE), pooling="paper")
    assert Explainer(BM25(CATALOGUE), options=BTIOptions(long_text="error")).explain("a", "b")


def test_without_the_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "bm25s", None)
    with raises(MissingExtraError, "BM25", "bm25s", "whyalike[bm25]"):
        BM25(CATALOGUE)


def test_the_texts_of_an_index(tmp_path):
    items = [Item(str(n), f"Item {n}", text) for n, text in enumerate(CATALOGUE[:5])]
    index = CatalogueIndex.build(
        items, tmp_path / "idx", model=Explainer(embed=vowels), fields=("description",)
    )
    assert index.texts() == CATALOGUE[:5]
    fewer = index.remove(["1"])
    assert fewer.texts() == [CATALOGUE[0], *CATALOGUE[2:5]]
    assert BM25(fewer.texts()).documents == 4


def vowels(texts):
    return [[text.count(vowel) + 1.0 for vowel in "aeiou"] for text in texts]
