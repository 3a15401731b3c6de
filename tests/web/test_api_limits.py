"""What could take a server's memory, its thread or its answers away, and does not."""

import asyncio
import threading

import pytest

from raising import raises

pytest.importorskip("fastapi", reason="needs the extra 'serve'")

from explorer_service import count_letters, counted, make_items, open_explainer
from fastapi.testclient import TestClient

from tiny_models import tiny
from whyalike import Explainer
from whyalike.catalogue import CatalogueIndex, Item
from whyalike.catalogue.similar_page import explain_all
from whyalike.errors import TextError
from whyalike.web.api.api_app import create_api_app
from whyalike.web.api.asking import ServiceLimits
from whyalike.web.api.opening import open_service
from whyalike.web.api.schedule import QueueLimits
from whyalike.web.api.service import Service
from whyalike.web.api.work_queue import WorkQueue

HOME = "http://127.0.0.1:8000"
FEW = ServiceLimits(words=20)
PATIENCE = 30


class Panic(BaseException):
    """As Rust's panics are: no Exception."""


def words(count):
    return " ".join(["wool"] * count)


def call(service, name, *texts, **asked):
    return asyncio.run(getattr(service, name)(*texts, **asked))


@pytest.mark.parametrize("place", [0, 1])
def test_texts_of_many_words_are_refused_where_nothing_bounds_the_work(place):
    service = Service({"letters": open_explainer()}, limits=FEW)
    texts = ["a warm hat", "a warm hat"]
    for count in (20, 21):
        texts[place] = words(count)
        if count == 20:
            assert len(call(service, "explain", *texts).left.words) == (20, 3)[place]
            continue
        with raises(TextError, "21", "20") as refused:
            call(service, "explain", *texts)
        assert ("left", "right")[place] in str(refused.value)
    with raises(TextError, "worse text", "21"):
        call(service, "compare", "hat", "a warm hat", words(21))
    service.close()


def test_a_model_that_stops_reading_takes_long_texts_but_not_in_windows():
    service = Service({"tiny": Explainer(tiny("bert").parts)}, limits=ServiceLimits(words=160))
    assert service.model().explainer.model.limit == 160
    found = call(service, "explain", words(500), "wool")
    assert found.left.unread_words
    with raises(TextError, "160"):
        call(service, "explain", words(500), "wool", options={"long_text": "windows"})
    read = call(service, "explain", words(50), "wool", options={"long_text": "windows"})
    assert len(read.left.words) == 50
    service.close()


def test_one_word_of_many_tokens_counts_as_these():
    explainer = Explainer(tiny("roberta").parts)
    service = Service({"tiny": explainer}, limits=FEW)
    word = "q7" * 100
    tokens = explainer.encoder.tokenizer(word, add_special_tokens=False)["input_ids"]
    assert len(tokens) > 20
    with raises(TextError, len(tokens), "tokens"):
        call(service, "explain", word, "wool", options={"long_text": "windows"})
    service.close()


def test_of_a_matrix_no_model_gives_more_than_the_limit():
    service = Service({"tiny": Explainer(tiny("bert").parts)}, limits=FEW)
    assert service.model().explainer.model.limit > 20
    assert call(service, "explain", words(30), "wool", method="bti").left.words
    with pytest.raises(TextError, match="by token_similarity"):
        call(service, "explain", words(30), "wool", method="token_similarity")
    service.close()


def test_items_of_a_catalogue_may_be_long_and_queries_not(tmp_path):
    explainer = open_explainer()
    items = [*make_items(), Item("long", "Long", words(40), {})]
    index = CatalogueIndex.build(
        items, tmp_path / "shop", model=explainer, name="shop", fields=("description",)
    )
    service = Service({"letters": explainer}, indexes={"shop": index}, limits=FEW)
    found = call(service, "similar", text="wool wool", k=7)
    assert "long" in [hit.item.id for hit in found.hits]
    assert call(service, "rank_of", "g1", id="long").explanation is not None
    for name, first in (("similar", ()), ("rank_of", ("g1",))):
        with raises(TextError, "query text", "21"):
            call(service, name, *first, text=words(21))
    assert call(service, "similar", text=words(21), explain=False).hits
    service.close()


def test_a_panic_is_an_error_of_its_pair_and_the_lane_works_on():
    def embed(texts):
        if any("panic" in text for text in texts):
            raise Panic("a panic")
        return count_letters(texts)

    service = Service({"letters": Explainer(embed=embed)})
    app = create_api_app(service)
    client = TestClient(app, base_url=HOME, raise_server_exceptions=False)
    lines = "\n".join(f'{{"left": "{text}", "right": "b"}}' for text in ("a", "panic", "c"))
    said = client.post("/api/v1/batch", content=lines).text.splitlines()
    assert ['"explanation"' in line[:60] for line in said] == [True, False, True]
    for left, status in (("panic", 500), ("hat", 200)):
        answer = client.post("/api/v1/explain", json={"left": left, "right": "b"})
        assert answer.status_code == status
    service.close()


