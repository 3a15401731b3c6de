"""Filters: read right, meant as a slow evaluator means them, and no way into the SQL."""

import json
import re
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from raising import raises
from whyalike.catalogue import Item, where_query
from whyalike.catalogue.item_store import ItemStore, write_items
from whyalike.catalogue.where import (
    MOST_COMPARISONS,
    MOST_VALUES,
    Compare,
    Every,
    IsNull,
    Not,
    Some,
    parse_where,
    quote_field,
)
from whyalike.catalogue.where_query import filter_by
from whyalike.errors import OptionError
from whyalike.interruption import checked_by

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
    """True, False, or None where nobody knows."""
    if sign in ("=", "!="):
        # A number in quotes is meant as a number, too.
        same = wanted == "10" and value == 10 and not isinstance(value, bool)
        same = same or (value is not None and equal(value, wanted) and value == wanted)
        return same == (sign == "=")
    if value is None:
        return False
    if not equal(value, wanted):
        return None
    return {
        "<": value < wanted,
        "<=": value <= wanted,
        ">": value > wanted,
        ">=": value >= wanted,
    }[sign]


def contrary(truth):
    return None if truth is None else not truth


@st.composite
def leaf(draw):
    """A comparison, as it is written and as a function of a row."""
    name = draw(st.sampled_from(FIELDS))
    field = quoted_name(name)
    kind = draw(st.sampled_from(["sign", "in", "null", "contains"]))
    negated = draw(st.booleans())
    no = "NOT " if negated else ""
    turn = contrary if negated else bool
    if kind == "null":
        return f"{field} is {no}null", lambda row: turn(row[name] is None)
    if kind == "contains" and name not in {"price", "in stock"}:
        text = draw(st.sampled_from([t for t in TEXTS if t]))

        def contains(row):
            if row[name] is None or isinstance(row[name], str):
                return turn(text.casefold() in (row[name] or "").casefold())
            return None

        quote = draw(st.sampled_from(chr(34) + chr(39)))
        return f"{field} {no}contains {written(text, quote)}", contains
    quote = draw(st.sampled_from("\"'"))
    if kind == "in":
        values = draw(st.lists(VALUES[name], min_size=1, max_size=3))
        said = ", ".join(written(value, quote) for value in values)
        return (
            f"{field} {no}in ({said})",
            lambda row: turn(any(compare(row[name], "=", value) for value in values)),
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
            return f"not ({one})", lambda row: contrary(test(row))
        other, second = draw(inner)

        def both(row):
            found = {test(row), second(row)}
            decides = word == "or"
            return decides if decides in found else None if None in found else not decides

        said = f"({one}) AND ({other})" if word == "and" else f"({one} or {other})"
        return said, both

    return joined()


def flat(found):
    """The comparisons of a parsed filter."""
    if isinstance(found, Not):
        return flat(found.part)
    if isinstance(found, Every | Some):
        return [one for part in found.parts for one in flat(part)]
    return [found]


def values_of_another_kind(text, rows):
    """(row, field) of all that a slow reader of the filter can't compare."""
    return {
        (number, one.field)
        for one in flat(parse_where(text))
        if isinstance(one, Compare) and one.operator != "="
        for number, row in enumerate(rows)
        if row[one.field] is not None and not equal(row[one.field], one.values[0])
    }


@settings(max_examples=100, deadline=None)
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
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(where_query, "BLOCK", 2)
        found = filter_by(text, stores, [len(part) for part in parts])
    assert found.allowed[: len(items)].tolist() == [test(row) is True for row in rows]
    unknown = {
        (number, field)
        for field, mask in found.not_compared.items()
        for number in np.flatnonzero(mask[: len(items)]).tolist()
    }
    assert unknown == values_of_another_kind(text, rows)
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
    return filter_by(where, [store], [2]).allowed.tolist()


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
        ("", 1, "a field | the end"),
        ("price", 6, "'in' | 'contains' | 'is' | the end"),
        ("price < ", 9, "number | true | false | quotes"),
        ("price < cheap", 9, "number | true | false | quotes"),
        ("variety = 'Viura", 11, "text | no end"),
        ("`taster = 1", 1, "field | no end"),
        ("price < 20 variety = 1", 12, "'and' | 'or' | the end | 'variety'"),
        ("(price < 20", 12, "')' | 'and' | 'or'"),
        ("price in 3", 10, "'('"),
        ("price in (3", 12, "',' | ')'"),
        ("price = null", 9, "'is null'"),
        ("price is 3", 10, "'null' | 'not null'"),
        ("price contains 3", 16, "text | quotes"),
        ("and = 3", 1, "a field"),
        ("price < 20 ; DROP TABLE items", 12, "';'"),
        ("price = 20e", 9, "'2'"),
        ("prize < 20", 1, "'prize' | price? | id, title"),
        ("price < '20'", 1, "price | number | '20' | text"),
        ("title = 3", 1, "title | text | 3 | number | quotes"),
        ("organic = 1", 1, "organic | boolean"),
        ("(" * 200, 101, "100 levels"),
        ("not " * 200, 401, "100 levels"),
    ],
)
def test_a_mistake_is_pointed_at(store, where, column, reason):
    with raises(OptionError, "where", f"column {column}", *reason.split(" | ")):
        allowed(store, where)


