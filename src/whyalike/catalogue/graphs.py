"""Graphs of an index: made of its vectors at the first search, named in the manifest, and kept.

What the manifest does not confirm is never read: a graph can always be made anew.
"""

import hashlib
import warnings
from dataclasses import replace
from pathlib import Path

from whyalike.catalogue.files import FileNote, check_size, only_writer, open_regular
from whyalike.catalogue.manifest import GRAPHS, OWN, Manifest, read_manifest, write_manifest
from whyalike.errors import FormatError, OutputError
from whyalike.files import write_whole


def load_graph(folder: Path, manifest: Manifest, name: str) -> bytes | None:
    """Return a graph as it was kept; None where there is none, or another than the manifest's."""
    note = manifest.graphs.get(name)
    if note is None:
        return None
    path = folder / GRAPHS / name
    try:
        check_size(path, note)
        with open_regular(path) as stream:
            content = stream.read(note.size)
    except (OSError, FormatError):
        return None
    return content if _note_of(content) == note else None


def keep_graph(folder: Path, manifest: Manifest, name: str, content: bytes) -> None:
    """Keep a graph beside the vectors that it was made of, for whoever opens the index next.

    Where that can't be, a warning says so: the folder may be read-only, or somebody writes there.
    """
    try:
        with only_writer(folder, OWN):
            newest = read_manifest(folder)
            if newest.generation != manifest.generation:
                return
            (folder / GRAPHS).mkdir(exist_ok=True)
            write_whole(folder / GRAPHS / name, lambda stream: stream.write(content))
            graphs = {**newest.graphs, name: _note_of(content)}
            write_manifest(folder, replace(newest, graphs=graphs))
    except (OSError, OutputError, FormatError) as error:
        warnings.warn(
            f"The graph of {folder} could not be kept, and is made again by the next who opens the "
            f"index: {error}",
            stacklevel=2,
        )


def _note_of(content: bytes) -> FileNote:
    return FileNote(len(content), hashlib.sha256(content).hexdigest())
