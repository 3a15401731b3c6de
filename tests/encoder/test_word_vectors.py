"""Word vectors with a pooling, bags of words, static embeddings behind a Dense, model2vec's folders."""

import json
from inspect import signature

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file
from sentence_transformers import SentenceTransformer
from torch import nn

from exact_scorers import check_batches, check_perturbation, check_scores, check_whole, random_pairs
from other_modules import CNN, BoW, Dropout, WhitespaceTokenizer, WordEmbeddings, pooling_by
from tiny_models import PIECES, tiny
from whyalike import BTIOptions, Explainer
from whyalike.errors import ModelError, OptionError, TextError
from whyalike.models.installed import READS_WHOLE, Dense, Normalize, StaticEmbedding, WordWeights

LEFT, RIGHT = "keep hands warm, with knit gloves", "these smart phone gloves are cut from wool"
WORDS = list(dict.fromkeys(["PAD", *PIECES]))
STOPS = ("the", "a")


def normal(*shape, seed=5):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def dense(size, to, *, activation=None, residual=False, seed=6, bias=True):
    own = {"use_residual": True} if residual else {}
    if residual and "use_residual" not in signature(Dense).parameters:
        pytest.skip("a Dense with a residual needs sentence-transformers 6")
    module = Dense(size, to, bias=bias, activation_function=activation, **own)
    for parameter in module.parameters():
        parameter.data = normal(*parameter.shape, seed=seed) / size**0.5
    return module


def words(*between, pooling="mean", behind=(), limit=1000, tokenizer=None):
    size = 12
    tokenizer = tokenizer or WhitespaceTokenizer(WORDS, stop_words=STOPS, do_lower_case=True)
    count = getattr(tokenizer, "vocab_size", None) or len(WORDS)
    first = WordEmbeddings(tokenizer, normal(count, size), max_seq_length=limit)
    modes = 1 if isinstance(pooling, str) else len(pooling)
    own = [part(size * modes) for part in behind]
    return SentenceTransformer(
        modules=[first, *between, pooling_by(size, pooling), *own], device="cpu"
    )


def bag(*behind, counted=True):
    weights = {word: 0.5 + n / 50 for n, word in enumerate(WORDS)}
    first = BoW(WORDS, weights, 1.0, cumulative_term_frequency=counted)
    return SentenceTransformer(modules=[first, *(p(len(WORDS)) for p in behind)], device="cpu")


def static(*behind):
    backend = type(tiny("bert").tokenizer.backend_tokenizer).from_str(
        tiny("bert").tokenizer.backend_tokenizer.to_str()
    )
    backend.no_truncation()  # Others cut texts by the one that is copied.
    first = StaticEmbedding(backend, embedding_weights=normal(backend.get_vocab_size(), 12))
    return SentenceTransformer(modules=[first, *behind], device="cpu")


IDF = WordWeights(WORDS, {word: 1 + n / 9 for n, word in enumerate(WORDS)}, 1.0)
LINEAR = {
    "words": lambda: words(),
    "weighted": lambda: words(IDF),
    "roots": lambda: words(IDF, pooling="mean_sqrt_len_tokens"),
    "later ones": lambda: words(pooling="weightedmean"),
    "later ones, weighted": lambda: words(IDF, pooling="weightedmean"),
    "largest": lambda: words(pooling="max"),
    "several": lambda: words(pooling=("max", "mean"), behind=[lambda n: dense(n, 8)]),
    "last": lambda: words(pooling="lasttoken"),
    "few": lambda: words(limit=4),
    "bag": lambda: bag(),
    "set": lambda: bag(counted=False),
    "bag, dense": lambda: bag(lambda n: dense(n, 16), lambda n: Normalize()),
    "static, dense": lambda: static(dense(12, 6), Normalize(), dense(6, 7, bias=False)),
    "static, residual": lambda: static(dense(12, 12, residual=True), dense(12, 5, residual=True)),
}


def by_model(model):
    def own(pairs):
        left, right = zip(*pairs, strict=True)
        return model.similarity_pairwise(
            model.encode_query(list(left), convert_to_tensor=True),
            model.encode_document(list(right), convert_to_tensor=True),
        ).tolist()

    return own


