"""Weights: the files that a model's are read from, and whether the model got all it needs."""

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, cast

from safetensors import safe_open
from torch import nn
from transformers import PreTrainedModel
from transformers.utils.import_utils import is_accelerate_available

from whyalike.errors import ModelError, UnsafeModelError
from whyalike.models.installed import BaseModel, reads_pooler
from whyalike.models.locating import FoundModel
from whyalike.models.refusals import ADAPTER_FILE, read_json

WHOLE, SHARDED = "model.safetensors", "model.safetensors.index.json"
PICKLED = "pytorch_model*.bin"
ADAPTER_WHOLE, ADAPTER_PICKLED = "adapter_model.safetensors", "adapter_model.bin"
_OF_TRANSFORMERS = "Transformer"
_OURS = "sentence_transformers"
_ROUTERS = ("Router", "Asym")


def refuse_pickles(found: FoundModel) -> None:
    """Raise UnsafeModelError if any file that would be read for the weights is a pickle."""
    for folder, shards in _weight_folders(found.folder):
        if pickled := _pickled(folder, shards=shards):
            raise UnsafeModelError(
                f"The weights of {found.name} are pickled ({pickled}), and unpickling can run "
                "code. Convert them to safetensors, or allow it with allow_pickle=True "
                "(--allow-pickle) if you trust their source."
            )


def refuse_missing(found: FoundModel, missing: Collection[str]) -> None:
    """Raise ModelError if there are tensors that the model uses and its files lack.

    transformers fills them with random numbers, and says so in its log only.
    """
    if missing:
        first = min(missing)
        more = " and others" if len(missing) > 1 else ""
        raise ModelError(
            f"The weights of {found.name} lack {len(missing)} tensor{'s' * (len(missing) > 1)} "
            f"({first}{more}), which would be filled with random numbers: its folder is damaged or "
            "incomplete."
        )


def loaded_with_report(loaded: Any) -> tuple[Any, set[str]]:
    """Return a model and the tensors that its files lack, as transformers reports them.

    ``loaded`` is what ``from_pretrained`` gave with ``output_loading_info``; a model's own code may
    give the model alone. Tied tensors are not missing.
    """
    if not isinstance(loaded, tuple):
        return loaded, set()
    return loaded[0], set(loaded[1]["missing_keys"])


def missing_in_encoder(
    model: PreTrainedModel, reported: Collection[str], used: PreTrainedModel
) -> set[str]:
    """Return which of the tensors that transformers reports as missing are used.

    Parameters
    ----------
    model : PreTrainedModel
        What was loaded.
    reported : collection of str
        Of ``loaded_with_report``.
    used : PreTrainedModel
        The part that runs. Its pooler does not, nor does a decoder beside it.
    """
    names = {id(tensor) for tensor in used.base_model.state_dict(keep_vars=True).values()}
    tensors = model.state_dict(keep_vars=True)
    return {key for key in reported if id(tensors.get(key)) in names and not _of_pooler(key)}


def missing_in_pipeline(
    pipeline: BaseModel, folder: Path, *, with_pooler: bool = False
) -> set[str]:
    """Return the names of tensors that the transformers of a pipeline use and their files lack.

    A pooler counts where a pipeline's module reads it, and ``with_pooler``: a classifier's head
    does.

    sentence-transformers itself sees to its other modules, and keeps to itself what transformers
    reports of these: it is asked again where the names are not just those of the file, without
    reading the weights.
    """
    paths = {str(one.get("name")): str(one.get("path", "")) for one in _modules(folder) or []}
    missing: set[str] = set()
    children = [(folder / paths.get(name, ""), m) for name, m in pipeline.named_children()]
    for place, module in [part for child in children for part in _routed(*child)]:
        models = (m for m in module.modules() if isinstance(m, PreTrainedModel))
        if (model := next(models, None)) is None:
            continue
        found = _missing(model, place)
        pooled = with_pooler or reads_pooler(module)
        missing |= {key for key in found if pooled or not _of_pooler(key)}
    return missing


