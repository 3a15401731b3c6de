"""What training gives: objectives side by side on one catalogue, and the base beside them.

Every table has TF-IDF beside the base. Needs catalogues in the folder named by WHYALIKE_DATA
(default ../shared/data). Prints figures only; the models go into a temporary folder, or into the
one named by --keep.

Run with: python benchmarks/training.py fashion --objectives paper,ranking --epochs 4
          python benchmarks/training.py wine --items 3000 --objectives ranking --baseline
          python benchmarks/training.py wine --items 3000 --rest --batch 64 --lr 1e-4 --epochs 2
"""

import argparse
import os
import random
import sys
import tempfile
import time
from pathlib import Path

from whyalike.catalogue import Catalogue
from whyalike.training import TrainingSettings, train_recobert
from whyalike.training.data import number_texts, split_pairs
from whyalike.training.fusing import fuse_scores
from whyalike.training.result import COLUMNS, WORDS_ALONE, HeldOut, figures_rows, guess_kind

DATA = Path(os.environ.get("WHYALIKE_DATA", Path(__file__).parents[2] / "shared" / "data"))
OBJECTIVES = {
    "paper": {"encoding": "joint", "negatives": "drawn", "mlm_weight": 1.0},
    "paper, small weight": {"encoding": "joint", "negatives": "drawn", "mlm_weight": 0.1},
    "separate": {"encoding": "separate", "negatives": "drawn", "mlm_weight": 0.1},
    "all": {"encoding": "separate", "negatives": "all", "mlm_weight": 0.1},
    "ranking": {"encoding": "separate", "negatives": "ranking", "mlm_weight": 0.1},
    "ranking alone": {"encoding": "separate", "negatives": "ranking", "mlm_weight": 0.0},
}


def read_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("catalogue", choices=["fashion", "wine", "sportswear"])
    parser.add_argument("--items", type=int)
    parser.add_argument(
        "--rest",
        action="store_true",
        help="learn from all other items too: only the held-out ones of --items, and their equals, "
        "are left out; those are ranked among --items",
    )
    parser.add_argument("--objectives", default="ranking", help=", ".join(OBJECTIVES))
    parser.add_argument("--epochs", type=float, default=4)
    parser.add_argument("--max-steps", type=int)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--lr", type=float, default=5e-5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--baseline", action="store_true")
    parser.add_argument("--keep", type=Path)
    return parser.parse_args()


def tell(now):
    if now.mrr is not None:
        print(f"  step {now.step}/{now.steps}: watched MRR {now.mrr:.3f}", file=sys.stderr)


def settings_of(asked, objective, **more):
    return TrainingSettings(
        epochs=asked.epochs,
        max_steps=asked.max_steps,
        batch_size=asked.batch,
        learning_rate=asked.lr,
        seed=asked.seed,
        **OBJECTIVES[objective],
        **more,
    )


def train_on_the_rest(asked, catalogue, out):
    """Return the figures of base and model on the titles that a run on --items holds out."""
    everything = [item for item in catalogue if item.title.strip() and item.description.strip()]
    pool = random.Random(0).sample(everything, asked.items)
    pairs = [(item.title, item.description) for item in pool]
    queries = split_pairs(pairs, held_out=0.2, watched=0.05, seed=asked.seed).held_out
    numbers = [
        number_texts([getattr(item, side) for item in everything])
        for side in ("title", "description")
    ]
    places = {id(item): place for place, item in enumerate(everything)}
    kept_out = [{side[places[id(pool[query])]] for query in queries} for side in numbers]
    rest = [
        item
        for place, item in enumerate(everything)
        if not any(side[place] in gone for side, gone in zip(numbers, kept_out, strict=True))
    ]
    kind = guess_kind(pool)
    held_out = HeldOut(pairs, queries, [item.metadata.get(kind) for item in pool])
    watched = min(1000 / len(rest), 0.05)
    settings = settings_of(asked, asked.objectives, held_out=0.0, watched=watched, patience=None)
    found = train_recobert(
        rest, out=out, settings=settings, name=f"{asked.catalogue}.csv", resume=True, progress=tell
    )
    print(
        f"{found.trained} trained on, {len(queries)} titles among {len(pool)}, step "
        f"{found.best_step} of {found.steps} kept; {found.seconds:.0f} s",
        file=sys.stderr,
    )
    near, words = held_out.embed(str(out)), held_out.count_words()
    weight = choose_on_watched(rest, settings, out)
    return [
        held_out.measure(held_out.embed("all-MiniLM-L6-v2"), "base, untrained"),
        held_out.measure(near, settings.objective),
        held_out.measure(words, WORDS_ALONE),
        held_out.measure(fuse_scores(near, words, weight), f"trained, with TF-IDF × {weight:g}"),
    ]


def choose_on_watched(rest, settings, out):
    """Return the weight of TF-IDF that is best for the titles that the run watched."""
    pairs = [(item.title, item.description) for item in rest]
    watched = settings.share_watched(len(pairs))
    split = split_pairs(pairs, held_out=0.0, watched=watched, seed=settings.seed)
    some = [pairs[place] for place in split.watched]
    every = HeldOut(some, (), [None] * len(some), range(len(some)))
    return every.choose_weight(every.embed(str(out)), every.count_words())


def main():
    asked = read_arguments()
    catalogue = Catalogue.read(DATA / "catalogues" / f"{asked.catalogue}.csv")
    if asked.rest:
        with tempfile.TemporaryDirectory() as scratch:
            out = (asked.keep or Path(scratch)) / f"{asked.catalogue}-rest"
            show(figures_rows(train_on_the_rest(asked, catalogue, out)))
        return
    items = list(catalogue)
    if asked.items:
        items = random.Random(0).sample(items, asked.items)
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        for number, objective in enumerate(asked.objectives.split(",")):
            settings = settings_of(asked, objective)
            began = time.process_time()
            found = train_recobert(
                items,
                out=(asked.keep or Path(scratch)) / f"{asked.catalogue}-{number}",
                settings=settings,
                name=f"{asked.catalogue}.csv",
                baseline="mnrl" if asked.baseline and not number else None,
                resume=True,
                progress=tell,
            )
            known = {row[0] for row in rows}
            rows += [row for row in figures_rows(found.figures) if row[0] not in known]
            print(
                f"{objective}: {found.trained} trained on, {found.held_out} held out, step "
                f"{found.best_step} of {found.steps} kept; training {found.seconds:.0f} s, all "
                f"{time.process_time() - began:.0f} s of CPU",
                file=sys.stderr,
            )
    show(rows)


def show(rows):
    for line in [COLUMNS, ["---"] * len(COLUMNS), *rows]:
        print(f"| {' | '.join(line)} |")


if __name__ == "__main__":
    main()
