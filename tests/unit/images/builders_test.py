"""What builders say becomes steps."""

from __future__ import annotations

import pytest

from repro.errors import BuildError
from repro.images.buildkit import _Progress as BuildKitProgress
from repro.images.classic import _Progress as ClassicProgress
from repro.images.classic import without_mounts
from repro.images.dockerfile import parse
from repro.images.failures import build_error
from repro.images.steps import Steps

DOCKERFILE = "FROM python:3.11\nARG WHAT=bad\n\nRUN --mount=type=cache,target=/c \\\n    make\nRUN echo $WHAT; exit 7\n"
BUILDKIT = """\
#1 [internal] load build definition from Dockerfile
#1 sha256:1090d303a7c0aeb1a763742471655749163917a4f041b544e7bee8611773ae29
#1 transferring dockerfile: 213B done
#1 DONE 0.1s

#4 [1/3] FROM docker.io/library/python:3.11
#4 DONE 0.0s

#5 [2/3] RUN --mount=type=cache,target=/c     make
#5 sha256:98a30b3af1b2e2d471f4316505f1e76dc0eb05d363ff9693c7cba5619e4b342d
#5 CACHED

#9 [3/3] RUN echo bad; exit 7
#9 0.299 bad
#9 ERROR: executor failed running [/bin/sh -c echo $WHAT; exit 7]: exit code: 7
------
 > [3/3] RUN echo bad; exit 7:
#9 0.299 bad
------
executor failed running [/bin/sh -c echo $WHAT; exit 7]: exit code: 7
"""
CLASSIC = """\
Step 1/4 : FROM python:3.11
 ---> 73a2f1ee4e5e
Step 2/4 : ARG WHAT=bad
 ---> Using cache
 ---> 11e975fcde42
Step 3/4 : RUN make
 ---> Running in 29eb09ed2b9a
made
Removing intermediate container 29eb09ed2b9a
 ---> 31d0c31c8c75
Step 4/4 : RUN echo $WHAT; exit 7
 ---> Running in 29eb09ed2b9b
bad
"""


class Told:
    """A `BuildWatch` that writes down what it is told."""

    def __init__(self) -> None:
        self.events: list[tuple[str, ...]] = []

    def begin(self, step: str) -> None:
        self.events.append(("begin", step))

    def line(self, step: str, text: str) -> None:
        self.events.append(("line", step, text))

    def end(self, step: str, state: str, seconds: float) -> None:
        self.events.append(("end", step, state))

    def note(self, text: str) -> None:
        self.events.append(("note", text))


def test_buildkits_progress_is_steps_with_their_lines() -> None:
    told = Told()
    steps = Steps(told)
    progress = BuildKitProgress(steps)
    for line in BUILDKIT.splitlines():
        progress.read(line)

    make = "[2/3] RUN --mount=type=cache,target=/c     make"
    failed = "[3/3] RUN echo bad; exit 7"
    reason = "executor failed running [/bin/sh -c echo $WHAT; exit 7]: exit code: 7"
    assert told.events == [
        ("begin", "[1/3] FROM docker.io/library/python:3.11"),
        ("end", "[1/3] FROM docker.io/library/python:3.11", "done"),
        ("begin", make),
        ("end", make, "cached"),
        ("begin", failed),
        ("line", failed, "bad"),
        ("line", failed, reason),
        ("end", failed, "failed"),
        ("note", reason),
    ]
    assert steps.failed == failed


def test_the_engines_own_progress_is_steps_with_their_lines() -> None:
    told = Told()
    steps = Steps(told)
    progress = ClassicProgress(steps)
    for line in CLASSIC.splitlines():
        progress.read(line)
    progress.fail("returned a non-zero code: 7")

    assert [event for event in told.events if event[0] != "begin"] == [
        ("end", "[1/4] FROM python:3.11", "done"),
        ("end", "[2/4] ARG WHAT=bad", "cached"),
        ("line", "[3/4] RUN make", "made"),
        ("end", "[3/4] RUN make", "done"),
        ("line", "[4/4] RUN echo $WHAT; exit 7", "bad"),
        ("line", "[4/4] RUN echo $WHAT; exit 7", "returned a non-zero code: 7"),
        ("end", "[4/4] RUN echo $WHAT; exit 7", "failed"),
    ]


def test_the_step_that_failed_is_told_with_its_line_in_the_dockerfile() -> None:
    for text, read in ((BUILDKIT, BuildKitProgress), (CLASSIC, ClassicProgress)):
        steps = Steps(Told())
        progress = read(steps)
        for line in text.splitlines():
            progress.read(line)
        if isinstance(progress, ClassicProgress):
            progress.fail("exit code: 7")

        error = build_error("an/image:1", parse(DOCKERFILE), steps, 1)

        assert "line 6 of the Dockerfile" in error.message
        assert "exit 7" in error.message
        assert "exit code: 7" in error.message
        assert error.evidence.log_tail[0] == "bad"


def test_usual_causes_are_told_by_name() -> None:
    def error(said: str) -> str:
        steps = Steps(Told())
        steps.line("[2/2] RUN make", said)
        steps.end("[2/2] RUN make", "failed")
        return str(build_error("an/image:1", parse("FROM a\nRUN make\n"), steps, 1))

    assert "disk on which the engine keeps images is full" in error("write /x: no space left on device")
    assert "--platform" in error("exec /bin/sh: exec format error")
    assert "--secret id=NAME" in error("failed to solve: secret token: not found")
    assert "base image cannot be pulled" in error('failed to do request: Head "https://x/v2/a/manifests/1"')


def test_the_engines_own_builder_gets_no_caches_and_no_secrets_and_commands_as_they_are() -> None:
    text = r"""FROM a
RUN --mount=type=cache,target=/c \
    --mount=type=secret,id=ca.crt,required=false \
    make
RUN --network=none --mount=type=secret,id=pip.conf,target=/etc/pip.conf echo "a --mount=type=x b" --mount=type=bind
# --mount=type=cache
"""

    assert without_mounts(parse(text)).split() == [
        word
        for word in text.split()
        if word not in ("--mount=type=cache,target=/c", "--mount=type=secret,id=ca.crt,required=false")
        and "pip.conf" not in word
    ]


@pytest.mark.parametrize(
    "flag",
    [
        "--mount=type=bind,source=src,target=/mnt",
        "--mount=target=/mnt",
        "--mount=type=tmpfs,target=/tmp",
        "--mount=type=ssh",
        "--mount=type=secret,id=token,required=true",
        "--mount=type=secret,id=pip.conf,required",
        "--mount=type=cache,target=/c,from=busybox:1",
    ],
)
def test_what_a_build_cannot_do_without_is_not_taken_out(flag: str) -> None:
    with pytest.raises(BuildError, match=f"line 3 of the Dockerfile has {flag},") as raised:
        without_mounts(parse(f"FROM a\nRUN true\nRUN --mount=type=cache,target=/c \\\n  {flag} true\n"))
    assert "buildx" in raised.value.fix


def test_here_documents_need_another_builder() -> None:
    with pytest.raises(BuildError, match="line 2 of the Dockerfile has a here-document"):
        without_mounts(parse("FROM a\nRUN <<EOF\necho --mount=type=cache\nEOF\n"))
