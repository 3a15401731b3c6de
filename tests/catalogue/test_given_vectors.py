"""An index of vectors that somebody has already."""

import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from indexed_items import draw_items, open_tiny

from raising import raises
from whyalike import Explainer
from whyalike.catalogue import CatalogueIndex, Item, ReadReport, embedding
from whyalike.catalogue.given_vectors import open_given
from whyalike.catalogue.item_store import field_text
from whyalike.data.columns import ColumnChoice
from whyalike.errors import FormatError, OptionError

ITEMS = draw_items(50)


@pytest.fixture(scope="module")
def explainer():
    return open_tiny()


def vectors_of(explainer, items=ITEMS, field="title+description", prompt=None):
    texts = [field_text(item, field) for item in items]
    prompt = explainer.prompts[1] if prompt is None else prompt
    return explainer.model.embed(texts, prompt=prompt, long_text="truncate")


def build(folder, explainer, vectors, items=ITEMS, **options):
    return CatalogueIndex.build(items, folder, model=explainer, vectors=vectors, **options)


def stored(index):
    return np.concatenate(
        [np.asarray(block[:]) for block in index._reader.blocks("title+description")]
    )


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", ">f4"])
def test_they_are_stored_as_the_model_s_own_would_be(explainer, tmp_path, dtype):
    vectors = vectors_of(explainer)
    np.save(tmp_path / "own.npy", vectors.astype(dtype))
    report = ReadReport()
    given = build(tmp_path / "given", explainer, tmp_path / "own.npy", report=report)
    made = CatalogueIndex.build(ITEMS, tmp_path / "made", model=explainer)
    loose = 2e-3 if dtype == "float16" else 1e-6
    for id in ("i3", "i17"):
        one, other = (index.similar(id=id, k=8) for index in (given, made))
        np.testing.assert_allclose(
            [hit.similarity for hit in one], [hit.similarity for hit in other], atol=loose
        )
    assert [hit.item.id for hit in one] == [hit.item.id for hit in other] or dtype == "float16"
    assert one[0].explain().similarity == pytest.approx(one[0].similarity, abs=loose)
    assert "sample of 32 items" in report.notes[-1]
    given.verify()


def test_nothing_but_a_sample_is_embedded(explainer, tmp_path, monkeypatch):
    vectors = vectors_of(explainer)
    embedded = []
    embed = explainer.model.embed

    def counted(texts, **options):
        embedded.extend(texts)
        return embed(texts, **options)

    monkeypatch.setattr(explainer.model, "embed", counted)
    build(tmp_path / "idx", explainer, vectors)
    monkeypatch.undo()
    sample = {field_text(item, "title+description") for item in ITEMS} & set(embedded)
    assert len(sample) == 32
    assert field_text(ITEMS[-1], "title+description") in sample


def test_rows_of_parquet_are_found_by_their_ids(explainer, tmp_path):
    vectors = vectors_of(explainer).astype("float32")
    extra = np.concatenate([vectors, np.ones((1, vectors.shape[1]), "float32")])[::-1]
    ids = [*(item.id for item in ITEMS), "other"][::-1]
    path = tmp_path / "mine.parquet"
    for kind in (pa.list_(pa.float32()), pa.list_(pa.float32(), vectors.shape[1])):
        table = {"sku": ids, "vector": pa.array(list(extra), type=kind)}
        pq.write_table(pa.table(table), path, row_group_size=7)
        given = open_given(f"{path}:vector", ColumnChoice("sku", None, None, ()))
        rows = given.rows_of([item.id for item in ITEMS], 0)
        np.testing.assert_array_equal(given.take(rows), vectors.astype("float64"))
    report = ReadReport()
    index = build(tmp_path / "idx", explainer, f"{path}:vector", report=report)
    assert report.notes[0].startswith("1 of 51 vectors of mine.parquet, column 'vector'")
    plain = build(tmp_path / "plain", explainer, vectors)
    assert [h.item.id for h in index.similar(id="i3")] == [
        h.item.id for h in plain.similar(id="i3")
    ]
    in_order = open_given(path, ColumnChoice(None, None, None, ()))
    assert in_order.ids is None


def test_vectors_in_the_catalogue_s_own_file_are_not_kept_as_text(explainer, tmp_path):
    path = tmp_path / "shop.parquet"
    columns = {
        "id": [item.id for item in ITEMS],
        "title": [item.title for item in ITEMS],
        "description": [item.description for item in ITEMS],
        "price": list(range(50)),
        "embedding": list(vectors_of(explainer)),
    }
    pq.write_table(pa.table(columns), path)
    index = CatalogueIndex.build(
        path, tmp_path / "idx", model=explainer, vectors=f"{path}:embedding"
    )
    assert index.info()["metadata"] == ["price"]


