"""What there is to say about an index, as plain values."""

from typing import Any

from whyalike.catalogue.reader import IndexReader


def describe_index(reader: IndexReader) -> dict[str, Any]:
    """Return counts, the model, the fields and the sizes of an index.

    ``cut`` is how many of its texts are longer than the model reads, those of removed items
    included, and None where that is unknown.
    """
    manifest = reader.manifest
    cuts = [segment.cut for segment in manifest.segments if segment.cut is not None]
    return {
        "folder": str(reader.folder),
        "name": manifest.name,
        "items": manifest.items,
        "removed": sum(len(segment.removed) for segment in manifest.segments),
        "segments": len(manifest.segments),
        "generation": manifest.generation,
        "fields": list(manifest.fields),
        "dtype": manifest.dtype,
        "dimension": manifest.model.dimension,
        "model": manifest.model.name,
        "pooling": manifest.model.pooling,
        "similarity_function": manifest.model.similarity_function,
        "prompts": list(manifest.model.prompts),
        "long_text": manifest.model.long_text,
        "cut": sum(cuts) if len(cuts) == len(manifest.segments) else None,
        "metadata": reader.metadata_fields(),
        "bytes": sum(note.size for s in manifest.segments for note in s.files.values()),
    }
