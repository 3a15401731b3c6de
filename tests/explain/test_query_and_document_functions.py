"""Explainer(embed_query=..., embed_document=...): services that embed the two otherwise."""

import copy
import pickle

import numpy as np
import pytest

from raising import raises
from whyalike import BlackBox, CatalogueIndex, Explainer, Explanation, Item
from whyalike.errors import OptionError
from whyalike.evaluation.suite import Datasets, run_suite
from whyalike.fingerprint import fingerprint
from whyalike.methods.method import list_methods
from whyalike.models.roles import mark_prompts, split_prompt
from whyalike.models.scorer import scores_of
from whyalike.probing.blind_spots import find_blind_spots
from whyalike.study.creation import create_study
from whyalike.study.options import StudyOptions

LEFT, RIGHT = "Warm knit gloves, warm hands.", "These gloves are wool."
AS_QUERY, AS_DOCUMENT = ("[query]", "[document]")


def letters(texts, shift):
    counts = [[text.lower().count(letter) for letter in "abdeghklmnorstw"] for text in texts]
    return np.roll(np.sqrt(np.array(counts, dtype=float)) + 0.1, shift, axis=1)


def as_query(texts):
    return letters(texts, 1)


def as_document(texts):
    return letters(texts, 0)


def cosine(one, other):
    return one @ other / np.linalg.norm(one) / np.linalg.norm(other)


def score(left, right, prompts=("", "")):
    return cosine(as_query([prompts[0] + left])[0], as_document([prompts[1] + right])[0])


class Counting:
    def __init__(self, function):
        self.function, self.sent = function, []

    def __call__(self, texts):
        assert type(texts) is list
        self.sent += texts
        return self.function(texts)


@pytest.fixture
def services():
    return Counting(as_query), Counting(as_document)


def opened(services, **more):
    return Explainer(embed_query=services[0], embed_document=services[1], **more)


def test_the_left_text_is_the_query_and_the_right_one_the_document(services):
    explainer = opened(services)
    explanation = explainer.explain(LEFT, RIGHT)
    assert explanation.similarity == pytest.approx(score(LEFT, RIGHT), abs=1e-12)
    assert score(LEFT, RIGHT) != pytest.approx(score(RIGHT, LEFT), abs=1e-3)
    assert explainer.explain(RIGHT, LEFT).similarity == pytest.approx(score(RIGHT, LEFT))
    queries, documents = (service.sent for service in services)
    # Whole, and without each word: 7 and 5 of them; then the other way round.
    assert len(queries) == len(documents) == (1 + 7) + (1 + 5)
    assert (queries[0], documents[0]) == (LEFT, RIGHT)
    word = explanation.left.words[1]
    without = score("Warm gloves, warm hands.", RIGHT)
    assert word.contribution == pytest.approx(explanation.similarity - without, abs=1e-12)
    assert (explanation.prompts, explanation.method) == ((AS_QUERY, AS_DOCUMENT), "occlusion")
    assert Explanation.from_json(explanation.to_json()) == explanation


def test_two_documents_are_two_documents(services):
    explanation = opened(services).between_documents().explain(LEFT, RIGHT)
    expected = cosine(*as_document([LEFT, RIGHT]))
    assert explanation.similarity == pytest.approx(expected, abs=1e-12)
    assert explanation.prompts == (AS_DOCUMENT, AS_DOCUMENT)
    assert services[0].sent == []
    named = opened(services, prompt_names=("document", "query")).explain(LEFT, RIGHT)
    assert named.similarity == pytest.approx(score(RIGHT, LEFT))
    assert named.prompts == (AS_DOCUMENT, AS_QUERY)


def test_a_text_on_both_sides_is_asked_about_once_on_each(services):
    explainer = opened(services)
    assert explainer.explain("wool", "wool").similarity == pytest.approx(score("wool", "wool"))
    assert (services[0].sent, services[1].sent) == (["wool"], ["wool"])
    assert explainer.model.calls == 2


