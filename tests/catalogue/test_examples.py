"""The catalogues that come with whyalike: whole, varied, ours, and good enough to search in."""

import csv
import re
from collections import Counter, defaultdict
from importlib.resources import files
from itertools import combinations

import numpy as np
import pytest

from whyalike.catalogue import Catalogue
from whyalike.errors import OptionError

CATEGORY = {"fashion": "type", "wine": "variety"}
METADATA = {
    "fashion": ["type", "brand", "color", "material", "price"],
    "wine": ["variety", "country", "region", "winery", "points", "price"],
}


def words_of(text):
    return re.findall(r"[\w'-]+", text.lower())


def runs(text, length):
    """Every run of that many words of the text."""
    words = words_of(text)
    return {tuple(words[k : k + length]) for k in range(len(words) - length + 1)}


@pytest.fixture(params=CATEGORY)
def name(request):
    return request.param


def test_sixty_items_are_read_with_no_bad_row(name):
    catalogue = Catalogue.example(name)
    assert catalogue.name == name
    assert len(catalogue) == catalogue.report.rows == catalogue.report.kept == 60
    assert catalogue.report.bad == []
    assert catalogue.report.with_markup == 0
    assert len({item.id for item in catalogue}) == 60
    assert len({item.title for item in catalogue}) == 60


def test_the_catalogue_is_what_the_file_says(name):
    text = (files("whyalike.catalogue") / "examples" / f"{name}.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    assert list(rows[0]) == ["id", "title", "description", *METADATA[name]]
    for row, item in zip(rows, Catalogue.example(name), strict=True):
        assert (row["id"], row["title"], row["description"]) == (
            item.id,
            item.title,
            item.description,
        )
        assert list(item.metadata) == METADATA[name]
        for key, value in item.metadata.items():
            assert (float(row[key]) if key in ("price", "points") else row[key]) == value


def test_another_name_is_refused():
    with pytest.raises(OptionError, match="fashion"):
        Catalogue.example("cars")


def test_descriptions_have_forty_to_seventy_words(name):
    for item in Catalogue.example(name):
        assert 40 <= len(item.description.split()) <= 70, item.id
        assert item.description[-1] in ".!?", item.id
        assert item.description == " ".join(item.description.split()), item.id


def test_every_description_is_written_for_itself():
    seen = defaultdict(set)
    for name in CATEGORY:
        for item in Catalogue.example(name):
            for run in runs(item.description, 6):
                seen[run].add(item.id)
    assert {run: ids for run, ids in seen.items() if len(ids) > 1} == {}
    assert len(seen) > 120 * 35
    openings = Counter(
        tuple(words_of(item.description)[:2]) for n in CATEGORY for item in Catalogue.example(n)
    )
    assert max(openings.values()) <= 5


def test_every_category_has_items_that_may_be_found_alike(name):
    counts = Counter(item.metadata[CATEGORY[name]] for item in Catalogue.example(name))
    assert len(counts) >= 8
    assert min(counts.values()) >= 3
    assert max(counts.values()) <= 8


def test_what_is_told_of_an_item_can_be_true():
    for item in Catalogue.example("wine"):
        told = item.metadata
        assert item.title.startswith(f"{told['winery']} 20"), item.id
        assert told["variety"] in item.title
        assert item.title.endswith(")")
        assert 80 <= told["points"] <= 100
        assert 5 <= told["price"] <= 150
    for item in Catalogue.example("fashion"):
        assert 10 <= item.metadata["price"] <= 500, item.id
    # A winery stands in one country, and has one spelling.
    countries = defaultdict(set)
    for item in Catalogue.example("wine"):
        countries[item.metadata["winery"]].add(item.metadata["country"])
    assert all(len(found) == 1 for found in countries.values())


@pytest.mark.realdata
def test_nothing_was_copied_from_a_catalogue_that_is_not_ours(catalogues):
    ours = {
        run
        for name in CATEGORY
        for item in Catalogue.example(name)
        for run in runs(item.description, 6)
    }
    paths = sorted(catalogues.glob("*.csv"))
    assert paths
    shared = set()
    for path in paths:
        with path.open(encoding="utf-8", newline="") as stream:
            for row in csv.DictReader(stream):
                shared |= ours & runs(row["description"], 6)
    assert sorted(shared) == []


@pytest.mark.weights
def test_similar_items_are_there_to_be_found(name, minilm):
    """The nearest item by description is of the same type far more often than by chance."""
    items = Catalogue.example(name).items
    vectors = minilm.model.embed([item.description for item in items])
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines = vectors @ vectors.T
    np.fill_diagonal(cosines, -1)
    kinds = [item.metadata[CATEGORY[name]] for item in items]
    found = np.mean([kinds[k] == kinds[near] for k, near in enumerate(cosines.argmax(1))])
    chance = np.mean([a == b for a, b in combinations(kinds, 2)])
    assert chance < 0.12
    assert 0.5 < found < 0.95, "some are found, and some are traps"
