"""The gallery shows our own items only, and every picture that it links is there and small."""

import re
from pathlib import Path

from whyalike.catalogue import Catalogue

GALLERY = Path(__file__).resolve().parents[2] / "docs" / "gallery"
PAGE = (GALLERY / "README.md").read_text(encoding="utf-8")


def test_every_picture_is_linked_and_every_link_is_a_picture():
    linked = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", PAGE)
    there = {path.name for path in GALLERY.iterdir()} - {"README.md"}
    assert set(linked) == there
    assert len(linked) == len(there) >= 12
    assert max((GALLERY / name).stat().st_size for name in there) < 150_000


def test_three_pairs_of_each_example_catalogue_are_shown():
    headings = re.findall(r"^### (.+) – (.+)$", PAGE, re.MULTILINE)
    for name in ("wine", "fashion"):
        titles = {item.title for item in Catalogue.example(name)}
        assert sum(set(pair) <= titles for pair in headings) == 3
    assert len(headings) == 6


def test_no_table_of_the_gallery_has_a_gap():
    rows = re.findall(r"^\| (?:MiniLM|trained) \|.*$", PAGE, re.MULTILINE)
    assert len(rows) >= 6
    for row in rows:
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert len(cells) == 6
        assert "nan" not in cells
        assert 0 < float(cells[1]) < 1