@pytest.mark.parametrize("name", ["price", "Größe.eu-1", "taster name", "in", "a`b", "7", "p, EUR"])
def test_a_field_is_named_as_it_is_to_be_written(name, tmp_path):
    written_name = quote_field(name)
    assert parse_where(f"{written_name} = 1") == Compare(name, "=", (1,), 1)
    assert (written_name == name) == (name in ("price", "Größe.eu-1"))
    write_items(tmp_path / "items.sqlite", [Item("1", "a", "", {name: 1})])
    named = ItemStore(tmp_path / "items.sqlite")
    with pytest.raises(OptionError, match=f"there are: .*{re.escape(written_name)}"):
        filter_by("other = 1", [named], [1])
    named.close()


def test_what_is_no_text_is_refused(store):
    with raises(OptionError, "int"):
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
        return np.flatnonzero(filter_by(where, [mixed], [len(items)]).allowed).tolist()

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


def test_a_filter_is_bounded_in_every_direction(store):
    chain = " or ".join(["price = 12.5"] * MOST_COMPARISONS)
    assert allowed(store, chain) == [True, False]
    with raises(OptionError, "100", "comparisons", "'in'"):
        allowed(store, chain + " or price = 12.5")
    nested = "not (" * 49 + chain + ")" * 49
    assert allowed(store, nested) == [False, True]
    listed = ", ".join(["1"] * MOST_VALUES)
    assert allowed(store, f"price in ({listed})") == [False, False]
    for more in (f"price in ({listed}, 1)", f"price in ({listed}) or price = 1"):
        with raises(OptionError, "10,000", "values"):
            allowed(store, more)
    with raises(OptionError, "where", "1,000,001", "1,000,000"):
        allowed(store, "price = 1" + " " * 999_992)


def test_an_error_of_a_wide_table_names_some_fields(tmp_path):
    write_items(tmp_path / "items.sqlite", [Item("1", "a", "", {f"f{n}": n for n in range(5000)})])
    wide = ItemStore(tmp_path / "items.sqlite")
    with raises(OptionError, "f46", "4,953") as caught:
        filter_by("colour = 1", [wide], [1])
    assert len(str(caught.value)) < 1000
    wide.close()


def test_of_mixed_values_it_is_unknown_whether_they_are_greater(tmp_path):
    years = [1850, 1900, "about 1860", None, "1950", True, 1870]
    items = [Item(str(n), "wine", "", {"year": year}) for n, year in enumerate(years)]
    write_items(tmp_path / "items.sqlite", items)
    mixed = ItemStore(tmp_path / "items.sqlite")

    def found(where):
        filtered = filter_by(where, [mixed], [len(items)])
        unknown = filtered.not_compared.get("year", np.zeros(1))
        return np.flatnonzero(filtered.allowed).tolist(), np.flatnonzero(unknown).tolist()

    odd = [2, 4, 5]
    assert found("year > 1870") == ([1], odd)
    # A missing value is known not to be greater; of a text nobody knows.
    assert found("not year > 1870") == ([0, 3, 6], odd)
    assert found("not not year > 1870") == ([1], odd)
    assert found("not year > 1870 or id = '2'") == ([0, 2, 3, 6], odd)
    assert found("not (year > 1870 and id = '1')") == ([0, 2, 3, 4, 5, 6], odd)
    assert found("year > 1870 or year <= 1870") == ([0, 1, 6], odd)
    assert found("not year contains 'about'") == ([3, 4], [0, 1, 5, 6])
    # Equality is known.
    assert found("year != 1900") == ([0, 2, 3, 4, 5, 6], [])
    assert found("year is not null and not year in (1850, 'about 1860')") == ([1, 4, 5, 6], [])
    mixed.close()


def test_an_empty_title_is_missing_whatever_it_is_compared_with(tmp_path):
    items = [Item("1", "", "text"), Item("2", "b", ""), Item("3", " ", "text")]
    write_items(tmp_path / "items.sqlite", items)
    untitled = ItemStore(tmp_path / "items.sqlite")

    def found(where):
        return [items[n].id for n in np.flatnonzero(filter_by(where, [untitled], [3]).allowed)]

    # "" is less than any text, and in every text; a missing one is neither.
    assert found("title < 'c'") == ["2", "3"]
    assert found("title <= ''") == found("title = ''") == found("title in ('', 'x')") == []
    assert found("title >= ''") == ["2", "3"]
    assert found("title contains ''") == ["2", "3"]
    assert found("description contains ''") == ["1", "3"]
    assert found("title != ''") == found("not title = ''") == ["1", "2", "3"]
    assert found("title is null") == ["1"]
    assert found("title is not null") == ["2", "3"]
    untitled.close()


def test_a_long_filter_can_be_stopped_between_two_statements(tmp_path, monkeypatch):
    monkeypatch.setattr(where_query, "BLOCK", 2)
    items = [Item(str(n), "hat", "wool", {"n": n}) for n in range(10)]
    write_items(tmp_path / "items.sqlite", items)
    store = ItemStore(tmp_path / "items.sqlite")
    statements = 5 * 3
    passed = []

    def others_can_ask():
        # As another thread would: the check may wait for it, for no lock is held.
        thread = threading.Thread(target=store.query, args=("SELECT count(*) FROM items",))
        thread.start()
        thread.join()
        passed.append(1)

    where = "n > 2 and description contains 'wool' and n is not null"
    with checked_by(others_can_ask):
        assert filter_by(where, [store], [10]).allowed.sum() == 7
    assert len(passed) >= statements

    class StoppedError(Exception):
        pass

    def stop():
        passed.append(1)
        if len(passed) == 4:
            raise StoppedError

    passed.clear()
    with checked_by(stop), pytest.raises(StoppedError):
        filter_by(where, [store], [10])
    assert len(passed) == 4
    assert filter_by(where, [store], [10]).allowed.sum() == 7
    store.close()
