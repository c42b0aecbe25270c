"""What the headers of an HTTP answer say of the file that follows."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from requests import Response

_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")


def length(response: Response) -> int | None:
    """How many bytes follow, where the server says so beforehand."""
    text = response.headers.get("Content-Length", "")
    return int(text) if text.isdecimal() and not chunked(response) else None


def chunked(response: Response) -> bool:
    """The server sends piece by piece and marks the end, so that a cut is noticed."""
    return "chunked" in response.headers.get("Transfer-Encoding", "").lower()


def validator(response: Response) -> str | None:
    """What names this version of the file to the byte. A weak ETag does not."""
    etag = response.headers.get("ETag", "")
    strong = etag if etag.startswith('"') else None
    return strong or response.headers.get("Last-Modified")


def content_range(response: Response) -> tuple[int | None, int | None]:
    """First byte and whole length of a partial answer, from `bytes 10-19/20`."""
    match = _CONTENT_RANGE.match(response.headers.get("Content-Range", ""))
    if match is None:
        return None, None
    first, total = match.groups()
    return int(first), None if total == "*" else int(total)


def retry_after_s(response: Response) -> float:
    """How long the server asks to be left alone, in seconds."""
    text = response.headers.get("Retry-After", "")
    return float(text) if text.isdecimal() else 0.0
