"""Long texts in chunks: where they are cut, what they score, what is explained and unread."""

from itertools import pairwise

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer

from raising import raises
from tiny_models import TEXTS, tiny, tiny_reranker
from whyalike import BTIOptions, Explainer, Explanation
from whyalike.chain import Stage
from whyalike.errors import OptionError
from whyalike.models.bm25 import BM25
from whyalike.models.chunks import chunk_spans, cut_into_chunks
from whyalike.models.locating import find_model
from whyalike.options import Chunks
from whyalike.texts import find_words

LONG = " ".join(f"{word}{number}" for number in range(40) for word in ("wool", "gloves", "hands"))
HIDDEN = "The gloves keep hands warm."
SHOP = "The office opens at nine and closes at five. " * 12
DOCUMENT = f"{SHOP}{HIDDEN} {SHOP}".strip()


def words_at(text, size, overlap=0):
    offsets = np.array(find_words(text), dtype=np.intp).reshape(-1, 2)
    return [text[a:b] for a, b in cut_into_chunks(text, offsets, size=size, overlap=overlap)]


def explainer_with(model=None, method=None, **chunks):
    return Explainer(
        tiny("bert").parts if model is None else model,
        method=method,
        options=BTIOptions(long_text="chunks", **chunks),
    )


def test_chunks_are_whole_words_and_overlap_by_so_many():
    assert words_at("a b c d e", 2) == ["a b", "c d", "e"]
    assert words_at("a b c d e", 3, 1) == ["a b c", "c d e"]
    assert words_at("a b c d e f", 3, 2) == ["a b c", "b c d", "c d e", "d e f"]
    assert words_at("  a b\n", 2) == ["  a b\n"]  # What fits is read as it is.
    assert words_at("", 2) == [""]


def test_no_chunk_cuts_a_word_that_fits_and_none_is_lost():
    text = "touchscreen-compatible fingertips; smartphone-friendly gloves, naïve 日本語のテキスト 👍🏽."
    encoder = Explainer(tiny("bert").parts).model
    for size, overlap in ((4, 0), (6, 3), (9, 8)):
        spans = chunk_spans(encoder, [text], Chunks(size, overlap))[text]
        covered = np.zeros(len(text), dtype=bool)
        for start, end in spans:
            covered[start:end] = True
            assert len(encoder.tokenize([text[start:end]])[0].offsets) <= size
        assert all(covered[start:end].all() for start, end in find_words(text))
        assert all(one[0] < other[0] for one, other in pairwise(spans))
    cut = {end for _, end in spans}
    whole = [
        span
        for span in find_words(text)
        if len(encoder.tokenize([text[slice(*span)]])[0].offsets) <= 9
    ]
    assert not any(start < end < stop for end in cut for start, stop in whole)


def test_a_word_of_more_tokens_than_a_chunk_is_cut_between_them():
    encoder = Explainer(tiny("bert").parts).model
    word = "x" * 50
    spans = chunk_spans(encoder, [word], Chunks(8))[word]
    assert "".join(word[slice(*span)] for span in spans) == word
    assert len(spans) > 1


@pytest.mark.weights
@pytest.mark.parametrize(("size", "overlap"), [(16, 0), (32, 8), (None, 0)])
def test_scores_are_those_of_sentence_transformers_on_the_same_chunks(size, overlap):
    explainer = explainer_with("all-MiniLM-L6-v2", chunk_size=size, chunk_overlap=overlap)
    document = DOCUMENT if size else DOCUMENT * 3
    query = "warm gloves"
    explanation = explainer.explain(query, document)
    spans = chunk_spans(explainer.model, [document], Chunks(size, overlap))[document]
    theirs = SentenceTransformer(str(find_model("all-MiniLM-L6-v2").folder), device="cpu")
    chunks = [document[start:end] for start, end in spans]
    scores = theirs.similarity(theirs.encode([query]), theirs.encode(chunks))[0].numpy()
    assert explanation.similarity == pytest.approx(scores.max(), abs=1e-5)
    chunk = explanation.right.chunk
    assert (chunk.number, chunk.of) == (int(scores.argmax()) + 1, len(chunks))
    assert HIDDEN in document[chunk.start : chunk.end]
    mean = explainer_with(
        "all-MiniLM-L6-v2", chunk_size=size, chunk_overlap=overlap, chunk_score="mean"
    ).explain(query, document)
    assert mean.similarity == pytest.approx(scores.mean(), abs=1e-5)


