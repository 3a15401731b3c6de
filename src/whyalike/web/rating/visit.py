"""Where a rater stands: what was answered, what comes next, and what may be looked at again."""

from collections.abc import Mapping, Set
from dataclasses import dataclass

from whyalike.study.model import Task
from whyalike.study.storage import Rater, RatingRow


@dataclass(frozen=True, slots=True)
class Visit:
    """A rater at one moment. ``answers`` are the current ones by position."""

    token: str
    rater: Rater
    tasks: tuple[Task, ...]
    answers: Mapping[int, RatingRow]

    @property
    def next_position(self) -> int:
        """The first position without an answer; the number of tasks when all have one."""
        return self._first_open(self.answers.keys())

    @property
    def is_done(self) -> bool:
        """Whether every task has an answer."""
        return self.next_position == len(self.tasks)

    @property
    def practice(self) -> int:
        """How many tasks are practice; they come first."""
        return sum(task.kind == "practice" for task in self.tasks)

    def before(self, position: int) -> int | None:
        """Return the position whose answer may be changed from ``position``: the last one.

        Practice is not: its solution has been shown. Nor is anything further back: a rater who
        looks up earlier answers would no longer tell how steady they are.
        """
        back = self.next_position - 1
        if position != self.next_position or back < 0 or self.tasks[back].kind == "practice":
            return None
        return back

    def path_after(self, position: int) -> str:
        """Return where the rater goes on once ``position`` is answered too."""
        return self._path(self._first_open(self.answers.keys() | {position}))

    @property
    def path(self) -> str:
        """Where the rater goes on."""
        return self._path(self.next_position)

    def _path(self, position: int) -> str:
        return "/done" if position == len(self.tasks) else f"/rate/{position + 1}"

    def _first_open(self, answered: Set[int]) -> int:
        positions = (task.position for task in self.tasks)
        return next((one for one in positions if one not in answered), len(self.tasks))

    def may_see(self, position: int) -> bool:
        """Return whether the screen may be shown: the next one, or the last one again."""
        screens = (self.next_position, self.before(self.next_position))
        return position < len(self.tasks) and position in screens

    def count(self, position: int) -> tuple[str, int, int]:
        """Return what the screen is called, its number from 1, and of how many it is one."""
        if position < self.practice:
            return "Practice", position + 1, self.practice
        return "Pair", position + 1 - self.practice, len(self.tasks) - self.practice
