"""Pairs of title and description as token ids: masked, and true or false, anew in every epoch."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset
from transformers import DataCollatorForLanguageModeling, PreTrainedTokenizerBase

from whyalike.training.negatives import MASKED, Negatives, stream
from whyalike.training.settings import TrainingSettings

Example = dict[str, Any]
NOTHING = -100
"""The label of a token that is not masked, as in transformers."""


class PairDataset(Dataset[Example]):
    """The pairs of one ``epoch``; in another one negatives and masks are others.

    Args:
        pairs: title and description of each item.
        settings: its seed, and how negatives are had.
    """

    def __init__(self, pairs: Sequence[tuple[str, str]], settings: TrainingSettings) -> None:
        self.pairs = pairs
        drawn = settings.negatives == "drawn"
        self.negatives = Negatives(pairs, seed=settings.seed, probability=0.5 if drawn else 0.0)
        self.epoch = 0

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> Example:
        """Return a title, a description, whether they belong together, and the texts' numbers."""
        shown = self.negatives.draw(index, epoch=self.epoch)
        return {
            "title": self.pairs[index][0],
            "description": self.pairs[shown][1],
            "target": float(shown == index),
            "keys": (self.negatives.titles[index], self.negatives.descriptions[shown]),
            "index": index,
            "epoch": self.epoch,
        }


@dataclass
class PairCollator:
    """Makes a batch of examples.

    A batch has ``sequences`` (one of joint rows, or titles and descriptions apart), ``targets``
    (B,) and ``same`` (B, B). A sequence has the model's inputs, (R, T) each; ``title`` and
    ``description``, (R, T), which tokens are whose, without special ones; and ``labels`` (R, T).
    Masks are drawn for each item by itself: a batch has those that its items have alone.
    """

    tokenizer: PreTrainedTokenizerBase
    settings: TrainingSettings
    segments: bool

    def __post_init__(self) -> None:
        """Prepare what all batches share."""
        self.frame = torch.tensor(sorted(frame_tokens(self.tokenizer)))
        self.masker = (
            DataCollatorForLanguageModeling(
                self.tokenizer, mlm_probability=self.settings.mask, seed=self.settings.seed
            )
            if self.settings.mlm_weight
            else None
        )

    def __call__(self, examples: Sequence[Example]) -> dict[str, Any]:
        """Return the batch."""
        titles = [example["title"] for example in examples]
        descriptions = [example["description"] for example in examples]
        streams = [
            stream(self.settings.seed, example["epoch"], example["index"], use=MASKED)
            for example in examples
        ]
        seeds = [random.integers(2**62, size=2).tolist() for random in streams]
        if self.settings.encoding == "joint":
            sequences = [self._sequence([titles, descriptions], [s[0] for s in seeds])]
        else:
            sequences = [
                self._sequence([titles], [s[0] for s in seeds], name="title"),
                self._sequence([descriptions], [s[1] for s in seeds], name="description"),
            ]
        title, description = torch.tensor([example["keys"] for example in examples]).T
        same = (title[:, None] == title) | (description[:, None] == description)
        targets = torch.tensor([example["target"] for example in examples])
        return {"sequences": sequences, "targets": targets, "same": same}

    def _sequence(
        self, texts: list[list[str]], seeds: list[int], *, name: str | None = None
    ) -> dict[str, Tensor]:
        encoded = self.tokenizer(
            *texts,
            padding=True,
            truncation=True,
            max_length=self.settings.max_length,
            return_token_type_ids=True,
            return_tensors="pt",
        )
        ids: Tensor = encoded["input_ids"]
        # The tokenizer says which text a token is of, whatever its own format of a pair.
        owners = torch.tensor(
            [
                [-1 if owner is None else owner for owner in encoded.sequence_ids(row)]
                for row in range(len(ids))
            ]
        )
        owners[torch.isin(ids, self.frame)] = -1
        found = {"attention_mask": encoded["attention_mask"]}
        if self.segments and len(texts) == 2:
            found["token_type_ids"] = encoded["token_type_ids"]
        names = [name] if name else ["title", "description"]
        for number, called in enumerate(names):
            found[str(called)] = owners == number
        found["input_ids"], found["labels"] = self._mask(ids, owners < 0, seeds)
        return found

    def _mask(self, ids: Tensor, special: Tensor, seeds: list[int]) -> tuple[Tensor, Tensor]:
        """Return the ids with some tokens masked, and the labels, (R, T) each."""
        labels = torch.full_like(ids, NOTHING)
        if self.masker is None:
            return ids, labels
        masked = ids.clone()
        for row, seed in enumerate(seeds):
            # Of the row's own tokens only: padding would shift what is drawn for them.
            own = ~special[row]
            if not own.any():
                continue
            self.masker.generator = torch.Generator().manual_seed(seed)
            shown, label = self.masker.torch_mask_tokens(
                ids[row, own][None].clone(), torch.zeros(1, int(own.sum()), dtype=torch.long)
            )
            masked[row, own], labels[row, own] = shown[0], label[0]
        return masked, labels


def frame_tokens(tokenizer: PreTrainedTokenizerBase) -> set[int]:
    """Return the tokens that are put around texts, and are no part of them.

    An unknown or a masked word is a part of its text.
    """
    frame = (
        tokenizer.cls_token_id,
        tokenizer.sep_token_id,
        tokenizer.bos_token_id,
        tokenizer.eos_token_id,
        tokenizer.pad_token_id,
    )
    return {token for token in frame if token is not None}
