"""Reasons stored in an index: what the explainer finds, without the model."""

import json
import subprocess
import sys
import zlib

import numpy as np
import pytest
from indexed_items import draw_items, open_tiny

from raising import raises
from tiny_models import ARCHITECTURES, TEXTS, tiny
from whyalike import BTIOptions, Explainer
from whyalike.catalogue import building, embedding, explain_hits
from whyalike.catalogue.hit_reasons import PairReasons
from whyalike.catalogue.index import CatalogueIndex
from whyalike.catalogue.manifest import read_manifest
from whyalike.catalogue.reasons import ReasonsReader
from whyalike.errors import FormatError, ModelError, OptionError
from whyalike.explanation import Explanation

FIELD = ("title+description",)

# Tiny vocabularies lack most words; that an index says so is tested elsewhere.
pytestmark = pytest.mark.filterwarnings("ignore:.*tokens of .* are unknown")


@pytest.fixture(scope="module")
def explainer():
    return open_tiny(method="whyalike")


@pytest.fixture(scope="module")
def folder(explainer, tmp_path_factory):
    """An index of float32 that must not be changed."""
    made = tmp_path_factory.mktemp("explainable") / "index"
    CatalogueIndex.build(draw_items(12), made, model=explainer, explainable="float32")
    return made


def assert_same(found, own, *, tolerance):
    """The same texts, words, contributions and matches; ``found`` came from what was stored."""
    assert own.stored is None
    assert found.stored is not None
    for side in ("left", "right"):
        mine, other = getattr(found, side), getattr(own, side)
        assert (mine.text, mine.unread_words, mine.chunk) == (
            other.text,
            other.unread_words,
            other.chunk,
        )
        assert [(w.text, w.start, w.end) for w in mine.words] == [
            (w.text, w.start, w.end) for w in other.words
        ]
        for name in ("contribution", "raw_contribution"):
            values = [[getattr(w, name) for w in one.words] for one in (mine, other)]
            np.testing.assert_allclose(*values, rtol=0, atol=tolerance)
    assert found.similarity == pytest.approx(own.similarity, abs=tolerance)
    matches = [{(p.left, p.right): p.score for p in one.matches} for one in (found, own)]
    assert matches[0] == pytest.approx(matches[1], abs=2 * tolerance)
    assert found.remainder == pytest.approx(own.remainder, abs=20 * tolerance)
    for name in ("method", "model", "pooling", "prompts", "similarity_function", "warnings"):
        assert getattr(found, name) == getattr(own, name)
    assert found.options == own.options


def test_a_hit_is_explained_as_the_model_explains_it(folder, explainer):
    hits = CatalogueIndex.open(folder, model=explainer).similar(id="i3", k=5)
    for hit in hits:
        found, own = hit.explain(), hit.explain(stored=False)
        assert_same(found, own, tolerance=1e-5)
        assert [(p.left, p.right) for p in found.pairs] == [(p.left, p.right) for p in own.pairs]
        assert found.stored.numbers == "float32"


@pytest.mark.parametrize("matching", ["soft", "mutual", "nearest"])
def test_sums_of_two_items_are_those_of_their_explanation(folder, matching):
    """The audit's way, without objects and selection, against what an explanation has."""
    index = CatalogueIndex.open(folder, options=BTIOptions(matching=matching))
    reasons = PairReasons(index.reader, index.stored_options())
    for left, right in ((0, 1), (3, 7), (5, 5)):
        own, found = reasons(left, right), reasons.sums(left, right)
        for side, words, adds in zip((own.left, own.right), found.words, found.adds, strict=True):
            assert [word.text for word in side.words] == list(words)
            assert [word.contribution for word in side.words] == adds.tolist()
        pairs = {(pair.left, pair.right): pair.score for pair in own.matches}
        i, j, score = (getattr(found.matches, name).tolist() for name in ("left", "right", "score"))
        assert dict(zip(zip(i, j, strict=True), score, strict=True)) == pairs
        assert len(pairs) > 2


def test_an_item_is_read_from_the_disk_once(folder, explainer, monkeypatch):
    index = CatalogueIndex.open(folder, model=explainer)
    read, rows = ReasonsReader.__getitem__, []
    monkeypatch.setattr(
        ReasonsReader, "__getitem__", lambda self, row: rows.append(row) or read(self, row)
    )
    for id_ in ("i3", "i4"):
        explain_hits(index.similar(id=id_, k=5))
    assert len(rows) == len(set(rows)) > 5


