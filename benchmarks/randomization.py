"""Do explanations change when the model's weights are random?

Rank correlation with the explanations of the trained model, for several methods, with random and
with kept embeddings, on pairs of two catalogues.

Needs catalogues in the folder named by WHYALIKE_DATA (default ../shared/data).
Run with: python benchmarks/randomization.py [pairs per catalogue] [seeds] [samples of sMPRT]
          python benchmarks/randomization.py 20 2 --model model/ --own pairs.csv

Pairs of catalogues are near for all-MiniLM-L6-v2, whatever the model that explains them; --own
reads those of `near_by_words.py`.
"""

import argparse
import csv
import json
import sys
from pathlib import Path

from own_method import catalogue_pairs

from whyalike import Explainer
from whyalike.evaluation.randomization import measure_randomization, tabulate_randomization

BASE = "all-MiniLM-L6-v2"


def tell(done, total):
    print(f"{done} of {total}", end="\r", file=sys.stderr)


def read_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("count", nargs="?", type=int, default=30, help="pairs of a catalogue")
    parser.add_argument("seeds", nargs="?", type=int, default=3)
    parser.add_argument("samples", nargs="?", type=int, default=0, help="of sMPRT")
    parser.add_argument("out", nargs="?", type=Path, help="JSON of all figures")
    parser.add_argument("--model", default=BASE)
    parser.add_argument("--own", type=Path, help="CSV of pairs, left and right, in their place")
    return parser.parse_args()


def read_own(path, count):
    with path.open(encoding="utf-8", newline="") as stream:
        return [(row["left"], row["right"]) for row in csv.DictReader(stream)][:count]


def main():
    asked = read_arguments()
    explainer = Explainer(asked.model)
    if asked.own:
        sets = {asked.own.stem: read_own(asked.own, asked.count)}
    else:
        chooser = explainer if asked.model == BASE else Explainer(BASE)
        sets = {n: catalogue_pairs(n, asked.count, chooser.model) for n in ("wine", "fashion")}
    found = {}
    for name, pairs in sets.items():
        table = tabulate_randomization(
            explainer, pairs, seeds=asked.seeds, samples=asked.samples, progress=tell
        )
        print(f"\n{name}\n\n{table.to_markdown()}", flush=True)
        found[name] = table.to_dict()
        for method in ("bti", "whyalike"):
            cascade = measure_randomization(
                explainer.with_method(method),
                pairs,
                mode="cascade",
                seeds=asked.seeds,
                progress=tell,
            )
            print(f"\n{name}, {method}: Spearman from the top down")
            for step in cascade.steps:
                all_words, plain = step.interval("spearman"), step.interval("spearman_plain")
                print(f"  {step.name:24} {all_words}, plain words {plain}", flush=True)
            found[f"{name}, {method}, cascade"] = cascade.to_dict()
    if asked.out:
        asked.out.write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main()
