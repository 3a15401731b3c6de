"""Run alone: every file of a small index is damaged in every way, and answers are compared.

Arguments: a folder to work in, and which of ``search``, ``write`` and ``build``. Each is a fork of
what is loaded once. Prints, as JSON, of each its exit code and what it printed: a line for each
answer that is neither right nor a refusal. Memory and time are limited by the process itself.
"""

import json
import os
import random
import resource
import shutil
import sys
import traceback
import warnings
from pathlib import Path

from whyalike import Explainer
from whyalike.catalogue import Item, building, embedding
from whyalike.catalogue.index import CatalogueIndex
from whyalike.catalogue.reader import find_facets
from whyalike.errors import FormatError, OptionError, OutputError

BOTH = ("title", "description")
MORE_MEMORY = 1 << 30
SECONDS = 400
FLIPS = 25


def embed(texts):
    return [[len(t) / 9, t.count("a") + 1.0, t.count("e") + 1.0, t.count("o")] for t in texts]


def draw_items(start, end):
    return [
        Item(
            f"g{n}",
            f"gloves {n}",
            "warm gloves " + "of wool " * (n % 5),
            {"price": 5.0 * n, "size": ["XL", 7][n % 2], "sold": n > 2},
        )
        for n in range(start, end)
    ]


def make(folder, explainer, *, graph):
    index = CatalogueIndex.build(draw_items(0, 6), folder, model=explainer, fields=BOTH)
    index.add(draw_items(6, 9)).remove(["g2"])
    if graph:
        CatalogueIndex.open(folder, model=explainer, engine="hnsw").similar("a hat")


def make_unfinished(folder, explainer):
    def stop(*_arguments, **_named):
        raise KeyboardInterrupt

    finish, building._finish = building._finish, stop
    try:
        CatalogueIndex.build(draw_items(0, 9), folder, model=explainer, fields=BOTH)
    except KeyboardInterrupt:
        pass
    finally:
        building._finish = finish


def answers(folder, explainer):
    """All that an index answers, read as a stranger would: anew."""
    found = []
    for engine in ("exact", "hnsw"):
        index = CatalogueIndex.open(folder, model=explainer, engine=engine)
        for asked in ({"text": "a hat"}, {"id": "g1"}, {"id": "g3", "where": "not price > 20"}):
            hits = index.similar(k=20, **asked)
            found.append([(hit.item, hit.similarity) for hit in hits])
        hits = index.similar(id="g1", k=20, score="four")
        found.append([(hit.item, hit.similarity, dict(hit.parts)) for hit in hits])
        found.append(index.rank_of("g5", id="g1"))
        found.append(find_facets(index.reader))
        info = index.info()
        found.append({name: info[name] for name in info if name != "folder"})
    return found


def written(folder, explainer):
    """What comes of changing an index."""
    index = CatalogueIndex.open(folder, model=explainer)
    index.add(draw_items(20, 23)).remove(["g0"])
    return answers(folder, explainer)


def built(folder, explainer):
    CatalogueIndex.build(draw_items(0, 9), folder, model=explainer, fields=BOTH)
    return answers(folder, explainer)


