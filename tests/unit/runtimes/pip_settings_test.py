"""uv and the builds get packages from where pip would."""

from __future__ import annotations

from pathlib import Path

import pytest

from repro.runtimes.pip_settings import PipSettings, read_pip_settings


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / ".config/pip").mkdir(parents=True)
    return tmp_path


def _read(home: Path, **variables: str) -> PipSettings:
    return read_pip_settings({"HOME": str(home), **variables})


def test_the_users_file_is_read(home: Path) -> None:
    (home / ".config/pip/pip.conf").write_text(
        "[global]\nindex-url = https://one.example/simple\nextra-index-url =\n  https://two.example\n  https://three.example\n"
    )

    settings = _read(home)

    assert settings.index_url == "https://one.example/simple"
    assert settings.extra_index_urls == ("https://two.example", "https://three.example")


def test_a_variable_wins_over_the_file(home: Path) -> None:
    (home / ".config/pip/pip.conf").write_text("[global]\nindex-url = https://file.example\n")

    assert _read(home, PIP_INDEX_URL="https://variable.example").index_url == "https://variable.example"


def test_the_section_install_wins_over_global(home: Path) -> None:
    (home / ".config/pip/pip.conf").write_text("[install]\nfind-links = /b\n[global]\nfind-links = /a\n")

    assert _read(home).find_links == ("/b",)


def test_the_named_file_wins_over_the_users(home: Path, tmp_path: Path) -> None:
    (home / ".config/pip/pip.conf").write_text("[global]\ncert = /users.pem\n")
    named = tmp_path / "named.conf"
    named.write_text("[global]\ncert = /named.pem\n")

    assert _read(home, PIP_CONFIG_FILE=str(named)).certificate == Path("/named.pem")


def test_devnull_as_the_named_file_turns_all_files_off(home: Path) -> None:
    (home / ".config/pip/pip.conf").write_text("[global]\nindex-url = https://file.example\n")

    assert _read(home, PIP_CONFIG_FILE="/dev/null") == PipSettings()


def test_a_broken_file_is_left_to_pip_to_complain_about(home: Path) -> None:
    (home / ".config/pip/pip.conf").write_text("no section\n")

    assert _read(home).index_url is None


def test_uv_is_told_the_same(tmp_path: Path) -> None:
    settings = PipSettings(
        index_url="https://one.example",
        extra_index_urls=("https://two.example", "https://three.example"),
        find_links=("/a", "/b"),
        trusted_hosts=("one.example",),
        certificate=tmp_path / "ca.pem",
        no_index=True,
    )

    assert settings.uv_environment() == {
        "UV_DEFAULT_INDEX": "https://one.example",
        "UV_INDEX": "https://two.example https://three.example",
        "UV_FIND_LINKS": "/a,/b",
        "UV_INSECURE_HOST": "one.example",
        "SSL_CERT_FILE": str(tmp_path / "ca.pem"),
        "UV_NO_INDEX": "1",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
    }


def test_nothing_set_tells_uv_nothing() -> None:
    assert PipSettings().uv_environment() == {}
