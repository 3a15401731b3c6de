"""Sparse encoders: the product over the vocabulary, term by term, back to the words."""

import pickle

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer, SparseEncoder
from transformers import BertForMaskedLM

from exact_scorers import check_batches, check_perturbation, check_scores, check_whole
from other_modules import masked_words
from tiny_models import tiny
from whyalike import BTIOptions, Explainer
from whyalike.errors import ModelError, OptionError, TextError
from whyalike.models.installed import (
    SpladePooling,
)

LEFT, RIGHT = "keep hands warm with knit gloves", "these smart phone gloves are cut from wool"
TOKENIZER = tiny("bert").tokenizer


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("splade")
    with torch.random.fork_rng():
        torch.manual_seed(3)
        model = BertForMaskedLM(tiny("bert").model.config).eval()
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.data.normal_(0, 0.15)
        # A bias below zero makes it sparse.
        model.cls.predictions.decoder.bias.data.fill_(-1.0)
    model.save_pretrained(place / "bare")
    TOKENIZER.save_pretrained(place / "bare")
    SparseEncoder(str(place / "bare"), device="cpu").save_pretrained(str(place / "own"))
    return place / "own"


def make(folder, *, pooling="max", activation="relu", **settings):
    modules = [
        masked_words(folder),
        SpladePooling(pooling, activation_function=activation),
    ]
    return SparseEncoder(modules=modules, device="cpu", **settings)


def by_model(model):
    def own(pairs):
        left, right = zip(*pairs, strict=True)
        return model.similarity_pairwise(
            model.encode_query(list(left), convert_to_sparse_tensor=False),
            model.encode_document(list(right), convert_to_sparse_tensor=False),
        ).tolist()

    return own


SETTINGS = {
    "dot": {},
    "cosine": {"similarity_fn_name": "cosine"},
    "sum": {"pooling": "sum"},
    "twice": {"activation": "log1p_relu"},
    "few": {"max_active_dims": 12},
    "prompts": {"prompts": {"query": "keep the ", "document": "wool "}},
}


@pytest.mark.parametrize("name", SETTINGS)
def test_the_score_is_the_models_and_is_summed(folder, name):
    model = make(folder, **SETTINGS[name])
    explainer = Explainer(model)
    assert explainer.method.name == "exact"
    found = check_scores(explainer, by_model(model))
    assert {each.similarity_function for each in found} == {model.similarity_fn_name}
    check_batches(explainer)


def test_each_term_goes_to_the_token_that_won_it(folder):
    """Term by term, in loops, from what the masked-word head says of every token."""
    model = make(folder)
    found = Explainer(model).explain(LEFT, RIGHT)
    weights = []
    for text in (LEFT, RIGHT):
        inputs = TOKENIZER(text, return_tensors="pt")
        with torch.no_grad():
            logits = model.transformers_model(**inputs).logits[0]
        weights.append(logits.clamp(min=0).log1p().double().numpy())
    # Every word is one token here, behind [CLS].
    assert [len(w) - 2 for w in weights] == [len(t.split()) for t in (LEFT, RIGHT)]
    expected = np.zeros((len(weights[0]), len(weights[1])))
    for term in range(weights[0].shape[1]):
        one, other = (w[:, term] for w in weights)
        expected[one.argmax(), other.argmax()] += one.max() * other.max()
    np.testing.assert_allclose(found.matrix, expected[1:-1, 1:-1], atol=1e-5)
    assert found.similarity == pytest.approx(expected.sum(), rel=1e-6)
    for words, sums in (
        (found.left.words, expected[1:-1].sum(axis=1)),
        (found.right.words, expected[:, 1:-1].sum(axis=0)),
    ):
        np.testing.assert_allclose([word.contribution for word in words], sums, atol=1e-5)


def test_a_folder_and_an_object_say_the_same(folder):
    by_name = Explainer(str(folder), device="cpu")
    given = Explainer(SparseEncoder(str(folder), device="cpu"))
    one, other = (e.explain(LEFT, RIGHT) for e in (by_name, given))
    assert one.similarity == pytest.approx(other.similarity, rel=1e-6)
    assert one.pairs == other.pairs
    copied = pickle.loads(pickle.dumps(given)).explain(LEFT, RIGHT)
    assert copied.similarity == other.similarity
    check_whole(one)
    check_perturbation(by_name, LEFT, RIGHT)


