"""The command line of a study: from texts to exported ratings."""

import csv
import io
import json
from itertools import pairwise

import pytest

from raising import assert_says
from tiny_models import TEXTS
from whyalike import Explainer, Lexicon, WordVectors
from whyalike.data.text_columns import read_texts
from whyalike.study.folder import read_study
from whyalike.study.storage import Storage

PAIRS = [(a, f"{b} Number {n}.") for n, (a, b) in enumerate([*pairwise(TEXTS)] * 2)]


@pytest.fixture
def pairs(tmp_path):
    path = tmp_path / "pairs.jsonl"
    path.write_text("\n".join(json.dumps({"left": a, "right": b}) for a, b in PAIRS), "utf-8")
    return path


@pytest.fixture
def created(run, pairs, tmp_path, model):
    folder = tmp_path / "study"
    done = run(
        "study", "create", "--pairs", pairs, "--methods", "bti,whyalike", "-n", 4, "--seed", 7,
        "--model", model, "-o", folder,
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    return folder, done


def test_a_study_is_made_simulated_and_exported(run, created, tmp_path):
    folder, done = created
    study = read_study(folder)
    assert (study.samples, study.methods, study.seed) == (4, ("bti", "whyalike"), 7)
    assert "4 samples by 2 methods" in done.stdout
    simulated = run(
        "study", "simulate", folder, "--raters", 3, "--means", "bti=4,whyalike=2", "--careless", 1
    )
    assert simulated.exit_code == 0
    assert "SIMULATED" in simulated.stdout
    printed = run("study", "export", folder)
    assert "SIMULATED" in printed.stderr
    rows = list(csv.DictReader(io.StringIO(printed.stdout)))
    assert {row["rater"] for row in rows} == {"0", "1", "2"}
    assert {row["method"] for row in rows} == {"bti", "whyalike", ""}
    assert {row["simulated"] for row in rows} == {"true"}
    assert run("study", "export", folder, "-o", tmp_path / "r.csv").exit_code == 0
    assert (tmp_path / "r.csv").read_text() == printed.stdout
    assert run("study", "export", folder, "-o", tmp_path / "r.txt").exit_code == 2


def test_a_database_elsewhere_is_used_by_every_command(run, created, tmp_path):
    folder, _ = created
    url = f"sqlite:///{tmp_path / 'elsewhere.db'}"
    assert run("study", "simulate", folder, "--raters", 1, "--database", url).exit_code == 0
    assert len(run("study", "export", folder, "--database", url).stdout.splitlines()) > 8
    missing = run("study", "export", folder)
    assert missing.exit_code == 2
    assert_says(" ".join(missing.stderr.split()), "database", "study.db")
    assert not (folder / "study.db").exists()


@pytest.mark.parametrize("command", ["report", "export"])
def test_who_only_reads_makes_no_database(run, created, tmp_path, command):
    folder, _ = created
    typo = tmp_path / "typo.db"
    done = run("study", command, folder, "--database", f"sqlite:///{typo}")
    assert done.exit_code == 2
    assert_says(" ".join(done.stderr.split()), "typo.db", "--database")
    assert not typo.exists()
    nowhere = run("study", command, folder, "--database", "sqlite:///nosuch/dir/t.db")
    assert nowhere.exit_code == 2
    assert_says(" ".join(nowhere.stderr.split()), "database", "nosuch/dir/t.db")


def test_a_database_without_ratings_is_named(run, created, tmp_path):
    folder, _ = created
    assert run("study", "invite", folder).exit_code == 0
    exported = run("study", "export", folder, "-o", tmp_path / "r.csv")
    assert exported.exit_code == 0
    assert f"no ratings yet in sqlite:///{folder}/study.db" in "".join(exported.stderr.split("\n"))
    reported = run("study", "report", folder)
    assert reported.exit_code == 2
    assert_says(" ".join(reported.stderr.split()), "no ratings", "items", "study.db")


def test_a_folder_that_is_missing_is_named(run, created, tmp_path):
    folder, _ = created
    done = run("study", "invite", folder, "--database", f"sqlite:///{tmp_path}/none/t.db")
    assert done.exit_code != 0
    assert_says(" ".join(done.stderr.split()), "no folder")


@pytest.mark.parametrize(
    "url",
    ["foo", "ftp://a.example", "https://a.example/study", "https://", "https://a.example:x",
     "http://[::1", "https://a.example\n", "https://me@a.example"],
)  # fmt: skip
def test_nobody_is_invited_to_what_is_no_origin(run, created, url):
    folder, _ = created
    refused = run("study", "invite", folder, "--url", url)
    assert refused.exit_code == 2
    assert_says(" ".join(refused.stderr.split()), "origin")
    assert not (folder / "study.db").exists()


def test_invitations_are_links_whose_tokens_open_the_study(run, created):
    folder, _ = created
    done = run(
        "study", "invite", folder, "--raters", 2, "--name", "Anna", "--url", "https://a.example/"
    )
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    assert [number for number, _ in lines] == ["0", "1"]
    storage = Storage.open(folder)
    for number, link in lines:
        assert link.startswith("https://a.example/r/")
        rater = storage.rater_by_token(link.removeprefix("https://a.example/r/"))
        assert (str(rater.number), rater.name, rater.simulated) == (number, "Anna", False)
    storage.close()
    refused = run("study", "simulate", folder)
    assert refused.exit_code == 2
    assert "Real raters" in refused.stderr
    # What the refusal advises is possible.
    assert "another --database" in " ".join(refused.stderr.split())
    url = f"sqlite:///{folder.parent / 'trial.db'}"
    assert run("study", "simulate", folder, "--raters", 1, "--database", url).exit_code == 0


@pytest.fixture
def catalogue(tmp_path):
    path = tmp_path / "texts.csv"
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["description"])
        writer.writerows([f"{text} {text} {text}"] for text in TEXTS[:3])
        writer.writerows([f"{text} {text} {text} And more."] for text in TEXTS[:3])
    return path


