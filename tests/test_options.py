"""Options are declared once: what is declared is what is checked, documented and served."""

import importlib.util
import re
from dataclasses import dataclass, fields, make_dataclass, replace
from functools import cache
from pathlib import Path
from typing import Literal

import pytest

from tiny_models import TEXTS, tiny
from whyalike import BTIOptions, Explainer
from whyalike.errors import OptionError
from whyalike.methods.method import list_methods, register_method
from whyalike.options import (
    ExtendedOptions,
    MethodOptions,
    SeedOption,
    all_options,
    check_declarations,
    declared,
    option,
)

# As documents of version 1 have them.
ORDER = [
    "activation", "rectifier", "gradient_norm", "ig_steps", "ig_baseline", "layer", "perturbation",
    "permutations", "seed", "objective", "latent_layer", "matching", "words", "long_text", "union",
    "square_scores", "top_k", "top_k_inclusive", "quantile", "bandwidth",
]  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Some(MethodOptions, SeedOption):
    """One option of each kind."""

    share: float = option(0.5, meaning="A share.", least=0, most=1)
    steps: int | None = option(None, meaning="Steps.", least=1)
    name: str = option("a", meaning="A name.")
    kind: Literal["none", "all"] | None = option("none", meaning="Which.")
    deep: bool = option(False, meaning="Whether.")


ROOT = Path(__file__).parents[1]
SOME = {one.name: one for one in declared(Some)}


def test_the_options_of_documents_are_in_their_order():
    later = ["selection", "chunk_size", "chunk_overlap", "chunk_score"]
    assert [one.name for one in fields(BTIOptions)] == [*ORDER, *later]
    assert list(BTIOptions().to_dict()) == ORDER
    assert list(BTIOptions(selection="content").to_dict()) == [*ORDER, "selection"]


def test_every_option_of_every_method_is_one_of_all_options():
    ours = {one.name: one for one in declared(BTIOptions)}
    methods = [m for m in list_methods() if m.attribute.__module__.startswith("whyalike.")]
    used = {one.name for method in methods for one in method.declared}
    assert used == set(ours)
    for method in methods:
        for one in method.declared:
            assert one == ours[one.name]


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("share", "1", 1.0),
        ("share", ".25", 0.25),
        ("steps", "3", 3),
        ("steps", "none", None),
        ("name", "none", "none"),
        ("kind", "none", "none"),
        ("deep", "true", True),
        ("deep", "No", False),
        ("seed", "-4", -4),
    ],
)
def test_a_text_is_read_as_what_is_declared(name, text, value):
    read = SOME[name].parse(text)
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("share", "1.5", "share is 1.5; give a number from 0 up to 1."),
        ("share", "nan", "share is nan; give a number from 0 up to 1."),
        ("share", "half", "share is 'half'; give a number from 0 up to 1."),
        ("steps", "0", "steps is 0; give a whole number from 1 on, or None."),
        ("steps", "1.5", "steps is '1.5'; give a whole number from 1 on, or None."),
        ("kind", "some", "kind is 'some'; allowed: 'none', 'all'."),
        ("deep", "1", "deep is '1'; give True or False."),
    ],
)
def test_a_text_that_is_none_of_that_is_refused(name, text, says):
    with pytest.raises(OptionError) as caught:
        SOME[name].parse(text)
    assert str(caught.value) == says


def test_the_range_of_a_number_above_a_bound_is_said():
    quantile = next(one for one in declared(BTIOptions) if one.name == "quantile")
    assert quantile.allowed == "a number above 0 and up to 1"


def test_options_of_one_class_are_taken_from_those_of_another():
    given = BTIOptions(seed=4, top_k=1, ig_steps=9)
    assert Some.of(given) == Some(seed=4, top_k=1)
    assert Some.of({"share": 0.1, "ig_steps": 9}) == Some(share=0.1)
    assert Some.of(all_options(Some(share=0.1, seed=4))) == Some(share=0.1, seed=4)
    assert all_options(given) is given
    assert all_options(None) == BTIOptions()
    assert type(all_options({"top_k": 3})) is BTIOptions


def test_equal_options_by_name_are_equal_whatever_their_order():
    one, other = (ExtendedOptions(own=own) for own in ((("a", 1), ("b", 2)), (("b", 2), ("a", 1))))
    assert one == other
    assert one.to_dict() == {**BTIOptions().to_dict(), "own": {"a": 1, "b": 2}}


def made(**said):
    """A class of options with one field, made as a dataclass is."""
    (name, (kind, default)), = said.items()  # fmt: skip
    return make_dataclass("Made", [(name, kind, default)], bases=(MethodOptions,), frozen=True,
                          kw_only=True)  # fmt: skip


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (dict, "is no class of options"),
        (type("Bare", (MethodOptions,), {}), "is no class of options"),
        (made(depth=(int, 3)), "depth says nothing of itself"),
        (made(depth=(int, option(0, meaning="D.", least=1))), "depth is 0; give"),
        (made(seed=(int, option(7, meaning="S."))), "seed has a name that whyalike gives"),
        (made(own=(int, option(7, meaning="O."))), "own has a name that whyalike gives"),
        (made(depth=(list, option((), meaning="D."))), "The option depth is annotated"),
        (made(depth=(int | str, option(1, meaning="D."))), "The option depth is annotated"),
    ],
)
def test_a_class_that_declares_nothing_that_can_be_used_is_refused(options, says):
    with pytest.raises(OptionError, match=says):
        check_declarations(options)
    facts = {"summary": "s", "source": "s", "forwards": "0", "backwards": "0"}
    with pytest.raises(OptionError, match=says):
        register_method("m", **facts, passes=lambda size, options: 1.0, options=options)


def test_the_page_of_options_is_that_of_the_declarations():
    place = ROOT / "tools" / "options_page.py"
    spec = importlib.util.spec_from_file_location("options_page", place)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    written = (ROOT / "docs" / "options.md").read_text("utf-8")
    assert written == script.write_page(), "run python tools/options_page.py > docs/options.md"


def test_the_reading_of_the_paper_names_the_options_of_each_row():
    reading = (ROOT / "docs" / "reading-of-the-paper.md").read_text("utf-8")
    found = {}
    for line in reading.splitlines():
        if row := re.match(r"\| (\d+) \|.*\| ([^|]*) \|$", line):
            named = re.findall(r"`(\w+)`", row[2])
            found.update(dict.fromkeys(named, int(row[1])))
    assert found == {one.name: one.row for one in declared(BTIOptions) if one.row is not None}


ANOTHER = {
    "activation": "after_norm", "rectifier": "none", "gradient_norm": "l2", "ig_steps": 2,
    "ig_baseline": "mask", "layer": 1, "perturbation": "mask", "permutations": 1, "seed": 1,
    "objective": "dot",
}  # fmt: skip


@cache
def explained(method, **options):
    explainer = Explainer(tiny("bert").parts, method=method, options=BTIOptions(**options))
    return replace(explainer.explain(TEXTS[0], TEXTS[1]), options=BTIOptions())


@pytest.mark.parametrize(
    ("method", "name"),
    [
        (method.name, one.name)
        for method in list_methods()
        for one in method.declared
        if one.name in ANOTHER
    ],
)
def test_a_method_declares_what_changes_its_explanations(method, name):
    assert explained(method, **{name: ANOTHER[name]}) != explained(method)
