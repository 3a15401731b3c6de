"""The comparison that users hold: the plain data, and every form it can take."""

import os
from dataclasses import dataclass
from typing import Any, Self

from whyalike.documents import Format, NewerFieldError, read_json, shown, write_json
from whyalike.errors import FormatError
from whyalike.explain.explanation import Explanation
from whyalike.explain.output import PNG, SVG, check_ending, write_whole
from whyalike.types import ComparisonData

FORMAT = Format("whyalike/comparison", "comparison", "Make it anew.")


@dataclass(frozen=True, kw_only=True, repr=False)
class Comparison(ComparisonData):
    """Why a model scores one text above another; see ComparisonData for the fields."""

    better: Explanation
    worse: Explanation

    def __post_init__(self) -> None:
        """Refuse explanations that are not of one query, by one method and model."""
        for name in ("method", "model", "pooling", "similarity_function", "prompts", "options"):
            one, other = getattr(self.better, name), getattr(self.worse, name)
            # Prompts that were not recorded may be any.
            if one != other and None not in (one, other):
                raise FormatError(
                    f"A comparison needs two explanations of the same {name}; these have "
                    f"{shown(one)} and {shown(other)}."
                )
        spans = [[(w.start, w.end) for w in e.left.words] for e in (self.better, self.worse)]
        if self.better.left.text != self.worse.left.text or spans[0] != spans[1]:
            raise FormatError("A comparison needs two explanations with the same left text.")
        if any(
            word.contribution is None
            for e in (self.better, self.worse)
            for side in (e.left, e.right)
            for word in side.words
        ):
            raise FormatError(
                f"The method {shown(self.better.method)} does not say what a word adds to the "
                "score, which a comparison needs: choose whyalike or another signed method."
            )

    def to_dict(self) -> dict[str, Any]:
        """Return plain dictionaries: both explanations, the margin, what query words add to it."""
        return {
            **FORMAT.head(),
            "margin": self.margin,
            "query_contributions": [word.contribution for word in self.query.words],
            "better": self.better.to_dict(),
            "worse": self.worse.to_dict(),
        }

    def to_json(self, *, indent: int | None = None) -> str:
        """Return JSON from which ``from_json`` makes an equal comparison."""
        return write_json(self.to_dict(), indent=indent)

    @classmethod
    def from_dict(cls, content: object) -> Self:
        """Make a comparison from what ``to_dict`` gave. Raises FormatError on anything else."""
        body = FORMAT.body(content)
        with FORMAT.reading():
            for name in body.keys() - {"margin", "query_contributions", "better", "worse"}:
                raise NewerFieldError(name)
        # What the two say of the margin is worked out anew.
        return cls(
            better=Explanation.from_dict(body.get("better")),
            worse=Explanation.from_dict(body.get("worse")),
        )

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Make a comparison from JSON. Raises FormatError on what ``to_json`` did not write."""
        return cls.from_dict(read_json(text))

    def to_html(self) -> str:
        """Return one self-contained HTML page."""
        from whyalike.render import render_comparison

        return render_comparison(self)

    def to_png(self, path: str | os.PathLike[str], *, dpi: int = 200) -> None:
        """Write the picture as PNG, whole or not at all (extra ``plot``).

        Raises:
            OptionError: ``path`` has another ending than ``.png``.
            MissingExtraError: matplotlib is not installed.
            OutputError: ``path`` can't be written.
        """
        check_ending(path, PNG)
        from whyalike.render import draw_comparison

        write_whole(path, lambda stream: draw_comparison(self, stream, format="png", dpi=dpi))

    def to_svg(self, path: str | os.PathLike[str]) -> None:
        """Write the picture as SVG; as ``to_png``."""
        check_ending(path, SVG)
        from whyalike.render import draw_comparison

        write_whole(path, lambda stream: draw_comparison(self, stream, format="svg"))

    def __str__(self) -> str:
        """Return the comparison as plain text, 80 columns wide."""
        from whyalike.render import render_comparison_text

        return render_comparison_text(self)

    def __repr__(self) -> str:
        """Return one line."""
        return (
            f"Comparison(margin={self.margin:.4f}, better={self.better.similarity:.4f}, "
            f"worse={self.worse.similarity:.4f}, method={self.better.method!r})"
        )

    def _repr_html_(self) -> str:
        from whyalike.render import render_comparison_fragment

        return render_comparison_fragment(self)
