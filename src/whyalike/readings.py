"""What a model reads of texts: their tokens, their words, and what a reader must know of both."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np

from whyalike.methods.method import PreparedText
from whyalike.models.scorer import JointReader, Scorer, TextPair, sides_of
from whyalike.models.tokens import TokenizedText
from whyalike.options import MethodOptions, WordKind
from whyalike.texts import find_words
from whyalike.words import align, merge_spans

NAMED, SHOWN = 5, 40
"""Unknown words that a warning names, and how many characters of each."""


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
    model: Scorer, texts: Sequence[str], *, prompt: str, options: MethodOptions
) -> list[Reading]:
    """Tokenize texts and find their words; one that is refused says why in its tokens."""
    tokenized = model.tokenize(texts, prompt=prompt, long_text=options.long_text)
    return [_read(text, options.words) for text in tokenized]


def read_pairs(
    model: Scorer,
    pairs: Sequence[TextPair],
    *,
    prompts: tuple[str, str],
    options: MethodOptions,
) -> list[tuple[Reading, Reading]]:
    """Tokenize both texts of each pair as the model reads them, by themselves or together.

    A text that is refused says why in its tokens.
    """
    if "joint sequence" in model.capabilities:
        found = cast("JointReader", model).tokenize_pairs(
            pairs, prompts=prompts, long_text=options.long_text
        )
        return [(_read(left, options.words), _read(right, options.words)) for left, right in found]
    sides = []
    readers = sides_of(model)
    for side, prompt in enumerate(prompts):
        unique = list(dict.fromkeys(pair[side] for pair in pairs))
        readings = (
            read_texts(readers[side], unique, prompt=prompt, options=options) if unique else []
        )
        sides.append(dict(zip(unique, readings, strict=True)))
    return [(sides[0][left], sides[1][right]) for left, right in pairs]


def _read(tokens: TokenizedText, kind: WordKind) -> Reading:
    words = find_words(tokens.text)
    end = int(tokens.offsets[:, 1].max(initial=0)) if tokens.truncated else len(tokens.text)
    read = tuple(span for span in words if span[0] < end) if tokens.truncated else words
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


def reading_warnings(reading: Reading, *, side: str, model: Scorer) -> tuple[str, ...]:
    """Return what a user must know about how this side was read."""
    warnings = []
    limit = f"{model.limit} tokens"
    if "joint sequence" in model.capabilities:
        limit += " of both texts together"
    if reading.unread_words:
        count = reading.unread_words
        last = "the last word" if count == 1 else f"the last {count:,} words"
        warnings.append(
            f"The model reads at most {limit}: {last} of the {side} text "
            f"{'was' if count == 1 else 'were'} not read."
        )
    elif reading.prepared.tokens.truncated:
        warnings.append(
            f"The model reads at most {limit}: the end of the {side} text was not read."
        )
    if reading.windows > 1:
        warnings.append(
            f"The {side} text was read in {reading.windows} overlapping windows, whose vectors "
            "were averaged: this is not the score of the model itself, which would cut the text."
        )
    if reading.prepared.tokens.unknown:
        warnings += _unknown_words(reading.prepared, side)
    if not reading.prepared.alignment.spans:
        scored = model.about_blank(reading.prepared.tokens)
        warnings.append(f"The {side} text has no words, so that nothing can be matched{scored}.")
    return tuple(warnings)


def _unknown_words(prepared: PreparedText, side: str) -> list[str]:
    """Return a warning that names the words which hold unknown tokens, if any do."""
    tokens, alignment = prepared.tokens, prepared.alignment
    missing = np.zeros(len(tokens.text), dtype=bool)
    for start, end in tokens.offsets[list(tokens.unknown)]:
        missing[start:end] = True
    holding = np.unique(alignment.link_words[np.isin(alignment.link_tokens, tokens.unknown)])
    spans = [alignment.spans[word] for word in holding]
    words = list(dict.fromkeys(tokens.text[start:end] for start, end in spans))
    if not words:
        return []
    names = [w if len(w) <= SHOWN else f"{w[: SHOWN - 1]}…" for w in words[:NAMED]]
    if (more := len(words) - NAMED) > 0:
        names.append(f"{more:,} more")
    listed = " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
    token, them = ("token", "it") if len(words) == 1 else ("tokens", "them")
    partly = "" if all(missing[start:end].all() for start, end in spans) else ", at least in part,"
    return [
        f"The model has no {token} for {listed} of the {side} text and reads {them}{partly} as "
        "unknown: to it, all unknown words are alike."
    ]
