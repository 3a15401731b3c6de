"""Every command where its reader goes, where nobody hears it, and where the disk is full."""

import pytest
import typer

from whyalike.cli.app import app

pytest.importorskip("resource", reason="needs POSIX")

ROWS = "".join(
    f'{n},Warm gloves {n},"Keep hands warm with knit gloves number {n}, stretch wool and ribbed cuffs '
    f'{n}, cut from these smart phone friendly finger tips",{n}\n'
    for n in range(30)
)
PAIRS = "".join(f"Warm knit gloves {n},Wool gloves that keep hands warm {n}\n" for n in range(4))
TEXTS = ["warm knit gloves", "stretch wool gloves"]


def commands_of(command, before=()):
    yield [*before, "--help"]
    for name, one in getattr(command, "commands", {}).items():
        yield from commands_of(one, (*before, name))


@pytest.fixture(scope="module")
def made(tmp_path_factory, model, begin):
    """A folder with an index and a study, and what there is to run on them, by its name."""
    folder = tmp_path_factory.mktemp("ends")
    (folder / "c.csv").write_text(f"id,title,description,price\n{ROWS}")
    (folder / "pairs.csv").write_text(f"left,right\n{PAIRS}")
    by = ["--model", model]

    def at(name):
        return str(folder / name)

    def create(out):
        return [
            "study", "create", "--pairs", at("pairs.csv"), "--methods", "random,bti", "-n", "3",
            "--checks", "0", "-o", at(out), *by,
        ]  # fmt: skip

    for code, _, said in begin(
        [
            {"words": words}
            for words in (
                ["index", at("c.csv"), "-o", at("idx"), *by],
                create("study"),
                ["study", "simulate", at("study"), "--raters", "2"],
            )
        ]
    ):
        assert code == 0, said
    prints = {
        "explain": ["explain", *TEXTS, *by],
        "explain --json": ["explain", *TEXTS, *by, "--json"],
        "explain --methods": ["explain", *TEXTS, *by, "--methods", "random,bti"],
        "compare": ["compare", "warm", *TEXTS, *by],
        "compare --json": ["compare", "warm", *TEXTS, *by, "--json"],
        "probe": ["probe", "The room is warm and it is not cheap.", *by],
        "probe --json": ["probe", "The room is warm and it is not cheap.", *by, "--json"],
        "probe --list": ["probe", "--list"],
        "evaluate --json": [
            "evaluate", "--own", at("pairs.csv"), "--methods", "random", *by, "--json",
        ],
        "index info": ["index", "info", at("idx")],
        "index info --json": ["index", "info", at("idx"), "--json", "--verify"],
        "similar": ["similar", at("idx"), "--id", "1", "-k", "2", *by],
        "similar --json": ["similar", at("idx"), "--id", "1", "--json", "--no-explain"],
        "trace": ["trace", "--text", "warm", "--passages", at("c.csv"), "--stage", model],
        "trace --json": [
            "trace", "--text", "warm", "--passages", at("c.csv"), "--stage", model, "--json",
        ],
        "study invite": ["study", "invite", at("study"), "--database", f"sqlite:///{at('i.db')}"],
        "study report": ["study", "report", at("study"), "--resamples", "20"],
        "study report --json": ["study", "report", at("study"), "--json", "--resamples", "20"],
        "study export": ["study", "export", at("study")],
        "methods": ["methods"],
        "models": ["models"],
    }  # fmt: skip
    writes = {
        "explain --html": (["explain", *TEXTS, *by, "--html", at("e.html")], "e.html"),
        "explain --png": (["explain", *TEXTS, *by, "--png", at("e.png")], "e.png"),
        "compare --html": (["compare", "warm", *TEXTS, *by, "--html", at("c.html")], "c.html"),
        "similar --html": (
            ["similar", at("idx"), "--id", "1", "--no-explain", "--html", at("s.html")], "s.html",
        ),
        "trace --html": (
            [
                "trace", "--text", "warm", "--passages", at("c.csv"), "--stage", model,
                "--html", at("t.html"),
            ],
            "t.html",
        ),
        "figure": (["figure", "2", *TEXTS, *by, "-o", at("f.png")], "f.png"),
        "evaluate -o": (
            ["evaluate", "--own", at("pairs.csv"), "--methods", "random", *by, "-o", at("ev")],
            "ev/leaderboard.json",
        ),
        "index": (["index", at("c.csv"), "-o", at("idx2"), *by], "idx2/manifest.json"),
        "study create": (create("study2"), "study2/study.json"),
        "study report --html": (
            ["study", "report", at("study"), "--resamples", "20", "--html", at("r.html")], "r.html",
        ),
        "study export -o": (["study", "export", at("study"), "-o", at("r.parquet")], "r.parquet"),
        "train": (
            ["train", at("c.csv"), "-o", at("new"), "--base", model, "--max-steps", "1"],
            "new/training.json",
        ),
    }  # fmt: skip
    return folder, prints, writes


