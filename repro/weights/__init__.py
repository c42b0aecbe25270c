"""Pretrained weights: fetched once, checked, and kept where every environment finds them."""

from repro.weights.errand import Patience
from repro.weights.fetch import fetch_variant, fetch_variants
from repro.weights.hashes import file_sha256
from repro.weights.named import use_local
from repro.weights.progress import FileProgress, Progress
from repro.weights.store import find_variant, weights_hashes

__all__ = [
    "FileProgress",
    "Patience",
    "Progress",
    "fetch_variant",
    "fetch_variants",
    "file_sha256",
    "find_variant",
    "use_local",
    "weights_hashes",
]
