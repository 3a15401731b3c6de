"""What a wine's description can say of its title: how well titles could find descriptions at best.

Oracles know an attribute of the right answer (its variety, region, ...), and nothing else: all
wines that share it stand in random order, before all others. The mean of 1 / rank is then exact,
H(n) / n of n that share it. A reference that learns from labels: naive Bayes of words and pairs
of words says which variety and region a description is of, learnt from all wines but the held-out
ones; a title is compared with descriptions by its own variety and region, and by TF-IDF beside.

The held-out titles are those of `benchmarks/training.py wine --items 3000 --rest`. Needs
catalogues/wine.csv in the folder named by WHYALIKE_DATA (default ../shared/data).

Run with: OMP_NUM_THREADS=1 python benchmarks/title_bounds.py
"""

import os
import random
import re
from collections import Counter
from pathlib import Path

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.naive_bayes import MultinomialNB

from whyalike.catalogue import Catalogue
from whyalike.training.data import number_texts, split_pairs
from whyalike.training.retrieval import rank_by
from whyalike.training.tfidf import WordCounts

DATA = Path(os.environ.get("WHYALIKE_DATA", Path(__file__).parents[2] / "shared" / "data"))
YEAR = re.compile(r"\s+(?:19|20)\d\d\b")
ATTRIBUTES = {
    "variety": lambda item: item.metadata.get("variety") or "",
    "region": lambda item: (re.findall(r"\(([^)]*)\)\s*$", item.title) or [""])[0],
    "maker": lambda item: YEAR.split(item.title)[0],
}
"""A title is maker, year, name of the wine, variety, and the region in brackets."""

ORACLES = (("variety",), ("region",), ("variety", "region"), ("maker",), ("maker", "variety"))
WEIGHTS = (0.0, 0.25, 0.5, 1.0)


def tell(name, accuracy, mrr, found=None):
    more = "– | –" if found is None else f"{found.mpr:.3f} | {found.hit_100:.3f}"
    print(f"| {name} | {accuracy} | {mrr:.3f} | {more} |", flush=True)


def standard(scores):
    """Return each row with mean 0 and standard deviation 1."""
    return (scores - scores.mean(1, keepdims=True)) / (scores.std(1, keepdims=True) + 1e-9)


def main():
    everything = [
        item
        for item in Catalogue.read(DATA / "catalogues" / "wine.csv")
        if item.title.strip() and item.description.strip()
    ]
    pool = random.Random(0).sample(everything, 3000)
    pairs = [(item.title, item.description) for item in pool]
    titles, descriptions = map(list, zip(*pairs, strict=True))
    queries = list(split_pairs(pairs, held_out=0.2, watched=0.05, seed=0).held_out)
    texts = number_texts(descriptions).tolist()
    makers = [ATTRIBUTES["maker"](pool[q]).lower() for q in queries]
    named = sum(name in descriptions[q].lower() for q, name in zip(queries, makers, strict=True))
    print(f"{len(queries)} held-out titles among {len(pool)} descriptions, of which {named} name "
          "the maker\n")  # fmt: skip
    print("| | accuracy | MRR | MPR | HR@100 |\n| --- | ---: | ---: | ---: | ---: |")
    for names in ORACLES:
        keys = [tuple(ATTRIBUTES[name](item) for name in names) for item in pool]
        counts = Counter(keys)
        shares = [(1 / np.arange(1, counts[keys[q]] + 1)).mean() for q in queries]
        tell(f"oracle: {' and '.join(names)}", "–", float(np.mean(shares)))

    sides = [[getattr(item, side) for item in everything] for side in ("title", "description")]
    numbers = [number_texts(side) for side in sides]
    place = {id(item): number for number, item in enumerate(everything)}
    held = [{side[place[id(pool[q])]] for q in queries} for side in numbers]
    rest = [
        item
        for number, item in enumerate(everything)
        if not any(side[number] in gone for side, gone in zip(numbers, held, strict=True))
    ]
    words = TfidfVectorizer(sublinear_tf=True, min_df=2, ngram_range=(1, 2))
    learnt = words.fit_transform([item.description for item in rest])
    asked = words.transform(descriptions)
    both = np.zeros((len(queries), len(pool)))
    accuracy = []
    for name in ("variety", "region"):
        read = ATTRIBUTES[name]
        model = MultinomialNB(alpha=0.02, fit_prior=False)
        model.fit(learnt, [read(item) for item in rest])
        known = {label: number for number, label in enumerate(model.classes_)}
        likely = model.predict_log_proba(asked)
        right = [model.classes_[likely[q].argmax()] == read(pool[q]) for q in queries]
        accuracy.append(f"{name} {np.mean(right):.3f}")
        for row, query in enumerate(queries):
            if (label := known.get(read(pool[query]))) is not None:
                both[row] += likely[:, label]
    alone = WordCounts(titles, descriptions).cosines([titles[q] for q in queries])
    for name, scores, said in [
        ("TF-IDF", alone, "–"),
        *(
            (
                f"variety and region by naive Bayes + {weight:g} × TF-IDF",
                standard(both) + weight * standard(alone),
                "; ".join(accuracy),
            )
            for weight in WEIGHTS
        ),
    ]:
        found = rank_by(lambda rows, scores=scores: scores[rows], own=queries, texts=texts)
        tell(name, said, found.mrr, found)


if __name__ == "__main__":
    main()
