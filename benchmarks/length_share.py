"""How far the length of a text's vector falls as words go, and what `whyalike` gains by knowing it.

``measure``: a cosine's gradient takes for granted that a vector's length falls as far as what a
word adds is long along it. Each word is deleted, and the falls of the length and of the product of
both vectors are compared with those that the gradient promises; the ratio of both slopes is the
share of the length that deletion from one text asks for. ``choose`` and ``report``: what deleting
the words that a method names does to the similarity, from both texts and from one, and what keeping
them does, on two parts of the data. A share of the length is written behind the method, as in
``whyalike:0.5``.
``signs``: which words pull apart, by what deleting each alone does, by contributions, by raw
contributions, and by what is alone; what of a score raw contributions sum to, and what deleting
each word alone does; how raw contributions follow that. ``report-signs``: on the other part.

Needs catalogues, alignments and WikiQA in the folder named by WHYALIKE_DATA (default
../shared/data).
Run with: python benchmarks/length_share.py measure|choose|report|signs|report-signs [pairs a set]
[methods] [model]
"""

import csv
import random
import sys

import numpy as np
import torch
from own_method import DATA, catalogue_pairs, without

from whyalike import BTIOptions, Explainer
from whyalike.evaluation import measure_faithfulness
from whyalike.evaluation.gold import read_multimwa
from whyalike.methods import whyalike as own
from whyalike.models.installed import preprocess

METHODS = (
    "occlusion",
    "bti",
    "gradient_x_activation",
    "whyalike:1",
    "whyalike:0.5",
    "whyalike:0.25",
    "whyalike:0",
)
METRICS = ("aopc_deletion", "sufficiency")
FEWEST_WORDS = 6
DEFAULT = own.LENGTH_SHARE


def far_pairs(name, count):
    """Random pairs of items."""
    with (DATA / "catalogues" / f"{name}.csv").open(encoding="utf-8") as stream:
        rows = [row["description"] for row in csv.DictReader(stream)]
    texts = list(dict.fromkeys(text for text in rows if 15 <= len(text.split()) <= 120))
    draw = random.Random(5)
    return [tuple(draw.sample(texts, 2)) for _ in range(count)]


def paraphrases(part, count):
    pairs = list(read_multimwa(DATA / "alignment" / "mwa" / f"mtref-{part}.tsv"))
    return [(p.left, p.right) for p in random.Random(3).sample(pairs, count)]


