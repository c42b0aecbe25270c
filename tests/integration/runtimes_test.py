"""Each runtime against the one compliance suite."""

from __future__ import annotations

import pytest

from repro.runtimes.base import Runtime
from repro.runtimes.local import LocalRuntime
from repro.settings import Settings, load_settings
from tests.integration.runtime_compliance import RuntimeCompliance


class TestLocalRuntime(RuntimeCompliance):
    @pytest.fixture
    def runtime(self, local_runtime: Runtime) -> Runtime:
        return local_runtime

    def without_interpreter(self, runtime: Runtime) -> Runtime:
        return LocalRuntime(Settings(cache_dir=load_settings().cache_dir))


class TestDockerRuntime(RuntimeCompliance):
    @pytest.fixture
    def runtime(self, docker_runtime: Runtime) -> Runtime:
        return docker_runtime
