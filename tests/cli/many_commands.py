"""Runs many command lines, each in a fork of one process that has loaded everything, and says what came.

Its argument is the folder of a model, which is loaded once. Reads lines from standard input, each a list: of each command line its ``words``, and optionally
``out`` and ``err``, "closed" for a pipe whose reader has gone, ``room``, how many bytes a file may
have, and ``cwd``. Writes a line for each: a list of [exit code, standard output, standard error].
"""

import gc
import importlib
import json
import os
import pkgutil
import resource
import sys
import tempfile
import traceback
from contextlib import suppress
from functools import cache
from pathlib import Path

import torch
import transformers  # noqa: F401
from typer.testing import CliRunner

import whyalike
from whyalike.cli import main
from whyalike.cli.app import app
from whyalike.models.kinds import encoder as opening
from whyalike.models.loading import load


def run(case, out, err):
    """Become the command, and never return."""
    for number, name, file in ((1, "out", out), (2, "err", err)):
        if case.get(name) == "closed":
            reader, writer = os.pipe()
            os.close(reader)
            os.dup2(writer, number)
        else:
            os.dup2(file.fileno(), number)
    if "room" in case:
        resource.setrlimit(resource.RLIMIT_FSIZE, (case["room"], case["room"]))
    if "cwd" in case:
        os.chdir(case["cwd"])
    sys.argv = ["whyalike", *case["words"]]
    code = 0
    try:
        main()
    except SystemExit as stop:
        code = stop.code or 0
    except BaseException:
        traceback.print_exc()
        code = 99
    try:
        # As the interpreter does at its end.
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        code = 120
    os._exit(code)


def begin(case):
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        child = os.fork()
        if not child:
            run(case, out, err)
        _, status = os.waitpid(child, 0)
        said = [Path(f"/proc/self/fd/{one.fileno()}").read_text() for one in (out, err)]
        return [os.waitstatus_to_exitcode(status), *said]


def load_everything(model):
    for found in pkgutil.walk_packages(whyalike.__path__, "whyalike."):
        with suppress(ImportError):  # Its extra may not be installed.
            importlib.import_module(found.name)
    for name in (
        "pydantic", "sqlalchemy.dialects.sqlite", "matplotlib.backends.backend_agg",
        "PIL.PngImagePlugin", "torch.distributed.tensor",
    ):  # fmt: skip
        importlib.import_module(name)
    opening.load = cache(load)
    whyalike.Explainer(model).explain("warm", "wool")


if __name__ == "__main__":
    torch.set_num_threads(1)
    load_everything(sys.argv[1])
    CliRunner().invoke(app, ["--help"])  # So that what prints help is loaded once.
    gc.collect()
    gc.freeze()  # Forks do not go through what is here already.
    for line in sys.stdin:
        print(json.dumps([begin(case) for case in json.loads(line)]), flush=True)
