"""Nothing that comes from outside commands the terminal, whatever prints it."""

import ast
import io
import json
import os
import re
import unicodedata
from pathlib import Path

import pytest
import typer

import whyalike.cli
from whyalike.catalogue import Catalogue, CatalogueIndex, Item, ReadReport
from whyalike.cli.app import app
from whyalike.cli.printing import (
    echo,
    echo_data,
    echo_json,
    open_console,
    open_error_console,
    shown,
)

COMMANDS = "\x1b]0;pwn\x07\x1b[31m\x9b2J\x08\x7f"
HOSTILE = f"x{COMMANDS}\u202ey"
"""Sets the title, turns red, clears the screen, goes back, and turns the rest around."""


def obeyed(text):
    """The characters that a terminal would act upon."""
    return {
        character
        for character in text
        if (unicodedata.category(character) == "Cc" and character not in "\n\t")
        or character in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
    }


@pytest.fixture(scope="module")
def place(tmp_path_factory, model):
    """A folder in which everything has a name to be afraid of."""
    place = tmp_path_factory.mktemp("hostile") / HOSTILE
    place.mkdir()
    (place / "model").symlink_to(model)
    (place / HOSTILE).symlink_to(model)
    columns = f"id,title,{HOSTILE},description\n"
    rows = "".join(
        f"{HOSTILE}{n},{HOSTILE},{HOSTILE},warm {HOSTILE} gloves {n}\n" for n in range(3)
    )
    (place / f"{HOSTILE}.csv").write_text(columns + rows + f"bad {HOSTILE}\n")
    (place / "more.csv").write_text(columns + f"new{HOSTILE},a,b,knit {HOSTILE} mittens\n")
    (place / "pairs.csv").write_text(f"left,right\n{HOSTILE} gloves,warm {HOSTILE}\n")
    passages = [{"id": f"{HOSTILE}{n}", "text": f"warm {HOSTILE} gloves. {n}"} for n in range(3)]
    (place / "passages.jsonl").write_text("\n".join(map(json.dumps, passages)))
    (place / f"{HOSTILE}.md").write_text(f"# {HOSTILE}\n\nWarm {HOSTILE} gloves. And wool.\n")
    asked = json.dumps({"query": f"mittens {HOSTILE}", "right": f"{HOSTILE}1"})
    (place / "queries.jsonl").write_text(f"{asked}\n{{bad {HOSTILE}\n")
    items = [Item(f"{HOSTILE}{n}", HOSTILE, f"{HOSTILE} {n}", {HOSTILE: HOSTILE}) for n in range(3)]
    catalogue = Catalogue.from_items(items, name=HOSTILE)
    CatalogueIndex.build(
        catalogue,
        place / "idx",
        model=str(place / "model"),
        fields=("description",),
        report=ReadReport(),  # It gets the note on unknown tokens, of which there are some here.
    )
    return place


