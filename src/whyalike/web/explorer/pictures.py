"""Pictures as bytes."""

import threading
from collections.abc import Callable
from io import BytesIO

from starlette.concurrency import run_in_threadpool

_ONE_AT_A_TIME = threading.Lock()


async def draw_png(draw: Callable[[BytesIO], object]) -> bytes:
    """Return what ``draw`` writes. Matplotlib's settings are global: one picture at a time."""

    def work() -> bytes:
        stream = BytesIO()
        with _ONE_AT_A_TIME:
            draw(stream)
        return stream.getvalue()

    return await run_in_threadpool(work)
