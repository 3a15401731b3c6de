"""Collections of Milvus: the server's, and the files of Milvus Lite."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

import numpy as np
from numpy.typing import NDArray

from whyalike.catalogue.stores.store import (
    MOST_FOUND,
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
from whyalike.catalogue.where import Compare, Every, Filter, IsNull, Not, Some, failure, parse_where
from whyalike.errors import MissingExtraError, OptionError, StorageError
from whyalike.explanation import SimilarityFunction

Kind = Literal["text", "number", "boolean", "json", "list", "vector"]

_KINDS: dict[str, Kind] = {
    **dict.fromkeys(("VARCHAR", "STRING"), "text"),
    **dict.fromkeys(("INT8", "INT16", "INT32", "INT64", "FLOAT", "DOUBLE"), "number"),
    "BOOL": "boolean",
    "JSON": "json",
    "ARRAY": "list",
}
_METRICS: dict[str, SimilarityFunction] = {"COSINE": "cosine", "IP": "dot", "L2": "euclidean"}

VECTORS = ("FLOAT_VECTOR", "FLOAT16_VECTOR", "BFLOAT16_VECTOR")

SEARCH_WIDTH = 256
"""Of a graph (ef), at least; nprobe of lists is an eighth of it."""


@register_store("milvus")
def open_milvus(address: str, *, collection: str, fields: Fields, token: str | None) -> Store:
    """Open a collection; see ``open_store``. ``milvus+https://`` is the same over TLS."""
    return MilvusStore(address, collection=collection, fields=fields, token=token)


register_store("milvus+https")(open_milvus)


