"""whyalike index, as it is typed."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from tiny_models import tiny
from whyalike import Explainer
from whyalike.catalogue import CatalogueIndex
from whyalike.cli.app import app

ROWS = "sku,name,text,price\n1,Gloves,warm wool gloves,12\n2,Scarf,stretch wool,20\n4,Boot,leather,30\n"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model")
    tiny("bert").model.save_pretrained(path)
    tiny("bert").tokenizer.save_pretrained(path)
    return str(path)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "things.csv"
    path.write_text(ROWS + "3,,,1\n")
    return path


def run(*words, code=0):
    result = CliRunner().invoke(app, ["index", *map(str, words)])
    assert result.exit_code == code, result.output
    return result


def test_an_index_is_made_changed_and_described(file, model, tmp_path):
    folder = tmp_path / "idx"
    made = run(file, "-o", folder, "--model", model, "--fields", "title,description")
    assert "3 items of things" in made.stdout
    assert "line 5" in made.stderr
    assert "3 kept, 1 bad" in made.stderr
    more = tmp_path / "more.csv"
    more.write_text("id,title,description\n2,Shawl,wool\n9,Hat,knit\n")
    told = run("add", folder, more, code=2).stderr
    assert "'2' already" in told
    assert "--replace" in told
    added = json.loads(run("add", folder, more, "--replace", "--json").stdout)
    assert (added["items"], added["segments"], added["read"]["kept"]) == (4, 2, 2)
    assert "3 items of things, 2 removed" in run("remove", folder, "1").stdout
    info = json.loads(run("info", folder, "--verify", "--json").stdout)
    for said in (added, info):
        assert (said["format"], said["version"]) == ("whyalike/index-info", 1)
    assert (info["items"], info["removed"], info["verified"]) == (3, 2, True)
    assert (info["fields"], info["metadata"]) == (["title", "description"], ["price"])
    assert info["model"] == model


def test_the_word_build_may_stand_and_options_may_come_first(file, model, tmp_path):
    run("build", file, "-o", tmp_path / "a", "--model", model)
    run("-o", tmp_path / "b", "--model", model, file, "--dtype", "float16")
    assert json.loads(run("info", tmp_path / "b", "--json").stdout)["dtype"] == "float16"
    assert "--fields" in run("build", "--help").stdout
    assert "remove" in run("--help").stdout


def test_wrong_use_and_failures_have_their_codes(file, model, tmp_path):
    folder = tmp_path / "idx"
    assert "--fields is 'price'" in run(file, "-o", folder, "--fields", "price", code=2).stderr
    strict = run(file, "-o", folder, "--model", model, "--strict", code=1)
    assert "line 5" in strict.stderr
    assert "holds no index" in run("info", folder, code=2).stderr
    run(file, "-o", folder, "--model", model)
    assert "--overwrite" in run(file, "-o", folder, "--model", model, code=2).stderr
    run(file, "-o", folder, "--model", model, "--overwrite")
    assert "'77'" in run("remove", folder, "77", code=2).stderr
    vectors = next(folder.glob("segments/*/title+description.float32"))
    vectors.write_bytes(bytes(len(vectors.read_bytes())))
    assert "checksum" in run("info", folder, "--verify", code=1).stderr


def test_what_is_typed_wrong_is_told_before_a_model_is_opened(file, tmp_path):
    missing = run(tmp_path / "thing.csv", "-o", tmp_path / "a", "--model", "no-such-model", code=2)
    assert "thing.csv: No such file" in missing.stderr
    column = run(file, "-o", tmp_path / "a", "--id", "ean", "--model", "no-such-model", code=2)
    assert "no column 'ean'" in column.stderr
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "manifest.json").touch()
    place = run(file, "-o", tmp_path / "b", "--model", "no-such-model", code=2)
    assert "--overwrite" in place.stderr
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["b"]


def test_the_report_comes_before_the_work(file, model, tmp_path, monkeypatch):
    def stop(*_arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("whyalike.catalogue.building.embed_texts", stop)
    told = run(file, "-o", tmp_path / "idx", "--model", model, code=130).stderr
    assert "3 kept, 1 bad" in told
    assert "description from 'text'" in told
    assert "the same command goes on" in told


def test_a_file_is_read_as_it_is_said_to_be(model, tmp_path):
    file = tmp_path / "export.txt"
    file.write_text("id\ttitle\tdescription\n1\tGloves\t<p>warm <b>wool</b></p>\n")
    refused = run(file, "-o", tmp_path / "a", "--model", model, code=2)
    assert "--format" in refused.stderr
    kept = run(file, "-o", tmp_path / "a", "--model", model, "--format", "tsv")
    assert "--markup keep" in kept.stderr
    assert CatalogueIndex.open(tmp_path / "a")["1"].description == "warm wool"
    file.write_text("id;title;in;price, EUR\n2;Hat;red;9,5\n")
    told = run("add", tmp_path / "a", file, "--format", "csv").stdout
    assert "--where: id, title, description, `in`, `price, EUR`" in told


def test_vectors_that_are_there_are_taken_over(file, model, tmp_path):
    texts = ["Gloves\nwarm wool gloves", "Scarf\nstretch wool", "Boot\nleather"]
    vectors = Explainer(model).model.embed(texts)
    np.save(tmp_path / "own.npy", vectors)
    made = run(file, "-o", tmp_path / "a", "--model", model, "--vectors", tmp_path / "own.npy")
    assert "3 of 3 texts taken over" in made.stderr
    assert "the least cosine is 1.00000" in made.stderr
    np.save(tmp_path / "long.npy", np.concatenate([vectors, vectors[:1]]))
    long = run(
        file, "-o", tmp_path / "b", "--model", model, "--vectors", tmp_path / "long.npy", code=2
    )
    assert "4 rows: 3 kept" in long.stderr
    chunks = ("--vectors", tmp_path / "own.npy", "--chunk-size", "4")
    assert "--chunk-size" in run(file, "-o", tmp_path / "c", *chunks, code=2).stderr


def test_another_file_is_not_put_in_place_of_an_unfinished_run(file, model, tmp_path, monkeypatch):
    def stop(*_arguments, **_named):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("whyalike.catalogue.building._finish", stop)
        run(file, "-o", tmp_path / "idx", "--model", model, code=130)
    other = tmp_path / "other.csv"
    other.write_text("id,title,description\n2,Shawl,wool\n")
    refused = run(other, "-o", tmp_path / "idx", "--model", model, code=2)
    assert "unfinished run of 3 items, and it has other items" in refused.stderr
    made = run(other, "-o", tmp_path / "idx", "--model", model, "--force")
    assert "1 items of other" in made.stdout
