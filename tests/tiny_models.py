"""Small random models of every architecture, with tokenizers of every kind, built offline.

Vocabularies are written down, not trained, so that the same text always gives the same tokens.
"""

from copy import deepcopy
from dataclasses import dataclass
from functools import cache

import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import (
    AlbertConfig,
    AutoModel,
    AutoModelForSequenceClassification,
    BertConfig,
    DebertaV2Config,
    DistilBertConfig,
    ElectraConfig,
    ModernBertConfig,
    MPNetConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    Qwen3Config,
    RobertaConfig,
    T5Config,
    T5EncoderModel,
    XLMRobertaConfig,
)

TEXTS = (
    "Keep hands warm with knit gloves, touchscreen-compatible fingertips and ribbed cuffs.",
    "These smartphone-friendly gloves are cut from stretch wool; don't take them off.",
    "Pale straw, this Viura opens with lemon zest and white flowers.",
    "A crème brûlée naïve café, e\u0301clair 日本語のテキスト 👍🏽 שלום עולם.",
)
_PIECES = (
    "keep hand hands warm with knit glove gloves touch screen compatible finger tips and cuffs "
    "these smart phone friend ly are cut from stretch wool don take them off pale straw this opens "
    "lemon zest white flowers a the s t ing ed ribbed"
)
PIECES = tuple(_PIECES.split())
LIMIT = 160
WITHOUT_SEGMENTS = {"model_input_names": ["input_ids", "attention_mask"]}


@dataclass(frozen=True)
class TinyModel:
    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerFast
    pooling: str = "paper"

    @property
    def parts(self) -> tuple[PreTrainedModel, PreTrainedTokenizerFast]:
        return self.model, self.tokenizer


def _alphabet() -> list[str]:
    from string import ascii_lowercase, digits

    more = "".join(TEXTS).lower()
    return sorted({*ascii_lowercase, *digits, *more} - {" "})


BERTS_SPECIALS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
MPNETS_SPECIALS = ("[CLS]", "[PAD]", "[SEP]", "[UNK]", "[MASK]")  # 1 is padding, and fixed


def wordpiece(
    specials: tuple[str, ...] = BERTS_SPECIALS, *, segments: bool = True
) -> PreTrainedTokenizerFast:
    characters = _alphabet()
    vocabulary = [*specials, *characters]
    vocabulary += [f"##{c}" for c in characters] + [p for p in PIECES if len(p) > 1]
    vocabulary += [f"##{p}" for p in PIECES if len(p) > 1]
    tokenizer = Tokenizer(
        models.WordPiece({w: i for i, w in enumerate(vocabulary)}, unk_token="[UNK]")
    )
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(name, specials.index(name)) for name in ("[CLS]", "[SEP]")],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token="[UNK]",
        pad_token="[PAD]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
        model_max_length=LIMIT,
        **({} if segments else WITHOUT_SEGMENTS),
    )


def byte_bpe(*, template: bool = True, padding_side: str = "right") -> PreTrainedTokenizerFast:
    specials = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {piece: i for i, piece in enumerate([*specials, *alphabet])}
    merges = []
    for word in ("\u0120gloves", "\u0120wool", "\u0120hands", "ing", "\u0120the"):
        built = word[0]
        for letter in word[1:]:
            if built + letter not in vocabulary:
                vocabulary[built + letter] = len(vocabulary)
                merges.append((built, letter))
            built += letter
    tokenizer = Tokenizer(models.BPE(vocabulary, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    if template:
        tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<s>",
        eos_token="</s>",
        unk_token="<unk>",
        pad_token="<pad>",
        cls_token="<s>",
        sep_token="</s>",
        mask_token="<mask>",
        model_max_length=LIMIT,
        padding_side=padding_side,
        **WITHOUT_SEGMENTS,
    )


def unigram(*, template: str = "<s> $A </s>") -> PreTrainedTokenizerFast:
    specials = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    pieces = [(special, 0.0) for special in specials]
    pieces += [("\u2581", -3.0)] + [(c, -6.0) for c in _alphabet()]
    pieces += [(c.upper(), -6.5) for c in "abcdefghijklmnopqrstuvwxyz"]
    pieces += [(f"\u2581{piece}", -4.0) for piece in PIECES] + [
        (p, -5.0) for p in PIECES if len(p) > 1
    ]
    # As real Unigram vocabularies do: a word glued to its comma.
    pieces += [("\u2581gloves,", -2.0)]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=3, byte_fallback=False))
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single=template, special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<s>",
        eos_token="</s>",
        unk_token="<unk>",
        pad_token="<pad>",
        cls_token="<s>",
        sep_token="</s>",
        mask_token="<mask>",
        model_max_length=LIMIT,
        **WITHOUT_SEGMENTS,
    )


