"""A usual pipeline reads each text once; what it would read is the same, and a change is noticed."""

import pytest
import torch
from sentence_transformers import SentenceTransformer

from raising import raises
from tiny_models import TEXTS, tiny
from whyalike import Explainer
from whyalike.errors import ModelError
from whyalike.models import pipeline as asked
from whyalike.models.installed import MOVED, Normalize, Pooling, Transformer, preprocess

PROMPT = "keep warm: "
PAIR, LATER = TEXTS[:2], (TEXTS[2], "gloves")
NAMES = ("bert", "roberta", "qwen3")


@pytest.fixture
def made(tmp_path):
    """Pipelines of tiny models."""

    def make(name="bert", *, kind=SentenceTransformer, **options):
        tiny(name).model.save_pretrained(tmp_path / name)
        tiny(name).tokenizer.save_pretrained(tmp_path / name)
        mode = "lasttoken" if name == "qwen3" else "mean"
        modules = [Transformer(str(tmp_path / name)), Pooling(32, pooling_mode=mode), Normalize()]
        model = kind(modules=modules, device="cpu", **options)
        if name == "bert":
            model.tokenizer.model_input_names = ["input_ids", "token_type_ids", "attention_mask"]
        return model

    return make


@pytest.fixture
def read(monkeypatch):
    """The texts that a pipeline was asked to read."""
    texts = []

    def note(pipeline, given, **named):
        texts.append(list(given))
        return preprocess(pipeline, given, **named)

    monkeypatch.setattr(asked, "preprocess", note)
    return texts


def own_score(model, pair, *, prompt=None):
    vectors = model.encode(list(pair), prompt=prompt, convert_to_tensor=True)
    return float(model.similarity(vectors[:1], vectors[1:]))


def was_read(texts, pair):
    """Whether the pipeline read a pair, and not only what is tried before the first one."""
    return any(pair[0] in batch for batch in texts)


def check(explainer, model, pair, *, prompt=None):
    # First: what its own first call sets makes it another model than it was.
    wanted = own_score(model, pair, prompt=prompt)
    assert explainer.explain(*pair).similarity == pytest.approx(wanted, abs=1e-5)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("pools_prompt", [True, False])
def test_a_later_batch_is_padded_as_the_pipeline_pads_it(made, read, name, pools_prompt):
    model = made(name)
    model.set_pooling_include_prompt(pools_prompt)
    encoder = Explainer(model).encoder
    with encoder.held() as own:

        def features(texts, prompt):
            known = encoder.tokenize(texts, prompt=prompt)
            return own.source.features([(text, text.rows[0]) for text in known])

        for count, prompt in enumerate(("", PROMPT, "hand "), start=1):
            features(["gloves"], prompt)
            assert len(read) == count
            for texts in ([TEXTS[0], "hand", TEXTS[2]], ["lemon"], ["", TEXTS[3]]):
                found = features(texts, prompt)
                wanted = preprocess(own.source.module, texts, prompt=prompt)
                assert found.keys() == wanted.keys()
                for key, value in wanted.items():
                    if isinstance(value, torch.Tensor):
                        assert found[key].dtype == value.dtype
                        assert torch.equal(found[key], value), key
                    else:
                        assert found[key] == value, key
            assert len(read) == count


@pytest.mark.parametrize("prompt", [None, PROMPT])
def test_scores_of_later_batches_are_the_pipelines(made, read, prompt):
    named = {"prompts": {"own": prompt}, "default_prompt_name": "own"} if prompt else {}
    model = made(**named)
    explainer = Explainer(model)
    for pair in (PAIR, LATER):
        check(explainer, model, pair, prompt=prompt)
    assert not was_read(read, LATER)
    assert "token_type_ids" in preprocess(model, PAIR)


def test_a_text_that_is_cut_is_read_by_the_pipeline(made, read):
    model = made()
    model.max_seq_length = 12
    explainer = Explainer(model)
    check(explainer, model, ("gloves", "hand"))
    check(explainer, model, PAIR)
    assert was_read(read, PAIR)
    check(explainer, model, ("warm", "cuffs"))
    assert not was_read(read, ("warm", "cuffs"))


def test_types_that_are_not_all_zero_are_read_by_the_pipeline(made, read):
    model = made()
    model.tokenizer._pad_token_type_id = 1
    explainer = Explainer(model)
    for pair in (PAIR, LATER):
        check(explainer, model, pair)
        assert was_read(read, pair)


def test_a_subclass_reads_for_itself(made, read):
    class Own(SentenceTransformer):
        pass

    model = made(kind=Own)
    explainer = Explainer(model)
    for pair in (PAIR, LATER):
        check(explainer, model, pair)
        assert was_read(read, pair)


def shout(module):
    """Put a word before each text, as a user does who replaces a function of a module."""
    name = "preprocess" if MOVED else "tokenize"
    plain = getattr(module, name)

    def shouted(texts, *args, **named):
        return plain([f"new {text}" for text in texts], *args, **named)

    setattr(module, name, shouted)


@pytest.mark.parametrize("place", ["pipeline", "module"])
@pytest.mark.parametrize("begun", [False, True])
def test_a_function_that_was_replaced_is_asked(made, place, begun):
    model = made()
    explainer = Explainer(model)
    if begun:
        check(explainer, model, PAIR)
    shout(model if place == "pipeline" else model[0])
    with raises(ModelError, "tokens", "tokenizer"):
        explainer.explain(*LATER)


def test_a_class_that_was_replaced_after_the_first_batch_is_asked(made):
    model = made()
    explainer = Explainer(model)
    check(explainer, model, PAIR)

    class Shouting(Transformer):
        def preprocess(self, inputs, *args, **named):
            return super().preprocess([f"new {text}" for text in inputs], *args, **named)

        def tokenize(self, texts, *args, **named):
            return super().tokenize([f"new {text}" for text in texts], *args, **named)

    model[0].__class__ = Shouting
    with raises(ModelError, "tokens", "tokenizer"):
        explainer.explain(*LATER)


@pytest.mark.skipif(not MOVED, reason="Earlier versions have no such settings.")
def test_settings_that_are_changed_in_place_are_noticed(made):
    model = made()
    explainer = Explainer(model)
    check(explainer, model, PAIR)
    model[0].processing_kwargs["text"] = {"add_special_tokens": False}
    with raises(ModelError, "tokens", "tokenizer"):
        explainer.explain(*LATER)


def lower_limit(model):
    model.max_seq_length = 6


def pad_on_the_left(model):
    model.tokenizer.padding_side = "left"


@pytest.mark.parametrize("change", [lower_limit, pad_on_the_left])
def test_a_tokenizer_that_was_changed_is_read_anew(made, read, change):
    model = made()
    explainer = Explainer(model)
    check(explainer, model, PAIR)
    change(model)
    check(explainer, model, LATER)
    assert was_read(read, LATER)
