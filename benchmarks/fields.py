"""What titles add: how well a search does by descriptions, by both as one text, and by each alone.

Run ``python benchmarks/fields.py CATALOGUE KIND [--items N]``: KIND is the column of the type or
the variety. *Same kind*: how often the nearest other item is of the same kind, items with equal
texts left out. *MRR*: how far up an item stands when its title is searched for.
"""

import argparse
import json
import random

import numpy as np

from whyalike import Explainer
from whyalike.catalogue import Catalogue
from whyalike.catalogue.item_store import field_text, text_key


def unit(explainer, texts):
    vectors = explainer.model.embed(texts)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def measure(vectors, queries, kinds, keys):
    """Return both figures, of vectors (N, H) and queries (N, H)."""
    between = vectors @ vectors.T
    twins = np.array([[one == other for other in keys] for one in keys])
    between[twins] = -np.inf
    known = [n for n, kind in enumerate(kinds) if kind]
    nearest = between.argmax(axis=1)
    same = float(np.mean([kinds[n] == kinds[nearest[n]] for n in known]))
    found = queries @ vectors.T
    ranks = (found > np.diag(found)[:, None] + 1e-9).sum(axis=1) + 1
    return {"same kind": round(same, 3), "MRR": round(float(np.mean(1 / ranks)), 3)}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("catalogue")
    parser.add_argument("kind")
    parser.add_argument("--items", type=int, default=500)
    parser.add_argument("--model", default="all-MiniLM-L6-v2")
    asked = parser.parse_args()
    items = [i for i in Catalogue.read(asked.catalogue) if i.title and i.description]
    random.Random(0).shuffle(items)
    items = items[: asked.items]
    explainer = Explainer(asked.model)
    by_field = {
        field: unit(explainer, [field_text(item, field) for item in items])
        for field in ("title", "description", "title+description")
    }
    kinds = [item.metadata.get(asked.kind) for item in items]
    keys = [text_key(field_text(item, "description")) for item in items]
    title, description = by_field["title"], by_field["description"]
    compared = {
        "description": (description, title),
        "title": (title, title),
        "title+description": (by_field["title+description"], title),
        "title,description, weights 1,1": ((title + description) / 2, title),
        "title,description, weights 1,2": ((title + 2 * description) / 3, title),
    }
    for name, (vectors, queries) in compared.items():
        print(name, json.dumps(measure(vectors, queries, kinds, keys)), flush=True)


if __name__ == "__main__":
    main()
