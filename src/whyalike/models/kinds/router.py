"""Routers: a query and a document each go through modules of their own, as the kind that these are.

The left text is the query, the right one the document.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Literal, cast

import numpy as np
from sentence_transformers import SentenceTransformer, SparseEncoder
from torch import nn

from whyalike.arrays import Floats
from whyalike.errors import ModelError, OptionError
from whyalike.explanation import SimilarityFunction
from whyalike.models.adopting import Copied
from whyalike.models.bag import BagScorer, of_two_sums
from whyalike.models.encoder import Encoder, OwnModel
from whyalike.models.graph import Rows
from whyalike.models.installed import BaseModel
from whyalike.models.kinds.sparse import SparseScorer
from whyalike.models.loading import folder_here, open_pipeline
from whyalike.models.opening import Opening, open_scorer, register_kind
from whyalike.models.pipeline import Forward, Point
from whyalike.models.prompts import choose_from
from whyalike.models.refusals import ROUTER, Sign, module_types, refusal, stated_family
from whyalike.models.scorer import (
    Capability,
    Decomposition,
    Embedder,
    Scorer,
    TextPair,
    compare_vectors,
    embed_once,
)
from whyalike.models.tokens import TokenizedText
from whyalike.options import GradientOptions, LongText
from whyalike.similarity import is_bilinear

TASKS = ("query", "document")
ROUTERS = frozenset({"Router", "Asym"})


class RoutedScorer(Copied):
    """A base for models whose sides are read in two ways; ``score`` is the kind's.

    Parameters
    ----------
    pipeline : BaseModel
        The whole model; it is only read.
    name : str
        What explanations call it.
    sides : tuple of Scorer
        What reads queries, and what reads documents.
    """

    pooling: Literal["model"] = "model"

    def __init__(self, pipeline: BaseModel, name: str, sides: tuple[Any, Any]) -> None:
        self.pipeline, self.name, self.sides = pipeline, name, sides

    @property
    def similarity_function(self) -> SimilarityFunction:
        """How two vectors are compared."""
        function: SimilarityFunction = cast("Any", self.pipeline).similarity_fn_name
        return function

    @property
    def limit(self) -> int | None:
        """How many tokens the model reads of the longer of the two; None where it reads all."""
        limits = [side.limit for side in self.sides]
        return None if None in limits else max(limits)

    @property
    def mask_token(self) -> str | None:
        """The text that hides a word on both sides, if there is one."""
        left, right = (side.mask_token for side in self.sides)
        token: str | None = left if left == right else None
        return token

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What it gives besides scores: a text alone has no vector, for nothing says its route."""
        given: set[Capability] = {"tokens"}
        if self.decomposes and is_bilinear(self.similarity_function):
            given.add("decomposition")
        return frozenset(given)

    @property
    def decomposes(self) -> bool:
        """Whether both routes give a text's vector as a sum over its tokens."""
        return False

    def tokenize(
        self, texts: Sequence[str], *, prompt: str = "", long_text: LongText = "truncate"
    ) -> list[TokenizedText]:
        """Return texts with their tokens as documents have them; ``sides`` reads either."""
        found: list[TokenizedText] = self.sides[1].tokenize(
            texts, prompt=prompt, long_text=long_text
        )
        return found

    def find_prompts(
        self, prompts: tuple[str, str] | None, names: tuple[str, str] | None
    ) -> tuple[str, str]:
        """Return the literal prompts of the query and of the document; see ``choose_prompts``."""
        return choose_from(self.pipeline, prompts, names, model=self.name)

    def about_blank(self, text: TokenizedText) -> str:
        """Return nothing: the sides say it."""
        del text
        return ""

    def about_score(self, score: float) -> str:
        """Return nothing: the score is a similarity of vectors."""
        del score
        return ""


