"""Connectors: words that hold a text together and name nothing, which views put last."""

from whyalike.texts import is_mark

# Negations are left out: "not waterproof" says something of a thing.
_ENGLISH = """
a about above across after again against all along also although am among an and another any are
around as at be because been before behind being below beneath beside between beyond both but by
can could did do does doing down during each either else even ever every for from had has have
having he her here hers him his how however i if in inside into is it it's its itself just may
me might mine more most much must my near of off on once one or other our ours out outside over
own per perhaps rather same shall she should since so some still such than that the their theirs
them then there these they this those though through thus to together too toward towards under
until up upon us very via was we were what when where whether which while who whom whose why
will with within would yet you you're your yours
"""

CONNECTORS = frozenset(_ENGLISH.split())
"""English ones, in lower case, with the apostrophe of ASCII."""


def is_connector(word: str) -> bool:
    """Return whether a word is a mark, or an English article, conjunction, preposition or the like.

    Of another language only marks are known.
    """
    return is_mark(word) or word.casefold().replace("\u2019", "'") in CONNECTORS
