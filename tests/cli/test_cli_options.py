"""``-O name=value``: options of methods, as the methods declare them."""

import json
import re
import sys

import pytest

from other_package import NAME, find_again, write_package
from whyalike import BTIOptions, Explainer, Explanation
from whyalike.catalogue import CatalogueIndex, Item
from whyalike.methods.method import get_method, list_methods

LEFT = "Keep hands warm with knit gloves."
RIGHT = "These gloves are cut from wool."


@pytest.fixture
def first(monkeypatch, tmp_path):
    """The module of an installed package with a method."""
    write_package(tmp_path)
    find_again(monkeypatch, tmp_path)
    yield sys.modules["words_from_elsewhere"]
    del sys.modules["words_from_elsewhere"]


@pytest.fixture
def explain(run, model):
    def explain(*arguments):
        return run("explain", "--model", model, *arguments, LEFT, RIGHT)

    return explain


def test_options_do_what_they_do_in_the_library(explain, model):
    given = ("-O", "permutations=2", "-O", "seed=3", "--option", "bandwidth=none")
    result = explain("--method", "shapley", *given, "--json")
    assert result.exit_code == 0, result.output
    options = BTIOptions(permutations=2, seed=3)
    own = Explainer(model, method="shapley", options=options).explain(LEFT, RIGHT, check=3)
    assert Explanation.from_json(result.stdout) == own


def test_an_option_goes_to_those_of_several_methods_that_have_it(explain):
    methods = ("--methods", "shapley,random,bti_activations")
    result = explain(*methods, "-O", "permutations=2", "-O", "seed=3", "--json")
    found = json.loads(result.stdout)["explanations"]
    assert [one["options"]["permutations"] for one in found] == [2, 2, 2]
    refused = explain(*methods, "-O", "ig_steps=3")
    assert refused.exit_code == 2
    assert "no option 'ig_steps' of shapley, random, bti_activations" in refused.stderr
    assert "one of integrated_gradients, integrated_jacobians" in refused.stderr


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (("-O", "top_k"), r"-O is 'top_k'; give NAME=VALUE"),
        (("-O", "top_k=0"), r"top_k is 0; give a whole number from 1 on\."),
        (("-O", "matching=best"), r"matching is 'best'; allowed: 'nearest', 'mutual', 'soft'"),
        (
            ("-O", "permutations=3"),
            r"no option 'permutations' of exact, parts, ranks, whyalike, bti, occlusion\. It is one of shapley\. ",
        ),
        (
            ("-O", "colour=red"),
            r"no option 'colour' of exact, parts, ranks, whyalike, bti, occlusion\. Allowed: .*rectifier",
        ),
        (("-O", "top_k=3", "-O", "top_k=4"), r"top_k is given twice, with different values"),
        (("--top-k", "3", "-O", "top_k=4"), r"top_k is given twice, with different values"),
    ],
)
def test_what_is_wrong_is_said_before_a_model_is_loaded(run, given, says):
    result = run("explain", "--model", "no/such", *given, LEFT, RIGHT)
    assert result.exit_code == 2
    assert re.search(says, result.stderr), result.stderr


def test_a_flag_and_an_option_may_agree(explain):
    both = explain("--top-k", "3", "-O", "top_k=3", "-O", "words=token", "--json")
    said = json.loads(both.stdout)["options"]
    assert (said["top_k"], said["words"]) == (3, "token")


@pytest.mark.parametrize(
    "command",
    [
        ("compare", "a", "b", "c"),
        ("figure", "3", "a", "b", "-o", "f.svg"),
        ("probe", "a", "b"),
        ("similar", "{index}", "--text", "a"),
        ("evaluate", "--texts", "{texts}"),
        ("study", "create", "--methods", "bti", "--texts", "{texts}", "-o", "s"),
        ("serve",),
    ],
)
def test_every_command_that_takes_a_method_takes_its_options(run, tmp_path, command):
    (tmp_path / "texts.csv").write_text("description\na\nb\n")
    index = tmp_path / "index"
    if command[0] == "similar":
        explainer = Explainer(embed=lambda texts: [[1.0, len(text)] for text in texts])
        CatalogueIndex.build([Item("a", "", "b")], index, model=explainer)
    arguments = [part.format(texts=tmp_path / "texts.csv", index=index) for part in command]
    result = run(*arguments, "-O", "colour=red")
    assert result.exit_code == 2
    assert "There is no option 'colour' of " in result.stderr


def test_a_comparison_takes_them(run, model):
    texts = ("warm gloves", "knit gloves", "an umbrella")
    result = run("compare", "--model", model, "-O", "layer=1", "--json", *texts)
    own = Explainer(model, method="whyalike", options=BTIOptions(layer=1)).compare(*texts)
    assert json.loads(result.stdout) == own.to_dict()


def test_a_method_of_an_installed_package_takes_its_own(first, explain):
    result = explain("--method", NAME, "-O", "count=1", "-O", "side=end", "--json")
    assert result.exit_code == 0, result.output
    said = json.loads(result.stdout)
    assert said["options"]["own"] == {"count": 1, "side": "end"}
    assert [word["saliency"] for word in said["left"]["words"]] == [0, 0, 0, 0, 0, 0, 1]
    both = explain(
        "--methods", f"{NAME},shapley", "-O", "count=1", "-O", "permutations=1", "--json"
    )
    ours, theirs = (one["options"] for one in reversed(json.loads(both.stdout)["explanations"]))
    assert theirs["own"] == {"count": 1, "side": "start"}
    assert ours["permutations"] == 1
    assert "own" not in ours
    assert "count is 10; give" in explain("--method", NAME, "-O", "count=10").stderr


def test_methods_says_all_of_each_option(first, run):
    said = " ".join(run("methods", NAME).stdout.split())
    assert said.startswith(f"{NAME} what the first words of each text")
    assert (
        "count what How many words at the start are salient. give a whole number from 1 up to 9 "
        "default 2 unit words cost not at all server 5 at most"
    ) in said
    assert "side what Where they are counted from. give start, end default start" in said
    assert "paper row 6 of docs/reading-of-the-paper.md" in said
    listed = run("methods").stdout
    assert "options   count, side" in listed
    assert "no method 'nothing'" in run("methods", "nothing").stderr


def test_methods_as_json_have_their_declarations(run):
    found = json.loads(run("methods", "--json").stdout)
    assert found == [method.to_dict() for method in list_methods()]
    one = json.loads(run("methods", "shapley", "--json").stdout)
    assert one == get_method("shapley").to_dict()
    permutations = next(each for each in one["options"] if each["name"] == "permutations")
    assert (permutations["least"], permutations["served"], permutations["default"]) == (1, 64, 8)


def test_a_new_process_finds_it_and_says_which_package_is_broken(process, environment, tmp_path):
    write_package(tmp_path)
    write_package(tmp_path, package="broken_words", source="import nothing_at_all", point="broken")
    path = {"PYTHONPATH": f"{tmp_path}:{environment.get('PYTHONPATH', '')}"}
    done = process("methods", env={**environment, **path})
    assert done.returncode == 0
    assert f"\n{NAME}\n" in done.stdout
    said = " ".join(done.stdout.split())
    assert "The method 'broken' of the package broken_words can't be loaded" in said
    assert "nothing_at_all" in done.stderr
