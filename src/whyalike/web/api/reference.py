"""The reference of the API: the OpenAPI document, and a page drawn of it without scripts."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

import whyalike
from whyalike.options import Declared, MethodOptions, declared
from whyalike.web.api.routes import HERE, PREFIX, examples
from whyalike.web.api.schema import option_schema

if TYPE_CHECKING:
    from fastapi import FastAPI

    from whyalike.web.pages import Pages

DOCUMENT = "/api/openapi.json"
PAGE = "/api/docs"
ABOUT = (
    "Why does a model find two texts alike? Errors are JSON with the field `error`, a sentence "
    "that says what to do; 403 and 413 are that sentence alone."
)


@dataclass(frozen=True, slots=True)
class Row:
    """A field of a request, as the page lists it."""

    name: str
    kind: str
    says: str
    required: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """An address, as the page shows it."""

    id: str
    method: str
    path: str
    title: str
    says: str
    rows: tuple[Row, ...]
    answers: tuple[tuple[str, str], ...]
    curl: str
    python: str


@dataclass(frozen=True, slots=True)
class OptionRow:
    """An option that requests take by its name, as the page lists it."""

    name: str
    methods: str
    takes: str
    default: str
    meaning: str


class Reference:
    """Serves the document and the page of ``app``; its other pages are no part of either.

    ``closed`` says that the app asks for a token.
    """

    def __init__(self, app: "FastAPI", pages: "Pages", *, closed: bool = False) -> None:
        self.app, self.pages, self.closed = app, pages, closed

    def register(self) -> None:
        """Add both addresses."""
        self.app.add_route(DOCUMENT, self.answer_document, methods=["GET"])
        self.app.add_route(PAGE, self.answer_page, methods=["GET"])

    @cached_property
    def document(self) -> dict[str, Any]:
        """The OpenAPI document, with examples for curl and Python."""
        from fastapi.openapi.utils import get_openapi

        routes = [one for one in self.app.routes if getattr(one, "path", "").startswith(PREFIX)]
        document = get_openapi(
            title="whyalike", version=whyalike.__version__, description=ABOUT, routes=routes
        )
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                curl, python = examples(path, method)
                operation["x-codeSamples"] = [
                    {"lang": "Shell", "label": "curl", "source": curl},
                    {"lang": "Python", "label": "Python", "source": python},
                ]
        known = document["components"]["schemas"]["SomeOptions"]
        known["properties"] = {name: option_schema(one) for name, (one, _) in options_by_name()}
        known["additionalProperties"] = False
        document["components"].setdefault("securitySchemes", {})["token"] = {
            "type": "http",
            "scheme": "bearer",
            "description": "Needed where the server was started with --token.",
        }
        document["security"] = [{"token": []}] if self.closed else []
        return document

    async def answer_document(self, _: Request) -> Response:
        """Return the document."""
        return JSONResponse(self.document)

    async def answer_page(self, request: Request) -> Response:
        """Return the page, with the origin that the reader sees in its examples."""
        origin = f"{request.url.scheme}://{request.url.netloc}"
        entries, about = list(describe(self.document, origin)), ABOUT.replace("`", "")
        return self.pages.answer(
            "api.html.j2",
            entries=entries,
            options=list(describe_options()),
            document=DOCUMENT,
            about=about,
            here=PAGE,
        )


def options_by_name() -> "Sequence[tuple[str, tuple[Declared, Sequence[str]]]]":
    """Return the options of all methods, each with the names of the methods that have it.

    Of two methods that declare one name differently, the first that is listed.
    """
    from whyalike.methods.method import list_methods

    found: dict[str, tuple[Declared, list[str]]] = {}
    for method in list_methods():
        for option in method.declared:
            found.setdefault(option.name, (option, []))[1].append(method.name)
    return list(found.items())


def describe_options() -> Iterator[OptionRow]:
    """Yield the options as the page lists them, by their declarations."""
    every = {one.name for one in declared(MethodOptions)}
    for name, (option, methods) in options_by_name():
        limit = "" if option.served is None else f"; this server: {option.served:,} at most"
        yield OptionRow(
            name,
            "every method" if name in every else ", ".join(methods),
            option.allowed.replace("None", "null") + limit,
            json.dumps(option.default),
            option.meaning,
        )


def describe(document: Mapping[str, Any], origin: str) -> "Sequence[Entry]":
    """Return the addresses of a document."""
    schemas = document["components"]["schemas"]
    entries = []
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            curl, python = (one["source"] for one in operation["x-codeSamples"])
            title, _, more = operation.get("description", "").partition("\n")
            entries.append(
                Entry(
                    id=path.rsplit("/", 1)[-1],
                    method=method.upper(),
                    path=path,
                    title=title.strip(),
                    says=" ".join(more.split()),
                    rows=_rows(operation, schemas),
                    answers=tuple(
                        (code, one["description"])
                        for code, one in sorted(operation["responses"].items())
                    ),
                    curl=curl.replace(HERE, origin),
                    python=python.replace(HERE, origin),
                )
            )
    return entries


def _rows(operation: Mapping[str, Any], schemas: Mapping[str, Any]) -> tuple[Row, ...]:
    body = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if body is None:
        return ()
    schema = schemas[body["schema"]["$ref"].rsplit("/", 1)[-1]]
    needed = schema.get("required", [])
    return tuple(
        Row(name, _kind(one), one.get("description", ""), name in needed)
        for name, one in schema["properties"].items()
    )


def _kind(schema: Mapping[str, Any]) -> str:
    """Return what a field takes, in a few words."""
    parts = schema.get("anyOf", [schema])
    said = []
    for part in parts:
        if "enum" in part:
            said.append(" or ".join(part["enum"]))
        elif "$ref" in part:
            said.append("options")
        elif part.get("type") != "null":
            said.append(str(part.get("type", "anything")))
    return " or ".join(said)
