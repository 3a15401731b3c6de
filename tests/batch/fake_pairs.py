"""A scorer that costs nothing, files of pairs in every form, and a reader of every output."""

import csv
import gzip
import json

from whyalike import Explainer, PairScorer


def overlap(pairs):
    """How many words both texts have; of a text that says so, no number."""
    return [
        float("nan") if "BROKEN" in left + right else float(len({*left.split()} & {*right.split()}))
        for left, right in pairs
    ]


def open_fake(function=overlap, **named):
    scorer = PairScorer(function, name="overlap", retry=None, cache_size=1000)
    return Explainer(score=scorer, method="occlusion", batch_size=4, **named)


def draw_pairs(count):
    """Pairs of four words each, all different."""
    words = ["warm", "cold", "gloves", "boots", "wool", "knit", "red", "blue"]
    return [
        (f"{words[n % 8]} {words[n % 5]} n{n}", f"{words[n % 3]} {words[n % 7]} n{n}")
        for n in range(count)
    ]


def write_pairs(path, pairs, *, header=("id", "left", "right", "price")):
    rows = [(n, left, right, n / 2) for n, (left, right) in enumerate(pairs)]
    name = path.name.removesuffix(".gz")
    if name.endswith(".parquet"):
        import pyarrow as pa
        from pyarrow.parquet import write_table

        write_table(
            pa.Table.from_pylist([dict(zip(header, row, strict=True)) for row in rows]), path
        )
        return path
    opened = gzip.open if path.name.endswith(".gz") else open
    with opened(path, "wt", encoding="utf-8", newline="") as stream:
        if name.endswith(".jsonl"):
            stream.writelines(
                json.dumps(dict(zip(header, row, strict=True))) + "\n" for row in rows
            )
        else:
            writer = csv.writer(stream, delimiter="\t" if name.endswith(".tsv") else ",")
            writer.writerows([header, *rows])
    return path


def read_rows(path):
    if path.suffix == ".parquet":
        from pyarrow.parquet import read_table

        return read_table(path).to_pylist()
    return [json.loads(line) for line in path.read_text().splitlines()]
