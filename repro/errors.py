"""Every error that repro raises on purpose.

```
ReproError                        exit code of the command line
├── SettingsError                  2   a setting or an option has a value that cannot be used
├── ModelNotFoundError             2   no model, or no variant, of that name
├── InputError                     3   the input cannot be taken: says file, line, record and key
│   ├── InputFileError             3   the file is missing, empty, cut, not UTF-8, not of its format
│   └── RecordError                3   a record does not fit the model's schema
├── SetupError                     4   an image, an environment or weights could not be made ready
│   ├── NotSetUpError              4   not set up yet: names the command that does it
│   ├── BuildError                 4   an image or an environment could not be built
│   ├── WeightsError               4   pretrained weights are missing, incomplete or not what they should be
│   └── RegistryError              4   a registry cannot be reached, refuses, or has something else than expected
├── RuntimeUnavailableError        5   the place to run in cannot be used
│   ├── EngineUnavailableError     5   no Docker engine answers
│   └── AwsUnavailableError        5   AWS cannot be reached, or has too much to do
├── DeviceError                    6   the GPU that was asked for is not there
├── WorkerError                    7   the worker did not do its work
│   ├── WorkerStartError           7   it ended, or failed to load the model, before it was ready
│   ├── StartTimeoutError          7   it was not ready in time
│   ├── CallTimeoutError           7   it did not answer a batch in time
│   ├── WorkerCrashedError         7   it died while it computed
│   ├── OutOfMemoryError           7   it was killed for want of memory
│   ├── ProtocolError              7   what it answered is not what run.py has to answer
│   └── CommandError               7   a command in a container ended with a status other than 0
├── PredictionError                8   the model raised for one record; the others were computed
├── TrainingError                  8   the model failed in training, or gave no prediction for each held-out row
├── OutputError                    9   the output cannot be written
└── SessionClosedError             1   the session was closed and is used again
```

Each says what happened, the likely cause, what to do next, and the evidence. None ever shows a secret.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import ClassVar

_USERINFO = re.compile(r"(?<=://)[^/\s'\"<>]*@")
# The words of a name, which end at `_`, `-`, `.`, and in apiKey and HFToken; `tokenizer` is one word.
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_SECRET_WORD = re.compile(
    r"TOKEN|PW|PWD|CREDENTIALS?|AUTH|AUTHORIZATION|PAT|(API|ACCESS|PRIVATE|SECRET)KEY"
    r"|.*(PASSWORDS?|PASSWD|PASSPHRASE|SECRETS?)"  # PGPASSWORD
)
_SECRET_LAST_WORDS = frozenset(["KEY", "PASS"])  # not key_padding_mask, not pass_through
# AWS_ACCESS_KEY_ID, api_tokens
_KINDS_OF_KEY = frozenset(["ACCESS", "API", "AUTH", "ENCRYPTION", "PRIVATE", "SECRET", "SIGNING"])
# Words before TOKEN, or KEY, that make it no secret: a model's vocabulary, a table, the half of a pair that is shown.
_KINDS_OF_SYMBOL = frozenset(["MASK", "CLS", "PAD", "EOS", "BOS", "UNK", "SEP"])
_KINDS_OF_COLUMN = frozenset(["PUBLIC", "SORT", "PRIMARY", "FOREIGN"])
# A last word that tells where a secret lies, or of which kind it is: SSH_AUTH_SOCK, TOKEN_FILE, token_type.
_ABOUT_A_SECRET = frozenset(["SOCK", "FILE", "PATH", "DIR", "FOLDER", "TYPE", "LENGTH", "SIZE", "COUNT"])
_FOLDER_VARIABLE = "PWD"  # every shell has its current folder there
_SHORTEST_SECRET = 6
# What a worker prints must not move the cursor of who reads the error.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def redact(text: str, environ: Mapping[str, str] | None = None) -> str:
    """Take out of `text` what must not be shown: passwords in addresses, secret variables, control characters.

    >>> redact("cannot reach https://ada:hunter2@example.org/simple")
    'cannot reach https://***@example.org/simple'
    """
    text = without_control(_USERINFO.sub("***@", text))
    named = (os.environ if environ is None else environ).items()
    secrets = [value for name, value in named if len(value) >= _SHORTEST_SECRET and looks_secret(name)]
    for value in sorted(secrets, key=len, reverse=True):  # one may be part of another
        text = text.replace(value, "***")
    return text


def without_control(text: str) -> str:
    """`text` as it can be shown: a character that moves the cursor, or turns the direction of writing, is a mark.

    >>> without_control("a\\x1b[31mb")
    'a\N{REPLACEMENT CHARACTER}[31mb'
    """
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)


def looks_secret(name: str) -> bool:
    """Whether a variable, or an option, of that name holds a secret, as the words of the name go.

    >>> [looks_secret(name) for name in ("HF_TOKEN", "signingKey", "db.pw", "tokenizer", "mask_token", "n_tokens")]
    [True, True, True, False, False, False]
    """
    words = [word.upper() for word in _WORD.findall(name)]
    if name == _FOLDER_VARIABLE or not words or words[-1] in _ABOUT_A_SECRET:
        return False
    pairs = list(zip(["", *words[:-1]], words, strict=True))
    before, last = pairs[-1]
    if last in _SECRET_LAST_WORDS and before not in _KINDS_OF_COLUMN:
        return True
    return any(_is_secret_word(before, word) for before, word in pairs)


def _is_secret_word(before: str, word: str) -> bool:
    if before in _KINDS_OF_SYMBOL and word == "TOKEN":
        return False
    if before in _KINDS_OF_KEY and word in ("KEY", "KEYS", "TOKENS"):
        return True
    return _SECRET_WORD.fullmatch(word) is not None


@dataclass(frozen=True)
class Evidence:
    """What was seen when something failed. Whatever is not known stays at its default."""

    runtime: str | None = None
    """`docker` or `local`."""
    image: str | None = None
    """Name and version of the image, or the folder of the environment."""
    digest: str | None = None
    """Digest of the image, or key of the environment."""
    exit_code: int | None = None
    oom_killed: bool | None = None
    log_tail: tuple[str, ...] = ()
    """The last lines that the worker printed."""

    def lines(self) -> list[str]:
        """The known facts, a line each; the log last, indented."""
        known = [(f.name, getattr(self, f.name)) for f in fields(self) if f.name != "log_tail"]
        shown = [f"{name}: {value}" for name, value in known if value is not None]
        if self.log_tail:
            shown += ["last log lines:", *(f"  {line}" for line in self.log_tail)]
        return shown


class ReproError(Exception):
    """Base of every error raised on purpose.

    Args:
        message: what happened, with names and places.
        cause: the likely cause, where one is known.
        fix: what to do next, best a command that can be pasted.
        evidence: what was seen.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, cause: str = "", fix: str = "", evidence: Evidence | None = None) -> None:
        self.message = redact(message)
        self.cause = redact(cause)
        self.fix = redact(fix)
        seen = evidence or Evidence()
        self.evidence = replace(
            seen,
            image=seen.image and redact(seen.image),
            digest=seen.digest and redact(seen.digest),
            log_tail=tuple(redact(line) for line in seen.log_tail),
        )
        super().__init__(self.message)

    def __str__(self) -> str:
        parts = [self.message]
        if self.cause:
            parts.append(f"cause: {self.cause}")
        if self.fix:
            parts.append(f"do: {self.fix}")
        return "\n".join([*parts, *self.evidence.lines()])

    def __reduce__(self) -> tuple[object, ...]:
        # Exceptions rebuild themselves from their positional arguments alone; ours have keywords too.
        return (_rebuild, (type(self), self.__dict__.copy()))


