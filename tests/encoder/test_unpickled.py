"""An Explainer that comes from another process, as workers get it, explains what it explained."""

import copy
import pickle
import threading

import pytest
import torch
from sentence_transformers import SentenceTransformer
from transformers import modeling_utils

from nearly import assert_nearly_equal
from tiny_models import tiny
from whyalike import Explainer
from whyalike.models.installed import Pooling, Transformer

PAIR = ("warm wool gloves", "knit gloves for winter")


@pytest.fixture
def bert(tmp_path):
    """A tiny BERT of its own, with the hooks that transformers sets at the first hidden states."""
    tiny("bert").model.save_pretrained(tmp_path)
    tiny("bert").tokenizer.save_pretrained(tmp_path)
    model = SentenceTransformer(modules=[Transformer(str(tmp_path)), Pooling(32)], device="cpu")
    hidden_states(model)
    return model


def hidden_states(model):
    """What another thread gets of the model, as transformers gives it."""
    found = []

    def use():
        with torch.no_grad():
            read = model.tokenizer(PAIR[0], return_tensors="pt")
            found.extend(model[0].auto_model(**read, output_hidden_states=True).hidden_states)

    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
    return found


def hooks_of(model):
    return [dict(module._forward_hooks) for module in model.modules()]


class InTheMiddle:
    """Does something in the middle of being pickled."""

    do = None

    def __getstate__(self):
        self.do()
        return {}


def test_a_thread_may_use_the_model_while_it_is_pickled(bert):
    explainer = Explainer(bert)
    wanted, before = hidden_states(bert), hooks_of(bert)
    seen = []
    InTheMiddle.do = lambda _: seen.append((hidden_states(bert), hooks_of(bert)))
    # Behind the first layers and before the last: some of the model is written, and some is not.
    bert[0].auto_model.encoder.layer[0].noticed = InTheMiddle()
    packed = pickle.dumps(explainer)
    assert len(seen) == 1
    torch.testing.assert_close(seen[0][0], wanted, rtol=0, atol=0)
    assert seen[0][1] == before
    assert hooks_of(bert) == before
    torch.testing.assert_close(hidden_states(bert), wanted, rtol=0, atol=0)
    InTheMiddle.do = lambda _: None
    assert_nearly_equal(pickle.loads(packed).explain(*PAIR), explainer.explain(*PAIR))


def test_a_copy_of_a_scorer_that_was_used_is_pickled_too(bert):
    scorer = copy.copy(Explainer(bert).model)
    wanted = scorer.score([PAIR])
    hidden_states(scorer.pipeline)
    found = pickle.loads(pickle.dumps(scorer)).score([PAIR])
    assert found == pytest.approx(wanted, abs=1e-6)


def test_pickling_in_the_middle_of_a_pass_takes_nothing_from_it(bert):
    explainer = Explainer(bert)
    wanted = hidden_states(bert)
    layer, packed = bert[0].auto_model.encoder.layer[0], []
    handle = layer.register_forward_pre_hook(
        lambda *_: packed.append(explainer.model.__getstate__())  # Hooks of tests can't be pickled.
    )
    try:
        found = hidden_states(bert)
    finally:
        handle.remove()
    assert packed
    torch.testing.assert_close(found, wanted, rtol=0, atol=0)


def test_what_comes_out_is_the_model_with_its_weights_and_settings(bert):
    bert.max_seq_length = 12
    bert.train()
    frozen = next(bert.parameters())
    frozen.requires_grad = False
    other = pickle.loads(pickle.dumps(Explainer(bert))).model.pipeline
    assert other.max_seq_length == 12
    assert [module.training for module in other.modules()] == [
        module.training for module in bert.modules()
    ]
    for name, tensor in bert.state_dict(keep_vars=True).items():
        own = other.state_dict(keep_vars=True)[name]
        assert own.requires_grad == tensor.requires_grad
        torch.testing.assert_close(own, tensor, rtol=0, atol=0)


@pytest.mark.parametrize("name", ["bert", "mpnet", "modernbert", "qwen3"])
@pytest.mark.parametrize("used", [False, True])
def test_it_explains_where_no_such_model_was_made(name, used):
    explainer = Explainer(tiny(name).parts, pooling=tiny(name).pooling)
    pair = ("warm wool gloves", "knit gloves for winter")
    if used:
        # As other code would: transformers sets its hooks at the first hidden states.
        model, tokenizer = tiny(name).parts
        model(**tokenizer(pair[0], return_tensors="pt"), output_hidden_states=True)
    packed = pickle.dumps(explainer)
    wanted = explainer.explain(*pair)
    # What a fresh process has: nothing noted of any model.
    table = getattr(modeling_utils, "_CAN_RECORD_REGISTRY", {})
    before = dict(table)
    dict.clear(table)
    try:
        assert_nearly_equal(pickle.loads(packed).explain(*pair), wanted)
    finally:
        dict.update(table, before)
