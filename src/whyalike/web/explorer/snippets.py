"""The same question in Python and on the command line, and the files that answer it."""

import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from whyalike.errors import WhyalikeError
from whyalike.options import BTIOptions

if TYPE_CHECKING:
    from whyalike.explainer import Explainer

IN_SHELL = {"top_k": "--top-k", "words": "--words", "long_text": "--long-text"}
"""The options that the command line has."""


@dataclass(frozen=True, slots=True)
class TakeForm:
    """A file that can be copied or saved: its kind, where it is, and what it is called."""

    name: str
    path: str
    file: str


@dataclass(frozen=True, slots=True)
class Take:
    """What one may take along. ``link``: the query of the address, "" where it is too long."""

    link: str
    forms: tuple[TakeForm, ...]
    python: str
    shell: str


def forms_at(path: str, *names: str) -> tuple[TakeForm, ...]:
    """Return the files below ``path`` by the names of their kinds."""
    return tuple(TakeForm(n, f"{path}/{n.lower()}", f"whyalike.{n.lower()}") for n in names)


def open_in_python(explainer: "Explainer", method: str, options: BTIOptions) -> str:
    """Return the lines that open the same model."""
    from whyalike.models.black_box import BlackBox

    differing = _differing(options)
    imports = "BTIOptions, Explainer" if differing else "Explainer"
    if isinstance(explainer.model, BlackBox):
        arguments = ["embed=...,  # your function from a list of texts to their vectors"]
    else:
        arguments = [f"{explainer.model.name!r},", f"pooling={explainer.model.pooling!r},"]
    arguments.append(f"method={method!r},")
    if _has_own_prompts(explainer):
        arguments.append(f"prompts={explainer.prompts!r},")
    if differing:
        said = ", ".join(f"{name}={value!r}" for name, value in differing.items())
        arguments.append(f"options=BTIOptions({said}),")
    inside = "\n".join(f"    {one}" for one in arguments)
    return f"from whyalike import {imports}\n\nexplainer = Explainer(\n{inside}\n)\n"


def call_in_python(call: str, texts: Sequence[str]) -> str:
    """Return a call with texts as its arguments, each on a line of its own."""
    return f"{call}(\n" + "".join(f"    {text!r},\n" for text in texts) + ")\n"


def pair_in_python(
    explainer: "Explainer", methods: Sequence[str], options: BTIOptions, texts: Sequence[str]
) -> str:
    """Return a program that explains a pair."""
    opened = open_in_python(explainer, methods[0], options)
    if len(methods) == 1:
        return f"{opened}{call_in_python('e = explainer.explain', texts)}print(e)\n"
    named = ", ".join(map(repr, methods))
    pair = "pair = (\n" + "".join(f"    {text!r},\n" for text in texts) + ")\n"
    loop = f"for method in ({named}):\n    print(explainer.with_method(method).explain(*pair))\n"
    return f"{opened}{pair}{loop}"


def pair_in_shell(
    explainer: "Explainer", methods: Sequence[str], options: BTIOptions, texts: Sequence[str]
) -> str:
    """Return a command that explains a pair."""
    which = ["--method", *methods] if len(methods) == 1 else ["--methods", ",".join(methods)]
    more = [
        part
        for name, value in _differing(options).items()
        if name in IN_SHELL
        for part in (IN_SHELL[name], str(value))
    ]
    return in_shell("explain", *_model(explainer), *which, *more, texts=texts)


def comparison_in_shell(explainer: "Explainer", method: str, texts: Sequence[str]) -> str:
    """Return a command that compares two texts."""
    return in_shell("compare", *_model(explainer), "--method", method, texts=texts)


def in_shell(*parts: str, texts: Sequence[str] = ()) -> str:
    """Return a command, quoted for a shell. Texts stand last, so that one may begin with -."""
    return shlex.join(["whyalike", *parts, *(["--", *texts] if texts else [])]) + "\n"


def _model(explainer: "Explainer") -> tuple[str, ...]:
    named = ("--model", explainer.model.name, "--pooling", explainer.model.pooling)
    return (*named, "--prompts", *explainer.prompts) if _has_own_prompts(explainer) else named


def _has_own_prompts(explainer: "Explainer") -> bool:
    """Return whether they are not those that a new Explainer of the model would have."""
    try:
        return explainer.prompts != explainer.model.find_prompts(None, None)
    except WhyalikeError:
        return True  # They must be said.


def _differing(options: BTIOptions) -> dict[str, object]:
    usual = asdict(BTIOptions())
    return {name: value for name, value in asdict(options).items() if value != usual[name]}
