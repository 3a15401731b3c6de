"""Print the lowest version of every package that pyproject.toml declares, as constraints for pip.

    python tools/lowest_versions.py [NAME==VERSION ...] > lowest.txt
    pip install -c lowest.txt -e '.[dev]'

Packages of all extras are among them; those without a bound are left to pip. What is named has the
version that is named.
"""

import re
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"
REQUIREMENT = re.compile(r"(?P<name>[\w.-]+)(?:\[[\w,.-]+\])?(?:(?:>=|==)(?P<version>[\w.]+))?")


def lowest_versions(requirements: Iterable[str]) -> dict[str, str]:
    """Return the least version that each requirement allows, by the package's name.

    Raises
    ------
    ValueError
        A requirement that is more than a name and one bound, or two bounds of one package that
        differ.
    """
    found: dict[str, str] = {}
    for requirement in requirements:
        parts = REQUIREMENT.fullmatch(requirement)
        if parts is None:
            raise ValueError(f"{requirement!r} is not of the form name>=version.")
        name, version = parts["name"], parts["version"]
        if version is None:
            continue
        if found.setdefault(name, version) != version:
            raise ValueError(f"{name} has the bounds {found[name]} and {version}: declare one.")
    return found


def declared_requirements(path: Path = PYPROJECT) -> list[str]:
    """Return what the project needs, with every extra."""
    project = tomllib.loads(path.read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"].values()
    return [*project["dependencies"], *(one for extra in extras for one in extra)]


if __name__ == "__main__":
    chosen = lowest_versions(declared_requirements()) | lowest_versions(sys.argv[1:])
    sys.stdout.writelines(f"{name}=={version}\n" for name, version in chosen.items())
