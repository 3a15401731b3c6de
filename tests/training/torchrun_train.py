"""Run by torchrun: ``whyalike train``, and what the parameters are when its steps are done.

    torchrun --nproc-per-node 2 torchrun_train.py FOLDER ARGUMENTS...

Each process writes finished-RANK.pt into FOLDER.
"""

import os
import sys
from pathlib import Path

import torch


def main(folder: Path) -> None:
    from whyalike.training.loop import RecoBERTTrainer

    finish = RecoBERTTrainer.train

    def train_and_keep(self, *args, **kwargs):
        done = finish(self, *args, **kwargs)
        state = {name: tensor.clone() for name, tensor in self.model.state_dict().items()}
        torch.save(state, folder / f"finished-{os.environ['RANK']}.pt")
        return done

    RecoBERTTrainer.train = train_and_keep
    from whyalike.cli import main as run

    del sys.argv[1]
    run()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
