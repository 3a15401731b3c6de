"""Models that score texts in another way are told from encoders, and not explained as one."""

import json
from copy import deepcopy

import numpy as np
import pytest
import torch
from sentence_transformers import (
    CrossEncoder,
    SentenceTransformer,
    SparseEncoder,
)
from transformers import (
    AutoModelForCausalLM,
    BertForMaskedLM,
    BertForPreTraining,
    BertForQuestionAnswering,
    BertForSequenceClassification,
    BertForTokenClassification,
    BertModel,
    CLIPConfig,
    CLIPModel,
    CLIPTextConfig,
    CLIPTextModel,
    DPRConfig,
    DPRQuestionEncoder,
)

from raising import raises
from tiny_models import TEXTS, tiny
from whyalike import Explainer
from whyalike.errors import ModelError, OptionError
from whyalike.models.installed import (
    LATE_INTERACTION,
    MOVED,
    Dense,
    MultiVectorEncoder,
    Pooling,
    Router,
    StaticEmbedding,
    Transformer,
)

LEFT, RIGHT = TEXTS[0], TEXTS[1]
TOKENIZER = tiny("bert").tokenizer
CONFIG = tiny("bert").model.config
TEXT_SIDE = {
    "vocab_size": len(TOKENIZER),
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 160,
    "eos_token_id": 3,
    "bos_token_id": 2,
}
PICTURES = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 1,
    "num_attention_heads": 4,
    "image_size": 32,
    "patch_size": 16,
}


