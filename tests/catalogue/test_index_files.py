"""What is on the disk: resumed after a kill, changed at once, refused when damaged."""

import copy
import json
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from indexed_items import draw_items, open_tiny

from forking import Forked
from raising import raises
from tiny_models import tiny
from whyalike import Explainer
from whyalike.catalogue import Item, building, embedding, reader, writing
from whyalike.catalogue import vectors as vector_file
from whyalike.catalogue.files import only_writer
from whyalike.catalogue.index import CatalogueIndex
from whyalike.catalogue.item_store import ItemStore
from whyalike.catalogue.manifest import read_manifest, sealed
from whyalike.errors import FormatError, OptionError, OutputError


@pytest.fixture(scope="module")
def explainer():
    return open_tiny()


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr(embedding, "CHUNK", 16)
    monkeypatch.setattr(embedding, "EMBEDDED_AT_ONCE", 4)


def contents(folder):
    """Every file of an index by its name, but for the lock, which is empty."""
    files = {p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if p.is_file()}
    return {name: p.read_bytes() for name, p in files.items() if not name.startswith("lock")}


def test_two_builds_are_equal_byte_by_byte_and_have_no_date(explainer, small_chunks, tmp_path):
    for name in "ab":
        CatalogueIndex.build(
            draw_items(40), tmp_path / name, model=explainer, fields=("description",)
        )
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    assert set(contents(tmp_path / "a")) == {
        "manifest.json",
        "segments/000001/description.float32",
        "segments/000001/items.sqlite",
    }


def test_killed_at_any_time_it_goes_on_to_the_same_bytes(explainer, small_chunks, tmp_path):
    whole = tmp_path / "whole"
    CatalogueIndex.build(draw_items(60), whole, model=explainer, fields=("title", "description"))
    folder = tmp_path / "killed"

    def tell(done, total):
        print(done, flush=True)
        time.sleep(0.02)

    process = Forked(
        lambda: CatalogueIndex.build(
            draw_items(60),
            folder,
            model=open_tiny(),
            fields=("title", "description"),
            progress=tell,
        )
    )
    for line in process.stdout:
        if int(line) >= 62:
            process.kill()
            break
    process.communicate(600)
    assert process.returncode == -signal.SIGKILL
    with pytest.raises(FormatError, match="holds no index"):
        CatalogueIndex.open(folder)
    told = []
    CatalogueIndex.build(
        draw_items(60),
        folder,
        model=explainer,
        fields=("title", "description"),
        progress=lambda done, total: told.append((done, total)),
    )
    # 62 of 120 texts were told: one chunk of 16 items was surely whole, with both texts of each.
    assert told[0][0] >= 32
    assert told[-1] == (120, 120)
    assert contents(folder) == contents(whole)


@pytest.mark.parametrize("stage", ["append", "_finish", "write_manifest", "_tidy"])
def test_cut_off_at_each_step_it_goes_on_to_the_same_bytes(
    explainer, small_chunks, tmp_path, monkeypatch, stage
):
    whole, folder = tmp_path / "whole", tmp_path / "cut"
    CatalogueIndex.build(draw_items(40), whole, model=explainer, fields=("description",))
    module = next(
        one for one in (building, writing, vector_file.VectorWriter) if hasattr(one, stage)
    )
    calls = []

    def cut(*arguments, **named):
        calls.append(1)
        if stage == "append" and len(calls) < 2:
            return real(*arguments, **named)
        if stage == "append":
            # Half a chunk reached the disk.
            real(arguments[0], arguments[1][:5], **named)
        raise KeyboardInterrupt

    real = getattr(module, stage)
    with monkeypatch.context() as patch:
        patch.setattr(module, stage, cut)
        with pytest.raises(KeyboardInterrupt):
            CatalogueIndex.build(draw_items(40), folder, model=explainer, fields=("description",))
    told = []
    if stage == "_tidy":
        assert len(CatalogueIndex.open(folder)) == 40
        assert {k: v for k, v in contents(folder).items() if "building" not in k} == contents(whole)
        return
    CatalogueIndex.build(
        draw_items(40),
        folder,
        model=explainer,
        progress=lambda done, _: told.append(done),
        fields=("description",),
    )
    assert told[0] == (16 if stage == "append" else 40)
    assert contents(folder) == contents(whole)