def test_a_query_that_is_no_item_is_explained_from_stored_items(folder, explainer):
    explainer = explainer.with_prompts(("find ", ""))
    index = CatalogueIndex.open(folder, prompts=("find ", ""), model=None)
    index._explainer = explainer
    for hit in index.similar("warm wool gloves, don't take them off", k=3):
        found = hit.explain()
        assert found.prompts == ("find ", "")
        assert_same(found, hit.explain(stored=False), tolerance=1e-5)


def test_all_four_parts_are_explained_from_what_is_stored(explainer, tmp_path):
    index = CatalogueIndex.build(
        draw_items(5),
        tmp_path / "index",
        model=explainer,
        fields=("title", "description"),
        explainable="float32",
    )
    hit = index.similar(id="i1", k=1, score="four")[0]
    found, own = hit.explain_parts(), hit.explain_parts(stored=False)
    assert len(found) == 4
    for part, explanation in found.items():
        assert_same(explanation, own[part], tolerance=1e-5)


@pytest.mark.parametrize("numbers", ["int8", "float16", "float32"])
def test_a_format_is_as_exact_as_it_says(explainer, tmp_path, numbers):
    index = CatalogueIndex.build(
        draw_items(10), tmp_path / "index", model=explainer, explainable=numbers
    )
    off, said = [], []
    for hit in index.similar(id="i0", k=9):
        found, own = hit.explain(), hit.explain(stored=False)
        for side in ("left", "right"):
            both = zip(getattr(found, side).words, getattr(own, side).words, strict=True)
            off += [a.contribution - b.contribution for a, b in both]
        said.append(found.stored.error)
    root = float(np.sqrt(np.mean(np.square(off))))
    # What is said is of the word with the greatest error; float32 is below the model's rounding.
    assert root < max(said) * (1 if numbers != "float32" else np.inf)
    assert max(np.abs(off)) < 6 * max(*said, 1e-7)
    assert max(said) < {"int8": 1e-2, "float16": 1e-3, "float32": 1e-6}[numbers]


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_words_of_every_architecture(name, tmp_path):
    explainer = open_tiny(name, method="whyalike")
    index = CatalogueIndex.build(
        draw_items(3), tmp_path / "index", model=explainer, explainable="float32"
    )
    for hit in index.similar(id="i0", k=2):
        assert_same(hit.explain(), hit.explain(stored=False), tolerance=1e-5)


@pytest.mark.parametrize("pooling", ["cls", "last"])
def test_poolings_of_one_token(pooling, tmp_path):
    explainer = Explainer(tiny("bert").parts, pooling=pooling, method="whyalike")
    index = CatalogueIndex.build(
        draw_items(3), tmp_path / "index", model=explainer, explainable="float32"
    )
    for hit in index.similar(id="i0", k=2):
        assert_same(hit.explain(), hit.explain(stored=False), tolerance=1e-5)


def test_windows_and_texts_that_are_cut(tmp_path):
    items = draw_items(2)
    long = " ".join(TEXTS[:2] * 20)
    items[1] = type(items[1])(id="long", title="", description=long, metadata={})
    for policy in ("windows", "truncate"):
        explainer = open_tiny(method="whyalike", options=BTIOptions(long_text=policy))
        index = CatalogueIndex.build(
            items, tmp_path / policy, model=explainer, explainable="float32"
        )
        hit = index.similar(id="i0", k=1)[0]
        found = hit.explain()
        assert any("windows" in said or "not read" in said for said in found.warnings)
        assert_same(found, hit.explain(stored=False), tolerance=1e-5)


def test_twins_and_a_text_without_words(explainer, tmp_path):
    items = draw_items(3)
    items += [type(items[0])(id="twin", title=items[0].title, description=items[0].description)]
    index = CatalogueIndex.build(items, tmp_path / "index", model=explainer, explainable="float32")
    twin = next(h for h in index.similar(id="i0", k=3, twins=True) if h.item.id == "twin")
    found, own = twin.explain(), twin.explain(stored=False)
    assert found.similarity == own.similarity == 1.0
    assert_same(found, own, tolerance=1e-5)


