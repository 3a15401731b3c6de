"""Gradient caching: the gradient of a whole batch, with the activations of few rows at a time.

Gao et al. 2021, "Scaling Deep Contrastive Learning Batch Size under Memory Limited Setup". The loss
of a batch depends on its rows by their embeddings e_i alone, so that dL/dθ is the sum over rows of
(dL/de_i)ᵀ de_i/dθ. First all embeddings are computed without a graph, then L and dL/de_i, then each
part of the rows runs once more, with a graph and that derivative. Dropout draws again what it drew:
the random state before each part is kept. Masked words add up over rows and need no second look.

``CachedMultipleNegativesRankingLoss`` of sentence-transformers does the same for its own loss and
model; ours leaves equal texts out of the negatives and has masked words beside.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from whyalike.training.recobert import SIDES, Pull, RecoBERT, check_loss, count_masked, split_rows


@dataclass(frozen=True, slots=True)
class RandomState:
    """What is drawn next, on the CPU and on the device of the model."""

    cpu: Tensor
    device: Tensor | None

    @classmethod
    def now(cls, device: torch.device) -> "RandomState":
        """Return the state as it is."""
        own = None if device.type == "cpu" else torch.get_device_module(device).get_rng_state()
        return cls(torch.get_rng_state(), own)

    def restore(self, device: torch.device) -> None:
        """Put it back."""
        torch.set_rng_state(self.cpu)
        if self.device is not None:
            torch.get_device_module(device).set_rng_state(self.device)


Context = Callable[[], AbstractContextManager[Any]]


def cached_backward(
    runner: nn.Module,
    model: RecoBERT,
    *,
    sequences: Sequence[Mapping[str, Tensor]],
    targets: Tensor,
    keys: Tensor,
    backward: Callable[[Tensor], object],
    autocast: Context = nullcontext,
    no_sync: Context = nullcontext,
) -> dict[str, Tensor]:
    """Add a batch's gradient to the parameters'; return its loss and both parts, scalars.

    Parameters
    ----------
    runner : nn.Module
        The model as it is called: itself, or what shares its gradient between processes.
    model : RecoBERT
        The model.
    sequences : sequence of Mapping[str, Tensor]
        A batch; see PairCollator.
    targets : Tensor
        (B,).
    keys : Tensor
        (B, 2).
    backward : Callable[[Tensor], object]
        Is called with a scalar whose gradient is to be added.
    autocast : Context, optional
        In which the model runs, where it is not called by ``runner``.
    no_sync : Context, optional
        In which gradients stay in this process; the last part runs outside of it.

    Raises
    ------
    ModelError
        The loss is no number.
    """
    parts = [
        (number, rows, part)
        for number, sequence in enumerate(sequences)
        for rows, part in split_rows(sequence)
    ]
    states = []
    embedded: dict[str, Tensor] = {}
    with torch.no_grad(), autocast():
        for _, rows, part in parts:
            states.append(RandomState.now(targets.device))
            for side, means in model.read(part).means.items():
                whole = embedded.setdefault(side, means.new_empty(len(targets), means.shape[-1]))
                whole[rows] = means
    after = RandomState.now(targets.device)
    for side in SIDES:
        embedded[side].requires_grad_()
    pairs = model.pair_loss(embedded["title"], embedded["description"], targets, keys)
    pulls = dict(zip(SIDES, torch.autograd.grad(pairs, [embedded[s] for s in SIDES]), strict=True))
    count = count_masked(sequences)
    words = torch.zeros_like(pairs)
    for place, ((_, rows, part), state) in enumerate(zip(parts, states, strict=True)):
        mine = {side: pull[rows] for side, pull in pulls.items() if side in part}
        is_last = place == len(parts) - 1
        with nullcontext() if is_last else no_sync():
            state.restore(targets.device)
            found = runner(pull=Pull(part, mine, count))
            backward(found["loss"])
        words += found["masked_words"]
    after.restore(targets.device)
    loss = pairs.detach() + model.settings.mlm_weight * words
    check_loss(loss, model.settings)
    return {"loss": loss, "title_description": pairs.detach(), "masked_words": words}
