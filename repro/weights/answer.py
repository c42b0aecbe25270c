"""What the headers of an HTTP answer say of the file that follows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from requests import Response

_NUMBER = re.compile(r"[0-9]{1,20}")
_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,20})-([0-9]{1,20})/([0-9]{1,20}|\*)")


@dataclass(frozen=True)
class Piece:
    """What a partial answer holds of the whole; positions in bytes, from 0."""

    first: int
    last: int
    total_bytes: int | None


def length(response: Response) -> int | None:
    """How many bytes follow, where the server says so beforehand."""
    text = response.headers.get("Content-Length", "")
    return int(text) if _NUMBER.fullmatch(text) and not chunked(response) else None


def chunked(response: Response) -> bool:
    """The server sends piece by piece and marks the end, so that a cut is noticed."""
    return "chunked" in response.headers.get("Transfer-Encoding", "").lower()


def validator(response: Response) -> str | None:
    """What names this version of the file to the byte. A weak ETag does not."""
    etag = response.headers.get("ETag", "")
    strong = etag if etag.startswith('"') else None
    return strong or response.headers.get("Last-Modified")


def content_range(response: Response) -> Piece | None:
    """What a partial answer says that it holds, from `bytes 10-19/20`; `None` where it says nothing that fits."""
    match = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
    if match is None:
        return None
    first, last, total = match.groups()
    piece = Piece(int(first), int(last), None if total == "*" else int(total))
    ends_behind = piece.total_bytes is not None and piece.last >= piece.total_bytes
    return None if piece.last < piece.first or ends_behind else piece


def retry_after_s(response: Response) -> float:
    """How long the server asks to be left alone, in seconds."""
    text = response.headers.get("Retry-After", "")
    return float(text) if _NUMBER.fullmatch(text) else 0.0
