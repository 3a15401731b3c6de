"""Our matching beside published rules of word alignment, on the same word vectors, against gold.

The rules are SimAlign's Argmax, Itermax and Match, awesome-align's softmax and OTAlign's optimal
transports (extra `alignment`), and same spelling, which needs no model. Every text is encoded once.
MTRef's train part and every second pair, from the first on, of Edinburgh++ chose the thresholds
of the transports (--choose); the figures are of what is left: MTRef's and Wiki's development parts,
and every second pair from the second on of Edinburgh++ and XL-WA.

"long" sets the left texts of MTRef and Edinburgh++ among two other sentences.

Needs the data in the folder named by WHYALIKE_DATA (default ../shared/data).

Run with: python benchmarks/alignments.py [--model FOLDER] [--golds en|long|xlwa|all] [--limit N]
"""

import argparse
import json
import os
import random
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from whyalike import BTIOptions, Explainer
from whyalike.arrays import WordSaliency
from whyalike.evaluation import (
    AlignedPair,
    identical_words,
    read_edinburgh,
    read_multimwa,
    read_xlwa,
)
from whyalike.evaluation.alignment import score_links
from whyalike.evaluation.gold import links_at_blanks
from whyalike.evaluation.rival_alignments import RULES, align_by_transport
from whyalike.explanation import WordPair
from whyalike.matching import match_mutually, match_softly, match_words
from whyalike.methods.method import register_method
from whyalike.methods.token_saliency import collect, texts_of

DATA = Path(os.environ.get("WHYALIKE_DATA", Path(__file__).parents[2] / "shared" / "data"))
LANGUAGES = ("es", "hu", "it", "nl", "ru")
FIGURES = (
    "alignment_f",
    "alignment_precision",
    "alignment_recall",
    "alignment_f_non_identical",
    "alignment_f_unaligned",
)
CHOSEN = {"balanced": 0.3, "partial": 0.2, "unbalanced": 0.1}
"""Thresholds that `--choose --limit 40` found."""

words_of = {}


@register_method(
    "word_vectors",
    summary="the vectors of words, and nothing else",
    source="benchmarks/alignments.py",
    forwards="1",
    backwards="0",
    passes=lambda *_: 1,
    promises=(),
    matching="mutual",
)
def word_vectors(setting, pairs):
    """Keep the words of each text, by the text, for the rules."""
    run = setting.encoder.run(
        [pair.tokens for pair in pairs], options=setting.options, gradient=False
    )
    scores = [np.zeros(len(text.tokens.offsets)) for text in texts_of(pairs)]
    found = collect(pairs, run, scores)
    for pair, saliency in zip(pairs, found, strict=True):
        words_of[pair.left.tokens.text, pair.right.tokens.text] = saliency
    return found


def by_ours(match):
    """Return a rule of whyalike's as (WordSaliency, WordSaliency) to links."""
    return lambda left, right: {(pair.left, pair.right) for pair in match(left, right)}


def by_rule(rule, *, centred=False):
    """Return the same of a published rule; centred, the mean of both texts' words is taken off."""

    def found(left, right):
        rows, columns = np.flatnonzero(left.matchable), np.flatnonzero(right.matchable)
        vectors = [left.vectors[rows], right.vectors[columns]]
        if centred and len(rows) and len(columns):
            mean = np.concatenate(vectors).mean(axis=0)
            vectors = [each - mean for each in vectors]
        links = rule(*vectors)
        return {(int(rows[i]), int(columns[j])) for i, j in np.argwhere(links)}

    return found


def with_threshold(kind, threshold):
    return by_rule(partial(align_by_transport, kind=kind, threshold=threshold), centred=True)


MATCHINGS = {
    "whyalike (soft)": by_ours(match_softly),
    "whyalike, mutual": by_ours(match_mutually),
    "bti (nearest from both sides)": by_ours(match_words),
    "SimAlign argmax": by_rule(RULES["argmax"]),
    "SimAlign itermax": by_rule(RULES["itermax"]),
    "SimAlign match": by_rule(RULES["match"]),
    "awesome-align softmax": by_rule(RULES["softmax"]),
    **{
        f"{name}, centred": by_rule(RULES[rule], centred=True)
        for name, rule in (
            ("SimAlign argmax", "argmax"),
            ("SimAlign itermax", "itermax"),
            ("SimAlign match", "match"),
            ("awesome-align softmax", "softmax"),
        )
    },
    **{f"OTAlign {kind}, centred": with_threshold(kind, value) for kind, value in CHOSEN.items()},
}


