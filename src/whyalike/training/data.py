"""Pairs of titles and descriptions to train on: true ones, negatives, and how they are split.

A draw depends on the seed, the epoch and the item alone, not on the process, the worker or the
order in which items are asked for.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset
from transformers import DataCollatorForLanguageModeling, PreTrainedTokenizerBase

from whyalike.errors import OptionError
from whyalike.training.settings import TrainingSettings

TRIES = 16

DRAWN, MASKED = 0, 1
"""What a random stream is for: no two uses share one."""


def stream(seed: int, epoch: int, index: int, *, use: int) -> np.random.Generator:
    """Return the random numbers of one item in one epoch."""
    return np.random.default_rng([seed, epoch, index, use])


class Negatives:
    """Draws false pairs: never the item's own description, nor that of an item with equal text.

    Parameters
    ----------
    pairs : Sequence[tuple[str, str]]
        Title and description of each item.
    seed : int
        Of all draws.
    probability : float, default=0.5
        How often an item is shown with a false description.

    Raises
    ------
    OptionError
        All items have the same title or description, so that there is no false pair.
    """

    def __init__(
        self, pairs: Sequence[tuple[str, str]], *, seed: int, probability: float = 0.5
    ) -> None:
        self.titles = number_texts([title for title, _ in pairs])
        self.descriptions = number_texts([description for _, description in pairs])
        self.seed = seed
        self.probability = probability
        if probability and not self._count_others().all():
            raise OptionError(
                "There is an item from which every other item has the same title or description, "
                "so no false pair can be drawn. Give a catalogue of more varied items."
            )

    def draw(self, index: int, *, epoch: int) -> int:
        """Return the item whose description goes with the title of item ``index``."""
        random = stream(self.seed, epoch, index, use=DRAWN)
        if random.random() >= self.probability:
            return index
        for _ in range(TRIES):
            other = int(random.integers(len(self.titles)))
            if self._differs(index, other):
                return other
        # Few others differ: draw from a list of them, which costs a pass over the catalogue.
        return int(random.choice(self._others(index)))

    def _differs(self, index: int, other: int) -> bool:
        return bool(
            self.titles[index] != self.titles[other]
            and self.descriptions[index] != self.descriptions[other]
        )

    def _others(self, index: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        differ = (self.titles != self.titles[index]) & (
            self.descriptions != self.descriptions[index]
        )
        return np.flatnonzero(differ)

    def _count_others(self) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """Return how many items differ from each in both, (N,), without comparing all pairs."""
        both = self.titles * (self.descriptions.max(initial=0) + 1) + self.descriptions
        equal = [
            np.unique(n, return_inverse=True, return_counts=True)[1:]
            for n in (self.titles, self.descriptions, both)
        ]
        title, description, alike = (counts[inverse] for inverse, counts in equal)
        return np.asarray(len(both) - title - description + alike)


def number_texts(texts: Sequence[str]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return a number for each text, equal for texts that differ in blanks or case only."""
    seen: dict[str, int] = {}
    plain = (" ".join(text.split()).casefold() for text in texts)
    return np.array([seen.setdefault(text, len(seen)) for text in plain], dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Split:
    """Places of the items, ascending. No title or description of one part stands in another."""

    train: tuple[int, ...]
    watched: tuple[int, ...]
    held_out: tuple[int, ...]


def split_pairs(
    pairs: Sequence[tuple[str, str]], *, held_out: float, watched: float, seed: int
) -> Split:
    """Return which pairs to train on; those with equal titles or descriptions stay together.

    Parameters
    ----------
    pairs : Sequence[tuple[str, str]]
        Title and description of each item.
    held_out : float
        The share of items to report on.
    watched : float
        The share of items that tell when to stop, and so can't be reported on.
    seed : int
        Of the draw.

    Raises
    ------
    OptionError
        Fewer than two items are left to train on.
    """
    groups = _groups_of_equal_texts(pairs)
    parts: list[list[int]] = [[], []]
    wanted = [round(held_out * len(pairs)), round(watched * len(pairs))]
    for number in np.random.default_rng([seed, len(pairs)]).permutation(len(groups)):
        for part, size in zip(parts, wanted, strict=True):
            # A large group of equal titles ("Ring") would overshoot: it is learnt from instead.
            if len(part) + len(groups[number]) <= size:
                part.extend(groups[number])
                break
    kept = {*parts[0], *parts[1]}
    train = tuple(index for index in range(len(pairs)) if index not in kept)
    if len(train) < 2:
        raise OptionError(
            f"{len(pairs)} items with a title and a description leave {len(train)} to train on: "
            "give a larger catalogue, or hold out less (held_out, --held-out)."
        )
    return Split(train, tuple(sorted(parts[1])), tuple(sorted(parts[0])))


def _groups_of_equal_texts(pairs: Sequence[tuple[str, str]]) -> list[list[int]]:
    """Return the items joined by equal texts, in order of their first item."""
    parents = list(range(len(pairs)))

    def root(index: int) -> int:
        while parents[index] != index:
            parents[index] = parents[parents[index]]
            index = parents[index]
        return index

    for side in (0, 1):
        first: dict[int, int] = {}
        for index, number in enumerate(number_texts([pair[side] for pair in pairs]).tolist()):
            parents[root(index)] = root(first.setdefault(number, index))
    groups: dict[int, list[int]] = {}
    for index in range(len(pairs)):
        groups.setdefault(root(index), []).append(index)
    return list(groups.values())


Example = dict[str, Any]

NOTHING = -100
"""The label of a token that is not masked, as in transformers."""


class PairDataset(Dataset[Example]):
    """The pairs of one ``epoch``; in another one negatives and masks are others.

    Parameters
    ----------
    pairs : Sequence[tuple[str, str]]
        Title and description of each item.
    settings : TrainingSettings
        Its seed, and how negatives are had.
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
    (B,) and ``keys`` (B, 2), numbers of each title and description. A sequence has the model's
    inputs, (R, T) each; ``title`` and ``description``, (R, T), which tokens are whose, without
    special ones; and ``labels`` (R, T).
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
        keys = torch.tensor([example["keys"] for example in examples])
        targets = torch.tensor([example["target"] for example in examples])
        return {"sequences": sequences, "targets": targets, "keys": keys}

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


def same_texts(keys: Tensor) -> Tensor:
    """Return which items (B, B) have the same title or description, by their numbers (B, 2)."""
    title, description = keys.T
    same: Tensor = (title[:, None] == title) | (description[:, None] == description)
    return same


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
