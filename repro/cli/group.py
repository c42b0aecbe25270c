"""The command `repro`: which commands there are. A command's module is imported when the command is called."""

from __future__ import annotations

import click

from repro._version import __version__
from repro.cli.console import Console
from repro.cli.lazy import LazyGroup
from repro.cli.options import verbosity

COMMANDS = {
    "list": "Show the models: versions, what is set up where, sizes.",
    "info": "Show a model, an image, or what made an output.",
    "setup": "Make a model ready: its image or environment, its weights.",
    "predict": "Run a model on the records of a file.",
    "train": "Train a model on a data set, or score its variants, and write predictions of held-out rows.",
    "dataset": "Data sets of measured variants: show, check, make, split, import.",
    "card": "Model cards: check them.",
    "benchmark": "Data sets x models x splits: run, score, aggregate, report.",
    "sagemaker": "Train as a job of Amazon SageMaker, in the image that runs here too.",
    "verify": "Check that a model gives its golden answers here.",
    "rerun": "Make an output again from its manifest, and compare.",
    "weights": "Pretrained weights: list, fetch, verify, remove.",
    "pull": "Get a model's published image.",
    "publish": "Push a model's image to a registry.",
    "new": "Write the folders of a new model: an example that works, for your own model to take its place.",
    "lock": "Pin what a model's image is built from.",
    "ping": "Start a model's worker and show what it is.",
    "doctor": "Check this machine: engine, GPU, disk, permissions, weights.",
    "ps": "Show the workers that run.",
    "clean": "Remove what is left behind, or what can be made again.",
    "completion": "Print the completion script of a shell.",
}

EXIT_CODES = """\
\b
exit codes:
  0    done
  1    repro doctor found a fault; or an error that has no code
  2    the command line, a setting or a name is wrong
  3    the input cannot be taken, or lacks what was asked for
  4    not set up, or setting up failed
  5    no Docker engine answers, or the runtime cannot be used
  6    the GPU that was asked for is not there
  7    the worker did not start, died, or took too long
  8    the model failed for a record (with --on-error return: the output is complete), or in training;
       cells of a benchmark failed; a job of SageMaker failed
  9    the output cannot be written
  10   repro verify or repro rerun: the results differ
  130  interrupted with Ctrl-C (143: SIGTERM, 129: SIGHUP; 141: the reader of stdout left)
"""


@click.group(
    cls=LazyGroup,
    lazy=COMMANDS,
    module="repro.cli.{}",
    epilog=EXIT_CODES,
    context_settings={"help_option_names": ["-h", "--help"]},
    subcommand_metavar="COMMAND ...",
)
@click.version_option(__version__, message="%(prog)s %(version)s")
@verbosity
@click.pass_obj
def cli(console: Console) -> None:
    """Run published models of biology, each in an environment of its own.

    \b
    repro setup antiberty
    repro predict antiberty antibodies.fasta -o embeddings.parquet
    """
    console.apply()
