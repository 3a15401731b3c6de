"""Which column is the id, the title and the description: as asked for, or a guess that is said."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from whyalike.errors import OptionError

# Best guess first; compared without case, and with "_" for whatever is no letter or digit.
ID_NAMES = (
    "item_id", "id", "product_id", "sku", "item_sku", "seller_sku", "asin", "parent_asin",
    "article_id", "doc_id", "uid", "uuid", "identifier", "code", "product_code", "ean", "gtin",
    "isbn", "handle", "url_handle", "listing_id", "key", "artikelnummer",
)  # fmt: skip

TITLE_NAMES = (
    "title", "name", "product_name", "product_title", "item_name", "item_title", "headline",
    "job_title", "label", "subject", "question", "titel", "bezeichnung", "produktname", "titre",
)  # fmt: skip

DESCRIPTION_NAMES = (
    "description", "product_description", "item_description", "long_description", "text", "body",
    "body_html", "content", "desc", "details", "summary", "abstract", "overview", "answer",
    "job_description", "full_description", "product_full_description", "about_product", "review",
    "short_description", "product_short_description", "beschreibung",
)  # fmt: skip

GROUP_NAMES = (
    "parent_asin", "parent_sku", "parent_id", "parent", "item_group_id", "product_group_id",
    "product_group", "group_id", "variant_group", "handle", "product_handle", "style_id",
    "style_code",
)  # fmt: skip
"""What variants of one product share, where each has an id of its own."""

COLUMNS_NAMED = 50
"""Columns that an error names."""


_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")


# What pandas and spreadsheets write for the number of the row.
INDEX_NAMES = ("", "unnamed_0", "index")


@dataclass(frozen=True, slots=True)
class ColumnChoice:
    """The columns that were chosen; None where there is none. ``guessed`` names the roles.

    Without an id column the numbers of the rows are the ids, 1 the first.
    """

    id: str | None
    title: str | None
    description: str | None
    metadata: tuple[str, ...]
    guessed: tuple[str, ...] = ()

    def say(self) -> list[str]:
        """Return what was guessed, in a sentence each."""
        said = []
        if self.guessed:
            found = (f"{role} from {getattr(self, role)!r}" for role in self.guessed)
            said.append(f"Columns guessed: {', '.join(found)}.")
        if self.id is None:
            said.append("No column holds ids: the numbers of the rows are the ids.")
        return said

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "id": self.id,
            "title": self.title,
            "description": self.description,
            "metadata": list(self.metadata),
            "guessed": list(self.guessed),
        }


def choose_columns(
    columns: Sequence[str],
    *,
    id: str | None = None,
    title: str | None = None,
    description: str | None = None,
    metadata: Sequence[str] | None = None,
) -> ColumnChoice:
    """Return which of ``columns`` to read as what.

    Parameters
    ----------
    columns : sequence of str
        All names, as they stand in the file.
    id : str, optional
        The column of ids; None guesses, and counts rows where nothing looks like one.
    title : str, optional
        The column of titles; None guesses, and there may be none.
    description : str, optional
        The column of descriptions; as ``title``.
    metadata : sequence of str, optional
        The columns to keep besides; None keeps all others.

    Raises
    ------
    OptionError
        A column that was asked for is not there, one is given two roles, or there is neither a
        title nor a description.
    """
    asked = {"id": id, "title": title, "description": description}
    chosen = {
        role: named_column(columns, name, role) for role, name in asked.items() if name is not None
    }
    if len(set(chosen.values())) < len(chosen):
        raise OptionError(
            f"One column is given two roles: {chosen}; give each a column of its own."
        )
    guessed = []
    names = {"id": ID_NAMES, "title": TITLE_NAMES, "description": DESCRIPTION_NAMES}
    for role, known in names.items():
        if role in chosen:
            continue
        free = [column for column in columns if column not in chosen.values()]
        found = guess_column(free, known)
        if found is None and role == "id":
            found = _index_column(columns, free)
        if found is not None:
            chosen[role] = found
            guessed.append(role)
    if "title" not in chosen and "description" not in chosen:
        raise OptionError(
            "No column looks like a title or a description. There are "
            f"{list_columns(columns)}: say which with title and description (--title, "
            "--description)."
        )
    if metadata is None:
        others = tuple(column for column in columns if column not in chosen.values())
    else:
        others = tuple(dict.fromkeys(named_column(columns, name, "metadata") for name in metadata))
    return ColumnChoice(
        id=chosen.get("id"),
        title=chosen.get("title"),
        description=chosen.get("description"),
        metadata=others,
        guessed=tuple(guessed),
    )


def named_column(columns: Sequence[str], name: str, role: str) -> str:
    """Return the column of that name, or the only one that differs in nothing but case.

    Raises OptionError where there is none; ``role`` says what it was asked for.
    """
    if name in columns:
        return name
    alike = [column for column in columns if column.casefold() == name.casefold()]
    if len(alike) == 1:
        return alike[0]
    raise OptionError(f"There is no column {name!r} for {role}; there are {list_columns(columns)}.")


def guess_column(columns: Sequence[str], names: Sequence[str]) -> str | None:
    """Return the column of the first of these names that there is, as it is written, or None."""
    plain = {plain_name(column): column for column in reversed(columns)}
    # A name under another one, such as "content.productName", is the second best.
    nested = {plain_name(c.rpartition(".")[2]): c for c in reversed(columns) if "." in c}
    return next((found[name] for found in (plain, nested) for name in names if name in found), None)


def guess_group(columns: Sequence[str]) -> str:
    """Return the column that variants of one product share, "" where none looks like it."""
    return guess_column(columns, GROUP_NAMES) or ""


def _index_column(columns: Sequence[str], free: Sequence[str]) -> str | None:
    """Return the first column if it has no name: it numbers the rows."""
    first = columns[0] if columns else None
    if first not in free or first is None:
        return None
    return first if plain_name(first) in INDEX_NAMES or first == UNNAMED.format(1) else None


UNNAMED = "column {}"
"""What a column without a name is called, by its place."""


def plain_name(column: str) -> str:
    """Return a name in small letters, with "_" for what is none: "productName" is two words."""
    words = _HUMP.sub("_", column)
    return re.sub(r"[^a-z0-9]+", "_", words.casefold()).strip("_")


def list_columns(columns: Sequence[str]) -> str:
    """Return the names of the columns for an error, of many the first."""
    more = f" and {len(columns) - COLUMNS_NAMED:,} more" if len(columns) > COLUMNS_NAMED else ""
    return (", ".join(map(repr, columns[:COLUMNS_NAMED])) or "none") + more
