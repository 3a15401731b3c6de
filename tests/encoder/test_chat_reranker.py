"""Rerankers that ask a language model: the answers' logits, both texts found in the chat template."""

import json

import numpy as np
import pytest
import torch
from sentence_transformers import CrossEncoder
from torch import nn
from transformers import AutoConfig, AutoModelForSequenceClassification

from chat_models import TEMPLATE, TURNED, reranker, save_causal
from exact_scorers import random_pairs
from whyalike import BTIOptions, Explainer, Explanation
from whyalike.errors import ModelError, OptionError, TextError
from whyalike.models.gradient_check import TOLERANCE, gradient_error
from whyalike.models.installed import MOVED, preprocess_pairs
from whyalike.models.kinds.chat_reranker import ChatReranker

pytestmark = pytest.mark.skipif(
    not MOVED, reason="a reranker that asks a language model needs sentence-transformers 5.4"
)
LEFT, RIGHT = "warm knit gloves", "These stretch wool gloves keep hands warm."
KINDS = {
    "qwen3": {"template": TEMPLATE},
    "turned": {"template": TURNED, "name": "llama"},
    "without a template": {"template": None},
}


@pytest.fixture(scope="module", params=KINDS)
def model(request, tmp_path_factory):
    return reranker(tmp_path_factory.mktemp("chat") / "model", **KINDS[request.param])


@pytest.fixture
def chat(tmp_path):
    return reranker(tmp_path / "chat")


def logits(model, pairs, **given):
    return model.predict(pairs, activation_fn=nn.Identity(), show_progress_bar=False, **given)


def test_the_score_is_the_models_own(model, tmp_path):
    pairs = [*random_pairs(26), ("", RIGHT), (LEFT, ""), (" " + LEFT + "\n", RIGHT)]
    expected = logits(model, pairs)
    assert np.ptp(expected) > 0.1
    model.save_pretrained(str(tmp_path / "own"))
    for given in (model, tmp_path / "own"):
        explainer = Explainer(given, device=None if given is model else "cpu")
        assert isinstance(explainer.model, ChatReranker)
        assert np.abs(explainer.model.score(pairs) - expected).max() < 1e-5
    alone = [explainer.model.score([pair])[0] for pair in pairs[:5]]
    assert alone == pytest.approx(expected[:5].tolist(), abs=1e-5)


def test_both_texts_are_found_where_they_stand(model):
    left, right = " " + LEFT, RIGHT + "\n"
    ((one, other),) = Explainer(model).model.tokenize_pairs([(left, right)])
    (row,) = one.rows
    assert row.input_ids == other.rows[0].input_ids
    features = preprocess_pairs(model, [(left, right)])
    assert list(row.input_ids) == features["input_ids"][0].tolist()
    for text in (one, other):
        positions, ids = text.rows[0].positions, np.array(row.input_ids)
        assert model.tokenizer.decode(ids[positions]).strip() == text.text.strip()
        covered = "".join(text.text[start:end] for start, end in text.offsets)
        assert covered.strip() == text.text.strip()
    assert not set(one.rows[0].positions) & set(other.rows[0].positions)


INSIDE = [
    "bti",
    "gradient_x_activation",
    "integrated_gradients",
    "occlusion",
    "shapley",
    "vanilla_gradients",
    "whyalike",
]


@pytest.mark.parametrize("method", INSIDE)
def test_every_method_explains_the_difference_of_logits(model, method):
    options = BTIOptions(ig_steps=3, permutations=2)
    explainer = Explainer(model, method=method, options=options)
    pairs = [(LEFT, RIGHT), ("straw", "lemon zest and white flowers, a touch screen phone")]
    expected = logits(model, pairs)
    for pair, score, found in zip(pairs, expected, explainer.explain_many(pairs), strict=True):
        alone = explainer.explain(*pair)
        for each in (found, alone):
            assert each.similarity == pytest.approx(float(score), abs=1e-5)
            words = (*each.left.words, *each.right.words)
            assert max(abs(word.saliency) for word in words) > 0
        for one, same in zip(found.left.words, alone.left.words, strict=True):
            assert one.saliency == pytest.approx(same.saliency, abs=2e-3)
        assert Explanation.from_json(found.to_json()) == found
    said = "The score explained is the model's logit of the answer 'yes' less that of 'no'"
    assert any(warning.startswith(said) for warning in found.warnings)
    if method == "whyalike":
        total = sum(word.contribution for word in found.left.words)
        assert total == pytest.approx(found.similarity, abs=1e-4)


