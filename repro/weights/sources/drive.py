"""`gdrive://ID`: a file on Google Drive that is shared with everyone who has the link."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from repro._version import __version__
from repro.errors import WeightsError
from repro.weights.attempts import check_status, network_errors, persist
from repro.weights.download import download
from repro.weights.errand import Errand
from repro.weights.request import Request
from repro.weights.sources.base import missing_extra

if TYPE_CHECKING:
    from requests import Session

_ENTRY = "https://drive.google.com/uc?export=download&id="
_REFUSED = (
    "open the file in a browser: is it shared with everyone who has the link? Drive also refuses for a day what is "
    "asked for too often: then take the weights from a file that you have"
)
_MOST_PAGES = 3


@dataclass(frozen=True)
class DriveSource:
    """A file on Google Drive.

    Large files stand behind a page that asks whether one wants them though nobody has scanned them for viruses.
    gdown knows how to read that page, and is kept up as Google changes it; the file itself is fetched like any other.
    """

    file_id: str
    needs_network = True
    is_folder = False

    @property
    def address(self) -> str:
        return f"gdrive://{self.file_id}"

    def bring(self, errand: Errand) -> None:
        from requests import Session

        with Session() as session:
            # The browser that Drive shows its page to; it shows others a page that cannot be read.
            session.headers["User-Agent"] = f"Mozilla/5.0 (compatible; repro/{__version__})"
            request = persist(lambda: self._find(session, errand), errand, self.address)
        download(errand, lambda: request, self.address)

    def _find(self, session: Session, errand: Errand) -> Request:
        """The request that is answered with the file and not with a page about it."""
        url = _ENTRY + self.file_id
        timeout = (errand.patience.connect_timeout_s, errand.patience.read_timeout_s)
        for _ in range(_MOST_PAGES):
            with network_errors(self.address), session.get(url, stream=True, timeout=timeout) as response:
                check_status(response.status_code, response.reason, self.address, _REFUSED)
                if not response.headers.get("Content-Type", "").startswith("text/html"):
                    return Request(url, cookies=session.cookies, advice=_REFUSED)
                page = response.text
            url = self._behind(page)
        raise WeightsError(f"cannot fetch {self.address}: Google Drive answers with one page after the other")

    def _behind(self, page: str) -> str:
        try:
            from gdown.download import get_url_from_gdrive_confirmation
            from gdown.exceptions import FileURLRetrievalError
        except ImportError:
            raise missing_extra("gdown", self.address) from None
        try:
            return str(get_url_from_gdrive_confirmation(page))
        except FileURLRetrievalError as error:
            why = " ".join(str(error).split("Check FAQ")[0].split())
            raise WeightsError(f"cannot fetch {self.address}: {why}", fix=_REFUSED) from None
