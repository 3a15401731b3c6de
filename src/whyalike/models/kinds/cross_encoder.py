"""Cross-encoders: both texts are read in one sequence, and a head gives their score, a logit."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from inspect import signature
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from sentence_transformers import CrossEncoder
from torch import Tensor, nn

from whyalike.arrays import Floats
from whyalike.errors import ModelError, OptionError, TextError
from whyalike.interruption import checkpoint
from whyalike.models.capture import Captured, find_sites
from whyalike.models.encoder import (
    EMBEDDED_TOKENS,
    GRAPH_TOKENS,
    TOKENIZED_AT_ONCE,
    Encoder,
    OwnModel,
    share_of,
)
from whyalike.models.graph import finished, slopes_at_once
from whyalike.models.installed import logits_of, preprocess_pairs
from whyalike.models.joint import is_chat_reranker, is_joint
from whyalike.models.labels import Label, choose_label
from whyalike.models.loading import LoadedCrossEncoder, load_cross_encoder
from whyalike.models.opening import Opening, register_kind
from whyalike.models.pipeline import (
    Batch,
    Forward,
    GroupPass,
    Means,
    Pass,
    Place,
    Point,
    TokenPair,
    at_least_single,
    pad,
)
from whyalike.models.prompts import choose_prompts
from whyalike.models.replica import OwnTokenizer, Replica, outside_inference, own_tokenizer
from whyalike.models.scorer import Capability, TextPair
from whyalike.models.tokens import TokenizedText, tokenize_pairs
from whyalike.options import GradientOptions, LongText, MethodOptions
from whyalike.side_by_side import run_side_by_side

SAMPLE = ("Which words matter?", "Those without which the score would be another one.")
"""A pair that shows whether the model reads the tokens that we find words in."""


class LogitSource:
    """Where logits come from, in the place of vectors: (B, 1), one number a row.

    label: which of the numbers that the head gives, of ``labels``.
    """

    def __init__(
        self,
        module: nn.Module,
        own: OwnTokenizer,
        device: torch.device,
        *,
        label: int = 0,
        labels: int = 1,
    ) -> None:
        self.module, self.own, self.device = module, own, device
        self.label, self.labels = label, labels
        self.takes = None if isinstance(module, CrossEncoder) else signature(module.forward)

    def features(self, batch: Batch) -> dict[str, Any]:
        """See VectorSource; segments are the tokenizer's own."""
        tokenizer = self.own.tokenizer
        features = pad(batch, tokenizer, self.device)
        if all(row.type_ids is not None for _, row in batch):
            types = torch.full_like(features["input_ids"], tokenizer.pad_token_type_id)
            own = [each for _, row in batch for each in row.type_ids or ()]
            read = features["attention_mask"].bool()
            types[read] = torch.tensor(own, dtype=types.dtype, device=types.device)
            features["token_type_ids"] = types
        if self.takes is None:
            return features
        return {key: value for key, value in features.items() if key in self.takes.parameters}

    def vectors(
        self, features: dict[str, Any], content: Tensor, captured: Captured
    ) -> tuple[Tensor, Tensor]:
        """Return the logits (B, 1), twice: nothing is normalised."""
        del content, captured
        if isinstance(self.module, CrossEncoder):
            logits = logits_of(self.module, features)
        else:
            logits = self.module(**features).logits
        logits = at_least_single(logits.reshape(len(logits), -1))
        if logits.shape[1] != self.labels:
            raise ModelError(
                f"The model gave {logits.shape[1]} numbers for a pair of texts, and "
                f"{self.labels} were expected, by its labels."
            )
        logit = logits[:, self.label : self.label + 1]
        return logit, logit


