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
COUNTS = (1, 3, 5, 10)
"""Words that are deleted, of one text or of both."""
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
            if asked.model_names and model_name not in asked.model_names:
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
    pairs = {}
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
        pairs[name] = (drawn[:half] if part == "choose" else drawn[half:])[:count]
    # Both catalogues in turn, so that a run that ends early has as many of each.
    return [pair for both in zip(*pairs.values(), strict=False) for pair in both]


def deletion(asked):
    """Print what deleting words takes from the logit, by method, and the CPU seconds of a pair.

    Pair by pair, so that --json holds whole pairs wherever a run ends, and another goes on.
    """
    if asked.join:
        rows = [row for file in asked.join for row in json.loads(file.read_text("utf-8"))["rows"]]
        methods = asked.methods or [name for name in METHODS if all(name in row for row in rows)]
        show_deletion(rows, methods)
        return rows
    pairs = read_passages(asked.part, asked.pairs // 2)[asked.first :]
    model = CrossEncoder(str(asked.model), device="cpu")
    methods = asked.methods or list(METHODS)
    explainers = {
        name: Explainer(model, method=name, options=BTIOptions(**METHODS.get(name, {})))
        for name in methods
    }
    rows = []
    if asked.json and asked.json.exists():
        rows = json.loads(asked.json.read_text(encoding="utf-8"))["rows"]
    for number, pair in enumerate(pairs):
        if number < len(rows):
            continue
        row = {"words": len(pair[1].split())}
        for name, explainer in explainers.items():
            if not number:
                explainer.explain(*pair)
            began = time.process_time()
            explanation = explainer.explain(*pair)
            seconds = time.process_time() - began
            found = measure_faithfulness(
                explainer,
                [pair],
                metrics=("aopc_deletion",),
                explanations=[explanation],
                counts=COUNTS,
            ).values["aopc_deletion"]
            row[name] = {"seconds": seconds, **{s: float(found[s][0]) for s in ("right", "both")}}
        rows.append(row)
        write(asked, rows)
    show_deletion(rows, methods)
    return rows


def show_deletion(rows, methods):
    """Print each method's means, and how far each is from occlusion, the pairs resampled."""
    words = [row["words"] for row in rows]
    print(f"{len(rows)} pairs, passages of {min(words)} to {max(words)} words\n")
    print("| method | AOPC, passage | AOPC, both | less occlusion's, passage | both | s a pair |")
    print("|---|---|---|---|---|---|")
    draw = np.random.default_rng(SEED).integers(0, len(rows), (10_000, len(rows)))
    for name in methods:
        cells = []
        for side in ("right", "both"):
            falls = np.array([row[name][side] for row in rows])
            cells.insert(len(cells) // 2, f"{np.nanmean(falls):.3f}")
            less = "–"
            if "occlusion" in methods and name != "occlusion":
                difference = falls - np.array([row["occlusion"][side] for row in rows])
                low, high = np.nanpercentile(np.nanmean(difference[draw], axis=1), (2.5, 97.5))
                less = f"{np.nanmean(difference):+.3f} [{low:+.3f}, {high:+.3f}]"
            cells.append(less)
        seconds = np.median([row[name]["seconds"] for row in rows])
        print(f"| `{name}` | {' | '.join(cells)} | {seconds:.2f} |")


def write(asked, rows):
    """Keep what is found so far, if asked to."""
    if asked.json:
        report = {"command": sys.argv, "seed": SEED, "rows": rows}
        asked.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def read_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["layers", "deletion"])
    parser.add_argument("model", type=Path)
    parser.add_argument("--pairs", type=int, help="of each gold (200), or of both catalogues (100)")
    parser.add_argument("--part", choices=["choose", "report"], default="report")
    parser.add_argument("--first", type=int, default=0, help="the pair to begin with")
    parser.add_argument("--join", type=Path, nargs="*", help="show what such runs kept, together")
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
    write(asked, rows)


if __name__ == "__main__":
    main()
