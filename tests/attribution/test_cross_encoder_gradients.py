"""Gradients of a cross-encoder's logit, a second way: the model run by hand on its embeddings."""

import numpy as np
import pytest
import torch

from tiny_models import tiny_reranker
from whyalike import BTIOptions, Explainer, Explanation
from whyalike.errors import OptionError
from whyalike.methods.method import list_methods
from whyalike.methods.token_saliency import latent_vectors, min_max
from whyalike.models.gradient_check import TOLERANCE, gradient_error
from whyalike.models.pipeline import TokenPair
from whyalike.options import GradientOptions

LEFT, RIGHT = "warm knit gloves", "These stretch wool gloves keep hands warm."
OTHERS = ("pale straw opens", "with lemon zest and white flowers, a touch screen phone")
NAMES = ("bert", "distilbert", "roberta", "xlm-r", "electra", "albert", "deberta-v2", "modernbert")
WITH_SEGMENTS = ("bert", "electra", "albert", "deberta-v2")


@pytest.fixture(params=NAMES)
def parts(request):
    return tiny_reranker(request.param).parts


def by_hand(parts, left, right):
    """The logit, the input embeddings and all hidden states, with their graph."""
    model, tokenizer = parts
    encoded = tokenizer([left], [right], return_tensors="pt", return_offsets_mapping=True)
    given = {"attention_mask": encoded["attention_mask"]}
    if model.config.model_type in WITH_SEGMENTS and "token_type_ids" in encoded:
        given["token_type_ids"] = encoded["token_type_ids"]
    embeddings = model.get_input_embeddings()(encoded["input_ids"]).detach().requires_grad_()
    output = model(inputs_embeds=embeddings, output_hidden_states=True, **given)
    return encoded, embeddings, output


def per_word(encoded, explained, values, side, *, how):
    """Values of tokens for each word of a text that they stand in."""
    sequences, offsets = encoded.sequence_ids(0), encoded["offset_mapping"][0].tolist()
    found = []
    for word in explained.words:
        own = [
            values[n]
            for n, (start, end) in enumerate(offsets)
            if sequences[n] == side and start < word.end and end > word.start
        ]
        found.append(how(own))
    return found


def test_gradient_x_activation_by_hand(parts):
    explainer = Explainer(parts, method="gradient_x_activation")
    for left, right in ((LEFT, RIGHT), (RIGHT, LEFT)):
        explanation = explainer.explain(left, right)
        encoded, _, output = by_hand(parts, left, right)
        state = output.hidden_states[-2]
        (slope,) = torch.autograd.grad(output.logits.sum(), state)
        values = (state * slope)[0].sum(-1).tolist()
        assert explanation.similarity == pytest.approx(output.logits.item(), abs=1e-5)
        for side, text in enumerate((explanation.left, explanation.right)):
            found = [word.contribution for word in text.words]
            expected = per_word(encoded, text, values, side, how=sum)
            assert found == pytest.approx(expected, abs=1e-4)
            # ModernBERT's last layer sees these through a norm, to which their length is nothing.
            assert max(map(abs, found)) > 1e-3 or parts[0].config.model_type == "modernbert"


def test_vanilla_gradients_by_hand(parts):
    explanation = Explainer(parts, method="vanilla_gradients").explain(LEFT, RIGHT)
    encoded, embeddings, output = by_hand(parts, LEFT, RIGHT)
    (slope,) = torch.autograd.grad(output.logits.sum(), embeddings)
    norms = slope[0].norm(dim=-1).numpy()
    sequences = encoded.sequence_ids(0)
    for side, text in enumerate((explanation.left, explanation.right)):
        scaled = np.zeros(len(norms))
        own = [n for n, each in enumerate(sequences) if each == side]
        scaled[own] = min_max(norms[own])
        expected = per_word(encoded, text, scaled.tolist(), side, how=max)
        found = [word.saliency for word in text.words]
        assert found == pytest.approx(expected, abs=1e-4)


def test_the_gradient_is_the_slope_of_the_logit(parts):
    scorer = Explainer(parts).model
    assert gradient_error(scorer) < TOLERANCE / 10
    (pair,) = scorer.tokenize_pairs([(LEFT, RIGHT)])
    result = scorer.run([TokenPair(*pair)], options=GradientOptions(activation="token"))
    (group,) = result.groups
    assert torch.equal(group.gradient[0], group.gradient[1])
    _, embeddings, output = by_hand(parts, LEFT, RIGHT)
    step, way = 1e-3, torch.randn(embeddings.shape, generator=torch.Generator().manual_seed(2))
    model, tokenizer = parts
    encoded = tokenizer([LEFT], [RIGHT], return_tensors="pt")
    segments = encoded.get("token_type_ids")
    takes = model.config.model_type in WITH_SEGMENTS
    given = {"token_type_ids": segments} if takes and segments is not None else {}

    def logit(at):
        with torch.no_grad():
            out = model(inputs_embeds=at, attention_mask=encoded["attention_mask"], **given)
        return float(out.logits)

    far = (logit(embeddings + step * way) - logit(embeddings - step * way)) / (2 * step)
    near = (logit(embeddings + step / 2 * way) - logit(embeddings - step / 2 * way)) / step
    expected = (4 * near - far) / 3
    assert float((group.gradient[0] * way[0]).sum()) == pytest.approx(expected, rel=0.02, abs=2e-3)
    assert result.similarity[0] == pytest.approx(output.logits.item(), abs=1e-5)


