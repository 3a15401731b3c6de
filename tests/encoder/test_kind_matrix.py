"""What every kind of scorer that is opened holds to: half precision, blanks, order, limits, prompts."""

from copy import deepcopy

import numpy as np
import pytest
import torch
from sentence_transformers import CrossEncoder, SentenceTransformer, SparseEncoder
from torch import nn
from transformers import AutoModelForSequenceClassification, BertForMaskedLM

from chat_models import reranker
from other_modules import BoW, WhitespaceTokenizer, WordEmbeddings, masked_words
from tiny_models import PIECES, tiny
from whyalike import BTIOptions, Explainer, Explanation
from whyalike.errors import ModelError, OptionError
from whyalike.models.installed import (
    Dense,
    Normalize,
    Pooling,
    Router,
    SparseStaticEmbedding,
    SpladePooling,
    StaticEmbedding,
    Transformer,
)

LEFT, RIGHT = "keep hands warm with knit gloves", "these smart phone gloves are cut from wool"
TOKENIZER = tiny("bert").tokenizer
WORDS = list(dict.fromkeys(["PAD", *PIECES]))


def static(seed, width=12):
    backend = type(TOKENIZER.backend_tokenizer).from_str(TOKENIZER.backend_tokenizer.to_str())
    backend.no_truncation()  # Others cut texts by the one that is copied.
    weight = torch.randn(
        (backend.get_vocab_size(), width), generator=torch.Generator().manual_seed(seed)
    )
    return StaticEmbedding(backend, embedding_weights=weight)


def saved(model, folder, tokenizer=TOKENIZER):
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


def labelled(folder):
    config = deepcopy(tiny("bert").model.config)
    config.id2label = {0: "no", 1: "yes"}
    model = AutoModelForSequenceClassification.from_config(config)
    return CrossEncoder(saved(model, folder), device="cpu")


def two_encoders(folder):
    modules = [
        [Transformer(saved(tiny(name).model, folder / name, tiny(name).tokenizer)), Pooling(32)]
        for name in ("bert", "distilbert")
    ]
    router = Router.for_query_document(query_modules=modules[0], document_modules=modules[1])
    return SentenceTransformer(modules=[router, Normalize()], device="cpu")


def inference_free(folder):
    head = BertForMaskedLM(tiny("bert").model.config)
    transformer = masked_words(saved(head, folder))
    router = Router.for_query_document(
        query_modules=[SparseStaticEmbedding(TOKENIZER, torch.rand(len(TOKENIZER)))],
        document_modules=[transformer, SpladePooling()],
    )
    return SparseEncoder(modules=[router], device="cpu", similarity_fn_name="dot")


def words(folder):
    del folder
    first = WordEmbeddings(WhitespaceTokenizer(WORDS, stop_words=()), torch.randn(len(WORDS), 8))
    return SentenceTransformer(modules=[first, Pooling(8)], device="cpu")


def bag(folder):
    del folder
    modules = [BoW(WORDS), Dense(len(WORDS), 8, activation_function=None)]
    return SentenceTransformer(modules=modules, device="cpu")


def curved(folder):
    del folder
    modules = [static(1), Dense(12, 8, activation_function=nn.Tanh())]
    return SentenceTransformer(modules=modules, device="cpu")


def two_statics(folder):
    del folder
    router = Router.for_query_document(query_modules=[static(1)], document_modules=[static(2)])
    return SentenceTransformer(modules=[router], device="cpu")


KINDS = {
    "label": (labelled, {"label": "yes"}),
    "answers": (lambda folder: reranker(folder / "chat"), {}),
    "two encoders": (two_encoders, {}),
    "inference-free": (inference_free, {}),
    "two statics": (two_statics, {}),
    "words": (words, {}),
    "bag": (bag, {}),
    "static with an activation": (curved, {}),
}


@pytest.fixture(params=KINDS)
def kind(request, tmp_path):
    make, settings = KINDS[request.param]
    with torch.random.fork_rng():
        torch.manual_seed(8)
        model = make(tmp_path)
    return request.param, model, settings


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision(kind, dtype):
    _, model, settings = kind
    whole = Explainer(model, **settings).explain(LEFT, RIGHT)
    found = Explainer(model.to(dtype), **settings).explain(LEFT, RIGHT)
    assert found.method == whole.method
    assert found.similarity == pytest.approx(whole.similarity, rel=0.05, abs=0.05)
    assert np.isfinite([word.saliency for word in (*found.left.words, *found.right.words)]).all()


