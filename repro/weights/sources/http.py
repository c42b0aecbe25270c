"""`https://...`: a file on a server."""

from __future__ import annotations

from dataclasses import dataclass, field

from repro.weights.download import download
from repro.weights.errand import Errand
from repro.weights.request import Request, shown_address


@dataclass(frozen=True)
class HttpSource:
    """A file on a server.

    >>> HttpSource("https://example.org/small.pt?Signature=abc").address
    'https://example.org/small.pt'
    """

    url: str = field(repr=False)
    needs_network = True
    is_folder = False

    @property
    def address(self) -> str:
        return shown_address(self.url)

    def bring(self, errand: Errand) -> None:
        download(errand, lambda: Request(self.url), self.address)
