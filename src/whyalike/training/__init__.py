"""Training an encoder on titles and descriptions, by a ranking loss or RecoBERT's objective."""

from whyalike.lazy import names_of_stub

__getattr__, __dir__ = names_of_stub(__name__)
