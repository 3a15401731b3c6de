"""Ranks and shares, derived again item by item."""

import math

import numpy as np
import pytest

from whyalike.training.retrieval import rank_descriptions, share_of_kind, summarise_ranks


def cosine(left, right):
    norms = math.sqrt(sum(a * a for a in left) * sum(b * b for b in right))
    return sum(a * b for a, b in zip(left, right, strict=True)) / norms


def drawn(count, seed):
    return np.random.default_rng(seed).normal(size=(count, 5))


TEXTS = [0, 1, 2, 3, 1, 4, 5, 6, 0, 7, 8, 9]


def test_title_to_description_by_hand():
    titles, descriptions = drawn(6, 1), drawn(12, 2)
    own = [0, 2, 4, 5, 8, 11]
    found = rank_descriptions(titles, descriptions, own=own, texts=TEXTS)
    ranks, percentiles = [], []
    for query, title in enumerate(titles):
        scores = [cosine(title, description) for description in descriptions]
        right = [i for i in range(12) if TEXTS[i] == TEXTS[own[query]]]
        wrong = [i for i in range(12) if i not in right]
        best = max(scores[i] for i in right)
        rank = 1 + sum(scores[i] > best for i in wrong)
        ranks.append(rank)
        percentiles.append((rank - 1) / len(wrong))
    assert found.mrr == pytest.approx(sum(1 / rank for rank in ranks) / 6)
    assert found.mpr == pytest.approx(sum(percentiles) / 6)
    assert found.hit_1 == sum(rank <= 1 for rank in ranks) / 6
    assert found.hit_10 == sum(rank <= 10 for rank in ranks) / 6
    assert (found.queries, found.candidates) == (6, 12)


def test_a_model_that_gives_all_texts_one_vector_ranks_them_in_the_middle():
    found = rank_descriptions(np.ones((3, 4)), np.ones((9, 4)), own=[0, 4, 8], texts=range(9))
    assert found.mrr == pytest.approx(1 / 5)
    assert found.mpr == 0.5
    assert found.hit_1 == 0


def test_ranks_come_to_known_metrics():
    found = summarise_ranks(np.array([1.0, 2.0, 11.0]), np.array([101.0, 101.0, 101.0]))
    assert found.mrr == pytest.approx((1 + 1 / 2 + 1 / 11) / 3)
    assert found.mpr == pytest.approx((0 + 1 + 10) / 300)
    assert (found.hit_1, found.hit_10, found.hit_100) == (1 / 3, 2 / 3, 1.0)


def test_more_queries_than_are_compared_at_once():
    titles, descriptions = drawn(600, 1), drawn(600, 2)
    whole = rank_descriptions(titles, descriptions, own=range(600), texts=range(600))
    ranks = []
    for start in (0, 300):
        part = rank_descriptions(
            titles[start : start + 300],
            descriptions,
            own=range(start, start + 300),
            texts=range(600),
        )
        ranks.append(part.mrr)
    assert whole.mrr == pytest.approx(np.mean(ranks))


def test_share_of_kind_by_hand():
    vectors = drawn(12, 5)
    kinds = [None if i == 3 else "ab"[i % 2] for i in range(12)]
    queries = [0, 1, 3, 5, 8, 11]
    right = []
    for query in queries:
        if kinds[query] is None:
            continue
        others = [i for i in range(12) if TEXTS[i] != TEXTS[query] and kinds[i] is not None]
        nearest = max(others, key=lambda i: cosine(vectors[query], vectors[i]))
        right.append(kinds[nearest] == kinds[query])
    found = share_of_kind(vectors, kinds, queries=queries, texts=TEXTS)
    assert found == pytest.approx(sum(right) / len(right))


def test_share_of_kind_without_kinds_or_others_is_none():
    assert share_of_kind(drawn(3, 1), [None] * 3, queries=[0, 1], texts=[0, 1, 2]) is None
    assert share_of_kind(drawn(2, 1), ["a", "a"], queries=[0], texts=[0, 0]) is None