def test_the_best_chunk_is_explained_as_a_text_of_its_own_at_its_place():
    explainer = explainer_with(chunk_size=20, method="whyalike")
    found = explainer.explain(TEXTS[0], LONG, check=2)
    chunk = found.right.chunk
    alone = Explainer(tiny("bert").parts, method="whyalike")
    own = alone.explain(TEXTS[0], LONG[chunk.start : chunk.end], check=2)
    assert found.similarity == pytest.approx(own.similarity, abs=1e-6)
    for word, alone in zip(found.right.words, own.right.words, strict=True):
        assert (word.text, word.start) == (alone.text, alone.start + chunk.start)
        assert word.contribution == pytest.approx(alone.contribution, abs=1e-5)
    falls = [one.fall for one in found.checks.pairs]
    assert falls == pytest.approx([one.fall for one in own.checks.pairs], abs=1e-5)
    assert found.right.unread_words == 120 - len(found.right.words)
    assert f"chunk {chunk.number} of {chunk.of} of the right text" in found.warnings[0]
    assert "were not read by this score" in found.warnings[0]
    assert found.right.read_from == chunk.start <= found.right.words[0].start
    assert found.options.chunk_size == 20
    assert found.options.long_text == "chunks"
    assert Explanation.from_json(found.to_json()) == found


def test_a_text_of_one_chunk_is_read_as_ever():
    found = explainer_with(chunk_size=100).explain(TEXTS[0], TEXTS[1])
    usual = Explainer(tiny("bert").parts).explain(TEXTS[0], TEXTS[1])
    assert found.right.chunk is None
    assert (found.left, found.right, found.pairs) == (usual.left, usual.right, usual.pairs)
    assert not found.warnings


@pytest.mark.parametrize("overlap", [0, 6])
def test_the_mean_of_chunks_by_hand(overlap):
    """Each chunk is explained by a plain Explainer; what words add is the mean, word by word."""
    explainer = explainer_with(
        chunk_size=20, chunk_overlap=overlap, chunk_score="mean", method="whyalike"
    )
    found = explainer.explain(HIDDEN, LONG)
    spans = chunk_spans(explainer.model, [LONG], Chunks(20, overlap))[LONG]
    plain = Explainer(tiny("bert").parts, method="whyalike")
    alone = [plain.explain(HIDDEN, LONG[start:end]) for start, end in spans]
    assert found.similarity == pytest.approx(np.mean([one.similarity for one in alone]), abs=1e-6)
    adds = dict.fromkeys(find_words(LONG), 0.0)
    for one, (start, _) in zip(alone, spans, strict=True):
        for word in one.right.words:
            adds[word.start + start, word.end + start] += word.contribution / len(spans)
    assert [w.contribution for w in found.right.words] == pytest.approx(
        list(adds.values()), abs=1e-6
    )
    assert found.right.unread_words == 0
    left = np.mean([[word.contribution for word in one.left.words] for one in alone], axis=0)
    assert [w.contribution for w in found.left.words] == pytest.approx(left, abs=1e-6)
    assert f"mean of those of {len(spans)} chunks" in found.warnings[0]
    assert Explanation.from_json(found.to_json()) == found


def test_the_matrix_of_a_mean_sums_to_the_mean_score():
    found = Explainer(
        BM25([HIDDEN, SHOP, "gloves"]),
        options=BTIOptions(long_text="chunks", chunk_size=30, chunk_score="mean"),
    ).explain("warm gloves office", DOCUMENT)
    assert found.matrix.sum() + found.remainder == pytest.approx(found.similarity)
    assert found.similarity > 0


def test_batches_are_single_pairs_and_equal_pairs_are_explained_once():
    explainer = explainer_with(chunk_size=20)
    pairs = [(TEXTS[0], LONG), (TEXTS[1], DOCUMENT), (TEXTS[0], LONG)]
    together = list(explainer.explain_many(pairs))
    for one, pair in zip(together, pairs, strict=True):
        single = explainer.explain(*pair)
        assert one.right.chunk == single.right.chunk
        assert one.similarity == pytest.approx(single.similarity, abs=1e-6)


def test_a_function_of_pairs_counts_words():
    def overlap(pairs):
        return [len({*a.split()} & {*b.split()}) for a, b in pairs]

    explainer = Explainer(score=overlap, options=BTIOptions(long_text="chunks", chunk_size=10))
    found = explainer.explain("gloves warm", f"{SHOP}gloves and warm socks")
    assert found.similarity == 2
    assert found.right.chunk.number == found.right.chunk.of
    with raises(OptionError, "chunk_size is None", "chunk_size="):
        Explainer(score=overlap, options=BTIOptions(long_text="chunks")).explain("a", "b")


