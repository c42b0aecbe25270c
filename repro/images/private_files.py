"""Files that usually hold what nobody else may read: only a COPY that names them takes them into an image."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import PurePosixPath

_PRIVATE = (
    *(".env*", "*.env", ".netrc", "_netrc", ".git-credentials", ".gitconfig", ".pypirc", ".npmrc", ".yarnrc*"),
    *(".ssh", "id_rsa*", "id_dsa*", "id_ecdsa*", "id_ed25519*", "*.ppk", ".gnupg", ".password-store"),
    *(".aws", ".azure", ".boto", ".config", ".docker", ".dockercfg", ".gcloud", ".kaggle", ".kube", ".s3cfg"),
    *(".pgpass", ".my.cnf", ".htpasswd", ".vault-token", ".cache", ".*_history", ".Renviron"),
)


def is_private(name: PurePosixPath) -> bool:
    """Whether a file of that name, or a folder that it lies in, usually is private.

    >>> is_private(PurePosixPath("src/.env.local")), is_private(PurePosixPath(".aws/config"))
    (True, True)
    >>> is_private(PurePosixPath("src/environment.py"))
    False
    """
    return any(fnmatchcase(part, pattern) for part in name.parts for pattern in _PRIVATE)


def takes_unnamed(pattern: PurePosixPath, name: PurePosixPath) -> bool:
    """Whether a COPY of `pattern` takes a private file that it does not name: through its folder, or a wildcard.

    >>> takes_unnamed(PurePosixPath("."), PurePosixPath(".env"))
    True
    >>> takes_unnamed(PurePosixPath(".env"), PurePosixPath(".env"))
    False
    """
    named = PurePosixPath(*(part for part in pattern.parts if not any(sign in part for sign in "*?[")))
    return is_private(name) and not is_private(named)
