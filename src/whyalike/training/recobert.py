"""RecoBERT: its two heads, its objective, and the model that has both.

B pairs, R rows of T tokens, H features, V tokens of the vocabulary. All losses are in nats.
"""

import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from logging import ERROR
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import AutoConfig, AutoModelForMaskedLM, PreTrainedModel, PreTrainedTokenizerBase
from transformers.modeling_outputs import BaseModelOutput
from transformers.models.auto.modeling_auto import MODEL_FOR_MASKED_LM_MAPPING
from transformers.utils import logging

from whyalike.errors import ModelError, OptionError
from whyalike.models.installed import text_limit
from whyalike.models.loading import load
from whyalike.models.locating import explain_failure, find_model
from whyalike.models.opening import find_kind
from whyalike.training.data import NOTHING, same_texts
from whyalike.training.processes import mean_over_processes, of_all_processes, of_the_joint_batch
from whyalike.training.settings import TrainingSettings


@dataclass(frozen=True, eq=False)
class Base:
    """What training starts from.

    Attributes
    ----------
    name : str
        As the user called it.
    encoder : PreTrainedModel
        Gives the hidden states; it is what is trained.
    whole : PreTrainedModel
        The model as it is loaded elsewhere, with parts that no hidden state needs.
    head : MaskedWordHead | None
        From hidden states to logits of tokens; None where no masked language is learnt.
    tokenizer : PreTrainedTokenizerBase
        The base's.
    segments : bool
        Whether the encoder tells title and description by segment ids.
    limit : int | None
        The tokens that it can read; None where that is unknown.
    notes : tuple[str, ...]
        What a user should know of it.
    """

    name: str
    encoder: PreTrainedModel
    whole: PreTrainedModel
    head: "MaskedWordHead | None"
    tokenizer: PreTrainedTokenizerBase
    segments: bool
    limit: int | None
    notes: tuple[str, ...]


class HandedOn(nn.Module):
    """Stands where an encoder was, and gives back the hidden states that it is handed."""

    def forward(self, *_: Any, inputs_embeds: Tensor, **__: Any) -> BaseModelOutput:
        """Return ``inputs_embeds`` as the last hidden states."""
        return BaseModelOutput(last_hidden_state=inputs_embeds)


class MaskedWordHead(nn.Module):
    """What is left of a masked-language model without its encoder.

    So the head, its names, its activation and its tied weights are the architecture's own, and
    it runs on the masked tokens only. As a module of the model that is trained, it is
    synchronised between processes.
    """

    def __init__(self, model: PreTrainedModel) -> None:
        super().__init__()
        setattr(model, model.base_model_prefix, HandedOn())
        self.model = model

    def forward(self, hidden: Tensor) -> Tensor:
        """Return logits (M, V) of M hidden states (M, H)."""
        logits: Tensor = self.model(inputs_embeds=hidden[None]).logits
        return logits[0]


def open_base(
    name: str,
    *,
    masked_words: bool,
    seed: int,
    device: str | None = None,
    trust_remote_code: bool = False,
    allow_pickle: bool = False,
) -> Base:
    """Load a base; a head that its files lack is drawn from ``seed``, and a note says so.

    Raises
    ------
    ModelNotFoundError, UnsafeModelError, ModelError
        It can't be found, or has no such head.
    OptionError
        It is of another kind than what is trained here.
    """
    kind = find_kind(name, allow_pickle=allow_pickle)
    if not kind.last:
        raise OptionError(
            f"{name} is a model of the kind {kind.name!r}, and training takes a transformer that "
            "gives each text one vector: choose such a base, as all-MiniLM-L6-v2 is."
        )
    with torch.random.fork_rng(), quiet():
        # What the files lack, such as a pooler that nobody reads, is drawn too.
        torch.manual_seed(seed)
        loaded = load(
            name, device=device, trust_remote_code=trust_remote_code, allow_pickle=allow_pickle
        )
    head: MaskedWordHead | None = None
    notes: tuple[str, ...] = ()
    encoder = loaded.transformer
    nn.Module.float(encoder)
    if masked_words:
        if loaded.tokenizer.mask_token is None or type(encoder.config) not in _WITH_HEADS:
            raise ModelError(
                f"{name} is a {type(encoder).__name__}, whose architecture or tokenizer knows no "
                "masked tokens: train it without that loss (mlm_weight=0, --mlm-weight 0), or "
                "choose a base such as BERT, RoBERTa, MPNet or ModernBERT."
            )
        with torch.random.fork_rng(), quiet():
            torch.manual_seed(seed)
            encoder, head, notes = _with_head(name, allow_pickle, trust_remote_code)
        for module in (encoder, head):
            nn.Module.to(module, loaded.transformer.device)
    limit = None if loaded.pipeline is None else text_limit(loaded.pipeline)
    if limit is None and loaded.tokenizer.model_max_length < 10**9:
        limit = loaded.tokenizer.model_max_length
    return Base(
        name=name,
        encoder=encoder,
        whole=loaded.transformer,
        head=head,
        tokenizer=loaded.tokenizer,
        segments=(getattr(encoder.config, "type_vocab_size", 0) or 0) > 1,
        limit=limit,
        notes=notes,
    )


