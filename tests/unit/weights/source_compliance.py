"""What every source of weights has to do, whatever it is. A subclass says where the content lies and how to lose it."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from repro.config import WeightFile
from repro.errors import NotSetUpError, WeightsError
from repro.weights.errand import Errand, Patience, Stop, StoppedError
from repro.weights.partial import Partial
from repro.weights.progress import Meter, Silent
from repro.weights.sources import Source, source_of
from tests.unit.weights.conftest import HASTY, Store

CONTENT = random.Random(11).randbytes(3_000_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
SECRET = "hunter2"


@dataclass
class Offer:
    """A place that has the content."""

    address: str
    lose: Callable[[], None]
    """Take the content away."""
    unsigned: bool = False
    secrets: list[str] = field(default_factory=list)
    """What must never be shown."""
    close: Callable[[], None] | None = None
    """Let nobody answer any more; `None` where no network is needed."""

    @property
    def source(self) -> Source:
        return source_of(self.address, unsigned=self.unsigned)

    def file(self, **facts: object) -> WeightFile:
        return WeightFile("w.pt", self.address, unsigned=self.unsigned, **facts)  # type: ignore[arg-type]


class Told:
    """Progress that calls a fetch off when so much has come."""

    def __init__(self, stop: Stop | None = None, after_bytes: int = 0) -> None:
        self.stop = stop
        self.after_bytes = after_bytes
        self.begun: list[str] = []
        self.n_bytes = 0

    def begin(self, name: str, total_bytes: int | None) -> Told:
        self.begun.append(name)
        return self

    def advance(self, n_bytes: int) -> None:
        self.n_bytes += n_bytes
        if self.stop is not None and self.n_bytes >= self.after_bytes:
            self.stop.set()

    def done(self) -> None: ...


class SourceCompliance:
    """The suite. A subclass has a fixture `offer`."""

    goes_on = True
    """A part of the content itself is continued; the file of a wheel is taken out of it again."""

    @pytest.fixture
    def errand(self, offer: Offer, tmp_path: Path) -> Callable[..., Errand]:
        def make(progress: Told | None = None, stop: Stop | None = None, patience: Patience = HASTY) -> Errand:
            (tmp_path / "target").mkdir(exist_ok=True)
            return Errand(
                name="w.pt",
                partial=Partial(tmp_path / "target" / "w.pt", offer.source.address),
                meter=Meter(progress or Silent(), "w.pt"),
                progress=progress or Silent(),
                patience=patience,
                stop=stop or Stop(),
                scratch=tmp_path / "scratch",
            )

        return make

    def test_brings_the_whole_content(self, offer: Offer, errand: Callable[..., Errand]) -> None:
        told = Told()
        sent = errand(told)
        offer.source.bring(sent)
        assert sent.partial.path.read_bytes() == CONTENT
        assert (sent.partial.sha256, sent.partial.size_bytes) == (SHA256, len(CONTENT))
        assert told.begun[-1] == "w.pt"

    def test_called_off_it_keeps_what_came_and_goes_on_from_there(
        self, offer: Offer, errand: Callable[..., Errand]
    ) -> None:
        stop = Stop()
        with pytest.raises(StoppedError):
            offer.source.bring(errand(Told(stop, 1_000_000), stop))
        sent = errand()
        assert (sent.partial.size_bytes > 0) is self.goes_on
        assert CONTENT.startswith(sent.partial.path.read_bytes() if sent.partial.path.exists() else b"")
        offer.source.bring(sent)
        assert sent.partial.path.read_bytes() == CONTENT
        assert sent.partial.sha256 == SHA256

    def test_what_is_not_there_is_told_with_the_address_and_what_to_do(
        self, offer: Offer, errand: Callable[..., Errand]
    ) -> None:
        offer.lose()
        with pytest.raises(WeightsError) as raised:
            offer.source.bring(errand())
        assert raised.value.message
        assert raised.value.fix
        self.assert_nothing_secret(offer, str(raised.value))

    def test_where_nobody_answers_it_is_told(
        self, offer: Offer, errand: Callable[..., Errand], caplog: pytest.LogCaptureFixture
    ) -> None:
        if offer.close is None:
            pytest.skip("needs no network")
        offer.close()
        with pytest.raises(WeightsError) as raised:
            offer.source.bring(errand())
        assert "(3 tries)" in raised.value.message
        assert "try again later" in raised.value.fix
        self.assert_nothing_secret(offer, str(raised.value) + caplog.text)

    def test_comes_into_the_store_and_its_hash_is_recorded(self, offer: Offer, store: Store) -> None:
        store.fetch(offer.file())
        assert store.path.read_bytes() == CONTENT
        recorded = (store.weights_dir / "weights.lock").read_text()
        assert SHA256 in recorded
        self.assert_nothing_secret(offer, recorded)

    def test_content_with_another_hash_is_refused_and_not_kept(self, offer: Offer, store: Store) -> None:
        error = store.failure(offer.file(sha256="0" * 64))
        assert f"its sha256 is {SHA256} instead of {'0' * 64}" in error.message
        assert store.names() == []

    def test_offline_it_is_not_asked_where_it_needs_a_network(self, offer: Offer, store: Store) -> None:
        if not offer.source.needs_network:
            store.fetch(offer.file(), offline=True)
            assert store.path.read_bytes() == CONTENT
            return
        with pytest.raises(NotSetUpError) as raised:
            store.fetch(offer.file(), offline=True)
        assert "nothing is fetched offline" in str(raised.value)

    def assert_nothing_secret(self, offer: Offer, text: str) -> None:
        for secret in [SECRET, *offer.secrets]:
            assert secret not in text
