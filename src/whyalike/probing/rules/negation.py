"""Not put in, and not taken out: the change that embeddings are known to see least."""

from collections.abc import Iterator, Sequence

from whyalike.probing.edits import register_rule
from whyalike.probing.rule_text import Replacement, RuleText, match_case, word_set

BE = frozenset(("is", "are", "was", "were"))
MODALS = frozenset(("can", "will", "must", "could", "should", "would"))
PRONOUNS = word_set("i you he she it we they that which who this there")
THIRD = frozenset(("it", "he", "she", "this", "which", "that"))
DETERMINERS = word_set("a an the my your his her its our their this that no any some")


# A second negation, or a word that does the same, would make nonsense of one more.
NEGATIVE = word_set(
    "not no never none nobody nothing nowhere neither nor cannot hardly barely scarcely rarely "
    "seldom few little unless"
)


# After these, or before them, "not" reads badly or means something else.
NOT_BEFORE = NEGATIVE | word_set(
    "all also always already any both each either even every just many most often only perhaps "
    "probably quite some sometimes still such usually"
)

NOT_AFTER = word_set("as so than what how where why when whether")


# Where a text leans on its "not", taking that away leaves no English.
LEANING = word_set(
    "any anybody anyone anything anywhere at but either ever much nor only yet until "
    "necessarily really even just"
)

SHORT = {"can't": "can", "cannot": "can", "won't": "will"} | {
    f"{verb}n't": verb
    for verb in word_set("is are was were do does did has have had could should would must")
}

WITH_NOT_AFTER = word_set(
    "along together compatible deal agree begin begins start starts end ends finish finishes "
    "familiar busy consistent comply cope wrong happy up away do go"
)

WITHOUT_NOT_AFTER = word_set("do go and or")
IDIOMS_WITH_A = word_set("view lot bit little few touch hint number variety range")


@register_rule(
    "negation_added",
    changes_meaning=True,
    summary="a statement denied: is → is not, offers → does not offer, with a → without a",
    example="The room is clean. → The room is not clean.",
)
def negation_added(text: RuleText) -> Iterator[Sequence[Replacement]]:
    """Deny a statement, where its sentence denies nothing yet and does not ask."""
    third = text.words.replacements("third_person_verbs")
    after_it = text.words.replacements("third_person_after_it")
    verbs = frozenset(text.words.words("base_verbs"))
    for n, token in enumerate(text.tokens):
        word, before, after = token.lower, text.before(n), text.after(n)
        if not before or not text.is_free(n) or text.is_question(n) or not after.isalpha():
            continue
        if _is_negative(text.sentence_words(n)) or after in NOT_BEFORE or before in NOT_AFTER:
            continue
        if word in BE and before == "there" and after in ("a", "an"):
            article = text.tokens[n + 1]
            yield [(article.start, article.end, "no")]
        elif word in BE and (before.isalpha() or before == ","):
            yield text.insert_after(n, "not")
        elif word in MODALS and before not in DETERMINERS - PRONOUNS:
            if before in PRONOUNS or after in verbs:
                if word == "can":
                    yield text.replace(n, n + 1, "cannot")
                else:
                    yield text.insert_after(n, "not")
        elif _is_verb(word, before, third, after_it):
            plain = (third.get(word) or after_it[word])[0]
            yield [(token.start, token.end, f"does not {plain}")]
        elif word == "with" and after in ("a", "an") and _may_be_without(text, n):
            yield text.replace(n, n + 1, "without")


@register_rule(
    "negation_removed",
    changes_meaning=True,
    summary="a denial taken back: is not → is, doesn't → does, without → with",
    example="The room is not clean. → The room is clean.",
)
def negation_removed(text: RuleText) -> Iterator[Sequence[Replacement]]:
    """Take back a denial, where the rest of its sentence does not lean on it."""
    carriers = BE | MODALS | word_set("do does did has have had am be")
    for n, token in enumerate(text.tokens):
        word, before, after = token.lower, text.before(n), text.after(n)
        if not text.is_free(n) or text.is_question(n) or not after.isalpha():
            continue
        if LEANING & set(_rest(text, n)):
            continue
        if word == "not" and before in carriers:
            yield text.remove(n)
        elif word in SHORT and after not in PRONOUNS:
            yield [(token.start, token.end, match_case(SHORT[word], token.text))]
        elif word == "never" and before and before.isalpha() and before not in ("or", "and"):
            yield text.remove(n)
        elif word == "without" and not after.endswith("ing") and before not in WITHOUT_NOT_AFTER:
            yield text.replace(n, n + 1, "with")


def _is_negative(words: Sequence[str]) -> bool:
    return any(word in NEGATIVE or word.endswith("n't") for word in words)


def _is_verb(
    word: str,
    before: str,
    third: dict[str, tuple[str, ...]],
    after_it: dict[str, tuple[str, ...]],
) -> bool:
    """Return whether the word is a verb of one person, right behind its subject."""
    if word in after_it and before in THIRD:
        return True
    # Behind "and" it may be the second verb of a plural; behind a mark it has no subject.
    stops = DETERMINERS - THIRD | {"and", "or", "both", "to", "of", "also", "that", "which"}
    return word in third and before.isalpha() and before not in stops and before[-2:] != "ly"


def _may_be_without(text: RuleText, n: int) -> bool:
    before = text.before(n)
    noun = text.at(n + 2, sentence=text.tokens[n].sentence)
    bound = before in WITH_NOT_AFTER or before.endswith("ed") or before in ("and", "or", "but")
    return not bound and noun not in IDIOMS_WITH_A


def _rest(text: RuleText, n: int) -> list[str]:
    """Return the words of the sentence after word ``n``."""
    sentence = text.tokens[n].sentence
    return [token.lower for token in text.tokens[n + 1 :] if token.sentence == sentence]
