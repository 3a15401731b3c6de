"""What needs no model to be refused is refused before torch is loaded, which takes seconds."""

import json
import re
import subprocess
import sys

from catalogue.indexed_items import draw_items, open_tiny
from whyalike.catalogue import CatalogueIndex
from whyalike.methods.listing import read_listing
from whyalike.methods.method import list_methods

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
    # Names of methods and of their options.
    "explain a b --method nope": "no method 'nope'",
    "explain a b --methods bti,nope": "no method 'nope'",
    "explain a b -O nope=1": "no option 'nope'",
    "explain a b --method bti -O layer=1": "no option 'layer' of bti. It is one of whyalike",
    "explain a b -O top_k=0": "top_k is 0",
    "compare a b c --method nope": "no method 'nope'",
    "compare a b c -O nope=1": "no option 'nope'",
    "rank q {plain} --method nope": "no method 'nope'",
    "rank q {plain} -O nope=1": "no option 'nope'",
    "similar {index} --id i1 --method nope": "no method 'nope'",
    "similar {index} --id i1 -O nope=1": "no option 'nope'",
    "evaluate --texts {text} --methods nope": "no method 'nope'",
    "evaluate --texts {text} -O nope=1": "no option 'nope'",
    "evaluate --texts {text} --metrics nope": "no metric 'nope'",
    "evaluate --texts {text} --metrics aopc_deletion,nope": "no metric 'nope'",
    "evaluate --texts {text} --parts nope": "no part 'nope'",
    "evaluate --texts {text} --suite full --parts faithfulness,nope": "no part 'nope'",
    "probe a --method nope": "no method 'nope'",
    "probe a -O nope=1": "no option 'nope'",
    "figure 3 a b -o {out}.png --method nope": "no method 'nope'",
    "figure 3 a b -o {out}.png -O nope=1": "no option 'nope'",
    "serve --method nope": "no method 'nope'",
    "serve -O nope=1": "no option 'nope'",
    "study create --methods nope --pairs {pairs} -o {out}": "no method 'nope'",
    "study create --methods bti -O nope=1 --pairs {pairs} -o {out}": "no option 'nope'",
    "study create --methods bti --pairs {pairs} -o {out}": "give two or more",
    "study create --methods bti,maxsim --scale a,b --pairs {pairs} -o {out}": "scale is ['a', 'b']",
    "study create --methods bti,maxsim --checks 99 --pairs {pairs} -o {out}": "99 asked for",
    "study create --methods bti,maxsim --repeats 2 --pairs {pairs} -o {out}": "repeats is 2",
    "study create --methods bti,maxsim --per-rater 3 --pairs {pairs} -o {out}": "per_rater is 3",
    "study create --methods bti,maxsim -n 2 --pairs {pairs} -o {out}": "1 different pairs",
    "study create --methods bti,maxsim --checks 999 --texts {text} -o {out}": "999 asked for",
    "train {text} -o {out} --base {none}": (1, "is not a folder with a model"),
    "train {text} -o {out} --base {plain}": (1, "is not a folder with a model"),
    "train {text} -o {out} --base {full}": (1, "holds no model"),
    "methods nope": "no method 'nope'",
    # Places to write to.
    "explain a b --html {none}/a.html": "none is not there",
    "explain a b --png {none}/a.png": "none is not there",
    "explain a b --svg {plain}/a.svg": "plain.txt is no folder",
    "compare a b c --html {none}/a.html": "none is not there",
    "rank q {plain} --html {none}/a.html": "none is not there",
    "rank q {plain} -o {none}/a.json": "none is not there",
    "similar {index} --id i1 --html {none}/a.html": "none is not there",
    "highlight q {plain} --html {none}/a.html": "none is not there",
    "trace --passages {text} --text q --stage m --html {none}/a.html": "none is not there",
    "diagnose {queries} --passages {text} --html {none}/a.html": "none is not there",
    "audit {index} --html {none}/a.html": "none is not there",
    "diff {pairs} --model a --model b --html {none}/a.html": "none is not there",
    "probe a --html {none}/a.html": "none is not there",
    "figure 3 a b -o {none}/a.png": "none is not there",
    "explain --pairs {pairs} -o {none}/a.jsonl": "none is not there",
    # Items, passages and fields.
    "similar {index} --id nope": "no item with the id 'nope'",
    "similar {index} --id i1 --where nope=1": "nope",
    "similar {index} --id i1 --group-by nope": "no field 'nope'",
    "similar {index} --id i1 --metadata nope": "'nope'",
    "similar {index} --text q --score four": "score='four'",
    "compare --index {index} --id-query i1 --id-better nope --id-worse i2": "'nope'",
    "rank q --jsonl {text} --right nope": "right is 'nope', and no passage",
    "trace --passages {text} --text q --stage m --passage nope": "no passage 'nope'",
    "trace --passages {text} --text q --fusion m": "MODEL=WEIGHT",
    # Columns.
    "rank q --jsonl {text} --column nope": "'nope'",
    "trace --passages {text} --text q --stage m --column nope": "'nope'",
    "explain a b --background {text} --column nope": (1, "'nope'"),
    "explain a b --corpus {text} --column nope": (1, "'nope'"),
    "explain --pairs {pairs} -o {out}.jsonl --columns left,nope": "'nope'",
    "explain --pairs {pairs} -o {out}.jsonl --keep nope": "'nope'",
    "explain --pairs {pairs} -o {out}.jsonl --fields nope": "nope",
    "evaluate --texts {text} --column nope": (1, "'nope'"),
    "evaluate --own {pairs} --columns left,nope": (1, "'nope'"),
    "diagnose {pairs} --passages {text}": (1, "no columns such as 'query'"),
    "diagnose {queries} --passages {pairs}": "No column looks like",
    "diff {pairs} --model a --model b --columns left,nope": (1, "'nope'"),
    "probe --file {pairs} --columns left,nope": (1, "'nope'"),
    "probe a --rules nope": "nope",
    "study create --methods bti --pairs {pairs} --columns left,nope -o {out}": (1, "'nope'"),
    "study create --methods bti --texts {text} --column nope -o {out}": (1, "'nope'"),
    "train {text} -o {out} --title nope": "'nope'",
    "index {text} -o {out} --title nope": "'nope'",
    "index {text} -o {out} --group-by nope": "'nope'",
    # Encodings of the files.
    "explain --pairs {pairs} -o {out}.jsonl --encoding nope": "no text encoding",
    "compare a b c --encoding nope": "no text encoding",
    "rank q --jsonl {text} --encoding nope": "no text encoding",
    "highlight q {plain} --encoding nope": "no text encoding",
    "trace --passages {text} --text q --stage m --encoding nope": "no text encoding",
    "diagnose {queries} --passages {text} --encoding nope": "no text encoding",
    "diff {pairs} --model a --model b --encoding nope": "no text encoding",
    "evaluate --texts {text} --encoding nope": "no text encoding",
    "probe --file {pairs} --encoding nope": "no text encoding",
    "study create --methods bti --texts {text} -o {out} --encoding nope": "no text encoding",
    "train {text} -o {out} --file-encoding nope": "no text encoding",
    "index {text} -o {out} --encoding nope": "no text encoding",
    # What does not go together.
    "explain a b --prompts a b --prompt-names c d": "not both",
    "rank q {plain} --prompt-names a b --prompts c d": "not both",
    "evaluate --texts {text} --prompts a b --prompt-names c d": "not both",
    "similar {index} --text q --prompts a b --prompt-names c d": "not both",
    "index {text} -o {out} --prompts a b --prompt-names c d": "not both",
    "explain a b --chunk-size 4": "chunk_size is 4, and long_text is 'truncate'",
    "rank q {plain} --long-text chunks --chunk-size 4 --chunk-overlap 9": "chunk_overlap is 9",
    "index {text} -o {out} --chunk-overlap 3": "--chunk-overlap goes with --chunk-size",
    "highlight q {plain} --language nope": "language is 'nope'",
    "differences a b --fusion nope": "MODEL=WEIGHT",
    "differences a b --normalise min-max": "goes with --fusion",
    # Functions, and what goes with them.
    "explain a b --embed nope": "MODULE:NAME",
    "explain a b --score nope:nope": "can't be imported",
    "explain a b --fusion nope": "MODEL=WEIGHT",
    "highlight q {plain} --over {text}": "--over goes with",
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


