"""The Explainer: a model and a method, ready for pairs of texts."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from copy import copy
from dataclasses import replace
from itertools import islice
from logging import INFO
from typing import Any

from whyalike.arrays import PairSaliency
from whyalike.assembly import ExplainedBy, ReadText, explanation_of
from whyalike.background import Background, Measured, background_of
from whyalike.chain import Stage, open_stages, trace_stages
from whyalike.chunked import explain_in_chunks, with_options
from whyalike.comparison import Comparison, read_apart
from whyalike.data.items import Item
from whyalike.deletions import USUAL_ROWS, check_comparison, check_explanations, usual_check
from whyalike.differences import Differences
from whyalike.differing import find_differences
from whyalike.errors import OptionError, TextError, WhyalikeError
from whyalike.explanation import Explanation, SimilarityFunction
from whyalike.highlighting import Offsets, highlight_passages
from whyalike.highlights import Highlights
from whyalike.methods.method import (
    Method,
    PreparedPair,
    Setting,
    get_method,
    list_methods,
    method_for,
    usual_method,
)
from whyalike.models.black_box import BlackBox, Embed, check_roles
from whyalike.models.encoder import GRAPH_TOKENS, Encoder
from whyalike.models.labels import Label
from whyalike.models.loading import ModelSource
from whyalike.models.opening import Opening, open_scorer
from whyalike.models.pair_function import PairScorer, ScorePairs
from whyalike.models.pipeline import Means, Pooling
from whyalike.models.scorer import Scorer, sides_of
from whyalike.models.user_function import LOG, Cost, rehearse
from whyalike.options import (
    BTIOptions,
    Chunks,
    MethodOptions,
    UnitKind,
    all_options,
    check_chunks,
    check_whole,
    without_chunks,
)
from whyalike.pair_columns import pairs_of, passages_of
from whyalike.passages import Progress, rank_passages
from whyalike.ranking import Ranking, Size
from whyalike.readings import Reading, read_pairs, reading_warnings
from whyalike.texts import CleanText, clean_text
from whyalike.trace import Trace
from whyalike.units import check_unit, measure_units
from whyalike.words import Lexicon, Thesaurus

DEFAULT_MODEL = "all-MiniLM-L6-v2"


def open_model(
    model: ModelSource | Scorer | None,
    embed: Embed | BlackBox | None,
    score: ScorePairs | PairScorer | None,
    *,
    embed_query: Embed | None,
    embed_document: Embed | None,
    similarity_function: SimilarityFunction | None,
    opening: Opening,
) -> Scorer:
    """Return the scorer of a model or of functions; see Explainer for the arguments.

    Raises
    ------
    ModelNotFoundError, UnsafeModelError, ModelError
        The model can't be found or used.
    OptionError
        Two are given, or something that belongs to the other.
    """
    if embed_query is not None or embed_document is not None:
        check_roles(embed, embed_query, embed_document, model=model, score=score)
        opening.refuse(what="With embed_query= and embed_document=")
        return BlackBox(
            embed_query=embed_query,
            embed_document=embed_document,
            similarity_function=similarity_function or "cosine",
        )
    if embed is None and similarity_function is not None:
        raise OptionError(
            f"similarity_function is {similarity_function!r}, and a model has its own: it goes "
            "with embed= only, or with embed_query= and embed_document=."
        )
    if embed is not None:
        opening.refuse(
            what="With embed=",
            model=model is not None,
            score=score is not None,
            similarity_function=isinstance(embed, BlackBox) and similarity_function is not None,
        )
        if isinstance(embed, BlackBox):
            return embed
        return BlackBox(embed, similarity_function=similarity_function or "cosine")
    if score is not None:
        opening.refuse(what="With score=", model=model is not None)
        return score if isinstance(score, PairScorer) else PairScorer(score)
    return open_scorer(DEFAULT_MODEL if model is None else model, opening)


TextPair = tuple[str, str]


def assemble(
    left: Reading,
    right: Reading,
    saliency: PairSaliency,
    *,
    model: Scorer,
    method: Method,
    options: BTIOptions,
    prompts: tuple[str, str],
    warnings: tuple[str, ...],
    background: Measured | None = None,
    common: Collection[str] = (),
) -> Explanation:
    """Match, select, and put everything into the object that users hold.

    Parameters
    ----------
    left : Reading
        The left text as it was read.
    right : Reading
        The right text as it was read.
    saliency : PairSaliency
        What the method found.
    model : Scorer
        Whose similarity it is.
    method : Method
        Which method it was; it says how words are matched unless ``options`` does.
    options : BTIOptions
        The user's choices.
    prompts : tuple[str, str]
        Put before the left text and before the right one.
    warnings : tuple[str, ...]
        What was said of the texts before.
    background : Measured, optional
        What the similarity is compared with.
    common : collection of str, default=()
        Words, in lower case, that most texts of the background have.
    """
    readers = sides_of(model)
    matching = options.matching or saliency.matching or method.matching
    return explanation_of(
        ReadText(left.prepared.tokens.text, left.unread_words),
        ReadText(right.prepared.tokens.text, right.unread_words),
        saliency,
        by=ExplainedBy(
            similarity_function=model.similarity_function,
            method=method.name,
            model=model.name,
            pooling=model.pooling,
            prompts=prompts,
            matching=matching,
            selection=method.selects_by(options),
            shares=matching in ("mutual", "soft") and {"pairs", "sums"} <= set(method.promises),
        ),
        options=options,
        warnings=(
            *warnings,
            *filter(None, [model.about_score(saliency.similarity)]),
            *reading_warnings(left, side="left", model=readers[0]),
            *reading_warnings(right, side="right", model=readers[1]),
            *saliency.warnings,
            *(
                background.warnings(saliency.expected, method=method.name, model=model)
                if background
                else ()
            ),
        ),
        background=None
        if background is None
        else background.place(saliency.similarity, saliency.expected),
        common=common,
    )


LOOKAHEAD = 4
"""Batches gathered by ``explain_many`` before they are sorted by length."""

CleanPair = tuple[CleanText, CleanText]


class Explainer:
    """Explains the similarity that one model gives to pairs of texts.

    Parameters
    ----------
    model : ModelSource | Scorer, optional
        A hub name, a local path, a SentenceTransformer, (PreTrainedModel, tokenizer), BM25(...),
        Fusion(...), or a scorer of your own (see ``whyalike.models.scorer``). Of a CrossEncoder,
        and of a classifier of pairs, the logit is explained. A given model is only read: other
        threads may use it meanwhile. By default all-MiniLM-L6-v2.
    embed : Embed | BlackBox, optional
        Instead of a model, a function from a list of texts to their vectors (N, H): a hosted
        service, ONNX, anything. Its calls are batched, cached, counted, and made again where that
        helps; a BlackBox of your own says how. Methods that promise "any embedding" work on it.
    embed_query : Embed, optional
        Instead of ``embed``, with ``embed_document``: the function for the left text, where a
        service embeds queries and documents each in its own way.
    embed_document : Embed, optional
        The function for the right text, and for both after ``between_documents``.
    score : ScorePairs | PairScorer, optional
        Instead of a model, a function from a list of N pairs of texts, tuples (left, right), to N
        numbers of any range, higher being more alike: a reranker's ``predict``, a hosted one. Its
        calls are batched, cached and counted; a PairScorer of your own says how. The same methods
        work on it; words are paired by the lexicon's vectors, as it gives none.
    method : str, optional
        A registered method; ``whyalike methods`` lists them. By default ``exact`` for a model whose
        score is a sum over pairs of tokens, ``parts`` or ``ranks`` for a fusion, else ``whyalike``,
        and ``occlusion`` for what has no gradients. ``bti`` is the paper's.
    pooling : Pooling, default='auto'
        ``"auto"`` explains the score that the model itself gives, where it is a
        SentenceTransformer, and the paper's score where it is a bare encoder. ``"model"``,
        ``"paper"`` (cosine of mean vectors without special tokens), ``"cls"`` and ``"last"``
        choose.
    options : MethodOptions, optional
        Every other choice of the method: BTIOptions, or the class of options of a method that does
        not come with whyalike. Each method takes those that it has.
    prompts : tuple[str, str], optional
        Literal prompts put before the left and the right text; ``("", "")`` are none.
    prompt_names : tuple[str, str], optional
        The same by their names in the model's own ``prompts``. Without either, a model that has
        prompts for queries and documents takes the left text for a query and the right one for a
        document, as its ``encode_query`` and ``encode_document`` do (``between_documents`` takes
        both for documents); any other uses its default prompt, as its ``encode`` does.
    similarity_function : SimilarityFunction, optional
        How vectors of ``embed`` are compared, by default by their cosine.
    lexicon : Lexicon, optional
        Word vectors and the rarity of words, for the methods that go by them. By default the
        packaged one; ``Lexicon.fit(texts)`` learns from a catalogue's texts.
    background : texts, Background or CatalogueIndex, optional
        Texts of your own, 30 or more, such as a catalogue's. Explanations then say where the score
        stands among those of random pairs of them and of nearest ones. By a method that
        differentiates a cosine or a product and gives signs (whyalike, gradient_x_activation),
        words explain what the pair has beyond any two of them: of what all texts have in common,
        nothing is left. At most 1,000 of the texts are read, once.
    device : str, optional
        Where to put a model that is loaded here.
    batch_size : int, default=32
        Pairs that go through the model together at most; fewer where they are long, so that one
        forward and backward is enough.
    trust_remote_code : bool, default=False
        Allow code that comes with a model to run.
    allow_pickle : bool, default=False
        Allow weights that are not safetensors.
    label : int or str, optional
        Of a CrossEncoder or classifier with several labels, the one whose logit is explained: its
        name, or its number from 0.

    Raises
    ------
    ModelNotFoundError, UnsafeModelError, ModelError
        The model can't be found or used.
    OptionError
        An unknown method, pooling or prompt, or one that does not go with the rest.
    """

    def __init__(
        self,
        model: ModelSource | Scorer | None = None,
        *,
        embed: Embed | BlackBox | None = None,
        embed_query: Embed | None = None,
        embed_document: Embed | None = None,
        score: ScorePairs | PairScorer | None = None,
        method: str | None = None,
        pooling: Pooling = "auto",
        options: MethodOptions | None = None,
        prompts: tuple[str, str] | None = None,
        prompt_names: tuple[str, str] | None = None,
        similarity_function: SimilarityFunction | None = None,
        lexicon: Lexicon | None = None,
        background: object | None = None,
        device: str | None = None,
        batch_size: int = 32,
        trust_remote_code: bool = False,
        allow_pickle: bool = False,
        label: Label | None = None,
    ) -> None:
        if options is not None and not isinstance(options, MethodOptions):
            raise OptionError(f"options is of type {type(options).__name__}; give BTIOptions(...).")
        self.options = all_options(options)
        check_chunks(self.options)
        if lexicon is not None and not isinstance(lexicon, Lexicon):
            raise OptionError(
                f"lexicon is of type {type(lexicon).__name__}; give Lexicon.fit(texts)."
            )
        self.lexicon = lexicon
        self.background: Background | None = background_of(background)
        self._measured: dict[tuple[tuple[str, str], str], Measured] = {}
        check_whole("batch_size", batch_size)
        self.batch_size = batch_size
        if method is not None:
            # What is wrong is said before a model is loaded.
            get_method(method).own_options(self.options)
        self.model = open_model(
            model,
            embed,
            score,
            embed_query=embed_query,
            embed_document=embed_document,
            similarity_function=similarity_function,
            opening=Opening(
                pooling=pooling,
                device=device,
                trust_remote_code=trust_remote_code,
                allow_pickle=allow_pickle,
                label=label,
            ),
        )
        self.method = method_for(self.model, method or usual_method(self.model))
        self.prompts = self.model.find_prompts(prompts, prompt_names)

    def __repr__(self) -> str:
        """Return one line."""
        return (
            f"Explainer({self.model.name!r}, method={self.method.name!r}, "
            f"pooling={self.model.pooling!r})"
        )

    @property
    def encoder(self) -> Encoder:
        """The loaded model. Raises OptionError where nothing can be seen inside it."""
        return Setting(self.model, self.options).encoder

    def explain(
        self, left: str, right: str, *, check: int = 0, unit: UnitKind = "word"
    ) -> Explanation:
        """Explain one pair.

        Parameters
        ----------
        left : str
            The first text; a query, where the model tells them apart.
        right : str
            The second text.
        check : int, default=0
            How many of the selected pairs are checked, best first: their words are deleted from
            both texts, of each pair alone and of all together, and ``checks`` of the explanation
            says what the model then scores. One batch of ``check`` + 1 pairs goes to the model.
            Where pairs are selected by content, as ``whyalike`` does, three times as many go before
            it: pairs whose deletion does not lower the score are left out, and a stop word that
            takes half as much as the best pair is shown.
        unit : {'word', 'phrase', 'sentence'}
            With anything but words, ``units`` of the explanation says besides what the score loses
            without each sentence, and what each scores alone, in one batch of two pairs a sentence;
            or joins neighbouring words that act together to phrases, by about two pairs a word.

        Raises
        ------
        OptionError
            ``check`` is no whole number from 0 on, or an unknown unit.
        TextError
            What is not a text, or may not be cut.
        ModelError
            NaN.
        """
        check_whole("check", check, least=0)
        check_unit(unit)
        cleaned = clean_text(left, side="left"), clean_text(right, side="right")
        return next(self._explain_chunk([cleaned], check=check, unit=unit))

    @property
    def usual_check(self) -> int:
        """How many pairs the command line and pages check: 3 where a pass is cheap, else none."""
        return usual_check(self.model)

    @property
    def usual_rows(self) -> int:
        """How many rows of a comparison are checked by default: none where a pass may cost much."""
        return USUAL_ROWS if self.usual_check else 0

    def compare(
        self,
        query: str,
        better: str,
        worse: str,
        *,
        method: str | None = None,
        check: int | None = None,
    ) -> Comparison:
        """Explain why the model scores ``better`` above ``worse`` for ``query``.

        A method says what each word adds. Those that it puts first are checked: deleted with all
        their occurrences, from the query, or from the texts; ``query_rows`` and ``text_rows`` then
        say what the margin really loses.

        Parameters
        ----------
        query : str
            The text that both were compared with, put left.
        better : str
            The text with the higher score; if it has the lower one, the margin is below 0.
        worse : str
            The other text.
        method : str, optional
            One that gives signed contributions; by default this Explainer's own if it does, and
            otherwise the first of ``exact``, ``parts``, ``whyalike`` and ``occlusion`` that can be
            used.
        check : int, optional
            How many words of the query, and how many of the texts, are checked; 0 checks none. By
            default 10 where a pass is cheap, and none where scores cost calls.

        Raises
        ------
        OptionError
            A method that gives no signed contributions, or ``check`` is no whole number from 0 on;
            or the query is read in chunks, and another one gives each score.
        TextError, ModelError
            As ``explain``.
        """
        for name, text in (("query", query), ("better", better), ("worse", worse)):
            clean_text(text, side=name)  # What is no text is named by the name that it has here.
        explainer = self.with_method(method or self.signed_method)
        if "signed" not in explainer.method.promises:
            signed = [m.name for m in list_methods() if "signed" in m.promises]
            raise OptionError(
                f"{explainer.method.name!r} does not say what a word adds to the score, which a "
                f"comparison needs; these do: {', '.join(signed)}."
            )
        count = self.usual_rows if check is None else check
        check_whole("check", count, least=0)
        first, second = explainer.explain_many([(query, better), (query, worse)])
        if apart := read_apart(first, second):
            raise OptionError(apart)
        return explainer.check_comparison(Comparison(better=first, worse=second), count=count)

    def check_comparison(self, comparison: Comparison, *, count: int) -> Comparison:
        """Return a comparison made by this Explainer with its rows checked; see ``compare``.

        Raises ModelError as ``explain``.
        """
        if not count:
            return comparison
        return check_comparison(
            self.model,
            comparison,
            count=count,
            prompts=self.prompts,
            long_text=self.options.reading,
        )

    def highlight(
        self,
        query: str,
        passage: str,
        *,
        budget: int | None = None,
        lead: bool = False,
        sentences: Offsets | None = None,
        language: str | None = None,
    ) -> Highlights:
        """Say what of a passage answers a query: its sentences with scores, and words that match.

        A model that pools its tokens reads the passage once, whatever the number of sentences, in
        windows where it is longer than the limit. Any other scores each sentence alone: as many
        pairs as there are sentences, in one batch.

        Parameters
        ----------
        query : str
            What is asked; put left where the model tells queries from documents.
        passage : str
            Plain text or Markdown; see ``whyalike.sentences`` for how it is cut.
        budget : int, optional
            How many words are kept at most: the best sentences that fit, of which ``pruned`` makes
            a text. By default all are.
        lead : bool, default=False
            Whether earlier sentences count more, as in encyclopedias and news, which begin with
            what matters. Only where the passage is read once.
        sentences : sequence of tuple of int, optional
            (start, end) of each sentence in characters, where you have cut the passage yourself.
        language : str, optional
            ISO 639-1 code of the passage's language, for its abbreviations, as "de"; by default as
            the script says.

        Raises
        ------
        OptionError
            A blank query, a budget that is no whole number from 1 on, sentences that are none, or
            a language that is no code.
        TextError
            What is not a text, or may not be cut.
        ModelError
            NaN.
        """
        cut = None if sentences is None else [sentences]
        return self._highlight(
            query, [passage], budget=budget, lead=lead, sentences=cut, language=language
        )[0]

    def highlight_many(
        self,
        query: str,
        passages: Iterable[str],
        *,
        budget: int | None = None,
        lead: bool = False,
        language: str | None = None,
    ) -> list[Highlights]:
        """Say the same of several passages, in their order; the query is read once.

        Parameters
        ----------
        query, budget, lead, language
            As ``highlight`` has them.
        passages : iterable of str
            The passages.

        Raises
        ------
        OptionError, TextError, ModelError
            As ``highlight``; or the passages are one text, or a whole table.
        """
        texts = passages_of(passages, of="texts")
        return self._highlight(
            query, texts, budget=budget, lead=lead, sentences=None, language=language
        )

    def _highlight(
        self,
        query: str,
        passages: Sequence[str],
        *,
        budget: int | None,
        lead: bool,
        sentences: Sequence[Offsets] | None,
        language: str | None,
    ) -> list[Highlights]:
        return highlight_passages(
            self.model,
            query,
            passages,
            prompts=self.prompts,
            options=self.options,
            budget=budget,
            lead=lead,
            sentences=sentences,
            language=language,
        )

    def differences(
        self,
        left: str,
        right: str,
        *,
        thesaurus: Thesaurus | None = None,
        check: bool | None = None,
    ) -> Differences:
        """Say why two texts are not alike: where they differ, in what way, and at what cost.

        Needs no gradient: one pass over both texts, which gives the score too where the model has
        states of tokens and reads the texts whole; with ``check`` the score once more for each
        place.

        Parameters
        ----------
        left, right : str
            The texts.
        thesaurus : Thesaurus, optional
            Which words are opposites, synonyms and broader; by default English antonyms alone.
        check : bool, optional
            Whether to score the right text with the left one's words in each place; by default
            where a pass is cheap.

        Raises
        ------
        TextError
            What is not a text, or blank.
        ModelError
            NaN.
        """
        return find_differences(
            self.model,
            left,
            right,
            prompts=self.prompts,
            options=self.options,
            thesaurus=thesaurus or Thesaurus.builtin(),
            check=bool(self.usual_check) if check is None else check,
        )

    def trace(
        self,
        query: str,
        passages: Iterable[str | Item],
        *,
        keep: int | None = None,
        stages: Sequence[object] = (),
        top: int = 5,
        named: Sequence[str] = (),
    ) -> Trace:
        """Follow passages through a search of several stages, of which this Explainer is the first.

        Each stage scores the passages that the one before let go on, and orders them anew. A fusion
        has its parts as stages before it, each of which scores all that the fusion does. Of those
        that are explained, each stage's score is explained by its own scorer's method.

        Parameters
        ----------
        query : str
            The text that is searched with, left in each pair.
        passages : iterable of str or Item
            What is searched, in any order; an Item stands for its description, or for its title
            where it has none. Texts are called by their numbers, from 1.
        keep : int, optional
            How many passages of this Explainer's order go on to the next stage; None lets all.
        stages : sequence of object, optional
            Further stages in their order: Explainers, or what one is made of, or a ``Stage`` of
            either, which has a ``keep`` of its own.
        top : int, default=5
            How many passages are explained, the first in the final order; 0 explains none.
        named : sequence of str, optional
            Ids of passages that are explained besides, wherever they end.

        Raises
        ------
        OptionError
            A blank query, a cut that is no whole number from 1 on, stages that are no list, two
            passages with one id, or a name that none has.
        TextError, ModelError
            As ``explain``; it says in which stage.
        ModelNotFoundError, UnsafeModelError
            A stage's model can't be found or used.
        """
        if isinstance(stages, str) or not isinstance(stages, Sequence):
            raise OptionError(
                f"stages is of type {type(stages).__name__}; give a list, such as [reranker]."
            )
        links = open_stages([Stage(self, keep=keep), *stages], open=Explainer)
        return trace_stages(links, query, passages, top=top, named=named)

    def rank(
        self,
        query: str,
        passages: Iterable[str | Item],
        *,
        ids: Sequence[str | int] | None = None,
        right: str | int | None = None,
        explain: int = 10,
        method: str | None = None,
        sentences: bool | None = None,
        sizes: Sequence[Size] = (),
        progress: Progress | None = None,
    ) -> Ranking:
        """Rank passages for a query, and say of the first ones what carries their scores.

        All are scored, equal ones once, and the query is read once for all of them. Of those that
        are explained, each beside the query: the words that carry its score, and the sentence
        without which it would lose most. Explaining reads a passage once more, but where all are
        explained and the model gives gradients: their scores then come from the explanations.

        Parameters
        ----------
        query : str
            The text that is searched with, left in each pair.
        passages : iterable of str or Item
            What is ranked, in any order; an Item stands for its description, or for its title where
            it has none.
        ids : sequence of str or int, optional
            What the passages are called, whole numbers as text; by default texts by their numbers,
            from 1, and items by their ids.
        right : str or int, optional
            The id of the passage that should be first. It and the first one are explained, wherever
            they stand, and compared word by word.
        explain : int, default=10
            How many passages are explained, the first ones; 0 only ranks, and neither explains nor
            compares the right one.
        method : str, optional
            Explains them; by default one that says what each word adds.
        sentences : bool, optional
            Whether a few sentences of each explained passage, those that ``highlight`` finds, are
            deleted to find the one that carries the score; otherwise it is the one whose words add
            most. By default where a pass is cheap, and not where calls of a function may cost.
        sizes : sequence of int or "whole", default=()
            Would chunking find it: where the right passage would stand if all were cut into chunks
            of so many tokens, each the best of its passage; ``"whole"`` is as the model reads it.
        progress : callable, optional
            Is called with how many of how many passages are scored.

        Raises
        ------
        OptionError
            No passages, ids that don't fit, a right one that is not there, a blank query.
        TextError, ModelError
            A blank passage; else as ``explain``.
        """
        return rank_passages(
            self,
            query,
            passages,
            ids=ids,
            right=right,
            explain=explain,
            method=method,
            sentences=sentences,
            sizes=sizes,
            progress=progress,
        )

    @property
    def signed_method(self) -> str:
        """The Explainer's own method if it gives signed contributions, or one that does."""
        if "signed" in self.method.promises:
            return self.method.name
        return usual_method(self.model, signed=True)

    def with_method(self, method: str) -> "Explainer":
        """Return an Explainer of the same loaded model and settings, with another method.

        Raises
        ------
        OptionError
            An unknown method, or one that the model can't be explained with.
        """
        other = copy(self)
        other.method = method_for(self.model, method)
        return other

    def with_options(self, options: MethodOptions) -> "Explainer":
        """Return an Explainer of the same loaded model and settings, with other options.

        Raises
        ------
        OptionError
            Options that don't go together, or a value that the method does not allow.
        """
        other = copy(self)
        other.options = all_options(options)
        check_chunks(other.options)
        self.method.own_options(other.options)
        return other

    def with_lexicon(self, lexicon: Lexicon) -> "Explainer":
        """Return an Explainer of the same loaded model and settings, with another lexicon."""
        other = copy(self)
        other.lexicon = lexicon
        return other

    def with_background(self, background: object | None) -> "Explainer":
        """Return an Explainer of the same loaded model and settings, with another background.

        Raises
        ------
        OptionError, TextError
            Too few texts, or something else than texts.
        """
        other = copy(self)
        other.background, other._measured = background_of(background), {}
        return other

    def measured_background(self) -> Measured | None:
        """Return what the model makes of the background, as pairs are read here; None without one.

        It is measured when it is needed first. Raises ModelError as ``explain``.
        """
        key = self.prompts, self.options.long_text
        if self.background is not None and key not in self._measured:
            self._measured[key] = self.background.measure(
                self.model, prompts=self.prompts, long_text=self.options.long_text
            )
        return self._measured.get(key)

    def with_prompts(self, prompts: tuple[str, str]) -> "Explainer":
        """Return an Explainer of the same loaded model and settings, with other literal prompts.

        Raises OptionError on anything but two strings.
        """
        other = copy(self)
        other.prompts = self.model.find_prompts(prompts, None)
        return other

    def between_documents(self) -> "Explainer":
        """Return an Explainer for two texts of one kind: both get the right text's prompt.

        So it is where two items of a catalogue meet, and not a query and a document. Models that
        read their sides in two ways (routes, late interaction) read the left text as a query still.
        """
        return self.with_prompts((self.prompts[1], self.prompts[1]))

    def cost(self, pairs: Iterable[TextPair], *, check: int = 0, unit: UnitKind = "word") -> Cost:
        """Return what explaining pairs by ``explain_many`` will send to a function; call nothing.

        What is kept from before is not sent again, and not counted. See ``UserFunction.rehearsal``
        for when the number is exact; where another thread asks for the same texts, or a text occurs
        in a later chunk again, less may be sent. Calls that fail, and are made again, come on top.
        Which words ``check`` deletes depends on answers: what it adds is counted with the shortest
        words, so that about so much is sent, or less. Which words join to phrases of more than two
        depends on answers too, and is not counted.

        Raises
        ------
        OptionError
            The model is no function: it makes no calls. Or what came is no pair of texts.
        TextError
            What came is no pair of texts.
        """
        model = rehearse(self.model)
        if model is None:
            raise OptionError(
                f"{self.model.name} is no function, so that it makes no calls: cost() is of "
                "embed=, of embed_query= and embed_document=, and of score=."
            )
        other = copy(self)
        other.model = model
        for _ in other.explain_many(pairs, check=check, unit=unit):
            pass
        return model.spent

    def explain_many(
        self,
        pairs: Iterable[TextPair],
        *,
        start: int = 0,
        check: int = 0,
        unit: UnitKind = "word",
    ) -> Iterator[Explanation]:
        """Explain pairs as they come, in their order, batched by length inside.

        Columns of a table come as ``zip(df["a"], df["b"])``, or as a table of these two columns
        alone: a DataFrame of pandas or polars, or a Table of pyarrow.

        Pairs are taken from the iterable ``LOOKAHEAD`` batches at a time; equal pairs among them
        are explained once, and equal texts tokenized once. A pair that can't be explained raises
        when its turn comes, and is named by its number, from ``start``. ``check`` and
        ``unit`` are as ``explain`` has them; all that is taken together is checked together.

        Raises
        ------
        OptionError, TextError
            What came is no pair of texts, or a table of other than two columns.
        ModelError
            NaN.
        """
        check_whole("check", check, least=0)
        check_unit(unit)
        return self._explain_stream(iter(pairs_of(pairs)), start, check, unit)

    def _explain_stream(
        self, stream: Iterator[TextPair], start: int, check: int, unit: UnitKind
    ) -> Iterator[Explanation]:
        while chunk := list(islice(stream, LOOKAHEAD * self.batch_size)):
            good: list[CleanPair] = []
            failure: WhyalikeError | None = None
            for number, pair in enumerate(chunk, start=start):
                try:
                    good.append(self._check(pair))
                except (OptionError, TextError) as error:
                    failure = type(error)(f"Pair {number}: {error}")
                    break
            yield from self._explain_chunk(good, first=start, check=check, unit=unit)
            if failure is not None:
                raise failure
            start += len(chunk)

    def _check(self, pair: object) -> CleanPair:
        """Return a pair, cleaned. Raises OptionError or TextError if it can't be explained."""
        left, right = _two_of(pair)
        return clean_text(left, side="left"), clean_text(right, side="right")

    def _explain_chunk(
        self,
        cleaned: Sequence[CleanPair],
        *,
        first: int | None = None,
        check: int = 0,
        unit: UnitKind = "word",
    ) -> Iterator[Explanation]:
        """Explain pairs up to one that is refused, and raise TextError for that.

        ``first`` is the number of the first pair, by which a refused one is named.
        """
        chunks = self.options.reading
        if isinstance(chunks, Chunks):
            yield from self._explain_by_chunks(cleaned, chunks, check, unit)
            return
        keys = [(left.text, right.text) for left, right in cleaned]
        unique = list(dict.fromkeys(keys))
        found = read_pairs(self.model, unique, prompts=self.prompts, options=self.options)
        readings = dict(zip(unique, found, strict=True))
        refusals = [readings[key][0].refusal or readings[key][1].refusal for key in keys]
        refused = next((place for place, reason in enumerate(refusals) if reason), None)
        keys, cleaned = keys[:refused], cleaned[:refused]
        prepared = {
            key: PreparedPair(*(reading.prepared for reading in readings[key])) for key in keys
        }
        options, recorded = self._options_of_method()
        background = self.measured_background() if keys else None
        means = None if background is None else background.means
        common = frozenset() if self.background is None else self.background.common
        self._say_cost(prepared, check, unit)
        saliency = self._attribute(self.model, prepared, options, means)
        explained: Iterator[Explanation] = (
            assemble(
                *readings[key],
                saliency[key],
                model=self.model,
                method=self.method,
                options=recorded,
                prompts=self.prompts,
                warnings=left.warnings + right.warnings,
                background=background,
                common=common,
            )
            for key, (left, right) in zip(keys, cleaned, strict=True)
        )
        if check:
            explained = iter(
                check_explanations(
                    self.model,
                    list(explained),
                    count=check,
                    prompts=self.prompts,
                    long_text=self.options.long_text,
                    selection=self.method.selects_by(recorded),
                    common=common,
                )
            )
        if unit != "word":
            explained = iter(
                measure_units(
                    self.model,
                    list(explained),
                    kind=unit,
                    prompts=self.prompts,
                    long_text=self.options.long_text,
                )
            )
        yield from explained
        if refused is not None:
            name = "" if first is None else f"Pair {first + refused}: "
            raise TextError(name + refusals[refused])

    def _explain_by_chunks(
        self, cleaned: Sequence[CleanPair], chunks: Chunks, check: int, unit: UnitKind
    ) -> Iterator[Explanation]:
        """Explain pairs by their chunks, each of which is read as a text of its own."""
        texts = [(left.text, right.text) for left, right in cleaned]
        inner = self.with_options(without_chunks(self.options))
        unique = list(dict.fromkeys(texts))
        found = explain_in_chunks(inner, unique, chunks, check=check, unit=unit)
        explained = dict(zip(unique, found, strict=True))
        results = [
            replace(
                with_options(explained[pair], self.options),
                warnings=left.warnings + right.warnings + explained[pair].warnings,
            )
            for pair, (left, right) in zip(texts, cleaned, strict=True)
        ]
        if chunks.score == "mean":
            asked: Any = {"prompts": self.prompts, "long_text": chunks}
            if check:
                results = check_explanations(self.model, results, count=check, **asked)
            results = measure_units(self.model, results, kind=unit, **asked)
        yield from results

    def _attribute(
        self,
        model: Scorer,
        prepared: Mapping[TextPair, PreparedPair],
        options: MethodOptions,
        means: Means | None = None,
    ) -> dict[TextPair, PairSaliency]:
        found: dict[TextPair, PairSaliency] = {}
        for batch in self._batches(prepared):
            setting = Setting(model, options, self.lexicon, means)
            results = self.method.attribute(setting, [prepared[key] for key in batch])
            found.update(zip(batch, results, strict=True))
        return found

    def _say_cost(self, pairs: Iterable[TextPair], check: int, unit: UnitKind) -> None:
        """Say what a function will be sent, where anyone listens, before it is called."""
        if not LOG.isEnabledFor(INFO) or getattr(self.model, "is_rehearsal", False):
            return
        if hasattr(self.model, "rehearsal"):
            pairs = list(pairs)
            LOG.info(
                "To explain %d %s by %s, %s will be sent %s.",
                *(len(pairs), "pair" if len(pairs) == 1 else "pairs"),
                *(self.method.name, self.model.name, self.cost(pairs, check=check, unit=unit)),
            )

    def _options_of_method(self) -> tuple[MethodOptions, BTIOptions]:
        """Return the options that the method gets, and those that explanations record."""
        return self.method.own_options(self.options), self.method.recorded_options(self.options)

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