def test_what_another_run_left_is_not_used(explainer, small_chunks, tmp_path, monkeypatch):
    def stop(*_arguments, **_named):
        raise KeyboardInterrupt

    def leave(folder, **options):
        with monkeypatch.context() as patch:
            patch.setattr(building, "_finish", stop)
            with pytest.raises(KeyboardInterrupt):
                CatalogueIndex.build(
                    draw_items(20), folder, model=explainer, fields=("description",)
                )
        told = []
        arguments = {"source": draw_items(20), "model": explainer, "fields": ("description",)}
        arguments |= options
        CatalogueIndex.build(folder=folder, progress=lambda done, _: told.append(done), **arguments)
        return told[0]

    assert leave(tmp_path / "same") == 20
    assert leave(tmp_path / "asked", resume=False) == 0
    others = {
        "items": {"source": draw_items(20, seed=2)},
        "dtype": {"dtype": "float16"},
        "fields": {"fields": ("title",)},
        "model": {"model": open_tiny("electra")},
        "model ": {"model": open_tiny(prompts=("a ", "b "))},
    }
    for name, options in others.items():
        with raises(OptionError, "unfinished run of 20 items", f"other {name.strip()}", "--force"):
            leave(tmp_path / name, **options)
        assert leave(tmp_path / name) == 20, "what it had is not thrown away"
        shutil.rmtree(tmp_path / name)
        assert leave(tmp_path / name, **options, resume=False) == 0


def test_a_refused_file_does_not_throw_an_unfinished_run_away(
    explainer, small_chunks, tmp_path, monkeypatch
):
    def stop(*_arguments, **_named):
        raise KeyboardInterrupt

    folder = tmp_path / "idx"
    with monkeypatch.context() as patch:
        patch.setattr(building, "_finish", stop)
        with pytest.raises(KeyboardInterrupt):
            CatalogueIndex.build(draw_items(20), folder, model=explainer)
    twins = [*draw_items(3), *draw_items(3)]
    for wrong, said in (([], "no items"), (twins, "Two items"), (draw_items(21), "other items")):
        with raises(OptionError, said):
            CatalogueIndex.build(wrong, folder, model=explainer)
    told = []
    CatalogueIndex.build(
        draw_items(20), folder, model=explainer, progress=lambda done, _: told.append(done)
    )
    assert told[0] == 20


def test_items_are_added_replaced_and_removed(explainer, tmp_path):
    folder = tmp_path / "idx"
    first = CatalogueIndex.build(draw_items(12), folder, model=explainer, fields=("description",))
    more = draw_items(5, start=12, seed=3)
    second = first.add(more)
    assert (len(first), len(second)) == (12, 17)
    assert second["i14"] == more[2]
    with raises(OptionError, "'i3'", "already"):
        second.add([Item("new", "t", "d"), draw_items(12)[3]])
    changed = Item("i3", "other", "warm wool gloves", {"colour": "red"})
    third = second.add([changed], replace=True)
    assert len(third) == 17
    assert third["i3"] == changed
    fourth = third.remove(["i3", "i14"])
    assert len(fourth) == 15
    with raises(OptionError, "'i3'", "'nowhere'"):
        fourth.remove(["i1", "i3", "nowhere"])
    with pytest.raises(OptionError, match="give a list of ids"):
        fourth.remove("i1")
    # All the same as an index made of what is left, in whatever order.
    left = [item for item in [*draw_items(12), *more] if item.id not in ("i3", "i14")]
    fresh = CatalogueIndex.build(left, tmp_path / "fresh", model=explainer, fields=("description",))
    for index in (fourth, CatalogueIndex.open(folder, model=explainer)):
        found, expected = (i.similar("warm gloves", k=50) for i in (index, fresh))
        similarities, wanted = (
            {hit.item.id: hit.similarity for hit in hits} for hits in (found, expected)
        )
        assert similarities == pytest.approx(wanted, abs=1e-5)
    with raises(OptionError, "'i3'"):
        fourth.similar(id="i3")
    assert fourth.add([changed]).similar("warm wool glove", k=1, where="colour='red'")[0].rank == 1
    # What was opened before shows what was there before.
    assert len(first.similar("warm", k=50)) == 12
    assert first["i3"] == draw_items(12)[3]


def test_not_all_can_be_removed(explainer, tmp_path):
    index = CatalogueIndex.build(
        draw_items(2), tmp_path / "idx", model=explainer, fields=("description",)
    )
    with pytest.raises(OptionError, match="would leave no item"):
        index.remove(["i0", "i1"])
    assert len(CatalogueIndex.open(tmp_path / "idx")) == 2


