"""Any embedding at all: functions from texts to vectors, whose inside can't be seen."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, cast, get_args

import numpy as np

from whyalike.arrays import Floats
from whyalike.errors import ModelError, OptionError
from whyalike.explanation import SimilarityFunction
from whyalike.models.answers import refuse_bits, unpack_bits
from whyalike.models.prompts import choose_prompts
from whyalike.models.refusals import other_function
from whyalike.models.retry import Retry
from whyalike.models.roles import MARKS, mark_prompts, split_prompt
from whyalike.models.scorer import Capability, TextPair, is_blank, score_by_vectors
from whyalike.models.tokens import TokenizedText
from whyalike.models.user_function import UserFunction, name_of, noise, shorten
from whyalike.options import LongText, check_choice

Embed = Callable[[list[str]], Any]
"""From N texts to vectors, (N, H): an array, a tensor, or lists of numbers."""

RoleText = tuple[str, str]
"""A role, and a text as it is sent; the role is empty where one function embeds all texts."""

MADE_UP = 8
"""Numbers of a vector that is made up before any real one came."""


class BlackBox(UserFunction[RoleText]):
    """Functions from a list of texts to vectors, called in batches, with their answers kept.

    It is one function for all texts, or one for queries and one for documents: then the left text
    is the query and the right one the document, a prompt begins with "[query]" or "[document]"
    accordingly, which is not sent, and ``prompt_names=("document", "document")`` takes both for
    documents.

    Where a function raises what passes by itself, it is called again; anything else it raises is
    the cause of a FunctionError. Vectors that arrived before stay cached, so that they are not paid
    for again. A blank text, prompt included, is never sent (many services refuse it): it has the
    zero vector. Threads take turns.

    Attributes
    ----------
    calls : int
        How often functions were called, calls that failed included.
    texts_embedded : int
        How many texts they gave vectors for.
    spent : Cost
        All calls, and the texts that were answered with their characters.

    Parameters
    ----------
    embed : Embed, optional
        From a list of N texts to (N, H) vectors of real numbers, the same H always.
    embed_query : Embed, optional
        The same for queries, where documents are embedded otherwise.
    embed_document : Embed, optional
        The same for documents.
    similarity_function : SimilarityFunction, default='cosine'
        How two vectors are compared. ``"hamming"`` is the share of bits that agree: of booleans,
        and of bits packed in bytes, as ``np.packbits``, the precisions "ubinary" and "binary" of
        sentence-transformers, and services give them; a zero vector, of a blank text, agrees by
        half with all. Otherwise booleans and unsigned bytes are refused, and signed bytes are the
        numbers of quantised vectors.
    name : str, optional
        What explanations call the model; by default the functions' own names.
    batch_size : int, default=64
        The most texts in one call.
    batch_characters : int, optional
        The most characters of all texts of a call together; a longer text has a call of its own.
    cache_size : int, default=4096
        The most texts whose vectors are kept, least recently used ones forgotten.
    retry : Retry, optional
        When a call that failed is made again: by default up to three times, after 1, 2 and 4
        seconds. None is never.

    Raises
    ------
    OptionError
        An argument that is not allowed, or functions that do not go together.
    """

    capabilities: ClassVar[frozenset[Capability]] = frozenset({"vectors"})
    argument: ClassVar[str] = "embed="
    takes: ClassVar[str] = "from a list of texts to their vectors"
    answers: ClassVar[str] = "one vector of the same width per text, (N, H)"
    things: ClassVar[str] = "texts"
    similarity_function: SimilarityFunction

    def __init__(
        self,
        embed: Embed | None = None,
        *,
        embed_query: Embed | None = None,
        embed_document: Embed | None = None,
        similarity_function: SimilarityFunction = "cosine",
        name: str | None = None,
        batch_size: int = 64,
        batch_characters: int | None = None,
        cache_size: int = 4096,
        retry: Retry | None = Retry(),  # noqa: B008  # It can't be changed.
    ) -> None:
        check_roles(embed, embed_query, embed_document)
        if embed is None:
            self._check_function(embed_query, "embed_query=")
            self._check_function(embed_document, "embed_document=")
            name = name or f"{name_of(embed_query)}/{name_of(embed_document)}"
        super().__init__(
            cast("Embed", embed_document if embed is None else embed),
            name=name,
            batch_size=batch_size,
            batch_characters=batch_characters,
            cache_size=cache_size,
            retry=retry,
        )
        check_choice("similarity_function", similarity_function, get_args(SimilarityFunction))
        self.similarity_function = similarity_function
        self._query = embed_query
        self._width: int | None = None

    @staticmethod
    def suggest(given: object) -> str:
        """Return the name of the method that gives vectors of texts, or nothing."""
        return other_function(given)

    @property
    def texts_embedded(self) -> int:
        """How many texts the function gave vectors for."""
        return self.items_answered

    def embed(
        self, texts: Sequence[str], *, prompt: str = "", long_text: LongText = "truncate"
    ) -> Floats:
        """Return the vectors (N, H) of N texts, each with ``prompt`` put before it.

        Where nothing but blank texts was ever asked for, H is unknown and taken as 1. With
        hamming, they are bits of 1 and -1.

        Raises
        ------
        FunctionError
            The function raised what does not pass by itself, or did so too often.
        ModelError
            The function gave something else than a vector of numbers for each text.
        """
        del long_text  # Only the function itself knows where it stops reading.
        role, literal = self._role(prompt)
        whole = [(role, literal + text) for text in texts]
        found = self._ask([item for item in whole if not is_blank(item[1])])
        vectors = np.zeros((len(whole), self._width or 1))
        for index, item in enumerate(whole):
            if item in found:
                vectors[index] = found[item]
        return vectors

    @property
    def has_roles(self) -> bool:
        """Whether queries are embedded by another function than documents."""
        return self._query is not None

    def _role(self, prompt: str) -> RoleText:
        """Return the role of a text, if it has any, and the prompt as it is sent."""
        return split_prompt(prompt) if self.has_roles else ("", prompt)

    def find_prompts(
        self, prompts: tuple[str, str] | None, names: tuple[str, str] | None
    ) -> tuple[str, str]:
        """Return the prompts, with the roles before them; the names are those of roles."""
        known = dict[str, str](MARKS.items()) if self.has_roles else {}
        found = choose_prompts(prompts, names, known=known, default=None, model=self.name)
        return mark_prompts(found) if self.has_roles else found

    def score(
        self,
        pairs: Sequence[TextPair],
        *,
        prompts: tuple[str, str] = ("", ""),
        long_text: LongText = "truncate",
    ) -> Floats:
        """Return the similarities (N,) of the vectors of N pairs; raises as ``embed``."""
        if self.has_roles:
            prompts = mark_prompts(prompts)
        return score_by_vectors(self, pairs, prompts=prompts, long_text=long_text)

    def about_blank(self, text: TokenizedText) -> str:
        """Return that a blank text was not sent."""
        if not is_blank(self._role(text.prompt)[1] + text.text):
            return ""
        return "; it was not sent to be embedded, and its vector is taken as zero"

    def _send(self, items: list[RoleText]) -> object:
        # All of one call are of one role, for they had one prompt.
        function = self._query if items[0][0] == "query" and self._query else self._function
        return function([text for _, text in items])

    def _texts(self, item: RoleText) -> tuple[str, ...]:
        return item[1:]

    def _made_up(self, items: Sequence[RoleText]) -> Floats:
        vectors = noise(items, self._width or MADE_UP)
        self._width = vectors.shape[1]
        return np.where(vectors > 0, 1.0, -1.0) if self._has_bits else vectors

    @property
    def _has_bits(self) -> bool:
        return self.similarity_function == "hamming"

    def _checked(self, answer: object, items: Sequence[RoleText]) -> Floats:
        """Return (N, H) float64. Raises ModelError on anything that can't be that."""
        numbers = self._as_array(answer, what="vectors")
        shape = numbers.shape
        if len(shape) != 2 or shape[0] != len(items) or not shape[1]:
            raise ModelError(
                f"{self.name} got {len(items)} texts and returned an array of shape "
                f"{shape}; it must return one vector per text, ({len(items)}, H)."
            )
        if self._has_bits:
            vectors = unpack_bits(numbers, name=self.name)
        else:
            refuse_bits(numbers, name=self.name)
            vectors = numbers.astype(np.float64)
        if self._width not in (None, vectors.shape[1]):
            raise ModelError(
                f"{self.name} returned vectors of {vectors.shape[1]} numbers, and of {self._width} "
                "before; every text must get a vector of the same width."
            )
        if not np.isfinite(vectors).all():
            index = int(np.flatnonzero(~np.isfinite(vectors).all(axis=1))[0])
            raise ModelError(
                f"{self.name} returned NaN or infinity for the text {shorten(items[index][1])}; "
                "every number of a vector must be finite."
            )
        self._width = vectors.shape[1]
        return vectors


def check_roles(
    embed: object, embed_query: object, embed_document: object, **others: object
) -> None:
    """Raise OptionError unless there is one function, or one for queries and one for documents.

    ``others`` are what can't be given beside the latter.
    """
    if embed_query is None and embed_document is None:
        if embed is None:
            raise OptionError("Give embed=, or embed_query= and embed_document=.")
        return
    if embed_query is None or embed_document is None:
        given, other = (
            ("embed_document", "embed_query")
            if embed_query is None
            else ("embed_query", "embed_document")
        )
        raise OptionError(
            f"{given} is given without {other}: give both, or embed= where one function embeds "
            "queries and documents alike."
        )
    given_too = {"embed": embed, **others}
    if wrong := [name for name, value in given_too.items() if value is not None]:
        raise OptionError(
            f"embed_query and embed_document are the model: leave out {', '.join(wrong)}."
        )