@pytest.mark.parametrize("function", ["cosine", "dot"])
@pytest.mark.parametrize("name", LINEAR)
def test_the_score_is_the_models_and_is_summed(name, function):
    model = LINEAR[name]()
    model.similarity_fn_name = function
    explainer = Explainer(model)
    assert explainer.method.name == "exact"
    if name in ("last", "bag", "set"):  # Few words that count, and few scores.
        pairs = random_pairs()
        found = list(explainer.explain_many(pairs))
        scores = [each.similarity for each in found]
        assert scores == pytest.approx(by_model(model)(pairs), rel=1e-6, abs=1e-5)
        for each in found:
            carried = float(np.sum(each.pair_contributions))
            assert carried + each.remainder == pytest.approx(each.similarity, abs=1e-6)
    else:
        found = check_scores(explainer, by_model(model))
    check_whole(found[0])
    if name not in ("largest", "several"):  # These have no vector of an empty text.
        check_batches(explainer)


def test_token_by_token():
    model = words(IDF, behind=[lambda n: dense(n, 5)])
    model.similarity_fn_name = "dot"
    found = Explainer(model).explain("Warm, the gloves!", "wool hands hands")
    model.requires_grad_(False)
    table, weight = model[0].emb_layer.weight.double(), model[1].emb_layer.weight.double()
    linear = model[3].linear
    parts, biases = [], linear.bias.double().detach()
    for text in (["warm", "gloves"], ["wool", "hands", "hands"]):
        ids = [WORDS.index(word) for word in text]
        total = weight[ids].sum()
        parts.append(
            [linear.weight.double() @ (table[n] * weight[n] / total).detach() for n in ids]
        )
    expected = [[float(one @ other) for other in parts[1]] for one in parts[0]]
    assert [word.text for word in found.left.words] == ["Warm", ",", "the", "gloves", "!"]
    np.testing.assert_allclose(found.matrix[[0, 3]], expected, atol=1e-6)
    assert not found.matrix[[1, 2, 4]].any()
    sums = [torch.stack(side).sum(0) for side in parts]
    outside = sum(float(each @ biases) for each in sums) + float(biases @ biases)
    assert found.remainder == pytest.approx(outside, abs=1e-6)


CURVED = {
    "words": lambda: words(behind=[lambda n: dense(n, 8, activation=nn.Tanh())]),
    "bag": lambda: bag(lambda n: dense(n, 8, activation=nn.ReLU())),
    "static": lambda: static(Dropout(0.3), dense(12, 6, activation=nn.Sigmoid()), Normalize()),
}


@pytest.mark.parametrize("name", CURVED)
def test_with_an_activation_there_is_no_sum(name):
    model = CURVED[name]()
    model.train()
    explainer = Explainer(model)
    assert explainer.method.name == "occlusion"
    with pytest.raises(OptionError, match=r"needs an exact decomposition.*: .*occlusion, .*shap"):
        explainer.with_method("exact")
    pairs = [(LEFT, RIGHT), ("wool", "gloves"), (RIGHT, "a touch screen")]
    own = by_model(model)(pairs)
    assert explainer.model.score(pairs) == pytest.approx(own, abs=1e-5)
    found = explainer.explain(LEFT, RIGHT)
    assert found.similarity == pytest.approx(own[0], abs=1e-5)
    assert found.matrix is not None


@pytest.mark.parametrize("name", ["weighted", "bag, dense", "static, dense"])
def test_a_folder_and_an_object_say_the_same(name, tmp_path):
    model = LINEAR[name]()
    model.save_pretrained(str(tmp_path / "own"))
    by_name, given = Explainer(str(tmp_path / "own"), device="cpu"), Explainer(model)
    one, other = (e.explain(LEFT, RIGHT) for e in (by_name, given))
    assert one.similarity == pytest.approx(other.similarity, abs=1e-6)
    np.testing.assert_allclose(one.matrix, other.matrix, atol=1e-6)
    check_perturbation(by_name, LEFT, RIGHT)


def test_no_word_in_common():
    found = Explainer(bag()).explain("warm gloves", "wool hands")
    assert found.similarity == 0
    assert "The two texts have no term in common." in found.warnings
    assert found.pairs == ()
    assert "no term in common" not in " ".join(Explainer(bag()).explain(LEFT, RIGHT).warnings)


