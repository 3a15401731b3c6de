"""Print docs/options.md: the options of the methods, as they are declared.

python tools/options_page.py > docs/options.md
"""

from collections.abc import Iterator

from whyalike.methods.method import Method, list_methods
from whyalike.options import BTIOptions, Declared, MethodOptions, declared

HEAD = """\
# Options

Written by `tools/options_page.py` from the declarations in `src/whyalike/options.py`; a test holds
the page to them.

In Python an option is a field: `Explainer(options=BTIOptions(top_k=3))`. On the command line it is
`-O top_k=3`, of every command that takes a method; over HTTP it is `"options": {"top_k": 3}`. Each
method takes those that it has; `whyalike methods NAME` says which. *Row* is the one of
[how we read the paper](reading-of-the-paper.md). A method of another package may have options of
its own: see CONTRIBUTING.md, *Add a method*.
"""


def write_page() -> str:
    """Return the whole page."""
    methods = [one for one in list_methods() if one.attribute.__module__.startswith("whyalike.")]
    shared = {one.name for one in declared(MethodOptions)}
    every = [one for one in declared(BTIOptions) if one.name in shared]
    others = [one for one in declared(BTIOptions) if one.name not in shared]
    parts = [
        HEAD,
        "## Of every method\n",
        "| Option | Takes | Default | What it does | Row |",
        "|---|---|---|---|---|",
        *(f"| {_start(one)} | {one.meaning} | {one.row or '–'} |" for one in every),
        "\n## Of some methods\n",
        "| Option | Takes | Default | What it does | Row | Methods |",
        "|---|---|---|---|---|---|",
        *(
            f"| {_start(one)} | {' '.join(_sentences(one))} | {one.row or '–'} | "
            f"{', '.join(_users(one, methods))} |"
            for one in others
        ),
    ]
    return "\n".join(parts) + "\n"


def _start(option: Declared) -> str:
    return f"`{option.name}` | {option.allowed} | `{option.default}`"


def _sentences(option: Declared) -> Iterator[str]:
    yield option.meaning
    if option.cost:
        yield f"Cost: {option.cost}."
    if option.served is not None:
        yield f"A server takes {option.served:,} at most."


def _users(option: Declared, methods: list[Method]) -> Iterator[str]:
    for method in methods:
        if option in method.declared:
            yield f"`{method.name}`"


if __name__ == "__main__":
    print(write_page(), end="")
