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

from other_modules import CNN, WhitespaceTokenizer, WordEmbeddings
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
    preprocess,
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


def test_a_classifier_wants_to_know_which_label(saved):
    model = make(BertForSequenceClassification)
    for given in (str(saved(model)), (model, TOKENIZER)):
        assert "has 2 labels, and a score is one number" in said_of(given)
    # An encoder below it, which was not trained to give vectors, is explained where it is given.
    inner = model.base_model
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
    for given in (model, str(tmp_path / "own")):
        assert "has 2 labels" in said_of(given)
    said = said_of((model, TOKENIZER))
    assert "a cross-encoder or a classifier, recognised by CrossEncoder" in said


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
    config.write_text(json.dumps({**content, "architectures": ["ColPaliForRetrieval"]}))
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
    (folder / "modules.json").write_text("[]")
    (folder / "config_sentence_transformers.json").write_text('{"model_type": "Orakel"}')
    assert "is a Orakel, recognised by model_type 'Orakel'" in said_of(str(folder))
    (folder / "modules.json").unlink()
    config.write_text(json.dumps({"model_type": "model2vec", "architectures": ["StaticModel"]}))
    assert "could not be loaded; its folder may be damaged" in said_of(str(folder))


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


def test_a_route_that_cant_be_explained(tmp_path):
    route = [Dense(8, 4), Pooling(4)]
    model = SentenceTransformer(
        modules=[Router.for_query_document(query_modules=route, document_modules=route[:1])],
        device="cpu",
    )
    assert "The route of SentenceTransformer for a query can't be explained" in said_of(model)


def test_word_vectors_as_a_function(tmp_path):
    words = ["pad", "gloves", "hands", "warm", "wool", "stretch"]
    vectors = WordEmbeddings(WhitespaceTokenizer(words), torch.randn(len(words), 8))
    model = SentenceTransformer(modules=[vectors, CNN(8, 8), Pooling(24)], device="cpu")
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


@pytest.mark.skipif(MOVED, reason="this version opens its text side")
def test_what_a_text_side_needs_is_said(saved):
    said = said_of(saved(make(CLIPModel)))
    assert "its text side needs sentence-transformers 5.4 or later" in said


@pytest.fixture
def clip(saved):
    """A SentenceTransformer of a CLIP."""
    if not MOVED:
        pytest.skip("needs sentence-transformers 5.4")
    from transformers import CLIPImageProcessor, CLIPProcessor

    folder = saved(make(CLIPModel))
    CLIPProcessor(CLIPImageProcessor(), deepcopy(TOKENIZER)).save_pretrained(folder)
    return SentenceTransformer(str(folder), device="cpu")


def similarity(model, left, right):
    vectors = model.encode([left, right])
    return float(model.similarity(vectors[:1], vectors[1:]))


def test_the_text_side_of_a_multi_modal_pipeline(clip, tmp_path):
    clip.save_pretrained(str(tmp_path / "clip"))
    pairs = [(LEFT, RIGHT), (RIGHT, LEFT), ("wool", ""), ("warm gloves", "wool " * 40)]
    expected = [similarity(clip, *pair) for pair in pairs]
    for given in (clip, tmp_path / "clip"):
        explainer = Explainer(given, device=None if given is clip else "cpu")
        assert explainer.method.name == "whyalike"
        found = [each.similarity for each in explainer.explain_many(pairs)]
        assert found == pytest.approx(expected, abs=1e-5)
        assert explainer.model.score(pairs) == pytest.approx(expected, abs=1e-5)
    for method in ("whyalike", "gradient_x_activation", "occlusion", "shapley", "maxsim"):
        one = explainer.with_method(method).explain(LEFT, RIGHT)
        assert one.similarity == pytest.approx(expected[0], abs=1e-5)
        assert max(abs(word.saliency) for word in one.left.words) > 0
    jacobians = explainer.with_method("integrated_jacobians").explain(LEFT, RIGHT)
    assert jacobians.completeness_gap < 1e-2
    with pytest.raises(OptionError, match="pooling is 'paper'"):
        Explainer(clip, pooling="paper")
    half = Explainer(clip.to(torch.bfloat16)).explain(LEFT, RIGHT)
    assert half.similarity == pytest.approx(expected[0], abs=0.02)


def test_the_gradient_of_a_text_tower_by_hand(clip):
    found = Explainer(clip, method="gradient_x_activation").explain(LEFT, RIGHT)
    tower, head = clip.transformers_model.text_model, clip.transformers_model.text_projection
    states, vectors = [], []
    for text in (LEFT, RIGHT):
        encoded = preprocess(clip, [text])
        given = {k: encoded[k] for k in ("input_ids", "attention_mask")}
        output = tower(**given, output_hidden_states=True)
        states.append(output.hidden_states[0])  # It has two layers.
        vectors.append(head(output.pooler_output)[0])
    cosine = torch.cosine_similarity(*vectors, dim=0)
    assert found.similarity == pytest.approx(float(cosine.detach()), abs=1e-5)
    slopes = torch.autograd.grad(cosine, states)
    for text, state, slope in zip((found.left, found.right), states, slopes, strict=True):
        values = (state * slope)[0].sum(-1)[1:-1].detach()
        total = sum(word.contribution for word in text.words)
        assert total == pytest.approx(float(values.sum()), abs=1e-4)


def test_what_has_no_part_for_texts_is_refused_with_advice_that_works(clip, monkeypatch):
    from whyalike.models.kinds import text_tower

    monkeypatch.setattr(text_tower, "TOWER", "another")
    said = said_of(clip)
    assert "a multi-modal model" in said
    assert "Explainer(embed=model.encode)" in said
    explanation = Explainer(embed=clip.encode).explain(LEFT, RIGHT)
    assert explanation.similarity == pytest.approx(similarity(clip, LEFT, RIGHT), abs=1e-6)


def test_a_folder_that_cant_be_recognised_says_what_is_in_it(tmp_path):
    for name in ("notes.txt", "data.csv"):
        (tmp_path / name).write_text("")
    (tmp_path / "more").mkdir()
    said = said_of(str(tmp_path))
    assert "neither config.json nor modules.json is in it, but data.csv, more/, notes.txt." in said
    TOKENIZER.save_pretrained(tmp_path)
    (tmp_path / "config.json").write_text('{"colour": "red"}')
    assert "config.json names no model_type" in said_of(str(tmp_path))
    (tmp_path / "config.json").write_text('{"model_type": "orakel", "architectures": ["Orakel"]}')
    said = said_of(str(tmp_path))
    assert "could not be loaded" in said
    assert "notes.txt" in said
    assert "config.json names Orakel, orakel" in said
    empty = tmp_path / "more"
    assert "neither config.json nor modules.json is in it, but nothing." in said_of(str(empty))


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
    assert "someone/bare has 2 labels" in said_of("someone/bare")
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
