"""A model as a pipeline: transformer, pooling, what comes after, and the score of two vectors.

Both build the model's inputs from token ids that are known to be what the model reads, and both
return two vectors per row: the one that is scored, and the same before any final normalisation.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from inspect import signature
from typing import Any, Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from torch import Tensor, nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from whyalike.errors import ModelError, OptionError
from whyalike.explanation import SimilarityFunction
from whyalike.models.capture import Captured
from whyalike.models.installed import Normalize, preprocess, reads_plainly
from whyalike.models.replica import OwnTokenizer
from whyalike.models.tokens import Row, TokenizedText
from whyalike.options import Activation, ObjectiveOption

Pooling = Literal["auto", "model", "paper", "cls", "last"]


def pool(hidden: Tensor, mask: Tensor, content: Tensor, *, pooling: Pooling) -> Tensor:
    """Return (B, H) vectors.

    ``"paper"`` is Eq. 1 of Malkiel et al. 2022 (row 11): the mean over tokens of the text, without
    special tokens; a row without any gets the zero vector. ``"cls"`` and ``"last"`` take the
    first and the last token that is not padding.

    Parameters
    ----------
    hidden : Tensor
        (B, T, H).
    mask : Tensor
        (B, T), 1 where there is no padding.
    content : Tensor
        (B, T), 1 on tokens of the text that the row owns.
    pooling : Pooling
        Which of the three.
    """
    if pooling == "paper":
        weights = content.to(hidden.dtype).unsqueeze(-1)
        return (hidden * weights).sum(1) / weights.sum(1).clamp(min=1)
    rows = torch.arange(len(hidden), device=hidden.device)
    if pooling == "cls":
        return hidden[rows, mask.argmax(1)]
    last = mask.shape[1] - 1 - mask.flip(1).argmax(1)
    return hidden[rows, last]


Point = Literal["embedding", "last_layer"] | int
"""Where a gradient is taken; a number is the index of a hidden state, 0 being the embeddings."""


@dataclass(frozen=True, eq=False)
class TokenPair:
    """Two tokenized texts whose similarity is asked for."""

    left: TokenizedText
    right: TokenizedText

    @property
    def length(self) -> int:
        """Tokens of the longer side."""
        return max(self.left.length, self.right.length)

    @property
    def reads_the_same_twice(self) -> bool:
        """Whether the model gets the very same input, and some text in it, for both sides."""
        left, right = ([row.input_ids for row in side.rows] for side in (self.left, self.right))
        same_way = self.left.route == self.right.route
        return same_way and left == right and len(self.left.offsets) > 0


@dataclass(frozen=True, eq=False)
class Place:
    """Where one row's tokens stand in a padded batch.

    text: 2 p for the left text of pair p, 2 p + 1 for the right one. positions, tokens, owned:
    (T,), as in Row, but positions count the padding.
    """

    text: int
    positions: NDArray[np.intp]
    tokens: NDArray[np.intp]
    owned: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Forward:
    """One group of rows after the forward pass, still in the graph.

    point: (B, T, D), where the gradient is taken. scored, raw: (B, H) vectors, as scored and
    before any final normalisation. presence: the weights of tokens and the last hidden states
    (B, T, H), where their gradients were asked for too; attended: whether all attention was seen.
    """

    places: tuple[Place, ...]
    point: Tensor
    activation: Tensor
    latent: Tensor
    scored: Tensor
    raw: Tensor
    presence: tuple[Tensor, Tensor] | None = None
    attended: bool = True

    @property
    def targets(self) -> list[Tensor]:
        """What the score is differentiated by."""
        return [self.point, *(self.presence or ())]

    @property
    def ends(self) -> tuple[Tensor, Tensor]:
        """The vectors at which the graph of the group ends."""
        return self.scored, self.raw


@dataclass(frozen=True, eq=False)
class GroupPass:
    """One group of rows after both passes: (B, T, D), (B, T, D) or None, (B, T, H).

    presence: (B, T), how the score changes with a token's weight, where that was asked for.
    """

    places: tuple[Place, ...]
    activation: Tensor
    gradient: Tensor | None
    latent: Tensor
    presence: Tensor | None = None
    attended: bool = True


@dataclass(frozen=True, eq=False)
class Pass:
    """P scored pairs.

    identical: (P,), where the score is at its maximum and has no gradient. scale: (P,), by which a
    gradient times an activation is in units of the similarity: 1 unless another quantity was
    differentiated (row 16). expected: (2 P,), the mean score of each text with the background, left
    and right of each pair in turn; None where nothing was taken off.
    """

    similarity: NDArray[np.float64]
    identical: NDArray[np.bool_]
    scale: NDArray[np.float64]
    groups: tuple[GroupPass, ...]
    expected: NDArray[np.float64] | None = None


def place_rows(rows: Sequence[tuple[int, Row]], mask: Tensor) -> tuple[tuple[Place, ...], Tensor]:
    """Return each row's place in its padded batch, and (B, T) True on tokens that a row owns."""
    first = mask.argmax(1).tolist()
    content = np.zeros(mask.shape, dtype=np.bool_)
    places = []
    for index, (text, row) in enumerate(rows):
        positions = row.positions + first[index]
        content[index, positions[row.owned]] = True
        places.append(Place(text, positions, row.tokens, row.owned))
    return tuple(places), torch.from_numpy(content).to(mask.device)


