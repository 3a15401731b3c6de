"""What to try first, shown where nothing was asked yet."""

from dataclasses import dataclass
from urllib.parse import urlencode


@dataclass(frozen=True, slots=True)
class Example:
    """A question that one may follow: its name, its texts and its link."""

    name: str
    texts: tuple[str, ...]
    link: str


def _example(path: str, name: str, **texts: str) -> Example:
    return Example(name, tuple(texts.values()), f"{path}?{urlencode(texts)}")


PAIRS = (
    _example(
        "/",
        "Other words, same meaning",
        left="How do I get my money back?",
        right="A full refund is paid within seven days.",
    ),
    _example(
        "/",
        "Two products",
        left="Keep hands warm with these knit gloves featuring touchscreen-compatible fingertips.",
        right="These smartphone-friendly gloves let you text without taking them off.",
    ),
    _example(
        "/",
        "A word that turns it round",
        left="The hotel was quiet and close to the station.",
        right="The hotel was not quiet, but close to the station.",
    ),
)
COMPARISONS = (
    _example(
        "/compare",
        "A question and two answers",
        query="how to cancel my subscription",
        first="You can end your plan any time in the account settings.",
        second="Subscriptions are billed on the first day of each month.",
    ),
    _example(
        "/compare",
        "A search and two products",
        query="gloves for using a phone in winter",
        first="Knit gloves with touchscreen-compatible fingertips.",
        second="Warm leather gloves for winter, lined with wool.",
    ),
)