def test_slopes_are_derivatives_of_the_score_along_a_words_activation():
    """The content's part by finite differences of the vector, word by word."""
    import torch

    from whyalike.methods import word_derivatives
    from whyalike.methods.word_derivatives import text_reasons
    from whyalike.readings import read_texts

    explainer = Explainer(tiny("bert").parts, pooling="paper", method="whyalike")
    model = explainer.model
    double = tiny("bert").model.double()
    try:
        text = read_texts(model, TEXTS[:1], prompt="", options=explainer.options)[0].prepared
        own = text_reasons(model, [text])[0]
        pass_ = None
        with model.held() as held:
            pass_ = word_derivatives._RowsPass(model, held, [(0, text.tokens.rows[0])], [text])
            step, found = 1e-5, []
            for number in range(len(pass_.words[0])):
                mask = torch.from_numpy(pass_.weights[number])[:, :, None]
                logs = torch.from_numpy(pass_.weights[number])[:, None, None, :]
                ends = [
                    pass_._ends(
                        sign * step * pass_.of_state * mask,
                        sign * step * logs,
                        sign * step * pass_.of_last * mask,
                    )[0][0]
                    for sign in (1, -1)
                ]
                found.append(((ends[0] - ends[1]) / (2 * step) / 2).detach().numpy())
        vector = pass_.scored[0].detach().numpy()
        length = np.linalg.norm(vector)
        unit = vector / length
        partner = np.random.default_rng(3).normal(size=len(unit))
        partner /= np.linalg.norm(partner)
        score = float(unit @ partner)
        for word, change in zip(pass_.words[0], found, strict=True):
            # The cosine's own gradient, with half of the fall of the length.
            adds = change @ (partner - 0.5 * score * unit) / length
            assert own.slopes[word] @ partner == pytest.approx(adds, abs=1e-7)
    finally:
        double.float()


def test_a_batch_gives_what_each_text_gives_alone(explainer):
    from whyalike.methods.word_derivatives import text_reasons
    from whyalike.readings import read_texts

    texts = [
        text.prepared
        for text in read_texts(explainer.model, list(TEXTS), prompt="", options=explainer.options)
    ]
    together = text_reasons(explainer.model, texts, rows_at_once=4096)
    for text, found in zip(texts, together, strict=True):
        alone = text_reasons(explainer.model, [text])[0]
        np.testing.assert_allclose(found.slopes, alone.slopes, atol=1e-6)
        np.testing.assert_allclose(found.vectors, alone.vectors, atol=1e-5)
        assert found.matchable.tolist() == alone.matchable.tolist()


def contents(folder):
    files = {p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if p.is_file()}
    return {name: p.read_bytes() for name, p in files.items() if not name.startswith("lock")}


def test_cut_off_anywhere_it_goes_on_to_the_same_bytes(explainer, tmp_path, monkeypatch):
    monkeypatch.setattr(embedding, "EXPLAINED_AT_ONCE", 3)
    made = {"model": explainer, "explainable": "int8"}
    CatalogueIndex.build(draw_items(10), tmp_path / "whole", **made)
    derive = building.derive
    for number in range(1, 5):
        folder, calls = tmp_path / f"cut{number}", []

        def stop(*given, calls=calls, number=number, **named):
            calls.append(0)
            if len(calls) == number:
                raise KeyboardInterrupt
            return derive(*given, **named)

        monkeypatch.setattr(building, "derive", stop)
        with pytest.raises(KeyboardInterrupt):
            CatalogueIndex.build(draw_items(10), folder, **made)
        words = next((folder / "building" / "segment").glob("*.words.int8"))
        with words.open("ab") as stream:
            stream.write(b"half a row")  # What a kill left behind the last saving.
        counted = []

        def count(*given, counted=counted, **named):
            counted.append(0)
            return derive(*given, **named)

        monkeypatch.setattr(building, "derive", count)
        CatalogueIndex.build(draw_items(10), folder, **made)
        assert len(counted) == 4 - (number - 1)
        assert contents(folder) == contents(tmp_path / "whole")
    monkeypatch.setattr(building, "derive", derive)
    with raises(OptionError, "unfinished run", "reasons"):
        broken = tmp_path / "other"
        monkeypatch.setattr(building, "_finish", _interrupt)
        with pytest.raises(KeyboardInterrupt):
            CatalogueIndex.build(draw_items(10), broken, **made)
        CatalogueIndex.build(draw_items(10), broken, model=explainer, explainable="float16")


def _interrupt(*_given, **_named):
    raise KeyboardInterrupt


def test_what_is_added_is_stored_too_and_removed_items_are_gone(explainer, tmp_path):
    index = CatalogueIndex.build(
        draw_items(4), tmp_path / "index", model=explainer, explainable="float32"
    )
    index = index.add(draw_items(3, start=4, seed=5)).remove(["i1"])
    hits = index.similar(id="i5", k=9)
    assert {hit.item.id for hit in hits} == {"i0", "i2", "i3", "i4", "i6"}
    for hit in hits:
        assert_same(hit.explain(), hit.explain(stored=False), tolerance=1e-5)