class RoutedVectors(RoutedScorer):
    """A SentenceTransformer whose routes give vectors, whatever kinds they are."""

    @property
    def decomposes(self) -> bool:
        """Whether both routes are bags of tokens, and linear."""
        return all(isinstance(side, BagScorer) and side.is_linear for side in self.sides)

    def score(
        self,
        pairs: Sequence[TextPair],
        *,
        prompts: tuple[str, str] = ("", ""),
        long_text: LongText = "truncate",
    ) -> Floats:
        """Return the similarities (N,) of ``encode_query`` left and ``encode_document`` right.

        Raises
        ------
        TextError
            A text beyond its route's limit that may not be cut.
        ModelError
            Vectors with NaN or infinity.
        """
        return _score_by_sides(self, pairs, prompts, long_text)

    def decompose(
        self, pairs: Sequence[tuple[TokenizedText, TokenizedText]]
    ) -> list[Decomposition]:
        """Return the scores of N pairs as sums over all pairs of tokens, of the query and document.

        Raises ModelError on vectors with NaN or infinity.
        """
        found = []
        for left, right in pairs:
            prompts = left.prompt, right.prompt
            score = float(self.score([(left.text, right.text)], prompts=prompts)[0])
            one, other = self.sides[0].taken(left), self.sides[1].taken(right)
            found.append(of_two_sums(score, one, other, function=self.similarity_function))
        return found


class RoutedEncoder(Encoder):
    """Two encoders whose hidden states are of one width: a similarity of vectors, and its gradient.

    Each text is read by its side's encoder, and words are compared by their latent vectors there.

    Parameters
    ----------
    whole : RoutedScorer
        The model, for its name, its similarity, its prompts and its limit.
    sides : tuple of Encoder
        What reads queries, and what reads documents; each stamps its texts with its route.
    """

    capabilities: frozenset[Capability] = frozenset({"tokens", "hidden states", "gradients"})

    def __init__(self, whole: RoutedScorer, sides: tuple["RouteEncoder", "RouteEncoder"]) -> None:
        if all("pooled tokens" in side.capabilities for side in sides):
            self.capabilities |= {"pooled tokens"}
        self.name, self.whole, self.sides = whole.name, whole, sides
        self.pooling = "model"
        self.similarity_function = whole.similarity_function
        self.pipeline = cast("Any", whole.pipeline)
        self.tokenizer = sides[1].tokenizer
        for route, side in enumerate(sides):
            side.route = route
        self._start()

    @property
    def limit(self) -> int:
        """How many tokens the model reads of the longer of the two."""
        return max(side.limit for side in self.sides)

    @property
    def mask_token(self) -> str | None:
        """The text that hides a word on both sides, if there is one."""
        return self.whole.mask_token

    def find_prompts(
        self, prompts: tuple[str, str] | None, names: tuple[str, str] | None
    ) -> tuple[str, str]:
        """Return the literal prompts of the query and of the document; see ``choose_prompts``."""
        return self.whole.find_prompts(prompts, names)

    def tokenize(
        self, texts: Sequence[str], *, prompt: str = "", long_text: LongText = "truncate"
    ) -> list[TokenizedText]:
        """Return texts with their tokens as documents have them; ``sides`` reads either."""
        return self.sides[1].tokenize(texts, prompt=prompt, long_text=long_text)

    def embed_and_tell(
        self, texts: Sequence[str], *, prompt: str = "", long_text: LongText = "truncate"
    ) -> tuple[Floats, Any]:
        """Raise OptionError: nothing says of a text alone which route it takes."""
        del texts, prompt, long_text
        raise OptionError(
            f"{self.name} reads queries in one way and documents in another, and a text alone is "
            "neither."
        )

    @property
    def depth(self) -> int:
        """How many layers the shallower of the two has."""
        return min(side.depth for side in self.sides)

    def reader_of(self, text: TokenizedText) -> Encoder:
        """Return the encoder of the text's side."""
        return self.sides[text.route]

    @contextmanager
    def held(self) -> Iterator[OwnModel]:
        """Raise OptionError: there are two models inside, held each by itself."""
        yield self._replicate()

    def _replicate(self) -> OwnModel:
        raise OptionError(
            f"{self.name} has two encoders inside, one of queries and one of documents: what "
            "changes the inside of one model can't be done with it."
        )

    def require_gradient(self) -> None:
        """Raise ModelError where the gradient of one of both is not that of its vectors."""
        for side in self.sides:
            side.require_gradient()

    def score(
        self,
        pairs: Sequence[TextPair],
        *,
        prompts: tuple[str, str] = ("", ""),
        long_text: LongText = "truncate",
    ) -> Floats:
        """Return the similarities (N,); as ``RoutedVectors.score``."""
        return _score_by_sides(self, pairs, prompts, long_text)

    def _group(
        self, rows: Rows, texts: Sequence[TokenizedText], *, most_tokens: int
    ) -> list[list[int]]:
        found = []
        for route, side in enumerate(self.sides):
            own = [n for n, (index, _) in enumerate(rows) if texts[index].route == route]
            groups = side._group([rows[n] for n in own], texts, most_tokens=most_tokens)
            found += [[own[n] for n in group] for group in groups]
        return found

    def _workers(self, tokens: int) -> Sequence[Encoder]:
        """Return itself: copies of it would wait for the same routes."""
        del tokens
        return (self,)

    def _forward(
        self,
        rows: Rows,
        *,
        texts: Sequence[TokenizedText],
        options: GradientOptions,
        point: Point,
        presence_from: int | None = None,
    ) -> Forward:
        return self.reader_of(texts[rows[0][0]])._forward(
            rows, texts=texts, options=options, point=point, presence_from=presence_from
        )


