"""What goes wrong is told in one sentence that says what to do, with an exit code."""

import builtins
import re
import subprocess
import sys

import pytest

from raising import assert_says
from whyalike.models.kinds import encoder as opening

TRACEBACK = "Traceback (most recent call last)"


def sentence(result, code):
    """The one sentence of a failed command."""
    assert result.exit_code == code, result.output
    assert result.stdout == ""
    assert TRACEBACK not in result.stderr
    assert re.fullmatch(r"whyalike: [^\n]+\n", result.stderr)
    return result.stderr


def test_success_is_0(run, model):
    assert run("explain", "--model", model, "a", "b").exit_code == 0


def test_an_unknown_method(run, model):
    says = sentence(run("explain", "--model", model, "--method", "magic", "a", "b"), 2)
    assert_says(says, "method", "'magic'", "bti")


def test_a_pooling_that_the_model_does_not_have(run, model):
    says = sentence(run("explain", "--model", model, "--pooling", "model", "a", "b"), 2)
    assert_says(says, "'paper'", "'cls'", "'last'")


def test_a_text_beyond_the_limit_where_that_is_an_error(run, model):
    arguments = ("--long-text", "error", "a " * 1000, "b")
    assert "Shorten it" in sentence(run("explain", "--model", model, *arguments), 2)


def test_a_folder_without_a_model(run, tmp_path):
    says = sentence(run("explain", "--model", tmp_path, "a", "b"), 1)
    assert_says(says, tmp_path, "model")


def test_a_name_that_no_file_can_have(run):
    for arguments in (("explain", "--model", "x" * 5000, "a", "b"), ("models", "x" * 5000)):
        assert_says(sentence(run(*arguments), 1), "no model")


def test_a_path_that_is_not_there(run):
    says = sentence(run("explain", "--model", "./nowhere", "a", "b"), 1)
    assert_says(says, "./nowhere", "folder", "model")


def test_a_model_that_is_nowhere_offline(begin):
    [(code, out, said)] = begin([{"words": ["explain", "--model", "no-such-model", "a", "b"]}])
    assert (code, out) == (1, "")
    assert re.fullmatch(r"whyalike: [^\n]+\n", said)
    assert_says(said, "'no-such-model'", "hub", "reached", "pip install 'whyalike[demo]'")


@pytest.mark.parametrize("option", ["--html", "--png", "--svg"])
def test_a_file_that_cannot_be_written(run, model, tmp_path, option):
    path = tmp_path / "missing" / "out"
    result = run("explain", "--model", model, option, path, "a", "b")
    assert result.exit_code == 2
    bare = re.sub("[\\s│]", "", result.stderr)
    assert f"Invalidvaluefor'{option}'" in bare
    assert "missingisnotthere:makeit,orchooseanotherplace" in bare
    assert list(tmp_path.iterdir()) == []


