"""Catalogues: items with titles and descriptions, read, indexed and searched with reasons."""

from whyalike.lazy import names_of_stub

__getattr__, __dir__ = names_of_stub(__name__)
