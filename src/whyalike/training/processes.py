"""What processes that train together know of each other: one batch of all, and counts over it.

Each process computes the loss of the joint batch from everybody's embeddings, of which only its own
have a graph. Its parameters then get that loss's derivative through its own rows; the sum over the
processes is the whole derivative, of which DistributedDataParallel takes the mean. Nothing has to
be sent back in the backward pass, and every process logs the same loss.
"""

import torch
from torch import Tensor, distributed


def count_processes() -> int:
    """Return how many processes share a batch now; 1 without a process group."""
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_world_size()
    return 1


def of_all_processes(rows: Tensor) -> Tensor:
    """Return the rows (W B, ...) of all W processes; this one's (B, ...) keep their graph.

    Every process must have as many rows, which accelerate's loaders see to.
    """
    if count_processes() == 1:
        return rows
    gathered = [torch.empty_like(rows) for _ in range(count_processes())]
    distributed.all_gather(gathered, rows.detach().contiguous())
    gathered[distributed.get_rank()] = rows
    return torch.cat(gathered)


def of_the_joint_batch(loss: Tensor) -> Tensor:
    """Return a loss of the joint batch, unchanged, with W times its gradient.

    The mean of what W processes have of it is then the gradient.
    """
    more = count_processes() - 1
    return loss + more * (loss - loss.detach()) if more else loss


def mean_over_processes(value: Tensor) -> Tensor:
    """Return the mean of the processes' values."""
    if count_processes() == 1:
        return value
    total = value.clone()
    distributed.all_reduce(total)
    return total / count_processes()
