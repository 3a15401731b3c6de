"""Texts made ready for a method: cleaned, tokenized, cut into words, with what must be said."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from whyalike.attribution import PreparedText
from whyalike.encoder.black_box import BlackBox, is_blank
from whyalike.encoder.text_model import TextModel
from whyalike.encoder.tokenization import TokenizedText
from whyalike.text import find_words
from whyalike.types import BTIOptions
from whyalike.types.options import WordKind
from whyalike.words import align, merge_spans


@dataclass(frozen=True, eq=False)
class Reading:
    """A prepared text and how much of it the model reads."""

    prepared: PreparedText
    unread_words: int
    windows: int

    @property
    def refusal(self) -> str:
        """Why the text may not be explained, or nothing."""
        return self.prepared.tokens.refusal


def read_texts(
    model: TextModel, texts: Sequence[str], *, prompt: str, options: BTIOptions
) -> list[Reading]:
    """Tokenize texts and find their words; one that is refused says why in its tokens."""
    tokenized = model.tokenize(texts, prompt=prompt, long_text=options.long_text)
    return [_read(text, options.words) for text in tokenized]


def _read(tokens: TokenizedText, kind: WordKind) -> Reading:
    words = find_words(tokens.text)
    end = int(tokens.offsets[:, 1].max(initial=0)) if tokens.truncated else len(tokens.text)
    read = tuple(span for span in words if span[0] < end)
    spans = read if kind == "text" else merge_spans(tokens.text, _token_spans(tokens, kind))
    alignment = align(tokens.text, spans, tokens.offsets)
    return Reading(PreparedText(tokens, alignment), len(words) - len(read), len(tokens.rows))


def _token_spans(tokens: TokenizedText, kind: WordKind) -> list[tuple[int, int]]:
    """Return one span per token, or per pre-token of the tokenizer."""
    if kind == "token":
        return [(int(start), int(end)) for start, end in tokens.offsets]
    spans = []
    for word in np.unique(tokens.pretokens[tokens.pretokens >= 0]):
        offsets = tokens.offsets[tokens.pretokens == word]
        spans.append((int(offsets[:, 0].min()), int(offsets[:, 1].max())))
    return spans


def reading_warnings(reading: Reading, *, side: str, model: TextModel) -> tuple[str, ...]:
    """Return what a user must know about how this side was read."""
    warnings = []
    if reading.unread_words:
        count = reading.unread_words
        last = "the last word" if count == 1 else f"the last {count:,} words"
        warnings.append(
            f"The model reads at most {model.limit} tokens: {last} of the {side} text "
            f"{'was' if count == 1 else 'were'} not read."
        )
    elif reading.prepared.tokens.truncated:
        warnings.append(
            f"The model reads at most {model.limit} tokens: the end of the {side} text was not "
            "read."
        )
    if reading.windows > 1:
        warnings.append(
            f"The {side} text was read in {reading.windows} overlapping windows, whose vectors "
            "were averaged: this is not the score of the model itself, which would cut the text."
        )
    if not reading.prepared.alignment.spans:
        tokens = reading.prepared.tokens
        scored = ""
        if model.pooling == "paper" and not len(tokens.offsets):
            scored = " and the similarity is set to 0"
        elif isinstance(model, BlackBox) and is_blank(tokens.prompt + tokens.text):
            scored = "; it was not sent to be embedded, and its vector is taken as zero"
        warnings.append(f"The {side} text has no words, so that nothing can be matched{scored}.")
    return tuple(warnings)