def answers(part, count):
    """Each question of WikiQA with its first right answer; every second one, from ``part``."""
    with (DATA / "highlight" / "wikiqa-dev.tsv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE))
    found = {}
    for row in rows:
        if row["Label"] == "1":
            found.setdefault(row["Question"], row["Sentence"])
    return list(found.items())[part::2][:count]


def sets_of(part, count, model):
    if part.startswith("report"):
        return {
            "wine near": catalogue_pairs("wine", count, model),
            "sportswear near": catalogue_pairs("sportswear", count, model),
            "MTRef dev": paraphrases("dev", count),
            "WikiQA odd": answers(1, count),
            "wine far": far_pairs("wine", count),
        }
    return {
        "fashion near": catalogue_pairs("fashion", count, model),
        "MTRef train": paraphrases("train", count),
        "WikiQA even": answers(0, count),
        "fashion far": far_pairs("fashion", count),
    }


def raw_vectors(pipeline, texts):
    """Return (N, H): vectors before a Normalize at the end."""
    found = []
    for start in range(0, len(texts), 64):
        features = preprocess(pipeline, texts[start : start + 64])
        with torch.no_grad():
            for module in list(pipeline.children())[:2]:
                features = module(features)
        found.append(features["sentence_embedding"].double().numpy())
    return np.concatenate(found)


def centred(values):
    """What a word adds beyond the mean of its text: the even share says nothing of a word."""
    return np.asarray(values) - np.mean(values)


def promised_and_fallen(model, pairs):
    """Return two (N, 2), a row a word: what length and product should fall by, and what they do.

    Falls of the length are parts of it, and those of the product parts of both lengths'.
    """
    pipeline = model.pipeline
    by_cosine = with_share(model, 1.0)
    by_product = Explainer(model, method="whyalike", options=BTIOptions(objective="dot"))
    cosines = list(by_cosine.explain_many(pairs))
    promised, fallen = [], []
    for one, other in zip(cosines, by_product.explain_many(pairs), strict=True):
        sides = (one.left, other.left), (one.right, other.right)
        vectors = raw_vectors(pipeline, [one.left.text, one.right.text])
        for place, (cosine, product) in enumerate(sides):
            if len(cosine.words) < FEWEST_WORDS:
                continue
            mine, partner = vectors[place], vectors[1 - place]
            of_cosine = centred([w.contribution for w in cosine.words])
            of_product = centred([w.contribution for w in product.words])
            left = [without(cosine, {n}) for n in range(len(cosine.words))]
            changed = raw_vectors(pipeline, left)
            lengths = np.linalg.norm(changed, axis=1) / np.linalg.norm(mine)
            products = changed @ partner / np.linalg.norm(mine) / np.linalg.norm(partner)
            # The cosine is the product less the cosine times the length's part.
            of_length = (of_product - of_cosine) / one.similarity
            promised += list(zip(of_length, of_product, strict=True))
            fallen += list(zip(centred(-lengths), centred(-products), strict=True))
    return np.array(promised), np.array(fallen)


def with_share(model, share):
    own.LENGTH_SHARE = share
    return Explainer(model, method="whyalike")


def measure(model, sets):
    print(f"{'':18}{'words':>7}{'length':>9}{'product':>9}{'ratio':>8}")
    ratios = []
    for name, pairs in sets.items():
        promised, fallen = promised_and_fallen(model, pairs)
        slopes = (promised * fallen).sum(0) / (promised**2).sum(0)
        ratios.append(slopes[0] / slopes[1])
        figures = f"{slopes[0]:9.3f}{slopes[1]:9.3f}{ratios[-1]:8.3f}"
        print(f"{name:18}{len(promised):7}{figures}", flush=True)
    print(f"mean of the ratios {np.mean(ratios):.3f}")


def signs(model, sets, methods):
    heads = ["lowered"]
    for sign in ("contribution", "raw", "alone"):
        heads += [f"by {sign}", "right"]
    heads += ["raw sum", "deleted sum"]
    print(f"{'':38}" + "".join(f"{head:>16}" for head in heads) + "       r")
    for set_name, pairs in sets.items():
        alone = list(Explainer(model, method="occlusion").explain_many(pairs))
        for name in methods:
            explained = list(with_share(model, float(name.partition(":")[2])).explain_many(pairs))
            rows, sums, falls, follows = [], [], [], []
            for deleted, ours in zip(alone, explained, strict=True):
                for one, other in ((deleted.left, ours.left), (deleted.right, ours.right)):
                    row = np.array(
                        [
                            (a.contribution, b.contribution, b.raw_contribution, b.alone)
                            for a, b in zip(one.words, other.words, strict=True)
                        ]
                    )
                    rows.append(row)
                    sums.append(row[:, 2].sum() / ours.similarity)
                    falls.append(row[:, 0].sum() / ours.similarity)
                    if len(row) >= FEWEST_WORDS:
                        follows.append(np.corrcoef(row[:, 0], row[:, 2])[0, 1])
            lowered, *signed = np.concatenate(rows).T < 0
            figures = [lowered.mean()]
            for found in signed:
                figures += [found.mean(), (lowered & found).sum() / max(found.sum(), 1)]
            figures += [np.median(sums), np.median(falls)]
            cells = "".join(f"{figure:16.3f}" for figure in figures)
            print(f"{set_name:24}{name:14}{cells}{np.nanmean(follows):8.3f}", flush=True)


def interval(differences):
    """The mean, with its 95 % interval by resampling pairs."""
    known = differences[~np.isnan(differences)]
    draws = np.random.default_rng(0).integers(len(known), size=(2000, len(known)))
    low, high = np.percentile(known[draws].mean(1), [2.5, 97.5])
    return f"{known.mean():+.3f} [{low:+.3f}, {high:+.3f}]"


def figures_of(model, name, pairs):
    """Return for each pair the fall without words of both and of one, and with few alone."""
    method, _, share = name.partition(":")
    explainer = with_share(model, float(share or DEFAULT))
    explainer = explainer.with_method(method)
    explanations = list(explainer.explain_many(pairs))
    found = measure_faithfulness(explainer, pairs, metrics=METRICS, explanations=explanations)
    fall, kept = (found.values[metric] for metric in METRICS)
    return {
        "both": fall["both"],
        "one": (fall["left"] + fall["right"]) / 2,
        "sufficiency": kept["both"],
        "of one": (kept["left"] + kept["right"]) / 2,
    }


def compare(model, sets, methods):
    for set_name, pairs in sets.items():
        print(f"\n{set_name}, {len(pairs)} pairs (sufficiency: lower is better)")
        base = None
        for name in methods:
            found = figures_of(model, name, pairs)
            base = base or found
            cells = [f"{np.nanmean(values):.3f}" for values in found.values()]
            less = [interval(values - base[key]) for key, values in found.items()]
            text = "  ".join(
                f"{key} {a} ({b})" for key, a, b in zip(found, cells, less, strict=True)
            )
            print(f"{name:24}{text}", flush=True)


def main():
    torch.set_num_threads(1)
    part = sys.argv[1] if len(sys.argv) > 1 else "measure"
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 25
    usual = ("whyalike:1", f"whyalike:{DEFAULT}") if part.endswith("signs") else METHODS
    methods = sys.argv[3].split(",") if len(sys.argv) > 3 else usual
    model = Explainer(sys.argv[4] if len(sys.argv) > 4 else "all-MiniLM-L6-v2").model
    sets = sets_of(part, count, model)
    if part == "measure":
        measure(model, sets)
    elif part.endswith("signs"):
        signs(model, sets, methods)
    else:
        compare(model, sets, methods)


if __name__ == "__main__":
    main()
