"""Exports of shops, known by their columns: several rows of one product become one row."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from whyalike.data.attributes import read_attributes
from whyalike.data.columns import ColumnChoice, guess_column, plain_name
from whyalike.data.tables import RawRow

ShopName = Literal["shopify", "woocommerce", "magento", "etsy", "amazon"]
Shop = Literal["auto", "none", "shopify", "woocommerce", "magento", "etsy", "amazon"]

VARIANTS = "variants"
"""The field of a product that names its variants, where they have ids of their own."""

Values = Mapping[str, Any]


class Cells:
    """The values of rows by plain names of columns, the first that there is."""

    def __init__(self, columns: Sequence[str]) -> None:
        self._columns = {plain_name(column): column for column in reversed(columns)}

    def __contains__(self, name: str) -> bool:
        return name in self._columns

    def get(self, row: Values, *names: str) -> str:
        """Return a cell's text, "" where it is blank or there is no such column."""
        column = next((self._columns[name] for name in names if name in self._columns), None)
        value = None if column is None else row.get(column)
        return "" if value is None else str(value).strip()


@dataclass(frozen=True, slots=True)
class Export:
    """How one kind of export is read.

    title: says whether a row is the product's own: it has one. ``key`` gives what rows of one
    product share, ``parents`` which key a row's key stands under. more: what is taken for a
    description that is blank. spread: the column whose cells hold values with names of their own.
    """

    name: ShopName
    says: str
    is_one: Callable[[Cells], bool]
    id: tuple[str, ...]
    title: tuple[str, ...]
    description: tuple[str, ...]
    key: Callable[[Cells, Values], str]
    parents: Callable[[Cells, Sequence[RawRow]], dict[str, str]]
    more: tuple[str, ...] = ()
    by_row: bool = False
    spread: str = ""


def _no_parents(_cells: Cells, _rows: Sequence[RawRow]) -> dict[str, str]:
    return {}


def _is_shopify(cells: Cells) -> bool:
    has_handle = "handle" in cells or "url_handle" in cells
    signs = ("option1_name", "option1_value", "variant_sku", "variant_price", "image_src")
    more = ("product_image_url", "body_html")
    return has_handle and "title" in cells and any(sign in cells for sign in (*signs, *more))


def _woo_key(cells: Cells, row: Values) -> str:
    return cells.get(row, "id") or cells.get(row, "sku")


def _woo_parents(cells: Cells, rows: Sequence[RawRow]) -> dict[str, str]:
    """A variation names its parent by its SKU, or by "id:44"."""
    by_sku = {cells.get(row.values, "sku"): _woo_key(cells, row.values) for row in reversed(rows)}
    found = {}
    for row in rows:
        parent = cells.get(row.values, "parent")
        if parent and "variation" in cells.get(row.values, "type").lower():
            key = parent[3:] if parent.startswith("id:") else by_sku.get(parent, "")
            found[_woo_key(cells, row.values)] = key
    return found


_VARIATION = re.compile(r"(?:^|\|)\s*sku=([^,|]+)")


def _magento_parents(cells: Cells, rows: Sequence[RawRow]) -> dict[str, str]:
    """A configurable product names its variations, and stands after them."""
    return {
        sku.strip(): cells.get(row.values, "sku")
        for row in rows
        for sku in _VARIATION.findall(cells.get(row.values, "configurable_variations"))
    }


def _amazon_parents(cells: Cells, rows: Sequence[RawRow]) -> dict[str, str]:
    return {
        key: parent
        for row in rows
        if (parent := cells.get(row.values, "parent_sku"))
        and (key := cells.get(row.values, "item_sku", "seller_sku", "sku")) != parent
    }


EXPORTS = (
    Export(
        "shopify",
        "Shopify",
        _is_shopify,
        id=("handle", "url_handle"),
        title=("title",),
        description=("body_html", "description", "body"),
        key=lambda cells, row: cells.get(row, "handle", "url_handle"),
        parents=_no_parents,
    ),
    Export(
        "woocommerce",
        "WooCommerce",
        lambda cells: (
            all(name in cells for name in ("type", "sku", "name"))
            and ("parent" in cells or "short_description" in cells)
        ),
        id=("id", "sku"),
        title=("name",),
        description=("description", "short_description"),
        key=_woo_key,
        parents=_woo_parents,
        more=("short_description",),
    ),
    Export(
        "magento",
        "Magento",
        lambda cells: (
            all(name in cells for name in ("sku", "product_type", "name"))
            and any(n in cells for n in ("attribute_set_code", "store_view_code", "visibility"))
        ),
        id=("sku",),
        title=("name",),
        description=("description", "short_description"),
        key=lambda cells, row: cells.get(row, "sku"),
        parents=_magento_parents,
        more=("short_description",),
        spread="additional_attributes",
    ),
    Export(
        "etsy",
        "Etsy",
        lambda cells: (
            all(name in cells for name in ("title", "description", "currency_code"))
            and any(name in cells for name in ("variation_1_type", "image1", "materials"))
        ),
        id=("sku",),
        title=("title",),
        description=("description",),
        # Every row is a listing; the SKU may be blank, and of several.
        key=lambda _cells, _row: "",
        parents=_no_parents,
        by_row=True,
    ),
    Export(
        "amazon",
        "Amazon",
        lambda cells: (
            "item_name" in cells
            and any(name in cells for name in ("parent_sku", "seller_sku", "item_sku"))
        ),
        id=("item_sku", "seller_sku", "sku"),
        title=("item_name",),
        description=("product_description", "item_description", "description"),
        key=lambda cells, row: cells.get(row, "item_sku", "seller_sku", "sku"),
        parents=_amazon_parents,
        more=("bullet_point1", "bullet_point_1", "bullet_point"),
    ),
)


