"""``whyalike explain --lexicon --corpus``: the lexicon by name of file."""

import json

import pytest

from whyalike import Explainer, Lexicon, WordVectors

LEFT, RIGHT = "knit gloves and wool", "gloves of silk and wool"
VECTORS = "gloves 1 0.5\nwool 0.25 1\nknit -1 0.5\nand 0 1\n"
CORPUS = ["wool gloves and", "knit wool", "knit gloves and", "and"]


@pytest.fixture
def files(tmp_path):
    vectors, corpus = tmp_path / "vectors.txt", tmp_path / "corpus.txt"
    vectors.write_text(VECTORS, "utf-8")
    corpus.write_text("\ufeff" + "\n".join(CORPUS) + "\n", "utf-8")
    return vectors, corpus


@pytest.fixture
def explain(run, model):
    def explain(*arguments):
        options = ("explain", "--model", model, "--method", "tfidf_w2v", "--json")
        return run(*options, *arguments, LEFT, RIGHT)

    return explain


def test_both_files_are_what_the_library_takes(explain, files, model):
    result = explain("--lexicon", files[0], "--corpus", files[1])
    assert result.exit_code == 0, result.output
    lexicon = Lexicon.fit(CORPUS, vectors=WordVectors.read(files[0]))
    library = Explainer(model, method="tfidf_w2v", lexicon=lexicon).explain(LEFT, RIGHT, check=3)
    assert json.loads(result.stdout) == library.to_dict()


def test_vectors_alone_are_told(explain, files):
    result = explain("--lexicon", files[0])
    assert result.exit_code == 0, result.output
    assert "Zipf" in json.loads(result.stdout)["warnings"][0]


@pytest.mark.lexical
def test_a_corpus_alone_goes_with_the_packaged_vectors(explain, files):
    result = explain("--corpus", files[1])
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    saliency = {word["text"]: word["saliency"] for word in found["left"]["words"]}
    assert saliency["knit"] > saliency["and"] > 0


def test_a_background_is_what_the_library_takes(run, model, tmp_path):
    texts = [
        f"{one} {other} gloves"
        for one in "abcdef"
        for other in ["knit", "wool", "silk", "of", "and"]
    ]
    lines, table = tmp_path / "texts.txt", tmp_path / "texts.csv"
    lines.write_text("\n".join(texts), "utf-8")
    table.write_text("\n".join(["name,text", *(f"x,{text}" for text in texts)]), "utf-8")
    library = Explainer(model, method="whyalike", background=texts).explain(LEFT, RIGHT, check=3)
    options = ("explain", "--model", model, "--method", "whyalike", "--json", LEFT, RIGHT)
    for given in ((lines,), (table, "--column", "text")):
        result = run(*options, "--background", *given)
        assert result.exit_code == 0, result.output
        assert json.loads(result.stdout) == library.to_dict()
    assert library.background.texts == 30
    lines.write_text("\n".join(texts[:3]), "utf-8")
    result = run(*options, "--background", lines)
    assert result.exit_code == 2
    assert "3 different texts" in result.stderr


def test_files_that_are_no_good_are_named(explain, files, tmp_path):
    for option, content, code, says in (
        ("--lexicon", b"a 1 2\nb 1\n", 1, "line 2"),
        ("--corpus", b"...\n", 2, "There are no words"),
    ):
        bad = tmp_path / "bad.txt"
        bad.write_bytes(content)
        result = explain("--lexicon", files[0], option, bad)
        assert result.exit_code == code
        assert says in result.stderr
        assert "Traceback" not in result.stderr
        missing = explain("--lexicon", files[0], option, tmp_path / "none")
        assert missing.exit_code == 2
        assert "none" in missing.stderr