def test_prompts_are_sent_beside_the_roles(services):
    prompts = ("find: ", "item: ")
    explainer = opened(services, prompts=prompts)
    explanation = explainer.explain(LEFT, RIGHT)
    assert explanation.similarity == pytest.approx(score(LEFT, RIGHT, prompts))
    assert services[0].sent[0] == "find: " + LEFT
    assert explanation.prompts == ("[query]find: ", "[document]item: ")
    # What an explanation records gives it again, and no prompt at all is one too.
    again = opened(services, prompts=explanation.prompts).explain(LEFT, RIGHT)
    assert again == explanation
    plain = explainer.with_prompts(("", "")).explain(LEFT, RIGHT)
    assert plain.similarity == pytest.approx(score(LEFT, RIGHT))


def test_a_blank_text_is_sent_to_neither(services):
    explanation = opened(services).explain(" ", "wool")
    assert explanation.similarity == 0
    assert "not sent" in str(explanation.warnings)
    assert services[0].sent == []


@pytest.mark.parametrize(
    "method", [m.name for m in list_methods() if set(m.requires) <= {"vectors"}]
)
def test_every_method_that_needs_vectors_alone_works(services, method):
    explainer = opened(services, method=method)
    pairs = [(LEFT, RIGHT), ("wool gloves", RIGHT), (RIGHT, RIGHT)]
    cost = explainer.cost(pairs)
    for explanation, pair in zip(explainer.explain_many(pairs), pairs, strict=True):
        assert explanation.similarity == pytest.approx(score(*pair), abs=1e-12)
    assert cost == explainer.model.spent
    assert cost.texts == sum(len(service.sent) for service in services)


def test_comparisons_scores_and_fingerprints_are_of_the_roles(services):
    explainer = opened(services)
    comparison = explainer.compare(LEFT, RIGHT, "A hat.")
    assert comparison.margin == pytest.approx(score(LEFT, RIGHT) - score(LEFT, "A hat."))
    found = scores_of(explainer.model, [(LEFT, RIGHT), (RIGHT, LEFT)], prompts=explainer.prompts)
    assert found == pytest.approx([score(LEFT, RIGHT), score(RIGHT, LEFT)])
    assert explainer.model.score([(LEFT, RIGHT)]) == pytest.approx([score(LEFT, RIGHT)])
    swapped = Explainer(embed_query=as_document, embed_document=as_query)
    both = {fingerprint(each, [LEFT, RIGHT]) for each in (explainer, swapped)}
    assert len(both) == 2
    assert len(both | {fingerprint(explainer.between_documents(), [LEFT, RIGHT])}) == 3


def test_an_index_has_documents_and_a_search_a_query(services, tmp_path):
    items = [Item(id=str(n), title="", description=text) for n, text in enumerate((LEFT, RIGHT))]
    explainer = opened(services)
    index = CatalogueIndex.build(items, tmp_path / "idx", model=explainer, fields=("description",))
    assert services[0].sent == []
    assert {LEFT, RIGHT} <= set(services[1].sent)
    hits = {hit.item.id: hit for hit in index.similar("warm wool")}
    assert services[0].sent == ["warm wool"]
    for hit in hits.values():
        assert hit.similarity == pytest.approx(score("warm wool", hit.text), abs=1e-6)
        assert hit.explain().similarity == pytest.approx(hit.similarity, abs=1e-6)
    (other,) = index.similar(id="0", k=1)
    assert other.similarity == pytest.approx(cosine(*as_document([LEFT, RIGHT])), abs=1e-6)
    assert other.explain().prompts == (AS_DOCUMENT, AS_DOCUMENT)
    assert index.info()["prompts"] == [AS_QUERY, AS_DOCUMENT]
    again = CatalogueIndex.open(tmp_path / "idx", model=opened(services))
    assert [h.similarity for h in again.similar("warm wool")] == [
        h.similarity for h in index.similar("warm wool")
    ]


def test_a_probe_takes_a_query_for_a_query(services):
    explainer = opened(services)
    result = find_blind_spots(explainer, ["Warm gloves.", (LEFT, RIGHT)], tolerance=1e9, explain=0)
    assert result.texts[0].similarity == pytest.approx(1)
    assert result.texts[1].similarity == pytest.approx(score(LEFT, RIGHT))
    assert services[0].sent == [LEFT]


