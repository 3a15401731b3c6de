"""Pages and parts of pages drawn from what the service answers."""

import logging
import re
import shlex
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

from markupsafe import Markup
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from whyalike.errors import BusyError, OptionError, TextError, TooCostlyError, WhyalikeError
from whyalike.options import BTIOptions, UnitKind
from whyalike.render.html import excerpt
from whyalike.render.parts import format_number, format_signed
from whyalike.web.api.answers import status_of, until_disconnected
from whyalike.web.api.estimates import Estimate
from whyalike.web.explorer.asking import PART, RESULT, Asked
from whyalike.web.explorer.choosing import Boards, MethodChoice, MethodGroup, choices_of, grouped
from whyalike.web.explorer.short_links import LinkPages, ShortLinks
from whyalike.web.explorer.waiting import Waiting, say_dear
from whyalike.web.middleware import SAFE, is_foreign

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.requests import Request

    from whyalike.explainer import Explainer
    from whyalike.web.api.service import Service
    from whyalike.web.pages import Pages


OURS = "from whyalike import BTIOptions"

FLAGS = {
    "top_k": "--top-k",
    "words": "--words",
    "long_text": "--long-text",
    "chunk_size": "--chunk-size",
    "chunk_overlap": "--chunk-overlap",
    "chunk_score": "--chunk-score",
}
"""The options that have a flag of their own in `whyalike explain`."""


@dataclass(frozen=True, slots=True)
class ExportForm:
    """A file that can be copied or saved: its kind, where it is, and what it is called."""

    name: str
    path: str
    file: str


@dataclass(frozen=True, slots=True)
class Exports:
    """What one may take along. ``link``: the query of the address, "" where it is too long."""

    link: str
    forms: tuple[ExportForm, ...]
    python: str
    shell: str


def forms_at(path: str, *names: str, file: str = "whyalike") -> tuple[ExportForm, ...]:
    """Return the files below ``path`` by the names of their kinds; ``file`` is what they share."""
    return tuple(ExportForm(n, f"{path}/{n.lower()}", f"{file}.{n.lower()}") for n in names)


def open_in_python(explainer: "Explainer", method: str, options: BTIOptions) -> str:
    """Return the lines that open the same model."""
    imports, chosen = options_in_python(options)
    if imports.startswith(OURS):
        imports = f"{OURS}, Explainer\n"
    else:
        imports = f"from whyalike import Explainer\n{imports}"
    given = explainer.model.capabilities
    if "tokens" not in given and "vectors" in given:
        names = ["embed"]
        if getattr(explainer.model, "has_roles", False):
            names = ["embed_query", "embed_document"]
        arguments = [
            f"{name}=...,  # your function from a list of texts to their vectors" for name in names
        ]
    elif "tokens" not in given:
        arguments = ["score=...,  # your function from a list of pairs of texts to their scores"]
    else:
        arguments = [f"{explainer.model.name!r},", f"pooling={explainer.model.pooling!r},"]
    if (label := getattr(explainer.model, "label", None)) is not None:
        arguments.append(f"label={label!r},")
    arguments.append(f"method={method!r},")
    if _has_own_prompts(explainer):
        arguments.append(f"prompts={explainer.prompts!r},")
    if explainer.background is not None:
        count = len(explainer.background.texts)
        arguments.append(f"background=...,  # the {count:,} texts that the server was started with")
    if chosen:
        arguments.append(f"options={chosen},")
    inside = "\n".join(f"    {one}" for one in arguments)
    return f"{imports}\nexplainer = Explainer(\n{inside}\n)\n"


def options_in_python(options: BTIOptions) -> tuple[str, str]:
    """Return a line that imports, and what gives these options; both empty for the usual ones."""
    differing = _differing(options)
    if not differing:
        return "", ""
    if set(differing) <= set(BTIOptions().values()):
        said = ", ".join(f"{name}={value!r}" for name, value in differing.items())
        return f"{OURS}\n", f"BTIOptions({said})"
    return "from whyalike.options import all_options\n", f"all_options({differing!r})"


def call_in_python(call: str, texts: Sequence[str], *settings: str) -> str:
    """Return a call with texts and settings as its arguments, each on a line of its own."""
    arguments = [*map(repr, texts), *settings]
    return f"{call}(\n" + "".join(f"    {one},\n" for one in arguments) + ")\n"


