"""The URL under which others reach a server, as somebody gave it."""

from urllib.parse import urlsplit

from whyalike.errors import OptionError


def check_origin(url: str, *, named: str) -> str:
    """Return an origin, without a slash at its end.

    Args:
        url: such as https://study.example.org.
        named: what the error calls it.

    Raises:
        OptionError: it is no origin of HTTP: links made of it would lead nowhere.
    """
    if not _is_origin(url):
        raise OptionError(
            f"{named} is {url!r}; give an origin such as https://study.example.org, without a path."
        )
    return url.rstrip("/")


def _is_origin(url: str) -> bool:
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  # Read, as it is checked on reading.
    except ValueError:
        return False
    # urlsplit leaves out line breaks, and with them part of what would be printed.
    whole = url.isprintable() and " " not in url and "@" not in parts.netloc
    bare = parts.path in ("", "/") and not (parts.query or parts.fragment)
    return whole and bare and parts.scheme in ("http", "https") and bool(parts.hostname)
