"""Why a model scores one text above another for the same query, as plain data."""

from dataclasses import dataclass, replace

from whyalike.types.explanation import ExplainedText, ExplanationData


@dataclass(frozen=True, kw_only=True)
class ComparisonData:
    """Two explanations of one query: with the text that should be scored higher, and the other.

    The query is the left text of both; both give words signed contributions. ``margin`` is the
    difference of the two similarities, below zero if the model does not agree with the names.
    """

    better: ExplanationData
    worse: ExplanationData

    @property
    def margin(self) -> float:
        """C(query, better) - C(query, worse), in units of the similarity."""
        return self.better.similarity - self.worse.similarity

    @property
    def query(self) -> ExplainedText:
        """The query, each word with what it adds to the margin.

        Its saliency is that as a part of the greatest of the three texts, -1 to 1.
        """
        return self._in_parts(self.better.left, self._query_effects())

    @property
    def better_text(self) -> ExplainedText:
        """The text called better, each word with what it adds to the margin."""
        return self._in_parts(self.better.right, _contributions(self.better.right))

    @property
    def worse_text(self) -> ExplainedText:
        """The text called worse: a word that adds to its similarity lowers the margin."""
        effects = [-value for value in _contributions(self.worse.right)]
        return self._in_parts(self.worse.right, effects)

    def _query_effects(self) -> list[float]:
        return [
            one - other
            for one, other in zip(
                _contributions(self.better.left), _contributions(self.worse.left), strict=True
            )
        ]

    def _in_parts(self, text: ExplainedText, effects: list[float]) -> ExplainedText:
        everything = (
            *self._query_effects(),
            *_contributions(self.better.right),
            *_contributions(self.worse.right),
        )
        greatest = max(map(abs, everything), default=0.0) or 1.0
        words = tuple(
            replace(word, saliency=effect / greatest, contribution=effect + 0.0)
            for word, effect in zip(text.words, effects, strict=True)
        )
        return replace(text, words=words)


def _contributions(text: ExplainedText) -> list[float]:
    return [word.contribution or 0.0 for word in text.words]
