"""Why an item was found, from what the index stores: no model, but for a text that is new to it."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np

from whyalike.arrays import Floats
from whyalike.assembly import ExplainedBy, match
from whyalike.catalogue.manifest import Field, Manifest
from whyalike.catalogue.reader import IndexReader
from whyalike.catalogue.reasons import derive
from whyalike.catalogue.vectors import Vectors
from whyalike.errors import FormatError
from whyalike.explanation import Explanation
from whyalike.matching import MatchArrays
from whyalike.options import BTIOptions
from whyalike.stored_reasons import StoredText, explain_stored, stored_saliency

if TYPE_CHECKING:
    from whyalike.catalogue.search import Query
    from whyalike.explainer import Explainer

OF_THE_PASS = ("latent_layer", "words", "objective", "layer")
"""Options that change what the model is asked: reasons are stored with their usual values."""


def usual_options(options: BTIOptions) -> BTIOptions | None:
    """Return options if stored reasons can follow them, as they say what is made of a pass."""
    usual, given = BTIOptions().values(), options.values()
    if any(given[name] != usual[name] for name in OF_THE_PASS) or given.keys() - usual.keys():
        return None
    return options


def explained_by(
    manifest: Manifest, options: BTIOptions, *, prompts: tuple[str, str], model: str
) -> ExplainedBy:
    """Return whose score stored reasons explain; ``model`` is what it is called."""
    if manifest.reasons is None:
        raise FormatError("The index stores no reasons.")
    matching = options.matching or "soft"
    return ExplainedBy(
        similarity_function=manifest.model.similarity_function,
        method=manifest.reasons.method,
        model=model,
        pooling=manifest.model.pooling,
        prompts=prompts,
        matching=matching,
        selection=options.selection or "content",
        shares=matching in ("mutual", "soft"),
    )


class HitReasons:
    """Explains what one search of an index found.

    Parameters
    ----------
    reader : IndexReader
        The index.
    query : Query
        What was searched with.
    vectors : Mapping[Field, Vectors]
        Its vectors (H,) by field, as they are compared.
    options : callable
        Gives the options by which stored reasons explain as a method would, or None.
    open_explainer : callable
        Gives the index's Explainer; it is needed for a text that is no item alone.
    """

    def __init__(
        self,
        reader: IndexReader,
        query: "Query",
        vectors: Mapping[Field, Vectors],
        options: Callable[[str | None], BTIOptions | None],
        open_explainer: "Callable[[], Explainer]",
    ) -> None:
        self._reader, self._query, self._vectors = reader, query, vectors
        self.options = options
        self._open_explainer = open_explainer
        self._known: dict[Field, StoredText] = {}
        self._by: tuple[BTIOptions, ExplainedBy] | None = None

    def explain(self, id: str, *, query: Field, item: Field, options: BTIOptions) -> Explanation:
        """Explain the similarity of a field of the query, left, with one of an item, right.

        Raises FormatError where the index is damaged.
        """
        described = self._reader.manifest.reasons
        right = self._reader.stored_text(item, self._reader.position_of(id))
        if described is None or right is None:
            raise FormatError("The index stores no reasons.")
        return explain_stored(
            self._left(query),
            right,
            by=self._explained_by(options),
            options=options,
            numbers=described.numbers,
            length_share=described.length_share,
        )

    def _explained_by(self, options: BTIOptions) -> ExplainedBy:
        """Return whose score it is; for the hits of one search, with the same options, once."""
        known = self._by
        if known is None or known[0] is not options:
            manifest = self._reader.manifest
            prompts, name = manifest.model.prompts, manifest.model.name
            if self._query.id is not None:
                prompts = prompts[1], prompts[1]
            else:
                explainer = self._open_explainer()
                prompts, name = explainer.prompts, explainer.model.name
            known = options, explained_by(manifest, options, prompts=prompts, model=name)
            self._by = known
        return known[1]

    def _left(self, field: Field) -> StoredText:
        """Return the query's text with what is stored of it, or what the model makes of it."""
        if field not in self._known:
            self._known[field] = self._of_item(field) or self._of_text(field)
        return self._known[field]

    def _of_item(self, field: Field) -> StoredText | None:
        if self._query.id is None:
            return None
        return self._reader.stored_text(field, self._reader.position_of(self._query.id))

    def _of_text(self, field: Field) -> StoredText:
        explainer, text = self._open_explainer(), self._query.texts[field]
        policy = self._reader.manifest.model.long_text
        reasons = derive(explainer, [text], prompt=explainer.prompts[0], long_text=policy)[0]
        return StoredText(text, self._vectors[field].astype(np.float64), reasons)


class PairSums(NamedTuple):
    """What two texts' words add to their similarity, and what their matches do.

    words: of the left text, W of them, and of the right one. adds: (W,) and (W',), what each adds.
    """

    words: tuple[tuple[str, ...], tuple[str, ...]]
    adds: tuple[Floats, Floats]
    matches: MatchArrays

    @classmethod
    def of(cls, explanation: Explanation) -> Self:
        """Return the same of an explanation."""
        sides = explanation.left.words, explanation.right.words
        words = [tuple([word.text for word in side]) for side in sides]
        adds = [np.array([word.contribution or 0.0 for word in side]) for side in sides]
        matches = MatchArrays.of(explanation.matches)
        return cls((words[0], words[1]), (adds[0], adds[1]), matches)


class PairReasons:
    """Explains pairs of items of an index, by their positions, one as much a document as the other.

    Parameters
    ----------
    reader : IndexReader
        The index.
    options : BTIOptions
        Those that CatalogueIndex.stored_options gives.
    """

    def __init__(self, reader: IndexReader, options: BTIOptions) -> None:
        manifest = reader.manifest
        prompt = manifest.model.prompts[1]
        self._reader, self._options, self._described = reader, options, manifest.reasons
        self._by = explained_by(
            manifest, options, prompts=(prompt, prompt), model=manifest.model.name
        )

    def __call__(self, left: int, right: int) -> Explanation:
        """Explain the similarity of two items. Raises FormatError where the index is damaged."""
        described = self._described
        texts = self._text(left), self._text(right)
        if described is None:
            raise FormatError("The index stores no reasons.")
        return explain_stored(
            *texts,
            by=self._by,
            options=self._options,
            numbers=described.numbers,
            length_share=described.length_share,
        )

    def sums(self, left: int, right: int) -> PairSums:
        """Return what words and matches of two items add, without the rest of an explanation.

        Raises FormatError where the index is damaged.
        """
        described = self._described
        texts = self._text(left), self._text(right)
        if described is None:
            raise FormatError("The index stores no reasons.")
        found = stored_saliency(*texts, by=self._by, length_share=described.length_share)
        sides = found.left, found.right
        matches = match(found, matching=self._by.matching, union=self._options.union)
        words = [text.read[0].words(side) for text, side in zip(texts, sides, strict=True)]
        adds = [
            side.saliency if side.contributions is None else side.contributions for side in sides
        ]
        return PairSums((words[0], words[1]), (adds[0], adds[1]), matches)

    def _text(self, position: int) -> StoredText:
        found = self._reader.stored_text(self._reader.compared, position)
        if found is None:
            raise FormatError("The index stores no reasons.")
        return found
