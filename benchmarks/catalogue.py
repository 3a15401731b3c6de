"""What an index costs: embedding against sentence-transformers, search alone, and explaining hits.

The machine may be busy: what is compared is timed in turn in one process, and the median of the
ratios of neighbours is the figure. WHYALIKE_DATA names the folder with catalogues/wine.csv.

    python benchmarks/catalogue.py index [items] [rounds]      items a second, of `encode`
    python benchmarks/catalogue.py search [vectors ...]        one query over all vectors
    python benchmarks/catalogue.py explain [rounds]            search and ten explanations
"""

import os
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from measuring import keep, take_json

from whyalike import Explainer
from whyalike.catalogue import Catalogue
from whyalike.catalogue.index import CatalogueIndex
from whyalike.catalogue.search import explain_hits
from whyalike.catalogue.vectors import ExactIndex
from whyalike.models.installed import preprocess

DATA = Path(os.environ.get("WHYALIKE_DATA", "../shared/data"))
WIDTH = 384
JSON = take_json(sys.argv)


def wines(count):
    """Return some of the wines, always the same."""
    items = list(Catalogue.read(DATA / "catalogues" / "wine.csv"))
    return random.Random(5).sample(items, min(count, len(items)))


def take_turns(runs, rounds):
    """Time both runs in turn; return the seconds of each round."""
    timed = []
    for round_ in range(rounds + 1):
        pair = {}
        names = list(runs) if round_ % 2 else list(runs)[::-1]
        for name in names:
            start = time.perf_counter()
            runs[name]()
            pair[name] = time.perf_counter() - start
        if round_:  # The first warms up.
            timed.append([pair[name] for name in runs])
    return timed


def tell(timed, names, *, items=None):
    for name, column in zip(names, zip(*timed, strict=True), strict=True):
        seconds = statistics.median(column)
        rate = f", {items / seconds:8.1f} items/s" if items else ""
        print(f"{name:32s} {seconds * 1000:10.1f} ms (median){rate}")
    ratios = sorted(second / first for first, second in timed)
    print(f"{'ratio':32s} {statistics.median(ratios):10.3f} (median of {len(ratios)} rounds)")


def index(count=1000, rounds=5):
    """The whole of building an index, files and all, against `encode` of the same texts."""
    items = wines(count)
    explainer = Explainer("all-MiniLM-L6-v2")
    pipeline = explainer.encoder.pipeline
    texts = [item.text for item in items]
    with tempfile.TemporaryDirectory() as folder:
        numbers = iter(range(10**6))
        runs = {
            "sentence-transformers encode": lambda: pipeline.encode(texts, batch_size=32),
            "whyalike index": lambda: CatalogueIndex.build(
                items, Path(folder) / str(next(numbers)), model=explainer, fields=("description",)
            ),
        }
        tell(take_turns(runs, rounds), runs, items=len(items))


def search(*counts):
    """Exact search among so many vectors, of 384 features."""
    found = [each for count in counts or (120_000,) for each in search_among(count)]
    keep(JSON, {"search": found})


def search_among(count):
    """One query at a time over vectors that are mapped from a file."""
    random_, queries, results = np.random.default_rng(0), 60, []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "vectors"
        with path.open("wb") as stream:
            for start in range(0, count, 10_000):
                part = random_.standard_normal((min(10_000, count - start), WIDTH))
                part /= np.linalg.norm(part, axis=1, keepdims=True)
                stream.write(part.astype("<f4").tobytes())
        mapped = np.memmap(path, dtype="<f4", mode="r", shape=(count, WIDTH))
        found = ExactIndex([mapped])
        allowed = random_.random(count) < 0.5
        for name, mask in (("all", None), ("half of them allowed", allowed)):
            seconds, used = [], []
            for _ in range(queries + 3):
                query = random_.standard_normal((1, WIDTH)).astype(np.float32)
                start, before = time.perf_counter(), time.process_time()
                found.search(query, 10, mask)
                seconds.append(time.perf_counter() - start)
                used.append(time.process_time() - before)
            p50, p95 = np.percentile(np.array(seconds[3:]) * 1000, (50, 95))
            processor = float(np.median(used[3:])) * 1000
            print(
                f"{count:,} x {WIDTH}, {name}: p50 {p50:.2f} ms, p95 {p95:.2f} ms, of the "
                f"processor {processor:.2f} ms",
                flush=True,
            )
            figures = {"p50": float(p50), "p95": float(p95), "processor": processor}
            results.append({"vectors": count, "what": name, **figures})
    return results


def bare_passes(explainer, pairs):
    """One forward and one backward to the embeddings for each pair, batched as explain_many is."""
    pipeline = explainer.encoder.pipeline
    embedding = pipeline.transformers_model.get_input_embeddings()
    order = sorted(pairs, key=lambda pair: -len(pair[0]) - len(pair[1]))
    for start in range(0, len(order), explainer.batch_size):
        batch = order[start : start + explainer.batch_size]
        leaf = []

        def hook(_module, _inputs, output, leaf=leaf):
            leaf.append(output.detach().requires_grad_())
            return leaf[0]

        features = preprocess(pipeline, [text for pair in batch for text in pair])
        handle = embedding.register_forward_hook(hook)
        vectors = pipeline(features)["sentence_embedding"]
        handle.remove()
        torch.autograd.grad(torch.cosine_similarity(vectors[::2], vectors[1::2]).sum(), leaf[0])


def explain(rounds=20):
    """`similar` with ten explanations, against the bare passes of the same ten pairs."""
    items = wines(100)
    explainer = Explainer("all-MiniLM-L6-v2")
    explainer.encoder.pipeline.requires_grad_(False).eval()
    with tempfile.TemporaryDirectory() as folder:
        made = CatalogueIndex.build(
            items, Path(folder) / "idx", model=explainer, fields=("description",)
        )
        hits = made.similar(id=items[0].id)
        pairs = [(hit.query_text, hit.text) for hit in hits]
        runs = {
            "bare forwards and backwards": lambda: bare_passes(explainer, pairs),
            "similar with ten explanations": lambda: explain_hits(made.similar(id=items[0].id)),
        }
        tell(take_turns(runs, rounds), runs)


def main():
    which, *numbers = sys.argv[1:]
    {"index": index, "search": search, "explain": explain}[which](*map(int, numbers))


if __name__ == "__main__":
    main()