def call_base(name: str) -> str:
    """Return what to call a base where others read it: of a folder the last part alone."""
    path = Path(name).expanduser()
    return path.resolve().name if path.is_dir() else name


_WITH_HEADS = frozenset(MODEL_FOR_MASKED_LM_MAPPING)


def _with_head(
    name: str, allow_pickle: bool, trust_remote_code: bool
) -> tuple[PreTrainedModel, MaskedWordHead, tuple[str, ...]]:
    found = find_model(name, allow_pickle=allow_pickle)
    folder = _transformers_folder(found.folder)
    try:
        config = AutoConfig.from_pretrained(folder, trust_remote_code=trust_remote_code)
        loaded: Any = AutoModelForMaskedLM.from_pretrained(
            folder,
            config=config,
            trust_remote_code=trust_remote_code,
            local_files_only=True,
            output_loading_info=True,
            # The same numbers as the encoder had: half precision would train badly.
            dtype=torch.float32,
            **({} if allow_pickle else {"use_safetensors": True}),
        )
    except Exception as error:
        raise explain_failure(found, error, trusted=trust_remote_code) from error
    model, report = loaded
    prefix = model.base_model_prefix
    missing = [key for key in report["missing_keys"] if not key.startswith(f"{prefix}.")]
    notes: tuple[str, ...] = ()
    if missing:
        tied = model.get_output_embeddings().weight is model.get_input_embeddings().weight
        notes = (
            f"{call_base(name)} has no trained head for masked tokens: it gets a new one, "
            + ("tied to its input embeddings." if tied else "with an output layer of its own."),
        )
    encoder = model.base_model
    return encoder, MaskedWordHead(model), notes


@contextmanager
def quiet() -> Iterator[None]:
    """Keep transformers from printing tables of missing tensors; a note says it better.

    Nor does it warn that it orders checkpoints of one second by their numbers, which is right.
    """
    before = logging.get_verbosity()
    logging.set_verbosity(ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="mtime may not be reliable")
            yield
    finally:
        logging.set_verbosity(before)


def _transformers_folder(folder: Path) -> Path:
    """Return where the transformer's own files are: a pipeline may keep them in a folder below."""
    if (folder / "config.json").is_file():
        return folder
    return next((path.parent for path in sorted(folder.glob("*/config.json"))), folder)


EDGE = 1e-6
"""How near to 0 and 1 the probability of a pair comes: its logarithm stays finite."""


def mean_of_tokens(hidden: Tensor, chosen: Tensor) -> Tensor:
    """Return the mean vector (R, H) of the chosen tokens of each row, f_t or f_d.

    Malkiel et al. 2022, Eq. 1. A row without any has the zero vector. Half precision is summed
    in single.

    Parameters
    ----------
    hidden : Tensor
        (R, T, H).
    chosen : Tensor
        (R, T), true on the tokens that count: never a special one.
    """
    weights = chosen.to(torch.float32).unsqueeze(-1)
    return (hidden.float() * weights).sum(1) / weights.sum(1).clamp(min=1)


def title_description_loss(titles: Tensor, descriptions: Tensor, targets: Tensor) -> Tensor:
    """Return RecoBERT's title-description loss: -log C of a true pair, -log (1 - C) of another.

    Malkiel et al., Findings of EMNLP 2020: binary cross-entropy of C = (1 + cos) / 2.

    Parameters
    ----------
    titles : Tensor
        f_t, (B, H).
    descriptions : Tensor
        f_d, (B, H).
    targets : Tensor
        (B,), 1 where both belong to one item, 0 where not.
    """
    return _cross_entropy(functional.cosine_similarity(titles, descriptions), targets).mean()


def all_pairs_loss(titles: Tensor, descriptions: Tensor, same: Tensor) -> Tensor:
    """Return the same loss over every title with every description of the batch.

    Half of it is the mean over the items' own pairs, half the mean over all others, as true and
    false pairs are equally likely in the paper.

    Parameters
    ----------
    titles : Tensor
        (B, H).
    descriptions : Tensor
        (B, H), in the same order.
    same : Tensor
        (B, B), true where the two are no false pair: the diagonal, and equal texts.
    """
    cosines = _all_cosines(titles, descriptions)
    own = _cross_entropy(cosines.diagonal(), torch.ones_like(cosines.diagonal())).mean()
    others = cosines[~same]
    if not others.numel():
        return own
    return (own + _cross_entropy(others, torch.zeros_like(others)).mean()) / 2


