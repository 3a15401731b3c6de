"""Do explanations change when the model's weights are random?

Rank correlation with the explanations of the trained model, for several methods, with random and
with kept embeddings, on pairs of two catalogues.

Needs catalogues in the folder named by WHYALIKE_DATA (default ../shared/data).
Run with: python benchmarks/randomization.py [pairs per catalogue] [seeds] [samples of sMPRT]
"""

import json
import sys
from pathlib import Path

from own_method import catalogue_pairs

from whyalike import Explainer
from whyalike.evaluation.randomization import measure_randomization, tabulate_randomization


def tell(done, total):
    print(f"{done} of {total}", end="\r", file=sys.stderr)


def main(count=30, seeds=3, samples=0, out=None):
    explainer = Explainer("all-MiniLM-L6-v2")
    found = {}
    for name in ("wine", "fashion"):
        pairs = catalogue_pairs(name, count, explainer.model)
        table = tabulate_randomization(
            explainer, pairs, seeds=seeds, samples=samples, progress=tell
        )
        print(f"\n{name}\n\n{table.to_markdown()}")
        found[name] = table.to_dict()
        for method in ("bti", "whyalike"):
            cascade = measure_randomization(
                explainer.with_method(method), pairs, mode="cascade", seeds=seeds, progress=tell
            )
            print(f"\n{name}, {method}: Spearman from the top down")
            for step in cascade.steps:
                all_words, plain = step.interval("spearman"), step.interval("spearman_plain")
                print(f"  {step.name:24} {all_words}, plain words {plain}")
            found[f"{name}, {method}, cascade"] = cascade.to_dict()
    if out:
        Path(out).write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:4]), *sys.argv[4:])
