"""Pairs of descriptions that are near by TF-IDF, as CSV: the same for every model that is compared.

`whyalike evaluate --texts` draws pairs that are near for the model at hand, so that two models are
measured on other pairs. Each of some random descriptions of 15 to 60 words with its nearest one of
cosine .3 to .9; no text stands in two pairs. The texts are not ours: write to a scratch folder.

Run with: python benchmarks/near_by_words.py fashion 10 > /tmp/own.csv
          whyalike evaluate --own /tmp/own.csv --model MODEL --methods random,bti,whyalike
"""

import csv
import os
import random
import sys
from pathlib import Path

from whyalike.catalogue import Catalogue
from whyalike.training.tfidf import WordCounts

DATA = Path(os.environ.get("WHYALIKE_DATA", Path(__file__).parents[2] / "shared" / "data"))
LOWEST, HIGHEST = 0.3, 0.9


def main():
    catalogue, count = sys.argv[1], int(sys.argv[2])
    items = Catalogue.read(DATA / "catalogues" / f"{catalogue}.csv")
    every = list(dict.fromkeys(item.description for item in items))
    texts = [text for text in every if 15 <= len(text.split()) <= 60]
    texts = random.Random(0).sample(texts, min(2000, len(texts)))
    counts = WordCounts([], texts)
    taken, found = set(), []
    for place in range(len(texts)):
        near = counts.cosines_of([place])[0]
        near[place] = 0.0
        other = int(near.argmax())
        if LOWEST <= near[other] <= HIGHEST and not taken & {place, other}:
            taken |= {place, other}
            found.append((texts[place], texts[other]))
        if len(found) == count:
            break
    writer = csv.writer(sys.stdout)
    writer.writerow(["left", "right"])
    writer.writerows(found)


if __name__ == "__main__":
    main()