INSIDE = [
    "bti",
    "bti_activations",
    "bti_gradients",
    "bti_last_layer",
    "gradient_x_activation",
    "integrated_gradients",
    "vanilla_gradients",
    "whyalike",
]


@pytest.mark.parametrize("method", [*INSIDE, "occlusion", "shapley"])
@pytest.mark.parametrize("name", ["bert", "roberta"])
def test_padded_is_unpadded_and_batch_is_single(name, method):
    explainer = Explainer(tiny_reranker(name).parts, method=method)
    pairs = [(LEFT, RIGHT), OTHERS, OTHERS[::-1], (RIGHT, RIGHT), ("wool", OTHERS[1])]
    for pair, batched in zip(pairs, explainer.explain_many(pairs), strict=True):
        single = explainer.explain(*pair)
        assert batched.similarity == pytest.approx(single.similarity, abs=1e-5)
        for one, other in ((batched.left, single.left), (batched.right, single.right)):
            assert [w.saliency for w in one.words] == pytest.approx(
                [w.saliency for w in other.words], abs=1e-3
            )
            if one.words[0].contribution is not None:
                assert [w.contribution for w in one.words] == pytest.approx(
                    [w.contribution for w in other.words], abs=1e-4
                )
        assert Explanation.from_json(batched.to_json()) == batched
        assert batched.left.words[0].text in batched.to_html()
        assert batched.left.words[0].text in str(batched)


def test_all_methods_that_work_are_those():
    scorer = Explainer(tiny_reranker("bert").parts).model
    able = {m.name for m in list_methods() if m.works_with(scorer)}
    assert {*INSIDE, "occlusion", "shapley"} <= able
    assert Explainer(tiny_reranker("bert").parts).method.name == "whyalike"


def test_our_own_words_sum_to_the_logit(parts):
    explanation = Explainer(parts, method="whyalike").explain(LEFT, RIGHT)
    for text in (explanation.left, explanation.right):
        total = sum(word.contribution for word in text.words)
        assert total == pytest.approx(explanation.similarity, abs=1e-4)


@pytest.mark.parametrize("baseline", ["zero", "pad"])
def test_integrated_gradients_sum_to_the_difference_of_logits(baseline):
    parts = tiny_reranker("bert").parts
    options = BTIOptions(ig_baseline=baseline, ig_steps=100)
    explanation = Explainer(parts, method="integrated_gradients", options=options).explain(
        LEFT, RIGHT
    )
    assert explanation.completeness_gap < 0.02
    if baseline == "zero":
        return
    # All tokens of the texts are replaced, so that no special token has a part in the sum.
    model, tokenizer = parts
    encoded = tokenizer([LEFT], [RIGHT], return_tensors="pt")
    own = [n for n, each in enumerate(encoded.sequence_ids(0)) if each is not None]
    encoded["input_ids"][0, own] = tokenizer.pad_token_id
    with torch.no_grad():
        difference = explanation.similarity - float(model(**encoded).logits)
    words = (*explanation.left.words, *explanation.right.words)
    assert sum(w.contribution for w in words) == pytest.approx(difference, rel=0.03)


def test_words_match_by_the_middle_layer_of_the_sequence():
    parts = tiny_reranker("bert").parts
    scorer = Explainer(parts).model
    (pair,) = scorer.tokenize_pairs([(LEFT, RIGHT)])
    *_, output = by_hand(parts, LEFT, RIGHT)
    for asked, layer in ((-1, 2), (0, 0), (3, 3)):
        options = GradientOptions(latent_layer=asked)
        result = scorer.run([TokenPair(*pair)], options=options, gradient=False)
        explainer = Explainer(parts)
        readings = explainer.model.tokenize_pairs([(LEFT, RIGHT)])[0]
        from whyalike.methods.method import PreparedText
        from whyalike.words import align

        texts = [PreparedText(t, align(t.text, [], t.offsets)) for t in readings]
        for text, found in zip(texts, latent_vectors(texts, result), strict=True):
            expected = output.hidden_states[layer][0, text.tokens.rows[0].positions]
            np.testing.assert_allclose(found, expected.detach().numpy(), atol=1e-5)


def test_the_product_of_vectors_is_no_objective():
    explainer = Explainer(tiny_reranker("bert").parts, options=BTIOptions(objective="dot"))
    with pytest.raises(OptionError, match="gives none: choose 'similarity'"):
        explainer.explain(LEFT, RIGHT)