def activation_of(captured: Captured, activation: Activation) -> Tensor:
    """Return E (Malkiel et al. 2022, Eq. 2; row 9): (B, T, D), detached.

    The leaf is the token embedding, or what comes out of the LayerNorm behind it; positions and
    segments are added where asked for and where the model has them. Adding leaves the gradient
    as it is.
    """
    if captured.leaf is None:
        raise ModelError("The model's forward pass never used its input embeddings.")
    total = captured.leaf.detach()
    if activation in ("token+position", "token+position+segment") and captured.position is not None:
        total = total + captured.position
    if activation == "token+position+segment" and captured.segment is not None:
        total = total + captured.segment
    return total


Batch = Sequence[tuple[TokenizedText, Row]]

TYPES = "token_type_ids"


class VectorSource(Protocol):
    """Where vectors come from."""

    @property
    def module(self) -> nn.Module:
        """All that runs."""

    def features(self, batch: Batch) -> dict[str, Any]:
        """Return the model's inputs, padded, on its device."""

    def vectors(
        self, features: dict[str, Any], content: Tensor, captured: Captured
    ) -> tuple[Tensor, Tensor]:
        """Return (scored, unnormalised) vectors, (B, H) each."""


class PooledEncoder:
    """A Hugging Face encoder whose last hidden states are pooled here."""

    def __init__(
        self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, pooling: Pooling
    ) -> None:
        self.module = model
        self.tokenizer = tokenizer
        self.pooling = pooling
        takes = signature(model.forward).parameters
        self.takes_mask = "attention_mask" in takes or any(
            each.kind is each.VAR_KEYWORD for each in takes.values()
        )

    def features(self, batch: Batch) -> dict[str, Any]:
        """See VectorSource."""
        return pad(batch, self.tokenizer, self.module.device)

    def vectors(
        self, features: dict[str, Any], content: Tensor, captured: Captured
    ) -> tuple[Tensor, Tensor]:
        """See VectorSource."""
        # Before transformers 5, FNet takes none.
        given = features if self.takes_mask else {"input_ids": features["input_ids"]}
        self.module(**given)
        if captured.last_hidden is None:
            raise ModelError(f"{type(self.module).__name__} returned no hidden states.")
        mask = features["attention_mask"]
        vectors = pool(captured.last_hidden, mask, content, pooling=self.pooling)
        return at_least_single(vectors), at_least_single(vectors)