def cases(place):
    """Every command, with names, texts, columns, ids and filters to be afraid of."""
    model = ("--model", place / "model")
    csv, idx = place / f"{HOSTILE}.csv", place / "idx"
    text = f"warm {HOSTILE} gloves"
    return {
        "explain": [
            (text, text, "--model", place / HOSTILE),
            (text, f"knit {HOSTILE}", *model, "--json"),
            (text, "mittens", *model, "--html", place / f"{HOSTILE}.html"),
            (text, "mittens", *model, "--methods", "bti,token_similarity"),
            (text, "mittens", *model, "--methods", "bti,token_similarity", "--json"),
            ("--file-a", place / f"{HOSTILE}.none", "b"),
            ("a", "b", "--method", HOSTILE, *model),
            ("a", "b", "--model", place / f"none {HOSTILE}"),
            ("a", "b", "--lexicon", place / HOSTILE, *model),
            ("a", "b", "--debug", "--model", place / f"none {HOSTILE}"),
        ],
        "compare": [
            (text, f"knit {HOSTILE}", text, *model),
            (text, f"knit {HOSTILE}", text, *model, "--json"),
            ("a", "b", "c", "--method", HOSTILE, *model),
        ],
        "rank": [
            (text, place / f"{HOSTILE}.csv", *model),
            (text, "--jsonl", place / "passages.jsonl", *model, "--right", f"{HOSTILE}1"),
            (text, "--jsonl", place / "passages.jsonl", *model, "--json"),
            (text, "--jsonl", place / "passages.jsonl", *model, "--right", f"no{HOSTILE}"),
            (text, place / f"none{HOSTILE}", *model),
        ],
        "highlight": [
            (text, place / f"{HOSTILE}.md", *model),
            (text, place / f"{HOSTILE}.md", *model, "--json"),
            (text, place / f"none{HOSTILE}", *model),
        ],
        "differences": [
            (text, f"knit {HOSTILE}", *model),
            (text, f"knit {HOSTILE}", *model, "--json"),
            ("a", "b", "--thesaurus", place / HOSTILE, *model),
        ],
        "evaluate": [
            ("--texts", csv, "--column", HOSTILE, *model, "-o", place / "results"),
            ("--texts", place / f"none{HOSTILE}.csv", *model, "-o", place / "results"),
            ("--own", csv, "--columns", f"{HOSTILE},b", *model, "-o", place / "results"),
        ],
        "demo": [("--html", place / f"{HOSTILE}.txt")],
        "probe": [
            (text, *model),
            (text, *model, "--json"),
            (place / f"{HOSTILE}.csv", "--columns", HOSTILE, *model),
            (text, *model, "--rules", HOSTILE),
        ],
        "similar": [
            (idx, "--id", f"{HOSTILE}1"),
            (idx, "--id", f"{HOSTILE}1", "--json"),
            (idx, "--text", text, "--where", f"`{HOSTILE}` = '{HOSTILE}'"),
            (idx, "--id", HOSTILE),
            (idx, "--text", text, "--where", f"`no{HOSTILE}` = 1"),
            (place / HOSTILE, "--text", text),
        ],
        "trace": [
            ("--text", text, "--passages", csv, "--stage", model[1]),
            ("--text", text, "--passages", csv, "--stage", model[1], "--json"),
            ("--text", text, "--passages", csv, "--stage", model[1], "--passage", HOSTILE),
            ("--text", text, "--passages", csv, "--stage", place / f"none {HOSTILE}"),
        ],
        "diagnose": [
            (place / "queries.jsonl", "--index", idx, "-k", "1"),
            (place / "queries.jsonl", "--passages", csv, *model, "-k", "1", "--json"),
            (place / "queries.jsonl", "--passages", csv, *model, "-k", "1", "--markdown"),
            (place / f"no{HOSTILE}.jsonl", "--index", idx),
            (csv, "--index", place / HOSTILE),
        ],
        "audit": [(idx,), (idx, "--json"), (place / HOSTILE,)],
        "diff": [
            (place / "queries.jsonl", "--passages", csv, *model, *model),
            (place / "queries.jsonl", "--passages", csv, *model, *model, "--json"),
            (place / "pairs.csv", *model, *model),
        ],
        "figure": [("4", text, "b", *model, "-o", place / f"{HOSTILE}.xyz")],
        "train": [
            (csv, "-o", place / "trained", "--title", HOSTILE, "--base", place / f"none{HOSTILE}"),
            (csv, "-o", place / "trained", "--title", f"no{HOSTILE}"),
            (place / f"no{HOSTILE}.csv", "-o", place / "trained"),
        ],
        "serve": [
            ("--model", place / f"no{HOSTILE}"),
            ("--index", place / HOSTILE),
            ("--results", place / HOSTILE, *model),
        ],
        "models": [(), (HOSTILE,), (place / HOSTILE,)],
        "methods": [()],
        "index build": [
            (csv, "-o", place / f"new {HOSTILE}", *model),
            (csv, "-o", place / f"other {HOSTILE}", *model, "--json"),
            (csv, "-o", place / f"strict {HOSTILE}", *model, "--strict"),
            (csv, "-o", place / "x", *model, "--title", f"no{HOSTILE}"),
        ],
        "index add": [(idx, place / "more.csv", *model), (idx, place / "more.csv", *model)],
        "index remove": [(idx, f"new{HOSTILE}"), (idx, HOSTILE)],
        "index map": [(idx,), (idx, "--by", HOSTILE), (place / HOSTILE,)],
        "index info": [(idx,), (idx, "--json"), (idx, "--verify"), (place / HOSTILE,)],
        "study create": [
            ("--pairs", place / "pairs.csv", "-o", place / f"study {HOSTILE}", *model),
            ("--pairs", csv, "-o", place / "x", *model),
        ],
        "study invite": [(place / f"study {HOSTILE}",), (place / HOSTILE,)],
        "study simulate": [(place / HOSTILE,), (place / f"study {HOSTILE}", "--means", HOSTILE)],
        "study export": [(place / f"study {HOSTILE}",), (place / HOSTILE,)],
        "study report": [(place / HOSTILE,)],
        "study serve": [(place / HOSTILE,)],
    }