def test_a_reader_that_has_gone_is_no_error_of_any_command(made, begin):
    _, prints, _ = made
    helps = list(commands_of(typer.main.get_command(app)))
    assert len(helps) > 20
    asked = {**{" ".join(words): words for words in helps}, "": [], "study": ["study"], **prints}
    results = begin([{"words": words, "out": "closed"} for words in asked.values()])
    for name, (code, _, said) in zip(asked, results, strict=True):
        assert code == 0, f"{name}: {said}"
        assert not {"Traceback", "Unexpected", "pipe"} & set(said.replace(":", " ").split()), name


def test_a_command_that_nobody_hears_does_its_work(made, begin):
    folder, _, writes = made
    wrong = {
        "a wrong name": ["nonsense"],
        "no text": ["explain"],
        "no such option": ["models", "-x"],
    }
    cases = [words for words, _ in writes.values()] + list(wrong.values())
    results = begin([{"words": words, "err": "closed"} for words in cases])
    for name, (code, _, _) in zip([*writes, *wrong], results, strict=True):
        assert code == (2 if name in wrong else 0), name
    for name, (_, file) in writes.items():
        assert (folder / file).stat().st_size > 0, name
    for name in ("idx2", "new", "study2", "ev"):
        (folder / name).rename(folder / f"{name} heard")
    for path in folder.glob("?.*"):
        if path.suffix in (".html", ".png", ".parquet"):
            path.unlink()


SOME = {
    0: ("explain --json", "evaluate -o"),
    1000: ("explain --json", "methods", "study report --json", "study invite"),
    30_000: ("evaluate -o", "index", "study create", "train"),
}


@pytest.mark.parametrize("room", SOME)
def test_a_disk_without_room_is_one_sentence(made, begin, room):
    """The limit of the size of a file stands for it; standard output and error have it too."""
    folder, prints, writes = made
    every = {**prints, **{name: words for name, (words, _) in writes.items()}}
    cases = {name: every[name] for name in (*SOME[room], *(writes if room == 1000 else ()))}
    results = begin([{"words": words, "room": room} for words in cases.values()])
    for name, (code, out, said) in zip(cases, results, strict=True):
        assert code in ((1,) if room == 0 else (0, 1)), f"{name}: {said}"
        if code == 0:
            assert len(out.encode()) < room, f"{name}: all of it was written"
        elif room:
            last = said.strip().splitlines()[-1]
            assert last.startswith("whyalike: "), f"{name}: {said}"
            assert {"Could", "could"} & set(last.split()), f"{name}: {said}"
            assert "Unexpected" not in last, f"{name}: {said}"
    for name, (_, file) in writes.items():
        # What is there is whole: nothing has so many bytes as fitted.
        if (folder / file).is_file():
            assert (folder / file).stat().st_size != room, name
    assert not list(folder.rglob(".whyalike-*"))
