"""Search over vectors: exact against loops, and the graph against the exact one."""

import numpy as np
import pytest

from raising import raises
from whyalike.catalogue import faiss_index
from whyalike.catalogue import vectors as exact_index
from whyalike.catalogue.faiss_index import HnswIndex
from whyalike.catalogue.vectors import PARTS, ExactIndex, MeanBlock, mean_vectors, part_scores
from whyalike.errors import FormatError, MissingExtraError, OptionError


def slow_score(one, other, function):
    if function in ("cosine", "dot"):
        return sum(float(a) * float(b) for a, b in zip(one, other, strict=True))
    power = 2 if function == "euclidean" else 1
    total = sum(abs(float(a) - float(b)) ** power for a, b in zip(one, other, strict=True))
    return -(total ** (1 / power))


def draw_vectors(count, width=16, *, seed=0, clusters=0):
    random = np.random.default_rng(seed)
    vectors = random.normal(size=(count, width))
    if clusters:
        centres = random.normal(size=(clusters, width)) * 2
        vectors = vectors * 0.5 + centres[random.integers(clusters, size=count)]
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("function", ["cosine", "dot", "euclidean", "manhattan"])
@pytest.mark.parametrize("chunk", [4, 1000])
def test_exact_search_is_what_loops_find(monkeypatch, function, chunk):
    monkeypatch.setattr(exact_index, "CHUNK", chunk)
    vectors, queries = draw_vectors(23), draw_vectors(3, seed=1)
    if function != "cosine":
        vectors, queries = vectors * 3, queries * 2
    index = ExactIndex([vectors[:10], vectors[10:].astype(np.float64)], function=function)
    allowed = np.arange(23) % 3 != 0
    for mask in (None, allowed):
        positions, scores = index.search(queries, 5, mask)
        for query, found, values in zip(queries, positions, scores, strict=True):
            slow = sorted(
                (-slow_score(query, vector, function), place)
                for place, vector in enumerate(vectors)
                if mask is None or mask[place]
            )[:5]
            assert found.tolist() == [place for _, place in slow]
            assert values.tolist() == pytest.approx(
                [-score for score, _ in slow], rel=1e-5, abs=1e-6
            )
            alone = index.search(query[None], 5, mask)
            assert alone[0].tolist() == [found.tolist()]
            for before, place in enumerate(found):
                may = np.ones(23, dtype=np.bool_) if mask is None else mask
                value, ahead = index.rank(query, int(place), may)
                assert (value, ahead) == (values[before], before)
    assert len(index) == 23


@pytest.mark.parametrize("chunk", [3, 4, 100])
def test_of_equal_scores_the_first_come_first(monkeypatch, chunk):
    monkeypatch.setattr(exact_index, "CHUNK", chunk)
    vectors = np.zeros((12, 2), dtype=np.float32)
    vectors[[2, 5, 7, 11], 0] = 1
    vectors[9, 0] = 2
    positions, _ = ExactIndex([vectors]).search(np.array([[1, 0]], dtype=np.float32), 7)
    assert positions[0].tolist() == [9, 2, 5, 7, 11, 0, 1]


@pytest.mark.parametrize("function", ["cosine", "dot", "euclidean", "manhattan"])
@pytest.mark.parametrize("chunk", [7, 100, 16384])
def test_equal_vectors_are_level_wherever_they_stand(monkeypatch, function, chunk):
    monkeypatch.setattr(exact_index, "CHUNK", chunk)
    draw = np.random.default_rng(5)
    different = draw_vectors(40, 385) * np.float32(1 if function == "cosine" else 30)
    which = draw.integers(40, size=333)
    vectors = different[which]
    names = [f"{number:03}" for number in draw.permutation(333)]
    index = ExactIndex(
        [vectors[:100], vectors[100:]],
        function=function,
        names=lambda places: [names[place] for place in places],
    )
    query = draw_vectors(1, 385, seed=9) * np.float32(3)
    for k in (1, 20, 200, 333):
        positions, scores = index.search(query, k)
        value = dict(zip(which[positions[0]].tolist(), scores[0].tolist(), strict=True))
        assert scores[0].tolist() == [value[text] for text in which[positions[0]].tolist()]
        slow = sorted((-value.get(which[place], -np.inf), names[place]) for place in range(333))
        assert [names[place] for place in positions[0]] == [name for _, name in slow[:k]]
    everything = np.ones(333, dtype=np.bool_)
    for before in range(0, 333, 10):
        found = index.rank(query[0], int(positions[0, before]), everything)
        assert found == (scores[0, before], before)


