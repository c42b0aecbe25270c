"""Secrets of a build, as a user writes them; and what must not be shown of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from repro.errors import SettingsError
from repro.images.secrets import read_secrets, refuse_secret_arguments
from repro.images.steps import PlainLines, Steps


def test_a_file_or_a_variable_is_a_secret(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("abc-123-token\n")

    file, variable = read_secrets([f"id=a,src={tmp_path}/token", "id=b,env=B"], {"B": "value-of-b"})

    assert file.values() == ["abc-123-token"]
    assert variable.values({"B": "value-of-b"}) == ["value-of-b"]


@pytest.mark.parametrize("text", ["hunter2", "id=a", "src=/x", "id=a,src=/x,env=Y", "id=a,src=/nowhere", "id=a,env=NO"])
def test_what_is_no_secret_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(SettingsError) as raised:
        read_secrets([text], {})
    assert "hunter2" not in str(raised.value)
    assert "--secret" in str(raised.value) or "export" in str(raised.value)


@pytest.mark.parametrize("name", ["HF_TOKEN", "git_password", "API_KEY", "GITHUB_PAT", "AUTH", "HF_TOK", "DB_PWD"])
def test_a_build_argument_that_looks_like_a_secret_is_refused(name: str) -> None:
    with pytest.raises(SettingsError, match="looks like a secret") as raised:
        refuse_secret_arguments({"TAG": "1", name: "hunter2-hunter2"})
    assert "hunter2" not in str(raised.value)
    assert f"--secret id={name.lower()},env={name}" in raised.value.fix


@pytest.mark.parametrize("name", ["TOKENIZER", "N_TOKENS", "PATH_TO_DATA", "AUTHOR", "PIP_INDEX_URL"])
def test_a_build_argument_that_only_sounds_like_a_secret_is_taken(name: str) -> None:
    refuse_secret_arguments({name: "https://example.org/a@1", "REPOSITORY": "git+ssh://git@example.org/a/b.git"})


@pytest.mark.parametrize(
    "value", ["https://bob:hunter2@example.org/simple", "a https://hunter2@example.org", "https://git:hunter2@x.org/a"]
)
def test_a_build_argument_with_a_password_in_an_address_is_refused(value: str) -> None:
    with pytest.raises(SettingsError, match="a user or a password in an address") as raised:
        refuse_secret_arguments({"PIP_INDEX_URL": value})
    assert "hunter2" not in str(raised.value)
    assert "--secret id=pip_index_url,env=PIP_INDEX_URL" in raised.value.fix


def test_a_secret_that_a_step_prints_is_not_told() -> None:
    told: list[str] = []
    steps = Steps(PlainLines(told.append), ["abc-123-token"])

    steps.line("[1/2] RUN echo abc-123-token", "it is abc-123-token, from https://ada:hunter2@example.org")
    steps.end("[1/2] RUN echo abc-123-token", "failed")

    assert "abc-123-token" not in "\n".join([*told, *steps.tail()])
    assert "hunter2" not in "\n".join([*told, *steps.tail()])
    assert told[0] == "[1/2] RUN echo ***"
