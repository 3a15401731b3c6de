"""Rerankers that ask a language model: texts in a chat template, the score its answer's logit."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from sentence_transformers import CrossEncoder
from torch import nn

from whyalike.errors import ModelError, OptionError
from whyalike.interruption import checkpoint
from whyalike.models.encoder import TOKENIZED_AT_ONCE
from whyalike.models.graph import Rows
from whyalike.models.installed import MOVED, needs, preprocess_pairs, takes_chats
from whyalike.models.joint import answer_tokens, first_module, is_chat_reranker
from whyalike.models.kinds.cross_encoder import (
    SAMPLE,
    JointEncoder,
    LogitSource,
    refuse_pooling,
)
from whyalike.models.loading import load_cross_encoder
from whyalike.models.opening import Opening, register_kind
from whyalike.models.pipeline import Batch
from whyalike.models.replica import OwnTokenizer, explained_failures
from whyalike.models.scorer import TextPair
from whyalike.models.tokens import Row, TokenizedText, refusal_of_pair, unknown_tokens
from whyalike.options import LongText

ROLES = ("query", "document")
MARKS = ("\ue000left\ue001", "\ue000right\ue001")
"""Stand for the texts in a rendered template; characters of private use, which no template has."""

SIDES = ("left", "right")


@dataclass(frozen=True, slots=True)
class Template:
    """A rendered template: literal pieces, and which text stands between each two of them."""

    pieces: tuple[str, str, str]
    order: tuple[int, int]

    @classmethod
    def of(cls, rendered: str) -> "Template":
        """Find the marks. Raises ValueError with the reason where one is not there once."""
        for side, mark in zip(SIDES, MARKS, strict=True):
            if (count := rendered.count(mark)) != 1:
                shown = (
                    f"shows the {side} text {count} times" if count else f"drops the {side} text"
                )
                raise ValueError(f"the template {shown}")
        order = (0, 1) if rendered.index(MARKS[0]) < rendered.index(MARKS[1]) else (1, 0)
        before, rest = rendered.split(MARKS[order[0]])
        between, after = rest.split(MARKS[order[1]])
        return cls((before, between, after), order)

    def places(self, texts: TextPair, rendered: str) -> tuple[tuple[int, int, int], ...]:
        """Return where each text stands in what was rendered of both, left and right.

        Each is (start, end, first): characters of the rendering, and of the text the first that is
        there, for a template may strip what is blank at its ends.

        Raises
        ------
        ValueError
            The texts are not there as they are.
        """
        for stripped in ((False, False), (True, True), (True, False), (False, True)):
            shown = [t.strip() if s else t for t, s in zip(texts, stripped, strict=True)]
            first, second = (shown[side] for side in self.order)
            before, between, after = self.pieces
            if rendered != before + first + between + second + after:
                continue
            start = len(before), len(before) + len(first) + len(between)
            found = {
                side: (
                    start[n],
                    start[n] + len(shown[side]),
                    len(texts[side]) - len(texts[side].lstrip()) if stripped[side] else 0,
                )
                for n, side in enumerate(self.order)
            }
            return found[0], found[1]
        raise ValueError("the template changes the texts, or itself with them")


class AnswerSource(LogitSource):
    """Where the logit of an answer comes from: that of the last token alone is computed."""

    def features(self, batch: Batch) -> dict[str, Any]:
        """See VectorSource."""
        features = super().features(batch)
        first = first_module(self.module)
        features["modality"] = "message" if takes_chats(first) else "text"
        if answer_tokens(cast("CrossEncoder", self.module)) is not None:
            features["logits_to_keep"] = 1
        return features


class ChatReranker(JointEncoder):
    """A CrossEncoder whose texts stand in a chat template, or whose score is an answer's logit.

    With LogitScore the score is the logit of one answer, or its difference from another's. The
    template is rendered and tokenized by the model itself; our tokens must be the same.
    """

    @property
    def explained(self) -> str:
        """What the score is, in words."""
        answers = answer_tokens(cast("CrossEncoder", self.pipeline))
        if answers is None:
            return super().explained
        yes, *no = (f"'{str(self.tokenizer.decode([token])).strip()}'" for token in answers)
        return f"the model's logit of the answer {yes}" + (f" less that of {no[0]}" if no else "")

    def _source(self, module: nn.Module, own: OwnTokenizer, device: torch.device) -> LogitSource:
        return AnswerSource(module, own, device, label=self._column, labels=len(self._labels))

    @property
    def _templated(self) -> bool:
        return takes_chats(first_module(cast("nn.Module", self.pipeline)))

    def _text_settings(self) -> dict[str, Any]:
        first = cast("Any", first_module(cast("nn.Module", self.pipeline)))
        template = getattr(first, "processing_kwargs", None) or {}
        own = template.get("chat_template", {}) if self._templated else {}
        sizes = {k: v for k, v in own.items() if k in ("max_length", "truncation")}
        return {**super()._text_settings(), **sizes}

    @property
    def signed_layer(self) -> int:
        """A middle layer's output: of the last layer's input the score has no part.

        There the answer sees the texts through a norm, to which the length of a state is nothing,
        so that the state times its gradient is 0 (Euler's theorem on homogeneous functions).
        """
        return self.middle_layer

    def _check_tokens(self) -> None:
        """Raise ModelError if the CrossEncoder makes other inputs of a pair than we do."""
        if self._templated:
            self.tokenize_pairs([SAMPLE])
        else:
            super()._check_tokens()

    def _group(
        self, rows: Rows, texts: Sequence[TokenizedText], *, most_tokens: int
    ) -> list[list[int]]:
        # Padding stands left, and moves what counts its positions from there.
        if not self.sites.positions:
            return super()._group(rows, texts, most_tokens=most_tokens)
        by_length: dict[Hashable, list[int]] = {}
        for index, (_, row) in enumerate(rows):
            by_length.setdefault(len(row.input_ids), []).append(index)
        found = []
        for own in by_length.values():
            groups = super()._group([rows[n] for n in own], texts, most_tokens=most_tokens)
            found += [[own[n] for n in group] for group in groups]
        return found

    def tokenize_pairs(
        self,
        pairs: Sequence[TextPair],
        *,
        prompts: tuple[str, str] = ("", ""),
        long_text: LongText = "truncate",
    ) -> list[tuple[TokenizedText, TokenizedText]]:
        """Tokenize pairs as the model reads them: both texts of each in its template.

        Raises
        ------
        OptionError
            Windows, of which a sequence of two texts has none; a prompt for the right text, where
            the template has one place for a prompt.
        ModelError
            The texts can't be found in the rendered template, or its tokens are others than ours.
        """
        if not self._templated or long_text == "windows":
            return super().tokenize_pairs(pairs, prompts=prompts, long_text=long_text)
        if prompts[1]:
            raise OptionError(
                f"{self.name} has one place for a prompt in its chat template, before both texts: "
                "leave that of the right text empty, such as prompts=('Find ...', '')."
            )
        tokenized: list[tuple[TokenizedText, TokenizedText]] = []
        for start in range(0, len(pairs), TOKENIZED_AT_ONCE):
            checkpoint()
            some = pairs[start : start + TOKENIZED_AT_ONCE]
            tokenized += self._in_template(some, prompts[0], long_text)
        self._check_table(text for pair in tokenized for text in pair)
        return tokenized

    def _in_template(
        self, pairs: Sequence[TextPair], prompt: str, long_text: LongText
    ) -> list[tuple[TokenizedText, TokenizedText]]:
        limit = self.limit
        with self.held() as own, explained_failures(self.name), own.tokenizer.lock:
            module, tokenizer = cast("CrossEncoder", own.source.module), own.tokenizer.tokenizer
            features = preprocess_pairs(module, pairs, prompt=prompt)
            masks = features["attention_mask"].bool()
            read = [row[m].tolist() for row, m in zip(features["input_ids"], masks, strict=True)]
            marked, *rendered = _rendered(module, [MARKS, *pairs], prompt)
            encoded: Any = tokenizer(
                rendered, add_special_tokens=False, truncation=False, verbose=False
            )
        found = []
        try:
            template = Template.of(marked)
            for pair, text, ids, encoding in zip(
                pairs, rendered, read, encoded.encodings, strict=True
            ):
                places = template.places(pair, text)
                keep = _kept(encoding, ids, end=max(end for _, end, _ in places))
                row = Row(tuple(ids), *_nothing())
                reason = (
                    refusal_of_pair(tokenizer, limit, long_text)
                    if len(ids) < len(encoding.ids)
                    else ""
                )
                sides = [
                    _side(pair[side], (prompt, "")[side], row, encoding, places[side], keep=keep)
                    for side in (0, 1)
                ]
                left, right = (
                    replace(each, refusal=reason, unknown=unknown_tokens(each, tokenizer))
                    for each in sides
                )
                found.append((left, right))
        except ValueError as error:
            raise ModelError(
                f"{self.name} puts both texts into a chat template, and {error}, so that words "
                "can't be traced through it. Explain it as a function: "
                "Explainer(score=model.predict)."
            ) from error
        return found


def _rendered(module: CrossEncoder, pairs: Sequence[TextPair], prompt: str) -> list[str]:
    """Return the template with both texts of each pair in it, as the model's own module does it."""
    first = cast("Any", first_module(module))
    settings = dict(first.processing_kwargs.get("chat_template", {}))
    for name in ("padding", "truncation", "max_length", "return_tensors", "restore_suffix"):
        settings.pop(name, None)
    conversations = [first.input_formatter.pair_to_messages(pair) for pair in pairs]
    if prompt:
        conversations = first.input_formatter.prepend_prompt_to_messages(conversations, prompt)
    return [
        str(first.processor.apply_chat_template(each, tokenize=False, **settings))
        for each in conversations
    ]


def _kept(encoding: Any, ids: Sequence[int], *, end: int) -> int:
    """Return how many of the first tokens of a rendering the model reads; a tail may come after.

    What is too long is cut at its end, and what the template has behind both texts put back. Raises
    ValueError where the model reads anything else.
    """
    whole = encoding.ids
    if list(ids) == whole:
        return len(whole)
    tail = sum(1 for start, _ in encoding.offsets if start >= end)
    same = next((n for n, (a, b) in enumerate(zip(ids, whole, strict=False)) if a != b), len(ids))
    for keep in (len(ids) - tail, len(ids), same):
        behind = len(ids) - keep
        rest = whole[len(whole) - behind :] if behind else []
        if 0 <= keep < len(whole) and list(ids) == [*whole[:keep], *rest]:
            return keep
    raise ValueError("the model reads other tokens than those of the rendered template")


def _nothing() -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.bool_]]:
    return np.zeros(0, np.intp), np.zeros(0, np.intp), np.zeros(0, np.bool_)


