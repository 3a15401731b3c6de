"""Short runs that differ in one thing each: what a part of the objective brings, at equal steps.

All arms see the same pairs in the same order, as many of them (batches of another size: fewer
steps), from the same base and seed. Held-out titles look for their own descriptions among the
held-out ones only, which is easier than among a whole catalogue: figures are to be compared with
each other, and with the base and TF-IDF on the same texts, not with those of whole runs. Lone texts
are what an index embeds. A line is printed as soon as an arm is done; CPU seconds are of training
alone.

Needs catalogues in the folder named by WHYALIKE_DATA (default ../shared/data).

Run with: OMP_NUM_THREADS=1 python benchmarks/objectives.py wine --pairs 640
          python benchmarks/objectives.py fashion --arms "default;no masked words" --seed 1
"""

import argparse
import os
import random
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

from whyalike.catalogue import Catalogue
from whyalike.training import TrainingSettings
from whyalike.training.caching import cached_backward
from whyalike.training.data import PairCollator, PairDataset, number_texts, split_pairs
from whyalike.training.recobert import RecoBERT, open_base
from whyalike.training.result import guess_kind
from whyalike.training.retrieval import rank_by, rank_descriptions, share_of_kind, share_of_kind_by
from whyalike.training.saving import embed_texts
from whyalike.training.tfidf import WordCounts

DATA = Path(os.environ.get("WHYALIKE_DATA", Path(__file__).parents[2] / "shared" / "data"))
BASE = "all-MiniLM-L6-v2"
JOINT = {"encoding": "joint", "negatives": "drawn", "mlm_weight": 1.0}
ARMS = {
    "default": {},
    "no masked words": {"mlm_weight": 0.0},
    "masked words × 1": {"mlm_weight": 1.0},
    "lower 3 of 6 layers frozen": {"frozen": 3},
    "batches of 64": {"batch_size": 64},
    "cached batches of 256": {"batch_size": 256, "cached_batch": True},
    "TF-IDF-mined batches": {"mined": 3},
    "recobert": JOINT,
    "recobert, lr 2e-5": {**JOINT, "learning_rate": 2e-5},
    "recobert, no masked words": {**JOINT, "mlm_weight": 0.0},
}


