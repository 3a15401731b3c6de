"""Reports of a search, read: what it misses and why, what carries it, what a new model changed."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from whyalike.errors import FormatError, OptionError, WhyalikeError
from whyalike.render.audit import view_audit
from whyalike.render.diagnosis import view_diagnosis
from whyalike.render.difference import view_difference
from whyalike.reports.audit import Audit
from whyalike.reports.diagnosis import Diagnosis
from whyalike.reports.difference import Difference
from whyalike.reports.reading import Report, parse_report
from whyalike.web.explorer.drawing import Drawing
from whyalike.web.explorer.uploads import MOST_SENT, read_upload, refused

if TYPE_CHECKING:
    from markupsafe import Markup

HERE = "/diagnose"

VIEWS: Mapping[type, tuple[str, str, Callable[[Any], dict[str, object]]]] = {
    Diagnosis: ("What a search misses", "diagnosis.html.j2", view_diagnosis),
    Audit: ("What carries a catalogue", "audit.html.j2", view_audit),
    Difference: ("What a new model changed", "difference.html.j2", view_difference),
}
"""Of each kind of report, its heading, its template, and what the template takes."""


class DiagnosePage:
    """The pages of reports."""

    def __init__(self, drawing: Drawing, reports: Mapping[str, Report]) -> None:
        self.drawing, self.reports = drawing, reports

    def register(self, app: FastAPI) -> None:
        """Add the routes to ``app``."""
        options: dict[str, Any] = {"response_model": None, "include_in_schema": False}
        app.add_api_route(HERE, self.show, methods=["GET"], **options)
        app.add_api_route(HERE, self.upload, methods=["POST"], max_body_size=MOST_SENT, **options)

    async def show(self, request: Request) -> Response:
        """Show a report: the first, or the one that is asked for."""
        asked = await self.drawing.read(request)
        names = list(self.reports)
        chosen = asked.one("report", names[0] if names else "")
        report = self.reports.get(chosen)
        if report is None and chosen:
            failed = OptionError(
                f"This server has no report {chosen[:60]!r}: choose one of its own."
            )
            return await self._page(chosen="", failed=failed)
        return await self._page(chosen=chosen, report=report)

    async def upload(self, request: Request) -> Response:
        """Show the report that is sent; it is not kept."""
        sent = await read_upload(request)
        try:
            if not sent.content:
                raise FormatError("There is no file, or it is empty: choose one.")
            report = await run_in_threadpool(parse_report, sent.content)
        except FormatError as error:
            return await self._page(chosen="", failed=refused(error, None, ""))
        return await self._page(chosen="", report=report, name=sent.name)

    async def _page(
        self,
        *,
        chosen: str,
        report: Report | None = None,
        failed: WhyalikeError | None = None,
        name: str = "",
    ) -> Response:
        markup: Markup | str = ""
        heading = ""
        status = 200
        if report is not None:
            markup, heading = await self._draw(report)
        elif failed is not None:
            result = await self.drawing.failed(failed)
            markup, status = result.markup, 422
        page = await self.drawing.page(
            "diagnose.html.j2",
            HERE,
            reports=[(one, one) for one in self.reports],
            chosen=chosen,
            markup=markup,
            heading=heading,
            name=name or chosen,
            is_empty=report is None and failed is None,
            most_mb=MOST_SENT // 1024 // 1024,
        )
        page.status_code = status
        return page

    async def _draw(self, report: Report) -> "tuple[Markup, str]":
        heading, template, view = VIEWS[type(report)]
        content = await run_in_threadpool(view, report)
        return await self.drawing.draw(template, **content), heading
