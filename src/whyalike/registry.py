"""Things found by name, such as methods: one file and one decorator add one.

A registry knows the package whose files register, and a group of entry points, by which an
installed package adds its own. Nothing is imported before the first look-up.
"""

import logging
import pkgutil
import sys
from collections.abc import Callable, Iterable
from functools import partial
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from threading import RLock
from typing import Generic, TypeVar

from whyalike.errors import OptionError

Entry = TypeVar("Entry")
LOG = logging.getLogger("whyalike")


class Registry(Generic[Entry]):
    """Entries by their names.

    An entry point that can't be loaded takes nothing else down: it is logged once, and raises
    where its own name is asked for.

    Parameters
    ----------
    kind : str
        What an entry is called in errors, such as ``"method"``.
    package : str
        The package whose files register entries when they are imported.
    group : str, optional
        The entry points of other packages, named after what they add: each names a module, or an
        object in one, and is imported after the package's own files. Without it, no other package
        adds any.
    """

    def __init__(self, kind: str, *, package: str, group: str | None = None) -> None:
        self.kind, self.package, self.group = kind, package, group
        self._entries: dict[str, Entry] = {}
        self._makers: dict[str, str] = {}
        self._failures: dict[str, OptionError] = {}
        # Only for loading: who imports a file holds that file's lock already, and then adds.
        self._loading = RLock()
        self._is_loading = self._is_loaded = False

    def add(self, name: str, entry: Entry, *, maker: str) -> None:
        """Add an entry under a name; ``maker`` is the module that defines it.

        Raises
        ------
        OptionError
            The name is taken.
        """
        if self._entries.setdefault(name, entry) is not entry:
            raise OptionError(
                f"A {self.kind} {name!r} is registered already, by {self._makers.get(name)}. "
                "Choose another name."
            )
        self._makers[name] = maker

    def get(self, name: str) -> Entry:
        """Return the entry of that name.

        Raises
        ------
        OptionError
            There is none, or the package that would add it can't be loaded.
        """
        self.load()
        if name in self._entries:
            return self._entries[name]
        if name in self._failures:
            raise self._failures[name]
        raise unknown_name(self.kind, name, self._entries)

    def all(self) -> dict[str, Entry]:
        """Return all entries by their names, in the order in which they were registered."""
        self.load()
        return dict(self._entries)

    def failures(self) -> dict[str, OptionError]:
        """Return, by the names of entry points that can't be loaded, why not."""
        self.load()
        return dict(self._failures)

    def load(self) -> None:
        """Import every file of the package, and what other packages add; only once."""
        with self._loading:
            # A file that is being loaded may ask for what is there so far.
            if self._is_loaded or self._is_loading:
                return
            self._is_loading = True
            try:
                package = import_module(self.package)
                for module in pkgutil.iter_modules(package.__path__):
                    self._import(partial(import_module, f"{self.package}.{module.name}"))
                points = entry_points(group=self.group) if self.group else ()
                for point in sorted(points, key=_place):
                    self._load_point(point)
                self._is_loaded = True
            finally:
                self._is_loading = False

    def _import(self, load: Callable[[], object]) -> None:
        """Import a module; one that fails leaves nothing behind."""
        try:
            load()
        except BaseException:
            for name, maker in list(self._makers.items()):
                if maker not in sys.modules:
                    del self._entries[name], self._makers[name]
            raise

    def _load_point(self, point: EntryPoint) -> None:
        try:
            self._import(point.load)
        except Exception as error:
            package = "another package" if point.dist is None else f"the package {point.dist.name}"
            reason = str(error) or type(error).__name__
            failure = OptionError(
                f"The {self.kind} {point.name!r} of {package} can't be loaded "
                f"({type(error).__name__}: {reason.rstrip('.')}). Repair or uninstall that package."
            )
            failure.__cause__ = error
            self._failures.setdefault(point.name, failure)
            LOG.warning("%s", failure)


def unknown_name(kind: str, name: str, known: Iterable[str]) -> OptionError:
    """Return the error of a name that is none of those that are known."""
    return OptionError(f"There is no {kind} {name!r}; there are: {', '.join(sorted(known))}.")


def _place(point: EntryPoint) -> tuple[str, str]:
    return ("" if point.dist is None else point.dist.name), point.name
