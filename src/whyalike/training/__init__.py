"""Training RecoBERT: an encoder that learns item similarity from titles and descriptions."""

from whyalike.lazy import names_of_stub

__getattr__, __dir__ = names_of_stub(__name__)
