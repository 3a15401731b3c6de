"""All, some, none: how many, how often, at least or at most."""

from collections.abc import Iterator, Sequence

from whyalike.probing.edits import register_rule
from whyalike.probing.rule_text import Replacement, RuleText, word_set

# Phrases that can be exchanged wherever they stand.
PHRASES = {
    "all of the": ("none of the", "some of the"),
    "most of the": ("none of the", "few of the"),
    "some of the": ("all of the", "none of the"),
    "many of the": ("few of the", "none of the"),
    "none of the": ("all of the", "most of the"),
    "always": ("never",),
    "often": ("seldom",),
    "frequently": ("rarely",),
    "rarely": ("frequently",),
    "seldom": ("often",),
    "everyone": ("no one", "hardly anyone"),
    "everybody": ("nobody",),
    "everything": ("nothing",),
    "nobody": ("everybody",),
    "completely": ("hardly",),
}


# Before a number: at least 5 → at most 5.
BOUNDS = {
    "at least": ("at most",),
    "at most": ("at least",),
    "more than": ("less than",),
    "less than": ("more than",),
    "up to": ("at least",),
}

BOUND = word_set("not almost nearly just only as")
NOT_AFTER = word_set("not almost nearly how as too so they we you them us it at for")
FEW_AFTER = frozenset(("", "in", "with", "has", "have", "had", "there", "are"))
BARE = frozenset(("all", "some", "many", "few", "every"))


@register_rule(
    "quantifiers",
    changes_meaning=True,
    summary="all, some, none; always, never; at least, at most",
    example="All of the rooms have a balcony. → None of the rooms have a balcony.",
)
def quantifiers(text: RuleText) -> Iterator[Sequence[Replacement]]:
    """Change how many or how often, in a sentence that denies nothing."""
    numbers = frozenset(text.words.words("number_words"))
    for first, last, phrase in text.phrases((*PHRASES, *BOUNDS, *BARE)):
        if _is_denied(text, first, phrase) or text.before(first) in BOUND:
            continue
        choice: Sequence[str]
        if phrase in BOUNDS:
            after = text.after(last - 1).lstrip("$€£")
            after = after or text.at(last + 1, sentence=text.tokens[first].sentence)
            choice = BOUNDS[phrase] if after[:1].isdigit() or after in numbers else ()
        elif phrase in PHRASES:
            choice = PHRASES[phrase]
        else:
            choice = _for_bare(text, first, phrase)
        if choice:
            yield text.replace(first, last, text.rng.choice(choice))


def _for_bare(text: RuleText, n: int, word: str) -> Sequence[str]:
    """Return what a quantifier right before its noun may become; nothing where it is unsure."""
    before, after = text.before(n), text.after(n)
    if before in NOT_AFTER - {"for"} or not after.isalpha():
        return ()
    starts = not before
    plural = after.endswith("s") and not after.endswith(("ss", "us", "is"))
    if word == "every":
        singular = not after.endswith("s") and after not in text.words.words("function_words")
        return ("no",) if starts and singular else ()
    if word == "few":
        return ("many",) if plural and before in FEW_AFTER else ()
    if not plural:
        return ()
    if word == "all":
        return ("no", "some") if starts else ("some",)
    return {"some": ("all", "no") if starts else ("all",), "many": ("few",)}[word]


def _is_denied(text: RuleText, n: int, phrase: str) -> bool:
    words = set(text.sentence_words(n)) - set(phrase.split())
    denied = {"not", "no", "never", "none", "nor", "neither", "cannot", "nothing", "nobody"}
    leaning = {"any", "anyone", "anything", "ever"} if phrase == "nobody" else set()
    return bool(words & (denied | leaning)) or any(word.endswith("n't") for word in words)
