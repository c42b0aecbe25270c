"""Pretrained weights: fetched once, checked, and kept where every environment finds them."""

from repro.weights.download import Patience
from repro.weights.fetch import fetch_variant
from repro.weights.progress import Progress
from repro.weights.store import file_sha256, find_variant, use_local, weights_hashes

__all__ = ["Patience", "Progress", "fetch_variant", "file_sha256", "find_variant", "use_local", "weights_hashes"]
