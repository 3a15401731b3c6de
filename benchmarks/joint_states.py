"""Where the paper's joint objective takes an encoder: texts in one sequence, and texts alone.

For the base and for checkpoints of a run on wines (the folders that whyalike keeps beside an
unfinished model): how well 300 held-out titles find their descriptions, both embedded alone; the
mean cosine of a title with its own description, with others, of two titles, and of two
descriptions; and, of 128 titles read in one sequence with their own description and with another,
as the objective reads them, both cosines and how often the true one is greater (AUC; .5 is
chance).

*Same kind* is the share of held-out items whose nearest other one is of the same variety: by the
cosine of descriptions alone (Malkiel et al. 2022, section 4), and by the four cosines of items that
are read as they are trained on, title and description in one sequence (title-title, description-
description and both across; Malkiel et al. 2020).

Run with: OMP_NUM_THREADS=1 python benchmarks/joint_states.py model.unfinished/checkpoint-32 ...
          ... --save model/    # the last of them, as a model that can be explained
"""

import argparse
import os
import random
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

from whyalike.catalogue import Catalogue
from whyalike.similarity import similarity_matrix
from whyalike.training import TrainingSettings
from whyalike.training.data import PairCollator, number_texts, split_pairs
from whyalike.training.recobert import RecoBERT, open_base
from whyalike.training.retrieval import rank_descriptions, share_of_kind, share_of_kind_by
from whyalike.training.saving import embed_texts, save_as_pipeline

DATA = Path(os.environ.get("WHYALIKE_DATA", Path(__file__).parents[2] / "shared" / "data"))
TITLES, JOINT = 300, 128


def joint_cosines(model, collate, pairs):
    """Return the cosine of f_t and f_d of each pair in one sequence, nothing masked."""
    return torch.cosine_similarity(*joint_means(model, collate, pairs)).numpy()


def joint_means(model, collate, pairs):
    """Return f_t and f_d of each pair in one sequence, nothing masked."""
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
        found.append((means["title"], means["description"]))
    return [torch.cat(side) for side in zip(*found, strict=True)]


def four_cosines(titles, descriptions):
    """Return the mean cosine (N, N) of each item's title and description with each other's."""
    sides = [torch.nn.functional.normalize(side, dim=-1) for side in (titles, descriptions)]
    both = (sides[0] + sides[1]) / 2
    return (both @ both.T).double().numpy()


def collator(base):
    settings = TrainingSettings.of(preset="recobert", mlm_weight=0.0)
    return PairCollator(base.tokenizer, settings, segments=base.segments)


def own_and_others(base, pairs):
    """Return the cosines of titles beside their own descriptions, and beside another's."""
    model = RecoBERT(base, TrainingSettings.of(preset="recobert")).eval()
    some = pairs[:JOINT]
    moved = [d for _, d in (*some[7:], *some[:7])]
    torn = [(t, d) for (t, _), d in zip(some, moved, strict=True)]
    return [joint_cosines(model, collator(base), part) for part in (some, torn)]


def joint_auc(base, pairs):
    """Return how often the cosine beside the own description is greater."""
    own, other = own_and_others(base, pairs)
    return float((own[:, None] > other[None]).mean())


def show(name, model, base, pairs, kinds):
    model.eval()
    numbers = number_texts([description for _, description in pairs]).tolist()
    sides = [
        embed_texts(base.encoder, base.tokenizer, texts, max_length=128)
        for texts in zip(*pairs, strict=True)
    ]
    every = range(len(pairs))
    found = rank_descriptions(*sides, own=every, texts=numbers)
    lone = share_of_kind(sides[1], kinds, queries=every, texts=numbers)
    four = four_cosines(*joint_means(model, collator(base), pairs))
    items = share_of_kind_by(lambda rows: four[list(rows)], kinds, queries=every, texts=numbers)
    off = ~np.eye(len(pairs), dtype=bool)
    cosines = {
        pair: similarity_matrix(sides[pair[0]], sides[pair[1]], function="cosine")
        for pair in ((0, 1), (0, 0), (1, 1))
    }
    own, other = own_and_others(base, pairs)
    auc = (own[:, None] > other[None]).mean()
    figures = (
        found.mrr,
        np.diag(cosines[0, 1]).mean(),
        *(cosines[pair][off].mean() for pair in ((0, 1), (0, 0), (1, 1))),
        own.mean(),
        other.mean(),
        auc,
        lone,
        items,
    )
    print(f"| {name} | {' | '.join(f'{figure:.3f}' for figure in figures)} |", flush=True)


def main():
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoints", nargs="*", type=Path)
    parser.add_argument("--save", type=Path)
    asked = parser.parse_args()
    items = [
        item
        for item in Catalogue.read(DATA / "catalogues" / "wine.csv")
        if item.title.strip() and item.description.strip()
    ]
    pool = random.Random(0).sample(items, 3000)
    pairs = [(item.title, item.description) for item in pool]
    held = split_pairs(pairs, held_out=0.2, watched=0.05, seed=0).held_out[:TITLES]
    pairs = [pairs[place] for place in held]
    kinds = [pool[place].metadata.get("variety") or None for place in held]
    base = open_base("all-MiniLM-L6-v2", masked_words=True, seed=0)
    model = RecoBERT(base, TrainingSettings.of(preset="recobert"))
    print("| | MRR alone | own | others | titles | descriptions | joint: own | others | AUC "
          "| same kind | same kind, four cosines |")  # fmt: skip
    print("| --- |" + " ---: |" * 10, flush=True)
    show("base", model, base, pairs, kinds)
    for folder in asked.checkpoints:
        model.load_state_dict(load_file(folder / "model.safetensors"))
        show(folder.name, model, base, pairs, kinds)
    if asked.save:
        save_as_pipeline(base, asked.save)


if __name__ == "__main__":
    main()
