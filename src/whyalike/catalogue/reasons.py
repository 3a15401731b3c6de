"""Reasons stored beside the vectors of an index: written as they are made, read item by item.

An item's words are rows of one file, whose end another file names with a checksum. So a reader
checks what it reads, and no more: the files of a large index have gigabytes.
"""

import zlib
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from whyalike.catalogue.files import AppendedFile, FileNote, check_file, check_size, read_note
from whyalike.catalogue.manifest import SEGMENTS, Field, Manifest, Segment
from whyalike.catalogue.manifest import StoredReasons as Described
from whyalike.documents import read_json, write_json
from whyalike.errors import FormatError, ModelError
from whyalike.options import BTIOptions, LongText
from whyalike.stored_reasons import (
    PLACE,
    Numbers,
    TextReasons,
    decode,
    encode,
    reason_file_names,
    row_type,
)

if TYPE_CHECKING:
    from whyalike.explainer import Explainer

TEXTS_AT_ONCE = 16
"""Texts that are differentiated between two signs of progress."""


def describe_reasons(explainer: "Explainer", numbers: Numbers, texts: Sequence[str]) -> Described:
    """Return how an index stores the reasons of an Explainer's model; a text is tried.

    Raises
    ------
    OptionError
        A model whose reasons can't be stored.
    ModelError
        A model that can't be differentiated that way.
    """
    from whyalike.methods.whyalike import LENGTH_SHARE
    from whyalike.options import policy_for

    policy = policy_for(explainer.options.long_text)
    tried = derive(explainer, texts[:1], prompt=explainer.prompts[1], long_text=policy)[0]
    return Described(numbers, "whyalike", LENGTH_SHARE, tried.vectors.shape[1])


def derive(
    explainer: "Explainer", texts: Sequence[str], *, prompt: str, long_text: LongText
) -> list[TextReasons]:
    """Return what is to be stored of each text; raises as ``text_reasons``."""
    from dataclasses import replace

    from whyalike.methods.word_derivatives import refuse_stored, text_reasons
    from whyalike.readings import read_texts, reading_warnings

    model = refuse_stored(explainer.model)
    if not texts:
        return []
    options = BTIOptions(long_text=long_text)
    readings = read_texts(model, texts, prompt=prompt, options=options)
    found = text_reasons(model, [reading.prepared for reading in readings])
    return [
        replace(
            one,
            as_left=reading_warnings(reading, side="left", model=model),
            as_right=reading_warnings(reading, side="right", model=model),
        )
        for one, reading in zip(found, readings, strict=True)
    ]


class ReasonsWriter:
    """The files of a segment's field in the making.

    Parameters
    ----------
    folder : Path
        Of the segment.
    field : Field
        What was embedded.
    described : StoredReasons
        How reasons are stored.
    dimension : int
        H, of an item's vector.
    """

    def __init__(self, folder: Path, field: Field, described: Described, *, dimension: int) -> None:
        self.kind = row_type(described.numbers, dimension, described.word_width)
        self.numbers = described.numbers
        names = reason_file_names(field, described.numbers)
        widths = (self.kind.itemsize, PLACE.itemsize, 1)
        self.files = tuple(
            AppendedFile(folder / name, width=width)
            for name, width in zip(names, widths, strict=True)
        )

    @property
    def notes(self) -> dict[str, FileNote]:
        """What was written so far, by the names of the files."""
        return {file.path.name: file.note for file in self.files}

    def cut_back(self, notes: Mapping[str, FileNote]) -> bool:
        """Keep what an earlier run wrote, and nothing after it; return whether it is whole."""
        return all(
            file.path.name in notes and file.cut_back(notes[file.path.name]) for file in self.files
        )

    def clear(self) -> None:
        """Begin anew."""
        for file in self.files:
            file.clear()

    def append(self, found: Sequence[TextReasons]) -> None:
        """Put the reasons of some items at the end, and see them on the disk.

        Raises ModelError where numbers are too large for the format.
        """
        words, places, notes = self.files
        end, first = words.count, places.count
        rows, ends, said = [], np.zeros(len(found), dtype=PLACE), []
        for number, one in enumerate(found):
            try:
                own = encode(one, self.kind)
            except OverflowError as error:
                raise ModelError(
                    f"Reasons can't be stored as {self.numbers}, as {error}: choose 'int8' or "
                    "'float32'."
                ) from error
            content = own.tobytes()
            rows.append(content)
            end += len(own)
            ends[number] = end, zlib.crc32(content)
            if one.notes or one.as_left or one.as_right:
                line = {
                    "item": first + number,
                    "notes": one.notes,
                    "left": one.as_left,
                    "right": one.as_right,
                }
                said.append(write_json(line) + "\n")
        words.write(b"".join(rows))
        places.write(ends.tobytes())
        notes.write("".join(said).encode())


class ReasonsReader:
    """The reasons of a segment's field, left on the disk until an item's are asked for.

    Raises
    ------
    FormatError
        A file is missing or has another size; at the first reading, one is damaged.
    """

    def __init__(
        self,
        folder: Path,
        files: Mapping[str, FileNote],
        field: Field,
        described: Described,
        *,
        dimension: int,
    ) -> None:
        names = reason_file_names(field, described.numbers)
        self._paths = [folder / name for name in names]
        self._notes = [files[name] for name in names]
        for path, note in zip(self._paths, self._notes, strict=True):
            check_size(path, note)
        self.kind = row_type(described.numbers, dimension, described.word_width)

    @cached_property
    def _words(self) -> NDArray[np.void]:
        count = self._notes[0].size // self.kind.itemsize
        if not count:
            # Nothing can't be mapped.
            return np.zeros(0, dtype=self.kind)
        try:
            return np.memmap(self._paths[0], dtype=self.kind, mode="r", shape=(count,))
        except (OSError, ValueError) as error:
            raise FormatError(f"Could not read {self._paths[0]}: {error}.") from error

    @cached_property
    def _places(self) -> NDArray[np.void]:
        check_file(self._paths[1], self._notes[1])
        return np.fromfile(self._paths[1], dtype=PLACE)

    @cached_property
    def _said(self) -> dict[int, dict[str, Any]]:
        check_file(self._paths[2], self._notes[2])
        said: dict[int, dict[str, Any]] = {}
        for content in read_note(self._paths[2]).splitlines():
            line: Any = read_json(content)
            said[line["item"]] = line
        return said

    def __getitem__(self, row: int) -> TextReasons:
        """Return the reasons of an item by its place in the segment.

        Raises FormatError if the files are damaged.
        """
        start = int(self._places["end"][row - 1]) if row else 0
        end, checksum = self._places[row].tolist()
        rows = np.array(self._words[start:end])
        if len(rows) != end - start or zlib.crc32(rows.tobytes()) != checksum:
            raise FormatError(
                f"{self._paths[0]} is damaged (the words of item {row + 1} are not what was "
                "written): make the index anew."
            )
        found = decode(rows)
        if row not in self._said:
            return found
        said = self._said[row]
        return TextReasons(
            found.slopes,
            found.vectors,
            found.matchable,
            *(tuple(said[name]) for name in ("notes", "left", "right")),
        )


def open_reasons(
    folder: Path, manifest: Manifest, segment: Segment, field: Field
) -> ReasonsReader | None:
    """Return the reasons of a segment's field, where the index stores them.

    Raises FormatError where a file is missing or has another size.
    """
    if manifest.reasons is None:
        return None
    return ReasonsReader(
        folder / SEGMENTS / segment.name,
        segment.files,
        field,
        manifest.reasons,
        dimension=manifest.model.dimension,
    )