@pytest.mark.parametrize("function", ["cosine", "dot", "euclidean", "manhattan"])
def test_no_rounding_of_the_fast_product_changes_what_is_found(monkeypatch, function):
    """Whatever a processor makes of the product, within what any order of its sums can be off."""
    monkeypatch.setattr(exact_index, "CHUNK", 64)
    vectors = draw_vectors(1, 20) + draw_vectors(500, 20, seed=2) * np.float32(1e-6)
    vectors = vectors.repeat(2, axis=0)
    query = draw_vectors(1, 20, seed=3)
    everything = np.ones(1000, dtype=np.bool_)
    index = ExactIndex([vectors], function=function)
    plain, noise = index._compare, np.random.default_rng(4)
    before = index.search(query, 30), [index.rank(query[0], n, everything) for n in (0, 3, 998)]

    def rounded_elsewhere(queries, chunk):
        rough = plain(queries, chunk)
        error = index._error(queries[0], float(np.abs(rough).max()))
        # ``plain`` is off by much less than its bound, so that half of it is left for this.
        return rough + (error / 2 * noise.choice([-1, 1], size=rough.shape)).astype(np.float32)

    monkeypatch.setattr(index, "_compare", rounded_elsewhere)
    for _ in range(5):
        again = index.search(query, 30), [index.rank(query[0], n, everything) for n in (0, 3, 998)]
        for one, other in zip(before[0], again[0], strict=True):
            np.testing.assert_array_equal(one, other)
        assert before[1] == again[1]


def test_scores_beyond_single_precision_are_compared():
    vectors = np.float32([[1e30, 1e30], [3e38, -3e38], [1e30, 2e30], [0, 0], [-1e30, -1e30]])
    query = np.float32([[1e30, 1e30]])
    positions, scores = ExactIndex([vectors], function="dot").search(query, 5)
    assert positions[0].tolist() == [2, 0, 1, 3, 4]
    assert scores[0].tolist() == pytest.approx([3e60, 2e60, 0, 0, -2e60])


def test_fewer_than_asked_for_are_padded():
    index = ExactIndex([draw_vectors(4)])
    allowed = np.array([False, True, False, False])
    positions, scores = index.search(draw_vectors(1, seed=2), 3, allowed)
    assert positions[0].tolist() == [1, -1, -1]
    assert np.isneginf(scores[0, 1:]).all()
    assert index.search(draw_vectors(1), 9)[0].shape == (1, 9)


def test_the_mean_of_four_products_is_the_product_of_two_means():
    titles, descriptions = draw_vectors(6), draw_vectors(6, seed=1)
    query = draw_vectors(2, seed=2)
    block = MeanBlock(titles, descriptions)
    assert block.shape == (6, 16)
    index = ExactIndex([block], function="dot")
    products = index.rescore(mean_vectors(*query), np.arange(6))
    for place in range(6):
        parts = part_scores((query[0], query[1]), (titles[place], descriptions[place]))
        assert list(parts) == list(PARTS)
        slow = [
            slow_score(one, other[place], "dot")
            for one, other in (
                (query[0], titles),
                (query[1], descriptions),
                (query[0], descriptions),
                (query[1], titles),
            )
        ]
        assert list(parts.values()) == pytest.approx(slow, abs=1e-6)
        assert products[place] == pytest.approx(sum(slow) / 4, abs=1e-6)


@pytest.mark.parametrize("clusters", [0, 20])
@pytest.mark.parametrize("function", ["cosine", "euclidean"])
def test_the_graph_finds_nearly_all(clusters, function):
    pytest.importorskip("faiss")
    vectors = draw_vectors(3000, 32, clusters=clusters)
    queries = vectors[::60] * np.float32(1) + draw_vectors(50, 32, seed=3) * np.float32(0.3)
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    graph = HnswIndex([vectors[:1000], vectors[1000:]], function=function)
    for allowed in (None, np.random.default_rng(1).random(3000) < 0.3):
        true, scores = graph.exact.search(queries, 10, allowed)
        found, values = graph.search(queries, 10, allowed)
        hits = [
            len(set(a) & set(b)) / 10 for a, b in zip(true.tolist(), found.tolist(), strict=True)
        ]
        assert np.mean(hits) >= 0.95
        assert (np.diff(values, axis=1) <= 0).all()
        assert allowed is None or allowed[found].all()
        same = found == true
        np.testing.assert_allclose(values[same], scores[same], atol=2e-3)
    assert len(graph) == 3000


def test_a_strict_filter_is_searched_exactly():
    pytest.importorskip("faiss")
    vectors = draw_vectors(400)
    graph = HnswIndex([vectors])
    allowed = np.zeros(400, dtype=np.bool_)
    allowed[[7, 300]] = True
    positions, _ = graph.search(vectors[:2], 3, allowed)
    assert all(set(row) == {7, 300, -1} for row in positions.tolist())


def test_a_graph_can_be_kept_and_a_wrong_one_is_refused(monkeypatch):
    pytest.importorskip("faiss")
    vectors = draw_vectors(100)
    made = HnswIndex([vectors])
    kept = made.to_bytes()
    monkeypatch.setattr(faiss_index.HnswIndex, "_make", lambda self: 1 / 0)
    read = HnswIndex([vectors], graph=kept)
    assert read.search(vectors[:3], 4)[0].tolist() == made.search(vectors[:3], 4)[0].tolist()
    with pytest.raises(FormatError, match="of other vectors"):
        HnswIndex([vectors[:50]], graph=kept)
    with raises(FormatError, "graph", "FAISS"):
        HnswIndex([vectors], graph=b"nothing")


@pytest.mark.parametrize("function", ["dot", "manhattan"])
def test_a_similarity_without_a_graph_is_refused(function):
    with raises(OptionError, "'exact'"):
        HnswIndex([draw_vectors(3)], function=function)


def test_without_faiss_its_extra_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "faiss", None)
    with pytest.raises(MissingExtraError, match=r"whyalike\[faiss\]"):
        HnswIndex([draw_vectors(3)])
