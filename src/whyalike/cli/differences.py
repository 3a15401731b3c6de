"""``whyalike differences``: why two texts are not alike."""

from pathlib import Path
from typing import Annotated

import typer

from whyalike.cli.explain import quieten, read_text
from whyalike.cli.failures import one_sentence_errors
from whyalike.cli.fusion import ModelOptions, read_model
from whyalike.cli.groups import with_groups
from whyalike.cli.options import Debug, EmbeddingOptions, Html, Json, LoadingOptions
from whyalike.cli.printing import echo_json, print_view, write_out, write_page


@with_groups
def differences(
    *,
    left: Annotated[str | None, typer.Argument(help="A text; - is standard input.")] = None,
    right: Annotated[str | None, typer.Argument(help="The other text.")] = None,
    left_file: Annotated[
        str | None, typer.Option(help="Read the left text from here.", show_default=False)
    ] = None,
    right_file: Annotated[
        str | None, typer.Option(help="Read the right text from here.", show_default=False)
    ] = None,
    check: Annotated[
        bool | None,
        typer.Option(
            "--check/--no-check",
            help="Score the right text with the left one's words in each place; by default where "
            "a pass is cheap.",
            show_default=False,
        ),
    ] = None,
    thesaurus: Annotated[
        Path | None,
        typer.Option(
            help="Folder of WordNet's files, for synonyms too: as Debian's wordnet-base has them "
            "in /usr/share/wordnet. Without it, English opposites are known, and no synonyms.",
            metavar="FOLDER",
            show_default=False,
        ),
    ] = None,
    scorer: ModelOptions,
    embedding: EmbeddingOptions,
    json_: Json = False,
    html: Html = None,
    loading: LoadingOptions,
    debug: Debug = False,
) -> None:
    """Say why two texts are not alike: where they differ, in what way, and what that costs.

    A place that changes the meaning is named by its kind: negated, opposite, number, name, added,
    missing, more general, more specific, other words. Other words for the same are said to be such.
    """
    with one_sentence_errors(debug=debug):
        one = read_text("left", left, left_file, "--left-file")
        other = read_text("right", right, right_file, "--right-file")
        from whyalike.words.thesaurus import Thesaurus

        known = Thesaurus.builtin() if thesaurus is None else Thesaurus.read(thesaurus)
        source = read_model(scorer, loading)
        quieten()
        from whyalike import Explainer

        explainer = Explainer(
            **source,
            **embedding.keywords(),
        )
        found = explainer.differences(one, other, thesaurus=known, check=check)
        write_page(html, found.to_html)
        if json_:
            write_out(lambda: echo_json(found.to_json(indent=2)))
        else:
            from whyalike.render import terminal_differences_view

            print_view(terminal_differences_view, found)
