"""What the database says, as plain data."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Invitation:
    """A new rater and the token of the link. It is told this once: only its hash is kept."""

    rater_id: int
    number: int
    token: str


@dataclass(frozen=True, slots=True)
class Rater:
    """A rater. ``number``, from 0, chooses the order (``design.plan``)."""

    id: int
    number: int
    name: str
    simulated: bool
    consented_at: datetime | None


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the database answers once a rating is durable; ``replayed`` if it was there before."""

    rating_id: int
    position: int
    value: int
    received_at: datetime
    replayed: bool


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a rater has come: ``answered`` counts positions."""

    rater: Rater
    answered: int
    last_at: datetime | None


@dataclass(frozen=True, slots=True)
class RatingRow:
    """A stored rating. ``current`` is False where a later one is of the same position."""

    id: int
    rater_id: int
    rater_number: int
    rater_name: str
    simulated: bool
    position: int
    stimulus_id: str
    value: int
    comment: str
    client_key: str
    shown_at: datetime | None
    answered_at: datetime | None
    received_at: datetime
    current: bool = True

    @property
    def seconds(self) -> float | None:
        """From the showing to the answer, by the server's clock in the app; None where unknown."""
        if self.shown_at is None or self.answered_at is None:
            return None
        return (self.answered_at - self.shown_at).total_seconds()
