"""What goes through the model together, and what comes out: rows, places, tensors."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from whyalike.encoder.capture import Captured
from whyalike.encoder.tokenization import Row, TokenizedText
from whyalike.errors import ModelError
from whyalike.types.options import Activation

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
        return left == right and len(self.left.offsets) > 0


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
    differentiated (row 16).
    """

    similarity: NDArray[np.float64]
    identical: NDArray[np.bool_]
    scale: NDArray[np.float64]
    groups: tuple[GroupPass, ...]


def place_rows(rows: Sequence[tuple[int, Row]], mask: Tensor) -> tuple[tuple[Place, ...], Tensor]:
    """Return each row's place in its padded batch, and (B, T) True on tokens that a row owns."""
    first = mask.argmax(1).tolist()
    content = torch.zeros(mask.shape, dtype=torch.bool)
    places = []
    for index, (text, row) in enumerate(rows):
        positions = row.positions + first[index]
        content[index, torch.from_numpy(positions[row.owned])] = True
        places.append(Place(text, positions, row.tokens, row.owned))
    return tuple(places), content.to(mask.device)


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