def test_no_term_in_common(folder):
    model = make(folder)
    with torch.no_grad():
        model.transformers_model.cls.predictions.decoder.weight.zero_()
        model.transformers_model.cls.predictions.decoder.bias.fill_(-1.0)
    for method in ("exact", "occlusion"):
        found = Explainer(model, method=method).explain(LEFT, RIGHT)
        assert found.similarity == 0
        assert found.pairs == () or method == "occlusion"
    assert Explainer(model).explain(LEFT, RIGHT).warnings == (
        "The two texts have no term in common.",
    )


@pytest.mark.parametrize("function", ["euclidean", "manhattan"])
def test_a_distance_has_scores_alone(folder, function):
    model = make(folder, similarity_fn_name=function)
    explainer = Explainer(model)
    assert explainer.method.name == "occlusion"
    found = explainer.explain(LEFT, RIGHT)
    assert found.similarity == pytest.approx(by_model(model)([(LEFT, RIGHT)])[0], rel=1e-5)
    assert explainer.explain(LEFT, LEFT).similarity == 0
    with pytest.raises(OptionError, match="needs an exact decomposition"):
        Explainer(model, method="exact")


def test_what_is_not_read_is_said(folder):
    model = make(folder)
    model.max_seq_length = 6
    found = Explainer(model).explain(LEFT, RIGHT)
    assert any("reads at most 6 tokens: the last 2 words of the left" in w for w in found.warnings)
    assert found.similarity == pytest.approx(by_model(model)([(LEFT, RIGHT)])[0], rel=1e-5)
    with pytest.raises(TextError, match="more than the 6 tokens"):
        Explainer(model, options=BTIOptions(long_text="error")).explain(LEFT, RIGHT)
    with pytest.raises(OptionError, match="windows"):
        Explainer(model, options=BTIOptions(long_text="windows")).explain(LEFT, RIGHT)


def test_the_users_model_is_only_read(folder):
    model = make(folder).train()
    before = dict(vars(model.tokenizer))
    Explainer(model).explain(LEFT, RIGHT)
    assert model.training
    assert vars(model.tokenizer) == before
    # Changed weights are seen.
    explainer = Explainer(model)
    first = explainer.explain(LEFT, RIGHT).similarity
    with torch.no_grad():
        model.transformers_model.cls.predictions.decoder.bias.add_(0.5)
    assert explainer.explain(LEFT, RIGHT).similarity > first


def test_what_is_refused(folder):
    with pytest.raises(OptionError, match="a SparseEncoder has a score of its own alone"):
        Explainer(str(folder), pooling="paper")
    with pytest.raises(OptionError, match="can't be used here"):
        Explainer(str(folder), device="nowhere")
    with pytest.raises(OptionError, match=r"'bti' needs .*Methods that work with it: exact, "):
        Explainer(str(folder), method="bti")
    model = make(folder)
    with torch.no_grad():
        model.transformers_model.cls.predictions.decoder.bias.fill_(float("nan"))
    with pytest.raises(ModelError, match="NaN"):
        Explainer(model).explain(LEFT, RIGHT)


def test_the_same_modules_as_another_class_are_told_apart(folder):
    modules = list(make(folder).children())
    with pytest.raises(ModelError, match="a sparse encoder"):
        Explainer(SentenceTransformer(modules=modules, device="cpu"))


def test_a_name_that_is_fetched_first(folder, tmp_path, monkeypatch):
    """Its kind is known only when it is here."""
    import shutil

    from huggingface_hub import constants

    from whyalike.models import locating

    cached = tmp_path / "cache" / "models--someone--splade"

    def fetch(name, *, allow_pickle):
        (cached / "refs").mkdir(parents=True)
        (cached / "refs" / "main").write_text("abc")
        shutil.copytree(folder, cached / "snapshots" / "abc")
        return locating.FoundModel(name, "hub", cached / "snapshots" / "abc")

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(locating, "_download", fetch)
    explainer = Explainer("someone/splade", device="cpu")
    assert (explainer.model.name, explainer.method.name) == ("someone/splade", "exact")
