"""A distribution that adds a model, as other people's packages do: made in a folder, found through its entry point.

Its model does as its records say: it raises, it takes its time, it dies, it answers with much.
"""

from __future__ import annotations

from pathlib import Path

WRAPPER = '''
from pathlib import Path
from typing import Any, Literal, Optional

from pydantic import BaseModel, Field

from repro.models import Model


class Inputs(BaseModel):
    text: str = Field(description="what to do: raise, die, or anything else")
    weight: Optional[int] = Field(None, description="how heavy")


class Options(BaseModel):
    greeting: str = Field("hello", description="what every answer begins with")


class Parameters(BaseModel):
    tone: Literal["high", "low"] = Field("low", description="the tone of the answer")
    loud: bool = Field(False, description="answer in capitals")
    steps: list[int] = Field([1], description="the steps")
    at_least_one: list[int] = Field([1], min_length=1, description="never empty")
    delay_s: float = Field(0.0, description="seconds a record takes")
    padding: int = Field(0, description="characters that come with each answer")
    limit: int = Field(5, description="an option that the command has too")
    extra: Optional[dict[str, Any]] = Field(None, description="anything")


@Model.register("moody-model")
class Moody(Model):
    """Answers as it likes."""

    folder = Path(__file__).parent / "container"
    default_image = "moody:1.0"
    Inputs = Inputs
    Options = Options
    Parameters = Parameters
    batch_size = 8
'''

RUN = """
import os
import time

from repro_guest import Runner


class Moody(Runner):
    @classmethod
    def add_arguments(cls, parser):
        for name, default in [("greeting", "hello"), ("tone", "low"), ("loud", False), ("steps", [1]),
                              ("at_least_one", [1]), ("delay_s", 0.0), ("padding", 0), ("limit", 5), ("extra", None)]:
            parser.add_argument("--" + name.replace("_", "-"), default=default)

    def predict(self, records):
        options = self.options
        for record in records:
            time.sleep(options.delay_s)
            if record["text"] == "die":
                os._exit(3)
            if record["text"] == "raise":
                yield ValueError("in no mood")
                continue
            said = options.greeting + " " + record["text"]
            answer = {"said": said.upper() if options.loud else said, "weight_given": record.get("weight")}
            if options.padding:
                answer["padding"] = record["text"][:1] * options.padding
            if options.tone == "high":
                answer["asked"] = [options.steps, options.at_least_one, options.limit, options.extra]
            yield answer


if __name__ == "__main__":
    Moody.main()
"""


def make_moody_package(folder: Path) -> Path:
    """Make the distribution `moody` in a folder that is to stand on the module path, and give that folder."""
    container = folder / "moody" / "container" / "src"
    container.mkdir(parents=True)
    (folder / "moody" / "__init__.py").write_text(WRAPPER)
    (container / "run.py").write_text(RUN)
    (container.parent / "Dockerfile").write_text("FROM scratch\n")
    info = folder / "moody-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: moody\nVersion: 1.0\nSummary: A model with moods\n")
    (info / "entry_points.txt").write_text("[repro.models]\nmoody = moody\n")
    return folder
