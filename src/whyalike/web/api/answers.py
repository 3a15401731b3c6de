"""An explanation as it is kept and sent: its JSON, and the object made of it when it is needed."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from whyalike.explanation import Explanation
from whyalike.selection import top_words
from whyalike.web.api.lane import Stopped, as_exception

if TYPE_CHECKING:
    from whyalike.explainer import Explainer

TextPair = tuple[str, str]


class Answer:
    """An explanation and its JSON, byte for byte what ``Explanation.to_json`` gives."""

    __slots__ = ("_explanation", "json")

    def __init__(self, json: bytes, explanation: Explanation | None = None) -> None:
        self.json, self._explanation = json, explanation

    @classmethod
    def of(cls, explanation: Explanation) -> "Answer":
        """Return the answer that says this."""
        return cls(explanation.to_json().encode(), explanation)

    @property
    def explanation(self) -> Explanation:
        """The explanation; read from the JSON where the answer was kept."""
        if self._explanation is None:
            self._explanation = Explanation.from_json(self.json)
        return self._explanation

    def select(self, top_k: int) -> "Answer":
        """Return the answer with the pairs that ``top_k`` selects; no model is asked for that."""
        explanation = self.explanation
        options = replace(explanation.options, top_k=top_k)
        if options == explanation.options:
            return self
        pairs = top_words(explanation.matches, options=options)
        return Answer.of(replace(explanation, pairs=pairs, options=options))


def explain_each(
    explainer: "Explainer", pairs: Sequence[TextPair]
) -> list[Explanation | Exception]:
    """Explain pairs together; one that can't be explained gets its own error, the others theirs.

    A batch that fails is halved until the pairs at fault are alone.
    """
    if len(pairs) == 1:
        try:
            return [explainer.explain(*pairs[0])]
        except Stopped:
            raise
        except BaseException as error:
            return [as_exception(error)]
    done: list[Explanation | Exception] = []
    try:
        for explanation in explainer.explain_many(pairs):
            done.append(explanation)
    except Stopped:
        raise
    except BaseException:
        rest = pairs[len(done) :]
        middle = len(rest) if done else len(rest) // 2
        done += explain_each(explainer, rest[:middle]) if middle else []
        done += explain_each(explainer, rest[middle:]) if rest[middle:] else []
    return done