def find_export(columns: Sequence[str], shop: Shop) -> Export | None:
    """Return how the export of a shop is read that has these columns; None where it is none."""
    if shop == "none":
        return None
    cells = Cells(columns)
    if shop == "auto":
        return next((one for one in EXPORTS if one.is_one(cells)), None)
    return next(one for one in EXPORTS if one.name == shop)


def roles_in(export: Export, columns: Sequence[str]) -> dict[str, str]:
    """Return the columns of an export's ids, titles and descriptions."""
    roles = {"id": export.id, "title": export.title, "description": export.description}
    found = {role: guess_column(columns, names) for role, names in roles.items()}
    return {role: column for role, column in found.items() if column is not None}


def spread_column(export: Export, columns: Sequence[str]) -> str | None:
    """Return the column whose cells become columns of their own, under dotted names."""
    return guess_column(columns, [export.spread]) if export.spread else None


def fold_rows(
    rows: Iterator[RawRow],
    export: Export,
    choice: ColumnChoice,
    columns: Sequence[str],
    *,
    spread: str | None = None,
) -> Iterator[RawRow]:
    """Yield a row for each product, in the order of their first rows; broken rows come first.

    All are held till the last is read: a parent may stand after its children. Of a column that the
    rows have different values in, the product has all of them, as a tuple. The values with names
    of the column ``spread`` are columns, too.
    """
    held: list[RawRow] = []
    for row in rows:
        if row.problem:
            yield row
        else:
            held.append(row if spread is None else _spread(row, spread))
    cells = Cells(columns)
    if export.by_row:
        yield from _numbered(held, choice)
        return
    known = {export.key(cells, row.values) for row in held}
    parents = {
        child: parent for child, parent in export.parents(cells, held).items() if parent in known
    }
    groups: dict[object, list[RawRow]] = {}
    for row in held:
        key = export.key(cells, row.values)
        place: object = parents.get(key, key)
        group = groups.get(place, ())
        if not key or (export.name == "shopify" and _is_another(row, group, choice)):
            # A product of its own, though it shares its id: that is said where it is made.
            place = row.line
        groups.setdefault(place, []).append(row)
    for place, group in groups.items():
        mains = [row for row in group if export.key(cells, row.values) == place]
        titled = [row for row in mains or group if _cell(row, choice.title)]
        main = (titled or mains or group)[0]
        yield _folded(main, [row for row in group if row is not main], export, cells, choice)


def _spread(row: RawRow, column: str) -> RawRow:
    """Return a row with what a cell holds beside its columns."""
    cell = row.values.get(column)
    if not isinstance(cell, str):
        return row
    found = {f"{column}.{name}": value for name, value in read_attributes(cell).items()}
    return replace(row, values={**row.values, **found}, added=tuple(found))


def _numbered(rows: Sequence[RawRow], choice: ColumnChoice) -> Iterator[RawRow]:
    """Yield rows with ids of their own: a blank one, or one that was there, says its row."""
    seen = set[str]()
    for row in rows:
        if choice.id is None:
            yield row
            continue
        id_ = _cell(row, choice.id)
        called = id_ if id_ and id_ not in seen else f"{id_} (row {row.line})".strip()
        seen.add(called)
        yield replace(row, values={**row.values, choice.id: called})


def _is_another(row: RawRow, group: Sequence[RawRow], choice: ColumnChoice) -> bool:
    title = _cell(row, choice.title)
    return bool(title and group and title not in {"", *(_cell(one, choice.title) for one in group)})


def _folded(
    main: RawRow, others: Sequence[RawRow], export: Export, cells: Cells, choice: ColumnChoice
) -> RawRow:
    values = dict(main.values)
    added = dict.fromkeys(name for row in (main, *others) for name in row.added)
    for column in dict.fromkeys((*choice.metadata, *added)):
        said = [row.values.get(column) for row in (main, *others)]
        found = [one for value in said for one in (value if isinstance(value, tuple) else [value])]
        different = list(dict.fromkeys(v for v in found if _is_there(v) and _can_be_listed(v)))
        if len(different) > 1:
            values[column] = tuple(different)
        elif different and not _is_there(values.get(column)):
            values[column] = different[0]
    for role in (choice.title, choice.description):
        if role is not None and not _cell(main, role):
            values[role] = next((row.values[role] for row in others if _cell(row, role)), None)
    if choice.description is not None and not _is_there(values.get(choice.description)):
        values[choice.description] = cells.get(main.values, *export.more) or None
    own = export.key(cells, main.values)
    ids = dict.fromkeys(export.key(cells, row.values) for row in others)
    if names := tuple(id_ for id_ in ids if id_ and id_ != own):
        values[VARIANTS] = names
        added[VARIANTS] = None
    return replace(
        main, values=values, folded=tuple(row.line for row in others), added=tuple(added)
    )


def _cell(row: RawRow, column: str | None) -> str:
    value = None if column is None else row.values.get(column)
    return "" if value is None else str(value).strip()


def _is_there(value: object) -> bool:
    return value is not None and (not isinstance(value, str) or bool(value.strip()))


def _can_be_listed(value: object) -> bool:
    return isinstance(value, str | int | float | bool)
