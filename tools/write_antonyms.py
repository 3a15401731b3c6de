"""Write src/whyalike/words/antonyms.txt from a folder of WordNet's files.

Run with: python tools/write_antonyms.py /usr/share/wordnet > src/whyalike/words/antonyms.txt
"""

import sys

from whyalike.words.thesaurus import Thesaurus

HEAD = """\
# English words and their opposites: a word, then what it is opposed to, one word a line; after
# them irregular forms of these words, with "<" before their base forms.
# The direct antonyms of WordNet 3.0 between single words. WordNet 3.0 Copyright 2006 by Princeton
# University. All rights reserved. Permission to use, copy, modify and distribute this database for
# any purpose and without fee or royalty is granted, provided that this notice appears on all
# copies. It is provided "as is", without representations or warranties of any kind; the name of
# Princeton University may not be used in advertising. Written by tools/write_antonyms.py.
"""


def main() -> None:
    """Print the file."""
    thesaurus = Thesaurus.read(sys.argv[1])
    found = {
        word: {other for other in others if is_plain(other)}
        for word, others in thesaurus.opposites.items()
        if is_plain(word)
    }
    sys.stdout.write(HEAD)
    for word in sorted(found):
        if found[word]:
            print(word, *sorted(found[word]))
    known = found.keys() | {other for others in found.values() for other in others}
    for form, bases in sorted(thesaurus.bases.items()):
        if is_plain(form) and (own := sorted(base for base in bases if base in known)):
            print(form, "<", *own)


def is_plain(word: str) -> bool:
    """Return whether it is a word of a text as ours are: no phrase, number or name."""
    return word.isalpha() and word.islower()


if __name__ == "__main__":
    main()
