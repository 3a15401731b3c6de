"""``whyalike figure``: files, options, and errors told in one sentence."""

import pytest


@pytest.mark.parametrize(
    ("number", "file"),
    [("2", "why.png"), ("3", "why.png"), ("4", "why.svg")],
)
def test_each_figure_is_written(run, model, tmp_path, number, file):
    path = tmp_path / file
    result = run("figure", number, "warm gloves", "knit wool", "-o", path, "--model", model)
    assert result.exit_code == 0, result.output
    assert f"Wrote {path}" in result.output
    assert path.read_bytes().startswith({".png": b"\x89PNG", ".svg": b"<?xml"}[path.suffix])


def test_seed_method_and_embeddings_change_figure_four(run, model, tmp_path):
    found = set()
    for number, more in enumerate(
        ([], ["--seed", "1"], ["--method", "bti"], ["--keep-embeddings"])
    ):
        path = tmp_path / f"{number}.svg"
        run("figure", "4", "warm gloves", "knit wool", "-o", path, "--model", model, *more)
        found.add(path.read_bytes())
    assert len(found) == 4


@pytest.mark.parametrize("number", ["2", "3", "4"])
def test_the_score_is_that_of_the_pooling(run, model, tmp_path, number):
    found = {}
    for pooling in ("auto", "paper", "cls"):
        path = tmp_path / f"{pooling}.svg"
        more = ("--pooling", pooling, "-o", path, "--model", model)
        assert run("figure", number, "warm gloves", "knit wool", *more).exit_code == 0
        found[pooling] = path.read_bytes()
    assert found["auto"] == found["paper"] != found["cls"]


def test_texts_come_from_files(run, model, tmp_path):
    (tmp_path / "a.txt").write_text("warm gloves", encoding="utf-8")
    (tmp_path / "b.txt").write_text("knit wool", encoding="utf-8")
    files = ["--file-a", tmp_path / "a.txt", "--file-b", tmp_path / "b.txt"]
    run("figure", "2", *files, "-o", tmp_path / "1.svg", "--model", model)
    run("figure", "2", "warm gloves", "knit wool", "-o", tmp_path / "2.svg", "--model", model)
    assert (tmp_path / "1.svg").read_bytes() == (tmp_path / "2.svg").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["2", "a", "b"], "give -o FILE.png or -o FILE.svg"),
        (["2", "a", "b", "-o", "why.pdf"], "let it end in .png or .svg"),
        (["2", "a", "b", "-o", "why.png", "--method", "bti"], "takes no --method"),
        (["3", "a", "b", "-o", "why.png", "--keep-embeddings"], "--keep-embeddings is of figure 4"),
        (["4", "a", "-o", "why.png"], "The right text is missing"),
        (["5", "a", "b", "-o", "why.png"], "'5' is not one of '2', '3', '4'"),
        (["4", "a", "b", "-o", "why.png", "--method", "none"], "There is no method 'none'"),
    ],
)
def test_wrong_use_is_told(run, model, arguments, said, tmp_path):
    arguments = [str(tmp_path / each) if "why." in each else each for each in arguments]
    result = run("figure", *arguments, "--model", model)
    assert result.exit_code == 2
    assert said in " ".join(result.output.replace("│", " ").split())
    assert not list(tmp_path.iterdir())