_SMALL = {
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "max_position_embeddings": LIMIT,
}
_ROBERTA = {**_SMALL, "max_position_embeddings": LIMIT + 2, "pad_token_id": 1}


def _config(name: str, size: int):
    return {
        "bert": lambda: BertConfig(vocab_size=size, **_SMALL),
        "roberta": lambda: RobertaConfig(vocab_size=size, **_ROBERTA),
        "xlm-r": lambda: XLMRobertaConfig(vocab_size=size, **_ROBERTA),
        "mpnet": lambda: MPNetConfig(vocab_size=size, **_ROBERTA),
        "distilbert": lambda: DistilBertConfig(
            vocab_size=size,
            dim=32,
            n_layers=3,
            n_heads=4,
            hidden_dim=64,
            max_position_embeddings=LIMIT,
        ),
        "electra": lambda: ElectraConfig(vocab_size=size, embedding_size=16, **_SMALL),
        "albert": lambda: AlbertConfig(vocab_size=size, embedding_size=16, **_SMALL),
        "deberta-v2": lambda: DebertaV2Config(
            vocab_size=size,
            relative_attention=True,
            pos_att_type=["p2c", "c2p"],
            position_biased_input=False,
            pad_token_id=1,
            **_SMALL,
        ),
        "modernbert": lambda: ModernBertConfig(
            vocab_size=size,
            pad_token_id=1,
            bos_token_id=0,
            eos_token_id=2,
            cls_token_id=0,
            sep_token_id=2,
            global_attn_every_n_layers=2,
            local_attention=16,
            **_SMALL,
        ),
        "t5": lambda: T5Config(
            vocab_size=size, d_model=32, d_kv=8, d_ff=64, num_layers=3, num_heads=4, pad_token_id=1
        ),
        "qwen3": lambda: Qwen3Config(
            vocab_size=size, head_dim=8, num_key_value_heads=2, pad_token_id=1, **_SMALL
        ),
    }[name]()


_TOKENIZERS = {
    "bert": wordpiece,
    "roberta": byte_bpe,
    "xlm-r": unigram,
    "mpnet": lambda: wordpiece(MPNETS_SPECIALS),
    "distilbert": lambda: wordpiece(segments=False),
    "electra": wordpiece,
    "albert": unigram,
    "deberta-v2": unigram,
    "modernbert": byte_bpe,
    "t5": lambda: unigram(template="$A </s>"),
    "qwen3": lambda: byte_bpe(template=False, padding_side="left"),
}
ARCHITECTURES = tuple(_TOKENIZERS)


@cache
def tiny(name: str) -> TinyModel:
    """A model with fixed weights; larger than initialised, so that gradients are not tiny."""
    tokenizer = _TOKENIZERS[name]()
    config = _config(name, len(tokenizer))
    with torch.random.fork_rng():
        torch.manual_seed(20)
        model = T5EncoderModel(config) if name == "t5" else AutoModel.from_config(config)
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.data.normal_(0, 0.15)
    return TinyModel(model.eval(), tokenizer, "last" if name == "qwen3" else "paper")


@cache
def tiny_reranker(name: str) -> TinyModel:
    """The same with a head of one label: both texts in one sequence."""
    encoder = tiny(name)
    config = deepcopy(encoder.model.config)
    config.num_labels = 1
    with torch.random.fork_rng():
        torch.manual_seed(21)
        model = AutoModelForSequenceClassification.from_config(config)
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.data.normal_(0, 0.15)
    return TinyModel(model.eval(), encoder.tokenizer)
