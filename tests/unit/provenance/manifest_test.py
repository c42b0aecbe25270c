"""The manifest of an output: what is read back, what is refused, and that it comes with its output or not at all."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from repro.errors import InputFileError, OutputError
from repro.provenance import find_manifest, manifest_path, read_manifest
from repro.provenance.manifest import (
    LAYOUT,
    Counts,
    EnvironmentFacts,
    FileFacts,
    HostFacts,
    MadeBy,
    Manifest,
    ModelFacts,
    RunFacts,
    Seconds,
    Stint,
    WorkerFacts,
)
from repro.provenance.writing import has_manifest, read_stints, to_json, write_stint, write_with_manifest

WORKER = WorkerFacts("cpu", "a processor", "3.11.2", "CPython", "Linux", {"usable": 2}, {}, {"numpy": "2.0"}, {})
HOST = HostFacts("Linux", "a processor", 2, "3.12.0")
MANIFEST = Manifest(
    repro_manifest=LAYOUT,
    made_by=MadeBy(
        repro="0.1.0",
        model=ModelFacts("tutorial-model", "1.0", "repro-models", "0.1.0", None),
        environment=EnvironmentFacts("docker", "tutorial:1.0", "sha256:1", ("registry/tutorial@sha256:2",)),
        weights={"b.pt": "2", "a.pt": "1"},
        options={"greeting": "dear"},
        parameters={"layers": [-1]},
        batch_size=8,
        device=-1,
    ),
    run=RunFacts("csv", "jsonl", {"text": "heavy"}, 3, "raise", {"memory": "1g"}),
    worker=WORKER,
    host=HOST,
    resumed=(Stint(0, "2026-01-01T00:00:00Z", None, HOST),),
    started="2026-01-01T00:00:00Z",
    ended="2026-01-01T00:00:01Z",
    seconds=Seconds(0.5, 0.25, 1.0),
    records=Counts(2, 0, 1),
    input=FileFacts("in.csv", "1", 10),
    output=FileFacts("out.jsonl", "2", 20),
)
ROWS = [{"output": "cba"}]


def written(path: Path, change: Any = None) -> Path:
    """A manifest in a file, changed as JSON."""
    data = json.loads(to_json(MANIFEST))
    if change is not None:
        change(data)
    path.write_text(json.dumps(data))
    return path


class TestReading:
    def test_what_was_written_is_read_back(self, tmp_path: Path) -> None:
        file = tmp_path / "out.jsonl.repro.json"
        file.write_bytes(to_json(MANIFEST))
        assert read_manifest(file) == MANIFEST

    def test_order_of_the_keys_is_that_of_the_document_and_names_are_sorted(self) -> None:
        text = to_json(MANIFEST).decode()
        assert list(json.loads(text)) == list(Manifest.__dataclass_fields__)
        assert text.index('"a.pt"') < text.index('"b.pt"')
        assert to_json(replace(MANIFEST)) == to_json(MANIFEST)

    def test_keys_of_a_later_repro_are_passed_over(self, tmp_path: Path) -> None:
        file = written(tmp_path / "m.json", lambda data: data["made_by"].update(moon="full"))
        assert read_manifest(file) == MANIFEST

    @pytest.mark.parametrize(
        ("change", "told"),
        [
            (lambda data: data["made_by"]["model"].pop("variant"), "the key made_by.model.variant is missing"),
            (lambda data: data["worker"].update(threads=[]), "the key worker.threads: "),
            (lambda data: data["records"].update(failed="none"), "the key records.failed: "),
            (lambda data: data.pop("input"), "the key input is missing"),
            (lambda data: data.update(repro_manifest=LAYOUT + 1), "was written by a newer repro"),
            (lambda data: data.update(repro_manifest="1"), "the key repro_manifest: '1'"),
            (lambda data: data["made_by"].update(batch_size=10**30), "made_by.batch_size: so large a number is more"),
            (lambda data: data["made_by"].update(batch_size=0), "made_by.batch_size: 0 is less than 1"),
            (lambda data: data["made_by"].update(device=-5), "made_by.device: -5 is less than -1"),
            (lambda data: data["made_by"]["environment"].update(identity="--help"), "identity: '--help' is no name"),
            (lambda data: data["made_by"]["environment"].update(image="UPPER CASE //"), "'UPPER CASE //' is no name"),
            (
                lambda data: data["made_by"]["environment"].update(runtime="x"),
                "'x' is none of docker, local, sagemaker",
            ),
            (lambda data: data["made_by"]["model"].update(package="x -i http://y"), "'x -i http://y' is no name"),
            (lambda data: data["made_by"]["model"].update(package_version="1; x"), "'1; x' is no version"),
            (lambda data: data["made_by"]["environment"].update(registry_digests=["$(x)"]), "digests.0: '$(x)' is no"),
            (lambda data: data["run"]["keywords"].update(cpus="x"), "run.keywords.cpus: 'x' cannot be given"),
            (lambda data: data["run"]["keywords"].update(weights="a\0"), "run.keywords.weights"),
            (lambda data: data["output"].update(path=".."), "output.path: '..' is no path of a file"),
            (lambda data: data["run"].update(limit=-1), "run.limit: -1 is less than 1"),
            (lambda data: data["run"].update(on_error="x"), "run.on_error: 'x' is none of raise, return"),
            (lambda data: data["output"].update(path="a\0b"), "output.path: 'a\\x00b' is no path of a file"),
            (lambda data: data["input"].update(path=""), "input.path: '' is no path of a file"),
            (lambda data: data["input"].update(bytes=-1), "input.bytes: -1 is less than 0"),
            (lambda data: data.update(started="zz"), "the key started: 'zz' is no moment"),
            (lambda data: data["resumed"][0].update(started="now"), "the key resumed.0.started: 'now' is no moment"),
            (lambda data: data["resumed"][0].update(first=-1), "the key resumed.0.first: -1 is less than 0"),
            (lambda data: data["seconds"].update(whole=-1.0), "seconds.whole: -1.0 is no time"),
            (lambda data: data["seconds"].update(start=float("nan")), "seconds.start"),
            (lambda data: data["records"].update(total=-1), "records.total: -1 is less than 0"),
            (lambda data: data["records"].update(failed=3), "records.failed: 3 is more than 2"),
            (lambda data: data.pop("repro_manifest"), "is not a manifest: the key repro_manifest is missing"),
        ],
    )
    def test_manifest_that_was_edited_is_told_with_file_and_key(self, tmp_path: Path, change: Any, told: str) -> None:
        file = written(tmp_path / "out.jsonl.repro.json", change)
        with pytest.raises(InputFileError) as caught:
            read_manifest(file)
        assert str(file) in caught.value.message
        assert told in caught.value.message

    @pytest.mark.parametrize("content", [b"", b"{", b"[]", b"7", b"\xff\xfe", b'{"a": 1}', b"[" * 100_000])
    def test_file_that_is_none_is_told(self, tmp_path: Path, content: bytes) -> None:
        file = tmp_path / "out.jsonl.repro.json"
        file.write_bytes(content)
        with pytest.raises(InputFileError, match="is not a manifest"):
            read_manifest(file)

    def test_file_that_is_not_there_gets_the_near_name(self, tmp_path: Path) -> None:
        written(tmp_path / "out.jsonl.repro.json")
        with pytest.raises(InputFileError) as caught:
            find_manifest(tmp_path / "ot.jsonl.repro.json")
        assert "did you mean" in caught.value.fix

    def test_output_stands_for_its_manifest(self, tmp_path: Path) -> None:
        (tmp_path / "out.jsonl").touch()
        file = written(tmp_path / "out.jsonl.repro.json")
        assert find_manifest(tmp_path / "out.jsonl") == find_manifest(file) == file

    def test_output_behind_a_link_has_its_manifest_beside_it(self, tmp_path: Path) -> None:
        (tmp_path / "results").mkdir()
        (tmp_path / "results" / "out.jsonl").touch()
        file = written(tmp_path / "results" / "out.jsonl.repro.json")
        (tmp_path / "link.jsonl").symlink_to(tmp_path / "results" / "out.jsonl")
        assert find_manifest(tmp_path / "link.jsonl") == file

    def test_copy_under_another_name_is_taken_too(self, tmp_path: Path) -> None:
        file = tmp_path / "copy.json"
        file.write_bytes(to_json(MANIFEST))
        assert find_manifest(file) == file

    def test_output_without_one_says_where_it_should_be(self, tmp_path: Path) -> None:
        (tmp_path / "out.jsonl").touch()
        with pytest.raises(InputFileError, match=r"out\.jsonl has no manifest: .*out\.jsonl\.repro\.json is not there"):
            find_manifest(tmp_path / "out.jsonl")


class TestWriting:
    def test_output_and_manifest_are_both_there(self, tmp_path: Path) -> None:
        output = tmp_path / "out.jsonl"
        file = write_with_manifest(output, ROWS, "jsonl", lambda facts: replace(MANIFEST, output=facts))
        assert (output.read_text(), file) == ('{"output":"cba"}\n', manifest_path(output))
        assert read_manifest(file).output.bytes == output.stat().st_size
        assert sorted(path.name for path in tmp_path.iterdir()) == ["out.jsonl", "out.jsonl.repro.json"]

    @pytest.mark.parametrize("before", [None, "old"])
    def test_neither_is_there_when_describing_fails(self, tmp_path: Path, before: str | None) -> None:
        output = tmp_path / "out.jsonl"
        if before:
            output.write_text(before)
            manifest_path(output).write_text(before)

        def fail(_: FileFacts) -> Manifest:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            write_with_manifest(output, ROWS, "jsonl", fail)
        assert {path.read_text() for path in tmp_path.iterdir()} == ({before} if before else set())

    @pytest.mark.parametrize("before", [None, "old"])
    def test_manifest_is_as_before_when_the_output_cannot_get_its_name(
        self, tmp_path: Path, before: str | None
    ) -> None:
        output = tmp_path / "out.jsonl"
        if before:
            manifest_path(output).write_text(before)

        def meanwhile(facts: FileFacts) -> Manifest:
            output.mkdir()  # a folder came by that name
            return replace(MANIFEST, output=facts)

        with pytest.raises(OutputError):
            write_with_manifest(output, ROWS, "jsonl", meanwhile)
        file = manifest_path(output)
        assert (file.read_text() if file.exists() else None) == before

    def test_standard_output_and_pipes_have_none(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe.jsonl")
        outputs: list[str | Path] = ["-", "/dev/null", tmp_path / "pipe.jsonl", tmp_path / "new.jsonl"]
        assert [has_manifest(output) for output in outputs] == [False, False, False, True]

    def test_path_that_is_no_text_can_be_written_and_read(self, tmp_path: Path) -> None:
        name = os.fsdecode(b"in-\xff.csv")
        file = tmp_path / "m.repro.json"
        file.write_bytes(to_json(replace(MANIFEST, input=replace(MANIFEST.input, path=name))))
        assert read_manifest(file).input.path == "in-\\udcff.csv"

    def test_stints_are_read_in_the_order_of_their_rows(self, tmp_path: Path) -> None:
        for first in (16, 0, 8):
            write_stint(tmp_path, Stint(first, "2026-01-01T00:00:00Z", WORKER, HOST))
        assert [stint.first for stint in read_stints(tmp_path)] == [0, 8, 16]
        assert read_stints(tmp_path)[0].worker == WORKER
