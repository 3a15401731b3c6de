"""What goes over the wire. Explanations and comparisons are as they are declared, no more."""

from typing import Annotated, Any, Literal, Optional, get_type_hints

from pydantic import ConfigDict, Field, create_model

from whyalike.explanation import ScoreKind, SimilarityFunction
from whyalike.options import BTIOptions, Declared, UnitKind, declared
from whyalike.schema import ExplanationModel, Strict

MOST_CHECKED = 50

Two = Annotated[list[str], Field(min_length=2, max_length=2)]


class _SomeOptions(Strict):
    # Those of methods that do not come with whyalike are checked where the method is known.
    model_config = ConfigDict(extra="allow", allow_inf_nan=False)


def _some_options() -> type[Strict]:
    """Return the model of any of BTIOptions that a request changes."""
    hints = get_type_hints(BTIOptions)
    chosen: dict[str, Any] = {
        one.name: (Optional[hints[one.name]], None)  # noqa: UP045
        for one in declared(BTIOptions)
    }
    return create_model("SomeOptions", __base__=_SomeOptions, __doc__="See BTIOptions.", **chosen)


SomeOptionsModel = _some_options()


def option_schema(option: Declared) -> dict[str, Any]:
    """Return the JSON schema of what a request may say for an option, by its declaration."""
    kind = {str: "string", bool: "boolean", int: "integer", float: "number"}[option.kind]
    most = [value for value in (option.most, option.served) if value is not None]
    bounds = {
        "minimum": option.least,
        "exclusiveMinimum": option.above,
        "maximum": min(most) if most else None,
    }
    schema = {
        "type": kind,
        **({"enum": list(option.choices)} if option.choices else {}),
        **{name: bound for name, bound in bounds.items() if bound is not None},
    }
    return {
        "anyOf": [schema, {"type": "null"}] if option.optional else [schema],
        "default": option.default,
        "description": option.meaning,
    }


class _Asked(Strict):
    model: str | None = Field(None, description="One of /models; by default the first.")
    method: str | None = Field(None, description="One of /methods; by default the model's.")
    options: SomeOptionsModel | None = Field(  # type: ignore[valid-type]
        None, description="Fields that differ from the model's own."
    )

    def changed(self) -> dict[str, Any]:
        """Return the options that were given."""
        return {} if self.options is None else self.options.model_dump(exclude_unset=True)


class ExplainRequest(_Asked):
    """Two texts to be explained."""

    documents: bool = Field(
        False,
        description="Whether both texts are documents, each with the prompt of one. Otherwise the "
        "left one is a query, where the model tells them apart by prompts.",
    )

    check: int | None = Field(
        None,
        ge=0,
        le=MOST_CHECKED,
        description="How many of the selected pairs are checked: their words are deleted from both "
        "texts, each pair's and all. By default 3 where a pass of the model is cheap, else none; "
        "in a batch none.",
    )

    unit: UnitKind = Field(
        "word",
        description="What is measured besides words: with sentence or phrase, `units` of the "
        "answer says what the score loses without each, and of sentences what each scores alone "
        "with the other text. That takes a pass of the model for each.",
    )

    left: str = Field(description="The first text.", examples=["How do I get my money back?"])
    right: str = Field(
        description="The second text.", examples=["A full refund is paid within seven days."]
    )


class BatchLine(ExplainRequest):
    """One line of a batch. ``id`` comes back with its answer."""

    id: str | int | None = Field(None, description="Comes back with the answer.")


class CompareRequest(_Asked):
    """A query and two texts."""

    query: str = Field(examples=["how to cancel"])
    better: str = Field(
        description="The one that is expected to be scored higher.",
        examples=["Cancel any time online."],
    )
    worse: str = Field(examples=["Our offices are open daily."])
    check: int | None = Field(
        None,
        ge=0,
        le=MOST_CHECKED,
        description="How many words of the query, and how many of the texts, are checked: deleted, "
        "with all their occurrences. By default 10 where a pass of the model is cheap and the "
        "request's time allows it, else none.",
    )


class _Search(Strict):
    index: str | None = Field(None, description="One of /models; by default the first index.")
    text: str | None = Field(None, description="What to look for.", examples=["warm gloves"])
    id: str | None = Field(None, description="Instead of a text, an item of the index.")
    title: str | None = Field(None, description="With score four, the title beside the text.")
    where: str | None = Field(
        None, description="Only items of which this is true, such as price < 20."
    )
    score: Literal["cosine", "four"] | None = None
    explain: bool = Field(True, description="Whether to say why.")
    method: str | None = Field(None, description="One of /methods.")


class SimilarRequest(_Search):
    """A search in an index."""

    k: int = Field(10, ge=1, description="How many items, at most.")
    twins: bool = Field(False, description="Whether to find items with the query's texts, too.")
    group_by: str | None = Field(
        None,
        description="A field of which one hit stands for each value, such as a product's variants; "
        "by default what the index was made with, and '' for none.",
    )
    diverse: bool | float = Field(
        False,
        description="Whether hits should differ from each other, and, as a number from 0 to 1, how "
        "much that counts; true is 0.5.",
    )


