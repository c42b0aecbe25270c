"""A model's config.yaml: what is read from it, and that every slip in it is told with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from repro.config import ModelConfig, Variant, WeightFile, load_config
from repro.errors import ModelNotFoundError, SettingsError

MODELS = Path(__file__).resolve().parents[2] / "models"
ESM1V_ENSEMBLE = "esm1v_t33_650M_UR90S"
SHA256 = "0123456789abcdef" * 4

FULL = f"""\
description: Reads proteins
licence: MIT
paper: https://example.org/paper
source: https://example.org/code
command: [python3, -u, run.py]
python: "3.9"
default_variant: large
models:
  small:
    description: the small one
    info: {{layers: 6, embedding_dim: 320}}
    files:
      - url: https://example.org/weights/small.pt
        sha256: {SHA256}
        size_bytes: 1024
      - url: https://example.org/get?file=42
        name: tokens/vocabulary.txt
        licence: CC0-1.0
        optional: true
  large:
    files: []
"""


def write(folder: Path, text: str | bytes) -> Path:
    folder.mkdir(exist_ok=True)
    content = text.encode() if isinstance(text, str) else text
    (folder / "config.yaml").write_bytes(content)
    return folder


@pytest.fixture
def full(tmp_path: Path) -> ModelConfig:
    return load_config(write(tmp_path / "reader", FULL))


def refusal(tmp_path: Path, text: str | bytes) -> str:
    with pytest.raises(SettingsError) as raised:
        load_config(write(tmp_path / "reader", text))
    assert "config.yaml" in raised.value.message
    return raised.value.message


def test_what_is_said_of_the_model_is_read(full: ModelConfig) -> None:
    assert (full.model, full.description, full.licence) == ("reader", "Reads proteins", "MIT")
    assert (full.paper, full.source) == ("https://example.org/paper", "https://example.org/code")
    assert full.command == ("python3", "-u", "run.py")
    assert full.python == "3.9"


def test_files_of_a_variant_are_read(full: ModelConfig) -> None:
    first, second = full.variant("small").files
    assert (first.name, first.sha256, first.size_bytes, first.optional) == ("small.pt", SHA256, 1024, False)
    assert (second.name, second.sha256, second.size_bytes, second.optional) == (
        "tokens/vocabulary.txt",
        None,
        None,
        True,
    )


def test_licence_of_a_file_is_the_models_unless_stated(full: ModelConfig) -> None:
    assert [file.licence for file in full.variant("small").files] == ["MIT", "CC0-1.0"]


def test_info_of_a_variant_keeps_its_types(full: ModelConfig) -> None:
    assert full.variant("small").info == {"layers": 6, "embedding_dim": 320}


def test_default_variant_is_taken_when_none_is_named(full: ModelConfig) -> None:
    assert full.variant().name == "large"


def test_a_missing_file_is_an_empty_config(tmp_path: Path) -> None:
    config = load_config(tmp_path / "plain")
    assert config == ModelConfig(model="plain")
    assert config.command == ("python", "run.py")


def test_an_empty_file_is_an_empty_config(tmp_path: Path) -> None:
    assert load_config(write(tmp_path / "reader", "# nothing yet\n")) == ModelConfig(model="reader")


def test_a_model_without_variants_has_one_with_nothing_to_fetch() -> None:
    assert ModelConfig("plain").variant() == Variant("default")


def test_a_variant_of_a_model_without_variants_is_refused() -> None:
    with pytest.raises(ModelNotFoundError, match="plain: no variant 'small'; this model has no variants"):
        ModelConfig("plain").variant("small")


def test_the_only_variant_is_the_default() -> None:
    assert ModelConfig("m", variants={"one": Variant("one")}).variant().name == "one"


def test_several_variants_without_a_default_have_to_be_named() -> None:
    config = ModelConfig("m", variants={"a": Variant("a"), "b": Variant("b")})
    with pytest.raises(ModelNotFoundError) as raised:
        config.variant()
    assert raised.value.fix == "choose one of: a, b"


def test_an_unknown_variant_is_told_with_the_near_names() -> None:
    with pytest.raises(ModelNotFoundError) as raised:
        load_config(MODELS / "esm").variant("esm2_t33_650M")
    assert "no variant 'esm2_t33_650M'" in raised.value.message
    assert "esm2_t33_650M_UR50D" in raised.value.fix


def test_an_unknown_variant_that_is_near_to_none_is_told_with_all(full: ModelConfig) -> None:
    with pytest.raises(ModelNotFoundError) as raised:
        full.variant("zzzz")
    assert raised.value.fix == "choose one of: small, large"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("descripton: x\n", "line 1: descripton is not a known key; did you mean description?"),
        ("licence: MIT\nzzz: 1\n", "line 2: zzz is not a known key; known here: command, default_variant"),
        ("licence:\n  - MIT\n", "line 1: licence must be text"),
        ("python: 3.10\n", 'line 1: python must be text: put quotes around it, python: "3.1"'),
        ("command: python run.py\n", "line 1: command must be a list of texts"),
        ("command: []\n", "line 1: command must be a list of texts"),
        ("- a\n", "line 1: the file must be a mapping of keys to values"),
        ("models: [a]\n", "line 1: models must be a mapping"),
        ("models:\n  a: 3\n", "line 2: models.a must be a mapping"),
        ("models:\n  1: {}\n", "line 2: models.1 must be text: put quotes around it"),
        ("models:\n  a/b: {}\n", "line 2: models.a/b is no name for a variant"),
        ("models:\n  a: {}\n  a: {}\n", "line 3: models.a stands there twice"),
        ("models:\n  a:\n    file: []\n", "line 3: models.a.file is not a known key; did you mean files?"),
        ("models:\n  a:\n    files: x\n", "line 3: models.a.files must be a list"),
        ("models:\n  a:\n    info: x\n", "line 3: models.a.info must be a mapping"),
        ("models:\n  a.b:\n    files:\n    - name: x\n", "line 4: models.a.b.files.0.url is missing"),
        ("models:\n  a:\n    files:\n    - url: x.pt\n", "line 4: models.a.files.0.url is not an address: 'x.pt'"),
        ("default_variant: b\nmodels:\n  a: {}\n", "line 1: default_variant is 'b', which is not under `models`"),
        ("licence: [MIT\n", "line 2: not valid YAML"),
        ("a: b: c\n", "line 1: not valid YAML"),
        (b"licence: \xff\n", "cannot read"),
    ],
)
def test_a_slip_is_told_with_its_line_and_key(tmp_path: Path, text: str | bytes, complaint: str) -> None:
    assert complaint in refusal(tmp_path, text)


@pytest.mark.parametrize(
    ("entry", "complaint"),
    [
        ("sha265: abc", "line 5: models.a.files.0.sha265 is not a known key; did you mean sha256?"),
        ("sha256: abc", "line 5: models.a.files.0.sha256 must be 64 hexadecimal digits"),
        ("size_bytes: 12k", "line 5: models.a.files.0.size_bytes must be a whole number above 0, not '12k'"),
        ("size_bytes: true", "line 5: models.a.files.0.size_bytes must be a whole number"),
        ("optional: 1", "line 5: models.a.files.0.optional must be true or false, not 1"),
        ("name: ../outside.pt", "line 5: models.a.files.0.name must be a path inside"),
        ("name: /etc/passwd", "line 5: models.a.files.0.name must be a path inside"),
        ("name: .hashes.json", "line 5: models.a.files.0.name must be a path inside"),
        ("name: small.pt.part", "line 5: models.a.files.0.name must be a path inside"),
        ("name: 'a\\b'", "line 5: models.a.files.0.name must be a path inside"),
    ],
)
def test_a_slip_in_a_file_of_weights_is_told_with_its_line_and_key(tmp_path: Path, entry: str, complaint: str) -> None:
    text = f"models:\n  a:\n    files:\n      - url: https://example.org/small.pt\n        {entry}\n"
    assert complaint in refusal(tmp_path, text)


@pytest.mark.parametrize(
    ("entry", "complaint"),
    [
        ("source: ftp://example.org/w.pt", "files.0.source is of a kind that is not known: ftp; known are https, hf"),
        ("source: s3://bucket", "files.0.source must be of the form s3://bucket/key"),
        ("source: gdrive://a/b", "files.0.source must be of the form gdrive://ID"),
        ("source: hf://org/name/w.pt", "files.0.source must be of the form hf://org/name@revision/path"),
        ("source: hf://org/name@main/w.pt", "files.0.source names the revision 'main', which may move"),
        ("source: hf://org/name@v1.0/w.pt", "files.0.source names the revision 'v1.0', which may move"),
        ("source: pypi://antiberty/w.pt", "files.0.source must be of the form pypi://project==version/path"),
        ("source: file://host/w.pt", "files.0.source must be of the form file:path"),
        ("source: https:///w.pt", "files.0.source is not an address"),
        ("source: https://a.org/x\n        url: https://a.org/x", "files.0.url says the same as `source`"),
        ("source: gdrive://1AbC", "files.0.name is missing, and the address says none"),
        ("url: https://a.org/x\n        mirrors: [nowhere]", "files.0.mirrors is not an address: 'nowhere'"),
        ("url: https://a.org/x\n        unpack: zip", "files.0.unpack must be true or false"),
    ],
)
def test_a_source_that_cannot_be_used_is_told_with_its_line(tmp_path: Path, entry: str, complaint: str) -> None:
    told = refusal(tmp_path, f"models:\n  a:\n    files:\n      - {entry}\n")
    assert "line 4: models.a." in told or "line 5: models.a." in told
    assert complaint in told


def one_file(tmp_path: Path, entry: str) -> WeightFile:
    (file,) = load_config(write(tmp_path / "reader", f"models:\n  a:\n    files:\n{entry}")).variant("a").files
    return file


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("https://example.org/get/w.pt?download=1", "w.pt"),
        ("s3://bucket/esm/w.pt", "w.pt"),
        (f"hf://org/name@{'0' * 40}/sub/w.pt", "w.pt"),
        ("pypi://antiberty==0.1.3/antiberty/trained_models/w.pt", "w.pt"),
    ],
)
@pytest.mark.parametrize("key", ["source", "url"])
def test_every_kind_of_source_is_taken_under_either_key(tmp_path: Path, key: str, source: str, name: str) -> None:
    file = one_file(tmp_path, f"      - {key}: {source}\n")
    assert (file.url, file.name) == (source, name)


def test_a_branch_of_the_hub_is_taken_where_the_hash_is_stated(tmp_path: Path) -> None:
    file = one_file(tmp_path, f"      - source: hf://org/name@main/w.pt\n        sha256: {SHA256}\n")
    assert file.sha256 == SHA256


def test_a_path_begins_at_the_folder_of_the_model(tmp_path: Path) -> None:
    assert one_file(tmp_path, "      - source: file:weights/w.pt\n").url == f"file://{tmp_path}/reader/weights/w.pt"
    assert one_file(tmp_path, "      - source: file:///data/w.pt\n").url == "file:///data/w.pt"


def test_mirrors_archives_and_public_buckets_are_read(tmp_path: Path) -> None:
    entry = "      - source: s3://b1/w.tar.gz\n        mirrors: [https://a.org/w.tar.gz]\n"
    file = one_file(tmp_path, entry + "        unsigned: true\n        unpack: true\n")
    assert (file.name, file.mirrors, file.unsigned, file.unpack) == ("w", ("https://a.org/w.tar.gz",), True, True)


def test_a_file_inside_an_archive_of_the_same_variant_is_refused(tmp_path: Path) -> None:
    text = (
        "models:\n  a:\n    files:\n      - {url: https://a.org/w.zip, unpack: true}\n"
        "      - {url: https://a.org/x.pt, name: w/x.pt}\n"
    )
    assert "lists w/x.pt inside w" in refusal(tmp_path, text)


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    text = "models:\n  a:\n    files:\n      - url: https://example.org/x.pt\n      - url: https://example.com/x.pt\n"
    assert "line 3: models.a.files lists x.pt twice" in refusal(tmp_path, text)


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "reader" / "config.yaml").mkdir(parents=True)
    with pytest.raises(SettingsError, match=r"cannot read .*config\.yaml"):
        load_config(tmp_path / "reader")


def test_every_esm_checkpoint_is_a_variant_and_so_is_the_ensemble() -> None:
    assert set(load_config(MODELS / "esm").variants) == {
        "esm1b_t33_650M_UR50S",
        ESM1V_ENSEMBLE,
        *(f"esm1v_t33_650M_UR90S_{member}" for member in range(1, 6)),
        *(f"esm2_{size}_UR50D" for size in ("t6_8M", "t12_35M", "t30_150M", "t33_650M", "t36_3B", "t48_15B")),
    }


def test_addresses_of_esm_are_those_of_fair_esm() -> None:
    base = "https://dl.fbaipublicfiles.com/fair-esm"
    for name, variant in load_config(MODELS / "esm").variants.items():
        checkpoints = [f"{name}_{member}" for member in range(1, 6)] if name == ESM1V_ENSEMBLE else [name]
        expected = [f"{base}/models/{checkpoint}.pt" for checkpoint in checkpoints]
        if not name.startswith("esm1v"):
            expected.append(f"{base}/regression/{name}-contact-regression.pt")
        assert [file.url for file in variant.files] == expected


def test_esm_variants_state_their_shape() -> None:
    for name, variant in load_config(MODELS / "esm").variants.items():
        assert f"_t{variant.info['layers']}_{variant.info['parameters']}_" in name
        assert variant.info["max_length"] == 1022
        assert isinstance(variant.info["embedding_dim"], int)
        assert all(file.licence == "MIT" for file in variant.files)
