"""Vectors of bits: compared by Hamming, and never by a cosine of bytes."""

import numpy as np
import pytest
import torch
from sentence_transformers import quantize_embeddings

from raising import raises
from whyalike import BlackBox, BTIOptions, CatalogueIndex, Explainer, Explanation, Item
from whyalike.errors import ModelError, OptionError
from whyalike.methods.method import list_methods
from whyalike.similarity import similarity_matrix

LEFT, RIGHT = "Warm knit gloves, warm hands.", "These gloves are wool."
BITS = 24


def floats(texts):
    rows = [np.random.default_rng(list(text.encode())).normal(size=BITS) for text in texts]
    return np.array(rows, dtype=np.float32)


def booleans(texts):
    return floats(texts) > 0


PACKINGS = {
    "bool": booleans,
    "packbits": lambda texts: np.packbits(booleans(texts), axis=1),
    "ubinary": lambda texts: quantize_embeddings(floats(texts), precision="ubinary"),
    "binary": lambda texts: quantize_embeddings(floats(texts), precision="binary"),
    "twos complement": lambda texts: np.packbits(booleans(texts), axis=1).view(np.int8),
    "list of ubinary": lambda texts: np.packbits(booleans(texts), axis=1).tolist(),
    "list of binary": lambda texts: quantize_embeddings(floats(texts), precision="binary").tolist(),
    "tensor": lambda texts: torch.tensor(np.packbits(booleans(texts), axis=1)),
    "list of rows": lambda texts: list(np.packbits(booleans(texts), axis=1)),
}


def share(left, right):
    """How many bits agree, counted one by one."""
    one, other = booleans([left, right]).tolist()
    return sum(a == b for a, b in zip(one, other, strict=True)) / BITS


@pytest.mark.parametrize("packing", PACKINGS)
def test_the_score_is_the_share_of_bits_that_agree(packing):
    explainer = Explainer(embed=PACKINGS[packing], similarity_function="hamming")
    explanation = explainer.explain(LEFT, RIGHT)
    assert explanation.similarity == pytest.approx(share(LEFT, RIGHT), abs=1e-12)
    assert explanation.similarity_function == "hamming"
    assert explainer.explain(LEFT, LEFT).similarity == 1
    without = share("knit gloves, warm hands.", RIGHT)
    contribution = explanation.left.words[0].contribution
    assert contribution == pytest.approx(share(LEFT, RIGHT) - without, abs=1e-12)
    assert Explanation.from_json(explanation.to_json()) == explanation
    assert "the share of bits that agree" in str(explanation)
    assert explainer.model.score([(LEFT, RIGHT)]) == pytest.approx([share(LEFT, RIGHT)], abs=1e-12)


def test_a_blank_text_agrees_by_half():
    explainer = Explainer(embed=booleans, similarity_function="hamming")
    assert explainer.explain("", RIGHT).similarity == 0.5
    assert explainer.explain("", "").similarity == 0.5


def test_the_matrix_is_of_each_two_as_of_one():
    left, right = BlackBox(booleans, similarity_function="hamming"), []
    rows = left.embed([LEFT, RIGHT, "a"])
    right = left.embed(["b", RIGHT, ""])
    found = similarity_matrix(rows, right, function="hamming")
    slow = [[1 - np.abs(a - b).mean() / 2 for b in right] for a in rows]
    np.testing.assert_allclose(found, slow, atol=1e-12)
    assert found[1, 1] == 1
    assert similarity_matrix(rows[:0], right, function="hamming").shape == (0, 3)


