"""The terms that carry a sparse model's score: a field of the explanation, by words."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from sentence_transformers import SparseEncoder

from exact_scorers import random_pairs
from other_modules import masked_words
from scorer_folders import save_kinds
from tiny_models import tiny
from whyalike import Explainer, Explanation
from whyalike.errors import FormatError
from whyalike.models.installed import SpladePooling, preprocess
from whyalike.models.kinds.sparse import MOST_OF_TERM
from whyalike.render.terms import NO_WORD, TERMS_SHOWN, view_terms
from whyalike.schema import ExplanationModel

LEFT, RIGHT = "keep hands warm with knit gloves", "these smart phone gloves are cut from wool"
TOKENIZER = tiny("bert").tokenizer


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save_kinds(tmp_path_factory.mktemp("kinds"), ("sparse",))["sparse"]


def make(folder, *, pooling="max", **settings):
    modules = [masked_words(folder), SpladePooling(pooling)]
    return SparseEncoder(modules=modules, device="cpu", **settings)


@pytest.mark.parametrize("pooling", ["max", "sum"])
@pytest.mark.parametrize("settings", [{}, {"similarity_fn_name": "cosine"}, {"max_active_dims": 9}])
def test_the_products_sum_to_the_models_own_score(folder, pooling, settings):
    model = make(folder, pooling=pooling, **settings)
    explainer = Explainer(model)
    pairs = random_pairs(40)
    left, right = zip(*pairs, strict=True)
    expected = model.similarity_pairwise(
        model.encode_query(list(left), convert_to_sparse_tensor=False),
        model.encode_document(list(right), convert_to_sparse_tensor=False),
    ).tolist()
    for found, score in zip(explainer.explain_many(pairs), expected, strict=True):
        assert sum(term.product for term in found.terms) == pytest.approx(score, abs=1e-5, rel=1e-6)
        assert [t.product for t in found.terms] == sorted(
            (t.product for t in found.terms), reverse=True
        )


def winners(model, text):
    """By hand: of each term the weight, and the token that won it, counted in the whole row."""
    with torch.no_grad():
        features = preprocess(model, [text])
        logits = model(features)["token_embeddings"][0]
    weights = torch.log1p(torch.relu(logits)).numpy()
    return weights.max(axis=0), weights.argmax(axis=0), features["input_ids"][0].tolist()


def test_each_term_goes_to_the_words_that_won_it_on_both_sides(folder):
    model = make(folder)
    found = Explainer(model).explain(LEFT, RIGHT)
    (one, at_left, ids), (other, at_right, others) = (winners(model, t) for t in (LEFT, RIGHT))
    # Every word of these texts is one token; the first and the last of a row are special.
    assert len(ids) == len(LEFT.split()) + 2
    expected = {}
    for term in np.flatnonzero((one > 0) & (other > 0)):
        places = at_left[term], at_right[term]
        words = [
            int(place) - 1 if 0 < place < len(row) - 1 else None
            for place, row in zip(places, (ids, others), strict=True)
        ]
        expands = [row[place] != term for place, row in zip(places, (ids, others), strict=True)]
        expected[TOKENIZER.decode([term])] = (*words, float(one[term] * other[term]), *expands)
    assert {term.term for term in found.terms} == set(expected)
    for term in found.terms:
        left, right, product, *expands = expected[term.term]
        assert (term.left, term.right) == (left, right)
        assert term.product == pytest.approx(product, rel=1e-5)
        assert [term.left_expands, term.right_expands] == expands
    assert any(term.left is None or term.right is None for term in found.terms)
    # What pairs of words have in the matrix is what their terms add.
    cells = np.zeros_like(found.matrix)
    for term in found.terms:
        if term.left is not None and term.right is not None:
            cells[term.left, term.right] += term.product
    np.testing.assert_allclose(cells, found.matrix, atol=1e-5)


def test_a_word_brings_a_term_that_is_no_token_of_it(folder):
    model = make(folder)
    head = model.transformers_model.cls.predictions.decoder
    with torch.no_grad():
        head.weight.zero_()
        head.bias.fill_(-1.0)
        for word in ("gloves", "knit"):
            head.bias[TOKENIZER.convert_tokens_to_ids(word)] = 1.0
    # All tokens give both terms the same weight: the first of the row, [CLS], wins.
    found = Explainer(model).explain(LEFT, RIGHT)
    assert {(t.term, t.left, t.right) for t in found.terms} == {
        ("gloves", None, None),
        ("knit", None, None),
    }
    assert found.remainder == pytest.approx(found.similarity)
    assert NO_WORD in str(found)


def test_of_many_pairs_of_tokens_the_greatest_are_named(folder):
    model = make(folder, pooling="sum")
    head = model.transformers_model.cls.predictions.decoder
    with torch.no_grad():
        head.weight.zero_()
        head.bias.fill_(-1.0)
        head.bias[TOKENIZER.convert_tokens_to_ids("wool")] = 1.0
    found = Explainer(model).explain("keep hands warm with knit gloves", "warm gloves of wool")
    assert len(found.terms) <= MOST_OF_TERM + 1
    assert sum(t.product for t in found.terms) == pytest.approx(found.similarity, rel=1e-6)
    assert any((t.left, t.right) == (None, None) for t in found.terms)


def test_it_is_shown_everywhere_and_read_back(folder):
    found = Explainer(str(folder), device="cpu").explain(LEFT, RIGHT)
    assert len(found.terms) > TERMS_SHOWN
    first = found.terms[0]
    words = found.left.words[first.left].text, found.right.words[first.right].text
    for drawn in (str(found), found.to_html(), found.to_markdown()):
        assert "erms of the model" in drawn
        assert all(word in drawn for word in words)
        assert f"and {len(found.terms) - TERMS_SHOWN:,} more" in drawn
    assert view_terms(found).rows[0].term == f"→ {first.term} ←"
    content = found.to_dict()
    assert Explanation.from_dict(json.loads(found.to_json())) == found
    ExplanationModel.model_validate(content)
    content["terms"][0]["left"] = len(found.left.words)
    with pytest.raises(FormatError, match=r"terms\[0\]\.left is 6, and the left text has 6 words"):
        Explanation.from_dict(content)


def test_others_have_none(folder):
    explainer = Explainer(str(folder), device="cpu")
    plain = explainer.with_method("occlusion").explain(LEFT, RIGHT)
    assert plain.terms is None
    assert "terms" not in plain.to_dict()
    assert view_terms(plain) is None
    nothing = explainer.explain(LEFT, "")
    assert nothing.terms is not None
    assert view_terms(replace(nothing, terms=())) is None
