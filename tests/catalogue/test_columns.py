"""Which column is what: as asked, guessed and said, or refused."""

import pytest

from raising import raises
from whyalike.data.columns import choose_columns
from whyalike.errors import OptionError


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        (["item_id", "title", "description", "type"], ("item_id", "title", "description")),
        (["SKU", "Product Name", "Body (HTML)"], ("SKU", "Product Name", "Body (HTML)")),
        (["asin", "name", "text"], ("asin", "name", "text")),
        (["column 1", "title", "description"], ("column 1", "title", "description")),
        (["Unnamed: 0", "title", "description"], ("Unnamed: 0", "title", "description")),
        (["title", "Unnamed: 1"], (None, "title", None)),
        (["text"], (None, None, "text")),
        # The better name wins, wherever it stands.
        (["text", "id", "name", "description", "title"], ("id", "title", "description")),
        (["key", "item_id", "body"], ("item_id", None, "body")),
    ],
)
def test_guesses(columns, expected):
    choice = choose_columns(columns)
    assert (choice.id, choice.title, choice.description) == expected
    roles = ("id", "title", "description")
    assert choice.guessed == tuple(r for r in roles if getattr(choice, r) is not None)
    assert choice.metadata == tuple(c for c in columns if c not in expected)


def test_what_was_guessed_is_said():
    said = choose_columns(["name", "text"]).say()
    assert said == [
        "Columns guessed: title from 'name', description from 'text'.",
        "No column holds ids: the numbers of the rows are the ids.",
    ]
    assert choose_columns(["a", "b"], id="a", title="b").say() == []


def test_columns_by_name():
    columns = ["A", "B", "title", "description"]
    choice = choose_columns(columns, id="a", description="B", metadata=["description", "A"])
    assert (choice.id, choice.title, choice.description) == ("A", "title", "B")
    assert choice.guessed == ("title",)
    assert choice.metadata == ("description", "A")
    assert choose_columns(columns, metadata=[]).metadata == ()


def test_a_column_that_was_asked_for_is_not_guessed_for_another_role():
    choice = choose_columns(["id", "text", "title"], title="text")
    assert (choice.title, choice.description) == ("text", None)
    assert choice.metadata == ("title",)


@pytest.mark.parametrize(
    ("columns", "options", "match"),
    [
        (["a", "b"], {}, "'a' | 'b'"),
        ([], {}, "none"),
        (["title"], {"title": "name"}, "'name' | title | 'title'"),
        (["title"], {"metadata": ["x"]}, "'x' | metadata"),
        (["title"], {"title": "title", "description": "title"}, "two roles"),
        (["Title", "TITLE"], {"title": "title"}, "'title'"),
    ],
)
def test_refusals(columns, options, match):
    with raises(OptionError, *match.split(" | ")):
        choose_columns(columns, **options)