@pytest.fixture
def create_from(run, model, tmp_path):
    def create_from(source, path, methods, *arguments):
        done = run(
            "study", "create", source, path, "--methods", methods, "--model", model,
            "--checks", 0, "--shown", "own", "-o", tmp_path / "study", *arguments,
        )  # fmt: skip
        assert done.exit_code == 0, done.output
        return read_study(tmp_path / "study")

    return create_from


def test_pairs_are_drawn_from_a_catalogue(create_from, catalogue):
    study = create_from("--texts", catalogue, "bti,random")
    assert study.samples >= 1
    assert study.settings["rarity"] is None


def test_rare_words_are_counted_in_the_catalogue(create_from, catalogue, pairs, model, tmp_path):
    vectors = tmp_path / "vectors.txt"
    vectors.write_text("gloves 1 0.5\nand 0 1\nmore 1 1\nthese 1 0\n", "utf-8")
    study = create_from("--texts", catalogue, "idf,random", "--lexicon", vectors)
    assert study.settings["rarity"] == "counted in texts"
    lexicon = Lexicon.fit(read_texts(catalogue), vectors=WordVectors.read(vectors))
    explainer = Explainer(model, method="idf", lexicon=lexicon)
    for one in study.stimuli:
        if one.method == "idf":
            shown = one.explanation
            expected = explainer.explain(shown.left.text, shown.right.text).left.words
            # What stands in no pair is not marked, and what is shown is rounded.
            marked = {n: w.saliency for n, w in enumerate(shown.left.words) if w.saliency}
            assert marked
            assert marked == pytest.approx({n: expected[n].saliency for n in marked}, abs=0.006)
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("gloves and more\n", "utf-8")
    counted = create_from(
        "--texts", catalogue, "idf,random", "--lexicon", vectors, "--corpus", corpus
    )
    assert {one.id for one in counted.stimuli} != {one.id for one in study.stimuli}
    guessed = create_from("--pairs", pairs, "idf,random", "--lexicon", vectors)
    assert guessed.settings["rarity"] == "guessed from ranks"


def test_texts_that_make_no_pairs_are_told_why(run, model, tmp_path):
    path = tmp_path / "texts.csv"
    path.write_text("description\nwarm gloves\nwoollen mittens\n")
    done = run(
        "study", "create", "--texts", path, "--methods", "bti,random", "--model", model,
        "-n", 6, "-o", tmp_path / "study",
    )  # fmt: skip
    assert done.exit_code == 2
    said = " ".join(done.stderr.split())
    assert_says(said, "0 pairs", "6", "15 to 120 words")


def test_wrong_use_is_told(run, created, pairs, tmp_path, model):
    folder, _ = created
    good = ["study", "create", "--methods", "bti,random", "--model", model, "-o", tmp_path / "new"]
    for more, says in (
        ([], "either --pairs or --texts"),
        (["--pairs", pairs, "--texts", pairs], "either --pairs or --texts"),
        (["--pairs", pairs, "-n", 400], "different pairs"),
        (["--pairs", pairs, "--scale", "bad,good"], "scale"),
        (["--pairs", pairs, "--columns", "left"], "name two"),
    ):
        done = run(*good, *more)
        assert (done.exit_code, says in done.stderr) == (2, True), done.stderr
    assert not (tmp_path / "new").exists()
    done = run("study", "simulate", folder, "--means", "bti:4")
    assert (done.exit_code, "--means" in done.stderr) == (2, True)
    done = run("study", "export", tmp_path / "new")
    assert (done.exit_code, "whyalike study create" in done.stderr) == (2, True)
