"""Write src/whyalike/words/antonyms.txt from a folder of WordNet's files.

Run with: python tools/write_antonyms.py /usr/share/wordnet > src/whyalike/words/antonyms.txt
"""

import sys

from whyalike.words.thesaurus import Thesaurus

HEAD = """\
# English words and their opposites: a word, then what it is opposed to, one word a line.
# The direct antonyms of WordNet 3.0 between single words. WordNet 3.0 Copyright 2006 by Princeton
# University. All rights reserved. Permission to use, copy, modify and distribute this database for
# any purpose and without fee or royalty is granted, provided that this notice appears on all
# copies. It is provided "as is", without representations or warranties of any kind; the name of
# Princeton University may not be used in advertising. Written by tools/write_antonyms.py.
"""


def main() -> None:
    """Print the file."""
    found = Thesaurus.read(sys.argv[1]).opposites
    sys.stdout.write(HEAD)
    for word in sorted(found):
        # Phrases, numbers and names are no words of a text that one of ours would be.
        others = sorted(other for other in found[word] if other.isalpha() and other.islower())
        if word.isalpha() and word.islower() and others:
            print(word, *others)


if __name__ == "__main__":
    main()
