"""Items found by words of their titles."""

import pytest

from whyalike import Explainer
from whyalike.catalogue import CatalogueIndex, Item
from whyalike.catalogue.titles import find_by_title

TITLES = {
    "a1": "Knit gloves",
    "a2": "Warm knit gloves for winter",
    "a3": "Gloves, knit by hand",
    "a4": "Straße und Brücke",
    "a5": "A knitting needle",
    "knit": "An item whose id is a word",
    "a6": "100% wool_blend",
}


def build(folder):
    items = [Item(id, title, f"Text of {id}.") for id, title in TITLES.items()]
    own = Explainer(embed=lambda texts: [[1.0, float(len(text))] for text in texts])
    return CatalogueIndex.build(items, folder, model=own)


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    return build(tmp_path_factory.mktemp("titles") / "idx")


def ids(index, said, **options):
    return [item.id for item in find_by_title(index.reader, said, **options)]


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("a2", ["a2"]),
        ("knit", ["knit"]),  # An id is sure, whatever titles hold it.
        ("Knit Gloves", ["a1"]),  # The title itself is sure, too, whatever its case.
        ("gloves kn", ["a1", "a3", "a2"]),  # Words in any order, the last one begun.
        ("kn", ["a1", "a5", "a3", "a2"]),
        ("nit", []),  # Not in the middle of a word.
        ("STRASSE", ["a4"]),
        ("100%", ["a6"]),
        ("%", []),
        ("_blend", []),
        ("  ", []),
        ("nothing like it", []),
    ],
)
def test_what_is_meant(index, said, found):
    assert ids(index, said) == found


def test_no_more_than_are_asked_for(index):
    assert ids(index, "kn", most=2) == ["a1", "a5"]


def test_removed_items_are_not_found(tmp_path):
    less = build(tmp_path / "idx").remove(["a1"])
    assert ids(less, "knit gloves") == ["a3", "a2"]
    added = less.add([Item("b1", "Knit gloves again", "More.")])
    assert ids(added, "knit gloves") == ["b1", "a3", "a2"]
