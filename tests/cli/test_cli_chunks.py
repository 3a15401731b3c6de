"""Chunks on the command line: explained, indexed, and an item found once by its best one."""

import csv
import json

from whyalike import Explanation

FILLER = "A red wine with plums and smoke. "
LONG = f"{FILLER * 4}Warm knit gloves for cold hands. {FILLER * 4}"


def test_a_chunk_is_explained(run, model):
    asked = ("explain", "warm gloves", LONG, "--model", model, "--json")
    result = run(*asked, "--long-text", "chunks", "--chunk-size", "20", "--chunk-overlap", "4")
    found = Explanation.from_json(result.stdout)
    assert found.right.chunk is not None
    assert (found.options.chunk_size, found.options.chunk_overlap) == (20, 4)
    result = run(*asked, "-O", "long_text=chunks", "-O", "chunk_size=20", "-O", "chunk_overlap=4")
    assert Explanation.from_json(result.stdout) == found
    result = run(*asked, "--chunk-size", "20")
    assert result.exit_code != 0
    assert "choose long_text='chunks'" in " ".join(result.output.split())


def test_an_item_is_found_once(run, model, tmp_path):
    table, folder = tmp_path / "items.csv", tmp_path / "index"
    with table.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerows(
            [["id", "title", "description"], ["g", "Gloves", LONG], ["w", "W", FILLER]]
        )
    result = run("index", table, "-o", folder, "--model", model, "--chunk-size", "12", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["items"] > 2
    asked = ("similar", folder, "--text", "warm gloves", "--model", model, "--json", "--no-explain")
    every = json.loads(run(*asked, "--no-groups").stdout)["hits"]
    once = json.loads(run(*asked).stdout)["hits"]
    assert [hit["metadata"]["item"] for hit in once] == list(
        dict.fromkeys(hit["metadata"]["item"] for hit in every)
    )
    assert len(once) == 2 < len(every)
    assert once[0]["metadata"]["chunks"] >= 1
    result = run("index", table, "-o", tmp_path / "other", "--model", model, "--chunk-overlap", "2")
    assert "goes with --chunk-size" in " ".join(result.output.split())
