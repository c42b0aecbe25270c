"""Embeds and scores real therapeutic antibodies with AntiBERTy, in an environment of its own: `make demo`.

Writes out/antibodies.parquet (the embeddings and scores, with the manifest that says what made them beside it) and
out/antibodies.png (a picture of them).
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from repro import MODELS_ROOT
from repro.cli.console import Console
from repro.cli.progress import record_progress
from repro.data.readers import open_records
from repro.errors import ReproError
from repro.file_run import FileRun, predict_file
from repro.inspection import docker_place, local_place
from repro.models.antiberty import AntiBERTy
from repro.provenance import describe_maker, manifest_path
from repro.record_source import InputFile
from repro.runtimes.choice import choose_runtime
from repro.setting_up import SetupRequest, SetupSubcommand
from repro.settings import load_settings

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from repro.runtimes.base import Runtime

ROOT = Path(__file__).resolve().parents[1]
ANTIBODIES = Path(MODELS_ROOT) / "antiberty" / "examples" / "antibodies.fasta"
CHAINS = 16  # a score is a forward pass a residue: about 6 s a chain on two cores
COLOURS = {"heavy": "#1f5fa8", "light": "#d9772b"}
MARKERS = {"human (-umab)": "o", "humanised (-zumab)": "D", "mouse (-ximab, -monab)": "^"}


@dataclass(frozen=True)
class Chain:
    """One chain, what AntiBERTy makes of it, and the chain that is most like it."""

    name: str
    sequence: str
    embedding: NDArray[np.float32]
    """Mean over the residues of the last layer, (512,)."""
    pseudo_log_likelihood: float
    """Mean over the residues, in nats."""
    nearest: str = ""
    similarity: float = 0.0
    """Cosine between the two embeddings, less the mean of all."""

    @property
    def kind(self) -> str:
        return "light" if self.name.endswith("light") else "heavy"

    @property
    def antibody(self) -> str:
        return self.name.rpartition("_")[0]

    @property
    def origin(self) -> str:
        """Where the variable domains come from, as the stem of the name says it (WHO, names before 2017)."""
        human, humanised, mouse = MARKERS
        if self.antibody.endswith(("ximab", "monab")):
            return mouse
        return humanised if self.antibody.endswith("zumab") else human


def main() -> int:
    arguments = parse_arguments()
    try:
        run(arguments)
    except ReproError as error:
        Console().show_error(error)
        return error.exit_code
    return 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runtime", choices=["local", "docker", "auto"], default="auto")
    parser.add_argument("--chains", type=int, default=CHAINS, metavar="N", help="take the first N chains [%(default)s]")
    parser.add_argument("--out", type=Path, default=ROOT / "out", help="folder to write to [%(default)s]")
    return parser.parse_args()


def run(arguments: argparse.Namespace) -> None:
    runtime = choose_runtime(None if arguments.runtime == "auto" else arguments.runtime, load_settings())
    set_up(runtime)
    arguments.out.mkdir(parents=True, exist_ok=True)
    table, picture = arguments.out / "antibodies.parquet", arguments.out / "antibodies.png"
    # A chain is a batch: a score takes seconds, and progress can be seen.
    model = AntiBERTy(runtime=runtime.name, batch_size=1, score=True)
    with model:
        chains = with_nearest(embed_and_score(model, arguments.chains, table))
        made_by = describe(model)
    print_table(chains)
    draw(chains, made_by[0], picture)
    print("\nwrote", shown(table), f"({len(chains)} embeddings of {chains[0].embedding.size} numbers)")
    print("wrote", shown(manifest_path(table)), "(what made them; `repro rerun` makes them again)")
    print("wrote", shown(picture))
    print("\n".join(made_by))


def set_up(runtime: Runtime) -> None:
    """What `repro setup antiberty` does, where it is not done yet."""
    settings, spec = load_settings(), AntiBERTy.spec()
    place = docker_place(spec) if runtime.name == "docker" else local_place(spec, settings)
    if not place.is_ready:
        report = Console().note
        SetupSubcommand.of(AntiBERTy).run(SetupRequest(AntiBERTy, runtime, settings, report))


def embed_and_score(model: AntiBERTy, count: int, table: Path) -> list[Chain]:
    """The first chains of the file, as `repro predict` would compute them: with a manifest beside the table."""
    console = Console()
    records = list(itertools.islice(open_records(ANTIBODIES), count))
    console.note(f"embedding and scoring {len(records)} chains of {shown(ANTIBODIES)}")
    console.note("(for a score each residue is masked in turn and predicted: some minutes for all 16 on two cores)")
    job = FileRun(InputFile(ANTIBODIES, limit=count), table)
    predict_file(model, job, say=console.note, watch=record_progress(console, "chains"))
    return [chain(record, row) for record, row in zip(records, open_records(table), strict=True)]


def chain(record: Mapping[str, Any], result: Mapping[str, Any]) -> Chain:
    embedding = np.asarray(result["embedding"], np.float32)
    return Chain(str(record["id"]), str(record["sequence"]), embedding, result["pseudo_log_likelihood"])


def with_nearest(chains: list[Chain]) -> list[Chain]:
    """The chains, each with the one whose embedding points in the most similar direction from the mean of all."""
    embeddings = np.stack([chain.embedding for chain in chains]).astype(np.float64)
    directions = embeddings - embeddings.mean(axis=0)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    cosines = directions @ directions.T
    np.fill_diagonal(cosines, -np.inf)
    nearest = cosines.argmax(axis=1)
    return [
        Chain(c.name, c.sequence, c.embedding, c.pseudo_log_likelihood, chains[j].name, float(cosines[i, j]))
        for i, (c, j) in enumerate(zip(chains, nearest, strict=True))
    ]


def describe(model: AntiBERTy) -> list[str]:
    """Lines that say what made the results: runtime, device, weights."""
    maker, worker = describe_maker(model), model.ping()
    packages: dict[str, str] = worker["packages"]
    place = (
        f"image {maker.image} {maker.environment[:19]}" if maker.runtime == "docker" else "an environment of its own"
    )
    return [
        f"made by AntiBERTy on the runtime {maker.runtime}, device {worker['device']} ({worker['device_name']})",
        f"weights: {maker.variant}, part of the package antiberty {packages.get('antiberty', '?')}",
        f"computed in: {place}, Python {worker['python']}, "
        + ", ".join(f"{name} {packages.get(name, '?')}" for name in ("torch", "transformers")),
    ]


def print_table(chains: list[Chain]) -> None:
    from rich.console import Console as RichConsole
    from rich.table import Table

    table = Table(title="Therapeutic antibodies, embedded and scored by AntiBERTy", title_justify="left")
    table.add_column("antibody")
    table.add_column("chain")
    table.add_column("residues", justify="right")
    table.add_column("pseudo log-likelihood", justify="right")
    table.add_column("most similar chain")
    table.add_column("cosine", justify="right")
    for chain in chains:
        scored = f"{chain.pseudo_log_likelihood:.3f}"
        cells = (chain.antibody, chain.kind, str(len(chain.sequence)), scored, chain.nearest, f"{chain.similarity:.2f}")
        table.add_row(*cells)
    # As wide as it needs to be where nobody looks on: a log file has no width.
    RichConsole(width=None if sys.stdout.isatty() else 100).print(table)


# ---------------------------------------------------------------------------------------------------------- the picture


def draw(chains: list[Chain], made_by: str, path: Path) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(13.5, 6.6), width_ratios=[1.6, 1], facecolor="white")
    figure.subplots_adjust(left=0.055, right=0.985, top=0.86, bottom=0.13, wspace=0.28)
    figure.text(0.055, 0.945, "Therapeutic antibodies as AntiBERTy sees them", fontsize=16, fontweight="bold")
    figure.text(0.985, 0.015, made_by, fontsize=8, color="#777777", ha="right")
    draw_embeddings(left, chains)
    draw_scores(right, chains)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def draw_embeddings(axes: Axes, chains: list[Chain]) -> None:
    """The first two principal components of the mean embeddings."""
    embeddings = np.stack([chain.embedding for chain in chains]).astype(np.float64)
    left, singular, _ = np.linalg.svd(embeddings - embeddings.mean(axis=0), full_matrices=False)
    places = left[:, :2] * singular[:2]
    share = singular**2 / (singular**2).sum()
    for chain, (x, y) in zip(chains, places, strict=True):
        marker, colour = MARKERS[chain.origin], COLOURS[chain.kind]
        axes.plot(x, y, marker, markersize=9, color=colour, markeredgecolor="white", markeredgewidth=0.8)
    axes.margins(0.06)
    axes.set_title("Mean embedding of each variable domain", fontsize=11, loc="left")
    axes.set_xlabel(f"first principal component ({share[0]:.0%} of the variance)")
    axes.set_ylabel(f"second principal component ({share[1]:.0%})")
    for kind, colour in COLOURS.items():
        axes.plot([], [], "s", markersize=9, color=colour, label=f"{kind} chain")
    for origin, marker in MARKERS.items():
        axes.plot([], [], marker, markersize=8, color="#888888", label=origin)
    axes.legend(frameon=False, fontsize=9, loc="upper right")
    label(axes, [chain.antibody for chain in chains], places)


def label(axes: Axes, names: list[str], places: NDArray[np.float64]) -> None:
    """Names beside points, as many as there is room for; points that stand apart come first."""
    from matplotlib.transforms import Bbox

    axes.figure.canvas.draw()
    points = axes.transData.transform(places)
    distances = np.linalg.norm(points[:, None] - points[None], axis=2)
    taken = [Bbox.from_bounds(x - 6, y - 6, 12, 12) for x, y in points]
    for i in np.argsort(-np.sort(distances, axis=1)[:, 1]):
        others = [box for j, box in enumerate(taken) if j != i]
        for offset, ha, va in (((7, 0), "left", "center"), ((-7, 0), "right", "center"), ((0, 7), "center", "bottom")):
            text = axes.annotate(
                names[i], places[i], offset, textcoords="offset points", ha=ha, va=va, fontsize=7.5, color="#333333"
            )
            box = text.get_window_extent()
            if axes.bbox.x0 < box.x0 and box.x1 < axes.bbox.x1 and not any(map(box.overlaps, others)):
                taken.append(box)
                break
            text.remove()


def draw_scores(axes: Axes, chains: list[Chain]) -> None:
    """How expected the residues of each chain are to the model."""
    ordered = sorted((chain.pseudo_log_likelihood, chain.name, chain.kind) for chain in chains)
    names = [name.replace("_", ", ") for _, name, _ in ordered]
    axes.barh(names, [score for score, _, _ in ordered], color=[COLOURS[kind] for _, _, kind in ordered], height=0.72)
    axes.tick_params(axis="y", labelsize=8.5, length=0)
    axes.set_title("How expected the residues are", fontsize=11, loc="left")
    axes.set_xlabel("pseudo log-likelihood, mean over residues (nats)")


def shown(path: Path) -> str:
    """A path as seen from where the user is."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


if __name__ == "__main__":
    sys.exit(main())