class RouteEncoder(Encoder):
    """The encoder of one route: its texts say which."""

    route: int = 0

    def tokenize(
        self, texts: Sequence[str], *, prompt: str = "", long_text: LongText = "truncate"
    ) -> list[TokenizedText]:
        """Tokenize texts as the route reads them; see whyalike.models.tokens."""
        found = super().tokenize(texts, prompt=prompt, long_text=long_text)
        return [replace(text, route=self.route) for text in found]


class RoutedSparse(RoutedScorer):
    """A SparseEncoder with routes, such as queries that need no model (inference-free SPLADE)."""

    @property
    def decomposes(self) -> bool:
        """Whether each weight goes back to tokens on both sides."""
        return all(side.decomposes for side in self.sides)

    def score(
        self,
        pairs: Sequence[TextPair],
        *,
        prompts: tuple[str, str] = ("", ""),
        long_text: LongText = "truncate",
    ) -> Floats:
        """Return the similarities (N,) of ``encode_query`` left and ``encode_document`` right.

        Raises
        ------
        TextError
            A text beyond its route's limit that may not be cut.
        ModelError
            The model fails.
        """
        left, right = (
            side.vectors(
                [pair[n] for pair in side.tokenize_pairs(pairs, prompts, long_text)],
            )
            for n, side in enumerate(self.sides)
        )
        compare = self.sides[1].compare
        return np.array([compare(*both) for both in zip(left, right, strict=True)])

    def decompose(
        self, pairs: Sequence[tuple[TokenizedText, TokenizedText]]
    ) -> list[Decomposition]:
        """Return the scores of N pairs as sums over the products of shared terms.

        Raises ModelError where the model fails.
        """
        left, right = (side.taken([pair[n] for pair in pairs]) for n, side in enumerate(self.sides))
        apart = self.sides[1].apart
        return [apart(*each) for each in zip(pairs, left, right, strict=True)]


def _score_by_sides(
    scorer: "RoutedScorer | RoutedEncoder",
    pairs: Sequence[TextPair],
    prompts: tuple[str, str],
    long_text: LongText,
) -> Floats:
    sides = []
    for n, side in enumerate(scorer.sides):
        texts = [(prompts[n], pair[n]) for pair in pairs]
        found = embed_once(cast("Embedder", side), texts, long_text=long_text)
        sides.append(np.array([found[text] for text in texts], dtype=np.float64))
    left, right = (side.reshape(len(pairs), -1 if pairs else 1) for side in sides)
    # Texts in which a route reads nothing have a zero of whatever width.
    if left.shape[1] != right.shape[1] and not (left.any() and right.any()):
        return np.zeros(len(pairs))
    if left.shape[1] != right.shape[1]:
        raise ModelError(
            f"{scorer.name} gives queries vectors of {left.shape[1]} numbers and documents of "
            f"{right.shape[1]}, which can't be compared."
        )
    return compare_vectors(left, right, function=scorer.similarity_function)