def pair_in_python(
    explainer: "Explainer",
    methods: Sequence[str],
    options: BTIOptions,
    texts: Sequence[str],
    *,
    unit: UnitKind = "word",
) -> str:
    """Return a program that explains a pair, checked as the page does."""
    opened = open_in_python(explainer, methods[0], options)
    measured = [f"unit={unit!r}"] if unit != "word" else []
    if len(methods) == 1:
        checked = [f"check={explainer.usual_check}"] if explainer.usual_check else []
        call = call_in_python("e = explainer.explain", texts, *checked, *measured)
        return f"{opened}{call}print(e)\n"
    named = ", ".join(map(repr, methods))
    pair = "pair = (\n" + "".join(f"    {text!r},\n" for text in texts) + ")\n"
    arguments = ", ".join(["*pair", *measured])
    loop = f"    print(explainer.with_method(method).explain({arguments}))\n"
    return f"{opened}{pair}for method in ({named}):\n{loop}"


def pair_in_shell(
    explainer: "Explainer",
    methods: Sequence[str],
    options: BTIOptions,
    texts: Sequence[str],
    *,
    scale: str = "absolute",
    unit: UnitKind = "word",
) -> str:
    """Return a command that explains a pair."""
    which = ["--method", *methods] if len(methods) == 1 else ["--methods", ",".join(methods)]
    more = [*options_in_shell(methods, options, FLAGS)]
    if scale != "absolute" and len(methods) == 1:
        more += ["--scale", scale]
    if unit != "word":
        more += ["--unit", unit]
    return in_shell("explain", *_model(explainer), *which, *more, texts=texts)


def comparison_in_shell(
    explainer: "Explainer", method: str, options: BTIOptions, texts: Sequence[str]
) -> str:
    """Return a command that compares two texts."""
    more = options_in_shell([method], options)
    return in_shell("compare", *_model(explainer), "--method", method, *more, texts=texts)


def options_in_shell(
    methods: Sequence[str], options: BTIOptions, flags: Mapping[str, str] = MappingProxyType({})
) -> Iterator[str]:
    """Yield the arguments that give the options which one of the methods has."""
    from whyalike.methods.method import get_method

    known = {option.name for name in methods for option in get_method(name).declared}
    for name, value in _differing(options).items():
        if name in flags:
            yield from (flags[name], str(value))
        elif name in known:
            yield from ("-O", f"{name}={value}")


def in_shell(*parts: str, texts: Sequence[str] = ()) -> str:
    """Return a command, quoted for a shell. Texts stand last, so that one may begin with -."""
    return shlex.join(["whyalike", *parts, *(["--", *texts] if texts else [])]) + "\n"


def _model(explainer: "Explainer") -> tuple[str, ...]:
    named = ["--model", explainer.model.name, "--pooling", explainer.model.pooling]
    if (label := getattr(explainer.model, "label", None)) is not None:
        named += ["--label", label]
    own = ("--prompts", *explainer.prompts) if _has_own_prompts(explainer) else ()
    usual = () if explainer.background is None else ("--background", "background.txt")
    return (*named, *own, *usual)


def _has_own_prompts(explainer: "Explainer") -> bool:
    """Return whether they are not those that a new Explainer of the model would have."""
    try:
        return explainer.prompts != explainer.model.find_prompts(None, None)
    except WhyalikeError:
        return True  # They must be said.


def _differing(options: BTIOptions) -> dict[str, object]:
    usual = BTIOptions().values()
    return {
        name: value
        for name, value in options.values().items()
        if name not in usual or value != usual[name]
    }


_ONE_AT_A_TIME = threading.Lock()


async def draw_png(draw: Callable[[BytesIO], object]) -> bytes:
    """Return what ``draw`` writes. Matplotlib's settings are global: one picture at a time."""

    def work() -> bytes:
        stream = BytesIO()
        with _ONE_AT_A_TIME:
            draw(stream)
        return stream.getvalue()

    return await run_in_threadpool(work)


TABS = (
    ("/", "Pair"),
    ("/compare", "Compare"),
    ("/rank", "Rank"),
    ("/pairs", "Many pairs"),
    ("/catalogue", "Catalogue"),
    ("/diagnose", "Diagnose"),
    ("/evaluate", "Evaluate"),
    ("/api/docs", "API"),
)

TEXTS, BYTES_OF_CHARACTER, BESIDE = 3, 12, 64 * 1024
"""Of a body: a form says a character in up to four bytes of three letters each."""

BROKEN = "Something is wrong on the side of the server; its log says what."
FOREIGN = "Pages of other sites may link here, and ask nothing themselves. Open the page itself."
LOG = logging.getLogger("whyalike.web")
Returned = TypeVar("Returned")


