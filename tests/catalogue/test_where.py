"""Filters: read right, meant as a slow evaluator means them, and no way into the SQL."""

import json
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whyalike.catalogue import Item
from whyalike.catalogue.item_store import ItemStore, write_items
from whyalike.catalogue.where import Compare, Every, IsNull, Not, Some, parse_where, quote_field
from whyalike.catalogue.where_query import allowed_by
from whyalike.errors import OptionError

FIELDS = ("kind", "price", "in stock", "title", "a`b")
TEXTS = ["Viura", "viura", "", "10", "a'b", 'c"d', "É", "%", "_", "); DROP TABLE items; --", "\\"]
NUMBERS = [-1, 0, 1, 10, 10.5, 2**53 + 1, 1e300]
VALUES = {
    "kind": st.sampled_from(TEXTS),
    "price": st.sampled_from(NUMBERS),
    "in stock": st.booleans(),
    "title": st.sampled_from(TEXTS),
    "a`b": st.one_of(st.sampled_from(TEXTS), st.sampled_from(NUMBERS), st.booleans()),
}


def draw_row(draw):
    return {name: draw(st.one_of(st.none(), VALUES[name])) for name in FIELDS}


rows = st.lists(st.composite(draw_row)(), min_size=1, max_size=8)


def quoted_name(name):
    return name if name.isidentifier() else "`" + name.replace("`", "``") + "`"


def written(value, quote):
    if isinstance(value, bool):
        return "TRUE" if value else "false"
    if isinstance(value, str):
        return quote + value.replace(quote, quote * 2) + quote
    return repr(value)


def equal(one, other):
    return type(one) is type(other) or not (
        isinstance(one, bool | str) or isinstance(other, bool | str)
    )


def compare(value, sign, wanted):
    if sign in ("=", "!=") and wanted == "10" and value == 10 and not isinstance(value, bool):
        # A number in quotes is meant as a number, too.
        return sign == "="
    if value is None or not equal(value, wanted):
        return sign == "!="
    return {
        "=": value == wanted,
        "!=": value != wanted,
        "<": value < wanted,
        "<=": value <= wanted,
        ">": value > wanted,
        ">=": value >= wanted,
    }[sign]


@st.composite
def leaf(draw):
    """A comparison, as it is written and as a function of a row."""
    name = draw(st.sampled_from(FIELDS))
    field = quoted_name(name)
    kind = draw(st.sampled_from(["sign", "in", "null", "contains"]))
    negated = draw(st.booleans())
    no = "NOT " if negated else ""
    if kind == "null":
        return f"{field} is {no}null", lambda row: (row[name] is None) != negated
    if kind == "contains" and name not in {"price", "in stock"}:
        text = draw(st.sampled_from([t for t in TEXTS if t]))
        return (
            f"{field} {no}contains {written(text, draw(st.sampled_from(chr(34) + chr(39))))}",
            lambda row: (
                (isinstance(row[name], str) and text.casefold() in row[name].casefold()) != negated
            ),
        )
    quote = draw(st.sampled_from("\"'"))
    if kind == "in":
        values = draw(st.lists(VALUES[name], min_size=1, max_size=3))
        said = ", ".join(written(value, quote) for value in values)
        return (
            f"{field} {no}in ({said})",
            lambda row: any(compare(row[name], "=", value) for value in values) != negated,
        )
    sign = draw(st.sampled_from(["=", "!=", "<", "<=", ">", ">="]))
    value = draw(VALUES[name])
    return f"{field}{sign}{written(value, quote)}", lambda row: compare(row[name], sign, value)


def grow(inner):
    @st.composite
    def joined(draw):
        word = draw(st.sampled_from(["and", "or", "not"]))
        one, test = draw(inner)
        if word == "not":
            return f"not ({one})", lambda row: not test(row)
        other, second = draw(inner)
        if word == "and":
            return f"({one}) AND ({other})", lambda row: test(row) and second(row)
        return f"({one} or {other})", lambda row: test(row) or second(row)

    return joined()


@settings(max_examples=60, deadline=None)
@given(rows=rows, found=st.recursive(leaf(), grow, max_leaves=5))
def test_a_filter_means_what_a_slow_evaluator_says(rows, found, tmp_path_factory):
    text, test = found
    # A missing title is an empty one; an item has a description, then.
    rows = [{**row, "title": row["title"] or None} for row in rows]
    items = [
        Item(f"i{n}", row["title"] or "", "text", {k: v for k, v in row.items() if k != "title"})
        for n, row in enumerate(rows)
    ]
    # So that every kind of value is known, and no filter refused for its kinds.
    known = {"kind": "a", "price": 1, "in stock": True}
    more = [Item("t", "a", "b", {**known, "a`b": "a"}), Item("n", "a", "b", {"a`b": 1})]
    more.append(Item("b", "a", "b", {"a`b": True}))
    folder = tmp_path_factory.mktemp("where")
    cut = len(items) // 2
    parts = [part for part in (items[:cut], items[cut:], more) if part]
    stores = []
    for number, part in enumerate(parts):
        write_items(folder / f"{number}.sqlite", part)
        stores.append(ItemStore(folder / f"{number}.sqlite"))
    mask = allowed_by(text, stores, [len(part) for part in parts])
    assert mask[: len(items)].tolist() == [test(row) for row in rows]
    for store in stores:
        store.close()


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    path = tmp_path_factory.mktemp("store") / "items.sqlite"
    metadata = {"variety": "Viura", "price": 12.5, "taster name": "Ann", "organic": True}
    write_items(path, [Item("1", "Title", "text", metadata), Item("2", "Other", "more")])
    store = ItemStore(path)
    yield store
    store.close()