def _modules_of(pipeline: BaseModel, task: str) -> list[nn.Module]:
    """Return the modules that a text of that task goes through."""
    found: list[nn.Module] = []
    for module in pipeline.children():
        if type(module).__name__ in ROUTERS:
            found += list(cast("Any", module).sub_modules[_route(module, task)])
        else:
            found.append(module)
    return found


def _route(router: Any, task: str) -> str:
    """Return the name of a task's route, in the order in which the Router itself looks for it.

    Raises KeyError where there is none.
    """
    mapped: Mapping[Any, str] = getattr(router, "route_mappings", None) or {}
    for key in ((task, "text"), (task, None), (None, "text"), (None, None)):
        if key in mapped:
            return mapped[key]
    for name in (task, "text"):
        if name in router.sub_modules:
            return name
    default: str | None = router.default_route
    if default is None:
        raise KeyError(task)
    return default


def _opened(pipeline: BaseModel, name: str, task: str, given: Sequence[nn.Module]) -> Scorer:
    """Return a scorer of one route, by itself. Raises ModelError where it can't be explained."""
    whole = cast("Any", pipeline)
    settings: dict[str, Any] = {
        "device": str(pipeline.device),
        "similarity_fn_name": whole.similarity_fn_name,
        "prompts": dict(pipeline.prompts or {}),
        "default_prompt_name": pipeline.default_prompt_name,
    }
    if isinstance(pipeline, SparseEncoder):
        settings["max_active_dims"] = pipeline.max_active_dims
        family: type[BaseModel] = SparseEncoder
    else:
        settings["truncate_dim"] = whole.truncate_dim
        family = SentenceTransformer
    try:
        scorer = open_scorer(family(modules=list(given), **settings), Opening())
    except ModelError as error:
        raise ModelError(f"The route of {name} for a {task} can't be explained: {error}") from error
    cast("Any", scorer).name = name
    return scorer


def _takes(source: object) -> bool:
    if isinstance(source, SentenceTransformer | SparseEncoder):
        return any(type(module).__name__ in ROUTERS for module in source.children())
    folder = folder_here(source)
    if folder is None or stated_family(folder) not in ("", "SentenceTransformer", "SparseEncoder"):
        return False
    return any(name.rpartition(".")[2] in ROUTERS for name in module_types(folder))


@register_kind("router", takes=_takes)
def open_router(source: object, opening: Opening) -> Scorer:
    """Return a scorer of a model with a Router, an object or a folder or name of one.

    Raises
    ------
    ModelError
        It has no route for queries or for documents, or one that can't be explained.
    """
    folder = folder_here(source)
    sparse = isinstance(source, SparseEncoder) or (
        folder is not None and stated_family(folder) == "SparseEncoder"
    )
    pipeline: BaseModel
    if sparse:
        pipeline, name = open_pipeline(source, SparseEncoder, opening)
    else:
        pipeline, name = open_pipeline(source, SentenceTransformer, opening, vocabulary=False)
    try:
        routes = [_modules_of(pipeline, task) for task in TASKS]
    except KeyError as error:
        raise refusal(Sign(ROUTER, f"no route for {error}"), name, model="model") from error
    opened = [_opened(pipeline, name, t, r) for t, r in zip(TASKS, routes, strict=True)]
    left, right = opened
    if [id(module) for module in routes[0]] == [id(module) for module in routes[1]]:
        return left
    if sparse:
        if not all(isinstance(side, SparseScorer) for side in opened):
            raise refusal(Sign(ROUTER, "routes that are no sparse ones"), name, model="model")
        return RoutedSparse(pipeline, name, (left, right))
    if isinstance(left, Encoder) and isinstance(right, Encoder):
        sides = RouteEncoder(left._loaded), RouteEncoder(right._loaded)
        widths = {int(side.sites.body.config.hidden_size) for side in sides}
        if len(widths) == 1:
            return RoutedEncoder(RoutedVectors(pipeline, name, sides), sides)
    if not all("vectors" in side.capabilities for side in opened):
        raise refusal(Sign(ROUTER, "a route that gives no vectors"), name, model="model")
    return RoutedVectors(pipeline, name, (left, right))
