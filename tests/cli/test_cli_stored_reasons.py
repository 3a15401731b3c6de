"""``whyalike index --explainable``, and ``similar`` of what it stores."""

import json

TEXTS = ["warm knit gloves", "knit wool gloves", "red wine", "white wine", "lemon zest"]


def test_reasons_are_stored_shown_and_left_alone(run, model, tmp_path):
    table, index = tmp_path / "items.jsonl", tmp_path / "index"
    rows = [json.dumps({"id": f"i{n}", "description": text}) for n, text in enumerate(TEXTS)]
    table.write_text("\n".join(rows), encoding="utf-8")
    made = run("index", table, "-o", index, "--model", model, "--explainable", "int8")
    assert made.exit_code == 0, made.output
    assert "reasons of words stored, int8" in made.stdout
    shown = run("similar", index, "--id", "i1")
    assert shown.exit_code == 0, shown.output
    assert "from stored vectors (int8" in " ".join(shown.stdout.split())
    told = json.loads(run("similar", index, "--id", "i1", "--json", "-k", "2").stdout)
    assert told["hits"][0]["explanation"]["stored"]["numbers"] == "int8"
    assert told["method"] == "whyalike"
    for choice in (["--no-stored"], ["--method", "bti"], ["-O", "latent_layer=1"]):
        passes = run("similar", index, "--id", "i1", "--json", *choice)
        assert passes.exit_code == 0, passes.output
        assert "stored" not in json.loads(passes.stdout)["hits"][0]["explanation"]
    refused = run("index", table, "-o", tmp_path / "other", "--explainable", "int4")
    assert refused.exit_code == 2
