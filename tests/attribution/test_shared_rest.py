"""What words leave of the similarity is shared among those that the model read, and no others."""

import numpy as np
import pytest

from tiny_models import tiny
from whyalike import Explainer
from whyalike.arrays import WordSaliency
from whyalike.words import share_the_rest


def words(contributions, matchable):
    count = len(matchable)
    return WordSaliency(
        spans=tuple((2 * n, 2 * n + 1) for n in range(count)),
        saliency=np.zeros(count),
        vectors=np.zeros((count, 2)),
        matchable=np.array(matchable, dtype=bool),
        contributions=None if contributions is None else np.array(contributions),
    )


@pytest.mark.parametrize("matchable", [(1, 0, 1, 1), (1, 1, 1, 1), (0, 0, 0, 1), (0, 1, 0, 0)])
@pytest.mark.parametrize("similarity", [0.9, -0.4, 0.0, -12.5])
def test_each_word_that_was_read_gets_the_same_and_a_word_without_a_token_nothing(
    matchable, similarity
):
    given = [0.25 * (n + 1) if read else 0.0 for n, read in enumerate(matchable)]
    found = share_the_rest(words(given, matchable), similarity)
    read = [n for n, one in enumerate(matchable) if one]
    each = (similarity - sum(given)) / len(read)
    expected = [given[n] + each if n in read else 0.0 for n in range(4)]
    np.testing.assert_allclose(found.contributions, expected, atol=1e-12)
    assert found.contributions.sum() == pytest.approx(similarity)
    greatest = max(map(abs, expected)) or 1.0
    np.testing.assert_allclose(found.saliency, [e / greatest for e in expected], atol=1e-12)


def test_nothing_is_shared_where_nothing_was_read_or_nothing_is_signed():
    unread, unsigned = words([0.0, 0.0], [0, 0]), words(None, [1, 1])
    assert share_the_rest(unread, 0.7) is unread
    assert share_the_rest(unsigned, 0.7) is unsigned


def test_a_word_that_the_tokenizer_drops_adds_nothing():
    """BertNormalizer takes away what is no character to it; we see a word there all the same."""
    dropped = "\ufffd"
    _, tokenizer = tiny("bert").parts
    assert tokenizer.tokenize(dropped) == []
    explainer = Explainer(tiny("bert").parts, method="whyalike")
    explanation = explainer.explain(f"warm {dropped} gloves", "Smart gloves of wool.")
    left = {word.text: word for word in explanation.left.words}
    assert list(left) == ["warm", dropped, "gloves"]
    assert (left[dropped].contribution, left[dropped].saliency) == (0.0, 0.0)
    assert sum(w.contribution for w in left.values()) == pytest.approx(
        explanation.similarity, abs=1e-6
    )
    assert 1 not in {match.left for match in explanation.matches}