def test_gradients_by_hand(chat):
    explainer = Explainer(chat)
    assert gradient_error(explainer.model) < TOLERANCE / 10
    features = preprocess_pairs(chat, [(LEFT, RIGHT)])
    table = chat.model.get_input_embeddings()
    embeddings = table(features["input_ids"]).detach().requires_grad_()
    output = chat.model(
        inputs_embeds=embeddings,
        attention_mask=features["attention_mask"],
        output_hidden_states=True,
    )
    yes, no = chat[1].true_token_id, chat[1].false_token_id
    score = output.logits[0, -1, yes] - output.logits[0, -1, no]
    ((left, _),) = explainer.model.tokenize_pairs([(LEFT, RIGHT)])
    inside = [LEFT[start:end].strip() != "" for start, end in left.offsets]
    own = left.rows[0].positions[inside]
    (slope,) = torch.autograd.grad(score, output.hidden_states[1], retain_graph=True)
    values = (output.hidden_states[1] * slope).detach()[0].sum(-1)[torch.from_numpy(own)]
    found = explainer.with_method("gradient_x_activation").explain(LEFT, RIGHT)
    contributions = [word.contribution for word in found.left.words]
    assert sum(contributions) == pytest.approx(float(values.sum()), abs=1e-4)
    # At the last layer's input they are zero, for it is seen through a norm.
    (slope,) = torch.autograd.grad(score, output.hidden_states[-2])
    values = (output.hidden_states[-2] * slope).detach()[0].sum(-1)[torch.from_numpy(own)]
    assert float(values.abs().max()) < 1e-4


def test_an_instruction_is_the_prompt(chat):
    chat.prompts = {"query": "Find wool."}
    chat.default_prompt_name = "query"
    explainer = Explainer(chat, method="occlusion")
    assert explainer.prompts == ("Find wool.", "")
    found = explainer.explain(LEFT, RIGHT)
    assert found.similarity == pytest.approx(float(logits(chat, [(LEFT, RIGHT)])[0]), abs=1e-5)
    other = Explainer(chat, prompts=("", "")).model.score([(LEFT, RIGHT)])
    assert other == pytest.approx(logits(chat, [(LEFT, RIGHT)], prompt=""), abs=1e-5)
    assert abs(other[0] - found.similarity) > 1e-4
    with pytest.raises(OptionError, match="one place for a prompt"):
        Explainer(chat, prompts=("a", "b")).explain(LEFT, RIGHT)


@pytest.mark.parametrize(
    ("left", "right"), [(LEFT, "wool gloves " * 80), ("wool gloves " * 80, RIGHT)]
)
def test_what_is_cut_off_is_said_and_the_end_of_the_template_stays(chat, left, right):
    chat.max_seq_length = 200
    explainer = Explainer(chat, method="occlusion", options=BTIOptions(long_text="truncate"))
    ((one, other),) = explainer.model.tokenize_pairs([(left, right)])
    ids = preprocess_pairs(chat, [(left, right)])["input_ids"][0].tolist()
    assert list(one.rows[0].input_ids) == ids
    assert chat.tokenizer.decode(ids).endswith("[end]\n[assistant]")
    assert explainer.model.score([(left, right)]) == pytest.approx(
        logits(chat, [(left, right)]), abs=1e-5
    )
    assert other.truncated
    assert one.truncated == (left != LEFT)
    # Nothing that is found is of the template's own tail.
    end = max(text.rows[0].positions.max(initial=0) for text in (one, other))
    assert end < 200 - len(chat.tokenizer("[end]\n[assistant]")["input_ids"])
    short = Explainer(chat, method="random").explain(left, right)
    assert any("at most 200 tokens of both texts together" in w for w in short.warnings)
    with pytest.raises(TextError, match="Both texts together have more than the 200 tokens"):
        Explainer(chat, options=BTIOptions(long_text="error")).explain(left, right)
    with pytest.raises(OptionError, match=r"'windows'.* in one sequence"):
        Explainer(chat, options=BTIOptions(long_text="windows")).explain(left, right)


