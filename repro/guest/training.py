"""The form `train` of run.py: a data set and a model card in, the trained model and its predictions out.

`train` of a Runner gets the options, keeps what it has learned in `options.output_dir`, and yields its predictions as
rows; they become `{dataset}_{model}.csv` there. Where nothing is said, the paths are those of SageMaker.
"""

import csv
import io
import json
import os
import re
import zipfile

from .results import ContractError

PREFIX = "/opt/ml"


class TrainingPaths:
    """Where SageMaker lays things in a container.

    The trained model and the predictions go to OUTPUT_DIR: it is what SageMaker packs (model.tar.gz) and keeps when the
    job is done. Of /opt/ml/output it reads the failure file and `data` alone.
    """

    DATASET_FILE = PREFIX + "/input/data/training/dataset.zip"
    MODEL_CARD_FILE = PREFIX + "/input/data/model_card/README.md"
    MODEL_TOML_FILE = PREFIX + "/input/data/manifest/manifest.toml"
    HYPERPARAMETERS_FILE = PREFIX + "/input/config/hyperparameters.json"
    OUTPUT_DIR = PREFIX + "/model"
    FAILURE_FILE = PREFIX + "/output/failure"


class TrainingError(Exception):
    """The data set, the card or the options cannot be used."""


def add_training_arguments(parser):
    """The options that every `train` has."""
    parser.add_argument("--dataset-file", default=TrainingPaths.DATASET_FILE, help="[%(default)s]")
    card = parser.add_mutually_exclusive_group()
    card.add_argument("--model-card-file", help="README.md of the model [%s]" % TrainingPaths.MODEL_CARD_FILE)
    card.add_argument("--model-toml-file", help="the same as TOML [%s]" % TrainingPaths.MODEL_TOML_FILE)
    parser.add_argument("--hyperparameters-file", help="options as JSON [%s]" % TrainingPaths.HYPERPARAMETERS_FILE)
    parser.add_argument("--output-dir", default=TrainingPaths.OUTPUT_DIR, help="[%(default)s]")


def training_options(parser, arguments):
    """The options of the command line, and beneath them those of the file of hyper-parameters."""
    named, _ = parser.parse_known_args(arguments)
    path = named.hyperparameters_file
    if path is None and os.path.exists(TrainingPaths.HYPERPARAMETERS_FILE):
        path = TrainingPaths.HYPERPARAMETERS_FILE
    words = [] if path is None else _hyperparameters(parser, path)
    return parser.parse_args(words + arguments)


def _hyperparameters(parser, path):
    """The file's content as words of a command line. SageMaker makes text of every value, and adds some of its own."""
    try:
        with open(path, encoding="utf-8") as file:
            values = json.load(file)
    except (OSError, ValueError) as error:
        parser.error("cannot read the hyper-parameters %s: %s" % (path, error))
    if not isinstance(values, dict):
        parser.error("the hyper-parameters %s are no JSON object" % path)
    known = vars(parser.parse_known_args([])[0])
    words = []
    for key, value in sorted(values.items()):
        name = key.replace("-", "_")
        if name.startswith("sagemaker_"):
            continue
        if name not in known:
            parser.error("%s has %r; run.py has: %s" % (path, key, ", ".join(sorted(known))))
        words += _words("--" + name.replace("_", "-"), value, isinstance(known[name], bool))
    return words


def _words(option, value, is_flag):
    if is_flag:
        return [option] if str(value).lower() == "true" else []
    return ["%s=%s" % (option, value if isinstance(value, str) else json.dumps(value))]


def train(cls, options):
    """Train a model of class `cls` and write its predictions; gives their path.

    Raises:
        TrainingError: the data set or the card cannot be used.
        ContractError: the rows that `train` of run.py yields are not what they have to be.
    """
    try:
        name = model_name(options)
        if not os.path.isfile(options.dataset_file):
            raise TrainingError("there is no data set %s: name one with --dataset-file" % options.dataset_file)
        os.makedirs(options.output_dir, exist_ok=True)
        rows = list(cls.prepared(options).train(options))
        return _write_rows(rows, os.path.join(options.output_dir, _file_name(options.dataset_file, name)))
    except Exception as error:
        _leave_failure(error)
        raise


