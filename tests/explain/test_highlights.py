"""What of a passage answers a query: offsets, budget, kinds of scorers, and snippets."""

import json
import re

import numpy as np
import pytest
import torch

from pair_tables import PairTable
from raising import raises
from tiny_models import TEXTS, tiny
from whyalike import BTIOptions, Explainer
from whyalike.errors import FormatError, OptionError, TextError
from whyalike.highlights import Highlights
from whyalike.sentences import split_sentences

PASSAGE = (
    "# Our shop\n\nWe sell gloves and hats. Money is paid back to your card within two weeks. "
    "The office is in Lyon.\n\n- Gift cards have no end.\n- Wool must be washed cold.\n"
)
QUERY = "how long does a refund take?"


@pytest.fixture(scope="module")
def bert():
    return Explainer(tiny("bert").parts)


def of(found, part):
    return [found.text_of(one) for one in part]


# Constructed passages: one sentence of each answers the question, wherever it stands.
KNOWN = [
    (QUERY, PASSAGE, "Money is paid back to your card within two weeks."),
    (
        "who invented the telephone",
        "Sound travels through air. Alexander Graham Bell patented the telephone in 1876. "
        "Copper wires carried most calls for a century. Fibre came later.",
        "Alexander Graham Bell patented the telephone in 1876.",
    ),
    (
        "what do penguins eat",
        "Emperors are the tallest of all penguins. Their nests are made of stones. "
        "Fish, squid and krill are their food. They can't fly.",
        "Fish, squid and krill are their food.",
    ),
    (
        "which port does the server use",
        "## Start\n\nRun `serve`. It listens on 8080 unless `--port` says otherwise.\n\n"
        "## Stop\n\nPress Ctrl+C. Logs stay in the folder.",
        "It listens on 8080 unless `--port` says otherwise.",
    ),
]


@pytest.mark.weights
@pytest.mark.parametrize(("query", "passage", "answer"), KNOWN)
def test_the_sentence_that_answers_is_the_best(minilm, query, passage, answer):
    found = minilm.highlight(query, passage)
    assert found.text_of(found.best) == answer
    assert found.reading == "one pass"


def hidden_states(text):
    """The model's own states of a text's tokens, and where these are; no code of ours."""
    model, tokenizer = tiny("bert").parts
    encoded = tokenizer(text, return_tensors="pt", return_offsets_mapping=True)
    offsets = encoded.pop("offset_mapping")[0].tolist()
    with torch.no_grad():
        states = model(**encoded, output_hidden_states=True).hidden_states
    content = [n for n, (start, end) in enumerate(offsets) if end > start]
    layers = [state[0, content].double().numpy() for state in states]
    return layers, [offsets[n] for n in content]


def cosine(one, other):
    return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))


@pytest.mark.parametrize("lead", [False, True])
def test_scores_by_hand(bert, lead):
    query, passage = TEXTS[1], f"{TEXTS[0]} {TEXTS[2]} Wool lemon."
    layers, offsets = hidden_states(passage)
    asked = hidden_states(query)[0]
    middle = round(2 * (len(layers) - 1) / 3)
    sentences = split_sentences(passage)
    views = [[], [], []]
    for start, end in sentences:
        inside = [n for n, (first, _) in enumerate(offsets) if start <= first < end]
        outside = [n for n in range(len(offsets)) if n not in inside]
        views[0].append(cosine(np.mean(asked[-1], axis=0), np.mean(layers[-1][inside], axis=0)))
        mean = layers[-1].mean(axis=0)
        best = [
            max(cosine(token - mean, layers[-1][n] - mean) for n in inside) for token in asked[-1]
        ]
        views[1].append(sum(best) / len(best))
        q = np.mean(asked[middle], axis=0)
        rest = np.mean(layers[middle][outside], axis=0)
        views[2].append(cosine(q, layers[middle].mean(axis=0)) - cosine(q, rest))
    if lead:
        views.append([-np.log(n) for n in range(1, len(sentences) + 1)])
    expected = np.mean([(np.array(v) - np.mean(v)) / np.std(v) for v in views], axis=0)
    found = bert.highlight(query, passage, lead=lead)
    np.testing.assert_allclose([s.score for s in found.sentences], expected, atol=1e-4)
    np.testing.assert_allclose([s.similarity for s in found.sentences], views[0], atol=1e-5)
    assert found.similarity == pytest.approx(bert.explain(query, passage).similarity, abs=1e-6)


