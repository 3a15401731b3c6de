"""Files that a browser sends: read from a form, put where they can be parsed, kept for a while."""

import secrets
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.parser import BytesParser
from email.policy import HTTP
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from whyalike.errors import OptionError
from whyalike.texts import without_surrogates

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.requests import Request

MOST_SENT = 8 * 1024 * 1024
"""Bytes of a form with its file."""

MOST_KEPT = 16
"""Uploads that are held; the longest unused is forgotten."""

MOST_PARTS = 50
LONGEST_NAME = 80

Kept = TypeVar("Kept")


@dataclass(frozen=True, slots=True)
class Upload:
    """A form with a file: its fields, and the file's name and content, "" and b"" without one."""

    fields: dict[str, str]
    name: str
    content: bytes


def add_upload(app: "FastAPI", path: str, take: Callable[..., Any]) -> None:
    """Add a route that takes a form with a file of at most MOST_SENT bytes."""
    app.add_api_route(
        path,
        take,
        methods=["POST"],
        response_model=None,
        include_in_schema=False,
        max_body_size=MOST_SENT,
    )


async def read_upload(request: "Request") -> Upload:
    """Return what a form with a file sends. Raises HTTPException (422) on what is none.

    By the standard library: the form's own package is no part of the extra.
    """
    kind = request.headers.get("content-type", "")
    if not kind.lower().startswith("multipart/form-data"):
        raise HTTPException(422, "This is no form with a file: open the page again and repeat.")
    body = await request.body()
    return await run_in_threadpool(_parse, kind, body)


def _parse(kind: str, body: bytes) -> Upload:
    head = b"content-type: " + kind.encode("latin-1", "replace") + b"\r\n\r\n"
    message = BytesParser(policy=HTTP).parsebytes(head + body)
    if not message.is_multipart() or message.defects:
        raise HTTPException(422, "This form can't be read: open the page again and repeat.")
    fields: dict[str, str] = {}
    name, content = "", b""
    for number, part in enumerate(message.iter_parts()):
        if number == MOST_PARTS:
            raise HTTPException(422, "This form has too many fields.")
        called = str(part.get_param("name", "", header="content-disposition") or "")
        found = part.get_payload(decode=True)
        found = found if isinstance(found, bytes) else b""
        filename = part.get_filename()
        if filename is None:
            fields[called] = without_surrogates(found.decode("utf-8", "replace"))
        elif filename:
            name, content = _plain_name(filename), found
    return Upload(fields, name, content)


def _plain_name(filename: str) -> str:
    """Return the last part of a file's name, short and printable, with its ending."""
    last = without_surrogates(filename).replace("\\", "/").rsplit("/", 1)[-1]
    shown = "".join(c if c.isprintable() else "-" for c in last).strip() or "file"
    return shown if len(shown) <= LONGEST_NAME else shown[-LONGEST_NAME:]


@contextmanager
def as_file(upload: Upload) -> Iterator[Path]:
    """Yield a file of that content, called by its ending alone, until the block ends.

    Raises OptionError where there is none.
    """
    if not upload.content:
        raise OptionError("There is no file, or it is empty: choose one.")
    endings = "".join(s for s in Path(upload.name).suffixes[-2:] if s[1:].isalnum()).lower()
    with TemporaryDirectory(prefix="whyalike-") as folder:
        path = Path(folder) / f"file{endings}"
        path.write_bytes(upload.content)
        yield path


class KeptUploads(Generic[Kept]):
    """What was uploaded, by a key that nobody guesses; in memory, and no longer than the server.

    Parameters
    ----------
    most : int, default=MOST_KEPT
        How many are held.
    """

    def __init__(self, most: int = MOST_KEPT) -> None:
        self._kept: OrderedDict[str, Kept] = OrderedDict()
        self._most = most

    def put(self, what: Kept, key: str = "") -> str:
        """Keep it, and return its key; with one, in the place of what has that."""
        key = key or secrets.token_urlsafe(16)
        self._kept[key] = what
        self._kept.move_to_end(key)
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)
        return key

    def get(self, key: str) -> Kept | None:
        """Return what was kept; None where it is not there any more."""
        if key in self._kept:
            self._kept.move_to_end(key)
        return self._kept.get(key)


def refused(error: Exception, path: Path | None, name: str) -> OptionError:
    """Return what to say of a file of a user's own, by the name that the user gave.

    An error of a file is otherwise one of ours, of which a client learns nothing.
    """
    said = str(error) if path is None else str(error).replace(str(path), name or "The file")
    return OptionError(said)
