"""Write src/whyalike/words/antonyms.txt from a folder of WordNet's files.

Run with: python tools/write_antonyms.py /usr/share/wordnet > src/whyalike/words/antonyms.txt
"""

import sys
from pathlib import Path

from whyalike.words.thesaurus import Thesaurus

HEAD = """\
# English words and their opposites: a word, then what it is opposed to, one word a line; after
# them words with "~" before what they are opposed to by way of a similar word, and irregular forms
# of all these, with "<" before their base forms. Written by tools/write_antonyms.py.
#
# The direct antonyms of WordNet 3.0 between single words, and the indirect ones of words that its
# texts have. Its license:
#
# This software and database is being provided to you, the LICENSEE, by
# Princeton University under the following license.  By obtaining, using
# and/or copying this software and database, you agree that you have
# read, understood, and will comply with these terms and conditions.:
#
# Permission to use, copy, modify and distribute this software and
# database and its documentation for any purpose and without fee or
# royalty is hereby granted, provided that you agree to comply with
# the following copyright notice and statements, including the disclaimer,
# and that the same appear on ALL copies of the software, database and
# documentation, including modifications that you make for internal
# use or for distribution.
#
# WordNet 3.0 Copyright 2006 by Princeton University.  All rights reserved.
#
# THIS SOFTWARE AND DATABASE IS PROVIDED "AS IS" AND PRINCETON
# UNIVERSITY MAKES NO REPRESENTATIONS OR WARRANTIES, EXPRESS OR
# IMPLIED.  BY WAY OF EXAMPLE, BUT NOT LIMITATION, PRINCETON
# UNIVERSITY MAKES NO REPRESENTATIONS OR WARRANTIES OF MERCHANT-
# ABILITY OR FITNESS FOR ANY PARTICULAR PURPOSE OR THAT THE USE
# OF THE LICENSED SOFTWARE, DATABASE OR DOCUMENTATION WILL NOT
# INFRINGE ANY THIRD PARTY PATENTS, COPYRIGHTS, TRADEMARKS OR
# OTHER RIGHTS.
#
# The name of Princeton University or Princeton may not be used in
# advertising or publicity pertaining to distribution of the software
# and/or database.  Title to copyright in this software, database and
# any associated documentation shall at all times remain with
# Princeton University and LICENSEE agrees to preserve same.
#
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
    # A line of it counts a sense of a word in the texts that WordNet's makers marked.
    counts = (Path(sys.argv[1]) / "cntlist.rev").read_text(encoding="utf-8").splitlines()
    used = {line.partition("%")[0] for line in counts}
    indirect = {
        word: {
            other
            for other in others - thesaurus.opposites.get(word, frozenset())
            if is_plain(other) and not thesaurus.are_synonyms(word, other)
        }
        for word, others in thesaurus.indirect.items()
        if is_plain(word) and word in used
    }
    for word in sorted(indirect):
        if indirect[word]:
            print(word, "~", *sorted(indirect[word]))
    found |= {word: others | found.get(word, set()) for word, others in indirect.items()}
    known = found.keys() | {other for others in found.values() for other in others}
    for form, bases in sorted(thesaurus.bases.items()):
        if is_plain(form) and (own := sorted(base for base in bases if base in known)):
            print(form, "<", *own)


def is_plain(word: str) -> bool:
    """Return whether it is a word of a text as ours are: no phrase, number or name."""
    return word.isalpha() and word.islower()


if __name__ == "__main__":
    main()
