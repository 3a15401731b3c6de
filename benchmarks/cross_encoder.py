"""A cross-encoder explained: at which layer words match as people match them, and deletion.

Needs a cross-encoder made by benchmarks/train_scorers.py, and the data in the folder named by
WHYALIKE_DATA. Figures go to standard output as Markdown, each pair's values as JSON with --json.

Run with: OMP_NUM_THREADS=1 python benchmarks/cross_encoder.py layers MODEL
          OMP_NUM_THREADS=1 python benchmarks/cross_encoder.py deletion MODEL --part report
"""

import argparse
import json
import os
import random
import sys
import time
from pathlib import Path

import numpy as np
import torch
from sentence_transformers import CrossEncoder
from transformers import set_seed

from whyalike import BTIOptions, Explainer
from whyalike.catalogue import Catalogue
from whyalike.evaluation import (
    evaluate_alignment,
    measure_faithfulness,
    read_edinburgh,
    read_multimwa,
)
from whyalike.models.locating import find_model
from whyalike.training.data import split_pairs

DATA = Path(os.environ.get("WHYALIKE_DATA", Path(__file__).parents[2] / "shared" / "data"))
SEED = 0
METHODS = {
    "random": {},
    "vanilla_gradients": {},
    "bti": {},
    "gradient_x_activation": {},
    "integrated_gradients": {"ig_steps": 20},
    "whyalike": {},
    "occlusion": {},
    "shapley": {"permutations": 1},
}


def read_golds(count):
    """Return {name: pairs}; the first is to choose by, the others to report on."""
    mwa = DATA / "alignment" / "mwa"
    edinburgh = DATA / "alignment" / "edinburgh"
    golds = {
        "MTRef train": read_multimwa(mwa / "mtref-train.tsv"),
        "MTRef dev": read_multimwa(mwa / "mtref-dev.tsv"),
        "Wiki dev": read_multimwa(mwa / "wiki-dev.tsv"),
        "Edinburgh++": read_edinburgh(
            edinburgh / "gold.train.sure+poss.json", sure=edinburgh / "gold.train.sure.json"
        ),
    }
    return {name: random.Random(SEED).sample(list(gold), count) for name, gold in golds.items()}


def layers(asked):
    """Print F of word matches against people's, by the layer that the words' vectors are of."""
    set_seed(SEED)
    folder = str(find_model("all-MiniLM-L6-v2").folder)
    models = {
        "cross-encoder": CrossEncoder(str(asked.model), device="cpu"),
        # Its head is random, and no part of this.
        "MiniLM, both texts in one sequence": CrossEncoder(folder, num_labels=1, device="cpu"),
        "MiniLM, each text alone": "all-MiniLM-L6-v2",
    }
    golds = read_golds(asked.pairs)
    depth = Explainer(models["cross-encoder"]).model.depth
    print(f"| {' | '.join(['model', 'gold', 'matching', *map(str, range(depth + 1))])} |")
    print("|---" * (depth + 4) + "|")
    rows = []
    for name, gold in golds.items():
        for model_name, model in models.items():
            if asked.model_names and model_name.partition(",")[0] not in asked.model_names:
                continue
            for matching in asked.matchings:
                found = []
                for layer in range(depth + 1):
                    options = BTIOptions(latent_layer=layer, matching=matching)
                    explainer = Explainer(model, method="bti_activations", options=options)
                    found.append(evaluate_alignment(explainer, gold).values["alignment_f"])
                rows.append({"gold": name, "model": model_name, "matching": matching, "f": found})
                figures = " | ".join(f"{value:.3f}" for value in found)
                print(f"| {model_name} | {name} | {matching} | {figures} |", flush=True)
    return rows


def read_passages(part, count):
    """Return titles with their descriptions of 40 to 150 words, ``count`` of each catalogue.

    They were held out of training, too; "choose" and "report" share no item.
    """
    pairs = []
    for name, items in (("fashion", 1000), ("wine", 700)):
        found = [
            (item.title, item.description)
            for item in Catalogue.read(DATA / "catalogues" / f"{name}.csv")
            if item.title.strip() and item.description.strip()
        ]
        found = random.Random(SEED).sample(found, min(items, len(found)))
        split = split_pairs(found, held_out=0.2, watched=0.0, seed=SEED)
        texts = {}
        for place in split.held_out:
            title, text = found[place]
            if 40 <= len(text.split()) <= 150:
                texts.setdefault(text, (title, text))
        drawn = random.Random(SEED + 1).sample(sorted(texts.values()), len(texts))
        half = len(drawn) // 2
        pairs += (drawn[:half] if part == "choose" else drawn[half:])[:count]
    return pairs


def deletion(asked):
    """Print what deleting words takes from the logit, by method, and the CPU seconds of a pair."""
    pairs = read_passages(asked.part, asked.pairs // 2)
    model = CrossEncoder(str(asked.model), device="cpu")
    words = np.array([len(text.split()) for _, text in pairs])
    print(f"{len(pairs)} pairs, passages of {words.min()} to {words.max()} words\n")
    print("| method | AOPC, passage | AOPC, both | CPU s a pair |\n|---|---|---|---|")
    rows = {}
    for method in asked.methods or METHODS:
        explainer = Explainer(model, method=method, options=BTIOptions(**METHODS.get(method, {})))
        next(explainer.explain_many(pairs[:1]))
        began = time.process_time()
        explanations = list(explainer.explain_many(pairs))
        seconds = (time.process_time() - began) / len(pairs)
        found = measure_faithfulness(
            explainer, pairs, metrics=("aopc_deletion",), explanations=explanations
        )
        values = {side: list(found.values["aopc_deletion"][side]) for side in ("right", "both")}
        rows[method] = {**values, "seconds": seconds}
        means = [np.nanmean(values[side]) for side in ("right", "both")]
        print(f"| `{method}` | {means[0]:.3f} | {means[1]:.3f} | {seconds:.3f} |", flush=True)
    if {"whyalike", "occlusion"} <= set(rows):
        draw = np.random.default_rng(SEED)
        for side in ("right", "both"):
            difference = np.array(rows["whyalike"][side]) - np.array(rows["occlusion"][side])
            difference = difference[~np.isnan(difference)]
            means = draw.choice(difference, (10_000, len(difference))).mean(axis=1)
            low, high = np.percentile(means, (2.5, 97.5))
            print(
                f"whyalike less occlusion, {side}: {difference.mean():+.3f} "
                f"[{low:.3f}, {high:.3f}], the pairs resampled"
            )
    return rows


def read_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["layers", "deletion"])
    parser.add_argument("model", type=Path)
    parser.add_argument("--pairs", type=int, help="of each gold (200), or of both catalogues (100)")
    parser.add_argument("--part", choices=["choose", "report"], default="report")
    parser.add_argument("--methods", nargs="*")
    parser.add_argument("--model-names", nargs="*")
    parser.add_argument("--matchings", nargs="*", default=["soft", "mutual"])
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    asked.pairs = asked.pairs or {"layers": 200, "deletion": 100}[asked.what]
    return asked


def main():
    asked = read_arguments()
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "2")))
    rows = {"layers": layers, "deletion": deletion}[asked.what](asked)
    if asked.json:
        report = {"command": sys.argv, "seed": SEED, "rows": rows}
        asked.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
