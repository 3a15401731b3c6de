"""Whatever is written, the good rows come back whole, and bad ones with the line of an editor."""

import csv
import io
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from whyalike.catalogue import Catalogue
from whyalike.errors import FormatError

TEXTS = st.text(st.sampled_from("ab ,;\"\n\r\té日'&<"), max_size=12)
FAULTS = st.sampled_from(["", "", "", "ragged", "empty"])


def write_record(cells):
    stream = io.StringIO(newline="")
    csv.writer(stream).writerow(cells)
    return stream.getvalue().encode()


@settings(max_examples=40, deadline=None)
@given(rows=st.lists(st.tuples(TEXTS, TEXTS, FAULTS), min_size=1, max_size=12))
def test_rows_and_lines_of_any_csv(rows):
    content = b"id,title,description\r\n"
    good, bad = [], []
    for number, (title, description, fault) in enumerate(rows):
        # The line on which a record begins is counted in the bytes before it.
        line = content.count(b"\n") + 1
        cells = [str(number), title, description]
        if fault == "ragged":
            cells.append("more")
        if fault == "empty":
            cells[1:] = ["", " "]
        record = write_record(cells)
        content += record
        if fault or not (title.strip() or description.strip()):
            bad.append(line)
        else:
            good.append((str(number), title.strip(), description.strip()))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "items.csv"
        path.write_bytes(content)
        try:
            catalogue = Catalogue.read(path)
        except FormatError:
            assert not good
            return
    assert [(i.id, i.title, i.description) for i in catalogue] == good
    assert [row.line for row in catalogue.report.bad] == bad
    assert catalogue.report.rows == len(rows)