class PipelineEncoder:
    """A SentenceTransformer, run whole: its pooling, Dense, Normalize, prompts and truncation."""

    def __init__(self, pipeline: SentenceTransformer, own: OwnTokenizer) -> None:
        self.module = pipeline
        self.own = own
        self._besides: dict[str, dict[str, Any]] = {}

    def features(self, batch: Batch) -> dict[str, Any]:
        """See VectorSource; all rows are windows, or none.

        That the pipeline reads the tokens that we found is seen to for each batch; of a usual
        pipeline for the first of each prompt, and for texts that are cut.

        Raises
        ------
        ModelError
            The pipeline reads other tokens than ours.
        OptionError
            Windows with a prompt that the pooling leaves out.
        """
        prompt = batch[0][0].prompt
        if len(batch[0][0].rows) > 1:
            if prompt and not all(_pools_prompt(module) for module in self.module.children()):
                raise OptionError(
                    "This pipeline leaves its prompt out of the pooling, which windows can't: "
                    "choose long_text='truncate', or pooling='paper'."
                )
            return pad(batch, self.own.tokenizer, self.module.device)
        # Asked each time: settings that are held in a dictionary can be changed in place.
        plain = reads_plainly(self.module)
        if plain and prompt in self._besides and not any(text.truncated for text, _ in batch):
            return self._padded(batch, self._besides[prompt])
        texts = [text.text for text, _ in batch]
        with self.own.lock:
            features = preprocess(self.module, texts, prompt=prompt)
        ids, mask = features.get("input_ids"), features.get("attention_mask")
        if ids is None or mask is None:
            raise ModelError("The model takes no token ids; only text encoders can be explained.")
        for (_, row), row_ids, row_mask in zip(batch, ids, mask.bool(), strict=True):
            if tuple(row_ids[row_mask].tolist()) != row.input_ids:
                raise ModelError(
                    "The pipeline reads other tokens than its tokenizer gives (a chat template, or "
                    "a step of its own before tokenizing), so words can't be traced through it. "
                    "Choose pooling='paper' to explain its encoder instead."
                )
        if plain:
            self._learn(batch, features)
        device = self.module.device
        return {k: v.to(device) if isinstance(v, Tensor) else v for k, v in features.items()}

    def _learn(self, batch: Batch, features: dict[str, Any]) -> None:
        """Keep what there is besides tokens, where ours, padded, are all else that was read."""
        besides = {key: value for key, value in features.items() if not isinstance(value, Tensor)}
        if (types := features.get(TYPES)) is not None:
            if types.any() or self.own.tokenizer.pad_token_type_id != 0:
                return
            besides[TYPES] = None
        padded = self._padded(batch, besides)
        if padded.keys() == features.keys() and all(
            torch.equal(value.cpu(), features[key].cpu())
            for key, value in padded.items()
            if isinstance(value, Tensor)
        ):
            self._besides[batch[0][0].prompt] = besides

    def _padded(self, batch: Batch, besides: dict[str, Any]) -> dict[str, Any]:
        found = {**besides, **pad(batch, self.own.tokenizer, self.module.device)}
        if TYPES in besides:
            found[TYPES] = torch.zeros_like(found["input_ids"])
        return found

    def vectors(
        self, features: dict[str, Any], content: Tensor, captured: Captured
    ) -> tuple[Tensor, Tensor]:
        """See VectorSource; the pipeline does its own pooling, so that two arguments go unused."""
        del content, captured
        with _input_of_last_normalize(self.module) as kept:
            scored = self.module(features)["sentence_embedding"]
        dimensions = self.module.truncate_dim
        raw = kept[0] if kept else scored
        return at_least_single(scored[:, :dimensions]), at_least_single(raw[:, :dimensions])


def _pools_prompt(module: nn.Module) -> bool:
    return bool(getattr(module, "include_prompt", True))


def pools_all_tokens(pooling: Pooling, pipeline: SentenceTransformer | None) -> bool:
    """Return whether a text's vector is made of all its tokens, and not of the first or last alone.

    The poolings of a pipeline are tried on three tokens, of which only the middle one is not zero.
    """
    if pooling != "model" or pipeline is None:
        return pooling == "paper"
    states = torch.tensor([[[0.0], [1.0], [0.0]]])
    for module in pipeline.modules():
        # ``include_prompt`` is what poolings alone have, whatever they are called.
        if hasattr(module, "include_prompt"):
            features = {
                "token_embeddings": states,
                "attention_mask": torch.ones(1, 3, dtype=torch.long),
            }
            with torch.no_grad():
                if not module(features)["sentence_embedding"].any():
                    return False
    return True


def at_least_single(tensor: Tensor) -> Tensor:
    """Return a tensor in single or double precision: half is too coarse for cosines and sums."""
    return tensor if tensor.dtype == torch.float64 else tensor.float()


