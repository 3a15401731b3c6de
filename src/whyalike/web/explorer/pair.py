"""Two texts, explained by one method or by several side by side."""

import asyncio
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from fastapi import FastAPI, Request
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import Response

from whyalike.errors import OptionError, TextError, WhyalikeError
from whyalike.explanation import explanations_to_dict
from whyalike.render.methods import render_methods, view_methods
from whyalike.render.parts import format_number, score_name
from whyalike.render.view import view_explanation
from whyalike.selection import content_pairs, mean_shift, widest_top_k
from whyalike.web.api.allowance import said
from whyalike.web.api.estimates import Estimate
from whyalike.web.explorer.asking import (
    ABSOLUTE,
    DOCUMENTS,
    ONCE,
    PAIRS,
    SCALES,
    Asked,
    PairQuestion,
)
from whyalike.web.explorer.drawing import (
    Drawing,
    Exports,
    Result,
    attachment,
    draw_png,
    file_name,
    forms_at,
    move_to,
    page_title,
    pair_in_python,
    pair_in_shell,
    reason_of,
)
from whyalike.web.explorer.edits import Edit, edited_texts, read_edits, sides_of, tried, view_edits

if TYPE_CHECKING:
    from whyalike.explanation import Explanation

_Done = tuple[Asked, "Explanation", tuple[Edit, ...]]

HERE = "/"
UNITS = (("word", "words"), ("sentence", "and sentences"), ("phrase", "and phrases"))
"""What a pair is broken down to, as the page says it."""

LONG = (
    ("", "the beginning, as the model does"),
    ("windows", "whole, in windows"),
    ("chunks", "each chunk, the best counts"),
)
"""How texts are read that are longer than the model reads."""

FORMS = ("json", "html", "png")
EMPTY = (
    "Or begin with one of these",
    "Each shows something that a score alone does not tell.",
)