BAD = {
    "shows the left text 2 times": "{{ messages[0]['content'] }}{{ messages[0]['content'] }}"
    "{{ messages[1]['content'] }}",
    "changes the texts": "{{ messages[0]['content'] | replace('words', 'W') }}: {{ messages[1]['content'] }}",
}


@pytest.mark.parametrize("reason", BAD)
def test_a_template_that_cant_be_traced(tmp_path, reason):
    model = reranker(tmp_path / "bad", template=BAD[reason])
    with pytest.raises(ModelError) as caught:
        Explainer(model)
    assert reason in str(caught.value)
    assert "Explainer(score=model.predict)" in str(caught.value)
    found = Explainer(score=model.predict).explain(LEFT, RIGHT)
    assert found.similarity == pytest.approx(float(model.predict([(LEFT, RIGHT)])[0]), abs=1e-6)


def test_one_answer_alone(chat):
    chat[1].false_token_id = None
    found = Explainer(chat, method="occlusion").explain(LEFT, RIGHT)
    assert found.similarity == pytest.approx(float(logits(chat, [(LEFT, RIGHT)])[0]), abs=1e-5)
    assert "logit of the answer 'yes', " in found.warnings[0]


def test_a_bare_language_model_is_one_where_its_configuration_says_so(tmp_path):
    folder = save_causal(tmp_path / "bare")
    with pytest.raises(ModelError, match="a generative language model"):
        Explainer(folder)
    config = json.loads((folder / "config.json").read_text())
    activation = {"activation_fn": "torch.nn.modules.linear.Identity", "version": "5.0.0"}
    (folder / "config.json").write_text(json.dumps({**config, "sentence_transformers": activation}))
    expected = logits(CrossEncoder(str(folder), device="cpu"), [(LEFT, RIGHT)])
    assert Explainer(folder).model.score([(LEFT, RIGHT)]) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_in_half_precision(chat, dtype):
    whole = Explainer(chat).model.score([(LEFT, RIGHT)])[0]
    chat.to(dtype)
    found = Explainer(chat, method="whyalike").explain(LEFT, RIGHT)
    own = float(logits(chat, [(LEFT, RIGHT)])[0])
    assert found.similarity == pytest.approx(own, abs=0.02)
    assert found.similarity == pytest.approx(whole, abs=0.2)


def test_what_goes_with_vectors_is_refused(chat):
    with pytest.raises(OptionError, match="pooling is 'last'"):
        Explainer(chat, pooling="last")
    with pytest.raises(OptionError, match="has one score alone"):
        Explainer(chat, label="yes")
    with pytest.raises(OptionError, match="needs vectors of whole texts"):
        Explainer(chat, method="bilrp")


@pytest.mark.parametrize("labels", [1, 3])
def test_a_head_of_labels_behind_a_chat_template(tmp_path, labels):
    folder = save_causal(tmp_path / "causal")
    config = AutoConfig.from_pretrained(folder)
    config.num_labels = labels
    with torch.random.fork_rng():
        torch.manual_seed(6)
        model = AutoModelForSequenceClassification.from_config(config)
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.data.normal_(0, 0.15)
    model.save_pretrained(folder)
    whole = CrossEncoder(str(folder), device="cpu")
    pairs = random_pairs(8)
    expected = logits(whole, pairs)
    for given in (whole, folder):
        if labels > 1:
            with pytest.raises(ModelError, match="has 3 labels"):
                Explainer(given)
        explainer = Explainer(given, label=1 if labels > 1 else None)
        assert isinstance(explainer.model, ChatReranker)
        own = expected[:, 1] if labels > 1 else expected
        assert explainer.model.score(pairs) == pytest.approx(own, abs=1e-5)
        found = explainer.with_method("whyalike").explain(*pairs[0])
        assert found.similarity == pytest.approx(float(own[0]), abs=1e-5)
        if labels > 1:
            assert any("logit of the label 'LABEL_1'" in said for said in found.warnings)
