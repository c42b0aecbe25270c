"""What a model looks like where it is printed."""

from __future__ import annotations

from repro.models import Model
from repro.models.antiberty import AntiBERTy


def test_settings_are_shown() -> None:
    model = AntiBERTy(runtime="local", score=True)
    shown = repr(model)
    assert shown.startswith("AntiBERTy(device=-1, runtime='local', ")
    assert "score=True" in shown


def test_model_with_a_constructor_of_its_own_is_shown_too() -> None:
    class Classic(Model):
        def __init__(self) -> None:
            """Keep nothing."""

    assert repr(Classic()) == "Classic()"
