"""Static embeddings: the cosine of two means is a sum over pairs of tokens."""

import pickle

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer

from exact_scorers import check_batches, check_perturbation, check_scores, check_whole
from tiny_models import tiny
from whyalike import BTIOptions, Explainer
from whyalike.catalogue import CatalogueIndex, Item
from whyalike.errors import ModelError, OptionError, TextError
from whyalike.models.installed import Normalize, StaticEmbedding

LEFT, RIGHT = "keep hands warm with knit gloves", "these smart phone gloves are cut from wool"


def make(*, tokenizer="bert", normalised=0, limit=None, dimensions=None, **settings):
    backend = type(tiny(tokenizer).tokenizer.backend_tokenizer).from_str(
        tiny(tokenizer).tokenizer.backend_tokenizer.to_str()
    )
    backend.no_truncation()  # Others cut texts by the one that is copied.
    if limit is not None:
        backend.enable_truncation(limit)
    with torch.random.fork_rng():
        torch.manual_seed(11)
        static = StaticEmbedding(backend, embedding_dim=12)
    modules = [static, *[Normalize()] * normalised]
    return SentenceTransformer(modules=modules, device="cpu", truncate_dim=dimensions, **settings)


def by_model(model):
    def own(pairs):
        left, right = zip(*pairs, strict=True)
        return model.similarity_pairwise(
            model.encode_query(list(left), convert_to_tensor=True),
            model.encode_document(list(right), convert_to_tensor=True),
        ).tolist()

    return own


SETTINGS = {
    "cosine": {},
    "dot": {"similarity_fn_name": "dot"},
    "normalised": {"similarity_fn_name": "dot", "normalised": 1},
    "dimensions": {"normalised": 1, "dimensions": 5},
    "fewer, as they are": {"similarity_fn_name": "dot", "normalised": 1, "dimensions": 5},
    "prompts": {"prompts": {"query": "keep the ", "document": "wool "}},
    "bytes": {"tokenizer": "roberta"},
    "unigram": {"tokenizer": "t5"},
    "cut": {"limit": 4},
}


@pytest.mark.parametrize("name", SETTINGS)
def test_the_score_is_the_models_and_is_summed(name):
    model = make(**SETTINGS[name])
    explainer = Explainer(model)
    check_scores(explainer, by_model(model))
    check_batches(explainer)


def test_token_by_token():
    model = make()
    found = Explainer(model).explain(LEFT, RIGHT)
    tokenizer, weights = model[0].tokenizer, model[0].embedding.weight.detach().double().numpy()
    one, other = (
        weights[tokenizer.encode(text, add_special_tokens=False).ids] for text in (LEFT, RIGHT)
    )
    lengths = np.linalg.norm(one.mean(axis=0)) * np.linalg.norm(other.mean(axis=0))
    expected = np.zeros((len(one), len(other)))
    for row in range(len(one)):
        for column in range(len(other)):
            product = float(one[row] @ other[column])
            expected[row, column] = product / len(one) / len(other) / lengths
    np.testing.assert_allclose(found.matrix, expected, atol=1e-7)
    assert found.remainder == pytest.approx(0.0, abs=1e-7)
    assert found.similarity == pytest.approx(expected.sum(), abs=1e-7)


def test_a_folder_and_an_object_say_the_same(tmp_path):
    model = make(normalised=1)
    model.save_pretrained(str(tmp_path / "own"))
    by_name, given = Explainer(str(tmp_path / "own"), device="cpu"), Explainer(model)
    one, other = (e.explain(LEFT, RIGHT) for e in (by_name, given))
    assert one.similarity == pytest.approx(other.similarity, abs=1e-7)
    assert one.pairs == other.pairs
    assert pickle.loads(pickle.dumps(given)).explain(LEFT, RIGHT) == other
    check_whole(one)
    check_perturbation(by_name, LEFT, RIGHT)


def test_unknown_words_and_texts_without_any():
    explainer = Explainer(make())
    said = explainer.explain("warm ☃ gloves", RIGHT).warnings
    assert any("no token for ☃ of the left text" in w for w in said)
    nothing = explainer.explain("", RIGHT)
    assert nothing.similarity == 0
    assert any("its vector is zero" in w for w in nothing.warnings)


def test_what_is_not_read_is_said():
    model = make(limit=4)
    said = Explainer(model).explain(LEFT, RIGHT).warnings
    assert any("reads at most 4 tokens: the last 2 words of the left text" in w for w in said)
    with pytest.raises(TextError, match="more than the 4 tokens"):
        Explainer(model, options=BTIOptions(long_text="error")).explain(LEFT, RIGHT)
    with pytest.raises(OptionError, match="cuts texts itself"):
        Explainer(model, options=BTIOptions(long_text="windows")).explain(LEFT, RIGHT)
    free = Explainer(make(), options=BTIOptions(long_text="windows"))
    assert free.explain(LEFT, RIGHT).warnings == ()


def test_a_catalogue_is_searched_and_explained(tmp_path):
    """It gives vectors, and so all that is done with them."""
    explainer = Explainer(make(limit=6))
    items = [
        Item(id=str(n), title=text, description=f"{text} {text}")
        for n, text in enumerate((LEFT, RIGHT, "lemon flowers"))
    ]
    index = CatalogueIndex.build(
        items, tmp_path / "index", model=explainer, fields=("description",)
    )
    assert index.info()["cut"] == 2
    best = index.similar(id="0", k=1)[0]
    assert best.item.id == "1"


def test_a_distance_has_no_such_sum():
    model = make(similarity_fn_name="euclidean")
    explainer = Explainer(model)
    assert explainer.method.name == "occlusion"
    found = explainer.explain(LEFT, RIGHT)
    assert found.similarity == pytest.approx(by_model(model)([(LEFT, RIGHT)])[0], rel=1e-5)


def test_damaged_weights():
    model = make()
    with torch.no_grad():
        model[0].embedding.weight.fill_(float("nan"))
    with pytest.raises(ModelError, match="NaN"):
        Explainer(model).explain(LEFT, RIGHT)
