"""A client that goes away costs nothing more."""

import asyncio
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from starlette.requests import Request

Returned = TypeVar("Returned")


class ClientGoneError(Exception):
    """Nobody is there any more to be answered."""


async def unless_gone(request: "Request", work: "Coroutine[Any, Any, Returned]") -> Returned:
    """Return what ``work`` gives; cancel it when the client closes its connection.

    The body must have been read. Raises ClientGoneError where the client went.
    """
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait((task, gone), return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ClientGoneError
        return task.result()
    finally:
        for one in (task, gone):
            one.cancel()
        await asyncio.gather(task, gone, return_exceptions=True)


async def _gone(request: "Request") -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
