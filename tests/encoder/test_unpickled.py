"""An Explainer that comes from another process, as workers get it, explains what it explained."""

import pickle

import pytest
from transformers import modeling_utils

from nearly import assert_nearly_equal
from tiny_models import tiny
from whyalike import Explainer


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
