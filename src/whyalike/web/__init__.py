"""Pages and their server, imported on first use: FastAPI is an optional package."""

from importlib import util
from typing import Any

from whyalike.errors import MissingExtraError
from whyalike.lazy import names_of_stub

NEEDED = {"fastapi": "fastapi", "uvicorn": "uvicorn"}
COUNTS = {"prometheus_client": "prometheus-client"}
"""Needed by the Explorer and its API alone."""
FORMS = {"python_multipart": "python-multipart"}
"""Needed by the rating app alone."""

_load, __dir__ = names_of_stub(__name__)


def __getattr__(name: str) -> Any:
    """Import what was asked for. Raises MissingExtraError where its packages are not installed."""
    if name in __dir__():
        _check_packages(name)
    return _load(name)


def _check_packages(name: str) -> None:
    extra = "serve" if name in ("create_explorer_app", "open_service") else "study"
    needed = {**NEEDED, **(COUNTS if extra == "serve" else {})}
    needed |= FORMS if name == "create_rating_app" else {}
    for module, package in needed.items():
        if util.find_spec(module) is None:
            raise MissingExtraError("The web pages", package, extra)