def ranking_loss(titles: Tensor, descriptions: Tensor, same: Tensor, *, scale: float) -> Tensor:
    """Return the cross-entropy of finding a title's description among those of the batch.

    MultipleNegativesRankingLoss of sentence-transformers (Henderson et al. 2017), where equal
    texts are left out of the negatives.

    Parameters
    ----------
    titles : Tensor
        (B, H).
    descriptions : Tensor
        (B, H), in the same order.
    same : Tensor
        (B, B), true where the two are no false pair: the diagonal, and equal texts.
    scale : float
        What cosines are multiplied by before the softmax.
    """
    own = torch.eye(len(same), dtype=torch.bool, device=same.device)
    logits = _all_cosines(titles, descriptions) * scale
    logits = logits.masked_fill(same & ~own, float("-inf"))
    return functional.cross_entropy(logits, torch.arange(len(logits), device=logits.device))


def masked_word_loss(logits: Tensor, labels: Tensor, *, count: Tensor) -> Tensor:
    """Return the masked-language loss: cross-entropy summed over masked tokens, over ``count``.

    Devlin et al. 2019. ``count`` is the batch's number of masked tokens; with several processes
    it is their mean, so that the mean of the processes' losses is that of the joint batch.

    Parameters
    ----------
    logits : Tensor
        (M, V), of the masked tokens only.
    labels : Tensor
        (M,), what stood there.
    count : Tensor
        A scalar.
    """
    total = functional.cross_entropy(logits.float(), labels, reduction="sum")
    return total / count.clamp(min=1)


def _all_cosines(left: Tensor, right: Tensor) -> Tensor:
    return functional.normalize(left, dim=-1) @ functional.normalize(right, dim=-1).T


def _cross_entropy(cosines: Tensor, targets: Tensor) -> Tensor:
    """Return the loss of each pair, (N,).

    A clamp would have no gradient where a false pair has cosine 1, which is where it is needed.
    """
    likely = (1 + (1 - 2 * EDGE) * cosines.clamp(-1, 1)) / 2
    return -(targets * likely.log() + (1 - targets) * torch.log1p(-likely))


class RecoBERT(nn.Module):
    """The model that is trained. The head is part of it, so that processes share its gradient.

    Parameters
    ----------
    base : Base
        The encoder and the head.
    settings : TrainingSettings
        Which losses, and their weights.
    """

    def __init__(self, base: Base, settings: TrainingSettings) -> None:
        super().__init__()
        self.encoder = base.encoder
        self.head = base.head
        self.settings = settings
        # A tied tensor has two names, which safetensors can't store: one is kept.
        hooks: Any = self
        hooks.register_state_dict_post_hook(_drop_aliases)
        hooks.register_load_state_dict_pre_hook(_restore_aliases)

    def forward(
        self,
        sequences: Sequence[Mapping[str, Tensor]] = (),
        targets: Tensor | None = None,
        keys: Tensor | None = None,
        *,
        pull: "Pull | None" = None,
    ) -> dict[str, Tensor]:
        """Return ``loss`` and its two parts, scalars; see PairCollator for a batch.

        With ``pull`` in place of a batch, the loss is a scalar with the gradient that some rows
        have of one; see ``whyalike.training.caching``. Raises ModelError where the loss of a batch
        is no number.
        """
        if pull is not None:
            return self._pulled(pull)
        assert targets is not None
        assert keys is not None
        found: dict[str, Tensor] = {}
        hidden_of_masked, labels = [], []
        for sequence in sequences:
            order, means = [], list[Mapping[str, Tensor]]()
            for rows, part in split_rows(sequence):
                read = self.read(part)
                order.append(rows)
                means.append(read.means)
                hidden_of_masked.append(read.masked)
                labels.append(read.labels)
            back = torch.cat(order).argsort()
            found |= {side: torch.cat([one[side] for one in means])[back] for side in means[0]}
        # bfloat16 has three digits of a cosine, too few to rank by.
        with torch.autocast(targets.device.type, enabled=False):
            pairs = self.pair_loss(found["title"], found["description"], targets, keys)
        words = self._word_loss(hidden_of_masked, labels, count_masked(sequences), like=pairs)
        loss = pairs + self.settings.mlm_weight * words
        check_loss(loss, self.settings)
        return {
            "loss": loss,
            "title_description": pairs.detach(),
            "masked_words": words.detach(),
        }

    def read(self, part: Mapping[str, Tensor]) -> "RowsRead":
        """Return what the encoder makes of some rows of a sequence."""
        inputs = {name: part[name] for name in _INPUTS if name in part}
        hidden = self.encoder(**inputs).last_hidden_state
        means = {side: mean_of_tokens(hidden, part[side]) for side in SIDES if side in part}
        masked = part["labels"] != NOTHING
        return RowsRead(means, hidden[masked], part["labels"][masked])

    def pair_loss(
        self, titles: Tensor, descriptions: Tensor, targets: Tensor, keys: Tensor
    ) -> Tensor:
        """Return the loss of embeddings (B, H): of all processes' together, where they compete."""
        if self.settings.negatives == "drawn":
            return title_description_loss(titles, descriptions, targets)
        titles, descriptions = of_all_processes(titles), of_all_processes(descriptions)
        same = same_texts(of_all_processes(keys))
        if self.settings.negatives == "all":
            return of_the_joint_batch(all_pairs_loss(titles, descriptions, same))
        scale = self.settings.scale
        return of_the_joint_batch(ranking_loss(titles, descriptions, same, scale=scale))

    def _pulled(self, pull: "Pull") -> dict[str, Tensor]:
        read = self.read(pull.part)
        products = [(read.means[side] * wanted).sum() for side, wanted in pull.wanted.items()]
        total = torch.stack(products).sum()
        words = self._word_loss([read.masked], [read.labels], pull.count, like=total)
        loss = total + self.settings.mlm_weight * words
        return {"loss": loss, "masked_words": words.detach()}

    def _word_loss(
        self, hidden: Sequence[Tensor], labels: Sequence[Tensor], count: Tensor, *, like: Tensor
    ) -> Tensor:
        if self.head is None:
            return like.new_zeros(())
        return masked_word_loss(self.head(torch.cat([*hidden])), torch.cat([*labels]), count=count)


