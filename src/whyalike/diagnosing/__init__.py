"""Why a search misses: causes that are measured, and what remedies change; audits and differences."""

from whyalike.lazy import names_of_stub

__getattr__, __dir__ = names_of_stub(__name__)
