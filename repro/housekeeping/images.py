"""The images that repro has made, told from everybody else's by the record that builds write (`repro.images.made`).

The labels do not tell them: an image that somebody builds `FROM` one of ours inherits its labels, and so does one that
is committed from a container. Such an image is its maker's, and what it stands on stays for it. One that has our
labels and is not in the record, as those that were built before there was one, stays, and that is said.

Images that a later build has replaced go with `--images` too, not with the plain leftovers: an output's manifest
may name one by its digest, and `repro rerun` would miss it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from repro.housekeeping.leftover import Finding, Kept, Leftover
from repro.images.facts import BASE_DIGEST, BASE_NAME, INPUTS, MODEL, REPRO, VERSION

if TYPE_CHECKING:
    from docker import DockerClient

_OF_A_CONTAINER = "repro.pid"
_BASES = "bases/"
_NONE = "<none>"
_CONTAINERD = "io.containerd.snapshotter.v1"

Step = tuple[int, str, int]
"""When a layer was made, by which instruction, and its size in bytes."""


@dataclass(frozen=True)
class _Image:
    identity: str
    tags: tuple[str, ...]
    digests: tuple[str, ...]
    labels: dict[str, str]
    layers: tuple[str, ...]
    steps: tuple[Step, ...]
    """From the lowest to the last, instructions that make no layer among them."""
    given: frozenset[str] | None
    """The names that repro gave it; None where repro is not known to have made it."""

    @property
    def model(self) -> str:
        return self.labels.get(MODEL, "").rpartition("/")[2]

    @property
    def build(self) -> tuple[str, ...]:
        """What an image that is built from this one inherits."""
        return tuple(self.labels.get(label, "") for label in (MODEL, INPUTS))

    @property
    def name(self) -> str:
        return ", ".join(self.tags) or next(iter(self.digests), self.identity.removeprefix("sha256:")[:12])

    @property
    def has_our_labels(self) -> bool:
        return REPRO in self.labels and bool(self.model) and _OF_A_CONTAINER not in self.labels

    @property
    def foreign_tags(self) -> list[str]:
        """Names that repro has not given."""
        return [tag for tag in self.tags if tag not in (self.given or ())]

    @property
    def may_be_ours(self) -> bool:
        """Whether it has our labels, and no name that repro would not give."""
        return self.has_our_labels and (not self.tags or any(map(self.is_models, self.tags)))

    def is_models(self, tag: str) -> bool:
        """Whether a name is that of its model in its version, in whatever registry."""
        name = repository(tag)
        version = self.labels.get(VERSION) or tag.removeprefix(f"{name}:")
        return name.rpartition("/")[2] == self.model and tag == f"{name}:{version}"

    def stands_on(self, other: _Image) -> bool:
        """Whether it was built from `other`."""
        below = len(other.steps)
        return (
            self.identity != other.identity
            and self.layers[: len(other.layers)] == other.layers
            and below < len(self.steps)
            and self.steps[:below] == other.steps
        )


def repository(tag: str) -> str:
    """The name of an image without its version.

    >>> repository("localhost:5000/lab/esm:1.0"), repository("esm")
    ('localhost:5000/lab/esm', 'esm')
    """
    head, colon, tail = tag.rpartition(":")
    return tag if not colon or "/" in tail else head


def own_images(
    client: DockerClient,
    made: Mapping[str, frozenset[str]],
    models: Collection[str] = (),
    going: Collection[str] = (),
) -> Finding:
    """The images of repro that can go.

    Args:
        client: of the engine that has them.
        made: identity -> names of those that repro has made.
        models: only theirs; all where it is empty.
        going: identities of containers that are to be removed first, and so use no image.
    """
    images = _images(client, made)
    users = _users(client, going)
    candidates = [image for image in images if image.has_our_labels and (not models or image.model in models)]
    ours = [image for image in candidates if _is_ours(image)]
    unknown = [image for image in candidates if _cannot_be_told(image, images)]
    kept = {image.identity: why for image in ours if (why := _why_it_stays(image, users))}
    going_images = [image for image in ours if image.identity not in kept]
    while held := _held(going_images, images):
        kept.update(held)
        going_images = [image for image in going_images if image.identity not in held]
    going_images.sort(key=lambda image: (-len(image.steps), image.name))  # what stands on another goes before it
    return Finding(
        leftovers=tuple(_leftovers(client, going_images, images)),
        kept=(
            *(Kept("image", image.name, kept[image.identity]) for image in ours if image.identity in kept),
            *(Kept("image", image.name, "it cannot be told from one of yours") for image in unknown),
        ),
    )


def _images(client: DockerClient, made: Mapping[str, frozenset[str]]) -> list[_Image]:
    import docker.errors

    found = []
    digests_tell = _has_digests_of_registries_alone(client)
    for listed in client.api.images():
        # Somebody may remove one meanwhile.
        with contextlib.suppress(docker.errors.ImageNotFound):
            image = _image(client, listed, made)
            found.append(_with_published_names(image) if digests_tell else image)
    return found


def _has_digests_of_registries_alone(client: DockerClient) -> bool:
    """Whether an image has a digest only for what it was pushed to or pulled from, and not for each of its names."""
    return _CONTAINERD not in str(client.info().get("DriverStatus"))


def _with_published_names(image: _Image) -> _Image:
    """The names by which a registry has the image are no loss: publishing gave them, and it can be pulled."""
    if image.given is None:
        return image
    there = {digest.partition("@")[0] for digest in image.digests}
    published = {tag for tag in image.tags if repository(tag) in there and image.is_models(tag)}
    return replace(image, given=image.given | published)


def _image(client: DockerClient, listed: dict[str, Any], made: Mapping[str, frozenset[str]]) -> _Image:
    identity = str(listed["Id"])
    api: Any = client.api
    return _Image(
        identity=identity,
        tags=tuple(tag for tag in listed.get("RepoTags") or () if _NONE not in tag),
        digests=tuple(digest for digest in listed.get("RepoDigests") or () if _NONE not in digest),
        labels=listed.get("Labels") or {},
        layers=tuple(api.inspect_image(identity)["RootFS"].get("Layers") or ()),
        steps=tuple((step["Created"], step["CreatedBy"], step["Size"]) for step in reversed(api.history(identity))),
        given=made.get(identity),
    )


def _users(client: DockerClient, going: Collection[str]) -> dict[str, str]:
    """Image -> a container that uses it, running or not."""
    containers = client.api.containers(all=True)
    return {one["ImageID"]: one["Names"][0].lstrip("/") for one in containers if one["Id"] not in going}


def _is_ours(image: _Image) -> bool:
    """Whether repro made it, and it has not come to have names of the user's alone."""
    return image.given is not None and (not image.tags or len(image.foreign_tags) < len(image.tags))