class MilvusStore:
    """A collection with a vector field of type FLOAT_VECTOR, FLOAT16_VECTOR or BFLOAT16_VECTOR.

    See Store. ``contains`` of a filter minds the case of letters here, as LIKE of Milvus does.

    Raises
    ------
    OptionError
        No such collection or field, or vectors of another type.
    StorageError
        The server does not answer, or refuses.
    MissingExtraError
        pymilvus is not installed (extra ``milvus``), or for a file milvus-lite.
    """

    def __init__(
        self, address: str, *, collection: str, fields: Fields, token: str | None = None
    ) -> None:
        try:
            from pymilvus import MilvusClient, MilvusException
        except ImportError as error:
            raise MissingExtraError("Milvus", "pymilvus", "milvus") from error
        self._failure: Any = MilvusException
        self.address, self.collection = without_password(address), collection
        uri, own_token = _uri(address)
        with self._said():
            self._client = MilvusClient(uri, token=token or own_token or "", timeout=30)
        try:
            with self._said():
                found = self._described()
            described = {field["name"]: field for field in found["fields"]}
            self._dynamic = bool(found.get("enable_dynamic_field"))
            self._kinds = {name: _kind(field["type"].name) for name, field in described.items()}
            self._always = {name for name, field in described.items() if not field.get("nullable")}
            self.fields = self._checked(fields, described)
            vector = described[fields.vector]
            self._vector_kind: str = vector["type"].name
            self.dimension = int(vector["params"]["dim"])
            self.metric = self._index_metric()
        except BaseException:
            self._client.close()
            raise

    def __len__(self) -> int:
        """Return how many items there are now."""
        with self._said():
            found = self._client.query(
                self.collection, filter="", output_fields=["count(*)"], consistency_level="Strong"
            )
        return int(found[0]["count(*)"])

    def fetch(self, ids: Sequence[str]) -> list[Stored]:
        """See Store."""
        keys: list[Any] = list(ids)
        if self._kinds[str(self.fields.id)] == "number":
            keys = [int(id_) for id_ in ids if id_.lstrip("-").isdecimal()]
        if not keys:
            return []
        with self._said():
            found = self._client.get(self.collection, ids=keys, output_fields=["*"])
            return [self._stored(row) for row in found]

    def sample(self, count: int) -> list[Stored]:
        """See Store."""
        with self._said():
            # What was just inserted counts, too: an empty sample would tell nothing of lengths.
            found = self._client.query(
                self.collection,
                filter="",
                limit=count,
                output_fields=["*"],
                consistency_level="Strong",
            )
            return [self._stored(row) for row in found]

    def search(
        self, vector: NDArray[np.float32], k: int, *, where: str | None, function: str
    ) -> list[Stored]:
        """See Store: by the index of the vector field."""
        return [
            self._stored(hit["entity"]) for hit in self._search(vector, k, where, function, ["*"])
        ]

    def before(
        self, vector: NDArray[np.float32], id: str, *, where: str | None, function: str
    ) -> int | None:
        """See Store: as far as a search goes, and None beyond."""
        key = str(self.fields.id)
        for place, hit in enumerate(self._search(vector, MOST_FOUND, where, function, [key])):
            if str(hit["entity"].get(key, hit.get("id"))) == id:
                return place
        return None

    def close(self) -> None:
        """See Store."""
        self._client.close()

    def _described(self) -> Any:
        """Return the schema of the collection, once it can be searched."""
        if not self._client.has_collection(self.collection):
            there = ", ".join(sorted(self._client.list_collections())) or "none"
            raise OptionError(
                f"{self.address} has no collection {self.collection!r}; there are: {there}."
            )
        self._client.load_collection(self.collection)
        return self._client.describe_collection(self.collection)

    def _checked(self, fields: Fields, described: Mapping[str, Any]) -> Fields:
        """Return the fields with that of the ids. Raises OptionError where one can't be it."""
        # What no schema names may be in an item all the same.
        loose = [name for name in (*fields.text, fields.title) if name and self._dynamic]
        known = list(dict.fromkeys([*described, *loose]))
        check_fields(fields, known, collection=self.collection)
        kind = described[fields.vector]["type"].name
        if kind not in VECTORS:
            raise OptionError(
                f"The field {fields.vector!r} of {self.collection!r} is of type {kind}: give one "
                f"of type {', '.join(VECTORS)}."
            )
        key = next(name for name, field in described.items() if field.get("is_primary"))
        if fields.id not in (None, key):
            raise OptionError(
                f"Milvus finds items by their primary key, which is {key!r} in "
                f"{self.collection!r}: leave out id_field, or give {key!r}."
            )
        return replace(fields, id=key)

    def _search(
        self,
        vector: NDArray[np.float32],
        k: int,
        where: str | None,
        function: str,
        fields: list[str],
    ) -> list[Any]:
        width = max(SEARCH_WIDTH, 2 * k)
        with self._said():
            found = self._client.search(
                self.collection,
                data=[vector.tolist()],
                anns_field=self.fields.vector,
                limit=min(k, MOST_FOUND),
                filter=self._condition(where),
                output_fields=fields,
                search_params={
                    "metric_type": _metric_type(function),
                    "params": {"ef": width, "nprobe": max(8, width // 8)},
                },
                consistency_level="Strong",
            )
        return list(found[0])

    def _stored(self, row: Any) -> Stored:
        values = dict(row)
        raw = values.pop(self.fields.vector)
        vector = _numbers(raw, self._vector_kind)
        for name in [name for name, kind in self._kinds.items() if kind == "vector"]:
            values.pop(name, None)
        return Stored(str(values[str(self.fields.id)]), values, vector)

    def _index_metric(self) -> SimilarityFunction | None:
        with self._said():
            for name in self._client.list_indexes(self.collection):
                found = self._client.describe_index(self.collection, name)
                if found and found.get("field_name") == self.fields.vector:
                    return _METRICS.get(str(found.get("metric_type", "")).upper())
        return None

    def _condition(self, where: str | None) -> str:
        return "" if where is None else self._translate(parse_where(where), where, contrary=False)

    def _translate(self, part: Filter, where: str, *, contrary: bool) -> str:
        """Return a filter as Milvus reads it.

        Of a missing value it knows nothing, not even what is contrary: so ``not`` stands nowhere
        but at a comparison, where missing values are named beside it.
        """
        if isinstance(part, Not):
            return self._translate(part.part, where, contrary=not contrary)
        if isinstance(part, Every | Some):
            joint = " and " if isinstance(part, Every) != contrary else " or "
            parts = (self._translate(one, where, contrary=contrary) for one in part.parts)
            return f"({joint.join(parts)})"
        name, kind = self._field_of(part, where)
        if isinstance(part, IsNull):
            missing = self._missing(name, kind)
            return f"(not ({missing}))" if contrary else f"({missing})"
        test = self._compare(part, name, kind, where)
        if not contrary:
            return f"({test})"
        if name in self._always:
            return f"(not ({test}))"
        return f"(({self._missing(name, kind)}) or not ({test}))"

    def _missing(self, name: str, kind: Kind) -> str:
        """Return the condition that a field has no value."""
        if kind == "json":
            return f"not (exists {name})"  # Servers before 2.5 know no null.
        return f"{self.fields.id} in []" if name in self._always else f"{name} is null"

    def _compare(self, part: Compare, name: str, kind: Kind, where: str) -> str:
        is_json = kind == "json"
        if is_json:
            kind = kind_of_value(part.values[0])
        if kind == "list":
            if part.operator != "=":
                raise failure(where, part.column, f"{part.field} holds lists: ask with = or in")
            return f"array_contains_any({name}, {json.dumps(part.values, ensure_ascii=False)})"
        wanted = values_for(part, kind, where)
        said = json.dumps(wanted[0], ensure_ascii=False)
        if part.operator == "contains":
            escaped = str(wanted[0])
            for sign in ("\\", "%", "_"):
                escaped = escaped.replace(sign, "\\" + sign)
            return f"{name} like {json.dumps(f'%{escaped}%', ensure_ascii=False)}"
        if part.operator == "=" and is_json:
            # ``in`` takes a field of the schema alone.
            tests = (f"{name} == {json.dumps(one, ensure_ascii=False)}" for one in wanted)
            return " or ".join(tests)
        if part.operator == "=":
            return f"{name} in {json.dumps(list(wanted), ensure_ascii=False)}"
        return f"{name} {part.operator} {said}"

    def _field_of(self, part: Compare | IsNull, where: str) -> tuple[str, Kind]:
        known = [name for name, kind in self._kinds.items() if kind != "vector"]
        if part.field in known:
            return part.field, self._kinds[part.field]
        root, *path = part.field.split(".")
        if path and self._kinds.get(root) == "json":
            return root + "".join(f"[{json.dumps(step)}]" for step in path), "json"
        check_name(part, where, known, dynamic=self._dynamic)
        plain = part.field.isascii() and part.field.isidentifier()
        return part.field if plain else f"$meta[{json.dumps(part.field)}]", "json"

    @contextmanager
    def _said(self) -> Iterator[None]:
        """Raise StorageError, in one sentence, for what the client raises."""
        try:
            yield
        except self._failure as error:
            said = str(getattr(error, "message", "") or error).strip().splitlines()
            reason = (said or [type(error).__name__])[0].rstrip(".")
            raise StorageError(f"{self.address} can't be asked: {reason}.") from error
        except (ImportError, ModuleNotFoundError) as error:
            raise MissingExtraError("A file of Milvus Lite", "milvus-lite", "milvus") from error


def _uri(address: str) -> tuple[str, str | None]:
    """Return what the client takes: an address of HTTP or a file, and the token in the address."""
    parts = urlsplit(address)
    if not parts.hostname:
        path = unquote(parts.path)
        if not path.strip("/"):
            raise OptionError(
                f"{address!r} names no server and no file: give milvus://host:19530, or "
                "milvus:///folder/file.db."
            )
        return path, None
    if parts.hostname.endswith(".db") and not parts.port:
        return unquote(parts.netloc + parts.path), None
    scheme = "https" if parts.scheme.endswith("https") else "http"
    token = None if parts.username is None else f"{parts.username}:{parts.password or ''}"
    return f"{scheme}://{parts.hostname}:{parts.port or 19530}{parts.path}", token


def _metric_type(function: str) -> str:
    for name, metric in _METRICS.items():
        if metric == function:
            return name
    raise OptionError(f"Milvus can't search by {function}; it does by {', '.join(_METRICS)}.")


def _kind(type_: str) -> Kind:
    return "vector" if "VECTOR" in type_ else _KINDS.get(type_, "json")


def _numbers(raw: Any, kind: str) -> NDArray[np.float32]:
    if kind == "FLOAT_VECTOR":
        return np.asarray(raw, dtype=np.float32)
    content = b"".join(raw) if isinstance(raw, list) else bytes(raw)
    if kind == "FLOAT16_VECTOR":
        return np.frombuffer(content, dtype="<f2").astype(np.float32)
    # bfloat16 is the upper half of a float32.
    return (np.frombuffer(content, dtype="<u2").astype("<u4") << 16).view("<f4").astype(np.float32)
