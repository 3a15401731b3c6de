"""Where the paper's joint objective takes an encoder: texts in one sequence, and texts alone.

For the base and for checkpoints of a run on wines (the folders that whyalike keeps beside an
unfinished model): how well 300 held-out titles find their descriptions, both embedded alone; the
mean cosine of a title with its own description, with others, of two titles, and of two
descriptions; and, of 128 titles read in one sequence with their own description and with another,
as the objective reads them, both cosines and how often the true one is greater (AUC; .5 is
chance).

Run with: OMP_NUM_THREADS=1 python benchmarks/joint_states.py model.unfinished/checkpoint-32 ...
"""

import os
import random
import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

from whyalike.catalogue import Catalogue
from whyalike.similarity import similarity_matrix
from whyalike.training import TrainingSettings
from whyalike.training.data import PairCollator, number_texts, split_pairs
from whyalike.training.recobert import RecoBERT, open_base
from whyalike.training.retrieval import rank_descriptions
from whyalike.training.saving import embed_texts

DATA = Path(os.environ.get("WHYALIKE_DATA", Path(__file__).parents[2] / "shared" / "data"))
TITLES, JOINT = 300, 128


def joint_cosines(model, collate, pairs):
    """Return the cosine of f_t and f_d of each pair in one sequence, nothing masked."""
    found = []
    for start in range(0, len(pairs), 32):
        part = pairs[start : start + 32]
        batch = collate(
            [
                {
                    "title": t,
                    "description": d,
                    "target": 1.0,
                    "keys": (n, n),
                    "index": n,
                    "epoch": 0,
                }
                for n, (t, d) in enumerate(part)
            ]
        )
        with torch.no_grad():
            means = model.read(batch["sequences"][0]).means
        found.append(torch.cosine_similarity(means["title"], means["description"]))
    return torch.cat(found).numpy()


def show(name, model, base, pairs):
    model.eval()
    numbers = number_texts([description for _, description in pairs]).tolist()
    sides = [
        embed_texts(base.encoder, base.tokenizer, texts, max_length=128)
        for texts in zip(*pairs, strict=True)
    ]
    found = rank_descriptions(*sides, own=range(len(pairs)), texts=numbers)
    off = ~np.eye(len(pairs), dtype=bool)
    cosines = {
        pair: similarity_matrix(sides[pair[0]], sides[pair[1]], function="cosine")
        for pair in ((0, 1), (0, 0), (1, 1))
    }
    settings = TrainingSettings.of(preset="recobert", mlm_weight=0.0)
    collate = PairCollator(base.tokenizer, settings, segments=base.segments)
    some = pairs[:JOINT]
    moved = [d for _, d in (*some[7:], *some[:7])]
    own = joint_cosines(model, collate, some)
    other = joint_cosines(model, collate, [(t, d) for (t, _), d in zip(some, moved, strict=True)])
    auc = (own[:, None] > other[None]).mean()
    print(
        f"| {name} | {found.mrr:.3f} | {np.diag(cosines[0, 1]).mean():.3f} | "
        f"{cosines[0, 1][off].mean():.3f} | {cosines[0, 0][off].mean():.3f} | "
        f"{cosines[1, 1][off].mean():.3f} | {own.mean():.3f} | {other.mean():.3f} | {auc:.3f} |",
        flush=True,
    )


def main():
    torch.set_num_threads(1)
    items = [
        item
        for item in Catalogue.read(DATA / "catalogues" / "wine.csv")
        if item.title.strip() and item.description.strip()
    ]
    pool = random.Random(0).sample(items, 3000)
    pairs = [(item.title, item.description) for item in pool]
    held = split_pairs(pairs, held_out=0.2, watched=0.05, seed=0).held_out[:TITLES]
    pairs = [pairs[place] for place in held]
    base = open_base("all-MiniLM-L6-v2", masked_words=True, seed=0)
    model = RecoBERT(base, TrainingSettings.of(preset="recobert"))
    print("| | MRR alone | own | others | titles | descriptions | joint: own | others | AUC |")
    print("| --- |" + " ---: |" * 8, flush=True)
    show("base", model, base, pairs)
    for folder in sys.argv[1:]:
        model.load_state_dict(load_file(Path(folder) / "model.safetensors"))
        show(Path(folder).name, model, base, pairs)


if __name__ == "__main__":
    main()