def test_a_cross_encoder_reads_each_chunk_beside_the_query():
    model = tiny_reranker("bert").parts
    explainer = Explainer(model, options=BTIOptions(long_text="chunks", chunk_size=16))
    found = explainer.explain(HIDDEN, LONG)
    spans = chunk_spans(explainer.model, [LONG], Chunks(16))[LONG]
    scores = explainer.model.score([(HIDDEN, LONG[a:b]) for a, b in spans])
    assert found.similarity == pytest.approx(scores.max(), abs=1e-5)
    assert found.right.chunk.number == int(np.argmax(scores)) + 1


def test_stages_of_a_search_score_by_chunks():
    explainer = explainer_with(chunk_size=20)
    trace = explainer.trace(HIDDEN, [LONG, DOCUMENT], stages=[Stage(explainer, name="again")])
    for passage in trace.passages:
        for rank in passage.ranks:
            assert rank.score == pytest.approx(rank.explanation.similarity, abs=1e-6)
            assert rank.explanation.right.chunk is not None


def test_options_of_chunks_that_do_not_go_together_are_refused():
    with raises(OptionError, "chunk_size is 64", "long_text='chunks'"):
        Explainer(tiny("bert").parts, options=BTIOptions(chunk_size=64))
    with raises(OptionError, "chunk_score is 'mean'", "'truncate'"):
        Explainer(tiny("bert").parts, options=BTIOptions(chunk_score="mean"))
    with raises(OptionError, "chunk_overlap is 64", "smaller"):
        explainer_with(chunk_size=64, chunk_overlap=64)
    with raises(OptionError, "chunk_overlap is 500", "smaller"):
        explainer_with(chunk_overlap=500).explain(LONG, LONG)
    with raises(OptionError, "words is 'token'", "words='text'"):
        explainer_with(chunk_size=20, chunk_score="mean", words="token").explain(HIDDEN, LONG)


def test_renderers_show_the_chunk_and_what_is_around_it():
    found = explainer_with(chunk_size=20).explain(HIDDEN, LONG)
    chunk = found.right.chunk
    said = f"chunk {chunk.number} of {chunk.of}"
    html, text, markdown = found.to_html(), str(found), found.to_markdown()
    assert f"C{said[1:]}, characters {chunk.start:,} to {chunk.end:,}" in html
    assert f"{said} (characters" in text
    assert f"({said})" in markdown
    outside = LONG[: chunk.start].split() or LONG[chunk.end :].split()
    assert outside[-1] in html
    assert "not read (" not in text


def by_shared_words(pairs):
    return [float(len({*a.split()} & {*b.split()})) for a, b in pairs]


QUESTION = "gloves of warm wool here and there now red wine with lemon zest"


def test_texts_are_compared_by_the_same_chunk_of_the_query():
    options = BTIOptions(long_text="chunks", chunk_size=8)
    explainer = Explainer(score=by_shared_words, method="occlusion", options=options)
    found = explainer.compare(QUESTION, f"{SHOP}gloves of warm wool", f"{SHOP}warm wool", check=2)
    assert found.margin == 2.0
    assert found.better.left.chunk == found.worse.left.chunk
    assert found.better.left.chunk.number == 1
    assert found.better.right.chunk.number > 1
    assert any(row.is_checked for row in found.query_rows)


def test_scores_of_different_chunks_of_the_query_are_not_compared_and_it_is_said():
    options = BTIOptions(long_text="chunks", chunk_size=8)
    explainer = Explainer(score=by_shared_words, method="occlusion", options=options)
    texts = "gloves of warm wool", "red wine with lemon zest"
    with raises(OptionError, "chunk 1 of 2", "chunk 2 of 2", "chunk_size"):
        explainer.compare(QUESTION, *texts)
    ranked = explainer.rank(QUESTION, texts, right="1")
    assert ranked.first.id == "2"
    assert ranked.comparison is None
    (note,) = [note for note in ranked.notes if "not compared" in note]
    assert "chunk 1 of 2" in note
    assert "chunk 2 of 2" in note
    assert "not compared" in " ".join(str(ranked).split())
    # A query that one chunk holds is compared.
    assert explainer.rank("red warm wool wine zest", texts, right="1").comparison is not None
