"""Which packages a figure was made with, so that it can be made again."""

import platform
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version

import whyalike

PACKAGES = ("torch", "transformers", "sentence-transformers", "numpy", "scipy", "scikit-learn")


def package_versions() -> dict[str, str]:
    """Return the versions of Python, of whyalike, and of what its figures hang on."""
    found = {"python": platform.python_version(), "whyalike": whyalike.__version__}
    for name in PACKAGES:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found
