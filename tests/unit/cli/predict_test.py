"""`repro predict` from file to file: what comes out, what is refused, and with which exit code."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from pydantic import create_model

from repro.models import Array
from repro.models.esm import ESM
from tests.unit.cli.conftest import Repro


def write_jsonl(path: str, records: list[dict[str, object]]) -> Path:
    Path(path).write_text("".join(json.dumps(record) + "\n" for record in records))
    return Path(path)


def read_jsonl(path: str | Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


def names_here() -> list[str]:
    return sorted(path.name for path in Path().iterdir())


class TestWhatComesOut:
    def test_columns_that_are_not_for_the_model_are_carried_into_the_output(self, repro: Repro) -> None:
        write_jsonl("in.jsonl", [{"id": "a", "text": "abc", "note": [1]}, {"id": "b", "text": "def"}])
        ran = repro("predict", "tutorial", "in.jsonl", "-o", "out.jsonl")
        assert ran.code == 0
        assert read_jsonl("out.jsonl") == [{"id": "a", "note": [1], "output": "cba"}, {"id": "b", "output": "fed"}]

    def test_last_lines_say_what_was_done_and_what_did_it(self, repro: Repro) -> None:
        write_jsonl("in.jsonl", [{"text": "abc"}])
        ran = repro("predict", "tutorial", "in.jsonl", "-o", "out.jsonl")
        done, made_by = ran.err.splitlines()[-2:]
        assert done.startswith("out.jsonl: 1 record, 0 failed, ")
        assert "records/s" in done or "s/record" in done
        assert made_by.startswith("made by tutorial-model on local, cpu ")
        assert "environment interpreter:" in made_by
        assert ran.out == ""

    def test_fasta_goes_under_the_one_text_that_the_model_takes(self, repro: Repro) -> None:
        with gzip.open("proteins.fa.gz", "wt") as file:
            file.write(">a first\nMK\nT\n>b\nAA C\n")
        repro("predict", "tutorial", "proteins.fa.gz", "-o", "out.jsonl")
        assert read_jsonl("out.jsonl") == [{"id": "a", "output": "TKM"}, {"id": "b", "output": "CAA"}]

    def test_mapped_column_becomes_the_key_of_the_model(self, repro: Repro) -> None:
        Path("in.csv").write_text("id,heavy\n7,abc\n")
        ran = repro("predict", "tutorial", "in.csv", "-o", "out.csv", "--map", "text=heavy")
        assert ran.code == 0
        assert Path("out.csv").read_text() == "id,output\n7,cba\n"

    def test_mapped_column_of_fasta_is_its_sequence(self, repro: Repro) -> None:
        Path("in.fasta").write_text(">a\nMKT\n")
        repro("predict", "tutorial", "in.fasta", "-o", "out.jsonl", "--map", "text=sequence")
        assert read_jsonl("out.jsonl") == [{"id": "a", "output": "TKM"}]

    @pytest.mark.usefixtures("moody")
    def test_cell_of_a_table_gets_the_type_that_the_model_declares(self, repro: Repro) -> None:
        Path("in.tsv").write_text("text\tkg\nyou\t12\nme\t\n")
        ran = repro("predict", "moody", "in.tsv", "-o", "out.jsonl", "--map", "weight=kg")
        assert ran.code == 0, ran.err
        assert [row["weight_given"] for row in read_jsonl("out.jsonl")] == [12, None]

    def test_limit_takes_the_first_records(self, repro: Repro) -> None:
        write_jsonl("in.jsonl", [{"text": str(number)} for number in range(10)])
        repro("predict", "tutorial", "in.jsonl", "-o", "out.jsonl", "--limit", "3")
        assert [row["output"] for row in read_jsonl("out.jsonl")] == ["0", "1", "2"]

    def test_format_is_taken_by_name_where_the_ending_says_nothing(self, repro: Repro) -> None:
        Path("in.txt").write_text("text\nabc\n")
        ran = repro("predict", "tutorial", "in.txt", "-o", "out.txt", "--input-format", "csv", "--format", "tsv")
        assert ran.code == 0
        assert Path("out.txt").read_text() == "output\ncba\n"

    def test_standard_input_to_standard_output(self, program: Repro) -> None:
        ran = program("predict", "tutorial", "-", "-o", "-", stdin='{"text": "abc", "id": 1}\n\n{"text": "é"}\n')
        assert (ran.code, ran.out) == (0, '{"id":1,"output":"cba"}\n{"output":"é"}\n')

    def test_output_is_replaced_only_when_the_new_one_is_complete(self, repro: Repro) -> None:
        Path("out.jsonl").write_text("old\n")
        write_jsonl("in.jsonl", [{"text": 5}])
        repro("predict", "tutorial", "in.jsonl", "-o", "out.jsonl")
        assert Path("out.jsonl").read_text() == "old\n"

    def test_nothing_but_its_manifest_is_left_beside_the_output(self, repro: Repro) -> None:
        write_jsonl("in.jsonl", [{"text": "abc"}])
        repro("predict", "tutorial", "in.jsonl", "-o", "out.jsonl")
        assert names_here() == ["in.jsonl", "out.jsonl", "out.jsonl.repro.json"]

    def test_summary_as_json(self, repro: Repro) -> None:
        write_jsonl("in.jsonl", [{"text": "abc"}])
        ran = repro("predict", "tutorial", "in.jsonl", "-o", "out.jsonl", "--json")
        summary = json.loads(ran.out)
        assert (summary["records"], summary["failed"], summary["maker"]["runtime"]) == (1, 0, "local")
        assert summary["worker"]["device"] == "cpu"

    def test_quiet_says_nothing(self, repro: Repro) -> None:
        write_jsonl("in.jsonl", [{"text": "abc"}])
        ran = repro("predict", "tutorial", "in.jsonl", "-o", "out.jsonl", "-q")
        assert (ran.code, ran.out, ran.err) == (0, "", "")


@pytest.mark.usefixtures("moody")
class TestOptionsOfTheModel:
    def test_options_reach_the_worker(self, repro: Repro) -> None:
        write_jsonl("in.jsonl", [{"text": "you"}])
        words = ["--greeting", "dear", "--loud", "--tone", "high", "--steps", "2", "--steps", "-3"]
        words += ["--moody-limit", "9", "--extra", '{"a": [1]}', "--limit", "1"]
        ran = repro("predict", "moody", "in.jsonl", "-o", "out.jsonl", *words)
        assert ran.code == 0, ran.err
        assert read_jsonl("out.jsonl") == [
            {"said": "DEAR YOU", "weight_given": None, "asked": [[2, -3], [1], 9, {"a": [1]}]}
        ]

    def test_list_can_be_made_empty(self, repro: Repro) -> None:
        write_jsonl("in.jsonl", [{"text": "you"}])
        repro("predict", "moody", "in.jsonl", "-o", "out.jsonl", "--no-steps", "--tone", "high")
        assert read_jsonl("out.jsonl")[0]["asked"] == [[], [1], 5, None]

    def test_list_that_may_not_be_empty_has_no_such_flag(self, repro: Repro) -> None:
        ran = repro("predict", "moody", "in.jsonl", "-o", "out.jsonl", "--no-at-least-one")
        assert ran.code == 2

    def test_flag_that_is_taken_back_counts_as_given(self, repro: Repro) -> None:
        write_jsonl("in.jsonl", [{"text": "you"}])
        repro("predict", "moody", "in.jsonl", "-o", "out.jsonl", "--loud", "--no-loud")
        assert read_jsonl("out.jsonl")[0]["said"] == "hello you"

    @pytest.mark.parametrize(
        ("words", "told"),
        [
            (["--tone", "shrill"], "'shrill' is not one of"),
            (["--steps", "many"], "'many' is not a valid int"),
            (["--extra", "{"], "is no JSON"),
            (["--steps", "1", "--no-steps"], "both given"),
            (["--whisper"], "--whisper"),
        ],
    )
    def test_option_that_does_not_fit_is_an_error_of_usage(self, repro: Repro, words: list[str], told: str) -> None:
        write_jsonl("in.jsonl", [{"text": "you"}])
        ran = repro("predict", "moody", "in.jsonl", "-o", "out.jsonl", *words)
        assert ran.code == 2
        assert told in ran.err


class TestWhatIsRefused:
    @pytest.mark.parametrize(
        ("content", "told"),
        [
            ("", "in.jsonl is empty"),
            ("\n\n", "in.jsonl holds only blank lines"),
            ('{"text": "a"}\n{"text": "b', "in.jsonl ends in the middle of line 2"),
            ('{"text": "a"}\n\n{"text": 5}\n', "in.jsonl, line 3: record 1: the key 'text'"),
            ('{"text": "a"}\n{"txt": "b"}\n', "in.jsonl, line 2: record 1: the key 'text' is missing"),
        ],
    )
    def test_input_is_checked_to_its_end_before_anything_starts(self, repro: Repro, content: str, told: str) -> None:
        Path("in.jsonl").write_text(content)
        ran = repro("predict", "tutorial", "in.jsonl", "-o", "out.jsonl")
        assert ran.code == 3
        assert told in ran.err
        assert "starting" not in ran.err
        assert names_here() == ["in.jsonl"]

    def test_missing_key_is_told_with_the_column_that_could_be_meant(self, repro: Repro) -> None:
        Path("in.csv").write_text("name,txt\na,b\n")
        ran = repro("predict", "tutorial", "in.csv", "-o", "out.csv")
        assert "do: --map text=txt (the columns are: 'name', 'txt')" in ran.err

    def test_column_with_a_blank_is_quoted_in_what_is_to_be_pasted(self, repro: Repro) -> None:
        Path("in.csv").write_text("name,the text\na,b\n")
        ran = repro("predict", "tutorial", "in.csv", "-o", "out.csv")
        assert "do: --map 'text=the text' (the columns" in ran.err

    @pytest.mark.parametrize(
        ("name", "content", "told"),
        [
            ("in.csv", "name;text\na;b\n", "the separator seems to be ';': write it with ','"),
            ("in.csv", "name;text\na;b,c\n", "the separator seems to be ';': write it with ','"),
            ("in.csv", "name\ttext\na\tb\n", "the separator seems to be a tab: --input-format tsv"),
            ("in.tsv", "name,text\na,b\n", "the separator seems to be ',': --input-format csv"),
        ],
    )
    def test_other_separator_is_told_as_such(self, repro: Repro, name: str, content: str, told: str) -> None:
        Path(name).write_text(content)
        ran = repro("predict", "tutorial", name, "-o", "out.csv")
        assert ran.code == 3
        assert told in ran.err
        assert "--map" not in ran.err

    def test_empty_cell_is_told_by_its_line_and_not_as_a_missing_key(self, repro: Repro) -> None:
        Path("in.csv").write_text('id,sequence\na,"MK"\n\nb,\n')
        ran = repro("predict", "antiberty", "in.csv", "-o", "out.jsonl")
        assert ran.code == 3
        assert "in.csv, line 4: record 1: the key 'sequence'" in ran.err
        assert "do: correct it, or leave the record out" in ran.err

    def test_record_of_fasta_is_told_by_the_line_of_its_header(self, repro: Repro) -> None:
        Path("in.fasta").write_text(">a\nMKT\nMKT\n>b\n>c\nMKT\n")
        ran = repro("predict", "tutorial", "in.fasta", "-o", "out.jsonl")
        assert ran.code == 3
        assert "line 4" in ran.err

    def test_record_on_standard_input_is_told_by_its_index(self, program: Repro) -> None:
        ran = program("predict", "tutorial", "-", "-o", "-", stdin='{"text": "a"}\n{"text": 5}\n')
        assert (ran.code, ran.out) == (3, "")
        assert "standard input: record 1: the key 'text'" in ran.err

    def test_file_that_is_not_there_gets_the_near_name(self, repro: Repro) -> None:
        write_jsonl("antibodies.jsonl", [])
        ran = repro("predict", "tutorial", "antibody.jsonl", "-o", "out.jsonl")
        assert ran.code == 3
        assert "did you mean antibodies.jsonl?" in ran.err

    def test_model_that_is_not_known_gets_the_near_name(self, repro: Repro) -> None:
        ran = repro("predict", "antibery", "in.jsonl", "-o", "out.jsonl")
        assert ran.code == 2
        assert "did you mean antiberty" in ran.err

    def test_variant_that_is_not_known_gets_the_near_names(self, repro: Repro) -> None:
        write_jsonl("in.jsonl", [{"sequence": "MKT"}])
        ran = repro("predict", "esm", "in.jsonl", "-o", "out.jsonl", "--variant", "esm2_t6_8M")
        assert ran.code == 2
        assert "esm2_t6_8M_UR50D" in ran.err

    @pytest.mark.parametrize("output", ["in.jsonl", "./in.jsonl", "symbolic.jsonl", "hard.jsonl"])
    def test_the_input_is_never_overwritten(self, repro: Repro, output: str) -> None:
        given = Path("in.jsonl")
        given.write_text('{"text":"abc"}\n')
        Path("symbolic.jsonl").symlink_to(given)
        Path("hard.jsonl").hardlink_to(given)

        ran = repro("predict", "tutorial", given, "-o", output)

        assert (ran.code, given.read_text()) == (2, '{"text":"abc"}\n')
        assert "is the input" in ran.err

    def test_output_is_required(self, repro: Repro) -> None:
        ran = repro("predict", "tutorial", "in.jsonl")
        assert ran.code == 2
        assert "'-o' / '--output'" in ran.err

    @pytest.mark.parametrize("output", ["nowhere/out.jsonl", "out.docx", "."])
    def test_output_that_cannot_be_written_is_told_before_the_input_is_read(self, repro: Repro, output: str) -> None:
        ran = repro("predict", "tutorial", "not-there.jsonl", "-o", output)
        assert ran.code == 9

    def test_weights_that_are_not_fetched_name_the_command_that_fetches_them(self, repro: Repro) -> None:
        write_jsonl("in.jsonl", [{"sequence": "MKT"}])
        ran = repro("predict", "esm", "in.jsonl", "-o", "out.jsonl")
        assert ran.code == 4
        assert "do: repro setup esm --variant esm2_t6_8M_UR50D" in ran.err

    def test_environment_that_is_not_made_names_the_command_that_makes_it(
        self, repro: Repro, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("REPRO_LOCAL_PYTHON")
        write_jsonl("in.jsonl", [{"text": "a"}])
        ran = repro("predict", "tutorial", "in.jsonl", "-o", "out.jsonl")
        assert ran.code == 4
        assert "do: repro setup tutorial --runtime local" in ran.err
        assert names_here() == ["in.jsonl"]

    def test_local_taken_for_want_of_docker_says_that_there_is_no_isolation(
        self, repro: Repro, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("REPRO_RUNTIME")
        write_jsonl("in.jsonl", [{"text": "a"}])
        ran = repro("predict", "tutorial", "in.jsonl", "-o", "out.jsonl")
        assert ran.code == 0
        assert "starting tutorial-model on local, without isolation: no Docker engine answers" in ran.err

    def test_environment_that_is_not_made_for_want_of_docker_says_that_docker_does_not_answer(
        self, repro: Repro, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("REPRO_RUNTIME")
        monkeypatch.delenv("REPRO_LOCAL_PYTHON")
        write_jsonl("in.jsonl", [{"text": "a"}])
        ran = repro("predict", "tutorial", "in.jsonl", "-o", "out.jsonl")
        assert ran.code == 4
        assert "cause: Docker would be taken and cannot be used, nor what is set up there: no Docker engine" in ran.err
        assert "do: start the Docker engine" in ran.err

    def test_engine_that_does_not_answer_is_told(self, repro: Repro) -> None:
        write_jsonl("in.jsonl", [{"text": "a"}])
        ran = repro("predict", "tutorial", "in.jsonl", "-o", "out.jsonl", "--runtime", "docker")
        assert ran.code == 5
        assert "no Docker engine answers" in ran.err

    def test_limit_of_memory_needs_docker(self, repro: Repro) -> None:
        write_jsonl("in.jsonl", [{"text": "a"}])
        ran = repro("predict", "tutorial", "in.jsonl", "-o", "out.jsonl", "--memory", "1g")
        assert ran.code == 2
        assert 'take Docker (--runtime docker, in Python runtime="docker")' in ran.err
        assert names_here() == ["in.jsonl"]

    def test_array_on_its_way_into_a_table_is_told_after_the_first_record(self, repro: Repro, moody: None) -> None:
        write_jsonl("in.jsonl", [{"text": "you"}] * 30)
        ran = repro("predict", "moody", "in.jsonl", "-o", "out.csv", "--tone", "high")
        assert ran.code == 9
        assert "row 0, 'asked': a list does not fit into a cell" in ran.err
        assert names_here() == ["in.jsonl"]

    def test_table_of_a_model_that_gives_arrays_alone_is_refused_before_anything_is_looked_at(
        self, repro: Repro, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        arrays = create_model("Arrays", embedding=(Array | None, None), logits=(Array | None, None))
        monkeypatch.setattr(ESM, "Outputs", arrays)
        write_jsonl("in.jsonl", [{"sequence": "MKT"}])
        ran = repro("predict", "esm", "in.jsonl", "-o", "out.csv")
        assert ran.code == 9
        assert "esm-model gives arrays (embedding, " in ran.err
        assert "do: choose an output that ends in .parquet" in ran.err

    def test_column_that_the_answer_has_too_is_told_with_the_way_out(self, repro: Repro) -> None:
        write_jsonl("in.jsonl", [{"text": "abc", "output": 1}])
        ran = repro("predict", "tutorial", "in.jsonl", "-o", "out.jsonl")
        assert ran.code == 3
        assert "--map input_output=output" in ran.err

    @pytest.mark.parametrize("key", ["text", "weight"])
    @pytest.mark.usefixtures("moody")
    def test_mapped_column_that_no_record_has_is_told(self, repro: Repro, key: str) -> None:
        Path("in.csv").write_text("text\nyou\n")
        ran = repro("predict", "moody", "in.csv", "-o", "out.csv", "--map", f"{key}=kgs")
        assert ran.code == 3
        assert "'kgs'" in ran.err

    def test_json_and_records_do_not_share_standard_output(self, repro: Repro) -> None:
        assert repro("predict", "tutorial", "in.jsonl", "-o", "-", "--json").code == 2


@pytest.mark.usefixtures("moody")
class TestRecordsThatFail:
    def test_first_one_ends_the_run(self, repro: Repro) -> None:
        write_jsonl("in.jsonl", [{"text": "you"}, {"text": "raise"}, {"text": "me"}])
        ran = repro("predict", "moody", "in.jsonl", "-o", "out.jsonl")
        assert ran.code == 8
        assert "record 1: the model raised ValueError: in no mood" in ran.err
        assert "--on-error return" in ran.err
        assert not Path("out.jsonl").exists()

    def test_with_return_the_output_is_complete_and_the_exit_code_tells(self, repro: Repro) -> None:
        write_jsonl("in.jsonl", [{"id": 1, "text": "you"}, {"id": 2, "text": "raise"}, {"id": 3, "text": "me"}])
        ran = repro("predict", "moody", "in.jsonl", "-o", "out.jsonl", "--on-error", "return")
        assert ran.code == 8
        rows = read_jsonl("out.jsonl")
        assert [row["id"] for row in rows] == [1, 2, 3]
        assert rows[1]["error"] == {"type": "ValueError", "message": "in no mood"}
        assert "3 records, 1 failed" in ran.err

    def test_run_that_was_ended_by_one_is_gone_on_with(self, repro: Repro) -> None:
        write_jsonl("in.jsonl", [{"text": "you"}] * 20 + [{"text": "raise"}] + [{"text": "me"}] * 5)
        repro("predict", "moody", "in.jsonl", "-o", "out.jsonl")
        ran = repro("predict", "moody", "in.jsonl", "-o", "out.jsonl", "--on-error", "return", "--resume")
        assert ran.code == 8
        assert "26 records (20 of them earlier), 1 failed" in ran.err
        assert len(read_jsonl("out.jsonl")) == 26

    def test_record_that_kills_the_worker_is_named_and_the_others_are_answered(self, repro: Repro) -> None:
        write_jsonl("in.jsonl", [{"text": "you"}, {"text": "die"}, {"text": "me"}])
        ran = repro("predict", "moody", "in.jsonl", "-o", "out.jsonl", "--on-error", "return")
        assert ran.code == 8
        error = read_jsonl("out.jsonl")[1]["error"]
        assert isinstance(error, dict)
        assert error["type"] == "WorkerCrashedError"
        assert "record 1" in error["message"]

    def test_worker_that_takes_too_long_is_told_as_such(self, repro: Repro) -> None:
        write_jsonl("in.jsonl", [{"text": "you"}])
        ran = repro("predict", "moody", "in.jsonl", "-o", "out.jsonl", "--delay-s", "600", "--call-timeout", "3")
        assert ran.code == 7
        assert "did not answer record 0 within 3 s" in ran.err


class TestResume:
    @pytest.mark.parametrize(("words", "stdin"), [(["in.jsonl", "-o", "-"], ""), (["-", "-o", "out.jsonl"], "{}")])
    def test_only_a_run_from_file_to_file_is_gone_on_with(self, program: Repro, words: list[str], stdin: str) -> None:
        write_jsonl("in.jsonl", [{"text": "abc"}])
        ran = program("predict", "tutorial", *words, "--resume", stdin=stdin)
        assert ran.code == 2
        assert "leave --resume out" in ran.err

    def test_resume_of_nothing_starts_anew(self, repro: Repro) -> None:
        write_jsonl("in.jsonl", [{"text": "abc"}])
        assert repro("predict", "tutorial", "in.jsonl", "-o", "out.jsonl", "--resume").code == 0

    def test_run_with_other_settings_is_refused(self, repro: Repro, moody: None) -> None:
        write_jsonl("in.jsonl", [{"text": "you"}] * 10 + [{"text": "raise"}])
        repro("predict", "moody", "in.jsonl", "-o", "out.jsonl")
        ran = repro("predict", "moody", "in.jsonl", "-o", "out.jsonl", "--resume", "--loud")
        assert ran.code == 3
        assert "made_by.options.loud was False and is True now" in ran.err

    def test_run_without_resume_starts_anew_and_says_so(self, repro: Repro, moody: None) -> None:
        write_jsonl("in.jsonl", [{"text": "you"}] * 10 + [{"text": "raise"}])
        repro("predict", "moody", "in.jsonl", "-o", "out.jsonl")
        ran = repro("predict", "moody", "in.jsonl", "-o", "out.jsonl", "--on-error", "return", "--loud")
        assert "10 rows of an interrupted run are dropped" in ran.err
        assert read_jsonl("out.jsonl")[0]["said"] == "HELLO YOU"

    def test_complete_output_of_the_same_settings_is_left_as_it_is(self, repro: Repro, moody: None) -> None:
        write_jsonl("in.jsonl", [{"text": "you"}] * 10)
        repro("predict", "moody", "in.jsonl", "-o", "out.jsonl")
        inode = Path("out.jsonl").stat().st_ino
        ran = repro("predict", "moody", "in.jsonl", "-o", "out.jsonl", "--resume")
        assert ran.code == 0
        assert "out.jsonl is complete already: nothing to do" in ran.err
        assert "starting" not in ran.err
        assert Path("out.jsonl").stat().st_ino == inode

    def test_complete_output_with_failed_records_still_tells_of_them(self, repro: Repro, moody: None) -> None:
        write_jsonl("in.jsonl", [{"text": "you"}, {"text": "raise"}])
        words = ["predict", "moody", "in.jsonl", "-o", "out.jsonl", "--on-error", "return"]
        repro(*words)
        ran = repro(*words, "--resume")
        assert ran.code == 8
        assert "nothing to do" in ran.err

    @pytest.mark.parametrize(
        ("words", "told"),
        [
            (["--limit", "2"], "run.limit was None and is 2 now"),
            (["--loud"], "made_by.parameters.loud was False and is True now"),
            (["--map", "weight=kg"], "run.mapping was {} and is {'weight': 'kg'} now"),
        ],
    )
    def test_complete_output_of_other_settings_is_never_replaced(
        self, repro: Repro, moody: None, words: list[str], told: str
    ) -> None:
        write_jsonl("in.jsonl", [{"text": "you", "kg": 5}] * 10)
        repro("predict", "moody", "in.jsonl", "-o", "out.jsonl")
        ran = repro("predict", "moody", "in.jsonl", "-o", "out.jsonl", "--resume", *words)
        assert ran.code == 3
        assert "out.jsonl is complete, of a run with other settings" in ran.err
        assert told in ran.err
        assert len(read_jsonl("out.jsonl")) == 10

    def test_complete_output_of_another_input_is_never_replaced(self, repro: Repro) -> None:
        write_jsonl("in.jsonl", [{"text": "you"}])
        repro("predict", "tutorial", "in.jsonl", "-o", "out.jsonl")
        write_jsonl("in.jsonl", [{"text": "me"}])
        ran = repro("predict", "tutorial", "in.jsonl", "-o", "out.jsonl", "--resume")
        assert (ran.code, read_jsonl("out.jsonl")) == (3, [{"output": "uoy"}])

    def test_complete_output_that_was_edited_is_not_replaced(self, repro: Repro) -> None:
        write_jsonl("in.jsonl", [{"text": "you"}])
        repro("predict", "tutorial", "in.jsonl", "-o", "out.jsonl")
        Path("out.jsonl").write_text("mine\n")
        ran = repro("predict", "tutorial", "in.jsonl", "-o", "out.jsonl", "--resume")
        assert (ran.code, Path("out.jsonl").read_text()) == (3, "mine\n")
        assert "leave --resume out" in ran.err
