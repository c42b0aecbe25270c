"""`hf://org/name@revision/path`: a file of a repository on the Hugging Face hub, or on a mirror of it (HF_ENDPOINT)."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from repro.weight_address import HubAddress
from repro.weights.download import download
from repro.weights.errand import Errand
from repro.weights.request import Request

if TYPE_CHECKING:
    from requests.auth import AuthBase

ENDPOINT = "https://huggingface.co"
_REFUSED = "check repository, revision and path; a private or gated repository needs HF_TOKEN, and its terms accepted"


@dataclass(frozen=True)
class HubSource:
    """A file of a repository on the hub."""

    place: HubAddress
    needs_network = True
    is_folder = False

    @property
    def address(self) -> str:
        return f"hf://{self.place.repository}@{self.place.revision}/{self.place.path}"

    def bring(self, errand: Errand) -> None:
        download(errand, self._request, self.address)

    def _request(self) -> Request:
        endpoint = (os.environ.get("HF_ENDPOINT") or ENDPOINT).rstrip("/")
        revision = quote(self.place.revision, safe="")
        token = read_token()
        return Request(
            f"{endpoint}/{self.place.repository}/resolve/{revision}/{quote(self.place.path)}",
            auth=_bearer(token) if token else None,
            advice=_REFUSED,
        )


def read_token() -> str | None:
    """The user's token for the hub: HF_TOKEN, or what `hf auth login` has left."""
    token = os.environ.get("HF_TOKEN")
    if token is None:
        home = Path(os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface")
        kept = Path(os.environ.get("HF_TOKEN_PATH") or home / "token")
        try:
            token = kept.read_text(encoding="utf-8")
        except FileNotFoundError:
            token = None
    return (token or "").strip() or None


def _bearer(token: str) -> AuthBase:
    from requests.auth import AuthBase

    class Bearer(AuthBase):
        """As an object and not a header: requests would let a line of ~/.netrc take a header's place.

        It is asked for the first request alone; at a redirect to another host requests takes the header away.
        """

        def __call__(self, request: Any) -> Any:
            request.headers["Authorization"] = f"Bearer {token}"
            return request

    return Bearer()