def _cannot_be_told(image: _Image, images: Iterable[_Image]) -> bool:
    """Whether an image looks like one of ours, and nothing says who made it."""
    if image.given is not None or not image.may_be_ours:
        return False
    # What stands on an image of the same build was built from that one.
    return not any(image.stands_on(other) and image.build == other.build for other in images)


def _why_it_stays(image: _Image, users: dict[str, str]) -> str:
    if image.identity in users:
        return f"the container {users[image.identity]} uses it"
    return f"it is also called {image.foreign_tags[0]}" if image.foreign_tags else ""


def _held(going: Sequence[_Image], images: Iterable[_Image]) -> dict[str, str]:
    """Those on which an image stands that stays."""
    identities = {image.identity for image in going}
    staying = [image for image in images if image.identity not in identities]
    held = {}
    for image in going:
        child = next((other for other in staying if other.stands_on(image)), None)
        if child is not None:
            held[image.identity] = f"{child.name} stands on it"
    return held


def _leftovers(client: DockerClient, going: Sequence[_Image], images: Iterable[_Image]) -> Iterable[Leftover]:
    identities = {image.identity for image in going}
    counted = {key for image in images if image.identity not in identities for key in _chain(image)}
    for image in going:
        chain = _chain(image)
        size_bytes = sum(size for key, size in chain.items() if key not in counted)
        counted |= chain.keys()
        remove = partial(_remove, client, image)
        yield Leftover("image", image.name, size_bytes, _why_it_may_go(image), remove, image.model)


def _chain(image: _Image) -> dict[int, int]:
    """Each layer, known by all that lies below it, and its size."""
    return {hash(image.steps[: number + 1]): step[2] for number, step in enumerate(image.steps)}


def _why_it_may_go(image: _Image) -> str:
    if not image.tags:
        return "a later build has its name"
    if image.labels[MODEL].startswith(_BASES):
        return "`repro setup` of a model on it makes it again"
    return f"`repro setup {image.model}` makes it again"


def _remove(client: DockerClient, image: _Image) -> None:
    steps = _steps_of_its_build(client, image)
    # noprune: the engine would take untagged images below it too, whoever made them.
    # Digests are names too: an image that was pushed, or pulled, stays as long as it has one.
    names = [*image.tags, *image.digests] or [image.identity]
    for name in [*names, *steps]:
        _asked(client, partial(client.api.remove_image, name, noprune=True))


def _steps_of_its_build(client: DockerClient, image: _Image) -> list[str]:
    """What the classic builder keeps between an image and its base: an untagged image a step. BuildKit keeps none.

    Where the base cannot be told any more, none is known to be ours: an untagged image below may be anybody's.
    """
    steps: list[str] = []
    api: Any = client.api
    above = api.inspect_image(image.identity)
    while parent := above.get("Parent"):
        above = api.inspect_image(parent)
        if _is_base(image, above):
            return steps
        if above.get("RepoTags") or above.get("RepoDigests"):
            return []
        steps.append(parent)
    return []


def _is_base(image: _Image, below: dict[str, Any]) -> bool:
    """Whether an image is the one that the build of `image` started from, by the labels that it left."""
    digests = {below["Id"], *(digest.rpartition("@")[2] for digest in below.get("RepoDigests") or ())}
    return image.labels.get(BASE_DIGEST) in digests or image.labels.get(BASE_NAME) in (below.get("RepoTags") or ())


def _asked(client: DockerClient, request: Callable[[], Any]) -> None:
    """Ask the engine to remove something; what is gone already is no failure."""
    import docker.errors

    try:
        request()
    except docker.errors.ImageNotFound:
        pass
    except docker.errors.APIError as error:
        raise OSError(f"the engine does not remove it: {error.explanation}") from error
