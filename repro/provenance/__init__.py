"""What made a result: told while it is made (`Maker`), and written beside an output (`Manifest`)."""

from repro.provenance.maker import Maker, Ping, describe_maker, is_classic, ping
from repro.provenance.manifest import Manifest, manifest_path
from repro.provenance.reading import find_manifest, read_manifest

__all__ = [
    "Maker",
    "Manifest",
    "Ping",
    "describe_maker",
    "find_manifest",
    "is_classic",
    "manifest_path",
    "ping",
    "read_manifest",
]
