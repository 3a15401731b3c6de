"""Everything that a server serves, opened before it listens: what is missing shows at once."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from whyalike.batch.reading import read_pair_table
from whyalike.errors import OptionError
from whyalike.reports.reading import read_report
from whyalike.web.api.asking import ServiceLimits
from whyalike.web.api.served import names_of
from whyalike.web.api.service import Service
from whyalike.web.api.work_queue import WorkQueue

if TYPE_CHECKING:
    from whyalike.catalogue import CatalogueIndex
    from whyalike.explainer import Explainer

LEADERBOARD = "leaderboard.json"


def open_service(
    models: Sequence[str],
    *,
    indexes: Sequence[str] = (),
    results: Sequence[str] = (),
    pairs: Sequence[str] = (),
    reports: Sequence[str] = (),
    method: str | None = None,
    limits: ServiceLimits | None = None,
    **opening: Any,
) -> Service:
    """Return the service of these models, indexes and results, each under its name.

    Parameters
    ----------
    models : sequence of str
        Hub names or folders, the default first.
    indexes : sequence of str, default=()
        Folders of indexes.
    results : sequence of str, default=()
        Folders that `whyalike evaluate -o` wrote.
    pairs : sequence of str, default=()
        Files that `whyalike explain --pairs` wrote, or files of pairs.
    reports : sequence of str, default=()
        What `whyalike diagnose`, `audit` or `diff` printed with --json.
    method : str, optional
        The default of all models.
    limits : ServiceLimits, optional
        What may be asked for.
    **opening : Any
        How models are loaded, as for Explainer; a background is measured before this returns.

    Raises
    ------
    OptionError
        Nothing to serve, an unknown method, or a folder without results.
    FormatError
        A folder without an index; a file that is not what it should be.
    ModelNotFoundError, UnsafeModelError, ModelError
        A model can't be found or used.
    """
    limits = limits or ServiceLimits()
    queue = WorkQueue(limits=limits.queue, name="whyalike models")

    def load() -> "tuple[dict[str, Explainer], dict[str, CatalogueIndex]]":
        from whyalike.explainer import Explainer

        loaded = {
            name: Explainer(place, method=method, **opening)
            for name, place in names_of(models).items()
        }
        for explainer in loaded.values():
            # Now, and not within the first request.
            explainer.measured_background()
        known, opened = list(loaded.values()), {}
        for name, place in names_of(indexes).items():
            opened[name] = _open_index(place, known, method=method, **opening)
            known.append(opened[name].explainer)
        return loaded, opened

    try:
        found = {name: _results(place) for name, place in names_of(results).items()}
        tables = {n: read_pair_table(Path(p), name=n) for n, p in names_of(pairs).items()}
        opened_reports = {
            name: read_report(Path(place)) for name, place in names_of(reports).items()
        }
        explainers, opened = queue.call(load).result()
        return Service(
            explainers,
            indexes=opened,
            results=found,
            pairs=tables,
            reports=opened_reports,
            limits=limits,
            queue=queue,
        )
    except Exception:
        queue.close()
        raise


def _open_index(
    place: str, explainers: "Sequence[Explainer]", *, method: str | None, **opening: Any
) -> "CatalogueIndex":
    """Return the index, with one of the Explainers where its model is that, or with its own."""
    from whyalike.catalogue import CatalogueIndex

    # An index notes its own.
    for name in ("pooling", "prompts", "prompt_names", "label", "background"):
        opening.pop(name, None)
    for explainer in explainers:
        try:
            return CatalogueIndex.open(place, model=explainer)
        except OptionError:
            continue
    # Loaded now, and not at the first request.
    own = CatalogueIndex.open(place, **opening).explainer
    return CatalogueIndex.open(place, model=own if method is None else own.with_method(method))


def _results(place: str) -> Path:
    folder = Path(place).expanduser()
    if not (folder / LEADERBOARD).is_file():
        raise OptionError(
            f"There is no {LEADERBOARD} in {place}: give a folder that `whyalike evaluate -o` "
            "wrote."
        )
    return folder.resolve()