@dataclass(frozen=True, slots=True)
class Result:
    """The answer to a question as markup. ``steps`` and ``shown`` are what the slider says."""

    markup: Markup
    steps: Sequence[str] = ()
    shown: str = ""
    status: int = 200
    retry: int = 0


@dataclass(frozen=True, slots=True)
class Drawing:
    """What all pages share. Without ``short_links``, long questions have no link."""

    service: "Service"
    pages: "Pages"
    short_links: ShortLinks | None = None
    waiting: Waiting = field(init=False)
    boards: Boards = field(init=False)

    def __post_init__(self) -> None:
        """Give our templates what the renderer's expect, and every page its menu."""
        object.__setattr__(self, "boards", Boards(self.service.results))
        object.__setattr__(self, "waiting", Waiting(self.service.queue))
        self.pages.environment.globals["short_links"] = self.short_links is not None
        self.pages.environment.filters.update(number=format_number, signed=format_signed)
        self.pages.environment.globals.update(tabs=TABS, page_title=page_title)

    def add(self, app: "FastAPI", path: str, handler: Callable[..., Any]) -> None:
        """Add a route that takes its fields from the address or, as they may be long, a body."""
        app.add_api_route(
            path,
            handler,
            methods=["GET", "POST"],
            response_model=None,
            include_in_schema=False,
            max_body_size=BESIDE + TEXTS * BYTES_OF_CHARACTER * self.service.limits.text,
        )

    async def read(self, request: "Request") -> Asked:
        """Return what is asked; a request that is no form is answered with 422.

        What another site's page fetches, as it may without seeing the answer, is refused with 403:
        models shall not work for it. Links from there are followed.
        """
        if is_foreign(request.headers) and not _is_visit(request):
            raise HTTPException(403, FOREIGN)
        try:
            asked = await Asked.of(request)
        except OptionError as error:
            raise HTTPException(422, str(error)) from error
        if self.short_links is None:
            return asked
        return LinkPages(self, self.short_links).opened(asked)

    async def draw(self, template: str, **content: object) -> Markup:
        """Return a part of a page. Long texts take a while, so that it is done in a thread."""
        return Markup(await run_in_threadpool(self.pages.draw, template, **content))

    async def answer(
        self,
        request: "Request",
        asked: Asked,
        *,
        find: Callable[[], Coroutine[Any, Any, Result]],
        template: str,
        here: str,
        content: Callable[[], Awaitable[dict[str, object]]],
    ) -> Response:
        """Return the page with its answer, or the answer alone where that is asked for.

        Parameters
        ----------
        request : Request
            What is dropped when its client goes away.
        asked : Asked
            The question.
        find : Callable[[], Coroutine[Any, Any, Result]]
            Gives the answer, all of it for one request's allowance; what it raises is said in the
            answer's place.
        template : str
            Of the page; it prints ``result``.
        here : str
            The path of the page.
        content : Callable[[], Awaitable[dict[str, object]]]
            Gives what else the page prints.
        """
        try:
            result = await until_disconnected(request, self._within(request, find))
        except WhyalikeError as error:
            result = await self.failed(error)
        headers = {"retry-after": str(result.retry)} if result.retry else {}
        if asked.is_part:
            headers[PART] = RESULT
            return HTMLResponse(result.markup, status_code=result.status, headers=headers)
        page = await self.page(template, here, result=result, **await content())
        page.status_code = result.status
        page.headers.update(headers)
        return page

    async def page(self, template: str, here: str, **content: object) -> HTMLResponse:
        """Return a page with its menu."""
        return HTMLResponse(await self.draw(template, here=here, **content))

    async def file(
        self, request: "Request", make: Callable[[], Coroutine[Any, Any, Response]]
    ) -> Response:
        """Return a file, or why there is none."""
        try:
            return await until_disconnected(request, self._within(request, make))
        except WhyalikeError as error:
            headers = {"retry-after": str(error.seconds)} if isinstance(error, BusyError) else {}
            return PlainTextResponse(reason_of(error), status_of(error)[0], headers)

    async def _within(
        self, request: "Request", ask: Callable[[], Coroutine[Any, Any, Returned]]
    ) -> Returned:
        """Return what is asked, as one request."""
        async with self.service.request() as allowance:
            with self.waiting.known(request, allowance):
                return await ask()

    async def ask_first(
        self, asked: Asked, estimate: Estimate, *, cheaper: str = ""
    ) -> "Result | None":
        """Return what asks whether a dear question is meant; None where it is, or is not dear.

        ``cheaper`` is a sentence on what takes less.
        """
        dear = None if asked.one("sure") else say_dear(self.service, estimate, cheaper=cheaper)
        return None if dear is None else Result(await self.draw("dear.html.j2", dear=dear))

    def choices(self, model: str | None, *, signed: bool = False) -> list[MethodChoice]:
        """Return the methods that can explain a model; an unknown one has none."""
        try:
            served = self.service.model(model or None)
        except OptionError:
            return []
        return choices_of(served, signed=signed)

    async def method_groups(
        self, model: str | None, *, signed: bool = False
    ) -> Sequence[MethodGroup]:
        """Return the same by groups, with what finished runs say of them."""
        try:
            served = self.service.model(model or None)
        except OptionError:
            return ()
        boards = await run_in_threadpool(self.boards.read)
        choices = choices_of(served, signed=signed, boards=boards)
        usual = served.signed_method if signed else served.explainer.method.name
        return grouped(choices, usual)

    def left_out(self, model: str | None) -> list[str]:
        """Return sentences on the methods that can't explain a model; an unknown one has none."""
        from whyalike.methods.method import say_left_out

        try:
            return say_left_out(self.service.model(model or None).left_out)
        except OptionError:
            return []

    async def failed(self, error: WhyalikeError) -> Result:
        """Return what to show where something could not be answered."""
        titles: dict[type[WhyalikeError], str] = {
            BusyError: "Many are asking just now",
            TooCostlyError: "This would take too long",
            TextError: "This text can’t be explained",
            OptionError: "This can’t be asked",
        }
        title = next((said for kind, said in titles.items() if isinstance(error, kind)), "")
        markup = await self.draw(
            "failure.html.j2", title=title or "That did not work", reason=reason_of(error)
        )
        retry = error.seconds if isinstance(error, BusyError) else 0
        return Result(markup, status=status_of(error)[0], retry=retry)


