"""Texts beyond the model's limit: cut and said, refused, or read in overlapping windows."""

import numpy as np
import pytest
import torch

from raising import raises
from tiny_models import LIMIT, TEXTS, tiny, wordpiece
from whyalike import BTIOptions, Explainer
from whyalike.errors import TextError
from whyalike.models.tokens import tokenize

LONG = " ".join(f"{word}{number}" for number in range(40) for word in ("wool", "gloves", "hands"))


def explainer_with(long_text):
    return Explainer(tiny("bert").parts, options=BTIOptions(long_text=long_text))


def test_cut_texts_say_how_much_was_not_read():
    explanation = explainer_with("truncate").explain(LONG, TEXTS[0])
    read = len(explanation.left.words)
    assert explanation.left.unread_words == 120 - read
    assert 0 < read < 120
    assert f"the last {120 - read} words of the left text were not read" in explanation.warnings[0]
    assert explanation.left.read_until == explanation.left.words[-1].end
    assert not explanation.right.unread_words


def test_a_hundred_thousand_words():
    explanation = explainer_with("truncate").explain("wool " * 100_000, TEXTS[0])
    assert explanation.left.unread_words + len(explanation.left.words) == 100_000
    assert any("words of the left text were not read" in w for w in explanation.warnings)


def test_long_texts_can_be_refused():
    with raises(TextError, LIMIT, "tokens"):
        explainer_with("error").explain(LONG, TEXTS[0])


def test_windows_read_every_word():
    explanation = explainer_with("windows").explain(LONG, TEXTS[0])
    assert [word.text for word in explanation.left.words] == LONG.split()
    assert not explanation.left.unread_words
    assert "overlapping windows" in explanation.warnings[0]


def test_windows_change_nothing_for_texts_that_fit():
    windows = explainer_with("windows").explain(TEXTS[0], TEXTS[1])
    cut = explainer_with("truncate").explain(TEXTS[0], TEXTS[1])
    assert (windows.left, windows.pairs, windows.similarity) == (
        cut.left,
        cut.pairs,
        cut.similarity,
    )


def test_the_windows_mean_is_the_mean_over_tokens():
    """By hand: each token's vector from the window where it stands farthest from an edge."""
    explanation = explainer_with("windows").explain(LONG, TEXTS[0])
    tokenizer, model = tiny("bert").tokenizer, tiny("bert").model
    ids = tokenizer(LONG, add_special_tokens=False)["input_ids"]
    width, step = LIMIT - 2, LIMIT - 2 - (LIMIT - 2) // 2
    best = {}
    with torch.no_grad():
        for start in range(0, len(ids), step):
            window = ids[start : start + width]
            hidden = model(torch.tensor([[2, *window, 3]]))[0][0, 1:-1]
            for place in range(len(window)):
                context = min(place, len(window) - 1 - place)
                if context > best.get(start + place, (-1, None))[0]:
                    best[start + place] = (context, hidden[place])
            if start + width >= len(ids):
                break
        right = model(**tokenizer(TEXTS[0], return_tensors="pt"))[0][0, 1:-1].mean(0)
        left = torch.stack([best[place][1] for place in range(len(ids))]).mean(0)
    expected = float(torch.cosine_similarity(left, right, dim=0))
    assert explanation.similarity == pytest.approx(expected, abs=1e-6)


def test_windows_with_the_limit_of_a_few_tokens():
    for limit in (4, 5, 9):
        (text,) = tokenize([TEXTS[0]], tokenizer=wordpiece(), limit=limit, long_text="windows")
        whole = wordpiece()(TEXTS[0], add_special_tokens=False, return_offsets_mapping=True)
        np.testing.assert_array_equal(text.offsets, whole["offset_mapping"])
        assert sum(row.owned.sum() for row in text.rows) == len(text.offsets)
        assert not text.truncated