def test_prompts_and_limits():
    model = words(limit=3)
    if not READS_WHOLE:
        assert Explainer(model).model.limit is None
        pytest.skip("WordEmbeddings keep to their limit from sentence-transformers 6.2 on")
    model.prompts = {"query": "keep the ", "document": "wool"}
    pairs = [("gloves hands warm", "gloves hands warm"), (LEFT, RIGHT)]
    explainer = Explainer(model)
    assert explainer.prompts == ("keep the ", "wool")
    found = list(explainer.explain_many(pairs))
    assert [each.similarity for each in found] == pytest.approx(by_model(model)(pairs), abs=1e-5)
    # "keep" and two words; "woolgloves" is unknown.
    assert found[0].left.unread_words == 1
    assert any("at most 3 tokens" in warning for warning in found[0].warnings)
    with pytest.raises(TextError, match="more than the 3 tokens"):
        Explainer(model, options=BTIOptions(long_text="error")).explain(LEFT, RIGHT)
    with pytest.raises(OptionError, match="windows"):
        Explainer(model, options=BTIOptions(long_text="windows")).explain(LEFT, RIGHT)


class Joining(WhitespaceTokenizer):
    """As PhraseTokenizer does, which needs another package."""

    def tokenize(self, text, **kwargs):
        return super().tokenize(text.replace("knit gloves", "wool"), **kwargs)


def test_what_is_refused():
    phrases = words(tokenizer=Joining(WORDS, stop_words=()))
    with pytest.raises(ModelError, match=r"Joining\) changes words or joins"):
        Explainer(phrases).explain("knit gloves", "wool")
    with pytest.raises(ModelError, match="pools word vectors by cls"):
        Explainer(words(pooling="cls"))
    with pytest.raises(ModelError, match=r"a model of word vectors.*Explainer\(embed=model.encode"):
        Explainer(words(CNN(12, 12)))
    with pytest.raises(OptionError, match="a bag of words has a score of its own alone"):
        Explainer(bag(), pooling="paper")
    with pytest.raises(ModelError, match="has no token for the text ''"):
        Explainer(words(pooling="max")).explain("", "wool")


def model2vec_folder(place, *, normalised, style):
    """The files that model2vec 0.3, 0.10 and 0.10 with quantised vectors write."""
    place.mkdir()
    tokenizer = tiny("bert").tokenizer.backend_tokenizer
    tokenizer.save(str(place / "tokenizer.json"))
    count, draw = tokenizer.get_vocab_size(), np.random.default_rng(1)
    tensors = {"embeddings": draw.normal(size=(count, 12)).astype(np.float32)}
    config = {"max_length": 512, "normalize": normalised, "embedding_dtype": "float32"}
    if style == "quantised":
        tensors = {
            "embeddings": tensors["embeddings"][:40],
            "mapping": draw.integers(0, 40, size=count),
            "weights": draw.uniform(0.1, 1.0, size=count).astype(np.float32),
        }
    elif style == "old":
        config = {
            "model_type": "model2vec",
            "architectures": ["StaticModel"],
            "normalize": normalised,
            "apply_pca": 12,
        }
    save_file(tensors, place / "model.safetensors")
    (place / "config.json").write_text(json.dumps(config))
    return place


@pytest.mark.parametrize("style", ["old", "new", "quantised"])
@pytest.mark.parametrize("normalised", [True, False])
@pytest.mark.parametrize("with_modules", [True, False])
def test_a_folder_of_model2vec(tmp_path, style, normalised, with_modules):
    folder = model2vec_folder(tmp_path / "m2v", normalised=normalised, style=style)
    if style == "quantised" and not READS_WHOLE:
        with pytest.raises(ModelError, match=r"needs sentence-transformers 6\.2"):
            Explainer(folder, device="cpu")
        return
    static = StaticEmbedding.load(str(folder))
    model = SentenceTransformer(
        modules=[static, *[Normalize()] * normalised], device="cpu", similarity_fn_name="dot"
    )
    if with_modules:
        kinds = ["StaticEmbedding", *["Normalize"] * normalised]
        modules = [
            {
                "idx": n,
                "name": str(n),
                "path": f"{n}_{kind}" if n else ".",
                "type": f"sentence_transformers.models.{kind}",
            }
            for n, kind in enumerate(kinds)
        ]
        (folder / "modules.json").write_text(json.dumps(modules))
    explainer = Explainer(folder, device="cpu")
    assert explainer.method.name == "exact"
    found = explainer.explain(LEFT, RIGHT)
    vectors = model.encode([LEFT, RIGHT])
    np.testing.assert_allclose(explainer.model.embed([LEFT, RIGHT]), vectors, atol=1e-6)
    lengths = np.linalg.norm(vectors[0]) * np.linalg.norm(vectors[1])
    assert found.similarity == pytest.approx(float(vectors[0] @ vectors[1]) / lengths, abs=1e-6)
    assert float(found.matrix.sum()) == pytest.approx(found.similarity, abs=1e-6)
