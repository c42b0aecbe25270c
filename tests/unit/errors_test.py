"""The tree of errors: its picture is true, and every error can be shown, pickled and told without a secret."""

from __future__ import annotations

import pickle
import re
from typing import Any

import pytest

from repro import errors
from repro.errors import Evidence, PredictionError, RecordError, ReproError, WorkerCrashedError, looks_secret, redact

SECRET = "hunter2-hunter2"


def all_errors(kind: type[ReproError] = ReproError) -> list[type[ReproError]]:
    return [kind, *(found for child in kind.__subclasses__() for found in all_errors(child))]


def make(kind: type[ReproError], text: str) -> ReproError:
    """An error with `text` wherever it can hold one."""
    evidence = Evidence("docker", "image:1.0", "sha256:0", -9, True, (f"a line: {text}", "é"))
    if kind is RecordError:
        return RecordError(text, index=3, key="sequence", fix=text)
    if kind is PredictionError:
        return PredictionError(3, "ValueError", text, f"Traceback: {text}")
    return kind(text, cause=text, fix=text, evidence=evidence)


def test_the_picture_in_the_docstring_is_the_tree() -> None:
    picture = re.findall(r"^((?:[│├└─ ]*))(\w+Error)\s+(.*)$", errors.__doc__ or "", re.MULTILINE)
    parents: list[str] = []
    drawn = {}
    for indent, name, rest in picture:
        depth = len(indent) // 4
        code = re.match(r"\d+", rest)
        drawn[name] = (parents[depth - 1] if depth else "Exception", int(code[0]) if code else 1)
        parents[depth:] = [name]

    assert drawn == {kind.__name__: (kind.__base__.__name__, kind.exit_code) for kind in all_errors()}  # type: ignore[union-attr]


def test_exit_codes_are_what_they_have_always_been() -> None:
    """They are documented: a program of somebody else tells errors apart by them."""
    assert {kind.__name__: kind.exit_code for kind in all_errors() if kind.__base__ is ReproError} == {
        "SettingsError": 2,
        "ModelNotFoundError": 2,
        "InputError": 3,
        "SetupError": 4,
        "RuntimeUnavailableError": 5,
        "DeviceError": 6,
        "WorkerError": 7,
        "PredictionError": 8,
        "TrainingError": 8,
        "OutputError": 9,
        "SessionClosedError": 1,
    }


@pytest.mark.parametrize("kind", all_errors(), ids=lambda kind: kind.__name__)
def test_an_error_comes_back_from_pickle_as_it_was(kind: type[ReproError]) -> None:
    error = make(kind, "what happened")

    again = pickle.loads(pickle.dumps(error))

    assert type(again) is kind
    assert str(again) == str(error)
    assert vars(again) == vars(error)
    assert again.args == error.args


@pytest.mark.parametrize("kind", all_errors(), ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("variable", ["HF_TOKEN", "AWS_SECRET_ACCESS_KEY", "MY_PASSWORD", "DB_PASS", "OPENAI_API_KEY"])
def test_no_error_shows_the_value_of_a_secret_variable(
    kind: type[ReproError], variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, SECRET)

    error = make(kind, f"before {SECRET} after")

    assert SECRET not in str(error)
    assert SECRET not in repr(error)
    assert SECRET not in repr(vars(error))
    assert "before *** after" in str(error)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://ada:hunter2@example.org/simple", "https://***@example.org/simple"),
        ("https://token@example.org/simple", "https://***@example.org/simple"),
        ("https://ada:p%40ss@example.org", "https://***@example.org"),
        ("https://ada:p@ss@example.org/x", "https://***@example.org/x"),
        ("https://:hunter2@example.org", "https://***@example.org"),
        ("git+ssh://git:hunter2@example.org/x.git@v1", "git+ssh://***@example.org/x.git@v1"),
        ("'https://a:b@c.org' and \"https://d:e@f.org\"", "'https://***@c.org' and \"https://***@f.org\""),
        ("https://example.org/a@b", "https://example.org/a@b"),
        ("mail ada@example.org", "mail ada@example.org"),
        ("see https://example.org or ask ada@example.org", "see https://example.org or ask ada@example.org"),
    ],
)
def test_user_and_password_of_an_address_are_not_shown(text: str, shown: str) -> None:
    assert redact(text, environ={}) == shown


def test_a_short_value_is_no_secret() -> None:
    assert redact("it is 1 and true", environ={"USE_TOKEN": "1", "HAS_PASSWORD": "true"}) == "it is 1 and true"


SECRET_NAMES = """
    HF_TOKEN hf_pat token apiKey HFToken api_key api_keys signing_key access_key AWS_ACCESS_KEY_ID private_key key
    password PGPASSWORD db-passwd passphrase pw pwd MYSQL_PWD DB_PASS auth authorization credentials hub.secret
    token2 SSH_KEY access_tokens
"""
PLAIN_NAMES = """
    tokenizer n_tokens max_tokens keyword keywords key_padding_mask sort_key public_key monkey path pattern author
    pass_through compass mask_token cls_token pad_token eos_token bos_token unk_token sep_token token_type pathway
    PWD OLDPWD SSH_AUTH_SOCK AWS_WEB_IDENTITY_TOKEN_FILE XAUTHORITY PATH KEYBOARD
"""


@pytest.mark.parametrize("name", SECRET_NAMES.split())
def test_a_name_with_a_word_that_means_a_secret_is_secret(name: str) -> None:
    assert looks_secret(name)


@pytest.mark.parametrize("name", [*PLAIN_NAMES.split(), "", "1"])
def test_a_name_that_only_sounds_like_it_is_no_secret(name: str) -> None:
    assert not looks_secret(name)


def test_the_current_folder_and_the_socket_of_the_keys_stay_readable() -> None:
    environ = {"PWD": "/home/ada/project", "OLDPWD": "/home/ada", "SSH_AUTH_SOCK": "/tmp/agent.1"}
    text = "no file /home/ada/project/x, no /tmp/agent.1"

    assert redact(text, environ) == text


def test_a_secret_that_holds_another_is_taken_out_whole() -> None:
    environ = {"A_TOKEN": "abcdef", "B_TOKEN": "abcdef-and-more"}

    assert "more" not in redact("abcdef-and-more", environ=environ)


def test_an_error_says_what_why_and_what_now_and_then_what_was_seen() -> None:
    error = WorkerCrashedError(
        "the worker died",
        cause="no memory",
        fix="repro doctor",
        evidence=Evidence("local", exit_code=-9, log_tail=("a", "b")),
    )

    assert str(error).splitlines() == [
        "the worker died",
        "cause: no memory",
        "do: repro doctor",
        "runtime: local",
        "exit_code: -9",
        "last log lines:",
        "  a",
        "  b",
    ]


def test_nothing_of_an_error_moves_the_cursor() -> None:
    error = ReproError("a\x1b[2J", cause="\x9b", fix="\u202e", evidence=Evidence(image="\x07", digest="\x1b"))

    assert str(error) == "a�[2J\ncause: �\ndo: �\nimage: �\ndigest: �"


@pytest.mark.parametrize("attribute", ["index", "error_type", "error_message", "traceback"])
def test_a_prediction_error_has_its_parts(attribute: str) -> None:
    expected: dict[str, Any] = {
        "index": 3,
        "error_type": "ValueError",
        "error_message": "no",
        "traceback": "Traceback: no",
    }

    assert getattr(make(PredictionError, "no"), attribute) == expected[attribute]
