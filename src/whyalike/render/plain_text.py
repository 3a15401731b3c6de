"""What a Rich console would print, as a string that is the same wherever it is made."""

import io

from rich.console import Console, RenderableType


def plain_text(view: RenderableType, *, width: int) -> str:
    """Return ``view`` as text without any colour, ``width`` columns wide, that ends in a newline.

    Nothing is printed, and neither a notebook nor a variable such as FORCE_COLOR changes it.
    """
    stream = io.StringIO()
    console = Console(
        file=stream,
        width=width,
        color_system=None,
        legacy_windows=False,
        markup=False,
        emoji=False,
        # By itself Rich looks for a notebook and for a terminal, and writes for those.
        force_jupyter=False,
        force_terminal=False,
    )
    console.print(view)
    lines = (line.rstrip() for line in stream.getvalue().splitlines())
    return "\n".join(lines).rstrip() + "\n"
