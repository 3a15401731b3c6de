"""How the method ``whyalike`` was chosen.

What deleting the words and pairs that a method names does to the similarity, and how matches agree
with human word alignment, layer by layer.

Needs catalogues and alignments in the folder named by WHYALIKE_DATA (default ../shared/data).
Run with: python benchmarks/own_method.py [pairs per catalogue]
"""

import csv
import json
import os
import random
import re
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from whyalike import BTIOptions, Explainer
from whyalike.methods.method import BACKWARD, register_method
from whyalike.methods.token_saliency import collect
from whyalike.methods.whyalike import token_terms
from whyalike.texts import keep_words
from whyalike.words import share_the_rest

DATA = Path(os.environ.get("WHYALIKE_DATA", Path(__file__).parents[2] / "shared" / "data"))
WORDS, PAIRS = (1, 3, 5, 10), (1, 3, 5)
SALIENCIES = {
    "random": {},
    "idf": {},
    "bti": {},
    "vanilla_gradients": {},
    "integrated_gradients": {"ig_steps": 20, "ig_baseline": "pad"},
    "token_similarity": {},
    "gradient_x_activation, layer 1": {"layer": 1},
    "gradient_x_activation, layer 3": {"layer": 3},
    "gradient_x_activation, layer 4": {"layer": 4},
    "gradient_x_activation, layer 5": {"layer": 5},
    "gradient_x_activation, layer 6": {"layer": 6},
    "occlusion": {},
    "whyalike": {},
    "content_alone": {},
    "presence_alone": {},
    "whyalike, layer 6": {"layer": 6},
    "whyalike, nearest": {"matching": "nearest"},
    "bti, mutual": {"matching": "mutual"},
    "bti, mutual at layer 3": {"matching": "mutual", "latent_layer": 3},
}


def _one_term(setting, pairs, *, term):
    middle = (setting.encoder.depth + 1) // 2
    result = setting.encoder.run(
        [pair.tokens for pair in pairs],
        options=replace(setting.options, latent_layer=middle),
        point=-2,
        presence_from=middle,
    )
    scores = token_terms(pairs, result)[term]
    return collect(pairs, result, scores, signed=True, finish=share_the_rest)


for number, name in enumerate(("content_alone", "presence_alone")):
    register_method(
        name,
        summary=f"what {name.partition('_')[0]} adds, one half of whyalike",
        source="docs/decisions/0005-our-own-method.md",
        forwards="1",
        backwards="1 / 2",
        passes=lambda *_: 1 + BACKWARD / 2,
        promises=("signed",),
        matching="soft",
    )(partial(_one_term, term=number))


def catalogue_pairs(name, count, model):
    """Random items, each with its nearest other item of a similarity from .5 to .95."""
    with (DATA / "catalogues" / f"{name}.csv").open(encoding="utf-8") as stream:
        rows = [row["description"] for row in csv.DictReader(stream)]
    texts = list(dict.fromkeys(text for text in rows if 15 <= len(text.split()) <= 120))
    random.Random(0).shuffle(texts)
    texts = texts[:1500]
    vectors = model.embed(texts)
    cosines = vectors @ vectors.T
    pairs, used = [], set()
    for i, row in enumerate(cosines):
        near = [j for j in np.argsort(-row) if j != i and j not in used and 0.5 <= row[j] <= 0.95]
        if i not in used and near:
            pairs.append((texts[i], texts[near[0]]))
            used |= {i, near[0]}
        if len(pairs) == count:
            break
    return pairs


def without(side, words):
    kept = [n not in words for n in range(len(side.words))]
    return keep_words(side.text, [(w.start, w.end) for w in side.words], kept)


