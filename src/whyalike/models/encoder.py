"""The model as explanations need it: tokens with offsets, then one forward and one backward."""

import os
from collections.abc import Hashable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from copy import copy
from dataclasses import dataclass, replace
from functools import partial
from threading import RLock
from typing import Any, TypeVar, cast, get_args
from weakref import WeakSet

import numpy as np
import torch
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from torch import Tensor
from transformers import PreTrainedModel

from whyalike.errors import ModelError, OptionError, TextError
from whyalike.explanation import SimilarityFunction
from whyalike.interruption import checkpoint
from whyalike.models.adopting import Copied, adopt
from whyalike.models.capture import EmbeddingSites, capture, find_sites
from whyalike.models.gelu import OwnKernel
from whyalike.models.gradient_check import check_gradient
from whyalike.models.graph import (
    Places,
    Presence,
    Rows,
    as_leaves,
    finished,
    slopes_at_ends,
    slopes_at_once,
    slopes_of_group,
    text_vectors,
)
from whyalike.models.installed import strips_texts, text_limit
from whyalike.models.loading import LoadedModel
from whyalike.models.pipeline import (
    Forward,
    Means,
    Pass,
    PipelineEncoder,
    Point,
    PooledEncoder,
    Pooling,
    TokenPair,
    VectorSource,
    activation_of,
    place_rows,
    pools_all_tokens,
    score_pairs,
)
from whyalike.models.prompts import choose_prompts
from whyalike.models.refusals import differs_by_task
from whyalike.models.replica import (
    OwnTokenizer,
    Replica,
    explained_failures,
    has_modes,
    outside_inference,
    own_tokenizer,
)
from whyalike.models.scorer import Capability, TextPair, score_by_vectors
from whyalike.models.tokens import PASS_TOKENS, Row, TokenizedText, group_rows, tokenize
from whyalike.options import GradientOptions, LongText, MethodOptions, check_choice
from whyalike.side_by_side import run_side_by_side

Piece = TypeVar("Piece")
Result = TypeVar("Result")

GRAPH_TOKENS = 8192
"""Tokens whose graph is kept at once; a larger batch goes forward twice, in parts."""

EMBEDDED_AT_ONCE = 512
"""Texts that ``embed`` tokenizes at once, so that their tokens take bounded memory."""

TOKENIZED_AT_ONCE = 64
"""Of these, texts that are tokenized between two checkpoints."""

EMBEDDED_TOKENS = 2048
"""Tokens of one pass of ``embed`` on a processor: what a layer holds of more leaves its caches."""

WORTH_SHARING = 32
"""Tokens of a batch whose passes run side by side: fewer are done before a thread has begun."""

LEAST_SHARE = 1024
"""Tokens of a pass beside others, of which there may be many: less makes poor use of a core."""

PADDING_SENSITIVE = frozenset({"convbert", "fnet", "funnel", "mobilebert", "nystromformer"})
"""Architectures that let padding change a text's vectors: they get none."""

FALLBACK_LIMIT = 8192
"""Tokens read of a text where neither the tokenizer nor a position table states a limit."""


@dataclass(frozen=True, eq=False)
class OwnModel:
    """What an Encoder runs: a replica of the user's model, and where in it things are."""

    replica: Replica
    sites: EmbeddingSites
    source: VectorSource
    tokenizer: OwnTokenizer