def all_commands(group=app, before=""):
    for one in group.registered_commands:
        yield f"{before}{one.name or one.callback.__name__}"
    for one in group.registered_groups:
        yield from all_commands(one.typer_instance, f"{one.name} ")


NAMES = sorted(all_commands())


def test_every_command_is_tried(place):
    assert set(cases(place)) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_no_command_prints_what_a_terminal_obeys(run, place, name):
    words = name.removesuffix(" build").split()
    seen = ""
    for arguments in cases(place)[name]:
        result = run(*words, *arguments)
        assert obeyed(result.stdout) == obeyed(result.stderr) == set(), (arguments, result.output)
        assert "Unexpected" not in result.stderr, result.stderr
        seen += result.output
    assert seen


def test_what_is_printed_is_the_same_but_for_what_is_obeyed(capsys):
    echo(f"a\tb {HOSTILE}\r\nزبان é")
    echo(HOSTILE, err=True)
    printed = capsys.readouterr()
    assert printed.out == "a\tb x�]0;pwn��[31m�2J��y \nزبان é\n"
    assert printed.err == "x�]0;pwn��[31m�2J��y\n"


def test_json_is_the_same_value(capsys):
    content = {HOSTILE: [HOSTILE, "é\n\u2028", "\ud800", "\x00"]}
    echo_json(json.dumps(content, ensure_ascii=False))
    printed = capsys.readouterr().out
    assert obeyed(printed) == set()
    assert json.loads(printed) == content
    assert "é" in printed


def test_data_goes_into_a_pipe_as_it_is(capsys):
    echo_data(f"{HOSTILE}\r\n")
    assert capsys.readouterr().out == f"{HOSTILE}\r\n"


@pytest.mark.parametrize("err", [False, True])
def test_a_console_shows_what_could_command_and_takes_nothing_for_markup(capsys, err):
    from rich.table import Table
    from rich.text import Text

    table = Table(title=HOSTILE)
    table.add_column(HOSTILE)
    table.add_row(Text(HOSTILE))
    console = open_error_console() if err else open_console()
    console.print(table, f"[/] [bold]{HOSTILE}[/bold] :smile:")
    printed = capsys.readouterr()[err]
    assert obeyed(printed) == set()
    assert "[/] [bold]x�]0;pwn" in printed
    assert "[/bold] :smile:" in printed


def test_a_bar_of_progress_shows_a_hostile_name():
    from rich.progress import Progress, TextColumn

    console = open_error_console()
    console.file, console._force_terminal = io.StringIO(), True
    what = TextColumn("{task.description}", markup=False)
    with Progress(what, console=console) as progress:
        progress.add_task(f"{HOSTILE} [/]")
    said = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", console.file.getvalue()).replace("\r", "")
    assert obeyed(said) == set()
    assert "x�]0;pwn" in said


TERMINAL = """
import os, pty, sys
arguments = sys.argv[1:]
def read(handle):
    return os.read(handle, 4096)
code = pty.spawn([sys.executable, "-c", "from whyalike.cli import main; main()", *arguments], read)
"""


@pytest.mark.skipif(os.name != "posix", reason="needs a pseudo-terminal")
@pytest.mark.parametrize(
    "arguments",
    [
        ["explain", f"--{HOSTILE}"],
        [HOSTILE],
        ["index", "info", HOSTILE, "--debug"],
        ["models", HOSTILE],
    ],
)
def test_a_terminal_gets_text_and_colours_alone(process, command, arguments, environment):
    done = process(
        args=[command[0], "-c", TERMINAL, *arguments],
        env={**environment, "TERM": "xterm-256color", "COLUMNS": "200"},
        stdin=0,
    )
    coloured = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout)
    assert "pwn" in coloured
    assert obeyed(coloured.replace("\r\n", "\n")) == set()
    if arguments[0] in ("index", "models"):
        # The red of the name is none: its escape is shown.
        assert "�[31m" in coloured


def test_nothing_but_printing_prints():
    """Whatever else would print, such as ``typer.echo``, would let everything through."""
    found = []
    folder = Path(whyalike.cli.__file__).parent
    for path in sorted(folder.glob("*.py")):
        if path.name == "printing.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            said = ast.unparse(node) if isinstance(node, ast.Name | ast.Attribute) else ""
            if said in ("typer.echo", "typer.secho", "print", "Console", "sys.stdout.write"):
                found.append(f"{path.name}:{node.lineno} {said}")
            if isinstance(node, ast.ImportFrom) and node.module == "rich.console":
                found += [f"{path.name}:{node.lineno}" for n in node.names if n.name == "Console"]
    assert not found
    assert shown("plain") == "plain"
    assert isinstance(app, typer.Typer)