@dataclass(frozen=True, slots=True)
class RowsRead:
    """Of R rows the means (R, H) of each side; their masked tokens (M, H), and labels (M,)."""

    means: Mapping[str, Tensor]
    masked: Tensor
    labels: Tensor


@dataclass(frozen=True, slots=True)
class Pull:
    """Some rows of a sequence, and what a loss's derivative by their means (R, H) is.

    ``count`` is as of ``masked_word_loss``, of the whole batch.
    """

    part: Mapping[str, Tensor]
    wanted: Mapping[str, Tensor]
    count: Tensor


def check_loss(loss: Tensor, settings: TrainingSettings) -> None:
    """Raise ModelError where a loss is no number."""
    value = float(loss.detach())
    if not math.isfinite(value):
        raise ModelError(
            f"The loss became {value}: the learning rate {settings.learning_rate} may be "
            "too high for this base. Lower it (learning_rate, --lr)."
        )


_INPUTS = ("input_ids", "attention_mask", "token_type_ids")
SIDES = ("title", "description")

ROWS = 16
"""Rows that go through the encoder together."""


def split_rows(sequence: Mapping[str, Tensor]) -> Iterator[tuple[Tensor, dict[str, Tensor]]]:
    """Yield the places of ROWS rows at a time, longest first, and the rows without mere padding.

    Of texts that differ in length, a third of a padded batch would be padding.
    """
    order = sequence["attention_mask"].sum(1).argsort(descending=True, stable=True)
    for rows in torch.split(order, ROWS):
        attended = sequence["attention_mask"][rows].any(0).nonzero()
        width = int(attended[-1]) + 1 if len(attended) else 1
        yield rows, {name: value[rows, :width] for name, value in sequence.items()}


def count_masked(sequences: Sequence[Mapping[str, Tensor]]) -> Tensor:
    """Return the number of masked tokens of a batch, averaged over processes."""
    labels = [sequence["labels"] for sequence in sequences]
    return mean_over_processes(
        torch.stack([(own != NOTHING).sum() for own in labels]).sum().float()
    )


def _aliases(module: nn.Module) -> dict[str, str]:
    """Return the further names of parameters that have several, and the first of each."""
    first: dict[int, str] = {}
    aliases = {}
    for name, parameter in module.named_parameters(remove_duplicate=False):
        kept = first.setdefault(id(parameter), name)
        if kept != name:
            aliases[name] = kept
    return aliases


def _drop_aliases(
    module: nn.Module, state: dict[str, Any], prefix: str, _metadata: dict[str, Any]
) -> None:
    for alias in _aliases(module):
        state.pop(prefix + alias, None)


def _restore_aliases(
    module: nn.Module, state: dict[str, Any], prefix: str, *_: Any, **__: Any
) -> None:
    for alias, kept in _aliases(module).items():
        if prefix + kept in state:
            state.setdefault(prefix + alias, state[prefix + kept])
