"""The reference of the API: the OpenAPI document, and a page drawn of it without scripts."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

import whyalike
from whyalike.options import Declared, MethodOptions, declared
from whyalike.web.api.bodies import PREFIX
from whyalike.web.api.codes import CODES
from whyalike.web.api.examples import HERE, QUESTIONS, answers, in_curl_and_python
from whyalike.web.api.routes import TAGS
from whyalike.web.api.schema import BatchAnswer, option_schema

if TYPE_CHECKING:
    from fastapi import FastAPI

    from whyalike.web.pages import Pages

DOCUMENT = "/api/openapi.json"
PAGE = "/api/docs"
ABOUT = (
    "Why does a model find two texts alike? Errors are JSON: `error` is a sentence that says what "
    "to do, `code` is for programs, `limit` and `value` are what was passed and what came. Every "
    "answer has X-Request-Id, the request's own where it sends a sane one, and Server-Timing."
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
            title="whyalike",
            version=whyalike.__version__,
            description=ABOUT,
            routes=routes,
            tags=[{"name": name, "description": about} for name, about in TAGS.items()],
        )
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                _illustrate(operation, path, method)
        document["components"]["examples"] = _shared_examples(document["paths"])
        schemas = document["components"]["schemas"]
        _describe_options(schemas)
        schemas["BatchAnswer"] = _alone(BatchAnswer.model_json_schema(ref_template=REF), schemas)
        document["components"].setdefault("securitySchemes", {})["token"] = {
            "type": "http",
            "scheme": "bearer",
            "description": "Needed where the server was started with --token.",
        }
        document["security"] = [{"token": []}] if self.closed else []
        return document

    async def answer_document(self, _: Request) -> Response:
        """Return the document."""
        return JSONResponse(await self._made())

    async def _made(self) -> dict[str, Any]:
        # Examples are computed when it is asked for first.
        return await run_in_threadpool(lambda: self.document)

    async def answer_page(self, request: Request) -> Response:
        """Return the page, with the origin that the reader sees in its examples."""
        origin = f"{request.url.scheme}://{request.url.netloc}"
        entries, about = list(describe(await self._made(), origin)), ABOUT.replace("`", "")
        return self.pages.answer(
            "api.html.j2",
            entries=entries,
            options=list(describe_options()),
            codes=[(name, code.statuses, code.meaning) for name, code in CODES.items()],
            document=DOCUMENT,
            about=about,
            here=PAGE,
        )


REF = "#/components/schemas/{model}"


def _illustrate(operation: dict[str, Any], path: str, method: str) -> None:
    """Put examples of question and answer into an operation, and how to ask it."""
    name = path.rsplit("/", 1)[-1]
    curl, python = in_curl_and_python(path, method)
    operation["x-codeSamples"] = [
        {"lang": "Shell", "label": "curl", "source": curl},
        {"lang": "Python", "label": "Python", "source": python},
    ]
    if name in QUESTIONS:
        content = operation["requestBody"]["content"]["application/json"]
        content["examples"] = {
            summary: {"summary": summary, "value": value}
            for summary, value in QUESTIONS[name].items()
        }
    if name in answers():
        operation["responses"]["200"]["content"]["application/json"]["example"] = answers()[name]
    for answer in operation["responses"].values():
        answer["headers"] = HEADERS


def _shared_examples(paths: Mapping[str, Any]) -> dict[str, Any]:
    """Return the examples of errors, each once, and let operations refer to them."""
    found: dict[str, Any] = {}
    for operations in paths.values():
        for operation in operations.values():
            for status, answer in operation["responses"].items():
                given = answer.get("content", {}).get("application/json", {}).get("examples", {})
                if int(status) < 400:
                    continue
                for name, example in given.items():
                    found[name] = example
                    given[name] = {"$ref": f"#/components/examples/{name}"}
    return dict(sorted(found.items()))


HEADERS = {
    "X-Request-Id": {
        "schema": {"type": "string"},
        "description": "The request's own, where it sends one of at most 128 letters, digits and "
        "._:/+=@-; else a new one. Logs and errors name it.",
    },
    "Server-Timing": {
        "schema": {"type": "string"},
        "description": "Milliseconds until the answer began (total), and of those in which a model "
        "worked on batches that it was in (model); how many parts were kept results (kept).",
    },
}


def _describe_options(schemas: dict[str, Any]) -> None:
    """Say which options each method has, with ranges: of all together, and of each by itself."""
    from whyalike.methods.method import list_methods

    known = schemas["SomeOptions"]
    known["properties"] = {}
    for name, (one, methods) in options_by_name():
        said = option_schema(one)
        of = "every method" if len(methods) == len(list_methods()) else ", ".join(methods)
        unit = f" In {one.unit}." if one.unit else ""
        cost = f" Costs: {one.cost}." if one.cost else ""
        said["description"] = f"{one.meaning}{unit}{cost} Of {of}."
        known["properties"][name] = said
    known["additionalProperties"] = False
    by_method = {}
    for method in list_methods():
        title = f"OptionsOf_{method.name}"
        schemas[title] = {
            "type": "object",
            "title": title,
            "description": f"Options of {method.name}: {method.summary}.",
            "properties": {one.name: option_schema(one) for one in method.declared},
            "additionalProperties": False,
        }
        by_method[method.name] = {"$ref": REF.format(model=title)}
    known["x-options-by-method"] = by_method


def _alone(schema: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    """Return a schema whose parts are among the others."""
    for name, part in schema.pop("$defs", {}).items():
        schemas.setdefault(name, part)
    return schema


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
    if asked := operation.get("parameters"):
        return tuple(
            Row(
                one["name"],
                _kind(one["schema"]),
                one.get("description", ""),
                bool(one.get("required")),
            )
            for one in asked
        )
    body = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if body is None or "$ref" not in body["schema"]:
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
        elif part.get("type") == "array":
            said.append("a list")
        elif part.get("type") != "null":
            said.append(str(part.get("type", "anything")))
    return " or ".join(said)