def pad(batch: Batch, tokenizer: PreTrainedTokenizerBase, device: torch.device) -> dict[str, Any]:
    """Return input ids and attention mask, (B, T) each, padded on the tokenizer's side."""
    width = max(len(row.input_ids) for _, row in batch)
    token = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else 0
    ids = np.full((len(batch), width), token, dtype=np.int64)
    mask = np.zeros((len(batch), width), dtype=np.int64)
    for index, (_, row) in enumerate(batch):
        start = width - len(row.input_ids) if tokenizer.padding_side == "left" else 0
        place = slice(start, start + len(row.input_ids))
        ids[index, place] = row.input_ids
        mask[index, place] = 1
    return {
        "input_ids": torch.from_numpy(ids).to(device),
        "attention_mask": torch.from_numpy(mask).to(device),
    }


@contextmanager
def _input_of_last_normalize(pipeline: SentenceTransformer) -> Iterator[list[Tensor]]:
    """Keep the sentence embedding as it is before a Normalize at the end of the pipeline."""
    kept: list[Tensor] = []
    last = list(pipeline.children())[-1]
    if not isinstance(last, Normalize):
        yield kept
        return

    def keep(_module: nn.Module, args: tuple[dict[str, Any], ...]) -> None:
        kept.append(args[0]["sentence_embedding"])

    hook = last.register_forward_pre_hook(keep)
    try:
        yield kept
    finally:
        hook.remove()


Pairwise = Callable[[Tensor, Tensor], Tensor]

