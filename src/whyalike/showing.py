"""How what users hold shows itself: printed, in a notebook, as a page."""

from importlib import import_module
from typing import ClassVar

from whyalike.texts import without_surrogates


class Shown:
    """Base of what ``render``, a room above, makes visible.

    A subclass says in ``_shown_as`` what its three functions there are called: ``"trace"`` for
    ``render_trace``, ``render_trace_text`` and ``render_trace_fragment``. One that hands them
    something else than itself has ``_to_show``.
    """

    __slots__ = ()

    _shown_as: ClassVar[str]

    def to_html(self) -> str:
        """Return one self-contained HTML page."""
        return self._rendered("")

    def __str__(self) -> str:
        """Return it as plain text, 80 columns wide."""
        return self._rendered("_text")

    def _repr_html_(self) -> str:
        return self._rendered("_fragment")

    def _to_show(self) -> object:
        return self

    def _rendered(self, form: str) -> str:
        render = getattr(import_module("whyalike.render"), f"render_{self._shown_as}{form}")
        # Ids and names come as they were given, and UTF-8 has to hold what is shown.
        return without_surrogates(render(self._to_show()))


class Tabulated:
    """Base of figures that are shown as Markdown, which can be read as it is."""

    __slots__ = ()

    def to_markdown(self) -> str:
        """Return Markdown."""
        raise NotImplementedError

    def __str__(self) -> str:
        """Return ``to_markdown``."""
        return self.to_markdown()

    def _repr_markdown_(self) -> str:
        return self.to_markdown()
