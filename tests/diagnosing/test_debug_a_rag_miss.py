"""The how-to does what it says: its commands and its Python are run, and print what it shows."""

import os
import re
import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from typer.testing import CliRunner

from whyalike.catalogue import Catalogue
from whyalike.cli.app import app
from whyalike.data.queries import read_queries
from whyalike.models.kinds import encoder as opening
from whyalike.models.loading import load

HOW_TO = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "debug-a-rag-miss.md"
BLOCK = re.compile(r"(<!--[^>]*-->\n\n)?```(console|python)\n(.*?)```", re.DOTALL)


def squeeze(text):
    """Text without regard to spaces, and with one digit for all numbers of another machine."""
    return re.sub(r"\d+(\.\d+)?", "0", " ".join(text.split()))


def run(command):
    if command.startswith("whyalike "):
        done = CliRunner().invoke(app, shlex.split(command)[1:])
        assert done.exit_code == 0, f"{command}\n{done.output}\n{done.exception}"
        return done.stdout
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", "-c", command],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PATH": path},
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.weights
@pytest.mark.skipif(os.name == "nt", reason="the commands are for a POSIX shell")
def test_every_block_runs_and_prints_what_is_shown(tmp_path, monkeypatch):
    monkeypatch.setattr(opening, "load", cache(load))
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "how_to"}
    for note, language, text in BLOCK.findall(HOW_TO.read_text(encoding="utf-8")):
        if "not run by the tests" in note:
            continue
        if language == "python":
            exec(compile(text, str(HOW_TO), "exec"), names)
            continue
        command, shown = "", []
        for line in text.splitlines():
            if line.startswith("$ "):
                printed, command = "", line[2:]
                printed = squeeze(run(command))
            elif line.strip() and line.strip() != "…":
                shown.append(line)
                assert squeeze(line) in printed, (command, line)
    assert Path("misses.html").stat().st_size > 10_000
    # Every cause that the how-to explains is there.
    assert set(names["diagnosis"].counts) == {
        *("duplicate", "unread", "near tie", "diluted", "vocabulary", "rival word", "unknown")
    }


def test_the_right_items_of_the_example_are_there():
    catalogue = Catalogue.example("help")
    assert len(catalogue) == catalogue.report.kept == 34
    queries = read_queries(Path(catalogue.report.path).with_name("help-queries.jsonl"))
    assert len(queries) == 28
    for query in queries:
        assert catalogue[query.right[0]]
