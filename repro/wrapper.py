"""Wrapper: what a model's class declares, and what follows from that alone, without an instance."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from repro.registry import catalogue

if TYPE_CHECKING:
    from pydantic import BaseModel

    from repro.config import ModelConfig
    from repro.runtimes.base import ModelSpec
    from repro.schema import RecordSchema


class Wrapper:
    """The host's side of a model as its class declares it: its container side, its records, its options."""

    name: ClassVar[str] = ""
    """The registered name."""
    default_image: ClassVar[str] = ""
    folder: ClassVar[str | Path | None] = None
    """The container side; `MODELS_ROOT/<name of the wrapper's folder>` where it is None."""
    Inputs: ClassVar[type[BaseModel] | None] = None
    """The keys and types of a record."""
    Outputs: ClassVar[type[BaseModel] | None] = None
    """The keys and types of what the worker answers for a record; those with a default may be absent."""
    Options: ClassVar[type[BaseModel] | None] = None
    """Options that are fixed when the worker starts."""
    Parameters: ClassVar[type[BaseModel] | None] = None
    """Options that may differ from call to call."""
    Hyperparameters: ClassVar[type[BaseModel] | None] = None
    """Options of `train` alone; where they are declared, names and values are checked before anything starts."""
    learns_from_scratch: ClassVar[bool] = False
    """Whether `train` uses no pretrained weights: then none are needed for it, mounted or recorded."""
    variant_names: ClassVar[tuple[str, ...]] = ("variant",)
    """What model cards may call the variant among their hyper-parameters."""
    _schema: ClassVar[RecordSchema | None] = None

    @classmethod
    def container_folder(cls) -> Path:
        """The model's container side: Dockerfile, requirements.txt, config.yaml, src/run.py."""
        from repro import MODELS_ROOT

        return Path(cls.folder) if cls.folder is not None else Path(MODELS_ROOT) / cls.folder_name()

    @classmethod
    def folder_name(cls) -> str:
        """Name of the folder of the wrapper: `esm` for `repro.models.esm.model.ESM`."""
        for source in catalogue.sources.values():
            if cls.__module__ == source.module or cls.__module__.startswith(source.module + "."):
                return source.name
        return cls.name.removesuffix("-model")

    @classmethod
    def config(cls) -> ModelConfig:
        """What the model's `config.yaml` says. Raises SettingsError."""
        from repro.config import load_config

        return load_config(cls.container_folder())

    @classmethod
    def spec(cls, image: str | None = None) -> ModelSpec:
        """What a runtime has to know of the model."""
        from repro.runtimes.base import ModelSpec

        config = cls.config()
        return ModelSpec(
            name=cls.folder_name(),
            folder=cls.container_folder(),
            image=image or cls.default_image,
            command=config.command,
            python=config.python,
            is_published=cls._metadata("AUTOMATICALLY_PUBLISH", False) or image not in (None, cls.default_image),
            schema=cls._schema_text(),
        )

    @classmethod
    def _schema_text(cls) -> str:
        """What it takes and gives, for the labels of its image; empty where it declares neither."""
        import json

        from repro.declared import schema_document

        declared = {"inputs": cls.Inputs, "outputs": cls.Outputs}
        documents = {name: schema_document(one) for name, one in declared.items() if one is not None}
        return json.dumps(documents, separators=(",", ":"), sort_keys=True) if documents else ""

    @classmethod
    def _metadata(cls, name: str, default: Any) -> Any:
        """What the wrapper's module, or the package that it is in, says under a name of the tutorial's."""
        modules = [sys.modules.get(module) for module in (cls.__module__, cls.__module__.rpartition(".")[0])]
        return next((getattr(module, name) for module in modules if hasattr(module, name)), default)

    @classmethod
    def schema(cls) -> RecordSchema | None:
        """The schema of the records, where the model declares one."""
        from repro.schema import RecordSchema

        if cls.Inputs is None:
            return None
        if "_schema" not in cls.__dict__:
            cls._schema = RecordSchema(cls.Inputs)
        return cls._schema
