"""The length of a vector in the gradient of `whyalike`: half of its fall, where there is one."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer

from tiny_models import tiny, tiny_reranker
from whyalike import BTIOptions, Explainer, Explanation
from whyalike.explanation import ExplainedText, Word
from whyalike.methods import whyalike as own
from whyalike.models.installed import Normalize, Pooling, Transformer
from whyalike.models.pipeline import with_length

LEFT = "Keep hands warm with knit gloves, touchscreen-compatible."
RIGHT = "Smartphone-friendly gloves are cut from stretch wool."


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("length-share")
    tiny("bert").model.save_pretrained(path)
    tiny("bert").tokenizer.save_pretrained(path)
    return str(path)


def pipeline(folder, function, *, normalised):
    modules = [Transformer(folder), Pooling(32), *([Normalize()] if normalised else [])]
    return SentenceTransformer(modules=modules, device="cpu", similarity_fn_name=function)


def raw(explanation):
    sides = explanation.left, explanation.right
    return [np.array([word.raw_contribution for word in side.words]) for side in sides]


def drawn(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.double, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_the_gradient_is_a_mean_of_those_of_the_cosine_and_of_the_product(share):
    """By hand: (v - share * C u) / |u|, of unit vectors u and v."""
    vectors = drawn(2, 5).requires_grad_()
    units = with_length(vectors, vectors, "cosine", share=share)
    (units[0] @ units[1]).backward()
    u, v = (vector / vector.norm() for vector in vectors.detach())
    cosine = u @ v
    expected = torch.stack(
        [
            (v - share * cosine * u) / vectors[0].detach().norm(),
            (u - share * cosine * v) / vectors[1].detach().norm(),
        ]
    )
    torch.testing.assert_close(vectors.grad, expected)
    torch.testing.assert_close(units.detach(), torch.stack([u, v]))


def test_a_topic_of_both_texts_counts_in_both():
    """What one text has more of than the other: the cosine's gradient is below zero there."""
    left, right = torch.tensor([3.0, 1.0]), torch.tensor([1.0, 1.0])
    for share, sign in ((1.0, -1), (0.5, 1)):
        vectors = torch.stack([left, right]).requires_grad_()
        units = with_length(vectors, vectors, "cosine", share=share)
        (units[0] @ units[1]).backward()
        assert torch.sign(vectors.grad[0, 0]) == sign
        assert vectors.grad[1, 0] > 0


def test_a_vector_of_zeros_has_no_length_and_its_gradient_is_a_number():
    vectors = torch.stack([torch.zeros(4), torch.ones(4)]).requires_grad_()
    units = with_length(vectors, vectors, "cosine", share=0.5)
    (units[0] @ units[1]).backward()
    assert torch.isfinite(vectors.grad).all()


def test_a_product_of_vectors_as_they_are_has_no_length():
    vectors = drawn(2, 3).requires_grad_()
    same = with_length(vectors, vectors, "dot", share=0.5)
    (same[0] @ same[1]).backward()
    torch.testing.assert_close(vectors.grad, vectors.detach().flip(0))


def test_a_normalize_at_the_end_changes_nothing(folder):
    """Nor does it matter whether the vectors that it gives are compared by cosine or product."""
    bare = pipeline(folder, "cosine", normalised=False)
    expected = raw(Explainer(bare, method="whyalike").explain(LEFT, RIGHT))
    for function in ("cosine", "dot"):
        model = pipeline(folder, function, normalised=True)
        found = raw(Explainer(model, method="whyalike").explain(LEFT, RIGHT))
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-6)


@pytest.mark.parametrize("function", ["dot", "euclidean", "manhattan"])
def test_other_scores_of_two_vectors_are_as_they_were(folder, function, monkeypatch):
    explainer = Explainer(pipeline(folder, function, normalised=False), method="whyalike")
    found = explainer.explain(LEFT, RIGHT)
    monkeypatch.setattr(own, "LENGTH_SHARE", 1.0)
    assert explainer.explain(LEFT, RIGHT) == found


def test_a_logit_of_one_sequence_is_as_it_was(monkeypatch):
    explainer = Explainer(tiny_reranker("bert").parts, method="whyalike")
    found = explainer.explain(LEFT, RIGHT)
    monkeypatch.setattr(own, "LENGTH_SHARE", 1.0)
    assert explainer.explain(LEFT, RIGHT) == found


def test_a_cosine_is_not_as_it_was_and_no_other_method_changes(monkeypatch):
    explainer = Explainer(tiny("bert").parts, method="whyalike")
    others = [explainer.with_method(name) for name in ("bti", "gradient_x_activation")]
    found = [each.explain(LEFT, RIGHT) for each in (explainer, *others)]
    monkeypatch.setattr(own, "LENGTH_SHARE", 1.0)
    before = [each.explain(LEFT, RIGHT) for each in (explainer, *others)]
    assert found[1:] == before[1:]
    assert np.abs(raw(found[0])[0] - raw(before[0])[0]).max() > 1e-3
    assert found[0].similarity == before[0].similarity