class PairPage:
    """The page of a pair, and its answer as a file."""

    def __init__(self, drawing: Drawing) -> None:
        self.drawing, self.service = drawing, drawing.service

    def register(self, app: FastAPI) -> None:
        """Add the routes to ``app``."""
        self.drawing.add(app, HERE, self.show)
        self.drawing.add(app, "/pair/{form}", self.save)

    async def show(self, request: Request) -> Response:
        """Show the page, or the answer alone."""
        asked = await self.drawing.read(request)

        async def find() -> Result:
            nonlocal asked
            asked, done = await self._edit(asked)
            return await self._find(asked, done)

        async def content() -> dict[str, object]:
            question = self._question(asked, lenient=True)
            return {
                "asked": question,
                "models": [(name, name) for name in self.service.models],
                "groups": await self.drawing.method_groups(question.model),
                "left_out": self.drawing.left_out(question.model),
                "limit": self.service.limits.text,
                "texts": self._kinds_of_texts(question),
                "scales": SCALES,
                "units": UNITS,
                "longs": LONG,
                "examples": PAIRS,
            }

        return await self.drawing.answer(
            request,
            asked,
            find=find,
            template="pair.html.j2",
            here=HERE,
            content=content,
        )

    async def save(self, request: Request, form: str) -> Response:
        """Give the answer as JSON, as a page of its own, or as a picture."""
        if form not in FORMS:
            raise HTTPException(404)
        asked = await self.drawing.read(request)

        async def make() -> Response:
            question = self._question(asked)
            found, failures = await self._explain(question)
            content = await _write(found, failures, form, scale=question.scale)
            return attachment(content, form, file_name(question.left, question.right))

        return await self.drawing.file(request, make)

    def _kinds_of_texts(self, question: PairQuestion) -> tuple[tuple[str, str], ...]:
        """Return what the two texts may be to the model, where it tells kinds apart by prompts."""
        with suppress(OptionError):
            query, document = self.service.model(question.model or None).explainer.prompts
            if query != document:
                return (("", "a query and a document"), (DOCUMENTS, "two documents"))
        return ()

    def _question(self, asked: Asked, *, lenient: bool = False) -> PairQuestion:
        """Return the question with the model's own defaults; ``lenient`` takes no offence."""
        try:
            explainer = self.service.model(asked.one("model") or None).explainer
            top_k, method = explainer.options.top_k, explainer.method.name
        except OptionError:
            if not lenient:
                raise
            top_k, method = 1, ""
        filled = Asked({"method": (method,), **asked.fields}, asked.is_part)
        try:
            return PairQuestion.of(filled, top_k=top_k)
        except OptionError:
            if not lenient:
                raise
            rest = {name: values for name, values in filled.fields.items() if name != "top_k"}
            return PairQuestion.of(Asked(rest), top_k=top_k)

    async def _edit(self, asked: Asked) -> "tuple[Asked, _Done | None]":
        """Return the question with its edits made, and what they were made of."""
        edits, plain = read_edits(asked), asked.without(*ONCE)
        question = self._question(asked)
        if not edits or not question.is_whole:
            return asked, None
        found, _ = await self._explain(question)
        texts = await run_in_threadpool(edited_texts, sides_of(found[0]), edits)
        made = Asked(
            {**plain.fields, **{which: (text,) for which, text in texts.items()}}, asked.is_part
        )
        return made, (plain, found[0], edits)

    async def _find(self, asked: Asked, done: "_Done | None" = None) -> Result:
        question = self._question(asked)
        if not question.is_whole:
            title, text = EMPTY
            blank = not (question.left or question.right)
            said = text if blank else "One text is there; the other box is still empty."
            return Result(
                await self.drawing.draw(
                    "empty.html.j2", title=title, text=said, examples=PAIRS if blank else ()
                )
            )
        # Who edits a word has waited for the same before.
        if done is None and (dear := await self._ask_first(asked, question)):
            return dear
        found, failures = await self._explain(question)
        several = len(found) > 1 or bool(failures)
        steps = await run_in_threadpool(say_steps, found)
        shown = _methods_shown(found)
        change = tried(*done, found[0].similarity) if done else None
        markup = await self.drawing.draw(
            "part_pair.html.j2",
            several=await self._side_by_side(question, found, failures) if several else None,
            explanation=None
            if several
            else await run_in_threadpool(view_explanation, found[0], id="e1", scale=question.scale),
            take=self._take(asked, found, alone=not several),
            said=change.said if change else _said(found),
            edits=view_edits(asked, found[0], change),
            unread=_unread(found),
            steps=steps,
            shown=shown,
            title=page_title("Pair", question.left, question.right),
            compare=move_to("/compare", asked, {"query": "left", "first": "right"}),
        )
        return Result(markup, steps, shown)

    async def _ask_first(self, asked: Asked, question: PairQuestion) -> Result | None:
        """Return what asks whether a dear question is meant, or None."""
        usual = self.service.model(question.model or None).explainer.method.name
        whole = await self._estimate(question)
        cheaper = ""
        if question.method != usual or question.beside:
            alone = await self._estimate(replace(question, method=usual, beside=()))
            if alone.seconds < whole.seconds / 4:
                cheaper = f"The method {usual} alone takes about {said(alone.seconds)}."
        return await self.drawing.ask_first(asked, whole, cheaper=cheaper)

    async def _estimate(self, question: PairQuestion) -> Estimate:
        """Return what a question takes, as far as that is known; nothing for what is refused."""
        total = Estimate()
        for name in (question.method, *question.beside):
            with suppress(OptionError, TextError):
                total += await self.service.estimate(**self._asking(question, name))
        return total

    def _asking(self, question: PairQuestion, name: str) -> dict[str, Any]:
        """Return how the service is asked for the explanation of one method."""
        explainer = self.service.model(question.model or None).explainer
        return {
            "left": question.left,
            "right": question.right,
            "model": question.model or None,
            "method": name or None,
            "options": {
                "top_k": question.top_k,
                **({"long_text": question.long} if question.long else {}),
            },
            "documents": question.texts == DOCUMENTS,
            # As on the command line: several methods are about their words.
            "check": 0 if question.beside else explainer.usual_check,
            "unit": question.unit,
        }

    async def _explain(
        self, question: PairQuestion
    ) -> "tuple[list[Explanation], dict[str, WhyalikeError]]":
        """Return explanations, and why a method gave none. Raises the first error if none did."""
        names = (question.method, *question.beside)
        done = await asyncio.gather(
            *(self.service.explain(**self._asking(question, name)) for name in names),
            return_exceptions=True,
        )
        found: list[Explanation] = []
        failures: dict[str, WhyalikeError] = {}
        for name, one in zip(names, done, strict=True):
            if isinstance(one, WhyalikeError):
                failures[name] = one
            elif isinstance(one, BaseException):
                raise one
            else:
                found.append(one)
        if not found:
            raise next(iter(failures.values()))
        return found, failures

    async def _side_by_side(
        self,
        question: PairQuestion,
        found: "Sequence[Explanation]",
        failures: dict[str, WhyalikeError],
    ) -> object:
        notes = {one.name: one.answers for one in self.drawing.choices(question.model)}
        told = {name: reason_of(error) for name, error in failures.items()}
        return await run_in_threadpool(view_methods, found, notes=notes, failures=told)

    def _take(self, asked: Asked, found: "Sequence[Explanation]", *, alone: bool) -> Exports:
        explainer = self.service.model(asked.one("model") or None).explainer
        if asked.one("texts") == DOCUMENTS:
            explainer = explainer.between_documents()
        methods = [one.method for one in found]
        texts = found[0].left.text, found[0].right.text
        names = ("JSON", "HTML", "PNG") if alone else ("JSON", "HTML")
        file = file_name(*texts)
        unit = "word" if found[0].units is None else found[0].units.kind
        return Exports(
            link=asked.link(),
            forms=forms_at("/pair", *names, file=file),
            python=pair_in_python(explainer, methods, found[0].options, texts, unit=unit),
            shell=pair_in_shell(
                explainer,
                methods,
                found[0].options,
                texts,
                scale=asked.one("scale") or ABSOLUTE,
                unit=unit,
            ),
        )


