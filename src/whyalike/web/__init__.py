"""Pages and their server, imported on first use: FastAPI is an optional package."""

from importlib import import_module, util
from typing import TYPE_CHECKING, Any

from whyalike.errors import MissingExtraError

if TYPE_CHECKING:
    from whyalike.web.app import create_app
    from whyalike.web.rating.app import create_rating_app
    from whyalike.web.server import Address, serve

__all__ = ["Address", "create_app", "create_rating_app", "serve"]

MODULES = {
    "Address": "whyalike.web.server",
    "create_app": "whyalike.web.app",
    "create_rating_app": "whyalike.web.rating.app",
    "serve": "whyalike.web.server",
}
NEEDED = {"fastapi": "fastapi", "uvicorn": "uvicorn", "python_multipart": "python-multipart"}


def __getattr__(name: str) -> Any:
    """Import what was asked for. Raises MissingExtraError where its packages are not installed."""
    if name not in MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    for module, package in NEEDED.items():
        if util.find_spec(module) is None:
            raise MissingExtraError("The web pages", package, "study")
    return getattr(import_module(MODULES[name]), name)