def reason_of(error: WhyalikeError) -> str:
    """Return what a client learns of an error; of those of our own files the log says more."""
    status, says = status_of(error)
    if status == 500:
        LOG.error("a page could not be answered", exc_info=error)
    return says or BROKEN


def _is_visit(request: "Request") -> bool:
    """Return whether a browser opens a page, as by a link, and loads nothing into another one."""
    said = request.headers
    return (
        request.method in SAFE
        and said.get("sec-fetch-mode") == "navigate"
        and said.get("sec-fetch-dest", "document") == "document"
    )


def attachment(content: bytes | str, form: str, name: str = "whyalike") -> Response:
    """Return a file to be saved: never shown in place, as its markup is not one of our pages.

    ``name`` is that of the file, without its kind; see ``file_name``.
    """
    media = {
        "json": "application/json",
        "html": "text/html",
        "png": "image/png",
        "csv": "text/csv",
        "jsonl": "application/x-ndjson",
    }[form]
    plain = name.encode("ascii", "ignore").decode().strip("-") or "whyalike"
    headers = {
        "content-disposition": f'attachment; filename="{plain}.{form}"; '
        f"filename*=UTF-8''{quote(name)}.{form}"
    }
    return Response(content, media_type=media, headers=headers)


@dataclass(frozen=True, slots=True)
class Move:
    """Where texts go to another page: its path with a link, or "" where that would be too long.

    ``fields`` are for a form that takes them there then.
    """

    path: str
    link: str
    fields: tuple[tuple[str, str], ...]


def move_to(path: str, asked: Asked, fields: Mapping[str, str]) -> Move:
    """Return the way to a page whose fields get the texts of ours: theirs by name, and ours.

    The model goes along.
    """
    said = {name: asked.one(own) for name, own in {**fields, "model": "model"}.items()}
    told = {name: (value,) for name, value in said.items() if value}
    return Move(path, Asked(told).link(), tuple((name, value) for name, (value,) in told.items()))


TITLE, FILE = 32, 60
"""Characters of a text in the name of a tab, and of all texts in that of a file."""

SEEN, SOME = 200, 5
"""Characters of a text that are looked at for the name of a file, and words that are taken."""


def page_title(page: str, *texts: str) -> str:
    """Return the name of a tab: the beginnings of what it is about, and the page."""
    about = " – ".join(excerpt(text, most=TITLE) for text in texts if text.strip())
    return f"{about} · {page}" if about else page


def file_name(*texts: str) -> str:
    """Return the name of a file by what is in it, such as whyalike-money-back-full-refund."""
    words = [word for text in texts for word in re.findall(r"\w+", text[:SEEN].lower())[:SOME]]
    said = ""
    for word in words:
        if len(said) + len(word) > FILE:
            break
        said += f"-{word}"
    return f"whyalike{said}"
