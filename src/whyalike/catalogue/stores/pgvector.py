"""Tables of PostgreSQL with vectors of pgvector, read and searched where they are."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from threading import RLock
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from whyalike.catalogue.stores.store import (
    Fields,
    Store,
    Stored,
    check_fields,
    check_name,
    kind_of_value,
    register_store,
    values_for,
    without_password,
)
from whyalike.catalogue.where import (
    Compare,
    Every,
    Filter,
    IsNull,
    Not,
    Some,
    Value,
    failure,
    parse_where,
)
from whyalike.errors import MissingExtraError, OptionError, StorageError
from whyalike.explanation import SimilarityFunction

Kind = Literal["text", "number", "boolean", "json", "list", "other"]
Result = TypeVar("Result")

_KINDS: dict[str, Kind] = {
    **dict.fromkeys(("text", "character varying", "character", "citext", "uuid"), "text"),
    **dict.fromkeys(
        ("smallint", "integer", "bigint", "numeric", "real", "double precision"), "number"
    ),
    "boolean": "boolean",
    **dict.fromkeys(("json", "jsonb"), "json"),
}
_OPERATORS: dict[str, str] = {
    "cosine": "<=>",
    "dot": "<#>",
    "euclidean": "<->",
    "manhattan": "<+>",
}
_METRICS: dict[str, SimilarityFunction] = {
    "cosine_ops": "cosine",
    "ip_ops": "dot",
    "l2_ops": "euclidean",
    "l1_ops": "manhattan",
}
"""By what the classes of operators of an index end with."""

SEARCH_WIDTH, FILTERED_WIDTH = 200, 1000
"""hnsw.ef_search, at least, without a filter and with one; ivfflat.probes is a tenth of it."""


@dataclass(frozen=True, slots=True)
class _Column:
    type: str
    kind: Kind


@register_store("postgresql")
def open_postgresql(address: str, *, collection: str, fields: Fields, token: str | None) -> Store:
    """Open a table; see ``open_store``. A password stands in the address or in the environment."""
    if token is not None:
        raise OptionError("PostgreSQL knows no token: put user and password into the address.")
    return PostgresStore(address, collection=collection, fields=fields)


class PostgresStore:
    """A table or view with a column of type ``vector`` or ``halfvec``. See Store.

    A transaction that only reads runs each question, so that nothing can be changed. Where the
    connection was lost it is made anew, once for each question.

    Raises
    ------
    OptionError
        No such table or column, no column of ids, or vectors of another type.
    StorageError
        The server does not answer, or lets nobody in.
    MissingExtraError
        psycopg is not installed (extra ``postgres``).
    """

    def __init__(self, address: str, *, collection: str, fields: Fields) -> None:
        try:
            import psycopg
        except ImportError as error:
            raise MissingExtraError("PostgreSQL", "psycopg", "postgres") from error
        self._psycopg = psycopg
        self._url, self.address, self.collection = address, without_password(address), collection
        self._lock = RLock()
        self._connection: Any = None
        self._table = psycopg.sql.Identifier(*collection.split("."))
        try:
            self._columns = self._ask(self._read_columns)
            self.fields, self._base, self.dimension = self._look_at(fields)
            self.metric = self._ask(self._index_metric)
        except BaseException:
            self.close()
            raise

    def __len__(self) -> int:
        """Return how many items have a vector now."""
        statement = self._sql("SELECT count(*) FROM {table} WHERE {vector} IS NOT NULL")
        return int(self._ask(lambda cursor: cursor.execute(statement).fetchone()[0]))

    def fetch(self, ids: Sequence[str]) -> list[Stored]:
        """See Store."""
        statement = self._sql(
            "SELECT {columns} FROM {table} WHERE {id} = ANY(%s::text[]::{type}[])"
            " AND {vector} IS NOT NULL",
            type=self._psycopg.sql.SQL(self._id_type()),
        )
        try:
            return self._rows(statement, [list(ids)])
        except self._psycopg.errors.DataError:
            # A text among numbers is the id of nothing, and the others are of something.
            return [] if len(ids) < 2 else [one for id_ in ids for one in self.fetch([id_])]

    def sample(self, count: int) -> list[Stored]:
        """See Store: the first ones by id, for every run alike."""
        statement = self._sql(
            "SELECT {columns} FROM {table} WHERE {vector} IS NOT NULL ORDER BY {id} LIMIT %s"
        )
        return self._rows(statement, [count])

    def search(
        self, vector: NDArray[np.float32], k: int, *, where: str | None, function: str
    ) -> list[Stored]:
        """See Store: by the index that the table has, or by all rows where it has none."""
        allowed, values = self._condition(where)
        statement = self._sql(
            "SELECT {columns} FROM {table} WHERE {vector} IS NOT NULL AND {allowed}"
            " ORDER BY {vector} {operator} %s::{kind} LIMIT %s",
            allowed=allowed,
            operator=self._psycopg.sql.SQL(_operator(function)),
        )
        # Of what a filter lets pass, the graph shows fewer.
        width = max(SEARCH_WIDTH if where is None else FILTERED_WIDTH, 2 * k)
        return self._rows(statement, [*values, _literal(vector), k], width=width)

    def before(
        self, vector: NDArray[np.float32], id: str, *, where: str | None, function: str
    ) -> int | None:
        """See Store: every row is compared; of equal ones the first id comes first."""
        allowed, values = self._condition(where)
        statement = self._sql(
            "WITH ranked AS (SELECT {id}::text AS id, {vector} {operator} %s::{kind} AS distance,"
            " {allowed} AS allowed FROM {table} WHERE {vector} IS NOT NULL),"
            " mine AS (SELECT id, distance FROM ranked WHERE id = %s)"
            " SELECT count(*) FROM ranked, mine WHERE ranked.allowed AND ranked.id != mine.id AND"
            ' (ranked.distance, ranked.id COLLATE "C") < (mine.distance, mine.id COLLATE "C")',
            allowed=allowed,
            operator=self._psycopg.sql.SQL(_operator(function)),
        )
        arguments = [_literal(vector), *values, id]
        return int(self._ask(lambda cursor: cursor.execute(statement, arguments).fetchone()[0]))

    def close(self) -> None:
        """See Store."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _look_at(self, fields: Fields) -> tuple[Fields, str, int]:
        """Return the fields with that of the ids, the type of the vectors, and H."""
        if not self._columns:
            raise OptionError(
                f"{self.address} has no table {self.collection!r} with columns that may be read: "
                "check the name (schema.table where it is not in the search path), and the rights."
            )
        check_fields(fields, list(self._columns), collection=self.collection)
        found = replace(fields, id=fields.id or self._ask(self._primary_key))
        column = self._columns[fields.vector]
        base, _, size = column.type.partition("(")
        if base not in ("vector", "halfvec") or not size:
            raise OptionError(
                f"The column {fields.vector!r} of {self.collection!r} is of type {column.type}: "
                "give one of type vector(n) or halfvec(n)."
            )
        return found, base, int(size.rstrip(")"))

    def _ask(self, question: Callable[[Any], Result]) -> Result:
        """Return the answer to a question that is put with a cursor. Raises StorageError."""
        psycopg = self._psycopg
        with self._lock:
            for again in (True, False):
                try:
                    if self._connection is None or self._connection.closed:
                        self._connection = psycopg.connect(self._url, connect_timeout=10)
                        self._connection.read_only = True
                    with self._connection.transaction(), self._connection.cursor() as cursor:
                        return question(cursor)
                except (psycopg.OperationalError, psycopg.InterfaceError) as error:
                    lost = self._connection is not None and self._connection.closed
                    self.close()
                    if not (again and lost):
                        raise StorageError(
                            f"{self.address} can't be asked: {_said(error)}"
                        ) from error
                except psycopg.errors.DataError:
                    raise
                except psycopg.Error as error:
                    raise StorageError(f"{self.address} refuses: {_said(error)}") from error
        raise AssertionError("unreachable")  # pragma: no cover

    def _rows(self, statement: Any, values: Sequence[Any], *, width: int = 0) -> list[Stored]:
        def question(cursor: Any) -> list[Stored]:
            if width:
                for setting in (
                    f"SET LOCAL hnsw.ef_search = {min(width, 1000)}",
                    "SET LOCAL hnsw.iterative_scan = strict_order",
                    f"SET LOCAL ivfflat.probes = {max(1, min(width, 1000) // 10)}",
                ):
                    with _tolerated(self._psycopg, cursor):
                        cursor.execute(setting)
            cursor.execute(statement, values)
            names = [column.name for column in cursor.description]
            return [self._stored(dict(zip(names, row, strict=True))) for row in cursor]

        return self._ask(question)

    def _stored(self, row: dict[str, Any]) -> Stored:
        vector = row.pop(self.fields.vector)
        return Stored(
            str(row[str(self.fields.id)]),
            row,
            np.array(vector[1:-1].split(","), dtype=np.float32),
        )

    def _sql(self, text: str, **parts: Any) -> Any:
        sql = self._psycopg.sql
        vector = sql.Identifier(self.fields.vector)
        columns = sql.SQL(", ").join(
            sql.SQL("{0}::text AS {0}").format(vector)
            if name == self.fields.vector
            else sql.Identifier(name)
            for name, column in self._columns.items()
            if name == self.fields.vector or column.kind != "other" or name in self._named()
        )
        return sql.SQL(text).format(
            table=self._table,
            columns=columns,
            id=sql.Identifier(self.fields.id),
            vector=vector,
            kind=sql.SQL(self._base),
            **parts,
        )

    def _named(self) -> set[str]:
        return {name for name in (self.fields.id, self.fields.title, *self.fields.text) if name}

    def _id_type(self) -> str:
        return self._columns[str(self.fields.id)].type

    def _read_columns(self, cursor: Any) -> dict[str, _Column]:
        # The catalogue knows the number of dimensions, which information_schema does not.
        cursor.execute(
            "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute"
            " WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
            [self._table.as_string(cursor)],
        )
        return {name: _Column(kind, _kind(kind)) for name, kind in cursor.fetchall()}

    def _primary_key(self, cursor: Any) -> str:
        cursor.execute(
            "SELECT attname FROM pg_index JOIN pg_attribute ON attrelid = indrelid"
            " AND attnum = ANY(indkey) WHERE indrelid = to_regclass(%s) AND indisprimary",
            [self._table.as_string(cursor)],
        )
        found = [row[0] for row in cursor.fetchall()]
        if len(found) != 1:
            what = "a primary key of several columns" if found else "no primary key"
            raise OptionError(
                f"{self.collection!r} has {what}: name the column that tells items apart "
                f"(id_field); there are: {', '.join(self._columns)}."
            )
        return str(found[0])

    def _index_metric(self, cursor: Any) -> SimilarityFunction | None:
        cursor.execute(
            "SELECT opcname FROM pg_index JOIN pg_attribute ON attrelid = indrelid"
            " AND attnum = ANY(indkey) JOIN pg_opclass ON pg_opclass.oid = ANY(indclass)"
            " WHERE indrelid = to_regclass(%s) AND attname = %s AND indisvalid",
            [self._table.as_string(cursor), self.fields.vector],
        )
        for (name,) in cursor.fetchall():
            for ending, metric in _METRICS.items():
                if name.endswith(ending):
                    return metric
        return None

    def _condition(self, where: str | None) -> tuple[Any, list[Any]]:
        """Return a filter as SQL that is true or false of every row, never null, and its values."""
        if where is None:
            return self._psycopg.sql.SQL("TRUE"), []
        values: list[Any] = []
        return self._translate(parse_where(where), where, values), values

    def _translate(self, part: Filter, where: str, values: list[Any]) -> Any:
        sql = self._psycopg.sql
        if isinstance(part, Not):
            return sql.SQL("(NOT {})").format(self._translate(part.part, where, values))
        if isinstance(part, Every | Some):
            joint = sql.SQL(" AND " if isinstance(part, Every) else " OR ")
            parts = [self._translate(one, where, values) for one in part.parts]
            return sql.SQL("({})").format(joint.join(parts))
        column, path = self._field_of(part, where)
        if isinstance(part, IsNull):
            return self._is_null(column, path, values)
        return self._compare(part, column, path, where, values)

    def _compare(
        self, part: Compare, column: str, path: Sequence[str], where: str, values: list[Any]
    ) -> Any:
        sql = self._psycopg.sql
        own = self._columns[column].kind
        if own == "list" and part.operator != "=":
            raise failure(where, part.column, f"{part.field} holds lists: ask with = or in")
        if own == "json" and not path:
            raise failure(where, part.column, f"{part.field} holds objects: ask {part.field}.NAME")
        # Of JSON the value decides how it is read; dates and the like are compared as texts.
        kind = {"json": kind_of_value(part.values[0]), "other": "text", "list": "text"}.get(
            own, own
        )
        wanted = tuple(_exact(value) for value in values_for(part, kind, where))
        value = self._value_of(column, path, kind, values)
        if part.operator == "contains":
            values.append(f"%{_escaped(str(wanted[0]))}%")
            test = sql.SQL("{} ILIKE %s").format(value)
        elif part.operator == "=":
            values.append(list(wanted))
            operator = "&& %s" if own == "list" else "= ANY(%s)"
            test = sql.SQL("{} " + operator).format(value)
        else:
            values.append(wanted[0])
            test = sql.SQL("{} " + part.operator + " %s").format(value)
        return sql.SQL("COALESCE({}, FALSE)").format(test)

    def _value_of(self, column: str, path: Sequence[str], kind: str, values: list[Any]) -> Any:
        sql, name = self._psycopg.sql, self._psycopg.sql.Identifier(column)
        own = self._columns[column].kind
        if own == "json" and path:
            types = {"text": "string", "number": "number", "boolean": "boolean"}
            casts = {"text": "", "number": "::numeric", "boolean": "::boolean"}
            values += [list(path), list(path)]
            return sql.SQL(
                f"(CASE WHEN jsonb_typeof({{name}}::jsonb #> %s) = '{types[kind]}'"
                f" THEN ({{name}}::jsonb #>> %s){casts[kind]} END)"
            ).format(name=name)
        if own == "list":
            return sql.SQL("{}::text[]").format(name)
        return sql.SQL("{}::text").format(name) if own in ("text", "other") else name

    def _is_null(self, column: str, path: Sequence[str], values: list[Any]) -> Any:
        sql, name = self._psycopg.sql, self._psycopg.sql.Identifier(column)
        if not path:
            return sql.SQL("({} IS NULL)").format(name)
        # A null of JSON's own is as good as nothing.
        values.append(list(path))
        return sql.SQL("(({}::jsonb #>> %s) IS NULL)").format(name)

    def _field_of(self, part: Compare | IsNull, where: str) -> tuple[str, list[str]]:
        """Return the column of a filter's field, and the way inside of it where it is JSON."""
        root, *path = part.field.split(".")
        inside = path and root in self._columns and self._columns[root].kind == "json"
        if part.field not in self._columns and inside:
            return root, path
        known = [name for name in self._columns if name != self.fields.vector]
        check_name(part, where, known)
        return part.field, []


def _kind(type_: str) -> Kind:
    base = type_.partition("(")[0]
    if type_.endswith("[]"):
        return "list"
    return _KINDS.get(base, "other")


def _operator(function: str) -> str:
    if function not in _OPERATORS:
        raise OptionError(
            f"pgvector can't search by {function}; it does by {', '.join(_OPERATORS)}."
        )
    return _OPERATORS[function]


def _exact(value: Value) -> str | bool | Decimal:
    """Return a value as PostgreSQL compares it with numbers of every type."""
    return value if isinstance(value, str | bool) else Decimal(repr(value))


def _literal(vector: NDArray[np.float32]) -> str:
    return "[" + ",".join(f"{value:.9g}" for value in vector.tolist()) + "]"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")


def _said(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].rstrip(".") + "."


@contextmanager
def _tolerated(psycopg: Any, cursor: Any) -> Iterator[None]:
    """Let a setting fail that an older pgvector does not have, and go on with the transaction."""
    try:
        with cursor.connection.transaction():
            yield
    except psycopg.Error:
        return
