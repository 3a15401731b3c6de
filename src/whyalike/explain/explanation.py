"""The explanation that users hold: the plain data, and every form it can take."""

import os
from dataclasses import dataclass
from typing import Any, Self

from whyalike.documents import read_json, write_json
from whyalike.explain.output import PNG, SVG, check_ending, write_whole
from whyalike.explain.serialization import fields_from_dict, to_dict
from whyalike.types import ExplanationData


@dataclass(frozen=True, kw_only=True, repr=False)
class Explanation(ExplanationData):
    """Why one model finds two texts alike; see ExplanationData for the fields."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain dictionaries, as docs/explanation.schema.json describes them."""
        return to_dict(self)

    def to_json(self, *, indent: int | None = None) -> str:
        """Return JSON from which ``from_json`` makes an equal explanation."""
        return write_json(self.to_dict(), indent=indent)

    @classmethod
    def from_dict(cls, content: object) -> Self:
        """Make an explanation from what ``to_dict`` gave. Raises FormatError on anything else."""
        return cls(**fields_from_dict(content))

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Make an explanation from JSON. Raises FormatError on what ``to_json`` did not write."""
        return cls.from_dict(read_json(text))

    def to_html(self) -> str:
        """Return one self-contained HTML page."""
        from whyalike.render import render_html

        return render_html([self])

    def to_markdown(self) -> str:
        """Return Markdown for an issue or a chat; texts are escaped and can't command it."""
        from whyalike.render import render_markdown

        return render_markdown(self)

    def to_png(self, path: str | os.PathLike[str], *, dpi: int = 200) -> None:
        """Write the picture as PNG, whole or not at all (extra ``plot``).

        Raises:
            OptionError: ``path`` has another ending than ``.png``.
            MissingExtraError: matplotlib is not installed.
            OutputError: ``path`` can't be written.
        """
        check_ending(path, PNG)
        from whyalike.render import draw_figure

        write_whole(path, lambda stream: draw_figure(self, stream, format="png", dpi=dpi))

    def to_svg(self, path: str | os.PathLike[str]) -> None:
        """Write the picture as SVG; as ``to_png``."""
        check_ending(path, SVG)
        from whyalike.render import draw_figure

        write_whole(path, lambda stream: draw_figure(self, stream, format="svg"))

    def __str__(self) -> str:
        """Return the explanation as plain text, 80 columns wide."""
        from whyalike.render import render_text

        return render_text(self)

    def __repr__(self) -> str:
        """Return one line: the whole would be hundreds of words."""
        return (
            f"Explanation(similarity={self.similarity:.4f}, method={self.method!r}, "
            f"model={self.model!r}, pairs={len(self.pairs)})"
        )

    def _repr_html_(self) -> str:
        from whyalike.render import render_fragment

        return render_fragment(self)