def model_name(options):
    """What the card, or the TOML file, says the model is called."""
    path = options.model_card_file or options.model_toml_file
    if path is None:
        defaults = (TrainingPaths.MODEL_CARD_FILE, TrainingPaths.MODEL_TOML_FILE)
        path = next(filter(os.path.exists, defaults), None)
    if path is None:
        raise TrainingError("no model card: name one with --model-card-file")
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except (OSError, ValueError) as error:
        raise TrainingError("cannot read the model card %s: %s" % (path, error)) from None
    front = re.match(r"---\n(.*?\n)---\n", text, re.DOTALL)
    found = re.search(r"""^name\s*[:=]\s*["']?([^"'\n#]+)""", front.group(1) if front else text, re.MULTILINE)
    if found is None or not found.group(1).strip():
        raise TrainingError("%s does not say `name`" % path)
    return found.group(1).strip()


def _file_name(dataset_file, name):
    dataset = os.path.splitext(os.path.basename(dataset_file))[0]
    return re.sub(r"[^\w.+-]", "-", "%s_%s.csv" % (dataset, name))


def _leave_failure(error):
    """Say what went wrong where SageMaker looks for it; elsewhere there is no such folder."""
    if os.path.isdir(os.path.dirname(TrainingPaths.FAILURE_FILE)):
        with open(TrainingPaths.FAILURE_FILE, "w", encoding="utf-8") as file:
            file.write("%s: %s" % (type(error).__name__, error))


# ------------------------------------------------------------------------------------------------------------- the rows


def read_rows(path, columns=("sequence", "target", "split")):
    """The rows of a data set as dicts of text: of a CSV file, or of the one CSV file in a zip archive.

    Raises:
        TrainingError: the file is neither, or lacks one of `columns`; or a row is longer or shorter than the header.
    """
    with open(path, "rb") as file:
        data = file.read()
    if zipfile.is_zipfile(io.BytesIO(data)):
        data = _only_table(path, data)
    try:
        reader = csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True)
        rows = list(reader)
    except (ValueError, csv.Error) as error:
        raise TrainingError("%s is no CSV file in UTF-8: %s" % (path, error)) from None
    lacking = [column for column in columns if column not in (reader.fieldnames or ())]
    if lacking:
        raise TrainingError("%s has no column %s; it has: %s" % (path, ", ".join(lacking), reader.fieldnames))
    for number, row in enumerate(rows, 1):
        if None in row or None in row.values():
            raise TrainingError("%s: row %d has not as many fields as the header" % (path, number))
    return rows


def _only_table(path, data):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        tables = [name for name in archive.namelist() if name.endswith(".csv")]
        if len(tables) != 1:
            raise TrainingError("%s holds %d CSV files, and not one: %s" % (path, len(tables), ", ".join(tables)))
        return archive.read(tables[0])


def _write_rows(rows, path):
    """Write the predictions; the file has its name when it is complete."""
    _check_rows(rows)
    unfinished = "%s.%d.partial" % (path, os.getpid())
    with open(unfinished, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    os.replace(unfinished, path)
    return path


def _check_rows(rows):
    if not rows:
        raise ContractError("train gave no predictions")
    for number, row in enumerate(rows, 1):
        lacking = [column for column in ("test", "pred", "split") if column not in row]
        if not ("sequence" in row or "mutant" in row):
            lacking.append("sequence or mutant")
        if lacking:
            raise ContractError("row %d of train has no %s" % (number, ", ".join(lacking)))
        if list(row) != list(rows[0]):
            raise ContractError("row %d of train has other columns than the first" % number)
        if not _is_finite(row["pred"]):
            raise ContractError("row %d of train has no number as its pred: %r" % (number, row["pred"]))


def _is_finite(value):
    try:
        return abs(float(value)) < float("inf")
    except (TypeError, ValueError):
        return False
