"""The Explainer: a model and a method, ready for pairs of texts."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from whyalike.attribution import PreparedPair, Setting, get_method
from whyalike.encoder.encoder import Encoder
from whyalike.encoder.loading import ModelSource, load
from whyalike.encoder.pooling import Pooling
from whyalike.errors import OptionError, TextError, WhyalikeError
from whyalike.explain.explanation import Explanation
from whyalike.explain.preparation import Reading, read_texts, reading_warnings
from whyalike.matching import match_by_contribution, match_words, unmatched_words
from whyalike.selection import best_first, top_words
from whyalike.text import CleanText, clean_text, is_mark
from whyalike.types import BTIOptions, ExplainedText, PairSaliency, Word, WordPair, WordSaliency

LOOKAHEAD = 8
"""Batches gathered by ``explain_many`` before they are sorted by length."""

TextPair = tuple[str, str]
CleanPair = tuple[CleanText, CleanText]


class Explainer:
    """Explains the similarity that one model gives to pairs of texts.

    Args:
        model: a hub name, a local path, a SentenceTransformer, or (PreTrainedModel, tokenizer).
            A given model is left as it was: its mode and its gradients are put back.
        method: a registered method; ``whyalike methods`` lists them.
        pooling: ``"auto"`` explains the score that the model itself gives, where it is a
            SentenceTransformer, and the paper's score where it is a bare encoder. ``"model"``,
            ``"paper"`` (cosine of mean vectors without special tokens), ``"cls"`` and ``"last"``
            choose.
        options: every other choice of the method, see BTIOptions.
        prompts: literal prompts put before the left and the right text.
        prompt_names: the same by their names in the model's own ``prompts``. Without either, the
            model's default prompt is used, as its ``encode`` does.
        device: where to put a model that is loaded here.
        batch_size: pairs that go through the model together.
        trust_remote_code: allow code that comes with a model to run.
        allow_pickle: allow weights that are not safetensors.

    Raises:
        ModelNotFoundError, UnsafeModelError, ModelError: the model can't be had or used.
        OptionError: an unknown method, pooling or prompt.
    """

    def __init__(
        self,
        model: ModelSource = "all-MiniLM-L6-v2",
        *,
        method: str = "bti",
        pooling: Pooling = "auto",
        options: BTIOptions | None = None,
        prompts: tuple[str, str] | None = None,
        prompt_names: tuple[str, str] | None = None,
        device: str | None = None,
        batch_size: int = 8,
        trust_remote_code: bool = False,
        allow_pickle: bool = False,
    ) -> None:
        self.method = get_method(method)
        if options is not None and not isinstance(options, BTIOptions):
            raise OptionError(f"options is of type {type(options).__name__}; give BTIOptions(...).")
        self.options = options or BTIOptions()
        if type(batch_size) is not int or batch_size < 1:
            raise OptionError(f"batch_size is {batch_size!r}; give a whole number from 1 on.")
        self.batch_size = batch_size
        loaded = load(
            model, device=device, trust_remote_code=trust_remote_code, allow_pickle=allow_pickle
        )
        self.encoder = Encoder(loaded, pooling=pooling)
        self.prompts = self.encoder.find_prompts(prompts, prompt_names)

    def explain(self, left: str, right: str) -> Explanation:
        """Explain one pair. Raises TextError on what is not a text, ModelError on NaN."""
        cleaned = clean_text(left, side="left"), clean_text(right, side="right")
        return next(self._explain_chunk([cleaned]))

    def explain_many(self, pairs: Iterable[TextPair]) -> Iterator[Explanation]:
        """Explain pairs as they come, in their order, batched by length inside.

        Pairs are taken from the iterable ``LOOKAHEAD`` batches at a time; equal pairs among them
        are explained once, and equal texts tokenized once. A pair that can't be explained raises
        when its turn comes, and is named by its number, from 0.

        Raises:
            OptionError, TextError: what came is no pair of texts.
            ModelError: NaN.
        """
        if isinstance(pairs, str) or not isinstance(pairs, Iterable):
            raise OptionError(
                f"explain_many takes an iterable of pairs of texts; got {type(pairs).__name__}."
            )
        return self._explain_stream(iter(pairs))

    def _explain_stream(self, stream: Iterator[TextPair]) -> Iterator[Explanation]:
        start = 0
        while chunk := list(islice(stream, LOOKAHEAD * self.batch_size)):
            good: list[CleanPair] = []
            failure: WhyalikeError | None = None
            for number, pair in enumerate(chunk, start=start):
                try:
                    good.append(self._check(pair))
                except (OptionError, TextError) as error:
                    failure = type(error)(f"Pair {number}: {error}")
                    break
            yield from self._explain_chunk(good, first=start)
            if failure is not None:
                raise failure
            start += len(chunk)

    def _check(self, pair: object) -> CleanPair:
        """Return a pair, cleaned. Raises OptionError or TextError if it can't be explained."""
        if isinstance(pair, str) or not isinstance(pair, Sequence) or len(pair) != 2:
            raise OptionError(f"this is no pair of texts, but of type {type(pair).__name__}.")
        left, right = (
            clean_text(text, side=side) for text, side in zip(pair, ("left", "right"), strict=True)
        )
        return left, right

    def _explain_chunk(
        self, cleaned: Sequence[CleanPair], *, first: int | None = None
    ) -> Iterator[Explanation]:
        """Explain pairs up to one that is refused, and raise TextError for that.

        ``first`` is the number of the first pair, by which a refused one is named.
        """
        keys = [(left.text, right.text) for left, right in cleaned]
        lefts = self._read([left for left, _ in keys], self.prompts[0])
        rights = self._read([right for _, right in keys], self.prompts[1])
        refusals = [lefts[left].refusal or rights[right].refusal for left, right in keys]
        refused = next((place for place, reason in enumerate(refusals) if reason), None)
        keys, cleaned = keys[:refused], cleaned[:refused]
        prepared = {
            key: PreparedPair(lefts[key[0]].prepared, rights[key[1]].prepared) for key in keys
        }
        order = sorted(prepared, key=lambda key: -prepared[key].tokens.length)
        saliency: dict[TextPair, PairSaliency] = {}
        for start in range(0, len(order), self.batch_size):
            batch = order[start : start + self.batch_size]
            setting = Setting(self.encoder, self.options)
            results = self.method.attribute(setting, [prepared[key] for key in batch])
            saliency.update(zip(batch, results, strict=True))
        for key, (left, right) in zip(keys, cleaned, strict=True):
            yield self._finish(
                lefts[key[0]], rights[key[1]], saliency[key], left.warnings + right.warnings
            )
        if refused is not None:
            name = "" if first is None else f"Pair {first + refused}: "
            raise TextError(name + refusals[refused])

    def _read(self, texts: Sequence[str], prompt: str) -> dict[str, Reading]:
        unique = list(dict.fromkeys(texts))
        if not unique:
            return {}
        readings = read_texts(self.encoder, unique, prompt=prompt, options=self.options)
        return dict(zip(unique, readings, strict=True))

    def _finish(
        self, left: Reading, right: Reading, saliency: PairSaliency, warnings: tuple[str, ...]
    ) -> Explanation:
        """Match, select, and put everything into the object that users hold."""
        matches, unmatched = self._match(saliency)
        matrix = saliency.matrix
        return Explanation(
            similarity=saliency.similarity,
            similarity_function=self.encoder.similarity_function,
            method=self.method.name,
            model=self.encoder.name,
            pooling=self.encoder.pooling,
            left=_explained(left, saliency.left, unmatched[0]),
            right=_explained(right, saliency.right, unmatched[1]),
            pairs=top_words(matches, options=self.options),
            matches=best_first(matches),
            warnings=(
                *warnings,
                *reading_warnings(left, side="left", encoder=self.encoder),
                *reading_warnings(right, side="right", encoder=self.encoder),
                *saliency.warnings,
            ),
            completeness_gap=saliency.completeness_gap,
            pair_contributions=None if matrix is None else tuple(map(tuple, matrix.tolist())),
            remainder=saliency.remainder,
            options=self.options,
        )

    def _match(
        self, saliency: PairSaliency
    ) -> tuple[tuple[WordPair, ...], tuple[tuple[int, ...], tuple[int, ...]]]:
        """Return the matches, and the words of each side that match nothing."""
        left, right, union = saliency.left, saliency.right, self.options.union
        if saliency.matrix is None:
            matches = match_words(left, right, union=union)
            return matches, unmatched_words(matches, left, right, by="similarity")
        matches = match_by_contribution(left, right, saliency.matrix, union=union)
        return matches, unmatched_words(matches, left, right, by="score")


def _explained(
    reading: Reading, saliency: WordSaliency, unmatched: tuple[int, ...]
) -> ExplainedText:
    text = reading.prepared.tokens.text
    contributions: Sequence[float | None] = [None] * len(saliency.spans)
    if saliency.contributions is not None:
        contributions = saliency.contributions.tolist()
    words = tuple(
        Word(text[start:end], start, end, value, contribution)
        for (start, end), value, contribution in zip(
            saliency.spans, saliency.saliency.tolist(), contributions, strict=True
        )
    )
    # A comma without a partner is no reason for anything.
    telling = tuple(n for n in unmatched if not is_mark(words[n].text))
    return ExplainedText(text, words, reading.unread_words, telling)
