"""The tutorial does what it says: its commands and its Python are run, one after the other."""

import os
import re
import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from typer.testing import CliRunner

from whyalike.cli.app import app
from whyalike.models.kinds import encoder as opening
from whyalike.models.loading import load

TUTORIAL = Path(__file__).resolve().parents[2] / "docs" / "tutorial.md"
BLOCK = re.compile(r"(<!--[^>]*-->\n\n)?```(console|python)\n(.*?)```", re.DOTALL)
NOT_HERE = ("pip ",)


def blocks():
    """Language and text of each block that tests can run, in order."""
    found = BLOCK.findall(TUTORIAL.read_text(encoding="utf-8"))
    return [
        (language, text) for note, language, text in found if "not run by the tests" not in note
    ]


def commands(text):
    """Each command of a console block with the lines that are shown below it."""
    found = []
    for line in text.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], []))
        else:
            found[-1][1].append(line)
    return found


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run a command in a new folder; those of whyalike in this process, with models loaded once."""
    monkeypatch.setattr(opening, "load", cache(load))
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.chdir(tmp_path)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"

    def run(command):
        if command.startswith("whyalike "):
            done = CliRunner().invoke(app, shlex.split(command)[1:])
            assert done.exit_code == 0, f"{command}\n{done.output}\n{done.exception}"
            return done.stdout
        done = subprocess.run(
            ["sh", "-c", command],
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | {"PATH": path},
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    return run


def squeeze(text):
    """Text without regard to spaces, and with one digit for all numbers of another machine."""
    return re.sub(r"\d+(\.\d+)?", "0", " ".join(text.split()))


@pytest.mark.weights
@pytest.mark.skipif(os.name == "nt", reason="the tutorial's commands are for a POSIX shell")
def test_every_block_of_the_tutorial_runs(run):
    names = {"__name__": "tutorial"}
    ran = 0
    for language, text in blocks():
        if language == "python":
            exec(compile(text, str(TUTORIAL), "exec"), names)
            ran += 1
            continue
        for command, shown in commands(text):
            if command.startswith(NOT_HERE):
                continue
            printed = squeeze(run(command))
            for line in filter(str.strip, shown):
                assert squeeze(line) in printed, command
            ran += 1
    assert ran >= 10
    assert len(names["hits"]) == 3
    assert Path("similar.html").stat().st_size > 10_000


def test_options_of_the_commands_that_are_not_run_are_known():
    every = BLOCK.findall(TUTORIAL.read_text(encoding="utf-8"))
    left_out = [text for note, language, text in every if "not run by the tests" in note]
    seen = [command for text in left_out for command, _ in commands(text)]
    assert {command.split()[1] for command in seen} >= {"train", "index", "similar", "evaluate"}
    for command in seen:
        _, name, *rest = command.split()
        path = ["index", "build"] if name == "index" else [name]
        told = CliRunner().invoke(app, [*path, "--help"], env={"COLUMNS": "200"}).output
        for option in (word for word in rest if word.startswith("-")):
            assert re.search(rf"(^|[\s│,/]){re.escape(option)}\b", told), command
