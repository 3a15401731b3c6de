"""The losses of RecoBERT, each as a formula of tensors, and two that learn from more negatives.

B pairs, R rows of T tokens, H features, V tokens of the vocabulary. All losses are in nats.
"""

import torch
from torch import Tensor
from torch.nn import functional

EDGE = 1e-6
"""How near to 0 and 1 the probability of a pair comes: its logarithm stays finite."""


def mean_of_tokens(hidden: Tensor, chosen: Tensor) -> Tensor:
    """Return the mean vector (R, H) of the chosen tokens of each row, f_t or f_d.

    Malkiel et al. 2022, Eq. 1. A row without any has the zero vector. Half precision is summed
    in single.

    Args:
        hidden: (R, T, H).
        chosen: (R, T), true on the tokens that count: never a special one.
    """
    weights = chosen.to(torch.float32).unsqueeze(-1)
    return (hidden.float() * weights).sum(1) / weights.sum(1).clamp(min=1)


def title_description_loss(titles: Tensor, descriptions: Tensor, targets: Tensor) -> Tensor:
    """Return RecoBERT's title-description loss: -log C of a true pair, -log (1 - C) of another.

    Malkiel et al., Findings of EMNLP 2020: binary cross-entropy of C = (1 + cos) / 2.

    Args:
        titles: f_t, (B, H).
        descriptions: f_d, (B, H).
        targets: (B,), 1 where both belong to one item, 0 where not.
    """
    return _cross_entropy(functional.cosine_similarity(titles, descriptions), targets).mean()


def all_pairs_loss(titles: Tensor, descriptions: Tensor, same: Tensor) -> Tensor:
    """Return the same loss over every title with every description of the batch.

    Half of it is the mean over the items' own pairs, half the mean over all others, as true and
    false pairs are equally likely in the paper.

    Args:
        titles: (B, H).
        descriptions: (B, H), in the same order.
        same: (B, B), true where the two are no false pair: the diagonal, and equal texts.
    """
    cosines = _all_cosines(titles, descriptions)
    own = _cross_entropy(cosines.diagonal(), torch.ones_like(cosines.diagonal())).mean()
    others = cosines[~same]
    if not others.numel():
        return own
    return (own + _cross_entropy(others, torch.zeros_like(others)).mean()) / 2


def ranking_loss(titles: Tensor, descriptions: Tensor, same: Tensor, *, scale: float) -> Tensor:
    """Return the cross-entropy of finding a title's description among those of the batch.

    MultipleNegativesRankingLoss of sentence-transformers (Henderson et al. 2017), where equal
    texts are left out of the negatives.

    Args:
        titles: (B, H).
        descriptions: (B, H), in the same order.
        same: (B, B), true where the two are no false pair: the diagonal, and equal texts.
        scale: what cosines are multiplied by before the softmax.
    """
    own = torch.eye(len(same), dtype=torch.bool, device=same.device)
    logits = _all_cosines(titles, descriptions) * scale
    logits = logits.masked_fill(same & ~own, float("-inf"))
    return functional.cross_entropy(logits, torch.arange(len(logits), device=logits.device))


def masked_word_loss(logits: Tensor, labels: Tensor, *, count: Tensor) -> Tensor:
    """Return the masked-language loss: cross-entropy summed over masked tokens, over ``count``.

    Devlin et al. 2019. ``count`` is the batch's number of masked tokens; with several processes
    it is their mean, so that the mean of the processes' losses is that of the joint batch.

    Args:
        logits: (M, V), of the masked tokens only.
        labels: (M,), what stood there.
        count: a scalar.
    """
    total = functional.cross_entropy(logits.float(), labels, reduction="sum")
    return total / count.clamp(min=1)


def _all_cosines(left: Tensor, right: Tensor) -> Tensor:
    return functional.normalize(left, dim=-1) @ functional.normalize(right, dim=-1).T


def _cross_entropy(cosines: Tensor, targets: Tensor) -> Tensor:
    """Return the loss of each pair, (N,).

    A clamp would have no gradient where a false pair has cosine 1, which is where it is needed.
    """
    likely = (1 + (1 - 2 * EDGE) * cosines.clamp(-1, 1)) / 2
    return -(targets * likely.log() + (1 - targets) * torch.log1p(-likely))
