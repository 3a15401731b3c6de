"""Texts as a model reads them: tokens, rows of the model's length, batches of like length."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from itertools import chain, pairwise
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from whyalike.errors import ModelError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

PASS_TOKENS = 64
"""What a pass costs besides its tokens, in tokens: measured with all-MiniLM-L6-v2 on one core, 20
to 80 are as good; see docs/decisions/0003-one-pass-for-a-batch.md."""


def group_rows(
    lengths: Sequence[int], keys: Sequence[Hashable], *, most_tokens: int
) -> list[list[int]]:
    """Return groups of row indices with equal keys and similar lengths, longest first.

    Rows of one key are cut so that their passes cost least together: of a pass, its tokens with
    their padding, and PASS_TOKENS. No group of more than one row has more than ``most_tokens``
    tokens, padding included. A row of length 0 is in no group: there is nothing for the model to
    read.
    """
    by_key: dict[Hashable, list[int]] = {}
    read = (row for row, length in enumerate(lengths) if length)
    for row in sorted(read, key=lambda row: -lengths[row]):
        by_key.setdefault(keys[row], []).append(row)
    groups = []
    for rows in by_key.values():
        cuts = _cheapest_cuts(np.array([lengths[row] for row in rows]), most_tokens)
        groups += [rows[start:end] for start, end in pairwise(cuts)]
    return groups


def _cheapest_cuts(lengths: NDArray[np.int64], most_tokens: int) -> list[int]:
    """Return where to cut rows of falling lengths, from 0 to their number.

    What the first rows cost at least is the least, over the start of their last group, of what the
    rows before it cost and of that group.
    """
    least, starts = np.zeros(len(lengths) + 1), np.zeros(len(lengths) + 1, dtype=np.int64)
    for end in range(1, len(least)):
        sizes = np.arange(end, 0, -1) * lengths[:end]
        allowed = sizes <= most_tokens
        allowed[-1] = True
        costs = np.where(allowed, least[:end] + sizes + PASS_TOKENS, np.inf)
        starts[end] = costs.argmin()
        least[end] = costs.min()
    cuts = [len(lengths)]
    while cuts[-1]:
        cuts.append(int(starts[cuts[-1]]))
    return cuts[::-1]


Ints = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Row:
    """One input of the model: a text, or one window of a long one.

    input_ids: as the model gets them, special tokens and prompt included, without padding.
    positions: (T,), where in ``input_ids`` the tokens of the text stand.
    tokens: (T,), which tokens of the text they are. owned: (T,), False where another window
    sees the same token with more context around it. type_ids: the segment of each of
    ``input_ids``, where the row holds both texts of a pair and the tokenizer says it.
    """

    input_ids: tuple[int, ...]
    positions: Ints
    tokens: Ints
    owned: NDArray[np.bool_]
    type_ids: tuple[int, ...] | None = None


@dataclass(frozen=True, eq=False)
class TokenizedText:
    """A text, its T tokens (without special ones and prompt) and the rows that hold them.

    offsets: (T, 2), characters of the text. pretokens: (T,), the tokenizer's own word index.
    truncated: whether the model's limit cut tokens off. refusal: why the text may not be explained
    then, or nothing. unknown: the tokens that stand for what the tokenizer has no token for.
    route: which of a model's two ways of reading read it, 0 for queries and 1 for documents, where
    there are two.
    """

    text: str
    prompt: str
    rows: tuple[Row, ...]
    offsets: Ints
    pretokens: Ints
    truncated: bool
    refusal: str = ""
    unknown: tuple[int, ...] = ()
    route: int = 0

    @property
    def length(self) -> int:
        """Tokens of the longest row, special ones included; of the text where there are no rows."""
        return max((len(row.input_ids) for row in self.rows), default=len(self.offsets))


def tokenize(
    texts: Sequence[str],
    *,
    tokenizer: "PreTrainedTokenizerBase",
    limit: int,
    prompt: str = "",
    long_text: str = "truncate",
    strip: bool = False,
) -> list[TokenizedText]:
    """Tokenize texts, with ``prompt`` put before each.

    Parameters
    ----------
    texts : sequence of str
        Raw texts.
    tokenizer : PreTrainedTokenizerBase
        A fast tokenizer.
    limit : int
        The most tokens that the model takes, special tokens included.
    prompt : str, default=''
        What the model wants before a text; it counts neither as text nor as words.
    long_text : str, default='truncate'
        ``"truncate"``, ``"error"`` or ``"windows"`` (half overlapping).
    strip : bool, default=False
        Leave out the white space around prompt and text together, before the tokenizer sees it.

    A text beyond the limit is refused where ``long_text`` is ``"error"``, and where the tokenizer
    cuts texts at their beginning.

    Raises
    ------
    ModelError
        The limit leaves no room for a text beside the special tokens.
    """
    windows = long_text == "windows"
    special = tokenizer.num_special_tokens_to_add()
    if limit <= special:
        raise ModelError(
            f"The model reads at most {limit} token{'s' * (limit != 1)} of a text, and "
            f"{special} of them are special ones, so that no room is left for words: give it a "
            "larger max_seq_length."
        )
    given = [prompt + text for text in texts]
    left_out = [len(whole) - len(whole.lstrip()) if strip else 0 for whole in given]
    encoded: Any = tokenizer(
        [whole.strip() if strip else whole for whole in given],
        truncation=True,
        max_length=limit,
        stride=(limit - special) // 2 if windows else 0,
        return_overflowing_tokens=windows,
        return_token_type_ids=False,
        return_attention_mask=False,
        add_special_tokens=True,
    )
    grouped: list[list[Any]] = [[] for _ in texts]
    for index, encoding in enumerate(encoded.encodings):
        sample = encoded["overflow_to_sample_mapping"][index] if windows else index
        grouped[sample].append(encoding)
    tokenized = []
    for text, encodings, skipped in zip(texts, grouped, left_out, strict=True):
        result = _from_encodings(text, prompt, encodings, windows=windows, skipped=skipped)
        if unknown := unknown_tokens(result, tokenizer):
            result = replace(result, unknown=unknown)
        if result.truncated and (reason := _refusal(tokenizer, limit, long_text)):
            result = replace(result, refusal=reason)
        tokenized.append(result)
    return tokenized


class KnowsUnknown(Protocol):
    """What says which token stands for what a tokenizer has no token for."""

    @property
    def unk_token(self) -> str | None:
        """Its text."""

    @property
    def unk_token_id(self) -> int | None:
        """Its number."""


def from_encodings(
    text: str, prompt: str, encodings: Sequence[Any], *, unknown: KnowsUnknown
) -> TokenizedText:
    """Return a text with its tokens, of a tokenizer that is none of transformers'.

    Parameters
    ----------
    text : str
        Without the prompt.
    prompt : str
        What was put before it.
    encodings : sequence
        One ``Encoding`` of ``tokenizers``, of both together.
    unknown : KnowsUnknown
        The tokenizer's unknown token.
    """
    found = _from_encodings(text, prompt, encodings, windows=False)
    if missing := unknown_tokens(found, unknown):
        return replace(found, unknown=missing)
    return found


def _refusal(tokenizer: "PreTrainedTokenizerBase", limit: int, long_text: str) -> str:
    """Return why a text that was cut may not be explained, or nothing if it may."""
    if long_text == "error":
        return (
            f"A text has more than the {limit} tokens that the model reads. Shorten it, or "
            "choose long_text='truncate' or 'windows'."
        )
    if tokenizer.truncation_side == "left":
        return (
            f"A text has more than the {limit} tokens that the model reads, and its tokenizer "
            "cuts texts at their beginning. Shorten it, or set truncation_side='right'."
        )
    return ""


def tokenize_pairs(
    pairs: Sequence[tuple[str, str]],
    *,
    tokenizer: "PreTrainedTokenizerBase",
    limit: int,
    prompts: tuple[str, str] = ("", ""),
    truncation: str = "longest_first",
    long_text: str = "truncate",
) -> list[tuple[TokenizedText, TokenizedText]]:
    """Tokenize pairs of texts, each pair as one sequence, with ``prompts`` put before the texts.

    Both texts of a pair have the same row, and their own positions in it.

    Parameters
    ----------
    pairs : sequence of tuple of str
        Raw texts, left and right.
    tokenizer : PreTrainedTokenizerBase
        A fast tokenizer.
    limit : int
        The most tokens that the model takes of both together, special tokens included.
    prompts : tuple[str, str], default=('', '')
        What stands before the left and the right text.
    truncation : str, default='longest_first'
        Which text is cut, in the tokenizer's words.
    long_text : str, default='truncate'
        ``"truncate"`` or ``"error"``.

    A pair beyond the limit is refused where ``long_text`` is ``"error"``, and where the tokenizer
    cuts texts at their beginning.

    Raises
    ------
    ModelError
        The limit leaves no room for texts beside the special tokens and the prompts.
    """
    given = [(prompts[0] + left, prompts[1] + right) for left, right in pairs]
    special = tokenizer.num_special_tokens_to_add(pair=True)

    def encode(some: Sequence[tuple[str, str]], **cut: Any) -> list[tuple[Any, Any]]:
        encoded: Any = tokenizer(
            [left for left, _ in some],
            [right for _, right in some],
            return_offsets_mapping=True,
            verbose=False,
            **cut,
        )
        types = encoded.get("token_type_ids") or [None] * len(some)
        return list(zip(encoded.encodings, types, strict=True))

    whole = encode(given, truncation=False) if given else []
    long = [index for index, (one, _) in enumerate(whole) if len(one.ids) > limit]
    if long and limit <= special + 1:
        raise ModelError(
            f"The model reads at most {limit} token{'s' * (limit != 1)} of a pair of texts, and "
            f"{special} of them are special ones, so that no room is left for words of both: give "
            "it a larger max_seq_length."
        )
    cut = dict(
        zip(
            long,
            encode([given[index] for index in long], truncation=truncation, max_length=limit)
            if long
            else (),
            strict=True,
        )
    )
    tokenized = []
    for index, pair in enumerate(pairs):
        own, uncut = cut.get(index, whole[index]), whole[index]
        reason = refusal_of_pair(tokenizer, limit, long_text) if index in cut else ""
        sides = []
        for side in (0, 1):
            text = _from_pair(pair[side], prompts[side], *own, side=side)
            lost = _of_side(own[0], side) < _of_side(uncut[0], side)
            unknown = unknown_tokens(text, tokenizer)
            sides.append(replace(text, unknown=unknown, truncated=lost, refusal=reason))
        tokenized.append((sides[0], sides[1]))
    return tokenized


def _of_side(encoding: Any, side: int) -> int:
    return sum(1 for sequence in encoding.sequence_ids if sequence == side)


def _from_pair(
    text: str, prompt: str, encoding: Any, types: Sequence[int] | None, *, side: int
) -> TokenizedText:
    """Return one text of a pair with its tokens in the sequence of both."""
    sequences = encoding.sequence_ids
    positions = np.array(
        [each for each in _text_positions(encoding, len(prompt)) if sequences[each] == side],
        dtype=np.intp,
    )
    offsets = np.array(
        [key[:2] for key in _token_keys(encoding, positions, len(prompt))], dtype=np.intp
    ).reshape(-1, 2)
    words = encoding.word_ids
    count = len(positions)
    row = Row(
        tuple(encoding.ids),
        positions,
        np.arange(count, dtype=np.intp),
        np.ones(count, dtype=np.bool_),
        None if types is None else tuple(types),
    )
    return TokenizedText(
        text=text,
        prompt=prompt,
        rows=(row,),
        offsets=offsets,
        pretokens=np.array(
            [-1 if words[each] is None else words[each] for each in positions], dtype=np.intp
        ),
        truncated=False,
    )


def refusal_of_pair(tokenizer: "PreTrainedTokenizerBase", limit: int, long_text: str) -> str:
    """Return why a pair that was cut may not be explained, or nothing if it may."""
    if long_text == "error":
        return (
            f"Both texts together have more than the {limit} tokens that the model reads. Shorten "
            "them, or choose long_text='truncate'."
        )
    if tokenizer.truncation_side == "left":
        return (
            f"Both texts together have more than the {limit} tokens that the model reads, and its "
            "tokenizer cuts texts at their beginning. Shorten them, or set "
            "truncation_side='right'."
        )
    return ""


def unknown_tokens(text: TokenizedText, tokenizer: KnowsUnknown) -> tuple[int, ...]:
    """Return the tokens that are the tokenizer's unknown one, but for those the text spells out.

    Tokenizers that know every byte have such a token too, and often it has another use: GPT-2's
    ends a text.
    """
    unknown = tokenizer.unk_token_id
    found: dict[int, None] = {}
    for row in text.rows:
        if unknown in row.input_ids:
            ids = np.array(row.input_ids)[row.positions]
            found |= dict.fromkeys(row.tokens[ids == unknown].tolist())
    covered = {token: slice(*text.offsets[token]) for token in found}
    return tuple(t for t in found if text.text[covered[t]].strip() != tokenizer.unk_token)


def _from_encodings(
    text: str, prompt: str, encodings: Sequence[Any], *, windows: bool, skipped: int = 0
) -> TokenizedText:
    """Merge a text's windows (or take its only row): each token once, owned by one window.

    The encodings begin ``skipped`` characters after the prompt does.
    """
    before = len(prompt) - skipped
    if len(encodings) == 1:
        return _from_encoding(text, prompt, encodings[0], before=before, windows=windows)
    rows: list[tuple[tuple[int, ...], Ints, list[tuple[int, int, int]]]] = []
    seen: dict[tuple[int, int, int], int] = {}
    pretokens: list[int] = []
    for encoding in encodings:
        positions = _text_positions(encoding, before)
        keys = _token_keys(encoding, positions, before)
        words = encoding.word_ids
        for key, position in zip(keys, positions, strict=True):
            if key not in seen:
                seen[key] = len(seen)
                pretokens.append(-1 if (word := words[position]) is None else word)
        rows.append((tuple(encoding.ids), positions, keys))
    tokens = [np.array([seen[key] for key in keys], dtype=np.intp) for _, _, keys in rows]
    owners = _owners(tokens, len(seen))
    offsets = np.array([key[:2] for key in seen], dtype=np.intp).reshape(-1, 2)
    return TokenizedText(
        text=text,
        prompt=prompt,
        rows=tuple(
            Row(ids, positions, which, owners[which] == index)
            for index, ((ids, positions, _), which) in enumerate(zip(rows, tokens, strict=True))
        ),
        offsets=offsets,
        pretokens=np.array(pretokens, dtype=np.intp),
        truncated=not windows and bool(encodings[0].overflowing),
    )


def _from_encoding(
    text: str, prompt: str, encoding: Any, *, before: int, windows: bool
) -> TokenizedText:
    """Return a text with its only row, in which each token stands once."""
    ids = tuple(encoding.ids)
    flat = np.fromiter(chain.from_iterable(encoding.offsets), dtype=np.intp, count=2 * len(ids))
    offsets = flat.reshape(-1, 2)
    own = np.array(encoding.special_tokens_mask) == 0
    if before > 0:
        own &= offsets[:, 1] > before
    positions = np.flatnonzero(own)
    offsets = offsets[positions]
    if before:
        offsets -= before
        np.maximum(offsets[:, 0], 0, out=offsets[:, 0])
    pretokens = np.array([-1 if word is None else word for word in encoding.word_ids], np.intp)
    count = len(positions)
    row = Row(ids, positions, np.arange(count), np.ones(count, dtype=np.bool_))
    return TokenizedText(
        text=text,
        prompt=prompt,
        rows=(row,),
        offsets=offsets,
        pretokens=pretokens[positions],
        truncated=not windows and bool(encoding.overflowing),
    )


def _text_positions(encoding: Any, prompt_length: int) -> Ints:
    """Positions of tokens that cover the user's text: not special, not prompt."""
    return np.array(
        [
            position
            for position, (special, (_, end)) in enumerate(
                zip(encoding.special_tokens_mask, encoding.offsets, strict=True)
            )
            if not special and (prompt_length <= 0 or end > prompt_length)
        ],
        dtype=np.intp,
    )


def _token_keys(encoding: Any, positions: Ints, prompt_length: int) -> list[tuple[int, int, int]]:
    """(start, end, nth token with these offsets) of each token: its identity across windows."""
    counts: dict[tuple[int, int], int] = {}
    keys = []
    # Each look at an encoding's attribute makes the whole list anew.
    offsets = encoding.offsets
    for position in positions:
        start, end = offsets[position]
        span = max(start - prompt_length, 0), end - prompt_length
        counts[span] = counts.get(span, -1) + 1
        keys.append((*span, counts[span]))
    return keys


def _owners(windows: Sequence[Ints], count: int) -> Ints:
    """(T,): for each token the window in which it stands farthest from an edge."""
    owner = np.zeros(count, dtype=np.intp)
    best = np.full(count, -1)
    for index, tokens in enumerate(windows):
        place = np.arange(len(tokens))
        context = np.minimum(place, len(tokens) - 1 - place)
        # The first token of the text and the last have no more context anywhere else.
        better = context > best[tokens]
        owner[tokens[better]] = index
        best[tokens[better]] = context[better]
    return owner