def test_a_batch_is_as_each_alone(bert):
    passages = [PASSAGE, "", TEXTS[0], PASSAGE, f"{TEXTS[2]} {TEXTS[1]}"]
    together = bert.highlight_many(QUERY, passages)
    for passage, found in zip(passages, together, strict=True):
        alone = bert.highlight(QUERY, passage)
        assert [(s.start, s.end, s.kind) for s in found.spans] == [
            (s.start, s.end, s.kind) for s in alone.spans
        ]
        scores = [[s.score for s in one.sentences] for one in (found, alone)]
        np.testing.assert_allclose(*scores, atol=1e-4)


def test_a_passage_is_read_once(bert, monkeypatch):
    read = []
    forward = type(bert.model)._forward
    monkeypatch.setattr(
        type(bert.model),
        "_forward",
        lambda self, rows, **rest: read.extend(rows) or forward(self, rows, **rest),
    )
    bert.highlight(QUERY, PASSAGE)
    assert len(read) == 2  # the query and the passage


@pytest.mark.parametrize("passage", ["", " \n\t"])
def test_a_blank_passage_has_nothing(bert, passage):
    found = bert.highlight(QUERY, passage, budget=5)
    assert (found.sentences, found.spans, found.best, found.pruned) == ((), (), None, passage)
    assert found.to_elasticsearch() == {}
    assert "no sentence" in str(found)
    assert Highlights.from_json(found.to_json()) == found


def test_one_sentence_is_the_best(bert):
    found = bert.highlight(QUERY, "Wool gloves.")
    assert of(found, [found.best]) == ["Wool gloves."]
    assert found.best.score == 0


def test_a_query_longer_than_the_passage(bert):
    found = bert.highlight(" ".join(TEXTS * 3), "Gloves.")
    assert of(found, found.sentences) == ["Gloves."]
    assert [s.kind for s in found.spans] == ["same word"]


@pytest.mark.parametrize(
    ("query", "passage", "words"),
    [
        ("שלום עולם", "זה מבחן. שלום לך!", ["שלום"]),
        ("café 👍🏽", "🎉 Un e\u0301clair 👨‍👩‍👧. Le café!", ["café"]),
        ("cafe\u0301", "Un 👍🏽 cafe\u0301.", ["cafe\u0301"]),
        ("Gloves", "GLOVES. gloves", ["GLOVES", "gloves"]),
        ("日本語", "これは日本語です。はい。", ["日", "本", "語"]),
    ],
)
def test_offsets_are_those_of_the_text(bert, query, passage, words):
    found = bert.highlight(query, passage)
    same = [span for span in found.spans if span.kind == "same word"]
    assert of(found, same) == words
    for span in same:
        assert query[slice(*span.query)].casefold() == found.text_of(span).casefold()
    marked = re.sub("</?mark[^>]*>", "", found.to_marked(escape=False))
    assert marked == passage


def test_stop_words_are_not_marked(bert):
    found = bert.highlight("the gloves of the shop", "The shop is of the town. Gloves are there.")
    assert of(found, [s for s in found.spans if s.kind == "same word"]) == ["shop", "Gloves"]


def test_a_long_passage_is_read_to_its_end(bert):
    passage = " ".join(f"{TEXTS[n % 3]} Number {n}." for n in range(30))
    found = bert.highlight(QUERY, passage)
    assert found.similarity is None  # That of windows is not the model's own.
    assert found.unread is None
    assert all(sentence.similarity != 0 for sentence in found.sentences)
    assert found.sentences[-1].end == len(passage)
    strict = Explainer(tiny("bert").parts, options=BTIOptions(long_text="error"))
    with raises(TextError, "tokens"):
        strict.highlight(QUERY, passage)


def by_words(pairs):
    return [float(len(set(one.split()) & set(other.split()))) for one, other in pairs]


def test_other_scorers_score_each_sentence_alone():
    asked = []
    explainer = Explainer(score=lambda pairs: asked.extend(pairs) or by_words(pairs))
    found = explainer.highlight(
        "red wool hat", "A red scarf. The red wool hat is here. Stop. A red scarf."
    )
    assert found.reading == "each sentence alone"
    assert [s.score for s in found.sentences] == [1.0, 3.0, 0.0, 1.0]
    assert len(asked) == 3  # Equal sentences are scored once.
    assert found.similarity is None


def test_every_kind_of_scorer():
    models = [PairTable("table", {("gloves", "gloves"): 1.0})]
    for explainer in (
        Explainer(models[0]),
        Explainer(embed=lambda texts: np.ones((len(texts), 2))),
    ):
        found = explainer.highlight("gloves", "Hats are here. We have gloves .")
        assert of(found, found.spans) == ["gloves"]
        assert len(found.sentences) == 2


