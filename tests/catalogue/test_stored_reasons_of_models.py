"""Stored reasons of whole pipelines and of real weights, and the audit with them."""

import numpy as np
import pytest
from indexed_items import draw_items
from sentence_transformers import SentenceTransformer
from test_stored_reasons import assert_same

from raising import raises
from tiny_models import tiny
from whyalike import Explainer
from whyalike.catalogue.index import CatalogueIndex
from whyalike.diagnosing import audit
from whyalike.errors import OptionError
from whyalike.models.installed import Normalize, Pooling, Transformer

# Tiny vocabularies lack most words; that an index says so is tested elsewhere.
pytestmark = pytest.mark.filterwarnings("ignore:.*tokens of .* are unknown")


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("stored-reasons")
    tiny("bert").model.save_pretrained(path)
    tiny("bert").tokenizer.save_pretrained(path)
    return str(path)


def pipeline(saved, function, *, normalised, mode="mean"):
    pooling = Pooling(32, pooling_mode=mode)
    modules = [Transformer(saved), pooling, *([Normalize()] if normalised else [])]
    return SentenceTransformer(modules=modules, device="cpu", similarity_fn_name=function)


@pytest.mark.parametrize("mode", ["mean", "cls", "max"])
@pytest.mark.parametrize("normalised", [True, False])
@pytest.mark.parametrize("function", ["cosine", "dot"])
def test_poolings_normalised_or_not_by_cosine_and_by_product(
    saved, tmp_path, function, normalised, mode
):
    model = pipeline(saved, function, normalised=normalised, mode=mode)
    explainer = Explainer(model, method="whyalike")
    index = CatalogueIndex.build(
        draw_items(3), tmp_path / "index", model=explainer, explainable="float32"
    )
    for hit in index.similar(id="i0", k=2):
        own = hit.explain(stored=False)
        # Of a product that is no cosine, scores are tens, and single precision's rounding with them.
        assert_same(hit.explain(), own, tolerance=1e-5 * max(1, abs(own.similarity)))


def test_a_distance_is_refused(saved, tmp_path):
    explainer = Explainer(pipeline(saved, "euclidean", normalised=False), method="whyalike")
    with raises(OptionError, "euclidean", "--explainable"):
        CatalogueIndex.build(draw_items(3), tmp_path / "index", model=explainer, explainable="int8")


WINES = (
    "Ripe and fruity, a wine that is smooth while still structured, with juicy red berries.",
    "Red cherry fruit comes laced with light tannins: a bright wine of an open, juicy character.",
    "Citrus and white flowers over a stony finish; don't serve it too cold.",
    "A warm knit hat of soft merino wool for cold mornings.",
)


@pytest.mark.weights
def test_real_weights(tmp_path):
    from whyalike.catalogue import Item

    explainer = Explainer("all-MiniLM-L6-v2")
    items = [Item(f"w{n}", "", text) for n, text in enumerate(WINES)]
    single = CatalogueIndex.build(items, tmp_path / "f", model=explainer, explainable="float32")
    small = CatalogueIndex.build(items, tmp_path / "i", model=explainer, explainable="int8")
    for one, other in zip(single.similar(id="w0"), small.similar(id="w0"), strict=True):
        own = one.explain(stored=False)
        assert_same(one.explain(), own, tolerance=1e-5)
        rounded = other.explain()
        assert rounded.stored.error < 1e-3
        for side in ("left", "right"):
            mine, its = getattr(rounded, side).words, getattr(own, side).words
            off = [a.contribution - b.contribution for a, b in zip(mine, its, strict=True)]
            assert np.abs(off).max() < 3e-3
        shown = [{(p.left, p.right) for p in each.pairs} for each in (rounded, own)]
        assert len(shown[0] ^ shown[1]) <= 1


@pytest.fixture(scope="module")
def explainable(saved, tmp_path_factory):
    folder = tmp_path_factory.mktemp("audited") / "index"
    explainer = Explainer(pipeline(saved, "cosine", normalised=True))
    CatalogueIndex.build(draw_items(14), folder, model=explainer, explainable="float32")
    CatalogueIndex.open(folder, model=explainer).remove(["i2"])
    return folder, explainer


@pytest.mark.parametrize("pairs", ["nearest", "all"])
def test_an_audit_from_stored_reasons_is_that_of_the_model(explainable, pairs, monkeypatch):
    folder, explainer = explainable
    index = CatalogueIndex.open(folder, model=explainer)
    found = audit(index, neighbours=3, explain=1000, pairs=pairs)
    assert "They were explained from stored vectors (float32)." in found.notes
    monkeypatch.setattr(CatalogueIndex, "stored_options", lambda *_: None)
    own = audit(index, neighbours=3, explain=1000, pairs=pairs)
    assert not any("stored" in note for note in own.notes)
    assert found.explained == own.explained
    assert (found.explained > 13) == (pairs == "all")
    assert [word.text for word in found.words] == [word.text for word in own.words]
    for one, other in ((found.words, own.words), (found.pairs, own.pairs)):
        np.testing.assert_allclose(
            [each.share for each in one], [each.share for each in other], atol=1e-5
        )
    assert found.hubs == own.hubs
