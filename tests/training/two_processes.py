"""Run in two processes, as torchrun starts them: one gradient, then a whole training.

Writes gradient-RANK.pt and finished-RANK.pt into the folder that is its argument.
"""

from pathlib import Path

import torch
from torch import distributed
from torch.nn.parallel import DistributedDataParallel
from training_catalogue import some_items, some_pairs

from whyalike.training import TrainingSettings, train_recobert
from whyalike.training.data import PairCollator, PairDataset
from whyalike.training.recobert import RecoBERT, open_base

GRADIENT = TrainingSettings(encoding="joint", negatives="drawn", mlm_weight=0.5, mask=0.3)
TRAINING = TrainingSettings.of(
    encoding="joint", mlm_weight=0.5, batch_size=4, max_steps=4, looks=1, learning_rate=1e-3,
    max_length=64, held_out=0.1, watched=0.1,
)  # fmt: skip


def gradient_of(base: str, indices: range, *, parallel: bool) -> dict[str, torch.Tensor]:
    opened = open_base(base, masked_words=True, seed=0)
    model = RecoBERT(opened, GRADIENT).eval()
    dataset = PairDataset(some_pairs(), GRADIENT)
    collate = PairCollator(opened.tokenizer, GRADIENT, segments=opened.segments)
    batch = collate([dataset[index] for index in indices])
    # Held by a name: without its wrapper a model's gradient is not shared.
    runner = DistributedDataParallel(model) if parallel else model
    runner(**batch)["loss"].backward()
    return {name: parameter.grad for name, parameter in model.named_parameters()}


def main(folder: Path) -> None:
    distributed.init_process_group("gloo")
    rank = distributed.get_rank()
    found = gradient_of(str(folder / "base"), range(4 * rank, 4 * rank + 4), parallel=True)
    torch.save(found, folder / f"gradient-{rank}.pt")
    from whyalike.training import loop

    finish = loop.RecoBERTTrainer.train

    def train_and_keep(self, *args, **kwargs):
        done = finish(self, *args, **kwargs)
        state = {name: tensor.clone() for name, tensor in self.model.state_dict().items()}
        torch.save(state, folder / f"finished-{rank}.pt")
        return done

    loop.RecoBERTTrainer.train = train_and_keep
    result = train_recobert(
        some_items(), out=folder / "model", base=str(folder / "base"), settings=TRAINING
    )
    torch.save(result.to_dict(), folder / f"result-{rank}.pt")
    distributed.destroy_process_group()