def read_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("catalogue", choices=["fashion", "wine", "sportswear"])
    parser.add_argument(
        "--arms", default=";".join(ARMS), help="separated by semicolons: " + ", ".join(ARMS)
    )
    parser.add_argument("--items", type=int, default=3000, help="drawn from the catalogue")
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--pairs", type=int, default=640, help="seen by each arm")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def orders(pairs, chosen, *, mined, batch_size, seed):
    """Return places of pairs, batch by batch; mined ones stand beside their nearest descriptions.

    TF-IDF of descriptions only; items of equal title or description are no negatives anyway.
    """
    order = random.Random(seed).sample(range(len(pairs)), chosen)
    if mined:
        counts = WordCounts(*zip(*pairs, strict=True))
        seeds, order = order[: chosen // (mined + 1)], []
        taken = set()
        for place in seeds:
            near = np.argsort(-counts.cosines_of([place])[0], kind="stable").tolist()
            fresh = [other for other in near if other not in taken and other != place][:mined]
            taken |= {place, *fresh}
            order += [place, *fresh]
    return [order[start : start + batch_size] for start in range(0, len(order), batch_size)]


def train(pairs, *, asked, frozen=0, mined=0, **choices):
    """Return encoder and tokenizer after training, and the CPU seconds it took."""
    settings = TrainingSettings(seed=asked.seed, **choices)
    base = open_base(BASE, masked_words=settings.mlm_weight > 0, seed=asked.seed)
    torch.manual_seed(asked.seed)
    model = RecoBERT(base, settings).train()
    if frozen:
        kept = (base.encoder.embeddings, *base.encoder.encoder.layer[:frozen])
        for module in kept:
            module.requires_grad_(False)
    learnt = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(learnt, lr=0.0, weight_decay=settings.weight_decay)
    dataset = PairDataset(pairs, settings)
    collate = PairCollator(base.tokenizer, settings, segments=base.segments)
    batches = orders(
        pairs, asked.pairs, mined=mined, batch_size=settings.batch_size, seed=asked.seed
    )
    began = time.process_time()
    for step, places in enumerate(batches):
        # As in a whole run: up during a tenth of the steps, then down in a straight line.
        warm = max(1, round(settings.warmup * len(batches)))
        share = min((step + 1) / warm, (len(batches) - step) / max(1, len(batches) - warm))
        for group in optimizer.param_groups:
            group["lr"] = settings.learning_rate * min(1.0, share)
        batch = collate([dataset[place] for place in places])
        optimizer.zero_grad()
        if settings.cached_batch:
            found = cached_backward(model, model, **batch, backward=torch.Tensor.backward)
        else:
            found = model(**batch)
            found["loss"].backward()
        nn.utils.clip_grad_norm_(learnt, settings.clip)
        optimizer.step()
    seconds = time.process_time() - began
    last = {name: float(found[name].detach()) for name in ("title_description", "masked_words")}
    return base, len(batches), seconds, last


def measure(base, pairs, kinds):
    """Return MRR, MPR and the share of kinds of lone texts."""
    numbers = number_texts([description for _, description in pairs]).tolist()
    sides = [
        embed_texts(base.encoder, base.tokenizer, texts, max_length=128)
        for texts in zip(*pairs, strict=True)
    ]
    every = range(len(pairs))
    found = rank_descriptions(*sides, own=every, texts=numbers)
    return found, share_of_kind(sides[1], kinds, queries=every, texts=numbers)


def main():
    torch.set_num_threads(1)
    asked = read_arguments()
    items = [
        item
        for item in Catalogue.read(DATA / "catalogues" / f"{asked.catalogue}.csv")
        if item.title.strip() and item.description.strip()
    ]
    items = random.Random(0).sample(items, min(asked.items, len(items)))
    pairs = [(item.title, item.description) for item in items]
    split = split_pairs(pairs, held_out=0.2, watched=0.05, seed=asked.seed)
    learnt = [pairs[place] for place in split.train]
    places = split.held_out[: asked.queries]
    held = [pairs[place] for place in places]
    kind = guess_kind(items)
    kinds = [items[place].metadata.get(kind) or None for place in places]
    print(f"{len(learnt)} items to learn from, {len(held)} held-out titles among as many; seed "
          f"{asked.seed}, {asked.pairs} pairs seen")  # fmt: skip
    print("| arm | steps | MRR | MPR | same kind | last losses | training, s of CPU |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |", flush=True)

    def row(name, steps, figures, last="–", seconds="–"):
        found, same = figures
        print(f"| {name} | {steps} | {found.mrr:.3f} | {found.mpr:.3f} | {same:.3f} | {last} | "
              f"{seconds} |", flush=True)  # fmt: skip

    counts = WordCounts(*zip(*held, strict=True))
    titles = [title for title, _ in held]
    every, numbers = range(len(held)), number_texts([d for _, d in held]).tolist()
    words = rank_by(lambda rows: counts.cosines(titles[rows]), own=every, texts=numbers)
    same = share_of_kind_by(counts.cosines_of, kinds, queries=every, texts=numbers)
    row("TF-IDF", 0, (words, same))
    row("base", 0, measure(open_base(BASE, masked_words=False, seed=0), held, kinds))
    for name in asked.arms.split(";"):
        base, steps, seconds, last = train(learnt, asked=asked, **ARMS[name])
        losses = f"{last['title_description']:.2f} + {last['masked_words']:.2f}"
        row(name, steps, measure(base, held, kinds), losses, f"{seconds:.0f}")


if __name__ == "__main__":
    main()
