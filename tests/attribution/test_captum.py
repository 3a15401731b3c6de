"""The signed product of gradient and activation, against Captum's.

BTI's ReLU before the sum gives another ranking than Captum's signed sum, so only the signed
products can be compared. Models with a norm right behind the token embedding (DeBERTa, ModernBERT) are
left out: they do not see its length, so that the signed sum is zero there, and rounding is compared.
"""

import numpy as np
import pytest
import torch
from captum.attr import LayerGradientXActivation

from tiny_models import TEXTS, tiny
from whyalike import BTIOptions, Explainer


@pytest.mark.parametrize("name", ["bert", "mpnet", "electra", "qwen3"])
def test_signed_product_equals_captums(name):
    model, tokenizer = tiny(name).parts
    options = BTIOptions(activation="token", rectifier="none", words="token")
    explainer = Explainer((model, tokenizer), method="bti", options=options)
    explanation = explainer.explain(TEXTS[0], TEXTS[1])
    inputs = [tokenizer(text, return_tensors="pt") for text in TEXTS[:2]]
    specials = [
        torch.tensor(
            tokenizer.get_special_tokens_mask(i["input_ids"][0], already_has_special_tokens=True)
        ).bool()
        for i in inputs
    ]

    def vector(ids, index):
        hidden = model(input_ids=ids, attention_mask=inputs[index]["attention_mask"])[0]
        return hidden[:, ~specials[index]].mean(1)

    layer = model.get_input_embeddings()
    for index, side in enumerate((explanation.left, explanation.right)):
        other = vector(inputs[1 - index]["input_ids"], 1 - index).detach()

        def score(ids, index=index, other=other):
            return torch.cosine_similarity(vector(ids, index), other)

        attributions = LayerGradientXActivation(score, layer).attribute(inputs[index]["input_ids"])
        raw = attributions.sum(-1)[0][~specials[index]].detach().numpy()
        expected = (raw - raw.min()) / (raw.max() - raw.min())
        offsets = tokenizer(TEXTS[index], return_offsets_mapping=True)["offset_mapping"]
        kept = [pair for pair, special in zip(offsets, specials[index], strict=True) if not special]
        # Tokens that share a character (bytes of one emoji, a lone blank) are one word.
        by_word = [
            max(v for v, (a, b) in zip(expected, kept, strict=True) if a < w.end and b > w.start)
            for w in side.words
        ]
        np.testing.assert_allclose([w.saliency for w in side.words], by_word, atol=1e-4)