class Encoder(Copied):
    """A loaded model whose scores can be computed, and differentiated at what it makes of tokens.

    The user's model is only read: what runs is a replica that shares its weights, made anew when
    the model was changed. Threads take turns, pass by pass; the passes of one call run side by
    side, each on a replica of its own, where torch has several threads on a processor.

    Parameters
    ----------
    loaded : LoadedModel
        The model's parts.
    pooling : Pooling, default='auto'
        ``"auto"`` is ``"model"`` for a SentenceTransformer and ``"paper"`` for a bare encoder. With
        anything but ``"model"`` the similarity is the cosine.

    Raises
    ------
    OptionError
        ``"model"`` for a bare encoder, which has no pooling of its own.
    ModelError
        A model without input embeddings.
    """

    capabilities: frozenset[Capability] = frozenset(
        {"vectors", "tokens", "hidden states", "pooled tokens", "gradients"}
    )
    """What it gives besides scores; pooled tokens only where more than one token is pooled."""

    _stays = ("_lock", "_holders", "_own", "_checked", "_sound", "_unseen", "_others")

    def __init__(self, loaded: LoadedModel, *, pooling: Pooling = "auto") -> None:
        check_choice("pooling", pooling, get_args(Pooling))
        if pooling == "auto":
            pooling = "paper" if loaded.pipeline is None else "model"
        if pooling == "model" and loaded.pipeline is None:
            raise OptionError(
                "pooling='model' needs a SentenceTransformer; a bare encoder has no pooling of "
                "its own: choose 'paper', 'cls' or 'last'."
            )
        self.name = loaded.name
        self.pooling: Pooling = pooling
        if not pools_all_tokens(pooling, loaded.pipeline):
            self.capabilities -= {"pooled tokens"}
        self.pipeline = loaded.pipeline
        self.tokenizer = loaded.tokenizer
        self.similarity_function: SimilarityFunction = "cosine"
        if pooling == "model" and loaded.pipeline is not None:
            self.similarity_function = loaded.pipeline.similarity_fn_name
        self._loaded = loaded
        self._start()
        find_sites(loaded.transformer)  # What can't be explained is refused before it is asked to.

    def _start(self) -> None:
        """Hold nothing yet that belongs to this process and its threads."""
        self._lock = RLock()
        self._holders = 0
        self._own: OwnModel | None = None
        self._checked: set[object] = set()
        self._sound: WeakSet[OwnModel] = WeakSet()
        self._unseen: WeakSet[OwnModel] = WeakSet()
        self._others: list[Encoder] = []
        _ENCODERS.add(self)

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Start anew with what ``__getstate__`` gave."""
        self.__dict__.update(state)
        if "_loaded" in state:
            adopt(self._loaded.transformer)
        self._start()

    @property
    def sites(self) -> EmbeddingSites:
        """Where the model embeds its input; modules of the replica."""
        return self._model().sites

    @property
    def source(self) -> VectorSource:
        """What makes vectors of rows; modules of the replica."""
        return self._model().source

    @property
    def depth(self) -> int:
        """How many layers the transformer has."""
        return int(self.sites.body.config.num_hidden_layers)

    @property
    def middle_layer(self) -> int:
        """The hidden state in the middle, and never the last layer's input but of one layer."""
        return max(0, min(self.depth // 2, self.depth - 2))

    @property
    def signed_layer(self) -> int:
        """The hidden state that times its gradient is a token's part of the score, by default.

        It is the last layer's input: where attention sees all tokens for the last time.
        """
        return -2

    @property
    def limit(self) -> int:
        """How many tokens the model reads of a text, special tokens included."""
        stated = None if self.pipeline is None else text_limit(self.pipeline)
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
    def held(self) -> Iterator[OwnModel]:
        """Hold the replica alone, whatever mode torch is in; other threads wait.

        Hooks may be set on its modules inside the block. A thread that holds it may do so again.
        """
        with self._lock, outside_inference():
            if not self._holders:
                self._renew()
            self._holders += 1
            try:
                yield self._model()
            except Exception:
                raise
            except BaseException:
                # Where an interrupt fell between a hook and its removal, it is still there.
                self._own = None
                raise
            finally:
                self._holders -= 1

    def _model(self) -> OwnModel:
        own = self._own
        if own is None:
            with self._lock:
                own = self._own = self._own or self._replicate()
        return own

    def _renew(self) -> None:
        """Make the replica anew if the user's model is another than it was."""
        own = self._own
        if own is not None and not own.replica.is_current(own_tokenizer(self.tokenizer).tokenizer):
            self._own = None

    def _workers(self, tokens: int) -> "Sequence[Encoder]":
        """Return who runs passes of so many tokens side by side: itself, and copies of it.

        It alone runs what is changed for this thread: a replica that it holds, or torch's modes.
        """
        wanted = torch.get_num_threads() if self.sites.body.device.type == "cpu" else 1
        if wanted < 2 or tokens < WORTH_SHARING or has_modes() or self._is_held_here():
            return (self,)
        with self._lock:
            self._others += [copy(self) for _ in range(len(self._others), wanted - 1)]
            return (self, *self._others[: wanted - 1])

    def _is_held_here(self) -> bool:
        """Return whether this thread holds the replica."""
        if not self._lock.acquire(blocking=False):
            return False
        try:
            return self._holders > 0
        finally:
            self._lock.release()

    def _replicate(self) -> OwnModel:
        loaded, tokenizer = self._loaded, own_tokenizer(self.tokenizer)
        replica = Replica(
            loaded.transformer if loaded.pipeline is None else loaded.pipeline,
            tokenizer=self.tokenizer,
            own=tokenizer.tokenizer,
        )
        module = replica.module
        body = module if loaded.pipeline is None else module.transformers_model
        sites = find_sites(cast("PreTrainedModel", body))
        source: VectorSource
        if self.pooling == "model":
            source = PipelineEncoder(cast("SentenceTransformer", module), tokenizer)
        else:
            source = PooledEncoder(sites.body, tokenizer.tokenizer, self.pooling)
        return OwnModel(replica, sites, source, tokenizer)

    def reader_of(self, text: TokenizedText) -> "Encoder":
        """Return what reads a text: itself, where it reads all texts in one way."""
        del text
        return self

    def tokenize(
        self, texts: Sequence[str], *, prompt: str = "", long_text: LongText = "truncate"
    ) -> list[TokenizedText]:
        """Tokenize texts as the model reads them; see whyalike.models.tokens.

        Raises ModelError on a token that the model's table has no row for, and where the limit
        leaves no room for a text.
        """
        # The limit may need the replica's lock, and who holds that may wait for the tokenizer's.
        own, limit = own_tokenizer(self.tokenizer), self.limit
        with own.lock:
            tokenized = tokenize(
                texts,
                tokenizer=own.tokenizer,
                limit=limit,
                prompt=prompt,
                long_text=long_text,
                strip=self.pooling == "model" and strips_texts(self.pipeline),
            )
        self._check_table(tokenized)
        return tokenized

    def _check_table(self, texts: Iterable[TokenizedText]) -> None:
        """Raise ModelError on a token that the model's table has no row for."""
        size = self.sites.table_size
        largest = max(
            (max(row.input_ids, default=0) for text in texts for row in text.rows), default=0
        )
        if largest >= size:
            with self.held() as own:  # The user's table may have grown since the last pass.
                size = own.sites.table_size
        if largest >= size:
            raise ModelError(
                f"The tokenizer gives the token {largest}, and the embedding of {self.name} ends "
                f"at {size - 1}: they don't belong together. Give the model its own tokenizer."
            )

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

    def embed(
        self, texts: Sequence[str], *, prompt: str = "", long_text: LongText = "truncate"
    ) -> NDArray[np.float64]:
        """Return the vectors (N, H) of N texts as they are scored, each with ``prompt`` before it.

        No graph is kept, and texts go through the model with others of about their length.

        Raises
        ------
        TextError
            A text beyond the model's limit that may not be cut.
        ModelError
            Vectors with NaN or infinity.
        """
        return self.embed_and_tell(texts, prompt=prompt, long_text=long_text)[0]

    def score(
        self,
        pairs: Sequence[TextPair],
        *,
        prompts: tuple[str, str] = ("", ""),
        long_text: LongText = "truncate",
    ) -> NDArray[np.float64]:
        """Return the similarities (N,) of the vectors of N pairs; raises as ``embed``."""
        return score_by_vectors(self, pairs, prompts=prompts, long_text=long_text)

    def about_blank(self, text: TokenizedText) -> str:
        """Return what a warning says of the score of a text without words."""
        nothing = self.pooling == "paper" and not len(text.offsets)
        return " and the similarity is set to 0" if nothing else ""

    def about_score(self, score: float) -> str:
        """Return nothing: a similarity of vectors needs no more than its name."""
        del score
        return ""

    def embed_and_tell(
        self, texts: Sequence[str], *, prompt: str = "", long_text: LongText = "truncate"
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Return the vectors (N, H), and which of the texts (N,) were cut; else as ``embed``."""
        # Equal texts get equal vectors, to the last bit, only where they are embedded once.
        order = sorted(dict.fromkeys(texts), key=lambda text: -len(text))
        found: dict[str, NDArray[np.float64]] = {}
        cut: dict[str, bool] = {}
        for start in range(0, len(order), EMBEDDED_AT_ONCE):
            part = order[start : start + EMBEDDED_AT_ONCE]
            tokenized: list[TokenizedText] = []
            for first in range(0, len(part), TOKENIZED_AT_ONCE):
                checkpoint()
                some = part[first : first + TOKENIZED_AT_ONCE]
                tokenized += self.tokenize(some, prompt=prompt, long_text=long_text)
            if refused := next((text for text in tokenized if text.refusal), None):
                raise TextError(refused.refusal)
            cut.update((text.text, text.truncated) for text in tokenized)
            found.update(zip(part, self._embed(tokenized), strict=True))
        # A text without any token has a zero of unknown width, where no other says it.
        width = max((len(vector) for vector in found.values()), default=1)
        vectors = np.zeros((len(texts), width))
        for index, text in enumerate(texts):
            vectors[index, : len(found[text])] = found[text]
        return vectors, np.array([cut[text] for text in texts], dtype=np.bool_)

    def _embed(self, texts: Sequence[TokenizedText]) -> NDArray[np.float64]:
        rows = [(index, row) for index, text in enumerate(texts) for row in text.rows]
        on_processor = self.sites.body.device.type == "cpu"
        most = EMBEDDED_TOKENS if on_processor else GRAPH_TOKENS
        tokens = sum(len(row.input_ids) for _, row in rows)
        workers = self._workers(tokens)
        groups = self._group(rows, texts, most_tokens=share_of(tokens, workers, most=most))

        def embedded(worker: Encoder, group: Sequence[int]) -> Tensor:
            with torch.no_grad():
                return worker._forward(
                    [rows[row] for row in group],
                    texts=texts,
                    options=GradientOptions(),
                    point="last_layer",
                ).scored

        with outside_inference(), torch.no_grad():
            parts = run_side_by_side(embedded, groups, workers, threads=torch.get_num_threads())
            order = [row for group in groups for row in group]
            vectors = text_vectors(parts, order, rows, texts).double().cpu().numpy()
        if not np.isfinite(vectors).all():
            raise ModelError(self.not_finite)
        return vectors

    def run(
        self,
        pairs: Sequence[TokenPair],
        *,
        options: MethodOptions,
        point: Point = "embedding",
        gradient: bool = True,
        presence_from: int | None = None,
        means: Means | None = None,
        length_share: float = 1.0,
    ) -> Pass:
        """Score pairs, and differentiate the scores at ``point``, both sides in one backward.

        Equal texts go through the model once. A gradient is each pair's own: of a text of several
        pairs the backward pass is batched over them, where its repeats are worth a pass (see
        PASS_TOKENS).

        The gradient of a pair's score at one side, with the other held fixed, is the plain
        gradient (row 13), and pairs of a batch do not touch each other; so the gradient of the
        sum over the batch holds them all (Malkiel et al. 2022, Eq. 3).

        Parameters
        ----------
        pairs : sequence of TokenPair
            P pairs of tokenized texts.
        options : MethodOptions
            ``activation``, ``objective`` and ``latent_layer`` are read here, as far as the class
            has them.
        point : Point, default='embedding'
            The embedding, the last layer's hidden states, or a hidden state by its index.
        gradient : bool, default=True
            Whether to go backward at all.
        presence_from : int, optional
            Where given, the first layer from which on, and in the pooling, the score is
            differentiated by each token's weight too.
        means : Means, optional
            The mean vectors of a background's texts: what is differentiated is what the scores have
            beyond the mean scores of each text with these.
        length_share : float, default=1.0
            How much of the fall of a vector's length, where vectors are scaled to one, the
            gradient counts; see ``with_length``.

        Raises
        ------
        ModelError
            Vectors with NaN or infinity; a gradient that is wanted and not there.
        """
        options = GradientOptions.of(options)
        everything = [text for pair in pairs for text in (pair.left, pair.right)]
        every_row = [(index, row) for index, text in enumerate(everything) for row in text.rows]
        places = Places.of(everything, least=PASS_TOKENS if gradient else 0)
        tokens = sum(len(row.input_ids) for _, row in every_row)
        workers = self._workers(tokens)
        most = share_of(tokens, workers, most=GRAPH_TOKENS)
        batches = self._batches(places, apart=gradient, most_tokens=most)
        order = places.order(batches, everything)

        def forward(worker: Encoder, batch: Rows, *, graph: bool) -> Forward:
            with torch.set_grad_enabled(graph):
                return worker._forward(
                    batch,
                    texts=places.unique,
                    options=options,
                    point=point,
                    presence_from=presence_from,
                )

        def backward(
            worker: Encoder, group: tuple[Rows, Forward, tuple[Tensor, Tensor]]
        ) -> tuple[Tensor, ...]:
            batch, found, at_ends = group
            if not whole:
                found = forward(worker, batch, graph=True)
            return slopes_of_group(found, at_ends, most_tokens=most, name=self.name)

        spread = partial(run_side_by_side, workers=workers, threads=torch.get_num_threads())
        whole = gradient and tokens <= GRAPH_TOKENS
        at_once = whole and not places.shared and len(workers) == 1
        if gradient:
            self.require_gradient()
        with outside_inference():
            forwards = spread(partial(forward, graph=whole), batches)
            if gradient:  # The model may be another one since.
                self.require_gradient()
            with torch.set_grad_enabled(gradient):
                ends = [
                    found.ends
                    if at_once
                    else as_leaves(found, places.copies(batch), gradient=gradient)
                    for found, batch in zip(forwards, batches, strict=True)
                ]
                scored = text_vectors([end[0] for end in ends], order, every_row, everything)
                raw = text_vectors([end[1] for end in ends], order, every_row, everything)
                scores = score_pairs(
                    scored,
                    raw,
                    pairs,
                    function=self.similarity_function,
                    options=options,
                    means=means,
                    length_share=length_share,
                )
            if not np.isfinite(scores.similarity).all():
                raise ModelError(self.not_finite)
            slopes: Sequence[tuple[Tensor, ...]] = [()] * len(forwards)
            if at_once and forwards:
                slopes = slopes_at_once(scores.objective, forwards, name=self.name)
            elif gradient and forwards:
                at_ends = slopes_at_ends(scores.objective, ends)
                slopes = spread(backward, zip(batches, forwards, at_ends, strict=True))
        return Pass(
            similarity=scores.similarity,
            identical=scores.identical,
            scale=scores.scale,
            expected=scores.expected,
            groups=tuple(
                finished(places.repeat(group), found)
                for group, found in zip(forwards, slopes, strict=True)
            ),
        )

    def _batches(
        self, places: Places, *, apart: bool, most_tokens: int
    ) -> list[list[tuple[int, Row]]]:
        """Return the rows of texts that go through the model together, each with its text's index.

        Where they are to be ``apart``, those of a batch stand at equally many places.
        """
        found: dict[int, list[tuple[int, Row]]] = {}
        for index, text in enumerate(places.unique):
            own = found.setdefault(len(places.places[index]) if apart else 1, [])
            own += [(index, row) for row in text.rows]
        return [
            [rows[row] for row in group]
            for rows in found.values()
            for group in self._group(rows, places.unique, most_tokens=most_tokens)
        ]

    def require_gradient(self) -> None:
        """Raise ModelError where the model's gradient is not that of its vectors.

        It is compared with differences once for a model that is built as it is now.
        """
        # Which modules a model has is asked once a replica: all passes hold one that is current.
        if self._own in self._sound:
            return
        with self.held() as own:
            kinds = tuple(type(module) for module in own.source.module.modules())
            built = kinds, own.sites.body.dtype
        if built not in self._checked:
            check_gradient(self)
            self._checked.add(built)
        self._sound.add(own)

    def _group(
        self, rows: Rows, texts: Sequence[TokenizedText], *, most_tokens: int
    ) -> list[list[int]]:
        """Return the rows, by their indices, that go through the model together."""
        exact = self.sites.body.config.model_type in PADDING_SENSITIVE
        lengths = [len(row.input_ids) for _, row in rows]
        keys: list[Hashable] = [
            (texts[index].prompt, len(texts[index].rows) > 1, length if exact else None)
            for (index, _), length in zip(rows, lengths, strict=True)
        ]
        return group_rows(lengths, keys, most_tokens=most_tokens)

    def _forward(
        self,
        rows: Rows,
        *,
        texts: Sequence[TokenizedText],
        options: GradientOptions,
        point: Point,
        presence_from: int | None = None,
    ) -> Forward:
        checkpoint()
        with self.held() as own, explained_failures(self.name):
            # Layers below the weights of tokens need no graph, where no derivative is below them.
            late = (
                presence_from is not None
                and isinstance(point, int)
                and point % (self.depth + 1) > presence_from
                and own not in self._unseen
            )
            pass_ = partial(self._pass, own, rows, texts=texts, options=options, point=point)
            found = pass_(presence_from=presence_from, from_embedding=not late)
            if late and torch.is_grad_enabled() and not found.point.requires_grad:
                # The weights did not come in, as this model's attention can't be seen.
                self._unseen.add(own)
                found = pass_(presence_from=presence_from, from_embedding=True)
        return found

    def _pass(
        self,
        own: OwnModel,
        rows: Rows,
        *,
        texts: Sequence[TokenizedText],
        options: GradientOptions,
        point: Point,
        presence_from: int | None,
        from_embedding: bool,
    ) -> Forward:
        seen = None
        with ExitStack() as stack:
            features = own.source.features([(texts[index], row) for index, row in rows])
            places, content = place_rows(rows, features["attention_mask"])
            captured = stack.enter_context(
                capture(
                    own.sites,
                    activation=options.activation,
                    latent_layer=options.latent_layer,
                    state=point if isinstance(point, int) else None,
                    ids=features["input_ids"],
                    from_embedding=from_embedding,
                )
            )
            stack.enter_context(OwnKernel())
            if presence_from is not None:
                seen = Presence(
                    features["attention_mask"], first=presence_from, dtype=own.sites.body.dtype
                )
                stack.enter_context(seen)
            scored, raw = own.source.vectors(features, content, captured)
        activation = activation_of(captured, options.activation)
        if captured.leaf is None or captured.last_hidden is None or captured.latent is None:
            raise ModelError(f"{self.name} returned no hidden states.")
        where = captured.leaf
        if point != "embedding":
            where = captured.last_hidden if captured.state is None else captured.state
            activation = where.detach()
        found = Forward(places, where, activation, captured.latent, scored, raw)
        if seen is None:
            return found
        presence = (seen.log_weights, captured.last_hidden)
        return replace(found, presence=presence, attended=seen.calls == self.depth)


def share_of(tokens: int, workers: Sequence[Encoder], *, most: int) -> int:
    """Return how many tokens a pass has at most, for each of the workers to have one.

    What all passes at a time hold together stays about ``most``.
    """
    if len(workers) == 1:
        return most
    even = -(-tokens // len(workers))
    return min(most, max(LEAST_SHARE, most // len(workers)), even)


_ENCODERS: WeakSet[Encoder] = WeakSet()


def _start_anew() -> None:
    """In a forked process: a thread that is not there may hold a lock, and have set hooks.

    Nor are OpenMP's threads there, for which torch would wait for ever: one is left, as in the
    workers of torch's own DataLoader.
    """
    encoders = list(_ENCODERS)
    if any(encoder._own is not None for encoder in encoders):
        torch.set_num_threads(1)
    for encoder in encoders:
        encoder._start()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_anew)