def test_calls_are_batched_kept_and_copied_in_one_place(services):
    box = BlackBox(embed_query=services[0], embed_document=services[1], batch_size=3)
    explainer = Explainer(embed=box)
    explanation = explainer.explain(LEFT, RIGHT)
    # 8 queries and 6 documents, 3 a call.
    assert box.calls == 3 + 2
    assert explanation.model == box.name == "Counting/Counting"
    assert BlackBox(embed_query=as_query, embed_document=as_document).name == "as_query/as_document"
    for other in (copy.deepcopy(explainer), pickle.loads(pickle.dumps(explainer))):
        assert other.explain(LEFT, RIGHT) == explanation
        assert other.model.calls == box.calls


def test_a_width_is_of_both():
    explainer = Explainer(embed_query=lambda t: [[1.0, 2]] * len(t), embed_document=as_document)
    with raises(Exception, "15", "2", "width"):
        explainer.explain("a", "b")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"embed_query": as_query}, "embed_query | without embed_document | embed="),
        ({"embed_document": as_query}, "embed_document | without embed_query | embed="),
        ({"embed": as_query}, "embed_query | leave out embed"),
        ({"model": "all-MiniLM-L6-v2"}, "leave out model"),
        ({"score": lambda pairs: [0.0]}, "leave out score"),
        ({"model": "x", "embed": as_query}, "leave out embed, model"),
        ({"pooling": "paper"}, "embed_query= | pooling"),
        ({"embed_query": 5}, "embed_query | int | function"),
        ({"embed_document": "x"}, "embed_document | str | function"),
        ({"prompt_names": ("query", "passage")}, "'passage' | 'query' | 'document'"),
        ({"similarity_function": "jaccard"}, "'jaccard' | 'hamming'"),
    ],
)
def test_what_does_not_go_together_is_refused(arguments, words):
    both = {"embed_query": as_query, "embed_document": as_document}
    if arguments.keys() <= both.keys() and callable(next(iter(arguments.values()))):
        both = {}
    with raises(OptionError, *words.split(" | ")):
        Explainer(**{**both, **arguments})


def test_neither_is_refused_too():
    with raises(OptionError, "embed=", "embed_query=", "embed_document="):
        BlackBox()


def test_marks_are_put_once_and_taken_away():
    assert mark_prompts(("", "p: ")) == ("[query]", "[document]p: ")
    assert mark_prompts(mark_prompts(("q: ", ""))) == ("[query]q: ", "[document]")
    assert mark_prompts(("[document]", "[query]x")) == ("[document]", "[query]x")
    assert split_prompt("[query]q: ") == ("query", "q: ")
    assert split_prompt("q: ") == ("document", "q: ")


STUDIED = [
    ("warm gloves of wool and more", "soft gloves of knit wool"),
    ("red wine and lemon here", "the wine is red and soft"),
    ("knit wool gloves for hands", "wool gloves that are warm and red"),
    ("lemon wine of a warm place", "red lemon of the wine"),
]


def test_an_evaluation_and_a_study_take_left_texts_for_queries(services, tmp_path):
    explainer = opened(services)
    datasets = Datasets(pairs={"shop": STUDIED})
    board = run_suite(explainer, datasets, methods=["random", "occlusion"])
    assert not board.failures
    assert board.prompts == (AS_QUERY, AS_DOCUMENT)
    study = create_study(
        explainer, STUDIED, methods=["random", "occlusion"], folder=tmp_path,
        options=StudyOptions(seed=7, count=2),
    )  # fmt: skip
    assert len(study.stimuli) == 4
    # A fingerprint reads whole texts in both roles; what is left of one is of its side alone.
    whole = {text for pair in STUDIED for text in pair}
    for side, service in enumerate(services):
        words = [set(pair[side].split()) for pair in STUDIED]
        parts = set(service.sent) - whole
        assert len(parts) > 15
        assert all(any(set(part.split()) <= own for own in words) for part in parts)