def test_an_index_and_other_files_are_not_overwritten_unasked(explainer, tmp_path):
    folder = tmp_path / "idx"
    old = CatalogueIndex.build(draw_items(3), folder, model=explainer, fields=("description",))
    with pytest.raises(OptionError, match="holds an index already"):
        CatalogueIndex.build(draw_items(4), folder, model=explainer, fields=("description",))
    new = CatalogueIndex.build(
        draw_items(4), folder, model=explainer, overwrite=True, fields=("description",)
    )
    assert (len(old.similar("warm")), len(new.similar("warm"))) == (3, 4)
    assert [path.name for path in (folder / "segments").iterdir()] == ["000002"]
    (folder / "manifest.json").write_text("{")
    again = CatalogueIndex.build(
        draw_items(5), folder, model=explainer, overwrite=True, fields=("description",)
    )
    assert len(again.similar("warm")) == 5
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.txt").write_text("mine")
    with raises(OptionError, "thesis.txt"):
        CatalogueIndex.build(draw_items(3), other, model=explainer, fields=("description",))
    assert [path.name for path in other.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize(
    "name", ["segments/film.mp4", "building/plan.txt", "segments/000001a/film.mp4", "popup.js"]
)
def test_folders_and_manifests_that_are_no_index_are_left_alone(tmp_path, name):
    file = tmp_path / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("mine")
    if name == "popup.js":
        (tmp_path / "manifest.json").write_text('{"manifest_version": 3}')
    before = contents(tmp_path)
    # The model is no model: the folder is refused before one is opened.
    with pytest.raises(OptionError, match=f"other files .{name[:12]}"):
        CatalogueIndex.build(
            draw_items(3), tmp_path, model="no such model", overwrite=True, fields=("description",)
        )
    assert contents(tmp_path) == before
    assert not list(tmp_path.glob("lock*"))


def test_an_index_with_a_note_beside_it_can_be_replaced(explainer, tmp_path):
    CatalogueIndex.build(draw_items(3), tmp_path / "idx", model=explainer, fields=("description",))
    (tmp_path / "idx" / "README").write_text("mine")
    CatalogueIndex.build(
        draw_items(4), tmp_path / "idx", model=explainer, overwrite=True, fields=("description",)
    )
    assert (tmp_path / "idx" / "README").read_text() == "mine"


@pytest.mark.parametrize("stage", ["numpy.memmap", "sqlite3.connect"])
def test_files_that_may_not_be_read_are_told(sound, monkeypatch, stage):
    def refuse(*_arguments, **_named):
        if stage == "numpy.memmap":
            raise PermissionError(13, "Permission denied")
        raise sqlite3.OperationalError("Permission denied")

    monkeypatch.setattr(stage, refuse)
    with raises(FormatError, "Permission denied"):
        CatalogueIndex.open(sound)


def test_an_index_is_described_changed_and_searched_by_id_without_torch(explainer, tmp_path):
    CatalogueIndex.build(draw_items(4), tmp_path / "idx", model=explainer, fields=("description",))
    code = """
import sys
from whyalike.catalogue import CatalogueIndex
index = CatalogueIndex.open(sys.argv[1])
assert index.info()["items"] == 4
assert len(index.similar(id="i1")) == 3
assert len(index.remove(["i0"])) == 3
print(*[name for name in ("torch", "transformers", "sklearn") if name in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "idx")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == []


def test_writers_wait_for_each_other_and_readers_for_nobody(explainer, tmp_path):
    folder = tmp_path / "idx"
    index = CatalogueIndex.build(draw_items(5), folder, model=explainer, fields=("description",))
    with only_writer(folder):
        for write in (
            lambda: index.add([Item("new", "t", "d")]),
            lambda: index.remove(["i0"]),
            lambda: CatalogueIndex.build(
                draw_items(3), folder, model=explainer, overwrite=True, fields=("description",)
            ),
        ):
            with pytest.raises(OutputError, match="Another process is writing"):
                write()
        assert len(CatalogueIndex.open(folder, model=explainer).similar("warm")) == 5
    assert len(index.remove(["i0"])) == 4


def test_a_reader_sees_one_state_or_the_next_while_a_writer_writes(explainer, tmp_path):
    folder = tmp_path / "idx"
    CatalogueIndex.build(draw_items(4), folder, model=explainer, fields=("description",))
    sizes, stop = set(), threading.Event()

    def read():
        while not stop.is_set():
            index = CatalogueIndex.open(folder)
            hits = index.similar(id="i0", k=50)
            assert len(hits) == len(index) - 1
            sizes.add(len(index))

    failures = []

    def watch():
        try:
            read()
        except Exception as error:
            failures.append(error)

    thread = threading.Thread(target=watch)
    thread.start()
    for count in (7, 5, 9, 6):
        CatalogueIndex.build(
            draw_items(count), folder, model=explainer, overwrite=True, fields=("description",)
        )
        time.sleep(0.05)
    stop.set()
    thread.join()
    assert not failures
    assert sizes <= {4, 5, 6, 7, 9}


def test_a_newer_manifest_is_read_where_files_are_gone(explainer, tmp_path, monkeypatch):
    folder = tmp_path / "idx"
    CatalogueIndex.build(draw_items(3), folder, model=explainer, fields=("description",))
    stale = read_manifest(folder)
    CatalogueIndex.build(
        draw_items(4), folder, model=explainer, overwrite=True, fields=("description",)
    )
    answers = iter([stale])
    monkeypatch.setattr(
        reader, "read_manifest", lambda place: next(answers, None) or read_manifest(place)
    )
    assert len(CatalogueIndex.open(folder)) == 4


@pytest.fixture(scope="module")
def sound(explainer, tmp_path_factory):
    folder = tmp_path_factory.mktemp("sound") / "idx"
    CatalogueIndex.build(draw_items(8), folder, model=explainer, fields=("description",))
    return folder


def damage(folder, name, change):
    path = folder / name
    path.write_bytes(change(path.read_bytes()))


def edit(**changes):
    """A change of the manifest by somebody who knows of its checksum."""
    return lambda content: sealed({**json.loads(content), **changes})


VECTORS, ITEMS = "segments/000001/description.float32", "segments/000001/items.sqlite"


@pytest.mark.parametrize(
    ("name", "change", "reason"),
    [
        ("manifest.json", lambda b: b[:100], "manifest.json | damaged"),
        ("manifest.json", lambda b: b"\xff\x00", "manifest.json | damaged"),
        ("manifest.json", lambda b: b"[]", "manifest.json | damaged"),
        ("manifest.json", edit(format=99), "format 99 | 1 and 2"),
        ("manifest.json", edit(segments=[]), "damaged"),
        ("manifest.json", edit(dtype="int4"), "damaged"),
        ("manifest.json", edit(model={}), "damaged"),
        ("manifest.json", edit(segments=[{"name": "../../x"}]), "damaged"),
        (VECTORS, lambda b: b[:-4], "bytes | 1,024"),
        (VECTORS, lambda b: b + b"\0", "bytes | 1,024"),
        (ITEMS, lambda b: b[:4096], "bytes"),
        (ITEMS, lambda b: b"x" * len(b), "items.sqlite | damaged"),
    ],
)
def test_a_damaged_index_is_refused(sound, tmp_path, name, change, reason):
    folder = tmp_path / "idx"
    shutil.copytree(sound, folder)
    damage(folder, name, change)
    with raises(FormatError, *reason.split(" | ")):
        CatalogueIndex.open(folder)


def test_a_missing_file_and_a_missing_index_are_told(sound, tmp_path):
    folder = tmp_path / "idx"
    shutil.copytree(sound, folder)
    (folder / VECTORS).unlink()
    with raises(FormatError, "description.float32", "missing"):
        CatalogueIndex.open(folder)
    with pytest.raises(FormatError, match="holds no index"):
        CatalogueIndex.open(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("metadata = '{'", "JSON"),
        ("metadata = '[]'", "no object"),
        ('metadata = \'{"a": {"b": 1}}\'', "is of type dict"),
        (f"metadata = '{'[' * 100_000}'", "JSON"),
        ("metadata = CAST(x'ff' AS TEXT)", "Could not decode to UTF-8"),
        ("id = ''", "empty id"),
        ("title = '', description = ' '", "neither"),
        ("title = x'00ff'", "of type bytes"),
    ],
)
def test_items_that_are_none_are_told(sound, tmp_path, change, reason):
    """As a file that has the right checksum may hold them: somebody else wrote both."""
    path = shutil.copy(sound / ITEMS, tmp_path / "items.sqlite")
    connection = sqlite3.connect(path)
    connection.execute(f"UPDATE items SET {change} WHERE position = 2")
    connection.commit()
    connection.close()
    store = ItemStore(Path(path))
    assert len(store.items(0, 2)) == 2
    with raises(FormatError, "items.sqlite", "damaged", reason):
        store.items(2, 3)
    store.close()


@pytest.mark.parametrize("name", [VECTORS, ITEMS])
def test_one_wrong_bit_is_found_when_asked_for(sound, tmp_path, name):
    folder = tmp_path / "idx"
    shutil.copytree(sound, folder)
    CatalogueIndex.open(folder).verify()
    damage(folder, name, lambda b: b[:-9] + bytes([b[-9] ^ 1]) + b[-8:])
    with raises(FormatError, "checksum", "manifest"):
        CatalogueIndex.open(folder).verify()


def test_another_model_is_refused(sound, explainer, tmp_path):
    model, tokenizer = tiny("bert").parts
    other = copy.deepcopy(model)
    for parameter in other.parameters():
        parameter.data *= 1.05
    refused = {
        "other vectors": Explainer((other, tokenizer)),
        "prompts": open_tiny(prompts=("q: ", "")),
        "dimension": Explainer(embed=lambda texts: [[1.0, 2.0]] * len(texts)),
        "similarity_function": Explainer(
            embed=lambda texts: [[1.0] * 32] * len(texts), similarity_function="dot"
        ),
    }
    for reason, wrong in refused.items():
        with raises(OptionError, "index", reason):
            CatalogueIndex.open(sound, model=wrong)
    assert CatalogueIndex.open(sound, model=explainer).similar("warm")
    index = CatalogueIndex.open(sound, model=explainer)
    with pytest.raises(OptionError, match="gives other vectors"):
        writing.add_items(
            sound,
            draw_items(1, start=50),
            Explainer((other, tokenizer)),
            replace_known=False,
            resume=True,
            progress=lambda *_: None,
        )
    assert len(index) == len(CatalogueIndex.open(sound))


def test_the_model_is_opened_by_its_name_with_its_pooling_and_prompts(tmp_path, monkeypatch):
    tiny("bert").model.save_pretrained(tmp_path / "model")
    tiny("bert").tokenizer.save_pretrained(tmp_path / "model")
    monkeypatch.chdir(tmp_path)
    explainer = Explainer("model", pooling="cls", prompts=("warm ", "wool "))
    CatalogueIndex.build(draw_items(4), "idx", model=explainer, fields=("description",))
    monkeypatch.chdir("/")
    again = CatalogueIndex.open(tmp_path / "idx")
    assert again._explainer is None
    assert again.similar("knit gloves")
    assert (again.explainer.model.pooling, again.explainer.prompts) == ("cls", ("warm ", "wool "))


def test_an_embedded_store_can_be_read_by_any_sqlite(sound):
    connection = sqlite3.connect(sound / ITEMS)
    assert connection.execute("SELECT count(*) FROM items").fetchone() == (8,)
    connection.close()
    stored = np.fromfile(sound / VECTORS, dtype="<f4").reshape(8, 32)
    np.testing.assert_allclose((stored**2).sum(axis=1), 1, atol=1e-6)


def test_the_graph_engine_is_kept_beside_the_index(explainer, tmp_path):
    pytest.importorskip("faiss")
    folder = tmp_path / "idx"
    CatalogueIndex.build(draw_items(40), folder, model=explainer, fields=("description",))
    index = CatalogueIndex.open(folder, model=explainer, engine="hnsw")
    exact = CatalogueIndex.open(folder, model=explainer)
    for where in (None, "price < 20"):
        assert [h.item.id for h in index.similar("warm", where=where)] == [
            h.item.id for h in exact.similar("warm", where=where)
        ]
    assert [p.name for p in (folder / "graphs").iterdir()] == ["description-000001.faiss"]
    more = index.add(draw_items(3, start=40))
    assert len(more.similar("warm", k=60)) == 43
    assert [p.name for p in (folder / "graphs").iterdir()] == ["description-000001-000002.faiss"]


def test_a_scorer_without_vectors_can_make_no_index(tmp_path):
    explainer = Explainer(score=lambda pairs: [0.0 for _ in pairs])
    with pytest.raises(OptionError, match=r"An index .* needs vectors .* gives scores of whole"):
        CatalogueIndex.build(
            draw_items(3), tmp_path / "index", model=explainer, fields=("description",)
        )
    assert not (tmp_path / "index" / "manifest.json").exists()