def golds(which):
    """Return {name: (pairs that choose, pairs that are reported)}."""
    folder, found = DATA / "alignment", {}
    if which in ("en", "long", "all"):
        train = list(read_multimwa(folder / "mwa" / "mtref-train.tsv"))
        found["MTRef"] = train, read_multimwa(folder / "mwa" / "mtref-dev.tsv")
        found["Wiki"] = (), read_multimwa(folder / "mwa" / "wiki-dev.tsv")
        gold = read_edinburgh(
            folder / "edinburgh" / "gold.train.sure+poss.json",
            sure=folder / "edinburgh" / "gold.train.sure.json",
        )
        found["Edinburgh++"] = gold[::2], gold[1::2]
    if which == "long":
        del found["Wiki"]
        return {
            f"{name}, long against short": tuple(map(among_others, parts))
            for name, parts in found.items()
        }
    if which in ("xlwa", "all"):
        for language in LANGUAGES:
            gold = read_xlwa(folder / "xlwa" / f"en-{language}-dev.tsv")
            found[f"XL-WA {language}"] = gold[::2], gold[1::2]
    return found


def among_others(gold, count=120):
    """Return pairs whose left text stands among two other sentences, which have no partner."""
    drawing, found = random.Random(1), []
    for pair in drawing.sample(list(gold), count):
        drawn_ones = drawing.sample(list(gold), 8)
        others = [
            one.left for one in drawn_ones if one.left != pair.left and one.right != pair.right
        ][:2]
        at = drawing.randrange(3)
        texts = [text.strip() for text in (*others[:at], pair.left, *others[at:])]
        moved = sum(len(text.split()) for text in texts[:at])
        sure, possible = (
            frozenset((i + moved, j) for i, j in links) for links in (pair.sure, pair.possible)
        )
        found.append(AlignedPair(pair.name, " ".join(texts), pair.right, sure, possible))
    return found


def read_vectors(explainer, gold):
    """Return each pair's explanation and both texts' words."""
    explanations = explainer.explain_many([(pair.left, pair.right) for pair in gold])
    # Some pairs stand in a file twice.
    found = [(e, words_of[e.left.text, e.right.text]) for e in explanations]
    words_of.clear()
    return found


def measure(gold, read, matching, name):
    links = []
    for explanation, saliency in read:
        sides = [
            WordSaliency(side.spans, side.saliency, side.vectors, side.matchable)
            for side in (saliency.left, saliency.right)
        ]
        pairs = tuple(WordPair(i, j, 1.0, 1.0) for i, j in sorted(matching(*sides)))
        links.append(links_at_blanks(replace(explanation, matches=pairs)))
    values = score_links(links, gold, method=name).values
    return {figure: round(values[figure], 4) for figure in FIGURES}


def spelling(gold):
    values = score_links([identical_words(pair) for pair in gold], gold, method="spelling").values
    return {figure: round(values[figure], 4) for figure in FIGURES}


def drawn(gold, limit):
    return list(gold) if len(gold) <= limit else random.Random(0).sample(list(gold), limit)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="all-MiniLM-L6-v2")
    parser.add_argument("--golds", choices=("en", "long", "xlwa", "all"), default="en")
    parser.add_argument("--layer", type=int, help="of the words; by default the middle one")
    parser.add_argument("--limit", type=int, default=10**6, help="pairs of each gold at most")
    parser.add_argument("--choose", action="store_true", help="thresholds, on the choosing part")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    explainer = Explainer(asked.model, method="word_vectors").between_documents()
    layer = (explainer.encoder.depth + 1) // 2 if asked.layer is None else asked.layer
    explainer = explainer.with_options(BTIOptions(latent_layer=layer))
    report = {"model": explainer.model.name, "layer": layer, "golds": {}}
    for name, parts in golds(asked.golds).items():
        gold = drawn(parts[0 if asked.choose else 1], asked.limit)
        if not gold:
            continue
        start = time.process_time()
        read = read_vectors(explainer, gold)
        seconds = time.process_time() - start
        print(f"\n{name}, {len(gold)} pairs, layer {layer}, {seconds:.0f} s of CPU to encode")
        print("| | F | P | R | F, spelled differently | F, words without a partner |")
        print("|---|---|---|---|---|---|")
        asked_for = MATCHINGS
        if asked.choose:
            asked_for = {
                f"OTAlign {kind} {value}": with_threshold(kind, value)
                for kind in CHOSEN
                for value in (0.1, 0.2, 0.3, 0.4)
            }
        rows = {"same spelling": spelling(gold)}
        for rule, matching in asked_for.items():
            rows[rule] = measure(gold, read, matching, rule)
        for rule, row in rows.items():
            print(f"| {rule} | " + " | ".join(f"{x:.3f}" for x in row.values()) + " |", flush=True)
        report["golds"][name] = {"pairs": len(gold), "rules": rows}
    if asked.json:
        asked.json.write_text(json.dumps(report, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
