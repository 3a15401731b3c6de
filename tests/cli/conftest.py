"""What the tests of the command line share: a runner, real processes, and a model loaded once."""

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tiny_models import tiny, tiny_reranker
from whyalike.cli.app import app
from whyalike.models.kinds import encoder as kind
from whyalike.models.loading import load

load_once = cache(load)


@pytest.fixture
def run(monkeypatch):
    """Run a command line in this process; a model that was loaded before is used again."""
    monkeypatch.setattr(kind, "load", load_once)

    def run(*arguments, **settings):
        return CliRunner().invoke(app, [str(argument) for argument in arguments], **settings)

    return run


@pytest.fixture(scope="session")
def environment():
    """The environment of a real process: offline, without colour settings from outside."""
    removed = ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "TERM", "PYTHONWARNINGS")
    kept = {name: value for name, value in os.environ.items() if name not in removed}
    return kept | {"HF_HUB_OFFLINE": "1"}


@pytest.fixture(scope="session")
def command():
    """What starts the command line in a process of its own."""
    return [sys.executable, "-c", "from whyalike.cli import main; main()"]


@pytest.fixture
def process(environment, command):
    """Run a command line, or ``args``, as a process of its own."""

    def run(*arguments, args=None, stdout=subprocess.PIPE, env=environment, **settings):
        return subprocess.run(
            args or [*command, *map(str, arguments)],
            stdout=stdout,
            stderr=subprocess.PIPE,
            env=env,
            text=True,
            check=False,
            **settings,
        )

    return run


@pytest.fixture(scope="session")
def begin(environment, model):
    """Run command lines, each in a process that has loaded everything; see many_commands.py."""
    script = Path(__file__).with_name("many_commands.py")
    with subprocess.Popen(
        [sys.executable, str(script), model],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        # As the streams that a case may have in its place, no file that can be sought in.
        stderr=subprocess.PIPE,
        # Without a buffer a write is lost in part, and Python says nothing of it.
        env=environment | {"PYTHONUNBUFFERED": "1"},
        text=True,
    ) as running:

        def begin(cases):
            print(json.dumps(cases), file=running.stdin, flush=True)
            return json.loads(running.stdout.readline())

        yield begin
        _, said = running.communicate()
        assert running.returncode == 0, said


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    """The folder of a small random model."""
    folder = tmp_path_factory.mktemp("model")
    made = tiny("bert")
    made.model.save_pretrained(folder)
    made.tokenizer.save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="session")
def reranker(tmp_path_factory):
    """The folder of a small random cross-encoder."""
    folder = tmp_path_factory.mktemp("reranker")
    made = tiny_reranker("bert")
    made.model.save_pretrained(folder)
    made.tokenizer.save_pretrained(folder)
    return str(folder)
