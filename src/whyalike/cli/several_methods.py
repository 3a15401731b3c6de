"""``whyalike explain --methods``: one pair, one loaded model, several methods."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from whyalike.cli.printing import echo, echo_json, open_console, write_out
from whyalike.errors import OptionError, WhyalikeError

if TYPE_CHECKING:
    from whyalike.explainer import Explainer
    from whyalike.explanation import Explanation

ALL = "all"


def choose_methods(said: str) -> tuple[str, ...]:
    """Return the names that ``--methods`` gives, each once. Raises OptionError on an unknown one.

    Args:
        said: names with commas between them, or ``all``.
    """
    from whyalike.methods.method import get_method, list_methods

    names = list(dict.fromkeys(name.strip() for name in said.split(",") if name.strip()))
    if not names:
        raise OptionError(f"--methods is {said!r}; give names with commas between them, or {ALL}.")
    if names == [ALL]:
        return tuple(method.name for method in list_methods())
    return tuple(get_method(name).name for name in names)


def explain_by_each(
    explainer: "Explainer", names: Sequence[str], left: str, right: str
) -> tuple[list["Explanation"], dict[str, str]]:
    """Return an explanation by each method, and by its name why one could not give any.

    Raises WhyalikeError, that of the first, if none could.
    """
    explanations: list[Explanation] = []
    failures: dict[str, WhyalikeError] = {}
    for name in names:
        try:
            explanations.append(explainer.with_method(name).explain(left, right))
        except WhyalikeError as error:
            failures[name] = error
    if not explanations:
        raise next(iter(failures.values()))
    return explanations, {name: str(error) for name, error in failures.items()}


def show_methods(
    explanations: Sequence["Explanation"],
    failures: Mapping[str, str],
    *,
    html: Path | None,
    as_json: bool,
) -> None:
    """Write the page if one was asked for, and print JSON or the compact view."""
    if html is not None:
        write_page(explanations, failures, html)
    if as_json:
        from whyalike.explanation import explanations_to_dict

        for name, why in failures.items():
            echo(f"Left out {name}: {why}", err=True)
        content = explanations_to_dict(explanations, left_out=failures)
        said = json.dumps(content, ensure_ascii=False, allow_nan=False, indent=2)
        write_out(lambda: echo_json(said))
        return
    from whyalike.render import terminal_methods_view

    write_out(lambda: open_console().print(terminal_methods_view(explanations, failures=failures)))


def write_page(
    explanations: Sequence["Explanation"], failures: Mapping[str, str], html: Path
) -> None:
    """Write all on one page, whole or not at all, each method with its source and its cost."""
    from whyalike.cli.listings import describe_cost
    from whyalike.files import write_whole
    from whyalike.methods.method import get_method
    from whyalike.render import render_methods

    methods = [get_method(explanation.method) for explanation in explanations]
    notes = {
        method.name: f"{method.summary} · {method.source} · {describe_cost(method)}"
        for method in methods
    }
    page = render_methods(explanations, notes=notes, failures=failures).encode()
    write_whole(html, lambda stream: stream.write(page))
    echo(f"Wrote {html}", err=True)
