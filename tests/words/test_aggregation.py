"""What a word inherits from its tokens: the maximum saliency, the mean vector."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from whyalike.words import Alignment, aggregate, aggregate_all, sum_over_word_pairs

FINITE = st.floats(-1e6, 1e6, width=32)


def alignment_of(count, links):
    """An alignment of ``count`` words, one character each, from (word, token) links."""
    ends = np.array(sorted(links), dtype=np.intp).reshape(-1, 2)
    return Alignment(tuple((2 * n, 2 * n + 1) for n in range(count)), ends[:, 0], ends[:, 1])


@st.composite
def linked_tokens(draw):
    words, tokens, features = draw(st.tuples(*[st.integers(1, 5)] * 3))
    pairs = st.tuples(st.integers(0, words - 1), st.integers(0, tokens - 1))
    links = draw(st.sets(pairs, max_size=12))
    saliency = draw(arrays.arrays(np.float64, tokens, elements=FINITE))
    vectors = draw(arrays.arrays(np.float64, (tokens, features), elements=FINITE))
    return words, links, saliency, vectors


@settings(deadline=None)
@given(linked_tokens())
def test_a_word_has_the_maximum_saliency_and_the_mean_vector_of_its_tokens(case):
    count, links, saliency, vectors = case
    result = aggregate(alignment_of(count, links), saliency, vectors)
    for word in range(count):
        own = [token for other, token in links if other == word]
        if own:
            assert result.saliency[word] == max(saliency[token] for token in own)
            mean = sum(vectors[token] for token in own) / len(own)
            np.testing.assert_allclose(result.vectors[word], mean, rtol=1e-12, atol=1e-9)
        else:
            assert result.saliency[word] == 0
            assert not result.vectors[word].any()
        assert result.matchable[word] == bool(own)


def test_tokens_by_hand():
    alignment = alignment_of(3, [(0, 0), (0, 1), (1, 1)])
    vectors = np.array([[1.0, 0.0], [3.0, 4.0]])
    result = aggregate(alignment, np.array([0.25, 0.75]), vectors)
    assert result.spans == ((0, 1), (2, 3), (4, 5))
    assert result.saliency.tolist() == [0.75, 0.75, 0.0]
    assert result.vectors.tolist() == [[2.0, 2.0], [3.0, 4.0], [0.0, 0.0]]
    assert result.matchable.tolist() == [True, True, False]


def test_a_negative_saliency_stays_negative():
    result = aggregate(alignment_of(1, [(0, 0), (0, 1)]), np.array([-0.5, -0.25]), np.ones((2, 1)))
    assert result.saliency.tolist() == [-0.25]


@pytest.mark.parametrize("count", [0, 2])
def test_without_links_no_word_is_salient_or_matchable(count):
    result = aggregate(alignment_of(count, []), np.zeros(0), np.zeros((0, 3)))
    assert result.saliency.tolist() == [0.0] * count
    assert result.vectors.shape == (count, 3)
    assert not result.vectors.any()
    assert result.matchable.tolist() == [False] * count


def test_tokens_that_belong_to_no_word_change_nothing():
    alignment = alignment_of(1, [(0, 1)])
    result = aggregate(alignment, np.array([9.0, 0.5]), np.array([[7.0], [2.0]]))
    assert result.saliency.tolist() == [0.5]
    assert result.vectors.tolist() == [[2.0]]


@settings(deadline=None)
@given(linked_tokens())
def test_contributions_are_summed_and_nothing_is_counted_twice(case):
    count, links, values, vectors = case
    alignment = alignment_of(count, links)
    result = aggregate(alignment, np.zeros_like(values), vectors, contributions=values)
    for word in range(count):
        total = 0.0
        for other, token in links:
            if other == word:
                total += values[token] / sum(t == token for _, t in links)
        assert result.contributions[word] == pytest.approx(total, rel=1e-9, abs=1e-9)
    linked = {token for _, token in links}
    whole = sum(values[token] for token in linked)
    assert result.contributions.sum() == pytest.approx(whole, rel=1e-9, abs=1e-6)
    greatest = max(map(abs, result.contributions))
    expected = result.contributions / greatest if greatest else np.zeros(count)
    np.testing.assert_allclose(result.saliency, expected)


@settings(deadline=None)
@given(linked_tokens(), linked_tokens(), st.randoms(use_true_random=False))
def test_a_matrix_of_tokens_becomes_one_of_words(left, right, random):
    first, second = alignment_of(*left[:2]), alignment_of(*right[:2])
    matrix = np.array([[random.uniform(-1, 1) for _ in right[2]] for _ in left[2]])
    found = sum_over_word_pairs(first, second, matrix)
    assert found.shape == (left[0], right[0])
    for i in range(left[0]):
        for j in range(right[0]):
            total = 0.0
            for word, token in left[1]:
                for other, partner in right[1]:
                    if (word, other) == (i, j):
                        shares = sum(t == token for _, t in left[1])
                        shares *= sum(t == partner for _, t in right[1])
                        total += matrix[token, partner] / shares
            assert found[i, j] == pytest.approx(total, abs=1e-12)


@st.composite
def texts_of_a_batch(draw):
    """Texts that may have no words, no tokens, or words without tokens, with one kind of vector."""
    features, kind = draw(st.integers(1, 3)), draw(st.sampled_from([np.float32, np.float64]))
    texts = []
    for _ in range(draw(st.integers(1, 4))):
        words, tokens = draw(st.integers(0, 4)), draw(st.integers(0, 4))
        pairs = [(word, token) for word in range(words) for token in range(tokens)]
        links = draw(st.sets(st.sampled_from(pairs))) if pairs else set()
        values = draw(arrays.arrays(np.float64, tokens, elements=FINITE))
        vectors = draw(arrays.arrays(kind, (tokens, features), elements=FINITE))
        texts.append((alignment_of(words, links), links, values, vectors))
    return texts


@settings(deadline=None)
@given(texts_of_a_batch(), st.booleans())
def test_words_of_a_batch_are_those_of_each_text_alone(texts, signed):
    alignments, linked, values, vectors = zip(*texts, strict=True)
    found = aggregate_all(alignments, values, np.concatenate(vectors), signed=signed)
    assert len(found) == len(texts)
    for one, alignment, links, own, latent in zip(
        found, alignments, linked, values, vectors, strict=True
    ):
        alone = aggregate(alignment, own, latent, contributions=own if signed else None)
        assert one.spans == alone.spans == alignment.spans
        assert one.vectors.dtype == latent.dtype
        np.testing.assert_array_equal(one.vectors, alone.vectors)
        np.testing.assert_array_equal(one.saliency, alone.saliency)
        np.testing.assert_array_equal(one.matchable, alone.matchable)
        assert (one.contributions is not None) == signed
        sums = np.zeros(len(alignment.spans))
        for word in range(len(sums)):
            tokens = sorted(token for other, token in links if other == word)
            assert one.matchable[word] == bool(tokens)
            mean = latent[tokens].astype(float).mean(0) if tokens else np.zeros(latent.shape[1])
            np.testing.assert_allclose(one.vectors[word], mean, rtol=1e-5, atol=1)
            if signed:
                shares = [sum(other == token for _, other in links) for token in tokens]
                sums[word] = sum(own[tokens] / shares)
                assert one.contributions[word] == pytest.approx(sums[word], rel=1e-9, abs=1e-9)
            else:
                assert one.saliency[word] == max(own[tokens], default=0)
        if signed:
            greatest = abs(one.contributions).max(initial=0)
            scaled = one.contributions / greatest if greatest else np.zeros(len(sums))
            np.testing.assert_allclose(one.saliency, scaled)


def test_a_batch_of_no_texts_has_no_words():
    assert aggregate_all([], [], np.zeros((0, 3)), signed=True) == []
