"""A loaded model as the reader of texts: its tokens, its limit, its prompts, its pooling."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import get_args

from whyalike.encoder.capture import frozen
from whyalike.encoder.loading import LoadedModel
from whyalike.encoder.pipeline import PipelineEncoder, PooledEncoder, VectorSource
from whyalike.encoder.pooling import Pooling
from whyalike.encoder.sites import find_sites
from whyalike.encoder.tasks import differs_by_task
from whyalike.encoder.text_model import choose_prompts
from whyalike.encoder.tokenization import TokenizedText, tokenize
from whyalike.errors import ModelError, OptionError
from whyalike.types import SimilarityFunction
from whyalike.types.checks import check_choice
from whyalike.types.options import LongText

FALLBACK_LIMIT = 8192
"""Tokens read of a text where neither the tokenizer nor a position table states a limit."""


class TokenReader:
    """A loaded model with the pooling whose score is to be explained.

    Args:
        loaded: the model's parts.
        pooling: ``"auto"`` is ``"model"`` for a SentenceTransformer and ``"paper"`` for a bare
            encoder. With anything but ``"model"`` the similarity is the cosine.

    Raises:
        OptionError: ``"model"`` for a bare encoder, which has no pooling of its own.
    """

    def __init__(self, loaded: LoadedModel, *, pooling: Pooling = "auto") -> None:
        check_choice("pooling", pooling, get_args(Pooling))
        if pooling == "auto":
            pooling = "paper" if loaded.pipeline is None else "model"
        self.name = loaded.name
        self.pooling: Pooling = pooling
        self.pipeline = loaded.pipeline
        self.sites = find_sites(loaded.transformer)
        self.tokenizer = loaded.tokenizer
        self.similarity_function: SimilarityFunction = "cosine"
        if pooling != "model":
            self.source: VectorSource = PooledEncoder(self.sites.body, self.tokenizer, pooling)
        elif loaded.pipeline is None:
            raise OptionError(
                "pooling='model' needs a SentenceTransformer; a bare encoder has no pooling of "
                "its own: choose 'paper', 'cls' or 'last'."
            )
        else:
            self.source = PipelineEncoder(loaded.pipeline, self.tokenizer)
            self.similarity_function = loaded.pipeline.similarity_fn_name

    @property
    def depth(self) -> int:
        """How many layers the transformer has."""
        return int(self.sites.body.config.num_hidden_layers)

    @property
    def limit(self) -> int:
        """How many tokens the model reads of a text, special tokens included."""
        stated = None if self.pipeline is None else self.pipeline.max_seq_length
        limits = [
            stated,
            self.tokenizer.model_max_length if stated is None else None,
            self.sites.position_limit,
            getattr(self.sites.body.config, "max_position_embeddings", None),
        ]
        # Tokenizers without a limit state a number like 10**30, and XLNet's positions are -1.
        return min([limit for limit in limits if limit and 0 < limit < 10**9] or [FALLBACK_LIMIT])

    @property
    def mask_token(self) -> str | None:
        """The text of the tokenizer's mask token, if it has one."""
        token: str | None = self.tokenizer.mask_token
        return token

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Have the model alone, frozen, whatever mode torch is in; see encoder.capture."""
        with frozen(self.source.module, body=self.sites.body):
            yield

    def tokenize(
        self, texts: Sequence[str], *, prompt: str = "", long_text: LongText = "truncate"
    ) -> list[TokenizedText]:
        """Tokenize texts as the model reads them; see whyalike.encoder.tokenization.

        Raises ModelError on a token that the model's table has no row for.
        """
        tokenized = tokenize(
            texts,
            tokenizer=self.tokenizer,
            limit=self.limit,
            prompt=prompt,
            long_text=long_text,
        )
        size = self.sites.table_size
        largest = max(
            (max(row.input_ids, default=0) for text in tokenized for row in text.rows), default=0
        )
        if largest >= size:
            raise ModelError(
                f"The tokenizer gives the token {largest}, and the embedding of {self.name} ends "
                f"at {size - 1}: they don't belong together. Give the model its own tokenizer."
            )
        return tokenized

    def find_prompts(
        self, prompts: tuple[str, str] | None, names: tuple[str, str] | None
    ) -> tuple[str, str]:
        """Return the literal prompts of the left and the right text; see ``choose_prompts``."""
        return choose_prompts(
            prompts,
            names,
            known=getattr(self.pipeline, "prompts", None) or {},
            default=getattr(self.pipeline, "default_prompt_name", None),
            model=self.name,
            by_task=differs_by_task(self.pipeline),
        )

    @property
    def not_finite(self) -> str:
        """What to say of vectors with NaN or infinity."""
        return (
            f"The vectors of {self.name} hold NaN or infinity: its weights are damaged, or "
            "its precision is too low. Load it in float32, or load it anew."
        )
