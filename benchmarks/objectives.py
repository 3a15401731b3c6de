"""Short runs that differ in one thing each: what a part of the objective brings, at equal steps.

All arms see the same pairs in the same order, as many of them (batches of another size: fewer
steps), from the same base and seed. Held-out titles look for their own descriptions among the
held-out ones only, which is easier than among a whole catalogue: figures are to be compared with
each other, and with the base and TF-IDF on the same texts, not with those of whole runs. Lone texts
are what an index embeds. *With TF-IDF*: the MRR of the model's cosine and of TF-IDF's together, by
the weight that is best on the watched titles. *AUC*, of arms that read both texts in one sequence:
how often a title has a greater cosine beside its own description than beside another (.5 is
chance). A line is printed as soon as an arm, or one of its looks, is done; CPU seconds are of
training alone.

Needs catalogues in the folder named by WHYALIKE_DATA (default ../shared/data).

Run with: OMP_NUM_THREADS=1 python benchmarks/objectives.py wine --pairs 640
          python benchmarks/objectives.py fashion --arms "default;no masked words" --seed 1
          python benchmarks/objectives.py fashion --arms recobert --pairs 4000 --looks 4
"""

import argparse
import os
import random
import time
from pathlib import Path

import numpy as np
import torch
from joint_states import joint_auc
from torch import nn

from whyalike.catalogue import Catalogue
from whyalike.similarity import similarity_matrix
from whyalike.training import TrainingSettings
from whyalike.training.caching import cached_backward
from whyalike.training.data import PairCollator, PairDataset, number_texts, split_pairs
from whyalike.training.fusing import choose_weight, fuse
from whyalike.training.recobert import RecoBERT, open_base
from whyalike.training.result import guess_kind
from whyalike.training.retrieval import rank_by, share_of_kind, share_of_kind_by
from whyalike.training.saving import embed_texts
from whyalike.training.settings import PRESETS
from whyalike.training.tfidf import WordCounts

DATA = Path(os.environ.get("WHYALIKE_DATA", Path(__file__).parents[2] / "shared" / "data"))
BASE = "all-MiniLM-L6-v2"
JOINT = {key: value for key, value in PRESETS["recobert"].items() if key != "watched"}
ARMS = {
    "default": {},
    "no masked words": {"mlm_weight": 0.0},
    "masked words × 1": {"mlm_weight": 1.0},
    "lower 3 of 6 layers frozen": {"frozen": 3},
    "batches of 64": {"batch_size": 64},
    "batches of 64, lr 1e-4": {"batch_size": 64, "learning_rate": 1e-4},
    "cached batches of 256, lr 2e-4": {
        "batch_size": 256,
        "cached_batch": True,
        "learning_rate": 2e-4,
    },
    "TF-IDF-mined batches": {"mined": 3},
    "recobert": JOINT,
    "recobert, lr 5e-5": {**JOINT, "learning_rate": 5e-5},
    "recobert, lr 2e-4": {**JOINT, "learning_rate": 2e-4},
    "recobert, no masked words": {**JOINT, "mlm_weight": 0.0},
    "recobert, warm-up of half": {**JOINT, "warmup": 0.5},
    "recobert, from masked words": {**JOINT, "first": {**JOINT, "pairs_weight": 0.0}},
    "recobert, from the default": {**JOINT, "first": {}},
    "recobert, head × 10": {**JOINT, "head_rate": 10.0},
    "recobert, centred": {**JOINT, "centred": True},
    "recobert, lower 3 of 6 layers frozen": {**JOINT, "frozen": 3},
}
"""``first``: what it is trained by before, on as many pairs. The paper's masked-language loss alone
has ``pairs_weight`` 0; ``centred`` takes the base's mean title and mean description from the
vectors of the pair loss, which the paper does not."""


