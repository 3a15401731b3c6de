"""``whyalike highlight``: what of a passage answers a query."""

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from whyalike.cli.explain import quieten, read_text, refuse_table
from whyalike.cli.failures import one_sentence_errors
from whyalike.cli.fusion import ModelOptions, read_model
from whyalike.cli.groups import with_groups
from whyalike.cli.options import (
    OUTPUT_PANEL,
    Debug,
    EmbeddingOptions,
    EncodingOption,
    Html,
    Json,
    LoadingOptions,
)
from whyalike.cli.printing import echo_data, echo_json, print_view, write_out, write_page
from whyalike.data.encodings import reading_in
from whyalike.errors import OptionError, TextError
from whyalike.sentences import check_language


@with_groups
def highlight(
    *,
    query: Annotated[str, typer.Argument(help="What is asked.")],
    passage: Annotated[
        str, typer.Argument(help="File with the passage; - is standard input.", metavar="FILE")
    ],
    budget: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Keep the best sentences within this many words.",
            show_default=False,
        ),
    ] = None,
    pruned: Annotated[
        bool,
        typer.Option(
            "--pruned",
            help="Print what is kept, and nothing else: the passage for a prompt.",
            rich_help_panel=OUTPUT_PANEL,
        ),
    ] = False,
    elasticsearch: Annotated[
        str | None,
        typer.Option(
            help="Print the highlight object of Elasticsearch and OpenSearch, for this field.",
            metavar="FIELD",
            show_default=False,
            rich_help_panel=OUTPUT_PANEL,
        ),
    ] = None,
    language: Annotated[
        str | None,
        typer.Option(
            help="Language of the passage, for its abbreviations where it is cut into sentences: a "
            "code such as de; by default as the script says.",
            metavar="CODE",
            show_default=False,
        ),
    ] = None,
    long_text: Annotated[
        Literal["windows", "error"],
        typer.Option(help="What to do with a passage beyond the model's limit."),
    ] = "windows",
    scorer: ModelOptions,
    embedding: EmbeddingOptions,
    json_: Json = False,
    html: Html = None,
    loading: LoadingOptions,
    encoding: EncodingOption = None,
    debug: Debug = False,
) -> None:
    """Say what of a passage answers a query: its best sentences, and the words that match.

    With --budget, only the best sentences within so many words are kept, in the passage's order.
    """
    with one_sentence_errors(debug=debug), reading_in(encoding):
        if sum((json_, pruned, elasticsearch is not None)) > 1:
            raise OptionError("Choose one of --json, --pruned and --elasticsearch.")
        if query == passage == "-":
            raise OptionError("Standard input (-) can be only one of query and passage.")
        asked = read_text("query", query, None, "")
        refuse_table(Path(passage), "give the text of one row, or rank with --jsonl FILE.")
        text = read_text("passage", None, passage, "")
        if not text.strip():
            raise TextError(f"The passage from {passage} is blank: give one with words.")
        check_language(language)
        source = read_model(scorer, loading)
        quieten()
        from whyalike import BTIOptions, Explainer

        explainer = Explainer(
            **source,
            **embedding.keywords(),
            options=BTIOptions(long_text="error" if long_text == "error" else "truncate"),
        )
        found = explainer.highlight(asked, text, budget=budget, language=language)
        write_page(html, found.to_html)
        if json_:
            write_out(lambda: echo_json(found.to_json(indent=2)))
        elif pruned:
            write_out(lambda: echo_data(found.pruned))
        elif elasticsearch is not None:
            said = json.dumps(found.to_elasticsearch(elasticsearch), ensure_ascii=False, indent=2)
            write_out(lambda: echo_json(said))
        else:
            from whyalike.render import terminal_highlights_view

            print_view(terminal_highlights_view, found)
