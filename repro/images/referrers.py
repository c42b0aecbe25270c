"""Documents that are attached to an image in a registry: who looks at the image finds them, and pulls without them.

As https://github.com/opencontainers/distribution-spec says: a manifest of its own that names the image as its subject.
A registry from before that keeps no note of subjects; there the tag `sha256-<digest of the image>` lists them.
"""

from __future__ import annotations

from typing import Any

from repro.images.registry import OCI_INDEX, OCI_MANIFEST, Descriptor, Manifest, RegistryClient

_EMPTY_TYPE = "application/vnd.oci.empty.v1+json"
_TITLE = "org.opencontainers.image.title"


def attach(registry: RegistryClient, subject: Manifest, content: bytes, media_type: str, title: str) -> str:
    """Attach a document to an image. Attaching the same one again changes nothing.

    Returns:
        the digest of the manifest that holds it.

    Raises:
        RegistryError: the registry does not take it.
    """
    layer = registry.put_blob(content, media_type).as_json()
    put = registry.put_manifest(
        {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "artifactType": media_type,
            "config": registry.put_blob(b"{}", _EMPTY_TYPE).as_json(),
            "layers": [{**layer, "annotations": {_TITLE: title}}],
            "subject": Descriptor(subject.media_type, subject.digest, subject.size_bytes).as_json(),
        }
    )
    if not put.knows_subjects:
        _list(registry, subject, {**put.descriptor.as_json(), "artifactType": media_type})
    return put.descriptor.digest


def referrers_tag(digest: str) -> str:
    """The tag that lists what is attached to an image.

    >>> referrers_tag("sha256:0123")
    'sha256-0123'
    """
    return digest.replace(":", "-")


def _list(registry: RegistryClient, subject: Manifest, entry: dict[str, Any]) -> None:
    tag = referrers_tag(subject.digest)
    there = registry.manifest(tag)
    listed: list[Any] = list(there.document.get("manifests") or []) if there is not None else []
    if any(isinstance(one, dict) and one.get("digest") == entry["digest"] for one in listed):
        return
    registry.put_manifest({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [*listed, entry]}, tag)