@pytest.mark.parametrize(
    "method", [m.name for m in list_methods() if set(m.requires) <= {"vectors"}]
)
def test_every_method_that_needs_vectors_alone_explains_bits(method):
    explainer = Explainer(
        embed=PACKINGS["packbits"],
        similarity_function="hamming",
        method=method,
        options=BTIOptions(permutations=2),
    )
    explanation = explainer.explain("warm wool gloves", RIGHT)
    assert explanation.similarity == pytest.approx(share("warm wool gloves", RIGHT))
    if method == "shapley":
        total = explanation.matrix.sum() + explanation.remainder
        assert total == pytest.approx(explanation.similarity, abs=1e-9)
        words = sum(word.contribution for word in explanation.left.words)
        assert words == pytest.approx(explanation.similarity - 0.5, abs=1e-9)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_an_index_searches_by_it(tmp_path, dtype):
    texts = [f"glove {n} of wool" for n in range(40)]
    items = [Item(id=str(n), title="", description=text) for n, text in enumerate(texts)]
    explainer = Explainer(embed=PACKINGS["ubinary"], similarity_function="hamming")
    index = CatalogueIndex.build(
        items, tmp_path / "idx", model=explainer, dtype=dtype, fields=("description",)
    )
    expected = {str(n): share("warm wool", text) for n, text in enumerate(texts)}
    hits = index.similar("warm wool", k=40)
    assert {hit.item.id: hit.similarity for hit in hits} == pytest.approx(expected, abs=1e-7)
    order = sorted(expected, key=lambda name: (-expected[name], name))
    assert [hit.item.id for hit in index.similar("warm wool", k=7)] == order[:7]
    assert index.info()["similarity_function"] == "hamming"
    assert hits[0].explain().similarity == pytest.approx(hits[0].similarity, abs=1e-7)
    assert index.rank_of(order[4], text="warm wool").rank == 5
    with raises(OptionError, "hnsw", "hamming", "exact"):
        CatalogueIndex.open(tmp_path / "idx", model=explainer, engine="hnsw").similar("warm")


@pytest.mark.parametrize(
    "packing", ["bool", "packbits", "ubinary", "list of ubinary", "tensor", "list of rows"]
)
@pytest.mark.parametrize("function", ["cosine", "dot", "euclidean", "manhattan"])
def test_bytes_of_bits_are_compared_by_nothing_else(packing, function):
    box = BlackBox(PACKINGS[packing], name="service", similarity_function=function)
    with raises(ModelError, "service", "bits", "similarity_function='hamming'", "floats"):
        box.embed([LEFT, RIGHT])


def test_quantised_numbers_have_a_cosine():
    exact = floats([LEFT, RIGHT])
    quantised = quantize_embeddings(
        exact, precision="int8", ranges=np.array([[-4.0] * BITS, [4.0] * BITS])
    )
    assert quantised.dtype == np.int8

    def embed(texts):
        return quantised

    for function in (embed, lambda texts: quantised.tolist()):
        one, other = quantised.astype(float)
        expected = one @ other / np.linalg.norm(one) / np.linalg.norm(other)
        found = BlackBox(function).score([(LEFT, RIGHT)])
        assert found == pytest.approx([expected], abs=1e-12)
    counts = [[0, 3, 127], [1, 0, 2]]
    assert BlackBox(lambda texts: counts).embed(["a", "b"]).tolist() == counts
    wide = [[0, 300, 1], [1, 0, 2]]
    assert BlackBox(lambda texts: wide).embed(["a", "b"]).tolist() == wide


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (np.ones((2, 3), dtype=np.float32), "float32"),
        ([[1.0, -1.0], [1.0, 1.0]], "float64"),
        ([[0, 256], [1, 2]], "beyond a byte"),
        ([[-129, 0], [1, 2]], "beyond a byte"),
        ([[0, 1], [1, 1]], "0 and 1"),
        (np.unpackbits(np.array([[7], [9]], dtype=np.uint8), axis=1), "uint8 | 0 and 1"),
        (["AACAPw==", "AAAAQA=="], "a list of str"),
    ],
)
def test_what_is_no_bits_is_refused(answer, words):
    box = BlackBox(lambda texts: answer, name="service", similarity_function="hamming")
    with raises(ModelError, "service", *words.split(" | ")):
        box.embed(["a", "b"])


def test_a_width_that_changes_is_refused():
    box = BlackBox(
        lambda texts: np.full((len(texts), len(texts[0])), 7, dtype=np.uint8),
        similarity_function="hamming",
    )
    assert box.embed(["ab"]).shape == (1, 16)
    with raises(ModelError, "24", "16", "width"):
        box.embed(["abc"])
