"""A blind study of explanations: stimuli frozen, orders balanced, ratings kept, and exported."""

from whyalike.lazy import names_of_stub

__getattr__, __dir__ = names_of_stub(__name__)
