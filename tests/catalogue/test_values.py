"""What a text says besides its letters, and filters by it."""

import pytest

from raising import raises
from whyalike.catalogue import Item
from whyalike.catalogue.item_store import ItemStore, write_items
from whyalike.catalogue.where_query import filter_by
from whyalike.data.values import readings
from whyalike.errors import OptionError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("$9.00", 9.0),
        ("12,50 €", 12.5),
        ("$1,299.00", 1299.0),
        ("EUR 1.299,00", 1299.0),
        ("1.299 €", 1299.0),
        ("$0.125", 0.125),
        ("9 USD", 9.0),
        ("12 345,50 kr", 12345.5),
        ("1'299.50 CHF", 1299.5),
        ("1,299.00", 1299.0),
        ("1.234,56", 1234.56),
        ("true", True),
        ("FALSE", False),
        ("2024-05-01", "2024-05-01"),
        ("2024-05-01T12:30", "2024-05-01T12:30:00"),
        ("1 May 2024", "2024-05-01"),
        ("May 1, 2024", "2024-05-01"),
        ("01.05.2024", "2024-05-01"),
        ("25/12/2024", "2024-12-25"),
        ("12/25/2024", "2024-12-25"),
    ],
)
def test_what_a_text_says(text, value):
    ((_, found),) = readings(f" {text} ")
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    "text",
    ["", "1,5", "05/01/2024", "2024-13-01", "31.02.2024", "call us", "$", "9", "yes", "a" * 99],
)
def test_what_says_nothing_more(text):
    assert list(readings(text)) == []


@pytest.fixture
def find(tmp_path):
    items = [
        Item(
            "a",
            "t",
            "",
            {"price": "$9.00", "new": "true", "day": "1 May 2024", "tags": ("red", "wool")},
        ),
        Item(
            "b",
            "t",
            "",
            {"price": "12,50 €", "new": "false", "day": "2023-01-01", "tags": ("wool",)},
        ),
        Item("c", "t", "", {"price": "call us", "new": None, "day": "some day", "tags": "blue"}),
        Item(
            "d", "t", "", {"price": (5, 30), "new": True, "day": "2024-06-01", "tags": ("red", 7)}
        ),
    ]
    write_items(tmp_path / "items.sqlite", items)
    store = ItemStore(tmp_path / "items.sqlite")
    assert store.items(0, 4) == items

    def find(where):
        found = filter_by(where, [store], [4])
        unknown = sum(int(mask.sum()) for mask in found.not_compared.values())
        return "".join("abcd"[place] for place in found.allowed.nonzero()[0]), unknown

    yield find
    store.close()


@pytest.mark.parametrize(
    ("where", "found", "unknown"),
    [
        ("price < 10", "ad", 1),
        ("not price < 10", "b", 1),
        ("price > 20", "d", 1),
        ('price = "$9.00"', "a", 0),
        ("price = 9", "a", 0),
        ("new = true", "ad", 0),
        ('new = "true"', "a", 0),
        ('day > "2024-04-01"', "ad", 1),
        ('day <= "2024-05-01"', "ab", 1),
        ('day = "2024-05-01"', "a", 0),
        ('tags = "wool"', "ab", 0),
        ('tags in ("red", "blue")', "acd", 0),
        ('tags != "red"', "bc", 0),
        ('tags contains "OO"', "ab", 0),
        ("tags is null", "", 0),
    ],
)
def test_filters_of_any_value(find, where, found, unknown):
    assert find(where) == (found, unknown)


def test_a_kind_that_no_value_has_is_an_error(find):
    with raises(OptionError, "tags", "boolean"):
        find("tags = true")