@pytest.mark.parametrize("error", [Panic, StopIteration, SystemExit])
def test_nothing_that_is_raised_ends_the_lane_or_lets_one_wait_for_ever(error):
    queue = WorkQueue(limits=QueueLimits(gather_seconds=0))

    def fail(*_):
        raise error("this")

    async def ask():
        for future in (queue.call(fail), queue.submit(fail, 1)):
            with pytest.raises(RuntimeError, match="this"):
                await asyncio.wait_for(asyncio.wrap_future(future), PATIENCE)

    asyncio.run(ask())
    assert queue.call(lambda: 7).result(PATIENCE) == 7
    queue.close()


def test_four_parts_are_asked_for_as_pairs_so_that_others_get_their_turn(tmp_path):
    explainer = open_explainer()
    index = CatalogueIndex.build(
        make_items(),
        tmp_path / "shop",
        model=explainer,
        name="shop",
        fields=("title", "description"),
    )
    # No more than a quarter of the queue at once: two pairs, of 24.
    limits = ServiceLimits(queue=QueueLimits(waiting=8))
    service = Service({"letters": explainer}, indexes={"shop": index}, limits=limits)
    found = call(service, "similar", text="warm gloves", title="gloves", k=6, score="four")
    own = index.similar("warm gloves", title="gloves", k=6, score="four")
    assert list(found.reasons) == explain_all(own)
    assert counted(service, "explanations_total") == 24
    service.close()


def test_kept_results_are_read_in_no_thread_that_answers_others(monkeypatch):
    service = Service({"letters": open_explainer()})
    threads = []
    from whyalike.web.api import answers

    read = answers.Explanation.from_json

    def noted(content):
        threads.append(threading.current_thread())
        return read(content)

    monkeypatch.setattr(answers.Explanation, "from_json", noted)

    async def ask():
        await service.answer("warm knit hat", "soft wool hat")
        await service.answer("warm knit hat", "soft wool hat")
        assert threads == [], "JSON alone is asked for"
        first = await service.explain("warm knit hat", "soft wool hat")
        other = await service.explain("warm knit hat", "soft wool hat", options={"top_k": 1})
        assert len(other.pairs) < len(first.pairs)

    asyncio.run(ask())
    assert len(threads) == 2
    assert threading.main_thread() not in threads
    service.close()


def test_indexes_of_different_models_of_one_name_are_both_served(tmp_path):
    def make(name, power):
        def embed(texts):
            return count_letters(texts) ** power

        explainer = Explainer(embed=embed)
        return CatalogueIndex.build(
            make_items(), tmp_path / name, model=explainer, name=name, fields=("description",)
        )

    service = Service({}, indexes={name: make(name, power) for name, power in (("a", 1), ("b", 2))})
    names = [service.index(name).model.name for name in ("a", "b")]
    assert list(service.models) == names
    assert len(set(names)) == 2
    for name, model in zip(("a", "b"), names, strict=True):
        assert service.model(model) is service.index(name).model
    service.close()


def test_indexes_of_one_model_share_it_and_have_the_method_that_was_asked_for(tmp_path):
    made, tokenizer = tiny("bert").parts
    place = tmp_path / "weights"
    made.save_pretrained(place)
    tokenizer.save_pretrained(place)
    explainer = Explainer(str(place))
    for name in ("a", "b"):
        CatalogueIndex.build(
            make_items(), tmp_path / name, model=explainer, name=name, fields=("description",)
        )
    service = open_service([], indexes=[str(tmp_path / n) for n in "ab"], method="whyalike")
    assert service.index("a").model is service.index("b").model
    assert len(service.models) == 1
    assert service.model().explainer.method.name == "whyalike"
    service.close()


def test_blank_lines_of_a_batch_are_no_lines_and_too_many_are_refused():
    service = Service({"letters": open_explainer()}, limits=ServiceLimits(batch=3))
    client = TestClient(create_api_app(service), base_url=HOME)
    line = '{"left": "a", "right": "b"}\n'
    for count, status in ((3, 200), (4, 422)):
        answer = client.post("/api/v1/batch", content="\n\n \n".join([line] * count))
        assert answer.status_code == status
    assert "more than 3 lines" in answer.json()["error"]
    service.close()
