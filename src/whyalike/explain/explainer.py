"""The Explainer: a model and a method, ready for pairs of texts."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from copy import copy
from itertools import islice

from whyalike.attribution import PreparedPair, Setting, get_method, list_methods
from whyalike.encoder.black_box import BlackBox, Embed
from whyalike.encoder.encoder import GRAPH_TOKENS, Encoder
from whyalike.encoder.loading import ModelSource
from whyalike.encoder.pooling import Pooling
from whyalike.errors import OptionError, TextError, WhyalikeError
from whyalike.explain.assembly import assemble
from whyalike.explain.comparison import Comparison
from whyalike.explain.explanation import Explanation
from whyalike.explain.opening import method_for, open_model
from whyalike.explain.preparation import Reading, read_texts
from whyalike.text import CleanText, clean_text
from whyalike.types import BTIOptions, PairSaliency, SimilarityFunction
from whyalike.types.checks import check_whole
from whyalike.words import Lexicon

LOOKAHEAD = 4
"""Batches gathered by ``explain_many`` before they are sorted by length."""

TextPair = tuple[str, str]
CleanPair = tuple[CleanText, CleanText]


class Explainer:
    """Explains the similarity that one model gives to pairs of texts.

    Args:
        model: a hub name, a local path, a SentenceTransformer, or (PreTrainedModel, tokenizer).
            A given model is only read: other threads may use it meanwhile. By default
            all-MiniLM-L6-v2.
        embed: instead of a model, a function from a list of texts to their vectors (N, H): a
            hosted service, ONNX, anything. Its calls are batched, cached and counted; a BlackBox
            of your own says how. Methods that promise "any embedding" work on it.
        method: a registered method; ``whyalike methods`` lists them. By default ``bti``, and
            ``occlusion`` with ``embed``.
        pooling: ``"auto"`` explains the score that the model itself gives, where it is a
            SentenceTransformer, and the paper's score where it is a bare encoder. ``"model"``,
            ``"paper"`` (cosine of mean vectors without special tokens), ``"cls"`` and ``"last"``
            choose.
        options: every other choice of the method, see BTIOptions.
        prompts: literal prompts put before the left and the right text; ``("", "")`` are none.
        prompt_names: the same by their names in the model's own ``prompts``. Without either, a
            model that has prompts for queries and documents takes the left text for a query and
            the right one for a document, as its ``encode_query`` and ``encode_document`` do
            (``between_documents`` takes both for documents); any other uses its default prompt, as
            its ``encode`` does.
        similarity_function: how vectors of ``embed`` are compared, by default by their cosine.
        lexicon: word vectors and the rarity of words, for the methods that go by them. By default
            the packaged one; ``Lexicon.fit(texts)`` learns from a catalogue's texts.
        device: where to put a model that is loaded here.
        batch_size: pairs that go through the model together at most; fewer where they are
            long, so that one forward and backward is enough.
        trust_remote_code: allow code that comes with a model to run.
        allow_pickle: allow weights that are not safetensors.

    Raises:
        ModelNotFoundError, UnsafeModelError, ModelError: the model can't be had or used.
        OptionError: an unknown method, pooling or prompt, or one that does not go with the rest.
    """

    def __init__(
        self,
        model: ModelSource | None = None,
        *,
        embed: Embed | BlackBox | None = None,
        method: str | None = None,
        pooling: Pooling = "auto",
        options: BTIOptions | None = None,
        prompts: tuple[str, str] | None = None,
        prompt_names: tuple[str, str] | None = None,
        similarity_function: SimilarityFunction | None = None,
        lexicon: Lexicon | None = None,
        device: str | None = None,
        batch_size: int = 32,
        trust_remote_code: bool = False,
        allow_pickle: bool = False,
    ) -> None:
        if options is not None and not isinstance(options, BTIOptions):
            raise OptionError(f"options is of type {type(options).__name__}; give BTIOptions(...).")
        self.options = options or BTIOptions()
        if lexicon is not None and not isinstance(lexicon, Lexicon):
            raise OptionError(
                f"lexicon is of type {type(lexicon).__name__}; give Lexicon.fit(texts)."
            )
        self.lexicon = lexicon
        check_whole("batch_size", batch_size)
        self.batch_size = batch_size
        if method is not None:
            get_method(method)  # A wrong name is told before a model is loaded.
        self.model = open_model(
            model,
            embed,
            similarity_function=similarity_function,
            pooling=pooling,
            device=device,
            trust_remote_code=trust_remote_code,
            allow_pickle=allow_pickle,
        )
        self.method = method_for(self.model, method or ("bti" if embed is None else "occlusion"))
        self.prompts = self.model.find_prompts(prompts, prompt_names)

    def __repr__(self) -> str:
        """Return one line."""
        return (
            f"Explainer({self.model.name!r}, method={self.method.name!r}, "
            f"pooling={self.model.pooling!r})"
        )

    @property
    def encoder(self) -> Encoder:
        """The loaded model. Raises OptionError where there is none, but a function."""
        return Setting(self.model, self.options).encoder

    def explain(self, left: str, right: str) -> Explanation:
        """Explain one pair. Raises TextError on what is not a text, ModelError on NaN."""
        cleaned = clean_text(left, side="left"), clean_text(right, side="right")
        return next(self._explain_chunk([cleaned]))

    def compare(
        self, query: str, better: str, worse: str, *, method: str | None = None
    ) -> Comparison:
        """Explain why the model scores ``better`` above ``worse`` for ``query``.

        Args:
            query: the text that both were compared with, put left.
            better: the text with the higher score; if it has the lower one, the margin is below 0.
            worse: the other text.
            method: one that gives signed contributions; by default this Explainer's own if it
                does, and otherwise the first of ``whyalike`` and ``occlusion`` that can be used.

        Raises:
            OptionError: a method that gives no signed contributions.
            TextError, ModelError: as ``explain``.
        """
        for name, text in (("query", query), ("better", better), ("worse", worse)):
            clean_text(text, side=name)  # What is no text is told by the name that it has here.
        explainer = self.with_method(method or self._signed_method)
        if "signed" not in explainer.method.promises:
            signed = [m.name for m in list_methods() if "signed" in m.promises]
            raise OptionError(
                f"{explainer.method.name!r} does not say what a word adds to the score, which a "
                f"comparison needs; these do: {', '.join(signed)}."
            )
        first, second = explainer.explain_many([(query, better), (query, worse)])
        return Comparison(better=first, worse=second)

    @property
    def _signed_method(self) -> str:
        if "signed" in self.method.promises:
            return self.method.name
        return "whyalike" if isinstance(self.model, Encoder) else "occlusion"

    def with_method(self, method: str) -> "Explainer":
        """Return an Explainer of the same loaded model and settings, with another method.

        Raises:
            OptionError: an unknown method, or one that the model can't be explained with.
        """
        other = copy(self)
        other.method = method_for(self.model, method)
        return other

    def with_lexicon(self, lexicon: Lexicon) -> "Explainer":
        """Return an Explainer of the same loaded model and settings, with another lexicon."""
        other = copy(self)
        other.lexicon = lexicon
        return other

    def with_prompts(self, prompts: tuple[str, str]) -> "Explainer":
        """Return an Explainer of the same loaded model and settings, with other literal prompts.

        Raises OptionError on anything but two strings.
        """
        other = copy(self)
        other.prompts = self.model.find_prompts(prompts, None)
        return other

    def between_documents(self) -> "Explainer":
        """Return an Explainer for two texts of one kind: both get the right text's prompt.

        So it is where two items of a catalogue meet, and not a query and a document.
        """
        return self.with_prompts((self.prompts[1], self.prompts[1]))

    def explain_many(self, pairs: Iterable[TextPair], *, start: int = 0) -> Iterator[Explanation]:
        """Explain pairs as they come, in their order, batched by length inside.

        Pairs are taken from the iterable ``LOOKAHEAD`` batches at a time; equal pairs among them
        are explained once, and equal texts tokenized once. A pair that can't be explained raises
        when its turn comes, and is named by its number, from ``start``.

        Raises:
            OptionError, TextError: what came is no pair of texts.
            ModelError: NaN.
        """
        if isinstance(pairs, str) or not isinstance(pairs, Iterable):
            raise OptionError(
                f"explain_many takes an iterable of pairs of texts; got {type(pairs).__name__}."
            )
        return self._explain_stream(iter(pairs), start)

    def _explain_stream(self, stream: Iterator[TextPair], start: int) -> Iterator[Explanation]:
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
        left, right = _two_of(pair)
        return clean_text(left, side="left"), clean_text(right, side="right")

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
        saliency: dict[TextPair, PairSaliency] = {}
        for batch in self._batches(prepared):
            setting = Setting(self.model, self.options, self.lexicon)
            results = self.method.attribute(setting, [prepared[key] for key in batch])
            saliency.update(zip(batch, results, strict=True))
        for key, (left, right) in zip(keys, cleaned, strict=True):
            yield assemble(
                lefts[key[0]],
                rights[key[1]],
                saliency[key],
                model=self.model,
                method=self.method,
                options=self.options,
                prompts=self.prompts,
                warnings=left.warnings + right.warnings,
            )
        if refused is not None:
            name = "" if first is None else f"Pair {first + refused}: "
            raise TextError(name + refusals[refused])

    def _batches(self, prepared: Mapping[TextPair, PreparedPair]) -> Iterator[list[TextPair]]:
        """Return the pairs that go through the model together, the longest first."""
        batch: list[TextPair] = []
        tokens = 0
        for key in sorted(prepared, key=lambda key: -prepared[key].tokens.length):
            size = 2 * prepared[key].tokens.length
            if batch and (len(batch) == self.batch_size or tokens + size > GRAPH_TOKENS):
                yield batch
                batch, tokens = [], 0
            batch.append(key)
            tokens += size
        if batch:
            yield batch

    def _read(self, texts: Sequence[str], prompt: str) -> dict[str, Reading]:
        unique = list(dict.fromkeys(texts))
        if not unique:
            return {}
        readings = read_texts(self.model, unique, prompt=prompt, options=self.options)
        return dict(zip(unique, readings, strict=True))


def _two_of(pair: object) -> tuple[object, object]:
    """Return the two elements of a tuple, a list, or a row of an array; a text is none of them.

    Raises OptionError on anything else.
    """
    kind = type(pair).__name__
    elements = None
    # A set has no order, and a dictionary's is of its keys.
    ordered = hasattr(pair, "__getitem__") and not isinstance(pair, str | bytes | Mapping)
    if ordered and isinstance(pair, Iterable):
        with suppress(TypeError):  # An array of no dimension.
            elements = list(pair)
    if elements is None:
        raise OptionError(f"this is no pair of texts, but of type {kind}; give (left, right).")
    if len(elements) != 2:
        count = f"{len(elements)} element{'s' * (len(elements) != 1)}"
        raise OptionError(f"this {kind} has {count}; give two texts, (left, right).")
    return elements[0], elements[1]