def test_blanks_batches_and_documents(kind):
    name, model, settings = kind
    explainer = Explainer(model, **settings)
    pairs = [("", RIGHT), (LEFT, ""), (LEFT, RIGHT), ("", ""), (LEFT, LEFT), ("wool", RIGHT * 3)]
    for pair, each in zip(pairs, explainer.explain_many(pairs), strict=True):
        assert Explanation.from_json(each.to_json()) == each
        alone = explainer.explain(*pair)
        assert each.similarity == pytest.approx(alone.similarity, rel=1e-5, abs=1e-5)
        blank = [side for side, text in zip(("left", "right"), pair, strict=True) if not text]
        for side in blank:
            assert any(f"The {side} text has no words" in said for said in each.warnings)
        if blank:
            assert each.matches == ()
    assert name


HAVE_WINDOWS = ("two encoders", "two statics", "static with an activation")


def test_windows_are_there_or_refused(kind):
    name, model, settings = kind
    explainer = Explainer(model, options=BTIOptions(long_text="windows"), **settings)
    if name not in HAVE_WINDOWS:
        with pytest.raises(OptionError, match=r"'windows'.*'truncate' or 'error'"):
            explainer.explain(LEFT, RIGHT)
        return
    found = explainer.explain(LEFT, RIGHT)
    plain = Explainer(model, **settings).explain(LEFT, RIGHT)
    assert found.similarity == pytest.approx(plain.similarity, abs=1e-5)
    if name == "two encoders":
        long = explainer.explain(LEFT, "wool gloves " * 120)
        assert any("The right text was read in" in w for w in long.warnings)
        assert not any("The left text was read in" in w for w in long.warnings)


def test_prompts_stand_before_the_texts(kind):
    name, model, settings = kind
    prompts = ("keep ", "" if name == "answers" else "wool ")
    explainer = Explainer(model, prompts=prompts, **settings)
    found = explainer.explain("warm gloves", "hands")
    assert found.prompts == prompts
    assert [word.text for word in found.left.words] == ["warm", "gloves"]
    if name not in ("answers", "label"):
        plain = Explainer(model, **settings).model.score([("keep warm gloves", "wool hands")])
        assert found.similarity == pytest.approx(float(plain[0]), abs=1e-5)
    else:
        bare = Explainer(model, **settings).explain("warm gloves", "hands")
        assert found.similarity != pytest.approx(bare.similarity, abs=1e-6)


def test_weights_that_are_damaged(kind):
    _, model, settings = kind
    explainer = Explainer(model, **settings)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(float("nan"))
    weights = [m.weights for m in model.modules() if isinstance(m, BoW)]
    for each in weights:
        each[:] = [float("nan")] * len(each)
    with pytest.raises(ModelError, match="NaN"):
        explainer.explain(LEFT, RIGHT)


def test_reasons_are_checked_by_its_own_score(kind):
    name, model, settings = kind
    options = BTIOptions(top_k=9, selection="clusters")
    # Words of two encoders with weights of chance are never alike; bti pairs each with one.
    if name == "two encoders":
        settings = {**settings, "method": "bti"}
    explainer = Explainer(model, options=options, **settings)
    found = explainer.explain(LEFT, RIGHT, check=2)
    assert explainer.usual_check == 3
    assert found.checks.pairs
    done = [*found.checks.pairs, *filter(None, [found.checks.together])]
    texts = [
        tuple(
            " ".join(word for n, word in enumerate(text.split()) if n not in gone)
            for text, gone in ((LEFT, one.left), (RIGHT, one.right))
        )
        for one in done
    ]
    expected = [explainer.explain(*pair).similarity for pair in texts]
    assert [one.similarity for one in done] == pytest.approx(expected, abs=1e-4)
    assert [one.fall for one in done] == pytest.approx(
        [found.similarity - score for score in expected], abs=1e-4
    )
    assert Explanation.from_json(found.to_json()) == found
