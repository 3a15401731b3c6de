"""``whyalike demo``: a few telling pairs, explained in the terminal and on one page."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from whyalike.cli.explain import quieten, show
from whyalike.cli.failures import one_sentence_errors
from whyalike.cli.options import Debug, check_written
from whyalike.cli.printing import echo, open_console, write_out

if TYPE_CHECKING:
    from whyalike import Explainer

WINE = "W14"
PAPERS = "bti"
PAIRS = (
    (
        "Two products that share a purpose, in other words",
        "Keep hands warm with these knit gloves featuring touchscreen-compatible fingertips, a "
        "soft fleece lining and ribbed cuffs for a snug fit.",
        "These smartphone-friendly gloves are cut from stretch wool with leather palms, so you "
        "can text without taking them off in cold weather.",
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
        Path,
        typer.Option(
            help="Where the page with all pairs goes.", metavar="FILE", callback=check_written
        ),
    ] = Path("whyalike-demo.html"),
    debug: Debug = False,
) -> None:
    """Explain a few telling pairs with the packaged model, by two methods; no network needed."""
    with one_sentence_errors(debug=debug):
        quieten()
        from whyalike import Explainer
        from whyalike.files import write_whole
        from whyalike.render import render_html

        explainer = Explainer("all-MiniLM-L6-v2")
        pairs = (PAIRS[0], _find_similar_wine(explainer), *PAIRS[1:])
        texts = [(left, right) for _, left, right in pairs]
        ours, papers = (
            list(one.explain_many(texts, check=explainer.usual_check))
            for one in (explainer, explainer.with_method(PAPERS))
        )
        for (heading, _, _), explanation, other in zip(pairs, ours, papers, strict=True):
            write_out(partial(open_console().print, f"\n── {heading}\n", style="bold"))
            write_out(partial(show, explanation))
            said = f"\nBy the paper's method, {PAPERS}: {other.verdict}"
            write_out(partial(open_console().print, said, markup=False, highlight=False))
        headings = [
            said
            for heading, _, _ in pairs
            for said in (heading, f"The same by {PAPERS}, the paper’s")
        ]
        explanations = [one for both in zip(ours, papers, strict=True) for one in both]
        page = render_html(explanations, title="whyalike: a first look", headings=headings).encode()
        write_whole(html, lambda stream: stream.write(page))
        write_out(lambda: echo(f"\nThe same, to look at in a browser: {html.resolve()}"))


def _find_similar_wine(explainer: "Explainer") -> tuple[str, str, str]:
    """Return a wine of our example catalogue with the one most like it: heading, left, right."""
    from whyalike.catalogue import Catalogue
    from whyalike.models.scorer import require_vectors
    from whyalike.similarity import similarity_matrix

    wines = Catalogue.example("wine")
    others = [wine for wine in wines if wine.id != WINE]
    model = require_vectors(explainer.model, what="The nearest wine")
    vectors = model.embed([wines[WINE].description, *(w.description for w in others)])
    function = model.similarity_function
    scores = similarity_matrix(vectors[:1], vectors[1:], function=function)
    found = others[int(scores[0].argmax())]
    heading = f"A wine, and the one of {len(others)} others that is most like it"
    return heading, wines[WINE].description, found.description
