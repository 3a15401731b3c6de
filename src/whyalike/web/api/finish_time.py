"""When work is done that takes turns with other work."""

from collections.abc import Sequence


def finish_time(
    line: Sequence[float], backlog: Sequence[float], seconds: float, *, at_once: int
) -> float:
    """Return in how many seconds new work would be done, if nothing else came.

    All of the line go on at the same pace; one of the backlog begins as one of them is done.

    Args:
        line: how long each that takes turns takes yet.
        backlog: how long each takes that begins later, in their order; the new work comes last.
        seconds: how long the new work takes.
        at_once: how many take turns.
    """
    new = len(line) + len(backlog)
    left = dict(enumerate([*line, *backlog, seconds]))
    waiting, running = list(range(len(line), new + 1)), list(range(len(line)))
    elapsed = 0.0
    while True:
        while waiting and len(running) < max(1, at_once):
            running.append(waiting.pop(0))
        least = min(left[one] for one in running)
        elapsed += least * len(running)
        for one in running:
            left[one] -= least
        if new in running and left[new] <= 0:
            return elapsed
        running = [one for one in running if left[one] > 0]
