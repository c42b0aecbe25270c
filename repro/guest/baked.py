"""Weights that lie in the image itself: used where no others are named."""

import os

VARIABLE = "REPRO_BAKED"  # names the folder in the image: in it, a folder a variant


def folder_of(variant):
    """The folder with a variant's weights where they lie in the image; None where they do not."""
    root = os.environ.get(VARIABLE)
    path = os.path.join(root, variant) if root and variant else None
    return path if path is not None and os.path.isdir(path) else None


def prefer_the_only_variant(parser):
    """In an image with the weights of one variant alone, that is the one which is meant when none is named."""
    root = os.environ.get(VARIABLE)
    there = sorted(os.listdir(root)) if root and os.path.isdir(root) else []
    if len(there) == 1 and parser.get_default("variant") is not None:
        parser.set_defaults(variant=there[0])