class RankRequest(_Search):
    """Where one item stands in a search: why is it not among the first?"""

    item: str = Field(description="The id of the item.")


class PartModel(Strict):
    """One of the four similarities of which a score is the mean."""

    similarity: float
    explanation: ExplanationModel | None


class GroupModel(Strict):
    """Items that share the value of a field, of which one was found."""

    field: str
    value: str
    others: list[str] = Field(description="The ids of the rest, those most like the query first.")


class HitModel(Strict):
    """An item that was found."""

    rank: int
    id: str
    title: str
    description: str
    metadata: dict[str, str | bool | float | list[str | bool | float] | None]
    similarity: float
    explanation: ExplanationModel | None
    parts: dict[str, PartModel] | None
    group: GroupModel | None = Field(description="The items that it stands for, if any.")


class QueryModel(Strict):
    """What was looked for."""

    id: str | None
    title: str | None
    text: str


class SimilarModel(Strict):
    """What a search found, as `whyalike similar --json` prints it."""

    format: Literal["whyalike/similar"]
    version: Literal[1]
    verdict: str = Field(description="Which hit is first, and why, in a sentence.")
    query: QueryModel
    index: str
    items: int = Field(description="How many the index has.")
    model: str
    similarity_function: SimilarityFunction
    prompts: Two = Field(description="What stood before the query and an item.")
    score: Literal["cosine", "four"]
    compared: str = Field(description="The field that the score cosine compares.")
    k: int
    where: str | None
    method: str | None = Field(description="What explained the hits; null where nothing did.")
    not_compared: int = Field(
        description="How many values are of another kind than the filter compares them with."
    )
    twins: list[str] = Field(
        description="Ids that are left out: their texts are the query's but for case and space."
    )
    variants: list[str] = Field(
        description="Ids that are left out: they are of the query's own group."
    )
    notes: list[str]
    hits: list[HitModel]


class RankModel(Strict):
    """Where an item stands; ``rank`` is null where ``left_out`` says why a search leaves it out."""

    format: Literal["whyalike/rank"]
    version: Literal[1]
    index: str
    id: str
    title: str
    similarity: float
    rank: int | None
    of: int
    left_out: str
    not_compared: int = Field(description="See /similar.")
    explanation: ExplanationModel | None


class OptionModel(Strict):
    """An option of a method. ``served`` is the most that this server takes; null: no such limit."""

    name: str
    kind: Literal["choice", "text", "boolean", "integer", "number"]
    default: str | bool | int | float | None
    choices: list[str]
    optional: bool = Field(description="Whether null is allowed: the method's own choice.")
    least: float | None
    above: float | None
    most: float | None
    served: int | None
    unit: str
    cost: str = Field(description="How the cost of an explanation grows with it.")
    row: int | None = Field(description="Of docs/reading-of-the-paper.md.")
    meaning: str


class MethodModel(Strict):
    """A method; costs are passes through the model for one pair."""

    name: str
    summary: str
    source: str
    forwards: str
    backwards: str
    promises: list[str]
    options: list[OptionModel]


class ServedModelModel(Strict):
    """A model that may be asked for."""

    name: str
    similarity_function: ScoreKind
    pooling: str
    prompts: Two = Field(
        description="What it reads before a left text, or a query, and before a right one."
    )
    limit: int | None = Field(
        description="How many tokens it reads of a text; of both together where it reads them so."
    )
    default_method: str
    comparing_method: str = Field(description="The default of /compare.")
    methods: list[str]
    left_out: dict[str, str] = Field(
        description="By the name of each other method, what it needs that the model does not give."
    )


class ModelsModel(Strict):
    """The models and indexes that the server was started with, each list's default first."""

    models: list[ServedModelModel]
    indexes: list[dict[str, Any]]


class HealthModel(Strict):
    """The server answers, and whether its models move: ``stalled`` where nothing did for long."""

    status: Literal["ok", "stalled"]
    version: str
    waiting: int = Field(description="Pairs that wait for a model.")
    waiting_seconds: float = Field(description="Since the oldest of them came.")
    running: int = Field(description="Batches of pairs that began; one computes at a time.")
    running_seconds: float = Field(description="Since the oldest of them began.")
    slices: int = Field(description="Slices of work that were done since the start.")
    still_seconds: float = Field(description="Since one was done, while there is work.")


class FailureModel(Strict):
    """What went wrong, in a sentence that says what to do."""

    error: str
    reason: Literal["too_costly", "out_of_time", "queue_full", "stopping"] | None = Field(
        None, description="For programs, where there is something that they could do."
    )
    seconds: float | None = Field(
        None, description="How long a model of this server would work for it, about."
    )
    most_seconds: float | None = Field(None, description="How long it may work for one request.")
