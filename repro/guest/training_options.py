"""What `run.py train` is told: where its files are, its options, and the hyper-parameters from wherever they come."""

import argparse
import os
import sys

from . import baked, hyperparameters
from .assays import CardError, Manifest, ModelCard
from .hyperparameters import OptionError

PREFIX = "/opt/ml"


class TrainingPaths:
    """Where SageMaker lays things in a container, or below another folder that is laid out in the same way.

    The predictions and the trained model go to `output_dir`: it is what SageMaker packs (model.tar.gz) and keeps when
    the job is done. Of /opt/ml/output it reads the failure file, whose first 1,024 characters become the job's
    FailureReason, and packs `data` alone: a table in /opt/ml/output itself would be lost.
    """

    def __init__(self, prefix=PREFIX):
        self.prefix = str(prefix)
        self.dataset_file = self._path("input/data/training/dataset.zip")
        self.model_card_file = self._path("input/data/model_card/README.md")
        self.model_toml_file = self._path("input/data/manifest/manifest.toml")
        self.weights_dir = self._path("input/data/weights")
        self.hyperparameters_file = self._path("input/config/hyperparameters.json")
        self.output_dir = self._path("model")
        self.failure_file = self._path("output/failure")
        self.facts_file = self._path("output/data/training.json")

    def _path(self, below):
        return os.path.join(self.prefix, *below.split("/"))


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        raise OptionError(message)


def prefix_of(arguments):
    """The folder that stands for /opt/ml, before the other options can be told."""
    parser = _Parser(add_help=False, allow_abbrev=False)
    parser.add_argument("--prefix", default=PREFIX)
    try:
        return parser.parse_known_args(arguments)[0].prefix
    except OptionError:  # the whole parser will say so
        return PREFIX


def training_parser(cls, paths=None):
    """The parser of `train`, and the names of the options that are not the model's own: (parser, names)."""
    paths = paths or TrainingPaths()
    about = cls.__doc__ and cls.__doc__.splitlines()[0]
    parser = _Parser(prog="run.py train", description=about, epilog=_epilog(cls))
    parser.add_argument("--dataset-file", default=paths.dataset_file, help="[%(default)s]")
    card = parser.add_mutually_exclusive_group()
    card.add_argument("--model-card-file", help="README.md of the model [%s]" % paths.model_card_file)
    card.add_argument("--model-toml-file", help="the same as TOML [%s]" % paths.model_toml_file)
    parser.add_argument("--hyperparameters-file", help="options as JSON [%s]" % paths.hyperparameters_file)
    parser.add_argument("--output-dir", default=paths.output_dir, help="[%(default)s]")
    parser.add_argument("--target", help="column to predict; needed where the data set has several")
    parser.add_argument(
        "--split",
        help="name of a split of the data set, or random_5, modulo_5, contiguous_5, train_valid_test; for a model that "
        "learns nothing also all [the only one, else train_valid_test, else random_5]",
    )
    parser.add_argument("--fold", type=int, help="predict this fold alone, counted from 0 [all in turn]")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--weights-dir", help="folder with the pretrained weights [%s]" % paths.weights_dir)
    parser.add_argument("--prefix", default=PREFIX, help="a folder that is laid out as [%(default)s]")
    forms = {action.dest for action in parser._actions}
    cls.add_training_arguments(parser)
    cls.add_arguments(parser)
    return parser, forms


def _epilog(cls):
    ignored = ", ".join(sorted(cls.ignored_hyper_params))
    return "hyper-parameters of a card that mean nothing here: %s" % ignored if ignored else None


def training_options(cls, arguments, paths):
    """The options of the command line; beneath them the file of hyper-parameters, the card, the defaults.

    Beside what is declared, they have `card`, and `hyper_params`: the model's own options by name.

    Raises:
        OptionError: one is not known, or does not fit.
        CardError: there is no model card, or it cannot be used.
    """
    parser, forms = training_parser(cls, paths)
    if cls.train is _without_train():
        parser.error("this model has no train")
    baked.prefer_the_only_variant(parser)
    named, _ = parser.parse_known_args(arguments)
    sources = list(_file_source(parser, named, paths))
    words, _ = hyperparameters.command_line(sources, cls.ignored_hyper_params)
    options = parser.parse_args(words + arguments)
    card = read_card(options, paths)
    own = hyperparameters.settable(parser, but=forms)
    sources.insert(0, hyperparameters.Source("the model card", card.hyper_params, own))
    words, passed_over = hyperparameters.command_line(sources, cls.ignored_hyper_params)
    for name in passed_over:
        say("the hyper-parameter %s is not used: %s" % (name, _why_ignored(cls, name)))
    try:
        options = parser.parse_args(words + arguments)
    except OptionError as error:  # without the card it was right
        raise OptionError("the model card: %s" % error) from None
    options.card = card
    options.hyper_params = {name: vars(options)[name] for name in sorted(own)}
    if options.weights_dir is None and os.path.isdir(paths.weights_dir):
        options.weights_dir = paths.weights_dir
    return options


def _without_train():
    from .runner import Runner

    return Runner.train


def _file_source(parser, named, paths):
    path = named.hyperparameters_file
    if path is None and os.path.exists(paths.hyperparameters_file):
        path = paths.hyperparameters_file
    if path is not None:
        settable = hyperparameters.settable(parser, but=("prefix", "hyperparameters_file"))
        yield hyperparameters.Source(path, hyperparameters.read_file(path), settable)


def _why_ignored(cls, name):
    plain = {key.replace("-", "_"): why for key, why in cls.ignored_hyper_params.items()}
    return plain[name.replace("-", "_")]


def read_card(options, paths):
    """The model card: the one that is named, else the README.md or the TOML file where SageMaker lays them.

    Raises:
        CardError: there is none, or it cannot be used.
    """
    if options.model_toml_file is not None:
        return Manifest.from_path(options.model_toml_file)
    if options.model_card_file is not None:
        return ModelCard.from_path(options.model_card_file)
    if os.path.exists(paths.model_card_file):
        return ModelCard.from_path(paths.model_card_file)
    if os.path.exists(paths.model_toml_file):
        return Manifest.from_path(paths.model_toml_file)
    raise CardError("there is no model card", "name one with --model-card-file or --model-toml-file")


def say(text):
    """Tell whoever looks on, on stderr."""
    print("run.py train: %s" % text, file=sys.stderr, flush=True)
