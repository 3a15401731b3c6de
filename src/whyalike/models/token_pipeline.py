"""Pipelines of sentence-transformers whose scores are sums over tokens: what their kinds share."""

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from threading import RLock
from typing import Any, Generic, Literal, TypeVar, cast
from weakref import WeakSet

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from whyalike.errors import ModelError, OptionError, TextError
from whyalike.interruption import checkpoint
from whyalike.models.adopting import Copied, adopt
from whyalike.models.installed import BaseModel, preprocess, strips_texts, text_limit
from whyalike.models.prompts import choose_from
from whyalike.models.replica import Replica, explained_failures, outside_inference, own_tokenizer
from whyalike.models.scorer import Capability
from whyalike.models.tokens import TokenizedText, group_rows, tokenize
from whyalike.options import LongText

MOST_TOKENS = 1024
"""Tokens of one pass: of each, a model may hold a number for every entry of its vocabulary."""


TEXTS_AT_ONCE = 64
"""Texts that are tokenized between two checkpoints."""


Task = Literal["query", "document"]
Pipeline = TypeVar("Pipeline", bound=BaseModel)


@dataclass(frozen=True, eq=False)
class Read:
    """One text as the pipeline read it: a row of its output, of S positions.

    text: whose it is. output: what the pipeline gave, without the dimension of the batch.
    positions: (T,), where the tokens of the text stand.
    """

    text: TokenizedText
    output: dict[str, Tensor]
    positions: NDArray[np.intp]


