"""A small catalogue whose titles and descriptions belong together, and a base to train from."""

import random
from pathlib import Path

from tokenizers import processors

from tiny_models import tiny
from whyalike.data.items import Item

_TEXT = (
    "keep hands warm with knit glove touch screen finger tips smart phone cut stretch wool pale "
    "straw lemon zest white flowers ribbed cuffs"
)
WORDS = _TEXT.split()


def some_items(count: int = 30) -> list[Item]:
    drawn = random.Random(3)
    items = []
    for number in range(count):
        own = drawn.sample(WORDS, 4)
        more = [*drawn.sample(own, 3), *drawn.sample(WORDS, drawn.randint(2, 9))]
        items.append(
            Item(str(number), f"{' '.join(own)} {number}", " ".join(more), {"type": own[0]})
        )
    return items


def some_pairs(count: int = 30) -> list[tuple[str, str]]:
    return [(item.title, item.description) for item in some_items(count)]


def tokenizer_for_pairs(name: str = "bert"):
    """The tiny tokenizer with the format that BERT has for two texts."""
    tokenizer = tiny(name).tokenizer
    if name == "bert":
        tokenizer = type(tokenizer)(
            tokenizer_object=type(tokenizer.backend_tokenizer).from_str(
                tokenizer.backend_tokenizer.to_str()
            ),
            **{
                f"{kind}_token": getattr(tokenizer, f"{kind}_token")
                for kind in ("unk", "pad", "cls", "sep", "mask")
            },
            model_max_length=tokenizer.model_max_length,
        )
        tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
            single="[CLS] $A [SEP]",
            pair="[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1",
            special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
        )
    return tokenizer


def save_base(folder: Path, name: str = "bert", **changes: float) -> Path:
    """Write a base; ``changes`` go into its configuration."""
    made = tiny(name)
    made.model.save_pretrained(folder)
    tokenizer_for_pairs(name).save_pretrained(folder)
    if changes:
        import json

        path = folder / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    return folder
