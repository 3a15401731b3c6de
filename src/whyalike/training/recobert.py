"""RecoBERT as one module: the encoder, its head for masked tokens, and both losses."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, distributed, nn

from whyalike.errors import ModelError
from whyalike.training.heads import Base
from whyalike.training.objective import (
    all_pairs_loss,
    masked_word_loss,
    mean_of_tokens,
    ranking_loss,
    title_description_loss,
)
from whyalike.training.pairs import NOTHING
from whyalike.training.settings import TrainingSettings


class RecoBERT(nn.Module):
    """The model that is trained. The head is part of it, so that processes share its gradient.

    Args:
        base: the encoder and the head.
        settings: which losses, and their weights.
    """

    def __init__(self, base: Base, settings: TrainingSettings) -> None:
        super().__init__()
        self.encoder = base.encoder
        self.head = base.head
        self.settings = settings
        # A tied tensor has two names, which safetensors can't store: one is kept.
        hooks: Any = self
        hooks.register_state_dict_post_hook(_drop_aliases)
        hooks.register_load_state_dict_pre_hook(_restore_aliases)

    def forward(
        self, sequences: Sequence[Mapping[str, Tensor]], targets: Tensor, same: Tensor
    ) -> dict[str, Tensor]:
        """Return ``loss`` and its two parts, scalars; see PairCollator for a batch.

        Raises ModelError where the loss is no number.
        """
        found: dict[str, Tensor] = {}
        hidden_of_masked, labels = [], []
        for sequence in sequences:
            order = sequence["attention_mask"].sum(1).argsort(descending=True, stable=True)
            means: dict[str, list[Tensor]] = {side: [] for side in SIDES if side in sequence}
            for part in _parts(sequence, order):
                inputs = {name: part[name] for name in _INPUTS if name in part}
                hidden = self.encoder(**inputs).last_hidden_state
                for side, those in means.items():
                    those.append(mean_of_tokens(hidden, part[side]))
                masked = part["labels"] != NOTHING
                hidden_of_masked.append(hidden[masked])
                labels.append(part["labels"][masked])
            found |= {side: torch.cat(those)[order.argsort()] for side, those in means.items()}
        # bfloat16 has three digits of a cosine, too few to rank by.
        with torch.autocast(targets.device.type, enabled=False):
            pairs = self._pair_loss(found["title"], found["description"], targets, same)
        loss, words = pairs, pairs.new_zeros(())
        if self.head is not None:
            wanted = torch.cat(labels)
            logits = self.head(torch.cat(hidden_of_masked))
            words = masked_word_loss(logits, wanted, count=_mean_count(wanted))
            loss = pairs + self.settings.mlm_weight * words
        value = float(loss.detach())
        if not math.isfinite(value):
            raise ModelError(
                f"The loss became {value}: the learning rate {self.settings.learning_rate} may be "
                "too high for this base. Lower it (learning_rate, --lr)."
            )
        return {
            "loss": loss,
            "title_description": pairs.detach(),
            "masked_words": words.detach(),
        }

    def _pair_loss(
        self, titles: Tensor, descriptions: Tensor, targets: Tensor, same: Tensor
    ) -> Tensor:
        match self.settings.negatives:
            case "drawn":
                return title_description_loss(titles, descriptions, targets)
            case "all":
                return all_pairs_loss(titles, descriptions, same)
            case "ranking":
                return ranking_loss(titles, descriptions, same, scale=self.settings.scale)


_INPUTS = ("input_ids", "attention_mask", "token_type_ids")
SIDES = ("title", "description")
ROWS = 16
"""Rows that go through the encoder together."""


def _parts(sequence: Mapping[str, Tensor], order: Tensor) -> Iterator[dict[str, Tensor]]:
    """Return rows in ``order``, ROWS at a time, without columns that only pad.

    Of texts that differ in length, a third of a padded batch would be padding.
    """
    for rows in torch.split(order, ROWS):
        attended = sequence["attention_mask"][rows].any(0).nonzero()
        width = int(attended[-1]) + 1 if len(attended) else 1
        yield {name: value[rows, :width] for name, value in sequence.items()}


def _mean_count(labels: Tensor) -> Tensor:
    """Return the number of masked tokens of a process, averaged over processes."""
    count = torch.tensor(float(len(labels)), device=labels.device)
    if distributed.is_available() and distributed.is_initialized():
        distributed.all_reduce(count)
        count /= distributed.get_world_size()
    return count


def _aliases(module: nn.Module) -> dict[str, str]:
    """Return the further names of parameters that have several, and the first of each."""
    first: dict[int, str] = {}
    aliases = {}
    for name, parameter in module.named_parameters(remove_duplicate=False):
        kept = first.setdefault(id(parameter), name)
        if kept != name:
            aliases[name] = kept
    return aliases


def _drop_aliases(
    module: nn.Module, state: dict[str, Any], prefix: str, _metadata: dict[str, Any]
) -> None:
    for alias in _aliases(module):
        state.pop(prefix + alias, None)


def _restore_aliases(
    module: nn.Module, state: dict[str, Any], prefix: str, *_: Any, **__: Any
) -> None:
    for alias, kept in _aliases(module).items():
        if prefix + kept in state:
            state.setdefault(prefix + alias, state[prefix + kept])