def test_a_picture_without_matplotlib(run, model, tmp_path, monkeypatch):
    real = builtins.__import__

    def without_matplotlib(name, *args, **kwargs):
        if name.split(".")[0] == "matplotlib":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_matplotlib)
    says = sentence(run("explain", "--model", model, "--png", tmp_path / "out.png", "a", "b"), 1)
    assert "pip install 'whyalike[plot]'" in says
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nosuch"], "No such command 'nosuch'"),
        (["explain", "--nosuch", "a", "b"], "No such option"),
        (["explain", "--top-k", "0", "a", "b"], "--top-k"),
        (["explain", "--top-k", "many", "a", "b"], "--top-k"),
        (["explain", "--pooling", "mean", "a", "b"], "--pooling"),
        (["explain", "--words", "letter", "a", "b"], "--words"),
        (["explain", "a", "b", "c"], "unexpected extra argument"),
        (["explain", "a", "--html"], "requires an argument"),
        (["demo", "more"], "unexpected extra argument"),
    ],
)
def test_wrong_use_is_2_and_says_what_is_wrong(run, arguments, says):
    result = run(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert says.lower() in " ".join(re.sub("[│╭╮╰╯─]", " ", result.stderr).lower().split())
    assert TRACEBACK not in result.stderr


@pytest.mark.parametrize(
    ("command", "name", "allowed"),
    [
        (["explain", "a", "b", "--png"], "why.jpg", ".png, or leave the ending out"),
        (["explain", "a", "b", "--svg"], "why.png", ".svg, or leave the ending out"),
        (["compare", "a", "b", "c", "--html"], "why.pdf", ".html or .htm, or leave the ending out"),
        (["similar", "index", "--id", "a", "--html"], "why.png", ".html or .htm"),
        (["probe", "--html"], "why.txt", ".html or .htm"),
        (["demo", "--html"], "why.txt", ".html or .htm"),
    ],
)
def test_a_file_named_for_other_content_is_refused_at_once(run, tmp_path, command, name, allowed):
    result = run(*command, tmp_path / name)
    says = "".join(re.sub("[│╭╮╰╯─]", " ", result.stderr).split())
    assert result.exit_code == 2
    assert f"letitendin{allowed}".replace(" ", "") in says
    assert name in says
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["explain", "a", "b", "--lexicon", "none.txt"],
        ["explain", "--file-a", "none.txt", "b"],
        ["figure", "2", "-o", "why.svg", "--file-a", "none.txt", "b"],
        ["probe", "--file", "none.txt"],
        ["probe", "--file", "none.csv"],
        ["evaluate", "--texts", "none.csv"],
        ["index", "none.csv", "-o", "index"],
        ["index", "none.parquet", "-o", "index"],
        ["index", "info", "none"],
        ["similar", "none", "--id", "a"],
        ["train", "none.csv", "-o", "trained"],
        ["study", "report", "none"],
    ],
)
def test_a_file_that_is_not_there_is_wrong_use(run, tmp_path, monkeypatch, arguments):
    monkeypatch.chdir(tmp_path)
    says = sentence(run(*arguments), 2)
    assert "none" in says
    assert list(tmp_path.iterdir()) == []


def test_a_folder_for_a_file_is_wrong_use_and_a_damaged_file_a_failure(run, tmp_path):
    sentence(run("explain", "a", "b", "--lexicon", tmp_path), 2)
    (tmp_path / "bad.txt").write_bytes(b"\x1f\x8b damaged")
    sentence(run("explain", "a", "b", "--lexicon", tmp_path / "bad.txt"), 1)


def test_wrong_use_says_where_help_is(run):
    assert "Try 'whyalike explain -h' for help." in run("explain", "a", "b", "c").stderr


def test_debug_shows_the_traceback_before_the_sentence(run):
    result = run("explain", "--debug", "--model", "./nowhere", "a", "b")
    assert result.exit_code == 1
    traceback, _, says = result.stderr.rpartition("whyalike: ")
    assert traceback.startswith(TRACEBACK)
    assert "ModelNotFoundError" in traceback
    assert says.startswith("./nowhere is not a folder")


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (RuntimeError("two\nlines"), 1, "Unexpected RuntimeError: two lines (--debug shows where)"),
        (MemoryError(), 1, "Out of memory: try shorter texts."),
    ],
)
def test_what_nobody_expected_is_one_sentence_too(run, monkeypatch, error, code, says):
    def fail(*args, **kwargs):
        raise error

    monkeypatch.setattr(opening, "load", fail)
    assert sentence(run("explain", "a", "b"), code) == f"whyalike: {says}\n"


def test_ctrl_c_while_a_model_loads_is_130(run, monkeypatch):
    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(opening, "load", interrupt)
    result = run("explain", "a", "b")
    assert result.exit_code == 130
    assert result.output == "Interrupted; nothing was left half written.\n"


@pytest.mark.parametrize("module", ["whyalike", "whyalike.cli"])
def test_a_package_runs_as_a_module(module):
    done = subprocess.run(
        [sys.executable, "-m", module, "--version"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("whyalike ")
