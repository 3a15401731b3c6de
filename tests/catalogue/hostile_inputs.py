"""Run alone: files that are small and mean much, read under limits of memory and of time.

Argument: a folder to work in. Prints, as JSON, what was said of each.
"""

import json
import resource
import sys
import traceback
import zlib
from pathlib import Path

import pyarrow as pa
from pyarrow import parquet

from whyalike.catalogue import Catalogue, ReadReport, stream_items
from whyalike.data.markup import strip_markup
from whyalike.errors import FormatError
from whyalike.words import WordVectors

MORE_MEMORY = 5 << 28
SECONDS = 300
HEAD = b"id,title,description\n"


def read(path, **options):
    report = ReadReport()
    for _ in stream_items(path, report=report, **options):
        pass
    return f"{report.kept} kept, {len(report.bad)} bad"


def pack(path, start, part, times):
    """Write a gzipped file of gigabytes at once: a packed part that refers to nothing before it."""
    packer = zlib.compressobj(9, wbits=31)
    first = packer.compress(start) + packer.flush(zlib.Z_FULL_FLUSH)
    block = packer.compress(part) + packer.flush(zlib.Z_FULL_FLUSH)
    # What ends the file is never read.
    path.write_bytes(first + block * times)
    return path


def write_parquet(path, table, **options):
    parquet.write_table(table, path, compression="zstd", **options)
    return path


def repeated(value, rows):
    """A column that has one value in its dictionary, and that value in every row."""
    return pa.array([value]).dictionary_encode().take(pa.array([0] * rows))


def plain_table(columns):
    """Without Arrow's own notes, so that dictionaries are read as what they stand for."""
    return pa.table(columns).cast(pa.schema([(name, pa.string()) for name in columns]))


def cases(folder):
    mega = b"a" * (1 << 20)
    for name, packed in (
        ("line.csv.gz", lambda p: pack(p, HEAD + b"1,a,", mega, 6000)),
        ("line.jsonl.gz", lambda p: pack(p, b'{"id": "1", "title": "', mega, 6000)),
        ("header.csv.gz", lambda p: pack(p, b"", mega, 6000)),
        ("quoted.csv.gz", lambda p: pack(p, HEAD + b'1,a,"', b"\n" * 100 + mega, 300)),
        ("lines.csv.gz", lambda p: pack(p, HEAD, b"1\n" * (1 << 19), 3000)),
    ):
        yield name, lambda name=name, packed=packed: read(packed(folder / name))
    names = ",".join(f"c{n}" for n in range(200_000))
    for name, content in {
        "wide.csv": f"{names}\n{names}\n".encode(),
        "same.csv": b"a," * 200_000 + b"a\n",
        "wide.jsonl": json.dumps({f"c{n}": n for n in range(200_000)}).encode(),
        "late.jsonl": b'{"title": "a", "id": 0}\n' * 100
        + b"".join(
            json.dumps(
                {"title": "a", "id": k + 1, **{f"k{k}-{n}": 1 for n in range(5000)}}
            ).encode()
            + b"\n"
            for k in range(20)
        ),
        "nested.jsonl": b'{"title": ' + b"[" * 1_000_000 + b"]" * 1_000_000 + b"}",
        "digits.jsonl": b'{"title": "a", "n": ' + b"9" * 1_000_000 + b"}",
        "large.jsonl": b'{"id": ' + b"9" * 4000 + b', "title": "a", "n": ' + b"9" * 4000 + b"}",
        "exponent.jsonl": b'{"id": 1e308, "title": 1e999, "description": "a", "n": 1e999}',
        "unclosed.csv": HEAD + b'"\nx,y,z\n' * 20_000,
        "odd.csv": HEAD + (b'"a' + b",x" * 50 + b"\n") * 2_000,
    }.items():

        def case(name=name, content=content):
            (folder / name).write_bytes(content)
            return read(folder / name)

        yield name, case
    long = "warm wool " * 8_000_000
    tables = {
        "dictionary.parquet": lambda p: write_parquet(
            p, pa.table({"id": [str(n) for n in range(2000)], "title": repeated(long, 2000)})
        ),
        "dictionary of text.parquet": lambda p: write_parquet(
            p, plain_table({"id": [str(n) for n in range(600)], "title": ["a"] * 600})
        ),
        "middle.parquet": lambda p: write_parquet(
            p,
            pa.table({"id": [str(n) for n in range(100)], "title": repeated(long[: 1 << 24], 100)}),
        ),
        "page.parquet": lambda p: write_parquet(
            p, pa.table({"title": [long] * 5}), use_dictionary=False
        ),
        "wide.parquet": lambda p: write_parquet(p, pa.table({f"c{n}": [1] for n in range(5_000)})),
        "lists.parquet": lambda p: write_parquet(
            p,
            pa.table(
                {
                    "title": ["a"],
                    "list": pa.array([[None] * 20_000_000], type=pa.list_(pa.int8())),
                }
            ),
        ),
    }
    for name, write in tables.items():
        write(folder / name)
        yield name, lambda name=name: read(folder / name)
    for name, start in (("text", b"word "), ("binary", b"2 3\nword \0\0\0\0")):
        yield (
            f"vectors {name}",
            lambda start=start: WordVectors.read(pack(folder / "v.gz", start, mega, 6000)),
        )

    def wide_vectors():
        line = b"word" + b" 1" * 600_000 + b"\n"
        (folder / "wide.txt").write_bytes(b"".join(b"%d" % n + line for n in range(8)))
        return WordVectors.read(folder / "wide.txt").table.shape

    yield "vectors wide", wide_vectors
    for start in (
        *("<a ", "<!--", '<a ="', "<a ='\"", "<", "</a", "</", "&#", "&#1", "<script", "<p"),
        *("<p x='>", "<!", "<a b=c ", "<style></styl", "<svg ", "<?", "<p =", "&#9999999"),
    ):
        text = "<b>x</b>" + start * (400_000 // len(start))
        yield f"markup {start}", lambda text=text: f"{len(strip_markup(text)) <= len(text)}"

    def rows():
        path = folder / "html.jsonl"
        path.write_text(json.dumps({"id": "1", "description": "<b>" + "<a " * 400_000}) + "\n")
        return len(Catalogue.read(path, markup="strip").items)

    yield "markup of a file", rows


def main():
    folder = Path(sys.argv[1])
    found = {}
    prepared = list(cases(folder))
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + MORE_MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    for name, case in prepared:
        try:
            found[name] = f"read: {case()}"
        except FormatError as error:
            found[name] = f"refused: {error}"
        except BaseException:
            found[name] = f"failed: {traceback.format_exc()[-500:]}"
        print(
            name,
            resource.getrusage(resource.RUSAGE_SELF).ru_utime,
            found[name][:200],
            file=sys.stderr,
            flush=True,
        )
    print(json.dumps(found))


if __name__ == "__main__":
    main()
