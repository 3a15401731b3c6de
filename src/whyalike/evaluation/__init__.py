"""Is an explanation true? Sanity, faithfulness, human gold, blind spots. Imports on first use."""

from whyalike.lazy import names_of_stub

__getattr__, __dir__ = names_of_stub(__name__)
