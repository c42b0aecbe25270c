"""`DockerContainer` and `BuildDockerImageSubcommand`, where the tutorial imports them from."""

from repro.runtimes.classic import DockerContainer
from repro.setting_up import BuildDockerImageSubcommand

__all__ = ["BuildDockerImageSubcommand", "DockerContainer"]
