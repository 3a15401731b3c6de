"""A file of pairs explained into a file: row by row, in constant memory, resumed after a kill."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import whyalike
from whyalike.batch.formats import choose_format
from whyalike.batch.output import (
    Counts,
    PartedOutput,
    Plan,
    check_place,
    is_finished,
    parts_of,
    remove_parts,
)
from whyalike.batch.pieces import PieceExplainer, Pieces
from whyalike.batch.rows import RowField, chosen_fields, output_names
from whyalike.batch.source import Ids, Kind, PairSource, Survey
from whyalike.catalogue.files import only_writer
from whyalike.catalogue.index import CatalogueIndex
from whyalike.catalogue.manifest import REFERENCE_TEXTS
from whyalike.data.stream import Format
from whyalike.engines.runner import Runner, Runners, choose_runner, run_here
from whyalike.errors import OptionError
from whyalike.models.scorer import scores_of
from whyalike.options import check_whole, policy_for

if TYPE_CHECKING:
    from whyalike.explainer import Explainer
    from whyalike.models.loading import ModelSource
    from whyalike.models.scorer import Scorer

Progress = Callable[[int, int], object]
"""Is called with how many of how many rows are done; at first, how many were found done."""

COMPONENTS = 64
"""Numbers that a plan keeps of what the model gives each reference text."""


@dataclass(frozen=True, slots=True)
class RunReport:
    """What became of a file: ``rows`` is always ``explained + bad``.

    bad_rows: the first bad ones, each with its reason. seconds: that it took, of all runs together.
    resumed: how many rows an earlier run had done. notes: what was assumed of the file.
    """

    out: str
    rows: int
    explained: int
    bad: int
    bad_rows: tuple[str, ...]
    seconds: float
    resumed: int
    notes: tuple[str, ...]

    def __str__(self) -> str:
        """Return the report in a few lines."""
        more = self.bad - len(self.bad_rows)
        rows = "1 row" if self.rows == 1 else f"{self.rows:,} rows"
        lines = [f"{self.out}: {rows}, {self.explained:,} explained, {self.bad:,} bad"]
        lines += [f"  {note}" for note in (*self.notes, *self.bad_rows)]
        return "\n".join([*lines, *([f"  and {more:,} more"] if more else [])])

    def to_dict(self) -> dict[str, Any]:
        """Return the whole report as plain JSON values."""
        return {
            "format": "whyalike/pairs-report",
            "version": 1,
            "out": self.out,
            "rows": self.rows,
            "explained": self.explained,
            "bad": self.bad,
            "bad_rows": list(self.bad_rows),
            "seconds": self.seconds,
            "resumed": self.resumed,
            "notes": list(self.notes),
        }


def explain_file(
    pairs: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    model: "Explainer | ModelSource | Scorer | None" = None,
    index: CatalogueIndex | str | os.PathLike[str] | None = None,
    ids: Ids = "both",
    columns: Sequence[str] | None = None,
    format: Format = "auto",
    keep: Sequence[str] | None = None,
    fields: Sequence[str] | None = None,
    check: int = 0,
    force: bool = False,
    progress: Progress | None = None,
    engine: Runners = "local",
    ray_address: str | None = None,
) -> RunReport:
    """Explain each pair of a file into a row of another one.

    The memory that it takes does not grow with the file. Whatever ends it, the same call goes on:
    no row is lost, and none is there twice. A row that can't be explained is a row with its reason.

    Parameters
    ----------
    pairs : str or PathLike[str]
        CSV, TSV, JSON Lines or Parquet, gzipped or not.
    out : str or PathLike[str]
        Ends in ``.jsonl`` or ``.parquet``. While it is made, a folder of its parts stands beside
        it, and afterwards a note of what it was made of (``.run.json``).
    model : Explainer, or what one is made of, optional
        By default the index's, or all-MiniLM-L6-v2.
    index : CatalogueIndex or path, optional
        Whose items the pairs are: columns hold ids in place of texts.
    ids : Ids, default='both'
        With an index, whether both columns hold ids, or the right one only, for queries and what
        was found for them. Of two items, both are taken for documents.
    columns : sequence of str, optional
        Of the left texts (or ids) and of the right ones; None guesses.
    format : Format, default='auto'
        What the file of pairs is; ``"auto"`` goes by its name.
    keep : sequence of str, optional
        Columns of the file that the output has, too; None keeps all.
    fields : sequence of str, optional
        What is said of each explanation, of RowField, or ``["all"]``; None is all but ``texts``
        and ``full``.
    check : int, default=0
        As of ``Explainer.explain``.
    force : bool, default=False
        Whether an output that was made otherwise, or a run of another one that was not finished,
        gives way. What the same call left unfinished is gone on with.
    progress : Progress, optional
        Is called with how many of how many rows are done.
    engine : Runners, default='local'
        ``"ray"`` explains by the workers of Ray (extra ``ray``): a worker for each CPU but one, on
        this machine or on a cluster. The output is the same, and so is what happens to bad rows.
    ray_address : str, optional
        Of the cluster, of which this machine is a node: ``"auto"`` or HOST:PORT.

    Raises
    ------
    EngineError
        The cluster can't be reached, or rows ended their worker again and again. What is done is
        kept.
    OptionError
        An option or a column that does not exist, or the output is there and was made otherwise:
        the message names what differs.
    FormatError
        The file can't be read, or has no such columns, or the index is damaged.
    OutputError
        The output can't be written, or another process writes it now; what is done is kept.
    ModelError
        The model can't be used for any of the first pairs; or a service fails. What is done is
        kept.
    ModelNotFoundError, UnsafeModelError, MissingExtraError
        The model can't be found or used, or a package is not installed.
    """
    from whyalike.explainer import Explainer

    runner = choose_runner(engine, ray_address)
    source = PairSource(
        pairs, columns=columns, format=format, keep=keep, ids=None if index is None else ids
    )
    run = PairsRun(source, out, fields=fields, check=check, force=force)
    if index is None or isinstance(index, CatalogueIndex):
        opened = index
    else:
        opened = CatalogueIndex.open(index)
    if isinstance(model, Explainer):
        explainer = model
    else:
        is_indexs = model is None and opened is not None
        explainer = opened.explainer if opened and is_indexs else Explainer(model)
    return run.explain(explainer, index=opened, progress=progress, runner=runner)


class PairsRun:
    """A file to be explained into another; what is wrong with either is said at once.

    Parameters
    ----------
    source : PairSource
        The pairs.
    out : str or PathLike[str]
        See explain_file, and so are the others.
    fields : sequence of str, optional
        See there.
    check : int, default=0
        See there.
    force : bool, default=False
        See there.

    Raises
    ------
    OptionError, FormatError, MissingExtraError
        As explain_file.
    """

    def __init__(
        self,
        source: PairSource,
        out: str | os.PathLike[str],
        *,
        fields: Sequence[str] | None = None,
        check: int = 0,
        force: bool = False,
    ) -> None:
        check_whole("check", check, least=0)
        self.source, self.out, self.check, self.force = source, Path(out), check, force
        self.fields: tuple[RowField, ...] = chosen_fields(fields)
        if self.out.resolve() == source.path.resolve():
            raise OptionError(f"{out} is the file of the pairs itself: choose another output.")
        choose_format(self.out, {}, self.fields, typed=True)
        if not force:
            check_place(self.out)
        self.survey: Survey = source.survey()
        self.names = output_names(tuple(self.survey.kept))
        self._form = choose_format(self.out, self._kept(), self.fields, typed=self.survey.typed)

    def _kept(self) -> dict[str, Kind]:
        """Return the kept columns by their names in the output."""
        return {self.names[name]: kind for name, kind in self.survey.kept.items()}

    def explain(
        self,
        explainer: "Explainer",
        *,
        index: CatalogueIndex | None = None,
        progress: Progress | None = None,
        runner: Runner = run_here,
    ) -> RunReport:
        """Explain what is not explained yet; see explain_file for what is raised.

        Parameters
        ----------
        explainer : Explainer
            What explains the pairs; of two items of an index, both as documents.
        index : CatalogueIndex, optional
            Whose ids they are.
        progress : Progress, optional
            Is called with how many of how many rows are done.
        runner : Runner, optional
            What runs the pieces of the file; by default this process.
        """
        if (index is None) != (self.source.ids is None):
            raise OptionError("Pairs of ids need an index, and an index needs pairs of ids.")
        if self.source.ids == "both":
            explainer = explainer.between_documents()
        tell = progress or _tell_nobody
        plan = self._plan(explainer, index)
        total = self.survey.rows
        done = is_finished(self.out, plan, force=self.force)
        if done is not None:
            tell(total, total)
            return self._report(done, resumed=total)
        with only_writer(parts_of(self.out), what="the output"):
            output = PartedOutput(self.out, self._form, plan, total=total)
            resumed = output.counts.rows
            tell(resumed, total)
            try:
                self._explain_rest(explainer, index, output, tell, runner)
                output.finish()
            except BaseException:
                output.rescue()
                raise
        remove_parts(self.out)
        return self._report(output.counts, resumed=resumed)

    def _explain_rest(
        self,
        explainer: "Explainer",
        index: CatalogueIndex | None,
        output: PartedOutput,
        tell: Progress,
        runner: Runner,
    ) -> None:
        from whyalike.explainer import LOOKAHEAD

        size = LOOKAHEAD * explainer.batch_size
        skip = output.counts.rows
        pieces = Pieces(self.source, self.survey, skip=skip, size=size, index=index)
        making = PieceExplainer(
            explainer, self.out, self.survey, self.names, self.fields, self.check
        )
        for done in runner(pieces, making.make):
            if done.refusal is not None and not output.counts.explained:
                raise done.refusal
            output.append(done.packed, done.errors)
            tell(output.counts.rows, self.survey.rows)

    def _plan(self, explainer: "Explainer", index: CatalogueIndex | None) -> Plan:
        from whyalike.fingerprint import sample_scores

        sample = sample_scores(explainer, REFERENCE_TEXTS)
        width = sample.vectors.shape[1]
        starts = np.linspace(0, width, min(COMPONENTS, width), endpoint=False).astype(int)
        reference = np.add.reduceat(sample.vectors.astype(np.float64), starts, axis=1)
        options = explainer.method.recorded_options(explainer.options).to_dict()
        background = explainer.measured_background()
        said = {
            "input": self.survey.digest,
            "columns": list(self.survey.columns),
            "keep": list(self.survey.kept),
            "index": None if index is None else _digest_of(index),
            "ids": self.source.ids,
            "fields": list(self.fields),
            "check": self.check,
            "model": explainer.model.name,
            "pooling": explainer.model.pooling,
            "prompts": list(explainer.prompts),
            "method": explainer.method.name,
            **{f"option {name}": value for name, value in options.items()},
            "background": None if background is None else background.texts,
            "similarity and lexicon": sample.exact,
            "whyalike": whyalike.__version__,
        }
        # What is above is scaled to 1, and a score may be another's double.
        scores = scores_of(
            explainer.model,
            [(REFERENCE_TEXTS[0], other) for other in REFERENCE_TEXTS],
            prompts=explainer.prompts,
            long_text=policy_for(explainer.options.long_text),
        )
        shared = [] if background is None else [[float(background.random.mean())]]
        return Plan(said, [reference.ravel().tolist(), list(map(float, scores)), *shared])

    def _report(self, counts: Counts, *, resumed: int) -> RunReport:
        return RunReport(
            out=str(self.out),
            rows=counts.rows,
            explained=counts.explained,
            bad=counts.bad,
            bad_rows=tuple(counts.bad_rows),
            seconds=counts.seconds,
            resumed=resumed,
            notes=self._notes(),
        )

    def _notes(self) -> tuple[str, ...]:
        renamed = ", ".join(f"{a!r} as {b!r}" for a, b in self.names.items() if a != b)
        said = [f"Columns with names of ours are written otherwise: {renamed}."] if renamed else []
        return (*self.survey.notes, *said)


def _digest_of(index: CatalogueIndex) -> str:
    """Return what tells the items of an index from others: the checksums of its files."""
    import hashlib

    said = [
        (name, note.sha256, segment.removed)
        for segment in index.reader.manifest.segments
        for name, note in sorted(segment.files.items())
    ]
    return hashlib.sha256(repr(said).encode()).hexdigest()


def _tell_nobody(done: int, total: int) -> None:
    """Take no notice of progress."""
