"""Archives made by hand, sound ones and hostile ones."""

from __future__ import annotations

import zipfile
from pathlib import Path

DATA = Path(__file__).parents[2] / "data" / "pg2"

MANIFEST = """\
name = "tiny"
description = "three variants"
doi = "10.1/x"
source = "by hand"
xref = ""

[assays_meta]
file_path = "assays.csv"
sequence_feature = "sequence"
engineering_round_feature = ""
split_feature = ""
split_strategy = "RandomSplitStrategy"
columns = ["sequence", "mutant", "score", "ph"]

[assays_meta.assays.score]
description = "how bright"
features = ["ph"]

[assays_meta.assays.score.constants]
sequence = "MKV"
mutation_col = "mutant"
temperature = 30.5
"""

TABLE = "sequence,mutant,score,ph\nMRV,K2R,1.5,7\nMKA,V3A,-0.25,7\nMRA,K2R:V3A,,8\n"


def zipped(path: Path, members: dict[str, str | bytes]) -> Path:
    """A zip with these members, in this order."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def tiny(path: Path, manifest: str = MANIFEST, table: str = TABLE, **others: str | bytes) -> Path:
    """The archive of three variants, or one like it."""
    return zipped(path, {"manifest.toml": manifest, "assays.csv": table, **others})
