"""Words that the tokenizer has no token for are told: the model takes them all for one."""

import numpy as np
import pytest

from tiny_models import tiny
from whyalike import BTIOptions, Explainer

EXPLAINER = Explainer(tiny("bert").parts, batch_size=3)
ALIKE = "to it, all unknown words are alike."


def test_unknown_words_are_named_with_their_text():
    found = EXPLAINER.explain("warm gloves 😍", "wool 🤬, wool 🤬")
    assert found.warnings == (
        f"The model has no token for 😍 of the left text and reads it as unknown: {ALIKE}",
        f"The model has no token for 🤬 of the right text and reads it as unknown: {ALIKE}",
    )
    assert EXPLAINER.explain("warm gloves", "wool").warnings == ()


def test_many_are_counted_and_a_long_one_is_shown_short():
    (warning,) = EXPLAINER.explain("Ω Ψ Ξ Λ Φ Π Σ", "wool").warnings
    assert "no tokens for Ω, Ψ, Ξ, Λ, Φ and 2 more of the left text and reads them as" in warning
    (warning,) = EXPLAINER.explain("wool", "Ω" * 5000).warnings
    assert f" {'Ω' * 39}… of the right text" in warning


def test_a_word_of_which_only_a_part_is_unknown():
    (warning,) = Explainer(tiny("xlm-r").parts).explain("warmΩ gloves", "wool").warnings
    assert "no token for warmΩ of the left text and reads it, at least in part, as" in warning


@pytest.mark.parametrize("name", ["roberta", "modernbert", "qwen3"])
def test_a_tokenizer_that_knows_every_byte_has_no_unknown_words(name):
    assert Explainer(tiny(name).parts).explain("warm 😍", "🤬 日本 ǂ").warnings == ()


@pytest.mark.parametrize(("name", "unknown"), [("bert", "[UNK]"), ("roberta", "<unk>")])
def test_an_unknown_token_that_the_text_spells_out_is_known(name, unknown):
    assert Explainer(tiny(name).parts).explain(f"warm {unknown} wool", unknown).warnings == ()


def test_a_prompt_is_no_text_and_a_function_has_no_tokens():
    explainer = Explainer(tiny("bert").parts, prompts=("😍: ", ""))
    assert explainer.explain("warm gloves", "wool").warnings == ()
    explainer = Explainer(embed=lambda texts: np.array([[len(text), 1.0] for text in texts]))
    assert explainer.explain("warm 😍", "🤬").warnings == ()


@pytest.mark.parametrize("kind", ["text", "pretoken", "token"])
def test_whatever_is_a_word(kind):
    explainer = Explainer(tiny("bert").parts, options=BTIOptions(words=kind))
    assert " 😍 of the left text" in explainer.explain("warm 😍", "wool").warnings[0]


def test_many_at_once_and_long_texts_in_windows_say_the_same():
    texts = ["warm 😍", "wool", "Ω, warm gloves", "gloves " * 200 + "🤬", "😍 " * 300]
    explainer = Explainer(tiny("bert").parts, options=BTIOptions(long_text="windows"))
    pairs = [(left, right) for left in texts for right in texts]
    for pair, found in zip(pairs, explainer.explain_many(pairs), strict=True):
        assert found.warnings == explainer.explain(*pair).warnings
        for side, text in zip(("left", "right"), pair, strict=True):
            told = any(w.startswith("The model has no") and side in w for w in found.warnings)
            assert told == any(character in text for character in "😍🤬Ω")