@pytest.mark.parametrize("field", ["description", "title"])
def test_another_field_that_fits_is_named(explainer, tmp_path, field):
    vectors = vectors_of(explainer, field=field)
    with raises(OptionError, f"--fields {field}", "0.999 is needed") as error:
        build(tmp_path / "idx", explainer, vectors)
    assert "cosine" in str(error.value)
    assert not (tmp_path / "idx" / "building").exists()
    build(tmp_path / "idx", explainer, vectors, fields=(field,))


def test_a_prompt_that_fits_is_named(tmp_path):
    explainer = open_tiny(prompts=("a ", "warm wool glove "))
    vectors = vectors_of(explainer, prompt="")
    with raises(OptionError, "without a prompt", "--prompts 'a ' ''"):
        build(tmp_path / "idx", explainer, vectors)


def test_vectors_in_another_order_are_refused(explainer, tmp_path):
    with raises(OptionError, "in the order of the items", "worst are"):
        build(tmp_path / "idx", explainer, np.roll(vectors_of(explainer), 1, axis=0))


def wrong_count(explainer):
    return vectors_of(explainer)[:-1]


def wrong_width(explainer):
    return vectors_of(explainer)[:, :-1]


def zero(explainer):
    vectors = vectors_of(explainer)
    vectors[6] = 0
    return vectors


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (wrong_count, "49 vectors, and the source 50 items: fewer vectors than items"),
        (wrong_width, "features, and those of"),
        (zero, "nothing but zeros"),
    ],
)
def test_vectors_that_are_not_those_of_the_items_are_refused(explainer, tmp_path, change, said):
    with raises(OptionError, said):
        build(tmp_path / "idx", explainer, change(explainer))


def test_a_count_says_which_rows_are_no_items(explainer, tmp_path):
    path = tmp_path / "things.csv"
    path.write_text("id,title,description\n1,Gloves,wool\n2,,\n3,Scarf,knit\n")
    report = ReadReport()
    from whyalike.catalogue import stream_items

    items = stream_items(path, report=report)
    with raises(OptionError, "3 rows: 2 kept, 0 part of others, 1 bad", "as many as rows"):
        build(tmp_path / "idx", explainer, np.ones((3, 8)), items, report=report)


def test_items_without_a_vector_are_named(explainer, tmp_path):
    path = tmp_path / "mine.parquet"
    pq.write_table(pa.table({"id": ["i1"], "v": [[1.0, 2.0]]}), path)
    with raises(OptionError, "none for 49 of 50", "'i0', 'i2'"):
        build(tmp_path / "idx", explainer, f"{path}:v")


def test_zeros_that_the_model_gives_are_kept_and_named(tmp_path):
    letters = Explainer(embed=lambda texts: np.array([[t.count(c) for c in "abc"] for t in texts]))
    items = [Item("1", "a", "ab"), Item("2", "z", "z z"), Item("3", "c", "bc")]
    report = ReadReport()
    build(tmp_path / "idx", letters, vectors_of(letters, items), items, report=report)
    assert report.notes[0].startswith("1 vectors are zero, and like nothing: those of '2'")


def test_lengths_count_where_the_similarity_goes_by_them(tmp_path):
    def letters(texts):
        return np.array([[t.count(c) + 0.1 for c in "aeiou"] for t in texts])

    by_product = Explainer(embed=letters, similarity_function="dot")
    vectors = vectors_of(by_product)
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    with raises(OptionError, "compares by dot", "not normalized"):
        build(tmp_path / "idx", by_product, units)
    build(tmp_path / "idx", by_product, vectors)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (np.array([[1.0, 2.0], [np.nan, 1.0], [np.inf, 0.0]]), "row 2, 3"),
        (np.ones(3), "shape"),
        (np.ones((2, 2), dtype=int), "int64"),
        (np.zeros((0, 4)), "no vectors"),
        (np.array([["a"]]), "<U1"),
    ],
)
def test_what_is_no_vector_is_refused(tmp_path, rows, said):
    np.save(tmp_path / "rows.npy", rows)
    for source in (rows, tmp_path / "rows.npy"):
        with raises(FormatError, said):
            open_given(source)