def bare(said):
    """What is said without the lines and the frame that a terminal breaks it by."""
    return re.sub("[\\s│]", "", said)


def expected(word, said):
    """The exit code, 2 unless a case says another, and that the word is said."""
    code, text = word if isinstance(word, tuple) else (2, word)
    return code, bare(text) in bare(said)


def test_no_command_loads_torch_to_say_what_is_wrong(tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    (tmp_path / "text.csv").write_text("id,title,description\n1,Gloves,warm wool\n")
    (tmp_path / "plain.txt").write_text("warm wool\n")
    (tmp_path / "pairs.csv").write_text("left,right\nwarm wool,cold hands\n")
    (tmp_path / "queries.csv").write_text("query,right\nwarm wool,1\n")
    CatalogueIndex.build(draw_items(3), tmp_path / "index", model=open_tiny())
    places = {
        "none": tmp_path / "none",
        "text": tmp_path / "text.csv",
        "plain": tmp_path / "plain.txt",
        "pairs": tmp_path / "pairs.csv",
        "queries": tmp_path / "queries.csv",
        "index": tmp_path / "index",
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
        if (code, True) != expected(word, said)
    ]
    assert not wrong, "\n".join(wrong)


def test_what_is_read_of_the_methods_is_what_they_register():
    ours = [each for each in list_methods() if each.attribute.__module__.startswith("whyalike.")]
    registered = {each.name: each.declared for each in ours}
    assert read_listing() == registered
    assert list(read_listing()) == list(registered)
