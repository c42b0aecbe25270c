"""What every source of weights does."""

from __future__ import annotations

from typing import Protocol

from repro.errors import WeightsError
from repro.weights.errand import Errand


class Source(Protocol):
    """Where the content of one file comes from. Implementations pass tests/unit/weights/source_compliance.py.

    Attributes:
        address: as it may be shown: without passwords, signatures and tokens. It names the content among others.
        needs_network: it cannot be asked offline.
        is_folder: what it brings is a tar archive of a folder, to be unpacked.
    """

    @property
    def address(self) -> str: ...

    @property
    def needs_network(self) -> bool: ...

    @property
    def is_folder(self) -> bool: ...

    def bring(self, errand: Errand) -> None:
        """Bring the whole content into `errand.partial`, going on from what is there. Its hash is left to the caller.

        Raises:
            WeightsError: the content cannot be had; says what to do.
            OSError: it cannot be written.
            StoppedError: the errand was called off.
        """


def missing_extra(package: str, needed_for: str) -> WeightsError:
    """The error for a library of the extra `weights` that is not installed."""
    return WeightsError(
        f"{needed_for} needs the package {package}, which is not installed",
        fix='pip install "repro-models[weights]"',
    )