class JointEncoder(Encoder):
    """A cross-encoder whose logit can be computed, and differentiated at what it makes of tokens.

    The score is the logit, before the activation that ``predict`` applies. The gradient at a token
    is that of the logit at the sequence of both texts: the token belongs to the text that it stands
    in, and reaches the score through its attention to the other text too.

    Words are matched by their vectors in the sequence of both, those of the middle layer where
    ``latent_layer`` is -1: further up, each word holds much of the other text.

    Parameters
    ----------
    loaded : LoadedCrossEncoder
        The model's parts.
    label : int or str, optional
        Of several labels, the one whose logit is the score.

    Raises
    ------
    ModelError
        A model without input embeddings, one that reads other tokens than its tokenizer gives, or
        several labels of which none is chosen.
    OptionError
        No such label.
    """

    capabilities: frozenset[Capability] = frozenset(
        {"tokens", "joint sequence", "hidden states", "gradients"}
    )

    def __init__(self, loaded: LoadedCrossEncoder, *, label: Label | None = None) -> None:
        self.name = loaded.name
        self._labels = loaded.labels
        self._column = choose_label(label, loaded.labels, model=loaded.name)
        self.pooling = "model"
        self.similarity_function = cast("Any", "score")
        self.pipeline = cast("Any", loaded.pipeline)
        self.tokenizer = loaded.tokenizer
        self._loaded = cast("Any", loaded)
        self._start()
        find_sites(loaded.transformer)
        if isinstance(loaded.pipeline, CrossEncoder):
            self._check_tokens()

    @property
    def label(self) -> str | None:
        """The name of the label whose logit is explained; None where the model has one score."""
        labels = self._labels
        return None if len(labels) == 1 else labels[self._column]

    def _replicate(self) -> OwnModel:
        loaded, own = self._loaded, own_tokenizer(self.tokenizer)
        original = loaded.transformer if loaded.pipeline is None else loaded.pipeline
        replica = Replica(original, tokenizer=self.tokenizer, own=own.tokenizer)
        module = replica.module
        body = module if loaded.pipeline is None else cast("CrossEncoder", module).model
        sites = find_sites(cast("Any", body))
        return OwnModel(replica, sites, self._source(module, own, sites.body.device), own)

    def _source(self, module: nn.Module, own: OwnTokenizer, device: torch.device) -> LogitSource:
        return LogitSource(module, own, device, label=self._column, labels=len(self._labels))

    def _check_tokens(self) -> None:
        """Raise ModelError if the CrossEncoder makes other inputs of a pair than we do."""
        ((left, _),) = self.tokenize_pairs([SAMPLE])
        with self.held() as own:
            ours = own.source.features([(left, left.rows[0])])
            with own.tokenizer.lock:
                theirs = preprocess_pairs(cast("CrossEncoder", own.source.module), [SAMPLE])
        width = int(ours["attention_mask"].sum())
        if any(
            key not in theirs or theirs[key][0, :width].tolist() != value[0].tolist()
            for key, value in ours.items()
            if isinstance(theirs.get(key, value), Tensor)
        ):
            raise ModelError(
                f"{self.name} reads other tokens than its tokenizer gives (a template, or a step "
                "of its own before tokenizing), so words can't be traced through it. Explain it as "
                "a function: Explainer(score=model.predict)."
            )

    @property
    def limit(self) -> int:
        """How many tokens the model reads of both texts together, special tokens included."""
        stated = self._text_settings().get("max_length")
        return min(super().limit, *([stated] if isinstance(stated, int) else []), 10**9)

    def _text_settings(self) -> dict[str, Any]:
        """Return what the pipeline says of how texts are given to the tokenizer."""
        first = None if self.pipeline is None else next(iter(self.pipeline.children()), None)
        settings = getattr(first, "processing_kwargs", None) or {}
        return {**settings.get("common", {}), **settings.get("text", {})}

    def tokenize_pairs(
        self,
        pairs: Sequence[TextPair],
        *,
        prompts: tuple[str, str] = ("", ""),
        long_text: LongText = "truncate",
    ) -> list[tuple[TokenizedText, TokenizedText]]:
        """Tokenize pairs as the model reads them: both texts of each in one sequence.

        Raises
        ------
        OptionError
            Windows, of which a sequence of two texts has none.
        ModelError
            A token that the model's table has no row for; no room for a text within the limit.
        """
        if long_text == "windows":
            raise OptionError(
                f"long_text is 'windows', and {self.name} reads both texts in one sequence, whose "
                "score is of that sequence only: choose 'truncate' or 'error'."
            )
        own, limit = own_tokenizer(self.tokenizer), self.limit
        truncation = self._text_settings().get("truncation", "longest_first")
        tokenized: list[tuple[TokenizedText, TokenizedText]] = []
        for start in range(0, len(pairs), TOKENIZED_AT_ONCE):
            checkpoint()
            with own.lock:
                tokenized += tokenize_pairs(
                    pairs[start : start + TOKENIZED_AT_ONCE],
                    tokenizer=own.tokenizer,
                    limit=limit,
                    prompts=prompts,
                    truncation="longest_first" if truncation is True else truncation,
                    long_text=long_text,
                )
        self._check_table(text for pair in tokenized for text in pair)
        return tokenized

    def find_prompts(
        self, prompts: tuple[str, str] | None, names: tuple[str, str] | None
    ) -> tuple[str, str]:
        """Return the literal prompts; by default the model's default one before the left text.

        So ``predict`` does it, whatever prompts for queries and documents the model knows.
        """
        known = getattr(self.pipeline, "prompts", None) or {}
        usual = getattr(self.pipeline, "default_prompt_name", None)
        if prompts is None and names is None:
            if usual is None:
                return "", ""
            return choose_prompts(None, (usual, usual), known=known, default=None, model=self.name)[
                0
            ], ""
        return choose_prompts(prompts, names, known=known, default=None, model=self.name)

    @property
    def not_finite(self) -> str:
        """What to say of a logit that is NaN or infinity."""
        return (
            f"{self.name} gave NaN or infinity for a pair of texts: its weights are damaged, or "
            "its precision is too low. Load it in float32, or load it anew."
        )

    def about_blank(self, text: TokenizedText) -> str:
        """Return nothing: the model scores an empty text as any other."""
        del text
        return ""

    @property
    def explained(self) -> str:
        """What the score is, in words."""
        if self.label is None:
            return "the model's logit"
        number, count = self._column, len(self._labels)
        return f"the model's logit of the label {self.label!r} (number {number} of {count} from 0)"

    def about_score(self, score: float) -> str:
        """Return which number is explained, and what the model's activation makes of it."""
        activation: Callable[[Tensor], Tensor] | None
        activation = getattr(self.pipeline, "activation_fn", None)
        said = f"The score explained is {self.explained}, {score:.4g}"
        if activation is None or isinstance(activation, nn.Identity):
            return "" if self.label is None else f"{said}."
        named = type(activation).__name__ if isinstance(activation, nn.Module) else "activation"
        with torch.no_grad():
            if len(self._labels) > 1:
                # A function of each number by itself gives the same beside any second logit.
                one, other = activation(torch.tensor([[score, -30.0], [score, 30.0]]))[:, 0]
                if one != other:
                    return f"{said}, before its {named} over all labels."
            value = float(activation(torch.tensor([[score]])).reshape(-1)[0])
        return f"{said}; its {named} makes {value:.4g} of it."

    def embed_and_tell(
        self, texts: Sequence[str], *, prompt: str = "", long_text: LongText = "truncate"
    ) -> tuple[Floats, Any]:
        """Raise OptionError: no text has a vector of its own."""
        del texts, prompt, long_text
        raise OptionError(f"{self.name} reads both texts together, and gives none a vector.")

    def score(
        self,
        pairs: Sequence[TextPair],
        *,
        prompts: tuple[str, str] = ("", ""),
        long_text: LongText = "truncate",
    ) -> Floats:
        """Return the logits (N,) of N pairs, equal ones once; no graph is kept.

        Raises
        ------
        TextError
            A pair beyond the model's limit that may not be cut.
        ModelError
            NaN or infinity.
        """
        unique = list(dict.fromkeys((left, right) for left, right in pairs))
        tokenized = self.tokenize_pairs(unique, prompts=prompts, long_text=long_text)
        if refused := next((left for left, _ in tokenized if left.refusal), None):
            raise TextError(refused.refusal)
        on_processor = self.sites.body.device.type == "cpu"
        result = self._run(
            [TokenPair(*pair) for pair in tokenized],
            options=GradientOptions(),
            point="last_layer",
            gradient=False,
            presence_from=None,
            most_tokens=EMBEDDED_TOKENS if on_processor else GRAPH_TOKENS,
            keep=False,
        )
        found = dict(zip(unique, result.similarity, strict=True))
        return np.array([found[left, right] for left, right in pairs], dtype=np.float64)

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
        """Score pairs, and differentiate their logits at ``point``; as ``Encoder.run``.

        Pairs of a batch do not touch each other, so that the gradient of the sum over a batch holds
        them all. A group of the result has two rows for each sequence, one for each of its texts.

        Raises
        ------
        ModelError
            NaN or infinity; a gradient that is wanted and not there; texts that were not tokenized
            as a pair.
        OptionError
            The objective is the product of two vectors.
        """
        del means, length_share  # Of vectors, which no text has here.
        if gradient:
            self.require_gradient()
        own = GradientOptions.of(options)
        if own.objective == "dot":
            raise OptionError(
                f"objective is 'dot', the product of two vectors, and {self.name} gives none: "
                "choose 'similarity', which is its logit."
            )
        if own.latent_layer == -1:
            own = replace(own, latent_layer=(self.depth + 1) // 2)
        return self._run(
            pairs,
            options=own,
            point=point,
            gradient=gradient,
            presence_from=presence_from,
            most_tokens=GRAPH_TOKENS,
        )

    def _run(
        self,
        pairs: Sequence[TokenPair],
        *,
        options: GradientOptions,
        point: Point,
        gradient: bool,
        presence_from: int | None,
        most_tokens: int,
        keep: bool = True,
    ) -> Pass:
        """Run pairs, group by group; without ``keep`` for their logits alone."""
        texts = [text for pair in pairs for text in (pair.left, pair.right)]
        for left, right in zip(texts[0::2], texts[1::2], strict=True):
            if [row.input_ids for row in left.rows] != [row.input_ids for row in right.rows]:
                raise ModelError(
                    f"{self.name} reads both texts together, and these were tokenized apart: "
                    "tokenize_pairs gives them as it reads them."
                )
        rows = [(2 * index, pair.left.rows[0]) for index, pair in enumerate(pairs)]
        tokens = sum(len(row.input_ids) for _, row in rows)
        workers = self._workers(tokens)
        most_tokens = share_of(tokens, workers, most=most_tokens)

        def run(
            worker: Encoder, group: Sequence[int]
        ) -> tuple[NDArray[np.float64], list[GroupPass]]:
            with outside_inference(), torch.set_grad_enabled(gradient):
                forward = worker._forward(
                    [rows[index] for index in group],
                    texts=texts,
                    options=options,
                    point=point,
                    presence_from=presence_from,
                )
                found = forward.scored.detach().double().cpu().numpy()[:, 0]
                if not np.isfinite(found).all():
                    raise ModelError(self.not_finite)
                slopes: tuple[Tensor, ...] = ()
                if gradient:
                    (slopes,) = slopes_at_once(forward.scored, [forward], name=self.name)
            return found, [self._for_both_texts(forward, slopes, texts)] if keep else []

        batches = self._group(rows, texts, most_tokens=most_tokens)
        logits = np.zeros(len(pairs))
        groups: list[GroupPass] = []
        threads = torch.get_num_threads()
        for batch, (found, group) in zip(
            batches, run_side_by_side(run, batches, workers, threads=threads), strict=True
        ):
            logits[batch] = found
            groups += group
        return Pass(
            similarity=logits,
            identical=np.zeros(len(pairs), dtype=np.bool_),
            scale=np.ones(len(pairs)),
            groups=tuple(groups),
        )

    def _for_both_texts(
        self, forward: Forward, slopes: Sequence[Tensor], texts: Sequence[TokenizedText]
    ) -> GroupPass:
        """Return a group with two rows for each sequence: the left text's, and the right one's."""
        width = forward.point.shape[1]
        at_left = own_tokenizer(self.tokenizer).tokenizer.padding_side == "left"
        places = []
        for left in (place.text for place in forward.places):
            for text in (left, left + 1):
                row = texts[text].rows[0]
                first = width - len(row.input_ids) if at_left else 0
                places.append(Place(text, row.positions + first, row.tokens, row.owned))
        presence = forward.presence
        doubled = replace(
            forward,
            places=tuple(places),
            point=_twice(forward.point),
            activation=_twice(forward.activation),
            latent=_twice(forward.latent),
            presence=None if presence is None else (_twice(presence[0]), _twice(presence[1])),
        )
        return finished(doubled, [_twice(slope) for slope in slopes])


def _twice(rows: Tensor) -> Tensor:
    return rows.detach().repeat_interleave(2, dim=0)


def refuse_pooling(opening: Opening, name: str) -> None:
    """Raise OptionError where a pooling is asked for."""
    if opening.pooling not in ("auto", "model"):
        raise OptionError(
            f"pooling is {opening.pooling!r}, and {name} reads both texts together: its score is "
            "its head's, with nothing to pool. Leave pooling out."
        )


def _takes(source: object) -> bool:
    return is_joint(source) and not is_chat_reranker(source)


@register_kind("cross-encoder", takes=_takes, labels=True)
def open_cross_encoder(source: object, opening: Opening) -> JointEncoder:
    """Return a JointEncoder of the model.

    Raises
    ------
    OptionError
        A pooling, of which a cross-encoder has none to choose; no such label.
    """
    loaded = load_cross_encoder(
        cast("Any", source),
        device=opening.device,
        trust_remote_code=opening.trust_remote_code,
        allow_pickle=opening.allow_pickle,
    )
    refuse_pooling(opening, loaded.name)
    return JointEncoder(loaded, label=opening.label)