def make(kind):
    """A small transformer of that class, with random weights."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        if kind is CLIPTextModel:
            return kind(CLIPTextConfig(**TEXT_SIDE)).eval()
        if kind is CLIPModel:
            return kind(CLIPConfig(text_config=TEXT_SIDE, vision_config=PICTURES)).eval()
        if kind is DPRQuestionEncoder:
            small = CONFIG.to_dict()
            del small["architectures"], small["model_type"]
            return kind(DPRConfig(**small)).eval()
        return kind(CONFIG).eval()


@pytest.fixture
def saved(tmp_path):
    """Saves a transformer with its tokenizer, and returns the folder."""

    def save(model, name="saved"):
        model.save_pretrained(tmp_path / name)
        TOKENIZER.save_pretrained(tmp_path / name)
        return tmp_path / name

    return save


def said_of(model):
    with pytest.raises(ModelError) as caught:
        Explainer(model)
    assert "\n" not in str(caught.value)
    return str(caught.value)


HEADS = {
    BertForSequenceClassification: "a cross-encoder or a classifier",
    BertForTokenClassification: "a cross-encoder or a classifier",
    BertForQuestionAnswering: "a cross-encoder or a classifier",
    CLIPTextModel: "a multi-modal model",
    CLIPModel: "a multi-modal model",
    DPRQuestionEncoder: "one of two encoders",
}


@pytest.mark.parametrize("kind", HEADS)
def test_a_transformer_with_an_output_of_its_own(saved, kind):
    model = make(kind)
    for given in (str(saved(model)), (model, TOKENIZER)):
        said = said_of(given)
        assert HEADS[kind] in said
        assert kind.__name__ in said
    inner = model.base_model
    if isinstance(inner, BertModel) and inner is not model:
        # What the advice says to do instead.
        assert Explainer((inner, TOKENIZER)).explain(LEFT, RIGHT).pooling == "paper"


@pytest.mark.parametrize("kind", [BertForMaskedLM, BertForPreTraining])
def test_an_encoder_with_the_head_it_was_trained_with_stays_one(saved, kind):
    model = make(kind)
    encoder = BertModel(CONFIG)
    encoder.load_state_dict(model.base_model.state_dict(), strict=False)
    expected = Explainer((encoder.eval(), TOKENIZER)).explain(LEFT, RIGHT).similarity
    for given in (saved(model), (model, TOKENIZER)):
        explanation = Explainer(given, pooling="paper").explain(LEFT, RIGHT)
        assert explanation.similarity == pytest.approx(expected, abs=1e-6)


def test_a_language_model_needs_a_pooling(tmp_path):
    tokenizer = tiny("qwen3").tokenizer
    model = AutoModelForCausalLM.from_config(tiny("qwen3").model.config).eval()
    model.model.load_state_dict(tiny("qwen3").model.state_dict())
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    for given in (str(tmp_path), (model, tokenizer)):
        said = said_of(given)
        assert "a generative language model, recognised by Qwen3ForCausalLM" in said
        assert "pooling='last'" in said
        for pooling in ("last", "paper"):
            explained = Explainer(given, pooling=pooling).explain(LEFT, RIGHT)
            bare = Explainer(tiny("qwen3").parts, pooling=pooling).explain(LEFT, RIGHT)
            assert explained.similarity == pytest.approx(bare.similarity, abs=1e-5)


def test_a_cross_encoder_of_sentence_transformers(saved, tmp_path):
    model = CrossEncoder(str(saved(make(BertForSequenceClassification))), device="cpu")
    model.save_pretrained(str(tmp_path / "own"))
    folder = said_of(str(tmp_path / "own"))
    assert "a cross-encoder" in folder
    assert "recognised by CrossEncoder" in folder
    for given in (model, (model, TOKENIZER)):
        assert "a cross-encoder" in said_of(given)


@pytest.mark.parametrize(
    ("family", "transformer", "says"),
    [
        (SparseEncoder, BertForMaskedLM, "a sparse encoder"),
        pytest.param(
            *(MultiVectorEncoder, BertModel, "a multi-vector model"),
            marks=pytest.mark.skipif(
                not LATE_INTERACTION, reason="late interaction needs sentence-transformers 6"
            ),
        ),
    ],
)
def test_kinds_that_score_by_tokens_are_opened_whole(saved, tmp_path, family, transformer, says):
    model = family(str(saved(make(transformer))), device="cpu")
    folder = tmp_path / "own"
    model.save_pretrained(str(folder))
    expected = Explainer(model).explain(LEFT, RIGHT)
    assert Explainer(folder).explain(LEFT, RIGHT).similarity == pytest.approx(expected.similarity)
    assert says in said_of((model, TOKENIZER))
    # Where a folder does not say by which class it was saved, its modules tell that it is no
    # encoder; sentence-transformers would convert it, and may add weights of its own.
    settings = folder / "config_sentence_transformers.json"
    content = json.loads(settings.read_text())
    del content["model_type"]
    settings.write_text(json.dumps(content))
    assert says in said_of(str(folder))


def test_a_sparse_encoder_as_a_function_gives_its_own_score(saved):
    model = SparseEncoder(str(saved(make(BertForMaskedLM))), device="cpu")
    assert "Explainer(embed=lambda texts: model.encode(texts" in said_of((model, TOKENIZER))
    explanation = Explainer(
        embed=lambda texts: model.encode(texts, convert_to_sparse_tensor=False),
        similarity_function="dot",
    ).explain(LEFT, RIGHT)
    own = float(model.similarity(model.encode([LEFT]), model.encode([RIGHT])).to_dense())
    assert explanation.similarity == pytest.approx(own, rel=1e-5)


def test_folders_of_other_libraries(saved, tmp_path):
    folder = saved(BertModel(CONFIG))
    config = folder / "config.json"
    content = json.loads(config.read_text())
    config.write_text(json.dumps({**content, "architectures": ["HF_ColBERT"]}))
    assert "a multi-vector model" in said_of(str(folder))
    config.write_text(json.dumps(content))
    (folder / "modules.json").write_text(
        json.dumps(
            [
                {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.T"},
                {"idx": 1, "name": "1", "path": "1_Dense", "type": "pylate.models.Dense.Dense"},
            ]
        )
    )
    assert "a multi-vector model" in said_of(str(folder))
    (folder / "config_sentence_transformers.json").write_text('{"model_type": "ColBERT"}')
    assert "a multi-vector model" in said_of(str(folder))
    (folder / "modules.json").write_text("[]")
    (folder / "config_sentence_transformers.json").write_text('{"model_type": "Orakel"}')
    assert "is a Orakel, recognised by model_type 'Orakel'" in said_of(str(folder))
    (folder / "modules.json").unlink()
    config.write_text(json.dumps({"model_type": "model2vec", "architectures": ["StaticModel"]}))
    said = said_of(str(folder))
    assert f"Explainer(embed=StaticModel.from_pretrained({str(folder)!r}).encode)" in said


def test_an_adapter_alone(saved, tmp_path):
    folder = tmp_path / "adapter"
    folder.mkdir()
    (folder / "adapter_config.json").write_text('{"base_model_name_or_path": "somewhere"}')
    said = said_of(str(folder))
    assert "is an adapter (PEFT)" in said
    assert "merge_and_unload()" in said
    assert "Explainer(embed=" in said
    # With a whole model beside it, which would be explained without the adapter.
    whole = saved(BertModel(CONFIG))
    (whole / "adapter_config.json").write_text("{}")
    assert "is an adapter (PEFT)" in said_of(str(whole))


@pytest.mark.parametrize("place", [0, 2])
def test_a_router_wherever_it_stands(saved, tmp_path, place):
    folder = saved(BertModel(CONFIG))
    encoder = [Transformer(str(folder)), Pooling(32)]
    if place:
        dense = Router({"query": [Dense(32, 8)], "document": [Dense(32, 8)]}, default_route="query")
        modules = [*encoder, dense]
    else:
        modules = [Router.for_query_document(query_modules=encoder, document_modules=encoder)]
    model = SentenceTransformer(modules=modules, device="cpu")
    assert "routes queries and documents" in said_of(model)
    model.save_pretrained(str(tmp_path / "routed"))
    assert "routes queries and documents" in said_of(str(tmp_path / "routed"))


def test_word_vectors_as_a_function(tmp_path):
    static = StaticEmbedding(TOKENIZER.backend_tokenizer, embedding_dim=8)
    model = SentenceTransformer(modules=[static, Dense(8, 4)], device="cpu")
    said = said_of(model)
    assert "Explainer(embed=model.encode)" in said
    model.save_pretrained(str(tmp_path / "static"))
    folder = str(tmp_path / "static")
    assert f"Explainer(embed=SentenceTransformer({folder!r}).encode)" in said_of(folder)
    explanation = Explainer(embed=model.encode).explain(LEFT, RIGHT)
    vectors = model.encode([LEFT, RIGHT])
    assert explanation.similarity == pytest.approx(
        float(model.similarity(vectors[:1], vectors[1:])), abs=1e-6
    )


@pytest.mark.skipif(not MOVED, reason="needs sentence-transformers 5.4")
def test_a_multi_modal_pipeline(saved, tmp_path):
    from transformers import CLIPImageProcessor, CLIPProcessor

    folder = saved(make(CLIPModel))
    CLIPProcessor(CLIPImageProcessor(), deepcopy(TOKENIZER)).save_pretrained(folder)
    model = SentenceTransformer(str(folder), device="cpu")
    model.save_pretrained(str(tmp_path / "clip"))
    for given in (model, str(tmp_path / "clip")):
        assert "a multi-modal model" in said_of(given)
    explanation = Explainer(embed=model.encode).explain(LEFT, RIGHT)
    vectors = model.encode([LEFT, RIGHT])
    assert explanation.similarity == pytest.approx(
        float(model.similarity(vectors[:1], vectors[1:])), abs=1e-6
    )


class LikeLangChain:
    def embed_documents(self, texts):
        return [[float(len(text)), 1.0] for text in texts]

    def embed_query(self, text):
        return self.embed_documents([text])[0]


class LikeLlamaIndex:
    def get_text_embedding_batch(self, texts):
        return [[float(len(text)), 1.0] for text in texts]


class AnyEncoder:
    def encode(self, texts):
        return np.ones((len(texts), 2))


@pytest.mark.parametrize(
    ("given", "call"),
    [
        (LikeLangChain(), "embed_documents"),
        (LikeLlamaIndex(), "get_text_embedding_batch"),
        (AnyEncoder(), "encode"),
    ],
)
def test_an_object_that_embeds_by_itself(given, call):
    assert f"Explainer(embed=model.{call})" in said_of(given)
    with raises(OptionError, "function", f"embed=model.{call}"):
        Explainer(embed=given)
    assert Explainer(embed=getattr(given, call)).explain("a b", "c d").similarity > 0


def test_a_function_and_a_tokenizer():
    assert "Explainer(embed=function)" in said_of(lambda texts: texts)
    assert "embed" not in said_of(TOKENIZER)
    assert "a tuple of a PreTrainedModel and its tokenizer" in said_of(tiny("bert").model)


def test_a_name_on_the_hub_is_told_by_what_the_cache_has(saved, tmp_path, monkeypatch):
    from huggingface_hub import constants

    for kind, model in (("bare", make(BertForSequenceClassification)), ("adapter", None)):
        cached = tmp_path / "cache" / f"models--someone--{kind}"
        snapshot = cached / "snapshots" / "abc"
        (cached / "refs").mkdir(parents=True)
        (cached / "refs" / "main").write_text("abc")
        if model is None:
            snapshot.mkdir(parents=True)
            (snapshot / "adapter_config.json").write_text("{}")
            (snapshot / "adapter_model.safetensors").write_bytes(b"")
        else:
            saved(model, name="one").rename(tmp_path / "one-more")
            snapshot.parent.mkdir(parents=True)
            (tmp_path / "one-more").rename(snapshot)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    assert "someone/bare is a cross-encoder or a classifier" in said_of("someone/bare")
    said = said_of("someone/adapter")
    assert "someone/adapter is an adapter (PEFT)" in said
    assert "AutoPeftModelForFeatureExtraction.from_pretrained('someone/adapter')" in said


class PeftModelForFeatureExtraction(torch.nn.Module):
    """Of that name, as peft calls its own."""


def test_an_adapted_model():
    model = PeftModelForFeatureExtraction()
    for given in (model, (model, TOKENIZER)):
        said = said_of(given)
        assert "is an adapter (PEFT)" in said
        assert "(model.merge_and_unload(), tokenizer)" in said
