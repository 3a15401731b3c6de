"""One query and many passages: which come first, and what carries their scores."""

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from fastapi import FastAPI, Request
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from whyalike.data.items import Item
from whyalike.data.passages import read_passages
from whyalike.errors import (
    FormatError,
    OptionError,
    TextError,
    TooCostlyError,
    WhyalikeError,
)
from whyalike.ranking import Ranking
from whyalike.render.ranking import view_ranking
from whyalike.spreadsheets import in_csv
from whyalike.web.api.estimates import Estimate
from whyalike.web.api.passages import PassageQuestion
from whyalike.web.explorer.asking import Asked
from whyalike.web.explorer.drawing import (
    Drawing,
    Exports,
    Result,
    attachment,
    call_in_python,
    forms_at,
    in_shell,
    open_in_python,
)
from whyalike.web.explorer.uploads import (
    MOST_SENT,
    KeptUploads,
    add_upload,
    as_file,
    read_upload,
    refused,
)

if TYPE_CHECKING:
    from whyalike.web.api.service import Service

HERE = "/rank"
FORMS = ("json", "html", "csv")
EXPLAINED, MOST_EXPLAINED = 5, 20
MOST_PASSAGES = 1_000
_BETWEEN = re.compile(r"\n[^\S\n]*\n\s*")

EXAMPLE = {
    "query": "how do I get my money back",
    "passages": (
        "You can return any item within thirty days. A full refund is paid to the card that was "
        "used.\n\nOur shops are open from nine to six, and on Saturdays until noon.\n\nMoney can "
        "be sent to more than forty countries, back and forth, for a small fee.\n\nAn order can be "
        "cancelled until it is packed; nothing is charged then."
    ),
}


def split_passages(said: str) -> list[str]:
    """Return the passages of a text: its paragraphs, or its lines where it has one paragraph."""
    text = said.replace("\r\n", "\n").strip()
    parts = _BETWEEN.split(text)
    if len(parts) == 1:
        parts = text.split("\n")
    return [part.strip() for part in parts if part.strip()]


@dataclass(frozen=True, slots=True)
class RankQuestion:
    """A query and its passages; ``right`` is the id of the one that should be first, or empty."""

    query: str
    passages: str
    file: str
    model: str
    method: str
    right: str
    explain: int

    @classmethod
    def of(cls, asked: Asked) -> "RankQuestion":
        """Read it. Raises OptionError on a number that is none."""
        explain = asked.whole("explain", EXPLAINED)
        if explain > MOST_EXPLAINED:
            raise OptionError(
                f"explain is {explain:,}; this server explains {MOST_EXPLAINED} at most."
            )
        names = ("query", "passages", "file", "model", "method", "right")
        query, passages, file, model, method, right = map(asked.one, names)
        return cls(query, passages, file, model, method, right, explain)

    @property
    def is_whole(self) -> bool:
        """Whether there is something to rank."""
        return bool(self.query.strip() and (self.passages.strip() or self.file))

    def about(self, passages: "Sequence[str | Item]") -> PassageQuestion:
        """Return the same as the library takes it."""
        return PassageQuestion(
            self.query, tuple(passages), right=self.right or None, explain=self.explain
        )


@dataclass(frozen=True, slots=True)
class UploadedPassages:
    """Passages of a file."""

    name: str
    items: tuple[Item, ...]


async def _rank(
    service: "Service", question: RankQuestion, passages: "Sequence[str | Item]"
) -> Ranking:
    """Return the ranking, as the API makes it.

    Raises
    ------
    OptionError, TextError, TooCostlyError, BusyError, ModelError
        As ``Service.rank_passages``; or there are more passages than the page takes.
    """
    if len(passages) > MOST_PASSAGES:
        raise OptionError(
            f"There are {len(passages):,} passages; this page takes {MOST_PASSAGES:,} at most: "
            "rank a file of any length with `whyalike rank`."
        )
    found = await service.rank_passages(
        question.about(passages), model=question.model or None, method=question.method or None
    )
    return await run_in_threadpool(Ranking.from_json, found)