@pytest.mark.weights
def test_a_budget_keeps_the_best_in_their_order(minilm):
    everything = minilm.highlight(QUERY, PASSAGE)
    assert everything.pruned == PASSAGE
    found = minilm.highlight(QUERY, PASSAGE, budget=16)
    assert sum(sentence.words for sentence in found.kept) <= 16
    assert found.best.kept
    starts = [sentence.start for sentence in found.kept]
    assert starts == sorted(starts)
    # What was left out would not fit any more.
    left = 16 - sum(sentence.words for sentence in found.kept)
    assert all(s.words > left for s in found.sentences if not s.kept)
    assert found.text_of(found.best) in found.pruned
    assert "…" in found.pruned


def test_a_best_sentence_beyond_the_budget_is_kept_and_said(bert):
    found = bert.highlight(QUERY, PASSAGE, budget=1)
    assert found.kept == (found.best,)
    assert found.pruned == found.text_of(found.best)
    assert any("budget is 1" in warning for warning in found.warnings)


def test_own_sentences(bert):
    found = bert.highlight("gloves", "wool gloves|lemon", sentences=[(0, 11), (12, 17)])
    assert of(found, found.sentences) == ["wool gloves", "lemon"]
    for wrong in ([(0, 99)], [(5, 2)], [(3, 9), (0, 2)]):
        with raises(OptionError, "sentences", 17):
            bert.highlight("gloves", "wool gloves|lemon", sentences=wrong)


def test_wrong_arguments(bert):
    with raises(OptionError, "blank"):
        bert.highlight(" ", PASSAGE)
    with raises(OptionError, "budget"):
        bert.highlight(QUERY, PASSAGE, budget=0)
    with raises(TextError, "passage"):
        bert.highlight(QUERY, None)
    with raises(OptionError, "list of texts"):
        bert.highlight_many(QUERY, PASSAGE)


HEADED = (
    "# How long does a refund take?\n\nWe sell gloves. Money is back in two weeks.\n\n"
    "Shipping\n--------\n\nParcels leave on Monday.\n"
)


@pytest.mark.weights
@pytest.mark.parametrize("lead", [False, True])
def test_a_heading_does_not_win_over_the_text_below_it(minilm, lead):
    found = minilm.highlight(QUERY, HEADED, lead=lead)
    assert [s.is_heading for s in found.sentences] == [True, False, False, True, False]
    assert found.sentences[0].score > max(s.score for s in found.sentences[1:])
    assert found.text_of(found.best) == "Money is back in two weeks."
    assert [s.is_heading for s in found.ranked] == [False, False, False, True, True]
    assert "best sentence\nMoney" in re.sub("[*~]", "", str(found))


def test_sentences_are_measured_as_if_headings_were_no_rivals(bert):
    """By hand: standardised over the sentences that are ranked."""
    found = bert.highlight(QUERY, HEADED)
    scores = np.array([s.score for s in found.sentences if not s.is_heading])
    assert scores.mean() == pytest.approx(0, abs=1e-9)
    start = HEADED.index("We sell")
    own = bert.highlight(QUERY, HEADED, sentences=[(s.start, s.end) for s in found.sentences])
    assert own == found  # Sentences of the user's own may be headings too.
    below = [(s.start, s.end) for s in found.sentences if not s.is_heading]
    assert below[0][0] == start
    ranked = bert.highlight(QUERY, HEADED, sentences=below)
    np.testing.assert_allclose([s.score for s in ranked.sentences], scores, atol=1e-9)


def by_length(pairs):
    return [float(len(right)) for _, right in pairs]


@pytest.mark.parametrize(
    ("budget", "expected"),
    [
        (6, ["Money is back in two weeks."]),
        (11, ["Money is back in two weeks.", "Parcels leave on Monday.", "Shipping"]),
        (12, ["# How long does a refund take?", "Money is back in two weeks."]),
        (14, ["# How long does a refund take?", "Money is back in two weeks."]),
    ],
)
def test_a_heading_is_kept_with_its_section_where_it_fits(budget, expected):
    found = Explainer(score=by_length).highlight(QUERY, HEADED, budget=budget)
    kept = of(found, found.kept)
    assert sum(sentence.words for sentence in found.kept) <= budget
    assert [text.partition("\n")[0] for text in sorted(kept)] == sorted(expected)


def test_a_heading_is_kept_with_no_other_section_than_its_own():
    found = Explainer(score=by_length).highlight(QUERY, HEADED, budget=12)
    assert found.pruned.startswith("# How long does a refund take?")
    assert "Shipping" not in found.pruned


def test_a_passage_of_headings_has_a_best_one(bert):
    found = bert.highlight(QUERY, "# Gloves\n\n## Hats\n", budget=1)
    assert not any(sentence.is_heading for sentence in found.sentences)
    assert found.best.kept


