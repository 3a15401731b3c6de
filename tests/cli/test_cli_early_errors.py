"""What needs no model to be refused is refused before torch is loaded, which takes seconds."""

import json
import subprocess
import sys

CASES = {
    "explain --file-a {none} --file-b {text}": "none",
    "explain a b --png picture.jpg": "picture.jpg",
    "explain a b --lexicon {none}": "none",
    "explain --pairs {none} --out {out}.jsonl": "none",
    "compare --file-query {none} a b": "none",
    "compare --index {none} --id-query 1 --id-better 2 --id-worse 3": "holds no index",
    "similar {none} --id 1": "holds no index",
    "rank q {none}": "none",
    "rank q {text} --output x.foo": "x.foo",
    "highlight q {none}": "none",
    "trace --passages {none} --text q --stage m": "none",
    "diagnose {none} --passages {text}": "none",
    "diagnose {text} --index {none}": "holds no index",
    "diagnose {text} --passages {none}": "none",
    "audit {none}": "holds no index",
    "diff {none} --model a --model b": "none",
    "evaluate --texts {none}": "none",
    "probe --file {none}": "none",
    "probe a b --words {none}": "none",
    "train {none} -o {out}": "none",
    "train {text} -o {full}": "is there already",
    "train {text} -o {out} --lr -1": "learning_rate",
    "index {none} -o {out}": "none",
    "index {text} -o {out} --format csv --vectors {none}.npy": "none.npy",
    "index info {none}": "holds no index",
    "serve --index {none}": "holds no index",
    "serve --results {none}": "none",
    "figure 2 a b -o picture.jpg": "picture.jpg",
    "study create --methods bti --pairs {none} -o {out}": "none",
}

CODE = """
import json, sys
from typer.testing import CliRunner
from whyalike.cli.app import app
sys.modules["torch"] = None  # To import it is an error, which is seen in what a command says.
for words in json.load(sys.stdin):
    result = CliRunner().invoke(app, words)
    print(json.dumps([result.exit_code, " ".join(result.output.split())]), flush=True)
"""


def test_no_command_loads_torch_to_say_what_is_wrong(tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    (tmp_path / "text.csv").write_text("id,title,description\n1,Gloves,warm wool\n")
    places = {
        "none": tmp_path / "none",
        "text": tmp_path / "text.csv",
        "out": tmp_path / "out",
        "full": tmp_path / "full",
    }
    commands = [[word.format(**places) for word in case.split()] for case in CASES]
    ran = subprocess.run(
        [sys.executable, "-c", CODE],
        input=json.dumps(commands),
        capture_output=True,
        text=True,
        check=False,
    )
    results = [json.loads(line) for line in ran.stdout.splitlines()]
    assert len(results) == len(CASES), ran.stderr
    wrong = [
        f"{case}: {code}, {said}"
        for (case, word), (code, said) in zip(CASES.items(), results, strict=True)
        if code != 2 or word not in said.replace(" ", "") + said
    ]
    assert wrong == []
