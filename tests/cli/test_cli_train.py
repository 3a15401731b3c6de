"""``whyalike train`` as a user runs it."""

import csv
import json
import random
import signal

import pytest

from whyalike.cli.train import describe_time
from whyalike.training.unfinished import latest_checkpoint, unfinished

_TEXT = "warm knit glove wool pale straw lemon zest white flowers ribbed cuffs smart phone"
WORDS = _TEXT.split()
QUICK = ("--batch-size", "4", "--max-steps", "3", "--max-length", "64", "--held-out", "0.3")


@pytest.fixture
def catalogue(tmp_path):
    drawn = random.Random(5)
    path = tmp_path / "things.csv"
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["sku", "name", "text", "type"])
        for number in range(24):
            own = drawn.sample(WORDS, 4)
            writer.writerow([number, f"{' '.join(own)} {number}", " ".join(own[1:]), own[0]])
    return path


def test_a_model_is_trained_and_its_figures_are_shown(run, model, catalogue, tmp_path):
    out = tmp_path / "model"
    result = run("train", catalogue, "-o", out, "--base", model, *QUICK)
    assert result.exit_code == 0, result.stderr
    assert "Columns guessed: id from 'sku', title from 'name', description from 'text'" in (
        " ".join(result.stderr.split())
    )
    assert "step 3/3  title-description" in result.stderr
    assert "masked words" in result.stderr
    said = " ".join(result.stdout.split())
    assert "base, untrained" in said
    assert "ranking loss + masked" in said
    assert "TF-IDF, untrained" in said
    assert "RecoBERT" not in said
    assert "has no trained head for masked tokens" in said
    assert (out / "modules.json").is_file()
    assert "things.csv" in (out / "README.md").read_text(encoding="utf-8")


def test_json_has_every_setting_that_was_asked_for(run, model, catalogue, tmp_path):
    result = run(
        "train", catalogue, "-o", tmp_path / "model", "--base", model, *QUICK, "--json",
        "--encoding", "joint", "--mlm-weight", "0", "--lr", "1e-4", "--seed", "3", "--items", "20",
        "--patience", "0",
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    assert (found["format"], found["version"]) == ("whyalike/training", 1)
    settings = found["settings"]
    assert (settings["encoding"], settings["negatives"]) == ("joint", "drawn")
    assert (settings["mlm_weight"], settings["learning_rate"], settings["seed"]) == (0, 1e-4, 3)
    assert settings["patience"] is None
    assert found["items"] == 20
    assert [figures["name"] for figures in found["figures"]] == [
        "base, untrained", "RecoBERT, masked words × 0", "TF-IDF, untrained",
    ]  # fmt: skip
    assert found["figures"][1]["retrieval"]["candidates"] == 20


def test_ctrl_c_says_how_to_go_on(run, model, catalogue, tmp_path, monkeypatch):
    out = tmp_path / "model"
    command = ("train", catalogue, "-o", out, "--base", model, *QUICK)

    def interrupt(now):
        if now.step == 2:
            signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr("whyalike.cli.train.tell_progress", interrupt)
        result = run(*command)
    assert result.exit_code == 130
    step = latest_checkpoint(unfinished(out)).name.removeprefix("checkpoint-")
    assert f"A checkpoint of step {step} is kept" in result.stderr
    again = run(*command)
    assert again.exit_code == 2
    assert "--resume" in again.stderr
    assert run(*command, "--resume").exit_code == 0
    assert not unfinished(out).exists()


def test_wrong_use_is_said_in_a_sentence(run, model, catalogue, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    for arguments, said in (
        (("-o", tmp_path / "full"), "is there already"),
        (("-o", tmp_path / "m", "--lr", "-1"), "learning_rate is -1.0"),
        (("-o", tmp_path / "m", "--title", "nothing"), "no column 'nothing'"),
        (("-o", tmp_path / "m", "--encoding", "joint", "--negatives", "all"), "joint sequence"),
    ):
        result = run("train", catalogue, "--base", model, *arguments)
        assert result.exit_code == 2
        assert said in result.stderr
        assert result.stdout == ""


@pytest.mark.parametrize(
    ("seconds", "said"), [(0, "0 s"), (89, "89 s"), (600, "10 min"), (11100, "3 h 05 min")]
)
def test_durations_in_words(seconds, said):
    assert describe_time(seconds) == said