def _side(
    text: str, prompt: str, row: Row, encoding: Any, place: tuple[int, int, int], *, keep: int
) -> TokenizedText:
    """Return one text of a pair with its tokens in the template."""
    begin, end, first = place
    offsets = encoding.offsets
    own = [n for n, (a, b) in enumerate(offsets) if a < b and b > begin and a < end]
    read = np.array([n for n in own if n < keep], dtype=np.intp)
    words = encoding.word_ids
    spans = [
        (max(offsets[n][0], begin) - begin + first, min(offsets[n][1], end) - begin + first)
        for n in read
    ]
    count = len(read)
    return TokenizedText(
        text=text,
        prompt=prompt,
        rows=(replace(row, positions=read, tokens=np.arange(count), owned=np.ones(count, bool)),),
        offsets=np.array(spans, dtype=np.intp).reshape(-1, 2),
        pretokens=np.array([-1 if words[n] is None else words[n] for n in read], dtype=np.intp),
        truncated=count < len(own),
    )


@register_kind("generative reranker", takes=is_chat_reranker, labels=True)
def open_chat_reranker(source: object, opening: Opening) -> ChatReranker:
    """Return a ChatReranker of the model.

    Raises
    ------
    ModelError
        The installed sentence-transformers knows no such models.
    OptionError
        A pooling, of which there is none to choose; no such label.
    """
    if not MOVED:
        raise ModelError(f"A reranker that asks a language model {needs('5.4')}.")
    loaded = load_cross_encoder(
        cast("Any", source),
        device=opening.device,
        trust_remote_code=opening.trust_remote_code,
        allow_pickle=opening.allow_pickle,
    )
    refuse_pooling(opening, loaded.name)
    return ChatReranker(loaded, label=opening.label)
