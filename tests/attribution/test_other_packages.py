"""A method of an installed package, with options of its own: found, run, written and read."""

import json
import sys
from pathlib import Path

import jsonschema
import pytest

from other_package import NAME, find_again, write_package
from whyalike import BTIOptions, Explainer, Explanation
from whyalike.errors import FormatError, OptionError
from whyalike.methods.method import METHODS, find_option, get_method, list_methods
from whyalike.options import ExtendedOptions

LEFT, RIGHT = "warm knit wool gloves", "soft wool hat for winter"
SCHEMA = json.loads(
    (Path(__file__).parents[2] / "docs" / "explanation.schema.json").read_text(encoding="utf-8")
)


def embed(texts):
    return [[text.count(letter) + 1.0 for letter in "aeiou"] for text in texts]


def saliency(explanation):
    return [word.saliency for word in explanation.left.words]


@pytest.fixture
def first(monkeypatch, tmp_path):
    """The module of the installed package."""
    write_package(tmp_path)
    find_again(monkeypatch, tmp_path)
    yield sys.modules["words_from_elsewhere"]
    del sys.modules["words_from_elsewhere"]


def test_it_is_one_of_the_methods(first):
    assert NAME in [method.name for method in list_methods()]
    assert get_method(NAME).options is first.FirstOptions


def test_it_gets_its_own_options_and_no_others(first):
    assert saliency(Explainer(embed=embed, method=NAME).explain(LEFT, RIGHT)) == [1, 1, 0, 0]
    options = first.FirstOptions(count=1, side="end", top_k=1)
    explainer = Explainer(embed=embed, method=NAME, options=options)
    assert saliency(explainer.explain(LEFT, RIGHT)) == [0, 0, 0, 1]
    assert first.SEEN[-1] == options
    # BTIOptions say nothing of it: its own defaults, and what all methods share.
    explainer = Explainer(embed=embed, method=NAME, options=BTIOptions(top_k=3, seed=5))
    explainer.explain(LEFT, RIGHT)
    assert first.SEEN[-1] == first.FirstOptions(top_k=3)


def test_another_method_of_the_same_explainer_takes_what_it_has(first):
    options = first.FirstOptions(count=1, top_k=1)
    explainer = Explainer(embed=embed, method=NAME, options=options)
    other = explainer.with_method("random").explain(LEFT, RIGHT)
    assert other.options == BTIOptions(top_k=1)
    assert saliency(explainer.with_method(NAME).explain(LEFT, RIGHT)) == [1, 0, 0, 0]


def test_a_value_that_is_not_allowed_is_refused_where_it_is_given(first):
    with pytest.raises(OptionError, match="count is 10; give a whole number from 1 up to 9"):
        first.FirstOptions(count=10)
    with pytest.raises(OptionError, match="side is 'middle'; allowed: 'start', 'end'"):
        Explainer(embed=embed, method=NAME, options=ExtendedOptions(own=(("side", "middle"),)))


def test_its_document_can_be_read_where_it_is_not_installed(first, monkeypatch):
    options = first.FirstOptions(count=3)
    made = Explainer(embed=embed, method=NAME, options=options).explain(LEFT, RIGHT)
    assert made.options == ExtendedOptions(own=(("side", "start"), ("count", 3)))
    said = json.loads(made.to_json())
    assert said["options"]["own"] == {"count": 3, "side": "start"}
    jsonschema.validate(said, SCHEMA)
    for entries in (METHODS._entries, METHODS._makers):
        monkeypatch.delitem(entries, NAME)
    read = Explanation.from_json(made.to_json())
    assert read == made
    assert hash(read.options) == hash(made.options)
    assert NAME in str(read)
    assert read.to_json() == made.to_json()
    assert first.FirstOptions.of(read.options) == options


@pytest.mark.parametrize(
    ("own", "says"),
    [
        ([], "options.own is .*not an object"),
        ({"count": [1]}, "count is .*give a text"),
        ({"top_k": 3}, "top_k is an option of whyalike itself"),
    ],
)
def test_a_damaged_document_is_said_to_be_one(own, says):
    said = Explainer(embed=embed).explain(LEFT, RIGHT).to_dict()
    said["options"] = {**said["options"], "own": own}
    with pytest.raises(FormatError, match=f"is damaged: {says}"):
        Explanation.from_dict(said)


def test_an_option_of_a_newer_release_is_no_option_of_another_package():
    said = Explainer(embed=embed).explain(LEFT, RIGHT).to_dict()
    said["options"] = {**said["options"], "colour": "red"}
    with pytest.raises(FormatError, match=r"options\.colour, which this release does not know"):
        Explanation.from_dict(said)


def test_an_unknown_option_is_answered_by_those_that_there_are(first):
    assert find_option("count", [get_method(NAME)]).least == 1
    with pytest.raises(OptionError, match=f"option 'count' of bti. It is one of {NAME}. Allowed: "):
        find_option("count", [get_method("bti")])
    with pytest.raises(OptionError, match=r"option 'x' of first_words\. Allowed: .*, count, side"):
        find_option("x", [get_method(NAME)])


def test_a_package_that_cannot_be_loaded_takes_no_other_down(monkeypatch, tmp_path, caplog):
    before = [method.name for method in list_methods()]
    write_package(tmp_path)
    broken = (
        "from whyalike.methods import bti\nfrom whyalike.methods.method import register_method\n"
    )
    broken += "import nothing_of_that_name\n"
    write_package(tmp_path, package="broken_words", source=broken, point="broken")
    find_again(monkeypatch, tmp_path)
    assert sorted(method.name for method in list_methods()) == sorted([*before, NAME])
    says = "'broken' of the package broken_words can't be loaded .*nothing_of_that_name"
    with pytest.raises(OptionError, match=says):
        get_method("broken")
    assert list(METHODS.failures()) == ["broken"]
    assert [record.getMessage() for record in caplog.records] == [str(METHODS.failures()["broken"])]
    del sys.modules["words_from_elsewhere"]


def test_a_file_that_fails_half_way_leaves_no_method_behind(monkeypatch, tmp_path):
    from other_package import SOURCE

    write_package(tmp_path, package="half_words", source=f"{SOURCE}\nraise RuntimeError('half')\n")
    find_again(monkeypatch, tmp_path)
    with pytest.raises(OptionError, match=r"half_words can't be loaded \(RuntimeError: half\)"):
        get_method(NAME)


def test_a_name_that_is_taken_stays_with_who_has_it(monkeypatch, tmp_path):
    from other_package import SOURCE

    ours = get_method("bti")
    taken = SOURCE.replace('    "first_words",', '    "bti",')
    write_package(tmp_path, package="taken_words", source=taken, point="bti")
    find_again(monkeypatch, tmp_path)
    assert get_method("bti") is ours
    assert "registered already, by whyalike.methods.bti" in str(METHODS.failures()["bti"])
