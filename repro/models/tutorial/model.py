from typing import Any

from pydantic import BaseModel, Field

from repro.models import Model
from repro.models.tutorial import DEFAULT_IMAGE, MODEL_NAME


class Inputs(BaseModel):
    text: str = Field(description="the text to reverse")


class Outputs(BaseModel):
    output: str = Field(description="the text, reversed")


@Model.register(f"{MODEL_NAME}-model")
class TutorialModel(Model):
    """Reverses text."""

    default_image = DEFAULT_IMAGE
    Inputs = Inputs
    Outputs = Outputs
    batch_size = 4096

    def __init__(self, image: str = DEFAULT_IMAGE, device: int = -1, **session: Any) -> None:
        super().__init__(image, device, **session)

    def predict(self, text: str, **kwargs: Any) -> str:
        return self.predict_batch([{"text": text}], **kwargs)[0]

    def decode(self, answer: dict[str, Any]) -> str:
        return answer["output"]