def allowed(store, where):
    return allowed_by(where, [store], [2]).tolist()


def test_the_grammar():
    assert parse_where("a = 1 or b < 2 and not c is null") == Some(
        (
            Compare("a", "=", (1,), 1),
            Every((Compare("b", "<", (2,), 10), Not(IsNull("c", 24)))),
        )
    )
    assert parse_where("`taster name` not in ('it''s', -1.5e2, true)") == Not(
        Compare("taster name", "=", ("it's", -150.0, True), 1)
    )
    assert parse_where('x<>"say ""a"""') == Not(Compare("x", "=", ('say "a"',), 1))
    assert parse_where("Größe.eu-1 == 9") == Compare("Größe.eu-1", "=", (9,), 1)


@pytest.mark.parametrize(
    ("where", "column", "reason"),
    [
        ("", 1, "a field .* should stand here, not the end"),
        ("price", 6, "'in', 'contains' or 'is' should stand here, not the end"),
        ("price < ", 9, "a number, true, false, or a text in quotes"),
        ("price < cheap", 9, "a number, true, false, or a text in quotes should stand here"),
        ("variety = 'Viura", 11, "the text that begins here has no end"),
        ("`taster = 1", 1, "the field that begins here has no end"),
        ("price < 20 variety = 1", 12, "'and', 'or' or the end should stand here, not 'variety'"),
        ("(price < 20", 12, r"'\)', 'and' or 'or'"),
        ("price in 3", 10, r"'\(' should"),
        ("price in (3", 12, r"',' or '\)'"),
        ("price = null", 9, "ask for a missing one with 'is null'"),
        ("price is 3", 10, "'null' or 'not null'"),
        ("price contains 3", 16, "a text in quotes"),
        ("and = 3", 1, "a field"),
        ("price < 20 ; DROP TABLE items", 12, "';' has no meaning here"),
        ("price = 20e", 9, "'2' has no meaning here"),
        ("prize < 20", 1, "no field 'prize' .did you mean price.*; there are: id, title, desc"),
        ("price < '20'", 1, "price holds number values, and '20' is a text"),
        ("title = 3", 1, "title holds text values, and 3 is a number; texts stand in quotes"),
        ("organic = 1", 1, "organic holds boolean values"),
        ("(" * 200, 101, "no more than 100 levels"),
        ("not " * 200, 401, "no more than 100 levels"),
    ],
)
def test_a_mistake_is_pointed_at(store, where, column, reason):
    with pytest.raises(OptionError, match=rf"where, column {column} \(.*\): .*{reason}"):
        allowed(store, where)


@pytest.mark.parametrize("name", ["price", "Größe.eu-1", "taster name", "in", "a`b", "7", "p, EUR"])
def test_a_field_is_named_as_it_is_to_be_written(name, tmp_path):
    written_name = quote_field(name)
    assert parse_where(f"{written_name} = 1") == Compare(name, "=", (1,), 1)
    assert (written_name == name) == (name in ("price", "Größe.eu-1"))
    write_items(tmp_path / "items.sqlite", [Item("1", "a", "", {name: 1})])
    named = ItemStore(tmp_path / "items.sqlite")
    with pytest.raises(OptionError, match=f"there are: .*{re.escape(written_name)}"):
        allowed_by("other = 1", [named], [1])
    named.close()


def test_what_is_no_text_is_refused(store):
    with pytest.raises(OptionError, match="of type int"):
        allowed(store, 7)


def test_nothing_gets_into_the_statement(store):
    before = store.path.read_bytes()
    attacks = ["' OR 1=1 --", '" OR ""="', "x'; DELETE FROM items; --", "%' OR '1'='1", "\0", "?"]
    for attack in attacks:
        for value in (json.dumps(attack), "'" + attack.replace("'", "''") + "'"):
            if value.count('"') > 2 or "\\" in value:
                continue
            for test in (f"variety = {value}", f"title in ({value})", f"id contains {value}"):
                assert allowed(store, test) == [False, False]
        with pytest.raises(OptionError, match="there is no field"):
            allowed(store, "`" + attack.replace("`", "``") + "` = 1")
    assert store.path.read_bytes() == before
    assert allowed(store, "variety = 'Viura' and `taster name` contains 'AN'") == [True, False]


def test_a_number_in_quotes_is_found_among_texts_and_numbers(tmp_path):
    sizes = ["XL", 7, 7.5, "07", None, True]
    items = [Item(str(n), "shoe", "", {"size": size}) for n, size in enumerate(sizes)]
    write_items(tmp_path / "items.sqlite", items)
    mixed = ItemStore(tmp_path / "items.sqlite")

    def found(where):
        return np.flatnonzero(allowed_by(where, [mixed], [len(items)])).tolist()

    assert found("size = '7'") == found("size = 7") == [1]
    assert found("size in ('XL', '7.5')") == [0, 2]
    assert found("size = '07'") == [3]
    assert found("size != '7'") == [0, 2, 3, 4, 5]
    assert found("size < '8'") == [3]
    mixed.close()


def test_a_list_longer_than_sqlite_takes_at_once(store):
    many = ", ".join(str(n / 2) for n in range(2000))
    assert allowed(store, f"price in ({many})") == [True, False]
    assert allowed(store, f"price not in ({many})") == [False, True]


def test_long_chains_need_no_stack(store):
    assert allowed(store, " or ".join(["price = 12.5"] * 3000)) == [True, False]