def test_an_index_without_reasons_is_as_it_was(explainer, tmp_path):
    index = CatalogueIndex.build(draw_items(3), tmp_path / "index", model=explainer)
    manifest = json.loads((tmp_path / "index" / "manifest.json").read_text())
    assert manifest["format"] == 3
    assert "reasons" not in manifest
    hit = index.similar(id="i0", k=1)[0]
    assert hit.explain().stored is None
    assert index.info()["explainable"] is None


def test_another_method_and_other_options_of_the_pass_run_the_model(folder, explainer):
    index = CatalogueIndex.open(folder, model=explainer)
    assert index.similar(id="i0", k=1)[0].explain(method="bti").stored is None
    other = CatalogueIndex.open(folder, model=explainer.with_method("bti"))
    assert other.similar(id="i0", k=1)[0].explain().method == "bti"
    assert other.similar(id="i0", k=1)[0].explain(method="whyalike").stored is not None
    deeper = explainer.with_options(BTIOptions(latent_layer=1))
    assert CatalogueIndex.open(folder, model=deeper).stored_options() is None
    matched = explainer.with_options(BTIOptions(matching="mutual", top_k=3))
    hit = CatalogueIndex.open(folder, model=matched).similar(id="i0", k=1)[0]
    assert_same(hit.explain(), hit.explain(stored=False), tolerance=1e-5)


@pytest.mark.parametrize(
    ("ending", "damage"), [("float32", "flip"), ("places", "flip"), ("float32", "cut")]
)
def test_damaged_files_are_refused(folder, explainer, tmp_path, ending, damage):
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    path = next((copy / "segments" / "000001").glob(f"*.words.{ending}"))
    content = bytearray(path.read_bytes())
    if damage == "flip":
        content[4] ^= 1
    else:
        del content[-1:]
    path.write_bytes(bytes(content))
    with raises(FormatError, "damaged"):
        [hit.explain() for hit in CatalogueIndex.open(copy, model=explainer).similar(id="i0")]
    with raises(FormatError, "damaged"):
        CatalogueIndex.open(copy, model=explainer).verify()


def test_each_items_words_have_a_checksum(folder):
    reasons = read_manifest(folder).reasons
    assert reasons.numbers == "float32"
    segment = folder / "segments" / "000001"
    from whyalike.stored_reasons import PLACE, row_type

    places = np.fromfile(segment / "title+description.words.places", dtype=PLACE)
    kind = row_type("float32", 32, 32)
    words = (segment / "title+description.words.float32").read_bytes()
    start = int(places["end"][4]) * kind.itemsize
    end = int(places["end"][5]) * kind.itemsize
    assert zlib.crc32(words[start:end]) == places["checksum"][5]


def test_a_query_by_id_loads_no_torch(folder, tmp_path):
    script = tmp_path / "search.py"
    script.write_text(
        "import sys\n"
        "from whyalike.catalogue import CatalogueIndex\n"
        f"hits = CatalogueIndex.open({str(folder)!r}).similar(id='i3', k=2)\n"
        "print(hits[0].explain().to_json())\n"
        "assert 'torch' not in sys.modules, 'torch'\n"
        "assert 'transformers' not in sys.modules, 'transformers'\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert Explanation.from_json(done.stdout).stored.numbers == "float32"


def test_models_whose_reasons_cannot_be_stored_are_refused(tmp_path):
    items = draw_items(3)
    with raises(OptionError, "what an embedding is made of"):
        CatalogueIndex.build(
            items,
            tmp_path / "a",
            model=Explainer(embed=lambda texts: [[len(t), 1.0] for t in texts]),
            explainable="int8",
        )
    with raises(OptionError, "explainable", "int8"):
        CatalogueIndex.build(items, tmp_path / "b", model=open_tiny(), explainable="int4")
    assert not (tmp_path / "b" / "manifest.json").exists()


def test_a_model_without_the_state_of_its_last_layer_is_refused():
    from transformers import XLNetConfig, XLNetModel

    from tiny_models import unigram
    from whyalike.methods.word_derivatives import text_reasons
    from whyalike.readings import read_texts

    tokenizer = unigram()
    model = XLNetModel(XLNetConfig(vocab_size=len(tokenizer), d_model=32, n_layer=2, n_head=4))
    explainer = Explainer((model.eval(), tokenizer), pooling="paper", method="bti")
    text = read_texts(explainer.model, TEXTS[:1], prompt="", options=explainer.options)[0]
    with raises((OptionError, ModelError), "--explainable"):
        text_reasons(explainer.model, [text.prepared])