def falls(explainer, explanations):
    """Return {k: mean fall} when each text's top k words go, and when the top k pairs go."""
    by_words = {k: [] for k in WORDS}
    by_pairs = {k: [] for k in PAIRS}
    changed, places = [], []
    for number, e in enumerate(explanations):
        ranked = [
            sorted(range(len(s.words)), key=lambda n, s=s: -s.words[n].saliency)
            for s in (e.left, e.right)
        ]
        for k in WORDS:
            changed += [without(e.left, set(ranked[0][:k])), without(e.right, set(ranked[1][:k]))]
            places.append((by_words[k], number))
        for k in PAIRS:
            top = e.matches[:k]
            changed += [
                without(e.left, {p.left for p in top}),
                without(e.right, {p.right for p in top}),
            ]
            places.append((by_pairs[k], number))
    vectors = explainer.model.embed(changed)
    for index, (found, number) in enumerate(places):
        left, right = vectors[2 * index], vectors[2 * index + 1]
        cosine = left @ right / (np.linalg.norm(left) * np.linalg.norm(right))
        found.append(explanations[number].similarity - cosine)
    return [np.mean(by_words[k]) for k in WORDS] + [np.mean(by_pairs[k]) for k in PAIRS]


def read_alignments():
    """Return {name: [(left, right, sure links, possible links)]} of words split at blanks."""

    def links(text):
        return {tuple(map(int, link.split("-"))) for link in text.split()}

    sets = {}
    for name in ("mtref-dev", "wiki-dev"):
        lines = (
            (DATA / "alignment" / "mwa" / f"{name}.tsv").read_text(encoding="utf-8").splitlines()
        )
        cells = [[*line.split("\t"), ""] for line in lines]
        sets[name] = [(c[1], c[3], links(c[7]), links(c[8])) for c in cells][:200]
    path = DATA / "alignment" / "edinburgh" / "gold.train.sure+poss.json"
    gold = json.loads(path.read_text(encoding="utf-8"))
    sets["edinburgh"] = [
        (g["source"], g["target"], links(g["sureAlign"]), links(g["possibleAlign"])) for g in gold
    ][:200]
    return sets


def at_blanks(side):
    """Return, for each word of ours, which word at blanks it lies in."""
    ends = [found.end() for found in re.finditer(r"\S+", side.text)]
    return np.searchsorted(ends, [w.start for w in side.words], side="right")


def alignment_f(explainer, gold):
    """Return F of matches: precision by sure and possible links, recall by sure ones."""
    right_ones = given = found = sure_ones = 0
    for e, (_, _, sure, possible) in zip(
        explainer.explain_many([(a, b) for a, b, _, _ in gold]), gold, strict=True
    ):
        left, right = at_blanks(e.left), at_blanks(e.right)
        ours = {(int(left[p.left]), int(right[p.right])) for p in e.matches}
        right_ones += len(ours & (sure | possible))
        given += len(ours)
        found += len(ours & sure)
        sure_ones += len(sure)
    precision, recall = right_ones / max(given, 1), found / sure_ones
    return 2 * precision * recall / (precision + recall)


def explainer_for(base, name, **options):
    """Return an Explainer of the loaded model, with the paper's pooling."""
    return Explainer(
        base.encoder.pipeline,
        pooling="paper",
        method=name.partition(",")[0],
        options=BTIOptions(**options),
    )


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 25
    base = Explainer("all-MiniLM-L6-v2")
    for catalogue in ("fashion", "wine"):
        pairs = catalogue_pairs(catalogue, count, base.model)
        print(f"\n{catalogue}, {len(pairs)} pairs: mean fall of the cosine without a method's top")
        heads = [f"{k}w" for k in WORDS] + [f"{k}p" for k in PAIRS]
        print(f"{'words (w, of each text) or pairs (p)':36}" + "".join(f"{h:>8}" for h in heads))
        for name, options in SALIENCIES.items():
            explainer = explainer_for(base, name, **options)
            figures = falls(explainer, list(explainer.explain_many(pairs)))
            print(f"{name:36}" + "".join(f"{x:8.3f}" for x in figures), flush=True)
    print("\nF of matches against human word alignment, hidden state 0 to 6 for the word vectors")
    for name, gold in read_alignments().items():
        for matching in ("nearest", "mutual"):
            figures = [
                alignment_f(
                    explainer_for(base, "bti_activations", matching=matching, latent_layer=n), gold
                )
                for n in range(7)
            ]
            print(f"{name:12}{matching:10}" + "".join(f"{x:7.3f}" for x in figures), flush=True)


if __name__ == "__main__":
    main()