def test_files_that_hold_no_vectors_are_refused(tmp_path):
    with raises(FormatError, "No such file"):
        open_given(tmp_path / "none.npy")
    (tmp_path / "text.npy").write_text("no vectors at all")
    with raises(FormatError, "no .npy file"):
        open_given(tmp_path / "text.npy")
    np.save(tmp_path / "objects.npy", np.array([{}, None], dtype=object), allow_pickle=True)
    with raises(FormatError, "objects.npy"):
        open_given(tmp_path / "objects.npy")
    np.save(tmp_path / "cut.npy", np.ones((90, 90)))
    (tmp_path / "cut.npy").write_bytes((tmp_path / "cut.npy").read_bytes()[:-9])
    with raises(FormatError, "cut.npy"):
        open_given(tmp_path / "cut.npy")
    np.savez(tmp_path / "two.npz", a=np.ones((2, 2)), b=np.ones((2, 2)))
    with raises(OptionError, "2 arrays (a, b)"):
        open_given(tmp_path / "two.npz")
    np.savez(tmp_path / "one.npz", a=np.ones((2, 3)))
    assert open_given(tmp_path / "one.npz").shape == (2, 3)
    with raises(OptionError, "items.parquet:embedding"):
        open_given(tmp_path / "vectors.bin")


@pytest.mark.parametrize(
    ("column", "values", "said"),
    [
        ("v", [[1.0, 2.0], [1.0]], "row 2 has 1 numbers"),
        ("v", [[1.0, 2.0], None], "row 2 is empty"),
        ("v", [[1.0, 2.0], [1.0, None]], "lacks numbers"),
        ("w", [[1.0, 2.0], [1.0, 3.0]], "'w' holds no vectors"),
    ],
)
def test_columns_that_hold_no_vectors_are_refused(tmp_path, column, values, said):
    path = tmp_path / "mine.parquet"
    pq.write_table(pa.table({"id": ["1", "2"], "v": values}), path)
    with raises((FormatError, OptionError), said):
        open_given(f"{path}:{column}")
    pq.write_table(pa.table({"id": ["1", "1"], "v": [[1.0], [2.0]]}), path)
    with raises(FormatError, "rows 1 and 2 have the id '1'"):
        open_given(path)


def test_fields_each_by_itself_need_vectors_each(explainer, tmp_path):
    with raises(OptionError, "the field that was embedded"):
        build(tmp_path / "idx", explainer, vectors_of(explainer), fields=("title", "description"))


def files_of(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith("lock")
    }


def test_cut_off_it_goes_on_to_the_same_bytes_and_not_with_other_vectors(
    explainer, tmp_path, monkeypatch
):
    monkeypatch.setattr(embedding, "CHUNK", 8)
    vectors = vectors_of(explainer)
    build(tmp_path / "whole", explainer, vectors)

    def stop(done, total):
        if done >= 24:
            raise KeyboardInterrupt

    first = []
    for name, second in (("same", vectors), ("other", vectors.astype("float32"))):
        with pytest.raises(KeyboardInterrupt):
            build(tmp_path / name, explainer, vectors, progress=stop)
        seen = []
        build(
            tmp_path / name,
            explainer,
            second,
            resume=name == "same",
            progress=lambda done, total, seen=seen: seen.append(done),
        )
        first.append(seen[0])
    assert first == [24, 0]
    assert files_of(tmp_path / "same") == files_of(tmp_path / "whole")


def test_items_are_added_with_their_vectors(explainer, tmp_path, monkeypatch):
    more = draw_items(20, seed=9, start=50)
    index = build(tmp_path / "idx", explainer, vectors_of(explainer))
    added = index.add(more, vectors=vectors_of(explainer, more))
    whole = CatalogueIndex.build([*ITEMS, *more], tmp_path / "all", model=explainer)
    one, other = (each.similar(id="i55", k=5) for each in (added, whole))
    assert [hit.item.id for hit in one] == [hit.item.id for hit in other]
    with raises(OptionError, "in the order"):
        added.add(
            [replace(item, id=f"x{item.id}") for item in more], vectors=vectors_of(explainer)[:20]
        )


def test_an_index_says_no_more_of_cut_texts_than_it_knows(explainer, tmp_path):
    assert build(tmp_path / "idx", explainer, vectors_of(explainer)).info()["cut"] is None
    manifest = json.loads((tmp_path / "idx" / "manifest.json").read_text())
    assert manifest["fields"] == ["title+description"]
