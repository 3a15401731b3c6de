"""Whether the rows of a comparison are as large as what deletion takes, on triples of texts.

Each triple is a query, a near text and one less near, drawn by a seed. Every word of each is
deleted by hand (cut out of the string, scored by sentence-transformers alone); the figures compare
the three greatest rows of each table with that. "raw" is what the method says of single words, as
tables showed it before there were checks. Run with:
python benchmarks/compare_rows.py [triples] [seed] [method]
"""

import csv
import os
import random
import statistics
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np

from whyalike import Explainer

DATA = Path(os.environ["WHYALIKE_DATA"])
CLOSE = 1.3
CHECKS = (3, 5, 10)
POOL = 900


def catalogue_triples(name, count, seed, encode):
    """Return descriptions, one of the nearest five others, and one of the fifteen after these."""
    with (DATA / "catalogues" / f"{name}.csv").open(newline="", encoding="utf-8") as stream:
        texts = dict.fromkeys(row["description"] for row in csv.DictReader(stream))
    texts = [text for text in texts if 8 <= len(text.split()) <= 120]
    choose = random.Random(seed)
    pool = choose.sample(texts, min(len(texts), POOL))
    vectors = encode(pool)
    found = []
    for query in choose.sample(range(len(pool)), count):
        cosines = vectors @ vectors[query]
        order = [n for n in np.argsort(-cosines)[1:] if cosines[n] < 0.97]
        better, worse = order[choose.randrange(5)], order[choose.randrange(5, 20)]
        found.append((pool[query], pool[better], pool[worse]))
    return found


def question_triples(count, seed):
    """Return questions, a sentence that answers, and another one of the same document."""
    path = DATA / "highlight" / "wikiqa-dev.tsv"
    with path.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE))
    choose = random.Random(seed)
    found = []
    for question in sorted({row["Question"] for row in rows}):
        own = [row for row in rows if row["Question"] == question]
        right = [row["Sentence"] for row in own if row["Label"] == "1"]
        wrong = [row["Sentence"] for row in own if row["Label"] == "0"]
        if right and wrong:
            found.append((question, choose.choice(right), choose.choice(wrong)))
    return choose.sample(found, min(count, len(found)))


def cut(text, words, places):
    """Return a text without the words at some places."""
    for place in sorted(places, reverse=True):
        text = f"{text[: words[place].start]} {text[words[place].end :]}"
    return text


def without(comparison, wanted, encode):
    """Return what the margin loses without the words at each of some places, by our own cuts.

    Places are of the query, of the better text, of the worse one. None where nothing is left.
    """
    texts = comparison.better.left, comparison.better.right, comparison.worse.right
    nothing = ((), (), ())
    variants = {
        places: [cut(side.text, side.words, gone) for side, gone in zip(texts, places, strict=True)]
        for places in (nothing, *wanted)
    }
    unique = list(dict.fromkeys(text for three in variants.values() for text in three))
    vectors = dict(zip(unique, encode(unique), strict=True))

    def margin(places):
        query, better, worse = (vectors[text] for text in variants[places])
        return float(query @ better - query @ worse)

    return {
        places: margin(nothing) - margin(places)
        if all(any(c.isalnum() for c in text) for text in variants[places])
        else None
        for places in wanted
    }


def single_words(comparison):
    """Return what tables showed before: each occurrence alone, of the query and of both texts."""
    query = [(w.contribution, ((n,), (), ())) for n, w in enumerate(comparison.query.words)]
    texts = [(w.contribution, ((), (n,), ())) for n, w in enumerate(comparison.better_text.words)]
    texts += [(w.contribution, ((), (), (n,))) for n, w in enumerate(comparison.worse_text.words)]
    return [sorted(rows, key=lambda row: -abs(row[0]))[:3] for rows in (query, texts)]


def places_of(row):
    return row.query, row.better, row.worse


def say(name, rows):
    """Print how sizes and signs of rows, (said, taken), agree."""
    rows = [(said, taken) for said, taken in rows if taken is not None]
    if not rows:
        return
    ratios = [abs(said) / max(abs(taken), 1e-9) for said, taken in rows]
    print(
        f"{name:44} n {len(rows):4}  median ratio {statistics.median(ratios):5.2f}  within "
        f"{CLOSE} {np.mean([1 / CLOSE <= r <= CLOSE for r in ratios]):.2f}  worst "
        f"{max(max(r, 1 / max(r, 1e-9)) for r in ratios):6.1f}  sign right "
        f"{sum(said * taken > 0 for said, taken in rows)} of {len(rows)}"
    )


def measure_one(triple, explainer, encode, found):
    """Add to ``found`` what is said and taken of one triple's rows, by table and what it is."""
    plain = explainer.compare(*triple, check=0)
    raw = single_words(plain)
    tables = {"query": plain.query_rows, "texts": plain.text_rows}
    wanted = [places for rows in raw for _, places in rows]
    wanted += [places_of(row) for rows in tables.values() for row in rows]
    taken = without(plain, dict.fromkeys(wanted), encode)
    for table, rows in zip(tables, raw, strict=True):
        found[table, "raw"] += [(said, taken[places]) for said, places in rows]
    for count in CHECKS:
        comparison = explainer.compare(*triple, check=count)
        for table, rows in (("query", comparison.query_rows), ("texts", comparison.text_rows)):
            known = [row for row in rows if taken[places_of(row)] is not None]
            largest = sorted(known, key=lambda row: -abs(taken[places_of(row)]))[:3]
            found[table, count, "caught"] += [row.is_checked for row in largest]
            shown = sorted(known, key=lambda row: (not row.is_checked, -abs(row.effect)))
            for what, some in (
                ("checked", [row for row in shown if row.is_checked]),
                ("beyond", [row for row in shown if not row.is_checked]),
            ):
                found[table, count, what] += [(r.effect, taken[places_of(r)]) for r in some[:3]]


def measure(name, triples, explainer, encode):
    """Print the figures of one set."""
    found = defaultdict(list)
    for triple in triples:
        measure_one(triple, explainer, encode, found)
    for table in ("query", "texts"):
        say(f"{name}, {table}: as attributed, before", found[table, "raw"])
        for count in CHECKS:
            say(f"{name}, {table}: {count} checked", found[table, count, "checked"])
            say("  the first three that are not", found[table, count, "beyond"])
            caught = np.mean(found[table, count, "caught"])
            print(f"  of the three that deletion finds largest, checked: {caught:.2f}")


def main(count=14, seed=5, method="whyalike"):
    """Measure all sets."""
    explainer = Explainer("all-MiniLM-L6-v2", method=method)
    pipeline = explainer.encoder.pipeline

    def encode(texts):
        return pipeline.encode(texts, normalize_embeddings=True, show_progress_bar=False)

    sets = {
        **{name: catalogue_triples(name, count, seed, encode) for name in ("fashion", "wine")},
        "wikiqa": question_triples(count, seed),
    }
    for name, triples in sets.items():
        measure(name, triples, explainer, encode)


if __name__ == "__main__":
    numbers = [int(one) for one in sys.argv[1:3]]
    main(*numbers, *sys.argv[3:4])
