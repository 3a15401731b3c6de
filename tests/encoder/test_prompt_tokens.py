"""A prompt is read by the model, and is no part of the text: not pooled, not scaled, not a word."""

import copy

import numpy as np
import pytest
import torch

from tiny_models import tiny
from whyalike import BTIOptions, Explainer
from whyalike.models.tokens import tokenize

PROMPT = "find gloves: "
LEFT, RIGHT = "Keep hands warm with wool.", "Smart gloves are cut from stretch wool."


@pytest.fixture(scope="module")
def parts():
    small = tiny("bert")
    return copy.deepcopy(small.model).double(), small.tokenizer


def states_of(parts, prompt, text):
    """Input embeddings, hidden states of all tokens, and which are the text's, counted by hand."""
    model, tokenizer = parts
    ids = torch.tensor([tokenizer(prompt + text)["input_ids"]])
    # A prompt that ends in a blank has the same tokens with a text behind it as alone.
    before = len(tokenizer(prompt, add_special_tokens=False)["input_ids"])
    embedded = model.embeddings.word_embeddings(ids).detach().requires_grad_()
    hidden = model(inputs_embeds=embedded)[0][0]
    return embedded, hidden, slice(1 + before, len(ids[0]) - 1)


@pytest.mark.parametrize("prompts", [(PROMPT, ""), ("", PROMPT), (PROMPT, "keep: ")])
def test_the_mean_of_the_paper_is_that_of_the_texts_own_tokens(parts, prompts):
    explainer = Explainer(parts, pooling="paper", prompts=prompts)
    sides = [
        states_of(parts, prompt, text) for prompt, text in zip(prompts, (LEFT, RIGHT), strict=True)
    ]
    means = [hidden[own].mean(0) for _, hidden, own in sides]
    expected = float(torch.cosine_similarity(*means, dim=0).detach())
    assert explainer.explain(LEFT, RIGHT).similarity == pytest.approx(expected, abs=1e-9)
    with_prompt = [hidden[1:-1].mean(0) for _, hidden, _ in sides]
    leaked = float(torch.cosine_similarity(*with_prompt, dim=0).detach())
    assert abs(leaked - expected) > 1e-3, "or the test could not fail"


def test_saliency_is_scaled_among_the_texts_own_tokens(parts):
    options = BTIOptions(words="token")
    explainer = Explainer(
        parts, pooling="paper", prompts=(PROMPT, ""), method="vanilla_gradients", options=options
    )
    explanation = explainer.explain(LEFT, RIGHT)
    left, right = states_of(parts, PROMPT, LEFT), states_of(parts, "", RIGHT)
    torch.cosine_similarity(
        *(hidden[own].mean(0) for _, hidden, own in (left, right)), dim=0
    ).backward()
    for (embedded, _, own), side in ((left, explanation.left), (right, explanation.right)):
        norms = embedded.grad[0].norm(dim=-1)
        values = norms[own]
        expected = (values - values.min()) / (values.max() - values.min())
        found = [word.saliency for word in side.words]
        assert [word.text for word in side.words][:2] in (["Keep", "hands"], ["Smart", "gloves"])
        np.testing.assert_allclose(found, expected.numpy(), atol=1e-7)
    norms, own = left[0].grad[0].norm(dim=-1), left[2]
    before = norms[1 : own.start]
    assert before.min() < norms[own].min() or before.max() > norms[own].max(), (
        "or a prompt that leaks would change no saliency"
    )


def test_a_token_of_the_prompts_end_and_the_texts_beginning_is_the_texts(parts):
    """Word pieces know "gloves" as one: a prompt "g" is glued to the text "loves wool"."""
    _, tokenizer = parts
    assert tokenizer.tokenize("gloves wool") == ["gloves", "wool"]
    (text,) = tokenize(["loves wool"], tokenizer=tokenizer, limit=16, prompt="g")
    assert text.offsets.tolist() == [[0, 5], [6, 10]]
    assert text.rows[0].positions.tolist() == [1, 2]


@pytest.mark.parametrize("name", ["bert", "roberta", "xlm-r"])
@pytest.mark.parametrize("prompt", ["find gloves: ", "query:", "a "])
def test_tokens_of_a_prompt_have_no_place_in_the_text(name, prompt):
    tokenizer = tiny(name).tokenizer
    for text in (LEFT, "wool", "", " wool"):
        (found,) = tokenize([text], tokenizer=tokenizer, limit=64, prompt=prompt)
        encoded = tokenizer(prompt + text, return_offsets_mapping=True)
        special = tokenizer.get_special_tokens_mask(
            encoded["input_ids"], already_has_special_tokens=True
        )
        expected = [
            place
            for place, (start, end) in enumerate(encoded["offset_mapping"])
            # Some character of the text is in it.
            if not special[place] and set(range(start, end)) & set(range(len(prompt), 10**3))
        ]
        assert found.rows[0].positions.tolist() == expected
        assert all(0 <= start <= end <= len(text) for start, end in found.offsets.tolist())