def pairs_by_step(explanation: "Explanation") -> list[int]:
    """Return how many pairs are shown by each ``top_k`` from 1 on, until no more are.

    Where pairs are selected by clusters of scores, with as many as there are all matches are shown;
    by content, it is all that add something.
    """
    from whyalike.methods.method import get_method

    matches, options = explanation.matches, explanation.options
    if not matches:
        return []
    if get_method(explanation.method).selects_by(options) == "content":
        words = [
            [word.text for word in side.words] for side in (explanation.left, explanation.right)
        ]
        steps = range(1, widest_top_k(matches, *words) + 1)
        return [
            len(content_pairs(matches, *words, options=replace(options, top_k=k))) for k in steps
        ]
    scores = np.array([pair.score for pair in matches])
    clusters = mean_shift(
        np.square(scores) if options.square_scores else scores,
        bandwidth=options.bandwidth,
        quantile=options.quantile,
    )
    sizes = np.bincount(clusters.labels, minlength=len(clusters.centers))
    shown: list[int] = np.cumsum(sizes[np.argsort(-clusters.centers, kind="stable")]).tolist()
    return shown[1:] + shown[-1:] if options.top_k_inclusive else shown


def say_steps(found: "Sequence[Explanation]") -> tuple[str, ...]:
    """Return what is shown at each step of the slider, in words."""
    steps = [pairs_by_step(one) for one in found]
    most = max(map(len, steps))
    return tuple(
        _say_pairs(sum(own[min(k, len(own) - 1)] for own in steps if own), found)
        for k in range(most)
    )


def _say_pairs(count: int, found: "Sequence[Explanation]") -> str:
    return f"{count:,} of {sum(len(one.matches) for one in found):,} matches"


def _unread(found: "Sequence[Explanation]") -> int:
    """Return how many words were left unread as their text is longer than the model reads."""
    if found[0].options.long_text != "truncate":
        return 0
    return max(one.left.unread_words + one.right.unread_words for one in found)


def _methods_shown(found: "Sequence[Explanation]") -> str:
    return _say_pairs(sum(len(one.pairs) for one in found), found)


def _said(found: "Sequence[Explanation]") -> str:
    first = found[0]
    score = f"{score_name(first.similarity_function)} {format_number(first.similarity, 3)}"
    if len(found) > 1:
        return f"{score}, explained by {len(found)} methods."
    count = len(first.pairs)
    return f"{score}, {count} {'pair' if count == 1 else 'pairs'}."


async def _write(
    found: "Sequence[Explanation]",
    failures: dict[str, WhyalikeError],
    form: str,
    *,
    scale: str = ABSOLUTE,
) -> bytes:
    alone = found[0] if len(found) == 1 and not failures else None
    if form == "json":
        if alone is not None:
            return alone.to_json(indent=2).encode()
        left_out = {name: reason_of(error) for name, error in failures.items()}
        told = explanations_to_dict(found, left_out=left_out)
        return json.dumps(told, ensure_ascii=False, allow_nan=False, indent=2).encode()
    if form == "html":
        if alone is not None:
            return (await run_in_threadpool(alone.to_html, scale=scale)).encode()
        said = {name: reason_of(error) for name, error in failures.items()}
        return (await run_in_threadpool(render_methods, found, failures=said)).encode()
    if alone is None:
        raise OptionError("A picture shows one method: choose no others beside it.")
    from whyalike.render import draw_figure

    return await draw_png(lambda stream: draw_figure(alone, stream, format="png", scale=scale))
