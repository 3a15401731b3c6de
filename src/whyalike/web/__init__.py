"""Pages and their server, imported on first use: FastAPI is an optional package."""

from importlib import import_module, util
from typing import TYPE_CHECKING, Any

from whyalike.errors import MissingExtraError

if TYPE_CHECKING:
    from whyalike.web.api.opening import open_service
    from whyalike.web.page_app import create_app
    from whyalike.web.rating.rating_app import create_rating_app
    from whyalike.web.server import Address, serve
    from whyalike.web.serving import create_explorer_app

__all__ = [
    "Address",
    "create_app",
    "create_explorer_app",
    "create_rating_app",
    "open_service",
    "serve",
]

MODULES = {
    "Address": "whyalike.web.server",
    "create_app": "whyalike.web.page_app",
    "create_explorer_app": "whyalike.web.serving",
    "create_rating_app": "whyalike.web.rating.rating_app",
    "open_service": "whyalike.web.api.opening",
    "serve": "whyalike.web.server",
}
NEEDED = {"fastapi": "fastapi", "uvicorn": "uvicorn"}
COUNTS = {"prometheus_client": "prometheus-client"}
"""Needed by the Explorer and its API alone."""
FORMS = {"python_multipart": "python-multipart"}
"""Needed by the rating app alone."""


def __getattr__(name: str) -> Any:
    """Import what was asked for. Raises MissingExtraError where its packages are not installed."""
    if name not in MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    extra = "serve" if name in ("create_explorer_app", "open_service") else "study"
    needed = {**NEEDED, **(COUNTS if extra == "serve" else {})}
    needed |= FORMS if name == "create_rating_app" else {}
    for module, package in needed.items():
        if util.find_spec(module) is None:
            raise MissingExtraError("The web pages", package, extra)
    return getattr(import_module(MODULES[name]), name)
