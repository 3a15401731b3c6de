"""The one exception tree of whyalike. Every message says what came, what is allowed, what to do."""


class WhyalikeError(Exception):
    """Base of everything that whyalike raises on purpose."""


class TextError(WhyalikeError, ValueError):
    """A text that cannot be explained: not a string, or too long where that is an error."""


class OptionError(WhyalikeError, ValueError):
    """An option, a method name or a combination of them that does not exist."""


class ModelError(WhyalikeError, RuntimeError):
    """A model that was found but cannot be used: corrupt, no tokenizer, no embeddings, NaN."""


class FunctionError(ModelError):
    """What a function of the user's raised, which is its cause (``__cause__``).

    The message says what the service said, and is for who runs the function alone: it may name an
    address or a key. ``passes``: whether it was an error that passes by itself, such as too many
    requests, but did not in as many tries as were made.
    """

    def __init__(self, message: str, *, passes: bool = False) -> None:
        super().__init__(message)
        self.passes = passes


class ModelNotFoundError(ModelError, FileNotFoundError):
    """No model of that name in any of the places that were looked at."""


class UnsafeModelError(ModelError):
    """Loading would run code or unpickle weights, and the caller did not allow it."""


class OutputError(WhyalikeError, OSError):
    """A result that could not be written; nothing partial is left behind."""


class StorageError(WhyalikeError, RuntimeError):
    """A database that can't be opened, read or written; what was not acknowledged is not stored."""


class EngineError(WhyalikeError, RuntimeError):
    """Workers that work is given to can't be reached, or ended again and again."""


class BusyError(WhyalikeError, RuntimeError):
    """More was asked for than can be taken now; ``seconds`` is when to ask again.

    ``reason`` is for programs: ``queue_full``, ``out_of_time`` or ``stopping``.
    """

    def __init__(self, message: str, seconds: int, *, reason: str = "queue_full") -> None:
        super().__init__(message)
        self.seconds, self.reason = seconds, reason


class TooCostlyError(WhyalikeError, ValueError):
    """What was asked for would take longer than may be asked for; the message says what would fit.

    seconds: how long it would take here, about. most: how long it may take. reason: for programs,
    ``too_costly``, or ``out_of_time`` where it was tried.
    """

    def __init__(
        self, message: str, *, seconds: float, most: float, reason: str = "too_costly"
    ) -> None:
        super().__init__(message)
        self.seconds, self.most, self.reason = seconds, most, reason


class FormatError(WhyalikeError, ValueError):
    """Serialised data or word vectors that are damaged, or that this release can't read."""


class MissingExtraError(WhyalikeError, ImportError):
    """A feature whose optional packages are not installed."""

    def __init__(self, feature: str, package: str, extra: str) -> None:
        super().__init__(
            f"{feature} needs the package {package!r}, which is not installed: "
            f"run pip install 'whyalike[{extra}]'."
        )