def test_a_fragment_of_a_heading_comes_last():
    found = Explainer(score=lambda pairs: [10.0 * ("#" in b) + len(b) for _, b in pairs]).highlight(
        "gloves", "# Gloves\n\nRed gloves are here.\n\nWarm gloves.\n"
    )
    one = found.to_elasticsearch(number_of_fragments=1, fragment_size=0)
    assert one == {"text": ["Red <em>gloves</em> are here."]}
    every = found.to_elasticsearch(fragment_size=0, order="score")["text"]
    assert every[-1] == "# <em>Gloves</em>"


GERMAN = "Das gilt für Hüte bzw. Das gilt für Schals. Mützen sind am 3. Mai da."


def test_abbreviations_are_those_of_the_language(bert):
    assert len(bert.highlight("Hüte", GERMAN).sentences) == 4
    assert len(bert.highlight("Hüte", GERMAN, language="de").sentences) == 2
    assert len(bert.highlight_many("Hüte", [GERMAN], language="de")[0].sentences) == 2
    for wrong in ("deutsch", "DE", "", "de-AT"):
        with raises(OptionError, "language", wrong, "'de'"):
            bert.highlight("Hüte", GERMAN, language=wrong)


SNIPPETS = "Wool hats are warm. Red gloves are here & there. Lemon is a fruit. Gloves again."


@pytest.fixture(scope="module")
def found():
    return Explainer(score=by_words).highlight("Red gloves", SNIPPETS)


def test_fragments_as_elasticsearch_has_them(found):
    assert found.to_elasticsearch("body", fragment_size=0) == {
        "body": ["<em>Red</em> <em>gloves</em> are here & there.", "<em>Gloves</em> again."]
    }
    one = found.to_elasticsearch(number_of_fragments=1, fragment_size=0, encoder="html")
    assert one == {"text": ["<em>Red</em> <em>gloves</em> are here &amp; there."]}
    whole = found.to_elasticsearch(number_of_fragments=0, pre_tags=["["], post_tags=["]"])
    assert whole["text"] == [
        SNIPPETS.replace("Red gloves", "[Red] [gloves]").replace("Gloves", "[Gloves]")
    ]
    joined = found.to_elasticsearch(fragment_size=1000)["text"]
    assert len(joined) == 1
    assert re.sub("</?em>", "", joined[0]) == SNIPPETS
    for wrong in (
        {"number_of_fragments": -1},
        {"fragment_size": -1},
        {"order": "best"},
        {"encoder": "xml"},
        {"pre_tags": "<em>"},
        {"post_tags": []},
    ):
        with raises(OptionError, next(iter(wrong))):
            found.to_elasticsearch(**wrong)


def test_without_a_match_the_best_sentence_is_the_fragment():
    found = Explainer(score=lambda pairs: [len(b) for _, b in pairs]).highlight("x", "Ab. Abcdef.")
    assert found.to_elasticsearch(fragment_size=0) == {"text": ["Abcdef."]}


def test_html_escapes_what_is_a_strangers():
    found = Explainer(score=by_words).highlight("<b>", "A <script>alert(1)</script> & b.")
    for page in (found.to_html(), found.to_fragment(), found.to_marked()):
        assert "<script>alert" not in page
    assert '<mark class="same-word">b</mark>' in found.to_fragment()


def test_json_reads_back_and_damage_is_said(found):
    assert Highlights.from_json(found.to_json()) == found
    content = json.loads(found.to_json())
    for name, value in (("start", 999), ("end", 0)):
        damaged = json.loads(found.to_json())
        damaged["sentences"][0][name] = value
        with raises(FormatError, "sentences[0]"):
            Highlights.from_dict(damaged)
    content["spans"][0]["query"] = [0, 99]
    with raises(FormatError, "query"):
        Highlights.from_dict(content)


def test_text_has_marks_without_colour(found):
    said = str(found)
    assert "*Red* *gloves* are here & there." in said
    assert "each alone" in said


def test_a_passage_beyond_the_limit_is_read_in_windows():
    short, long = "Wool is warm.", "Wool is warm. " * 400
    explainer = Explainer(tiny("bert").parts)
    found = explainer.highlight_many("warm wool", [short, long])
    assert [each.reading for each in found] == ["one pass", "windows"]
    assert "in overlapping windows" in str(found[1])
    assert Highlights.from_json(found[1].to_json()) == found[1]


def test_one_sentence_that_is_kept_is_one():
    found = Explainer(tiny("bert").parts).highlight("warm wool", PASSAGE, budget=1)
    assert len(found.kept) == 1
    assert "1 sentence," in " ".join(str(found).split())