def _rebuild(kind: type[ReproError], state: dict[str, object]) -> ReproError:
    error = kind.__new__(kind)
    Exception.__init__(error, state["message"])
    error.__dict__.update(state)
    return error


class SettingsError(ReproError):
    """A setting or an option has a value that cannot be used."""

    exit_code = 2


class ModelNotFoundError(ReproError):
    """No model, or no variant, of that name."""

    exit_code = 2


class InputError(ReproError):
    """The input cannot be taken."""

    exit_code = 3


class InputFileError(InputError):
    """The input file is missing, empty, cut, not UTF-8 or not of its format."""


class RecordError(InputError):
    """A record does not fit the model's schema.

    Attributes:
        index: position of the record in the input, from 0.
        key: the key that is wrong, where one is.
    """

    def __init__(self, message: str, *, index: int, key: str | None = None, fix: str = "") -> None:
        super().__init__(message, fix=fix)
        self.index = index
        self.key = key


class SetupError(ReproError):
    """An image, an environment or weights could not be made ready."""

    exit_code = 4


class NotSetUpError(SetupError):
    """Nothing is set up yet for this model here."""


class BuildError(SetupError):
    """An image or an environment could not be built."""


class WeightsError(SetupError):
    """Pretrained weights are missing, incomplete or not what they should be."""


class RegistryError(SetupError):
    """A registry cannot be reached, refuses, or has something else than expected."""


class RuntimeUnavailableError(ReproError):
    """The place to run in cannot be used on this machine."""

    exit_code = 5


class EngineUnavailableError(RuntimeUnavailableError):
    """No Docker engine answers."""


class AwsUnavailableError(RuntimeUnavailableError):
    """AWS cannot be reached, or has too much to do: the same may be asked again."""


class DeviceError(ReproError):
    """The GPU that was asked for is not there."""

    exit_code = 6


class WorkerError(ReproError):
    """The worker did not do its work."""

    exit_code = 7


class WorkerStartError(WorkerError):
    """The worker ended, or failed to load the model, before it was ready."""


class StartTimeoutError(WorkerError):
    """The worker was not ready in time."""


class CallTimeoutError(WorkerError):
    """The worker did not answer a batch in time."""


class WorkerCrashedError(WorkerError):
    """The worker died while it computed."""


class OutOfMemoryError(WorkerError):
    """The worker was killed for want of memory."""


class ProtocolError(WorkerError):
    """What the worker answered is not what `run.py` has to answer."""


class CommandError(WorkerError):
    """A command in a container ended with a status other than 0."""


class PredictionError(ReproError):
    """The model raised for one record; the others were computed.

    With `on_error="return"` it stands in the record's place in the results instead of being raised.

    Attributes:
        index: position of the record in the input, from 0.
        error_type: name of the exception's class in the worker.
        error_message: its message.
        traceback: its traceback as text.
    """

    exit_code = 8

    def __init__(self, index: int, error_type: str, error_message: str, traceback: str = "") -> None:
        super().__init__(f"record {index}: the model raised {error_type}: {error_message}")
        self.index = index
        self.error_type = error_type
        self.error_message = redact(error_message)
        self.traceback = redact(traceback)


class TrainingError(ReproError):
    """The model failed in training, or gave no prediction for each held-out row."""

    exit_code = 8


class OutputError(ReproError):
    """The output cannot be written."""

    exit_code = 9


class SessionClosedError(ReproError):
    """The session was closed and is used again."""
