"""Schemas of documents, made from their declarations: for JSON Schema and for the web's models.

Each dataclass is written as an object of its fields; what a field means, its unit and its limits
are those that it is declared with (``describe`` and ``option``). Needs pydantic, which comes with
the extras ``serve`` and ``study``.
"""

from dataclasses import Field as Declared
from dataclasses import fields, is_dataclass
from functools import cache
from types import UnionType
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Literal,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from pydantic import BaseModel, ConfigDict, Field, create_model

from whyalike.comparison import (
    COMPARISON,
    Comparison,
    ComparisonRow,
    MarginChecks,
    MarginDeletion,
)
from whyalike.explanation import (
    FORMAT,
    BackgroundScore,
    Checks,
    Deletion,
    ExplainedText,
    Explanation,
    ScorePart,
    StoredVectors,
    Term,
    TextChunk,
    Unit,
    Units,
    Word,
    WordPair,
)
from whyalike.options import BTIOptions

LIMITS = {"least": "ge", "above": "gt", "most": "le", "shortest": "min_length"}
"""Names of limits in declarations, and what pydantic calls them."""

HEADS = {Explanation: FORMAT, Comparison: COMPARISON}
"""The format and version that such a document says first."""

NAMES = {
    BackgroundScore: "BackgroundModel",
    BTIOptions: "Options",
    Checks: "ChecksModel",
    Comparison: "ComparisonModel",
    ComparisonRow: "ComparisonRowModel",
    Deletion: "DeletionModel",
    Unit: "UnitModel",
    Units: "UnitsModel",
    StoredVectors: "StoredVectorsModel",
    ExplainedText: "TextModel",
    Explanation: "ExplanationModel",
    ScorePart: "ScorePartModel",
    MarginChecks: "MarginChecksModel",
    MarginDeletion: "MarginDeletionModel",
    Term: "TermModel",
    TextChunk: "ChunkModel",
    Word: "WordModel",
    WordPair: "WordPairModel",
}


class Strict(BaseModel):
    """Refuses fields that are not known: a misspelt one would otherwise do nothing."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


@cache
def model_of(kind: type, **computed: Any) -> type[Strict]:
    """Return the pydantic model of what a dataclass is written as.

    Every field is required, as it is written, but for those that are left out where nothing is
    known.

    Parameters
    ----------
    kind : type
        The dataclass.
    **computed : Any
        Types of what is written besides its fields.
    """
    hints = get_type_hints(kind)
    said: dict[str, Any] = {}
    if head := HEADS.get(kind):
        name, version = Literal[head.name], Literal[head.version]
        said["format"] = (name, Field(description="What this document is."))
        said["version"] = (version, Field(description=VERSION))
    said |= {name: (of, ...) for name, of in computed.items()}
    if kind in HEADS:
        said["verdict"] = (str, Field("", description=VERDICT))
    said |= {one.name: _field(one, hints[one.name]) for one in fields(kind)}
    if kind is BTIOptions:
        said["own"] = (dict[str, str | bool | int | float | None], Field({}, description=OWN))
    doc = (kind.__doc__ or "").partition("\n\n")[0]
    return create_model(NAMES.get(kind, kind.__name__), __base__=Strict, __doc__=doc, **said)


VERSION = (
    "Version of this format. It grows when a field is dropped or changes its meaning, and when one "
    "is added that every document must have."
)

VERDICT = (
    "What the score means and what carries it, a sentence in which words of the texts stand "
    "between asterisks. Made of the rest when the document is written; read by nothing."
)

OWN = "Options that a method has which does not come with whyalike, by name; absent for any other."


def _field(one: "Declared[Any]", kind: Any) -> tuple[Any, Any]:
    """Return the type of a field and what is said of it; limits of a list are those of entries."""
    limits: dict[str, Any] = {
        LIMITS[name]: value for name, value in one.metadata.items() if name in LIMITS
    }
    about: dict[str, Any] = {"description": one.metadata.get("meaning")}
    default: Any = one.default if one.metadata.get("where_known") else ...
    if get_origin(kind) is tuple and limits:
        entry: Any = Annotated[get_args(kind)[0], Field(**limits)]
        return list[entry], Field(default, **about)
    return _written(kind), Field(default, **about, **limits)


def _written(kind: Any) -> Any:
    """Return the type of what a field is written as: lists for tuples, objects for dataclasses."""
    origin, parts = get_origin(kind), get_args(kind)
    if origin is tuple:
        of: Any = list[_written(parts[0])]  # type: ignore[misc]
        if parts[-1] is Ellipsis:
            return of
        return Annotated[of, Field(min_length=len(parts), max_length=len(parts))]
    if origin in (Union, UnionType):
        return Union[tuple(map(_written, parts))]  # noqa: UP007
    if isinstance(kind, type) and is_dataclass(kind):
        return model_of(kind)
    return kind


if TYPE_CHECKING:

    class ExplanationModel(Strict):
        """What ``Explanation.to_dict()`` gives."""

    class ComparisonModel(Strict):
        """What ``Comparison.to_dict()`` gives."""

else:
    ExplanationModel = model_of(Explanation)
    ComparisonModel = model_of(
        Comparison,
        margin=float,
        query_contributions=list[float],
        query_rows=list[model_of(ComparisonRow)],
        text_rows=list[model_of(ComparisonRow)],
    )


def explanation_schema() -> dict[str, Any]:
    """Return the JSON Schema of explanations, as ``docs/explanation.schema.json`` holds it."""
    made = ExplanationModel.model_json_schema()
    names = {
        "BackgroundModel": "background",
        "ChecksModel": "checks",
        "ChunkModel": "chunk",
        "DeletionModel": "deletion",
        "StoredVectorsModel": "stored",
        "UnitModel": "unit",
        "UnitsModel": "units",
        "Options": "options",
        "TermModel": "term",
        "TextModel": "text",
        "ScorePartModel": "part",
        "WordModel": "word",
        "WordPairModel": "pair",
    }
    said = _plain(made, names)
    definitions = {names[name]: _plain(one, names) for name, one in made["$defs"].items()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"whyalike explanation, version {FORMAT.version}",
        "description": "Why one model finds two texts alike, as Explanation.to_json() and "
        "`whyalike explain --json` write it. Offsets count Unicode code points from 0, ends "
        "exclusive; indices count from 0; saliencies and scores have no unit.",
        **{name: said[name] for name in ("type", "additionalProperties", "required", "properties")},
        "$defs": definitions,
    }


def _plain(made: Any, names: dict[str, str]) -> Any:
    """Return a part of a schema without the titles and defaults that pydantic adds."""
    if isinstance(made, list):
        return [_plain(one, names) for one in made]
    if not isinstance(made, dict):
        return made
    said: dict[str, Any] = {
        name: {key: _plain(one, names) for key, one in value.items()}
        if name == "properties"
        else _plain(value, names)
        for name, value in made.items()
        if name not in ("title", "default", "$defs")
    }
    if "$ref" in said:
        said["$ref"] = f"#/$defs/{names[said['$ref'].rpartition('/')[2]]}"
    return _one_of(said)


def _one_of(said: dict[str, Any]) -> dict[str, Any]:
    """Write "this or null" as one type, which is shorter and means the same."""
    parts = said.get("anyOf", [])
    if len(parts) != 2 or parts[1] != {"type": "null"} or "type" not in parts[0]:
        return said
    either = {**parts[0], "type": [parts[0]["type"], "null"]}
    if "enum" in either:
        either["enum"] = [*either["enum"], None]
    return {**{name: value for name, value in said.items() if name != "anyOf"}, **either}