class TokenPipeline(Copied, Generic[Pipeline]):
    """A base for scorers that run a pipeline whole, and take its scores apart by tokens.

    The user's model is only read: what runs is a replica that shares its weights, made anew when
    the model was changed. Threads take turns. It lacks ``score``, ``decompose`` and
    ``similarity_function``.

    Parameters
    ----------
    pipeline
        A model of sentence-transformers whose first module is a transformer of texts.
    name : str
        What explanations call it.

    Raises
    ------
    ModelError
        A tokenizer that tells no offsets.
    """

    pooling: Literal["model"] = "model"

    _stays = ("_lock", "_replica")

    def __init__(self, pipeline: Pipeline, name: str) -> None:
        self.pipeline, self.name = pipeline, name
        tokenizer = pipeline.tokenizer
        if not getattr(tokenizer, "is_fast", False):
            raise ModelError(
                f"{name} has a tokenizer of type {type(tokenizer).__name__}, which does not tell "
                "which characters a token covers; give it a fast one."
            )
        self._start()

    def _start(self) -> None:
        """Hold nothing yet that belongs to this process and its threads."""
        self._lock = RLock()
        self._replica: Replica | None = None
        _STARTED.add(self)

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Start anew with what ``__getstate__`` gave."""
        self.__dict__.update(state)
        adopt(self.pipeline)
        self._start()

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What it gives besides scores."""
        return frozenset({"tokens"})

    @property
    def limit(self) -> int | None:
        """How many tokens the model reads of a text, special tokens included."""
        return self.limit_with("")

    def limit_with(self, prompt: str) -> int:
        """Return how many tokens the model reads of a text with that prompt, all included."""
        del prompt
        with suppress(AttributeError):
            if limit := text_limit(self.pipeline):
                return int(limit)
        return int(self.pipeline.tokenizer.model_max_length)

    @property
    def mask_token(self) -> str | None:
        """The text of the tokenizer's mask token, if it has one."""
        token: str | None = self.pipeline.tokenizer.mask_token
        return token

    def tokenize(
        self, texts: Sequence[str], *, prompt: str = "", long_text: LongText = "truncate"
    ) -> list[TokenizedText]:
        """Tokenize texts as the model reads them; see whyalike.models.tokens.

        Raises
        ------
        OptionError
            Windows, whose scores could not be put together.
        ModelError
            The limit leaves no room for a text.
        """
        if long_text == "windows":
            raise OptionError(
                f"long_text is 'windows', and a score of {self.name} can't be put together from "
                "those of windows: choose 'truncate' or 'error'."
            )
        own, limit = own_tokenizer(self.pipeline.tokenizer), self.limit_with(prompt)
        found: list[TokenizedText] = []
        for first in range(0, len(texts), TEXTS_AT_ONCE):
            checkpoint()
            some = texts[first : first + TEXTS_AT_ONCE]
            with own.lock:
                found += self._tokenize(own.tokenizer, some, prompt, limit, long_text)
        return found

    def _tokenize(
        self,
        tokenizer: Any,
        texts: Sequence[str],
        prompt: str,
        limit: int,
        long_text: LongText,
    ) -> list[TokenizedText]:
        """Return some texts with their tokens; the tokenizer's lock is held."""
        return tokenize(
            texts,
            tokenizer=tokenizer,
            limit=limit,
            prompt=prompt,
            strip=strips_texts(self.pipeline),
            long_text=long_text,
        )

    def find_prompts(
        self, prompts: tuple[str, str] | None, names: tuple[str, str] | None
    ) -> tuple[str, str]:
        """Return the literal prompts of the left and the right text; see ``choose_prompts``."""
        return choose_from(self.pipeline, prompts, names, model=self.name)

    def about_blank(self, text: TokenizedText) -> str:
        """Return nothing: special tokens may score."""
        del text
        return ""

    def about_score(self, score: float) -> str:
        """Return nothing: the notes of a decomposition say what must be known."""
        del score
        return ""

    def tokenize_pairs(
        self,
        pairs: Sequence[tuple[str, str]],
        prompts: tuple[str, str],
        long_text: LongText,
    ) -> list[tuple[TokenizedText, TokenizedText]]:
        """Return pairs of texts with their tokens, each text tokenized once for its prompt.

        Raises TextError on a text beyond the model's limit that may not be cut, and as
        ``tokenize``.
        """
        found: dict[tuple[str, str], TokenizedText] = {}
        for side, prompt in enumerate(prompts):
            texts = list(dict.fromkeys(p[side] for p in pairs if (prompt, p[side]) not in found))
            for text in self.tokenize(texts, prompt=prompt, long_text=long_text):
                if text.refusal:
                    raise TextError(text.refusal)
                found[prompt, text.text] = text
        left, right = prompts
        return [(found[left, one], found[right, other]) for one, other in pairs]

    def read(self, texts: Sequence[TokenizedText], *, task: Task | None = None) -> Iterator[Read]:
        """Run the pipeline, and yield each text that has tokens once, in any order.

        Raises
        ------
        ModelError
            It fails, or reads other tokens than its tokenizer gives.
        """
        unique = list({(text.prompt, text.text): text for text in texts}.values())
        lengths = [text.length for text in unique]
        keys = [text.prompt for text in unique]
        for group in group_rows(lengths, keys, most_tokens=MOST_TOKENS):
            checkpoint()
            yield from self._pass([unique[index] for index in group], task)

    def _pass(self, texts: Sequence[TokenizedText], task: Task | None) -> list[Read]:
        named = {} if task is None else {"task": task}
        with self._lock, outside_inference(), torch.no_grad(), explained_failures(self.name):
            own = own_tokenizer(self.pipeline.tokenizer)
            if self._replica is None or not self._replica.is_current(own.tokenizer):
                self._replica = Replica(
                    self.pipeline, tokenizer=self.pipeline.tokenizer, own=own.tokenizer
                )
            module = cast("BaseModel", self._replica.module)
            with own.lock:
                features = preprocess(
                    module, [text.text for text in texts], prompt=texts[0].prompt, **named
                )
            real = features["attention_mask"].bool().cpu()
            if (added := features.get("query_expansion_positions")) is not None:
                real = real & ~added.bool().cpu()
            ids = features["input_ids"].cpu()
            places = [row.nonzero()[:, 0] for row in real]
            for text, row, place in zip(texts, ids, places, strict=True):
                if tuple(row[place].tolist()) != text.rows[0].input_ids:
                    raise ModelError(
                        f"{self.name} reads other tokens than its tokenizer gives (a chat "
                        "template, or a step of its own before tokenizing), so words can't be "
                        "traced through it. Explain its scores as a function: "
                        "Explainer(score=...)."
                    )
            device = module.device
            moved = {k: v.to(device) if isinstance(v, Tensor) else v for k, v in features.items()}
            output = module(moved, **named)
        rows = {k: v for k, v in output.items() if isinstance(v, Tensor) and len(v) == len(texts)}
        return [
            Read(
                text,
                {key: value[index] for key, value in rows.items()},
                place.numpy()[text.rows[0].positions],
            )
            for index, (text, place) in enumerate(zip(texts, places, strict=True))
        ]


_STARTED: "WeakSet[TokenPipeline[Any]]" = WeakSet()


def _start_anew() -> None:
    """In a forked process: a thread that is not there may hold a lock."""
    for scorer in list(_STARTED):
        scorer._start()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_anew)