def test_swapped_texts_swap_what_their_words_add():
    explainer = Explainer(tiny("bert").parts, method="whyalike")
    one, other = explainer.explain(LEFT, RIGHT), explainer.explain(RIGHT, LEFT)
    assert one.similarity == pytest.approx(other.similarity, abs=1e-6)
    for mine, its in zip(raw(one), reversed(raw(other)), strict=True):
        np.testing.assert_allclose(mine, its, atol=1e-6)


def test_nearly_equal_texts_are_explained_as_equal_ones():
    """At its maximum the cosine has no gradient; half of the product is left, and its order."""
    explainer = Explainer(tiny("bert").parts, method="whyalike")
    equal = explainer.explain(LEFT, LEFT)
    nearly = explainer.explain(LEFT, LEFT[:-1])
    ours, theirs = raw(equal)[0], raw(nearly)[0]
    assert np.corrcoef(ours, theirs)[0, 1] > 0.95
    total = sum(word.contribution for word in equal.left.words)
    assert total == pytest.approx(equal.similarity, abs=1e-6)


def test_a_batch_is_as_its_pairs():
    explainer = Explainer(tiny("bert").parts, method="whyalike")
    pairs = [(LEFT, RIGHT), (RIGHT, "wool"), (LEFT, LEFT)]
    for pair, together in zip(pairs, explainer.explain_many(pairs), strict=True):
        for one, other in zip(raw(explainer.explain(*pair)), raw(together), strict=True):
            np.testing.assert_allclose(one, other, atol=1e-5)


def test_a_long_text_in_windows_and_a_graph_in_parts(monkeypatch):
    """The length is that of the text's vector, and not of its windows'."""
    options = BTIOptions(long_text="windows")
    explainer = Explainer(tiny("bert").parts, method="whyalike", options=options)
    long = " ".join([LEFT] * 12)
    found = explainer.explain(long, RIGHT)
    for side in (found.left, found.right):
        assert sum(w.contribution for w in side.words) == pytest.approx(found.similarity, abs=1e-6)
    monkeypatch.setattr("whyalike.models.encoder.GRAPH_TOKENS", 40)
    for one, other in zip(raw(explainer.explain(long, RIGHT)), raw(found), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_what_is_shared_evenly_is_all_that_raw_terms_lack():
    found = Explainer(tiny("bert").parts, method="whyalike").explain(LEFT, RIGHT)
    for side in (found.left, found.right):
        shares = [word.contribution - word.raw_contribution for word in side.words]
        assert shares == pytest.approx([shares[0]] * len(shares))
        rest = found.similarity - sum(word.raw_contribution for word in side.words)
        assert shares[0] == pytest.approx(rest / len(side.words))
    assert Explanation.from_json(found.to_json()) == found


def test_words_pull_apart_by_what_deleting_them_alone_should_take():
    """Contributions of .3, .1 and -.1 with a share of .3 each: what is alone is .18 less."""
    words = tuple(
        Word("abc"[n], n, n + 1, value, value, raw_contribution=value - 0.3)
        for n, value in enumerate((0.3, 0.1, -0.1))
    )
    side = ExplainedText("abc", words)
    assert [word.alone for word in words] == pytest.approx([0.12, -0.08, -0.28])
    assert side.pulling_apart == (2, 1)
    plain = replace(side, words=tuple(replace(word, raw_contribution=None) for word in words))
    assert plain.pulling_apart == (2,)
    assert Word("a", 0, 1, 0.5).alone is None


def test_documents_from_before_have_no_raw_contributions():
    found = Explainer(tiny("bert").parts, method="whyalike").explain(LEFT, RIGHT)
    document = found.to_dict()
    for side in ("left", "right"):
        for word in document[side]["words"]:
            del word["raw_contribution"]
    old = Explanation.from_dict(document)
    assert {word.raw_contribution for word in old.left.words} == {None}
    assert old.to_dict() == document
    lowered = {n for n, word in enumerate(old.left.words) if word.contribution < 0}
    assert set(old.left.pulling_apart) == lowered


@pytest.mark.parametrize("method", ["bti", "gradient_x_activation", "occlusion"])
def test_methods_that_share_nothing_have_none(method):
    found = Explainer(tiny("bert").parts, method=method).explain(LEFT, RIGHT)
    assert all(word.raw_contribution is None for word in found.left.words)
    assert "raw_contribution" not in found.to_json()
