"""Why a search misses, and what would find it; audits of catalogues; differences of models."""

from whyalike.lazy import names_of_stub

__getattr__, __dir__ = names_of_stub(__name__)