def _routed(place: Path, module: nn.Module) -> list[tuple[Path, nn.Module]]:
    """Return the modules of a Router's routes with their folders; of another module, itself."""
    settings = read_json(place / "router_config.json")
    structure = settings.get("structure") if isinstance(settings, dict) else None
    routes = getattr(module, "sub_modules", None)
    if not isinstance(structure, dict) or not isinstance(routes, nn.ModuleDict):
        return [(place, module)]
    found: dict[str, nn.Module] = {}
    for route, names in structure.items():
        found |= dict(zip(map(str, names), cast("Any", routes[route]), strict=True))
    return [(place / name, own) for name, own in found.items()]


def _missing(model: PreTrainedModel, folder: Path) -> set[str]:
    adapter = read_json(folder / ADAPTER_FILE)
    if adapter is None and set(model.state_dict()) <= set(stored_names(folder)):
        return set()
    places: list[str | Path] = [folder]
    if isinstance(adapter, dict) and not (folder / "config.json").is_file():
        places.append(str(adapter.get("base_model_name_or_path")))
    return {key for place in places for key in _reported(model, place)}


def _reported(model: PreTrainedModel, place: str | Path) -> set[str]:
    # A tensor on "meta" has a shape and no numbers. Quantised ones can't be there, and transformers
    # 4 needs accelerate for it.
    whole = getattr(model, "hf_quantizer", None) is not None or not is_accelerate_available()
    on: dict[str, Any] = {} if whole else {"device_map": "meta"}
    loaded: Any = type(model).from_pretrained(
        place, config=model.config, output_loading_info=True, local_files_only=True, **on
    )
    return loaded_with_report(loaded)[1]


def _of_pooler(key: str) -> bool:
    return "pooler" in key.split(".")


def _weight_folders(root: Path) -> Iterator[tuple[Path, bool]]:
    """Return the folders with weights, and whether those may lie there in shards.

    In a pipeline that is so for the transformer; modules of code that came along do as they like.
    """
    modules = _modules(root)
    if modules is None:
        yield root, True
        return
    for module in modules:
        yield from _module_folders(root / str(module.get("path", "")), str(module.get("type", "")))


def _module_folders(place: Path, kind: str) -> Iterator[tuple[Path, bool]]:
    """Return the folders with weights of a module of that class, and of a Router its routes'."""
    package, _, last = kind.rpartition(".")
    if last in _ROUTERS:
        for settings in map(read_json, (place / "router_config.json", place / "config.json")):
            types = settings.get("types") if isinstance(settings, dict) else None
            for name, own in (types if isinstance(types, dict) else {}).items():
                yield from _module_folders(place / str(name), str(own))
        return
    yield place, last == _OF_TRANSFORMERS or package.split(".")[0] != _OURS


def _pickled(folder: Path, *, shards: bool) -> str:
    """Return the name of a pickle that would be read, or nothing."""
    if (folder / ADAPTER_FILE).is_file() and not (folder / ADAPTER_WHOLE).is_file():
        pickled = folder / ADAPTER_PICKLED
        return pickled.name if pickled.is_file() else ""
    files = _weight_files(folder) if shards else [WHOLE] * (folder / WHOLE).is_file()
    if files:
        return next((name for name in files if not name.endswith(".safetensors")), "")
    return next((path.name for path in sorted(folder.glob(PICKLED))), "")


def _weight_files(folder: Path) -> list[str]:
    """Return the files that transformers reads in a folder, other than pickles that it finds."""
    config = read_json(folder / "config.json")
    chosen = config.get("transformers_weights") if isinstance(config, dict) else None
    names = [chosen] if isinstance(chosen, str) else [WHOLE, SHARDED]
    name = next((each for each in names if (folder / each).is_file()), "")
    if not name.endswith(".index.json"):
        return [name] if name else []
    index = read_json(folder / name)
    placed = index.get("weight_map") if isinstance(index, dict) else None
    return sorted({str(file) for file in placed.values()}) if isinstance(placed, dict) else []


def stored_names(folder: Path) -> Iterator[str]:
    """Return the names of a folder's tensors; none where they can't be known without unpickling."""
    files = _weight_files(folder)
    for name in files if all(name.endswith(".safetensors") for name in files) else ():
        with safe_open(folder / name, framework="pt") as tensors:
            yield from tensors.keys()


def _modules(folder: Path) -> list[dict[str, Any]] | None:
    """Return the modules of a pipeline; None where it is none."""
    modules = read_json(folder / "modules.json")
    if not isinstance(modules, list):
        return None
    return [module for module in modules if isinstance(module, dict)]
