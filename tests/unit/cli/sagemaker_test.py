"""`repro sagemaker`: against moto's server; what moto's jobs never do by themselves, they are told to do."""

from __future__ import annotations

import importlib
import json
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from repro.errors import redact
from repro.registry import catalogue
from tests.training_package import make_training_package, write_assay
from tests.unit.cli.conftest import Ran, Repro
from tests.unit.engines.aws import IMAGE, REGION, REGISTRY, ROLE, SECRET, Aws, aws, aws_server, packed

__all__ = ["aws", "aws_server"]

WORDS = ("sagemaker", "create", "trainee", "dms.csv", "--image", IMAGE, "--role", "Trainer", "--s3", "s3://lab/jobs")
TABLE = b"mutant,test,pred,split\nM1W,0.0,4.5,0\nK2W,1.0,4.0,1\n"
FACTS = {"predictions": "dms_trainee.csv", "rows": 2, "split": "modulo_2", "folds": [0, 1], "seconds": 12.5}


@pytest.fixture(autouse=True)
def trainee(tmp_path: Path, aws: Aws, repro: Repro, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The container side of an installed model that can be trained, with its weights; a data set `dms.csv`."""
    packages = make_training_package(tmp_path / "packages", "trainee:1.0")
    monkeypatch.syspath_prepend(packages)
    catalogue.__dict__.pop("sources", None)
    write_assay(Path("dms.csv"))
    assert repro("weights", "fetch", "trainee").code == 0
    yield packages / "trainee" / "container"
    catalogue.__dict__.pop("sources", None)
    sys.modules.pop("trainee", None)
    importlib.invalidate_caches()


@pytest.fixture
def created(repro: Repro, aws: Aws) -> str:
    """A job that is done, and has left its predictions."""
    done = repro(*WORDS, "--name", "first")
    assert done.code == 0, done.err
    aws.put("jobs/first/output/model.tar.gz", packed({"dms_trainee.csv": TABLE, "fold_0/mean.txt": b"4.5"}))
    aws.put("jobs/first/output/output.tar.gz", packed({"training.json": json.dumps(FACTS).encode()}))
    return done.out.strip()


# -------------------------------------------------------------------------------------------------------------- create


def test_create_uploads_what_run_py_reads_and_prints_the_name_alone(repro: Repro, aws: Aws) -> None:
    done = repro(*WORDS)

    assert done.code == 0, done.err
    name = done.out.strip()
    assert name.startswith("repro-trainee-dms-")
    assert len(name) <= 63
    assert aws.objects() == [
        f"jobs/{name}/input/model_card/README.md",
        f"jobs/{name}/input/training/dataset.zip",
        f"jobs/{name}/input/weights/mean.txt",
        f"jobs/{name}/repro.json",
    ]
    assert aws.read(f"jobs/{name}/input/weights/mean.txt") == b"small"
    assert f"repro sagemaker monitor {name}" in done.err


def test_data_set_arrives_with_equal_content(repro: Repro, aws: Aws, tmp_path: Path) -> None:
    from repro.benchmarks.proteingym import Dataset

    name = repro(*WORDS).out.strip()

    (tmp_path / "dataset.zip").write_bytes(aws.read(f"jobs/{name}/input/training/dataset.zip"))
    assert Dataset.from_path(tmp_path / "dataset.zip").digest == Dataset.from_path("dms.csv").digest


def test_job_is_asked_for_with_all_that_was_said(repro: Repro, aws: Aws) -> None:
    words = [
        "-p",
        "n-steps=5",
        "--fold",
        "1",
        "--volume",
        "50",
        "--max-runtime",
        "2h",
        "--instance-type",
        "ml.g5.xlarge",
    ]
    name = repro(*WORDS, *words, "--tag", "project=assays").out.strip()

    job = aws.describe(name)
    assert job["RoleArn"] == ROLE
    assert job["AlgorithmSpecification"]["TrainingImage"] == IMAGE
    assert job["HyperParameters"] == {
        "target": "DMS_score",
        "split": "modulo_2",
        "fold": "1",
        "device": "cuda",
        "n_steps": "5",
        "variant": "small",
    }
    resources = {"InstanceType": "ml.g5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 50}
    assert job["ResourceConfig"] == resources
    assert job["StoppingCondition"] == {"MaxRuntimeInSeconds": 7200}
    assert job["EnableNetworkIsolation"] is True
    assert job["OutputDataConfig"]["S3OutputPath"] == "s3://lab/jobs"
    channels = {one["ChannelName"]: one["DataSource"]["S3DataSource"]["S3Uri"] for one in job["InputDataConfig"]}
    assert channels == {
        channel: f"s3://lab/jobs/{name}/input/{channel}/" for channel in ("training", "model_card", "weights")
    }
    tags = {tag["Key"]: tag["Value"] for tag in aws.job(name).tags}
    assert (tags["repro:model"], tags["repro:dataset"], tags["project"]) == ("trainee-model", "dms", "assays")


def test_spot_waits_and_keeps_checkpoints(repro: Repro, aws: Aws) -> None:
    name = repro(*WORDS, "--spot", "--max-runtime", "1h", "--max-wait", "3h").out.strip()

    job = aws.describe(name)
    assert job["EnableManagedSpotTraining"] is True
    assert job["StoppingCondition"] == {"MaxRuntimeInSeconds": 3600, "MaxWaitTimeInSeconds": 10800}
    checkpoints = {"S3Uri": f"s3://lab/jobs/{name}/checkpoints", "LocalPath": "/opt/ml/checkpoints"}
    assert job["CheckpointConfig"] == checkpoints


def test_card_in_toml_goes_into_the_channel_of_manifests(repro: Repro, aws: Aws, trainee: Path) -> None:
    name = repro(*WORDS, "--card", trainee / "card.toml").out.strip()

    assert f"jobs/{name}/input/manifest/manifest.toml" in aws.objects()
    assert not [key for key in aws.objects() if "model_card" in key]


def test_weights_in_s3_are_used_where_they_lie(repro: Repro, aws: Aws) -> None:
    aws.put("pretrained/mean.txt", b"small")

    name = repro(*WORDS, "--weights", "s3://lab/pretrained").out.strip()

    channels = [one["DataSource"]["S3DataSource"]["S3Uri"] for one in aws.describe(name)["InputDataConfig"]]
    assert "s3://lab/pretrained/" in channels
    assert not [key for key in aws.objects() if key.startswith(f"jobs/{name}/input/weights")]


def test_baked_weights_need_no_channel(repro: Repro, aws: Aws) -> None:
    name = repro(*WORDS, "--baked-weights").out.strip()

    assert {one["ChannelName"] for one in aws.describe(name)["InputDataConfig"]} == {"training", "model_card"}


def test_json_names_the_job_and_its_places(repro: Repro, aws: Aws) -> None:
    told = json.loads(repro(*WORDS, "--name", "first", "--json").out)

    assert told["name"] == "first"
    assert told["arn"].endswith("training-job/first")
    assert told["output"] == "s3://lab/jobs/first/output/model.tar.gz"


def test_dry_run_uploads_and_creates_nothing(repro: Repro, aws: Aws) -> None:
    done = repro(*WORDS, "--name", "first", "--dry-run")

    assert json.loads(done.out)["TrainingJobName"] == "first"
    assert aws.objects() == []
    assert aws.client("sagemaker").list_training_jobs()["TrainingJobSummaries"] == []


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--image", "trainee:1.0"], 2, "do: repro publish trainee --registry"),
        (["--image", "ghcr.io/lab/trainee:1.0"], 2, "SageMaker cannot pull 'ghcr.io/lab/trainee:1.0'"),
        (
            ["--image", IMAGE.replace(REGION, "us-east-1")],
            2,
            "the image is in us-east-1, the job would be in eu-west-1",
        ),
        (["--image", f"{REGISTRY}/lab/trainee:2.0"], 2, "there is no image"),
        (["--image", f"{REGISTRY}/lab/nothing:1.0"], 2, "there is no image"),
        (["--role", "Nobody"], 2, "there is no role Nobody"),
        (["--role", "arn:aws:iam::1:role/x"], 2, "is no role"),
        (["--role", "Function"], 2, "its trust policy does not name sagemaker.amazonaws.com"),
        (["--s3", "s3://nowhere/jobs"], 2, "there is no bucket nowhere"),
        (["--s3", "lab/jobs"], 2, "'lab/jobs' is no place in S3"),
        (["--s3", "s3://lab/../jobs"], 2, "one of dots alone"),
        (["--region", "us-east-1"], 2, "the job would be in us-east-1"),
        (["--instance-type", "m5.xlarge"], 2, "is no instance type of SageMaker"),
        (["--instance-type", "ml.m5.xlagre"], 2, "such as ml.m5.xlarge"),
        (["--max-wait", "1h"], 2, "only a job on spot instances waits"),
        (["--spot", "--max-wait", "1h"], 2, "make --max-wait no shorter than --max-runtime"),
        (["--max-runtime", "29d"], 2, "between a second and 28 days"),
        (["--max-runtime", "soon"], 2, "'soon' is no time"),
        (["--name", "a_b"], 2, "no job can be called 'a_b'"),
        (["--tag", "project"], 2, "'project' is no tag"),
        (["--tag", "aws:x=1"], 2, "cannot be given"),
        (["--weights", "s3://lab/none"], 2, "there are no weights under s3://lab/none/"),
        (["-p", "shfit=1"], 2, "trainee-model has no option 'shfit'"),
        (["-p", f"do={'x' * 3000}"], 2, "SageMaker holds 2,500"),
        (["--target", "size"], 3, "dms has no target 'size'"),
        (["--split", "moduol_2"], 3, "dms has no split 'moduol_2'"),
        (["--card", "nowhere.md"], 3, "there is no model card nowhere.md"),
    ],
)
def test_what_is_wrong_is_told_before_anything_is_uploaded(
    repro: Repro, aws: Aws, words: list[str], code: int, said: str
) -> None:
    done = repro(*WORDS, *words)

    assert done.code == code, done.err
    assert said in done.err
    assert "Traceback" not in done.err
    assert aws.objects() == []


def test_name_of_another_job_is_not_taken_again(repro: Repro, created: str, aws: Aws) -> None:
    before = aws.objects()

    done = repro(*WORDS, "--name", created)

    assert done.code == 2
    assert f"there is a job called {created}" in done.err
    assert aws.objects() == before


def test_weights_that_are_not_here_are_told_before_anything_is_uploaded(repro: Repro, aws: Aws) -> None:
    assert repro("weights", "remove", "trainee", "--all", "--yes").code == 0

    done = repro(*WORDS)

    assert done.code == 4
    assert "repro setup trainee --variant small" in done.err
    assert aws.objects() == []


def test_what_was_uploaded_is_removed_where_the_job_is_refused(
    repro: Repro, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    from moto.sagemaker.exceptions import ValidationError
    from moto.sagemaker.models import SageMakerModelBackend

    def refuse(*_: object, **__: object) -> None:
        raise ValidationError("the role is not yet everywhere")

    monkeypatch.setattr(SageMakerModelBackend, "create_training_job", refuse)

    done = repro(*WORDS)

    assert done.code == 2
    assert "the role is not yet everywhere" in done.err
    assert aws.objects() == []


# ------------------------------------------------------------------------------------------------------- the account


def _without_account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")


@pytest.mark.parametrize("words", [WORDS, ("sagemaker", "monitor", "x"), ("sagemaker", "fetch", "x", "-o", "out")])
def test_no_credentials_is_told(repro: Repro, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]) -> None:
    _without_account(monkeypatch)

    done = repro(*words)

    assert done.code == 2
    assert "no credentials of AWS" in done.err
    assert "aws configure" in done.err


def test_no_region_is_told(repro: Repro, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")

    done = repro("sagemaker", "monitor", "x")

    assert (done.code, "--region" in done.err) == (2, True)


def test_a_profile_that_is_not_there_is_told(repro: Repro, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")

    done = repro("sagemaker", "monitor", "x")

    assert (done.code, "nobody" in done.err) == (2, True)


def test_an_account_that_cannot_be_reached_is_told(repro: Repro, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")

    done = repro(*WORDS)

    assert done.code == 5
    assert "AWS does not answer" in done.err


def test_missing_boto3_is_told_with_the_extra(repro: Repro, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)

    done = repro("sagemaker", "monitor", "x")

    assert done.code == 2
    assert 'pip install "repro-models[sagemaker]"' in done.err


# ------------------------------------------------------------------------------------------------------------- monitor


def test_job_that_is_done_ends_well_and_its_steps_are_told(repro: Repro, created: str) -> None:
    done = repro("sagemaker", "monitor", created)

    assert done.code == 0, done.err
    assert "Starting: Preparing the instances for training" in done.err
    assert f"{created}: Completed" in done.err
    assert f"repro sagemaker fetch {created}" in done.err


@pytest.mark.parametrize(
    ("status", "secondary", "reason", "said"),
    [
        ("Failed", "Failed", "AlgorithmError: no residue fits\nTraceback of it", "AlgorithmError: no residue fits"),
        ("Failed", "Failed", None, "SageMaker gives no reason"),
        ("Stopped", "Stopped", None, "the job first was stopped"),
        ("Stopped", "MaxRuntimeExceeded", None, "ran longer than it might (86,400 s)"),
        ("Stopped", "MaxWaitTimeExceeded", None, "waited longer than it might"),
    ],
)
@pytest.mark.parametrize("command", ["monitor", "fetch"])
def test_job_that_did_not_complete_is_an_error_with_its_reason(
    repro: Repro, aws: Aws, created: str, status: str, secondary: str, reason: str | None, said: str, command: str
) -> None:
    aws.set_job(created, status, secondary, reason)

    done = repro("sagemaker", command, created, *(["-o", "out"] if command == "fetch" else []))

    assert done.code == 8
    assert said in done.err
    assert "aws logs tail /aws/sagemaker/TrainingJobs" in done.err
    assert not Path("out").exists()


def test_json_of_a_failed_job_has_its_reason(repro: Repro, aws: Aws, created: str) -> None:
    aws.set_job(created, "Failed", "Failed", f"no login with {SECRET}")

    done = repro("sagemaker", "monitor", created, "--json")

    assert done.code == 8
    assert json.loads(done.out)["reason"] == "no login with ***"
    assert SECRET not in done.out + done.err


def test_ctrl_c_leaves_the_job_running_and_says_so(
    repro: Repro, aws: Aws, created: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    aws.set_job(created, "InProgress", "Training")
    monkeypatch.setattr(time, "sleep", interrupt)

    done = repro("sagemaker", "monitor", created)

    assert done.code == 130
    assert f"the job {created} goes on" in done.err
    assert aws.describe(created)["TrainingJobStatus"] == "InProgress"


def test_stop_of_a_job_that_has_ended_says_how(repro: Repro, created: str) -> None:
    done = repro("sagemaker", "monitor", created, "--stop")

    assert done.code == 0
    assert f"the job {created} has ended before: Completed" in done.err


def test_unknown_job_is_told_with_the_region(repro: Repro) -> None:
    done = repro("sagemaker", "monitor", "nowhere")

    assert done.code == 2
    assert f"there is no job called nowhere in {REGION}" in done.err


# --------------------------------------------------------------------------------------------------------------- fetch


def test_fetch_gives_the_folder_that_train_gives(repro: Repro, created: str) -> None:
    done = repro("sagemaker", "fetch", created, "-o", "out")

    assert done.code == 0, done.err
    assert "out/dms_trainee.csv: 2 predictions" in done.err
    assert Path("out/dms_trainee.csv").read_bytes() == TABLE
    assert Path("out/fold_0/mean.txt").read_bytes() == b"4.5"
    assert sorted(path.name for path in Path("out").iterdir()) == [
        "dms_trainee.csv",
        "dms_trainee.csv.repro.json",
        "fold_0",
    ]
    assert [path.name for path in Path().iterdir() if path.name.endswith(".part")] == []


def test_manifest_of_what_was_fetched_can_be_shown(repro: Repro, created: str) -> None:
    repro("sagemaker", "fetch", created, "-o", "out")

    shown = repro("info", "out/dms_trainee.csv")

    assert shown.code == 0, shown.err
    assert re.search(r"^runtime +sagemaker$", shown.out, re.MULTILINE)
    assert "as it was written" in shown.out
    assert IMAGE in shown.out
    assert "modulo_2, folds 0, 1" in shown.out
    assert "mean.txt sha256" in shown.out


def test_json_tells_what_was_fetched(repro: Repro, created: str) -> None:
    told = json.loads(repro("sagemaker", "fetch", created, "-o", "out", "--json").out)

    assert (told["rows"], told["kept"]) == (2, ["fold_0/mean.txt"])


def test_a_job_of_somebody_else_is_fetched_too(repro: Repro, aws: Aws, created: str) -> None:
    aws.client("s3").delete_object(Bucket="lab", Key="jobs/first/repro.json")
    aws.client("s3").delete_object(Bucket="lab", Key="jobs/first/output/output.tar.gz")

    assert repro("sagemaker", "fetch", created, "-o", "out").code == 0
    assert Path("out/dms_trainee.csv.repro.json").is_file()


def test_job_that_goes_on_cannot_be_fetched(repro: Repro, aws: Aws, created: str) -> None:
    aws.set_job(created, "InProgress", "Training")

    done = repro("sagemaker", "fetch", created, "-o", "out")

    assert done.code == 3
    assert f"repro sagemaker monitor {created}" in done.err


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"../climbs.csv": b"x"}, "is not unpacked"),
        ({"/etc/absolute": b"x"}, "is not unpacked"),
        ({"other.csv": TABLE}, "there is no dms_trainee.csv among other.csv"),
        ({"dms_trainee.csv": b"mutant,test,split\nM1W,1,0\n"}, "no column pred"),
        ({"dms_trainee.csv": b"mutant,test,pred,split\nM1W,1,nan,0\nM2W,1,1,0\n"}, "row 1 of the predictions"),
        ({"dms_trainee.csv": TABLE + b"A3W,1,1,0\n"}, "has 3 rows, run.py says 2"),
    ],
)
def test_what_is_not_whole_or_not_safe_is_refused_and_nothing_kept(
    repro: Repro, aws: Aws, created: str, files: dict[str, bytes], said: str
) -> None:
    aws.put("jobs/first/output/model.tar.gz", packed(files))

    done = repro("sagemaker", "fetch", created, "-o", "out")

    assert done.code == 7, done.err
    assert said in done.err
    assert not Path("out").exists()
    assert not Path("climbs.csv").exists()


def test_bytes_that_are_no_archive_are_refused(repro: Repro, aws: Aws, created: str) -> None:
    aws.put("jobs/first/output/model.tar.gz", b"no archive")

    assert repro("sagemaker", "fetch", created, "-o", "out").code == 7


def test_output_that_was_removed_from_s3_is_told(repro: Repro, aws: Aws, created: str) -> None:
    aws.client("s3").delete_object(Bucket="lab", Key="jobs/first/output/model.tar.gz")

    done = repro("sagemaker", "fetch", created, "-o", "out")

    assert done.code == 3
    assert "there is nothing at s3://lab/jobs/first/output/model.tar.gz" in done.err


def test_output_folder_that_cannot_be_is_told(repro: Repro, created: str) -> None:
    assert repro("sagemaker", "fetch", created, "-o", "dms.csv").code == 9


# ----------------------------------------------------------------------------------------------------------- the rest


def test_no_secret_is_ever_said(repro: Repro, created: str) -> None:
    said: list[Ran] = [
        repro(*WORDS, "--debug", "-v"),
        repro("sagemaker", "monitor", created, "--debug", "-v"),
        repro("sagemaker", "fetch", created, "-o", "out", "--debug", "-v"),
        repro(*WORDS, "--role", "Nobody", "--debug"),
    ]

    text = "".join(ran.out + ran.err for ran in said)
    assert SECRET not in text
    assert "AKIAIOSFODNN7EXAMPLE" not in redact(text)
    assert "Signature" not in text


def test_help_lists_the_commands_and_needs_no_boto3(program: Repro) -> None:
    done = program("sagemaker", "--help")

    assert done.code == 0
    assert all(name in done.out for name in ("create", "monitor", "fetch"))
