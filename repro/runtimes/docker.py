"""The docker runtime: each worker in a container of its model's image."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

from repro.errors import EngineUnavailableError, NotSetUpError, RegistryError, SettingsError
from repro.runtimes.base import NOTHING_SPECIAL, BuildOptions, Environment, Exit, Launch, ModelSpec
from repro.runtimes.container import STDOUT, Container, ContainerPlan
from repro.runtimes.engine import connect
from repro.runtimes.lines import FLOODED, LineCutter
from repro.runtimes.log import LogTail

INPUT = PurePosixPath("/repro/in")
OUTPUT = PurePosixPath("/repro/out")
WEIGHTS = PurePosixPath("/repro/weights")
BAKED = PurePosixPath("/repro/baked")
_RESERVED = PurePosixPath("/repro")
_log = logging.getLogger(__name__)


class DockerRuntime:
    """Runs workers in containers. See `Runtime` for what the methods promise."""

    name = "docker"

    def why_unavailable(self) -> str | None:
        try:
            connect(timeout_s=5)
        except EngineUnavailableError as error:
            return f"{error.message}: {error.cause}" if error.cause else error.message
        return None

    def find(self, spec: ModelSpec) -> Environment:
        from repro.images.facts import read_image
        from repro.images.source import has_changed

        client = connect()
        image = read_image(client, spec.image)
        if image is None and not (spec.is_published and _pull(spec)):
            why, also = (" and cannot be pulled", f", or `docker pull {spec.image}`") if spec.is_published else ("", "")
            raise NotSetUpError(
                f"the image {spec.image} is not on this machine{why}",
                fix=f"repro setup {spec.name} --runtime docker{also}{or_local(spec)}",
            )
        image = image or read_image(client, spec.image)
        assert image is not None  # it was just pulled
        if has_changed(spec.folder, image):
            _log.warning(
                "%s has changed since its image was built; to build it anew: repro setup %s", spec.folder, spec.name
            )
        return Environment(self.name, spec, image.identity, baked=image.baked)

    def setup(
        self, spec: ModelSpec, report: Callable[[str], None], options: BuildOptions = NOTHING_SPECIAL
    ) -> Environment:
        from repro.images.build import build_image

        build_image(spec.folder, spec.image, report, options, name=spec.name, schema=spec.schema)
        return self.find(spec)

    def start(self, environment: Environment, launch: Launch) -> ContainerWorker:
        spec = environment.spec
        plan = ContainerPlan(
            image=environment.identity,
            command=(*spec.command, *worker_arguments(launch, environment.baked)),
            read_only=read_only_mounts(launch),
            writable={launch.output_dir: OUTPUT},
            device=launch.device,
            network=launch.network,
            limits=launch.limits,
            labels={"repro.session": launch.session, "repro.model": spec.name, "repro.image": spec.image},
            name=f"repro-{spec.name}-{launch.session}",
        )
        return ContainerWorker(Container.start(plan))


class ContainerWorker:
    """A worker in a container. See `WorkerProcess`."""

    def __init__(self, container: Container) -> None:
        self._container = container
        self._log = LogTail()
        self.name = f"container {container.plan.name}"

    def send(self, line: bytes) -> None:
        self._container.send(line)

    def lines(self) -> Iterator[bytes]:
        cutter = LineCutter()
        for stream, data in self._container.frames():
            if stream != STDOUT:
                self._log.feed(data)
                continue
            yield from cutter.cut(data)
            if cutter.is_flooded:
                self._log.feed(FLOODED)
                return

    def log_tail(self) -> tuple[str, ...]:
        return self._log.lines()

    def stop(self, grace_s: float) -> None:
        self._container.close_stdin()
        self._container.ended.wait(grace_s)
        self._container.remove()

    def wait(self) -> Exit:
        return self._container.wait()

    def release_in_child(self) -> None:
        self._container.release_in_child()


def worker_arguments(launch: Launch, baked: tuple[str, ...]) -> tuple[str, ...]:
    arguments = ["serve", "--input-dir", str(INPUT), "--output-dir", str(OUTPUT)]
    arguments += ["--device", "cuda" if launch.device.is_gpu else "cpu", "--options", json.dumps(launch.options)]
    if launch.weights_dir is not None:
        # One checkpoint keeps its name, and its siblings, which a model may look for.
        inside = WEIGHTS / launch.weights_dir.name if launch.weights_dir.is_file() else WEIGHTS
        arguments += ["--weights-dir", str(inside)]
    elif launch.options.get("variant") in baked:
        arguments += ["--weights-dir", str(BAKED / str(launch.options["variant"]))]
    return tuple(arguments)


def read_only_mounts(launch: Launch) -> dict[Path, PurePosixPath]:
    mounts = {launch.input_dir: INPUT}
    if launch.weights_dir is not None:
        mounts[launch.weights_dir.parent if launch.weights_dir.is_file() else launch.weights_dir] = WEIGHTS
    for path, inside in launch.mounts.items():
        if not inside.is_absolute() or inside == _RESERVED or _RESERVED in inside.parents:
            raise SettingsError(f"{path} cannot be mounted at {inside}", fix="name an absolute path outside /repro")
        if not path.exists():
            raise SettingsError(f"{path} cannot be mounted: it does not exist")
        mounts[path] = inside
    return mounts


def or_local(spec: ModelSpec) -> str:
    """The other way out, where the model has a local environment."""
    from repro.runtimes.local import LocalRuntime
    from repro.settings import load_settings

    try:
        LocalRuntime(load_settings()).find(spec)
    except (NotSetUpError, SettingsError):  # no way out then
        return ""
    return ", or --runtime local, where it is set up"


def _pull(spec: ModelSpec) -> bool:
    """Try to get the published image, by the digest that was recorded of it.

    A registry that cannot be reached, or has no such image, means: not there. One that has another content under its
    name is an error.
    """
    from repro.images.pull import pull_image, what_to_pull
    from repro.images.registry_errors import is_other_content
    from repro.images.transfer import SILENCE_LIMIT_S

    try:
        pull_image(connect(timeout_s=SILENCE_LIMIT_S), what_to_pull(spec))
    except RegistryError as error:
        if is_other_content(error):
            raise
        return False
    return True