def damages(path, outside, draw):
    """Yield ways to damage a file, each with its name."""
    content = path.read_bytes()

    def put(changed):
        return lambda: path.write_bytes(changed)

    # Each byte of the small ones, and some of the others.
    size = len(content)
    places = range(size) if size < FLIPS else sorted(draw.sample(range(size), FLIPS))
    for place in places:
        changed = bytearray(content)
        changed[place] ^= 1 << draw.randrange(8)
        yield f"bit of byte {place}", put(bytes(changed))
    for end in {0, 1, size // 2, max(0, size - 1), max(0, size - 4096)}:
        yield f"cut at {end}", put(content[:end])
    for more in (b"\0", b" ", b"x" * 4096, content):
        yield f"{len(more)} bytes more", put(content + more)
    yield "zeros", put(bytes(size))
    yield "noise", put(draw.randbytes(size))

    def replaced(make):
        def change():
            path.unlink()
            make()

        return change

    yield "gone", replaced(lambda: None)
    yield "a folder", replaced(path.mkdir)
    yield "a pipe", replaced(lambda: os.mkfifo(path))
    yield "a link to a copy", replaced(lambda: path.symlink_to(outside / "copy"))
    yield "a link to nothing", replaced(lambda: path.symlink_to(outside / "nothing"))
    yield "a link to what never ends", replaced(lambda: path.symlink_to("/dev/zero"))
    yield "a link to another file", replaced(lambda: path.symlink_to(outside / "mine" / "a.txt"))
    yield "a hard link", replaced(lambda: path.hardlink_to(outside / "copy"))


def folder_damages(sound, folder, outside):
    """Yield ways to put a link in the place of a folder, or where one might be made."""
    names = {p.relative_to(sound) for p in sound.rglob("*") if p.is_dir()}
    for inner in sorted({*names, *map(Path, ("graphs", "building", "segments/000003"))}):
        for target in (outside / "mine", outside / "twin" / inner):

            def change(inner=inner, target=target):
                shutil.rmtree(folder / inner, ignore_errors=True)
                (folder / inner).parent.mkdir(exist_ok=True)
                (folder / inner).symlink_to(target, target_is_directory=True)

            yield f"{inner}: a link to {target.relative_to(outside)}", change


def snapshot(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


def try_all(base, sound, ask, explainer):
    """Print what is answered wrongly, raises what it should not, or changes what is outside."""
    draw = random.Random(3)
    right = ask(shutil.copytree(sound, base / "right"), explainer)
    outside = base / "outside"
    (outside / "mine").mkdir(parents=True)
    (outside / "mine" / "a.txt").write_text("mine")
    (outside / "mine" / "000001").mkdir()
    (outside / "mine" / "000001" / "b.txt").write_text("mine")
    shutil.copytree(sound, outside / "twin")
    (outside / "copy").touch()
    counts = {"right": 0, "refused": 0}
    folder = base / "idx"

    def attempt(name, change, *, copied):
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(sound, folder)
        (outside / "copy").write_bytes(copied)
        before = snapshot(outside)
        change()
        try:
            found = ask(folder, explainer)
        except (FormatError, OptionError, OutputError):
            counts["refused"] += 1
        except BaseException:
            print(f"{name}: {traceback.format_exc()[-600:]}")
        else:
            counts["right"] += 1
            if found != right:
                print(f"{name}: another answer")
        if snapshot(outside) != before:
            print(f"{name}: what is outside was changed")
            shutil.rmtree(outside)
            sys.exit()

    files = sorted(path.relative_to(sound) for path in sound.rglob("*") if path.is_file())
    for file in files:
        content = (sound / file).read_bytes()
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(sound, folder)
        for name, change in damages(folder / file, outside, draw):
            attempt(f"{file}, {name}", change, copied=content)
    for name, change in folder_damages(sound, folder, outside):
        attempt(name, change, copied=b"")
    print(json.dumps({"files": [str(file) for file in files], **counts}))


def main(base, what):
    base.mkdir()
    warnings.simplefilter("ignore")
    explainer = Explainer(embed=embed)
    embedding.CHUNK = 4
    sound = base / "sound"
    asked = {"search": answers, "write": written, "build": built}[what]
    if what == "build":
        make_unfinished(sound, explainer)
    else:
        make(sound, explainer, graph=True)
    answers(shutil.copytree(sound, base / "warm"), explainer) if what != "build" else None
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + MORE_MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    try_all(base, sound, asked, explainer)


def become(base, what, out):
    """Do one of them, and never return."""
    os.dup2(out.fileno(), 1)
    code = 1
    try:
        main(base, what)
        code = 0
    except SystemExit:
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    results = {}
    for one in sys.argv[2:]:
        written_to = Path(sys.argv[1]) / f"{one}.txt"
        with written_to.open("w") as opened:
            child = os.fork()
            if not child:
                become(Path(sys.argv[1]) / one, one, opened)
            _, status = os.waitpid(child, 0)
        results[one] = os.waitstatus_to_exitcode(status), written_to.read_text()
    print(json.dumps(results))
