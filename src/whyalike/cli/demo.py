"""``whyalike demo``: a few telling pairs, explained in the terminal and on one page."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from whyalike.cli.explain import quieten, show
from whyalike.cli.failures import told_plainly
from whyalike.cli.options import Debug
from whyalike.cli.printing import open_console, write_out

PAIRS = (
    (
        "Two products that share a purpose, in other words",
        "Keep hands warm with these knit gloves featuring touchscreen-compatible fingertips, a "
        "soft fleece lining and ribbed cuffs for a snug fit.",
        "These smartphone-friendly gloves are cut from stretch wool with leather palms, so you "
        "can text without taking them off in cold weather.",
    ),
    (
        "Two tasting notes: which flavours make them neighbours?",
        "Pale straw in the glass, this Viura opens with lemon zest and white flowers. Light and "
        "brisk on the palate, it finishes with a clean citrus snap.",
        "A translucent, light-bodied white from Rioja. Citrusy aromas of grapefruit and green "
        "apple lead to a crisp, refreshing finish with a hint of blossom.",
    ),
    (
        "A search query and a passage that share no important word",
        "How do I get my money back for a cancelled flight?",
        "Passengers whose booking was called off by the airline may claim a full refund within "
        "seven days, provided that they have not accepted another departure.",
    ),
    (
        "A false friend: what does the model see in common?",
        "The bank raised its interest rates again this spring.",
        "We sat on the river bank and watched the spring flood rise.",
    ),
    (
        "A blind spot: opposite meanings, and yet alike",
        "The hotel was quiet, the room was clean and the staff could not have been kinder.",
        "The hotel was not quiet, the room was far from clean and the staff were unkind.",
    ),
)


def demo(
    html: Annotated[
        Path, typer.Option(help="Where the page with all pairs goes.", metavar="FILE")
    ] = Path("whyalike-demo.html"),
    debug: Debug = False,
) -> None:
    """Explain a few telling pairs with the packaged model; no network needed."""
    with told_plainly(debug=debug):
        quieten()
        from whyalike import Explainer
        from whyalike.explain import write_whole
        from whyalike.render import render_html

        explainer = Explainer("all-MiniLM-L6-v2")
        explanations = list(explainer.explain_many((left, right) for _, left, right in PAIRS))
        for (heading, _, _), explanation in zip(PAIRS, explanations, strict=True):
            write_out(partial(open_console().print, f"\n── {heading}\n", style="bold"))
            write_out(partial(show, explanation))
        headings = [heading for heading, _, _ in PAIRS]
        page = render_html(explanations, title="whyalike: a first look", headings=headings).encode()
        write_whole(html, lambda stream: stream.write(page))
        write_out(lambda: typer.echo(f"\nThe same, to look at in a browser: {html.resolve()}"))