def read_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("catalogue", choices=["fashion", "wine", "sportswear"])
    parser.add_argument(
        "--arms", default=";".join(ARMS), help="separated by semicolons: " + ", ".join(ARMS)
    )
    parser.add_argument("--items", type=int, default=3000, help="drawn from the catalogue")
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--pairs", type=int, default=640, help="seen by each arm")
    parser.add_argument("--looks", type=int, default=1, help="at each arm, the last at its end")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def orders(pairs, chosen, *, mined, batch_size, seed):
    """Return the epoch and the places of pairs, batch by batch.

    Mined ones stand beside their nearest descriptions, by TF-IDF of descriptions only; items of
    equal title or description are no negatives anyway.
    """
    draw = random.Random(seed)
    batches, counts = [], WordCounts(*zip(*pairs, strict=True)) if mined else None
    left = chosen
    for epoch in range(-(-chosen // len(pairs))):
        order = draw.sample(range(len(pairs)), min(left, len(pairs)))
        left -= len(order)
        if counts is not None:
            order = beside_the_nearest(counts, order, mined)
        batches += [
            (epoch, order[start : start + batch_size]) for start in range(0, len(order), batch_size)
        ]
    return batches


def beside_the_nearest(counts, order, mined):
    seeds, found, taken = order[: len(order) // (mined + 1)], [], set()
    for place in seeds:
        near = np.argsort(-counts.cosines_of([place])[0], kind="stable").tolist()
        fresh = [other for other in near if other not in taken and other != place][:mined]
        taken |= {place, *fresh}
        found += [place, *fresh]
    return found


class Varied(RecoBERT):
    """The model with what only trials have: another weight of pairs, and centred means."""

    def __init__(self, base, settings, *, pairs_weight, centres):
        super().__init__(base, settings)
        self.pairs_weight, self.centres = pairs_weight, centres

    def pair_loss(self, titles, descriptions, targets, keys):
        left, right = self.centres
        loss = super().pair_loss(titles - left, descriptions - right, targets, keys)
        return self.pairs_weight * loss


def centres_of(model, collate, examples):
    """Return the mean title and description, each beside the other, as the base reads them."""
    with torch.no_grad():
        parts = [model.read(s).means for s in collate(examples)["sequences"]]
    return [torch.cat([p[side] for p in parts]).mean(0) for side in ("title", "description")]


def train(
    base, pairs, *, asked, look, frozen=0, mined=0, head_rate=1.0, pairs_weight=1.0,
    centred=False, **choices,
):  # fmt: skip
    """Train a base in place; ``look`` is called with the steps, CPU seconds and last losses."""
    settings = TrainingSettings(seed=asked.seed, **choices)
    torch.manual_seed(asked.seed)
    model = Varied(base, settings, pairs_weight=pairs_weight, centres=(0.0, 0.0)).train()
    for number, layer in enumerate(base.encoder.encoder.layer):
        layer.requires_grad_(number >= frozen)
    base.encoder.embeddings.requires_grad_(not frozen)
    heads = [] if model.head is None else [p for p in model.head.parameters() if p.requires_grad]
    own = {id(p) for p in model.encoder.parameters()}
    groups = [
        ([p for p in model.encoder.parameters() if p.requires_grad], 1.0),
        ([p for p in heads if id(p) not in own], head_rate),
    ]
    learnt = [p for group, _ in groups for p in group]
    optimizer = torch.optim.AdamW(
        [{"params": group, "rate": rate} for group, rate in groups if group],
        lr=0.0,
        weight_decay=settings.weight_decay,
    )
    dataset = PairDataset(pairs, settings)
    collate = PairCollator(base.tokenizer, settings, segments=base.segments)
    if centred:
        model.centres = centres_of(model.eval(), collate, [dataset[n] for n in range(64)])
        model.train()
    batches = orders(
        pairs, asked.pairs, mined=mined, batch_size=settings.batch_size, seed=asked.seed
    )
    seconds = 0.0
    for step, (epoch, places) in enumerate(batches):
        began = time.process_time()
        # As in a whole run: up during a tenth of the steps, then down in a straight line.
        warm = max(1, round(settings.warmup * len(batches)))
        share = min((step + 1) / warm, (len(batches) - step) / max(1, len(batches) - warm))
        for group in optimizer.param_groups:
            group["lr"] = settings.learning_rate * group["rate"] * min(1.0, share)
        dataset.epoch = epoch
        batch = collate([dataset[place] for place in places])
        optimizer.zero_grad()
        if settings.cached_batch:
            found = cached_backward(model, model, **batch, backward=torch.Tensor.backward)
        else:
            found = model(**batch)
            found["loss"].backward()
        nn.utils.clip_grad_norm_(learnt, settings.clip)
        optimizer.step()
        seconds += time.process_time() - began
        if (step + 1) * asked.looks // len(batches) > step * asked.looks // len(batches):
            look(
                step + 1,
                seconds,
                {k: float(found[k].detach()) for k in ("title_description", "masked_words")},
            )
            model.train()


class Measured:
    """Held-out pairs, their kinds, and TF-IDF between them, beside watched ones for its weight."""

    def __init__(self, held, kinds, watched):
        self.held, self.kinds, self.watched = held, kinds, watched
        self.texts = number_texts([description for _, description in held]).tolist()
        self.words, self.watched_words = self.counts(held), self.counts(watched)

    def counts(self, pairs):
        return WordCounts(*zip(*pairs, strict=True)).cosines([title for title, _ in pairs])

    def of_words(self):
        counts = WordCounts(*zip(*self.held, strict=True))
        every = range(len(self.held))
        found = rank_by(lambda rows: self.words[rows], own=every, texts=self.texts)
        return found, share_of_kind_by(
            counts.cosines_of, self.kinds, queries=every, texts=self.texts
        )

    def of(self, base):
        """Return MRR and MPR, the share of kinds of lone texts, weight and MRR with TF-IDF."""
        titles, descriptions = embed(base, self.held)
        every = range(len(self.held))
        near = similarity_matrix(titles, descriptions, function="cosine")
        found = rank_by(lambda rows: near[rows], own=every, texts=self.texts)
        same = share_of_kind(descriptions, self.kinds, queries=every, texts=self.texts)
        seen = similarity_matrix(*embed(base, self.watched), function="cosine")
        texts = number_texts([description for _, description in self.watched]).tolist()
        weight = choose_weight(
            lambda rows: seen[rows],
            lambda rows: self.watched_words[rows],
            own=range(len(texts)),
            texts=texts,
        )
        fused = fuse(near, self.words, weight)
        both = rank_by(lambda rows: fused[rows], own=every, texts=self.texts)
        return found, same, (weight, both.mrr)


def embed(base, pairs):
    return [
        embed_texts(base.encoder, base.tokenizer, texts, max_length=128)
        for texts in zip(*pairs, strict=True)
    ]


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
    measured = Measured(held, kinds, [pairs[place] for place in split.watched])
    print(f"{len(learnt)} items to learn from, {len(held)} held-out titles among as many; seed "
          f"{asked.seed}, {asked.pairs} pairs seen")  # fmt: skip
    print("| arm | steps | MRR | MPR | same kind | with TF-IDF | AUC | last losses | s of CPU |")
    print("| --- |" + " ---: |" * 8, flush=True)

    def row(name, steps, found, same, *, both="–", auc="–", last="–", seconds="–"):
        print(f"| {name} | {steps} | {found.mrr:.3f} | {found.mpr:.3f} | {same:.3f} | {both} | "
              f"{auc} | {last} | {seconds} |", flush=True)  # fmt: skip

    def look(name, base, *, joint, steps, last="–", seconds="–"):
        base.encoder.eval()
        found, same, (weight, mrr) = measured.of(base)
        auc = f"{joint_auc(base, held):.3f}" if joint else "–"
        row(
            name,
            steps,
            found,
            same,
            both=f"{mrr:.3f} (× {weight:g})",
            auc=auc,
            last=last,
            seconds=seconds,
        )

    row("TF-IDF", 0, *measured.of_words())
    joint = any("encoding" in ARMS[name] for name in asked.arms.split(";"))
    look("base", open_base(BASE, masked_words=False, seed=0), joint=joint, steps=0)
    for name in asked.arms.split(";"):
        arm = dict(ARMS[name])
        first = arm.pop("first", None)
        base = open_base(BASE, masked_words=arm.get("mlm_weight", 0.1) > 0, seed=asked.seed)
        if first is not None:
            train(base, learnt, asked=asked, look=lambda *_: None, **first)

        def tell(steps, seconds, last, *, name=name, base=base, arm=arm):
            losses = f"{last['title_description']:.2f} + {last['masked_words']:.2f}"
            joint = "encoding" in arm
            look(name, base, joint=joint, steps=steps, last=losses, seconds=f"{seconds:.0f}")

        train(base, learnt, asked=asked, look=tell, **arm)


if __name__ == "__main__":
    main()
