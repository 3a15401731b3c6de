"""whyalike: why does this model think these two texts are alike?"""

from whyalike.lazy import names_of_stub

__version__ = "0.1.0.dev0"

__getattr__, __dir__ = names_of_stub(__name__)