Means = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Mean vectors (H,) of a background's texts as left texts, and as right ones; of a cosine, of
their unit vectors."""


def cosine(left: Tensor, right: Tensor) -> Tensor:
    """(P,): cosine of each row of ``left`` (P, H) with the same row of ``right``."""
    unit = torch.nn.functional.normalize
    return dot(unit(left, dim=-1), unit(right, dim=-1))


def dot(left: Tensor, right: Tensor) -> Tensor:
    """(P,): unnormalised product of each row of ``left`` (P, H) with that of ``right``."""
    product: Tensor = (left * right).sum(-1)
    return product


def euclidean(left: Tensor, right: Tensor) -> Tensor:
    """(P,): minus the euclidean distance, so that higher means more alike."""
    distance: Tensor = torch.linalg.vector_norm(left - right, dim=-1)
    return -distance


def manhattan(left: Tensor, right: Tensor) -> Tensor:
    """(P,): minus the city-block distance, so that higher means more alike."""
    return -(left - right).abs().sum(-1)


SIMILARITIES: dict[SimilarityFunction, Pairwise] = {
    "cosine": cosine,
    "dot": dot,
    "euclidean": euclidean,
    "manhattan": manhattan,
}


def at_its_maximum(left: Tensor, right: Tensor, function: SimilarityFunction) -> Tensor:
    """(P,) bool: where both vectors are the same, up to rounding, for this similarity.

    There the gradient vanishes (cosine) or does not exist (distances): row 16 of the reading.
    A product has no maximum.
    """
    if function == "dot":
        return torch.zeros(len(left), dtype=torch.bool, device=left.device)
    if function == "cosine":
        return cosine(left, right) >= 1 - 1e-6
    scale = left.abs().amax(-1).clamp(min=1.0)
    return (left - right).abs().amax(-1) <= 1e-6 * scale


@dataclass(frozen=True, eq=False)
class PairScores:
    """P scores. identical, scale, expected: see Pass. objective: (P,), what to differentiate."""

    similarity: NDArray[np.float64]
    identical: NDArray[np.bool_]
    scale: NDArray[np.float64]
    expected: NDArray[np.float64] | None
    objective: Tensor


def score_pairs(
    scored: Tensor,
    raw: Tensor,
    pairs: Sequence[TokenPair],
    *,
    function: SimilarityFunction,
    options: ObjectiveOption,
    means: Means | None = None,
    length_share: float = 1.0,
) -> PairScores:
    """Score pairs by the vectors (2 P, H) of their texts, left and right of each in turn.

    Where both texts are the same to the model, or ``options.objective`` is the product, what is
    differentiated is the unnormalised product of both vectors (row 16). With the mean vectors of a
    background's texts, as left and as right ones, the mean score of each text with the background
    is taken off (see ``whyalike.background``), of which that is then so many times as much.
    ``length_share``: see ``with_length``; the product keeps its gradient.
    """
    left, right = scored[0::2], scored[1::2]
    value = SIMILARITIES[function](left, right)
    same = torch.tensor([pair.reads_the_same_twice for pair in pairs])
    identical = at_its_maximum(left, right, function)
    if function != "dot":
        identical = identical | same.to(identical.device)
    product = dot(raw[0::2], raw[1::2])
    replaced = identical | (options.objective == "dot")
    # Rows of the other branch get a zero gradient from where, but a distance of zero has none
    # (NaN), so that it must not be in the graph at all.
    compared, compare = scored, SIMILARITIES[function]
    if function in ("cosine", "dot"):
        compared, compare = with_length(scored, raw, function, share=length_share), dot
    one, other = compared[0::2], compared[1::2]
    safe = compare(torch.where(replaced[:, None], one.detach() + 1, one), other)
    # Minus a distance of zero is -0.0, which adding 0 makes 0.
    similarity = value.detach().double().cpu().numpy() + 0.0
    at_maximum = identical.cpu().numpy()
    if function == "cosine":
        similarity = np.where(at_maximum, 1.0, np.clip(similarity, -1.0, 1.0))
    elif function != "dot":
        # Rows of a batch are rounded by their place, and so are those of equal texts.
        similarity = np.where(same.numpy(), 0.0, similarity)
    scale, expected = _scale(similarity, product, replaced), None
    if means is not None:
        usual, usual_of_product = _usual(compared, raw, means)
        expected = usual.detach().double().cpu().numpy()
        product = product - usual_of_product[0::2] - usual_of_product[1::2]
        safe = safe - usual[0::2] - usual[1::2]
    return PairScores(
        similarity=similarity,
        identical=at_maximum,
        scale=scale,
        expected=expected,
        objective=torch.where(replaced, product, safe),
    )


def with_length(
    scored: Tensor, raw: Tensor, function: SimilarityFunction, *, share: float
) -> Tensor:
    """Return the vectors (N, H) whose products are the scores, of a cosine the unit vectors.

    Where vectors are scaled to one length, for a cosine or by a Normalize at the end, their
    gradient takes for granted that a vector's length falls as far as what is taken from it is
    long along it. Here it counts that fall for so great a ``share``: 1 leaves the gradient as it
    is, 0 takes the length for constant. Values are the same.
    """
    units = torch.nn.functional.normalize(scored, dim=-1) if function == "cosine" else scored
    if share == 1 or (function == "dot" and torch.equal(scored, raw)):
        return units
    lengths = torch.linalg.vector_norm(raw, dim=-1, keepdim=True)
    constant = lengths.detach()
    factors: Tensor = 1 + (1 - share) * (lengths - constant) / constant.clamp(min=1e-12)
    return units * factors


def _usual(compared: Tensor, raw: Tensor, means: Means) -> tuple[Tensor, Tensor]:
    """Return the mean scores (2 P,) of texts with a background, and the same of their raw vectors.

    The second are in the units of the product of a pair's raw vectors, lengths being constant.
    """
    as_left, as_right = (torch.from_numpy(mean).to(compared) for mean in means)
    # A left text meets the background's texts as right ones.
    other = torch.stack([as_right, as_left]).repeat(len(compared) // 2, 1)
    tiny = torch.finfo(raw.dtype).tiny
    longer = (raw.norm(dim=-1) / compared.norm(dim=-1).clamp(min=tiny)).detach()
    of_partner = longer.view(-1, 2).flip(1).flatten()
    return dot(compared, other), dot(raw, other) * of_partner


def _scale(
    similarity: NDArray[np.float64], product: Tensor, replaced: Tensor
) -> NDArray[np.float64]:
    """Return (P,): the similarity's size as a multiple of the product's, where that took its place.

    Never below zero: a distance, of minus sign, falls where the product rises.
    """
    value = np.abs(product.detach().double().cpu().numpy())
    use = replaced.cpu().numpy() & (value != 0)
    sizes = np.abs(similarity) / np.where(use, value, 1.0)
    scale: NDArray[np.float64] = np.where(use, sizes, 1.0)
    return scale
