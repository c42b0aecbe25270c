"""One request for a file over HTTP, as a source wants it asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

if TYPE_CHECKING:
    from requests.auth import AuthBase
    from requests.cookies import RequestsCookieJar

CHECK_ADDRESS = "check the address in config.yaml, or take the weights from a file that you have"


@dataclass(frozen=True)
class Request:
    """Where to ask, and with what. Nothing of it but `shown_address` of the address is ever shown."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    auth: AuthBase | None = None
    cookies: RequestsCookieJar | None = None
    verify: bool | str | None = None
    """A file of certificates, or False for a host that the user trusts without; `None`: as the system has it."""
    advice: str = CHECK_ADDRESS
    """What to do where the server refuses."""


def shown_address(url: str) -> str:
    """An address as it may be shown: no user, no password, no query (where signed addresses carry their secret).

    >>> shown_address("https://ada:hunter2@example.org/x.pt?Signature=abc#top")
    'https://example.org/x.pt'

    Of what is no address nothing is shown but how it begins, as there is no telling where a password stands in it.

    >>> shown_address("https:///ada:hunter2@example.org/x.pt")
    'https:***'
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return f"{url.partition(':')[0]}:***"
    if not parts.netloc and parts.scheme != "file":
        return f"{parts.scheme}:***"
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