class RankPage:
    """The page of a ranking, and its answer as a file."""

    def __init__(self, drawing: Drawing) -> None:
        self.drawing, self.service = drawing, drawing.service
        self.uploads: KeptUploads[UploadedPassages] = KeptUploads()

    def register(self, app: FastAPI) -> None:
        """Add the routes to ``app``."""
        self.drawing.add(app, HERE, self.show)
        add_upload(app, HERE + "/upload", self.upload)
        self.drawing.add(app, HERE + "/{form}", self.save)

    async def show(self, request: Request) -> Response:
        """Show the page, or the answer alone."""
        asked = await self.drawing.read(request)

        async def content() -> dict[str, object]:
            return self._content(asked)

        return await self.drawing.answer(
            request,
            asked,
            find=partial(self._find, asked),
            template="rank.html.j2",
            here=HERE,
            content=content,
        )

    async def save(self, request: Request, form: str) -> Response:
        """Give the ranking as a file."""
        if form not in FORMS:
            raise HTTPException(404)
        asked = await self.drawing.read(request)

        async def make() -> Response:
            question = RankQuestion.of(asked)
            ranking = await _rank(self.service, question, self._passages(question))
            return attachment(await run_in_threadpool(_write, ranking, form), form)

        return await self.drawing.file(request, make)

    async def upload(self, request: Request) -> Response:
        """Take a file of passages, and lead to their ranking."""
        sent = await read_upload(request)
        kept = ("query", "model", "method", "right", "explain")
        fields = {name: sent.fields[name] for name in kept if sent.fields.get(name)}

        def read() -> UploadedPassages:
            with as_file(sent) as path:
                try:
                    items = tuple(read_passages(path))
                except (FormatError, OptionError, TextError) as error:
                    raise refused(error, path, sent.name) from error
            return UploadedPassages(sent.name, items)

        try:
            passages = await run_in_threadpool(read)
        except WhyalikeError as error:
            failed = await self.drawing.failed(error)
            content = self._content(Asked({name: (said,) for name, said in fields.items()}))
            page = await self.drawing.page("rank.html.j2", HERE, result=failed, **content)
            page.status_code = failed.status
            return page
        fields["file"] = self.uploads.put(passages)
        return RedirectResponse(f"{HERE}?{urlencode(fields)}", status_code=303)

    def _content(self, asked: Asked) -> dict[str, object]:
        """Return what the page prints besides."""
        model = asked.one("model")
        methods = self.drawing.choices(model, signed=True)
        return {
            "asked": asked,
            "file": self.uploads.get(asked.one("file")),
            "models": [(name, name) for name in self.service.models],
            "methods": [one.option for one in methods],
            "counts": [(str(n), str(n)) for n in (3, 5, 10, 20)],
            "explained": str(EXPLAINED),
            "limit": self.service.limits.text,
            "most": MOST_PASSAGES,
            "most_mb": MOST_SENT // 1024 // 1024,
        }

    def _passages(self, question: RankQuestion) -> "Sequence[str | Item]":
        """Return the passages: those of the file, or what is in the box."""
        if not question.file:
            return split_passages(question.passages)
        found = self.uploads.get(question.file)
        if found is None:
            raise OptionError(
                "The file of passages is not here any more: the server keeps the last few until it "
                "is stopped. Send it again."
            )
        return found.items

    async def _find(self, asked: Asked) -> Result:
        question = RankQuestion.of(asked)
        if not question.is_whole:
            blank = not (question.query or question.passages)
            return Result(
                await self.drawing.draw(
                    "empty_rank.html.j2", link=f"{HERE}?{urlencode(EXAMPLE)}" if blank else ""
                )
            )
        passages = self._passages(question)
        if dear := await self.drawing.ask_first(asked, await self._estimate(question, passages)):
            return dear
        ranking = await _rank(self.service, question, passages)
        content = await run_in_threadpool(view_ranking, ranking)
        count = len(ranking.passages)
        markup = await self.drawing.draw(
            "part_rank.html.j2",
            **content,
            said=f"{count:,} {'passage' if count == 1 else 'passages'} ranked.",
            take=self._take(asked, question, ranking),
        )
        return Result(markup)

    async def _estimate(self, question: RankQuestion, passages: "Sequence[str | Item]") -> Estimate:
        """Return what the ranking takes; nothing for what is refused once it is asked for."""
        with suppress(OptionError, TextError, TooCostlyError):
            return await self.service.estimate_passages(
                self.service.allowance(),
                question.about(passages),
                model=question.model or None,
                method=question.method or None,
            )
        return Estimate()

    def _take(self, asked: Asked, question: RankQuestion, ranking: Ranking) -> Exports:
        explainer = self.service.model(question.model or None).explainer
        method = ranking.method or explainer.signed_method
        opened = open_in_python(explainer, method, explainer.options)
        name = explainer.model.name
        right = [f"right={question.right!r}"] if question.right else []
        file = self.uploads.get(question.file)
        if file is None:
            given = f"passages = {split_passages(question.passages)!r}\n"
            shell = in_shell(
                "rank",
                "--model",
                name,
                "--method",
                method,
                "--passages=passages.txt",
                *(["--right", question.right] if question.right else []),
                texts=[question.query],
            )
        else:
            given = (
                "from whyalike.data.passages import read_passages\n\n"
                f"passages = read_passages({file.name!r})\n"
            )
            shell = in_shell(
                "rank",
                "--model",
                name,
                "--method",
                method,
                f"--passages={file.name}",
                *(["--right", question.right] if question.right else []),
                texts=[question.query],
            )
        settings = ["passages", *right, f"explain={question.explain}"]
        call = call_in_python("ranking = explainer.rank", [question.query], *settings)
        return Exports(
            link=asked.link(),
            forms=forms_at(HERE, "JSON", "HTML", "CSV"),
            python=f"{opened}{given}{call}print(ranking)\n",
            shell=shell,
        )


def _write(ranking: Ranking, form: str) -> str:
    if form == "json":
        return ranking.to_json(indent=2)
    if form == "html":
        return ranking.to_html()
    rows = ranking.rows()
    return in_csv(rows, list(rows[0]))
