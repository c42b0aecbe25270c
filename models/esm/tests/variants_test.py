"""Scores of mutants as a user asks for them: in Python, from files, as a matrix, by an ensemble."""

from __future__ import annotations

import csv
import json
import random
import re
import shutil
import subprocess

import numpy as np
import pytest

from models.esm.tests import FIXTURES_ROOT
from repro.cli import main
from repro.errors import ModelNotFoundError, OutputError, RecordError, SettingsError
from repro.file_run import FileRun, predict_file
from repro.models import ParallelModel
from repro.models.esm import ESM, ESM1V, ESMEnsemble, LogOdds
from repro.models.esm.variants import AMINO_ACIDS, read_mutant
from repro.record_source import InputFile
from repro.runtimes.choice import choose_runtime
from repro.settings import load_settings

WILD_TYPE = "MKTAYIAKQR"
HERE = {"weights": FIXTURES_ROOT, "runtime": "local"}


@pytest.fixture(scope="module")
def model():
    choose_runtime("local", load_settings()).setup(ESM.spec(), lambda line: None)
    with ESM(**HERE) as warm:
        yield warm


@pytest.mark.parametrize("strategy", ["masked-marginals", "wt-marginals", "pseudo-ppl"])
def test_scores_come_in_the_order_of_the_mutants_whatever_they_are_called(model, strategy):
    mutants = ["A4G", "K2R:A4G", "MKTGYIAKQR", "A4G"]

    scores = model.score_variants(WILD_TYPE, mutants, strategy)

    assert scores.shape == (4,)
    assert scores.dtype == np.float64
    assert scores[0] == scores[2] == scores[3] != scores[1]


def test_an_offset_is_the_number_of_the_first_residue(model):
    named = model.score_variants(WILD_TYPE, ["A4G"])

    assert model.score_variants(WILD_TYPE, ["A27G"], offset=24) == named
    assert model.score_variants(WILD_TYPE, ["A1G"], offset=-2) == named


def test_a_substitution_of_a_residue_by_itself_changes_nothing(model):
    assert list(model.score_variants(WILD_TYPE, ["A4A", WILD_TYPE])) == [0, 0]


def test_letters_of_the_wild_type_that_stand_for_several_can_be_mutated(model):
    named, spelt, elsewhere = model.score_variants("MXTAYIAKQR", ["X2K", "MKTAYIAKQR", "A4G"])

    assert named == spelt != 0
    assert elsewhere != 0


def test_a_masked_residue_of_the_wild_type_is_one_position(model):
    masked = "MK<mask>AYIAKQR"

    named, spelt = model.score_variants(masked, ["A4G", "MK<mask>GYIAKQR"])

    assert named == spelt
    assert model.log_odds(masked).values.shape == (10, 20)
    assert model.log_odds(masked).score("A4G") == pytest.approx(named, abs=1e-4)


def test_the_offset_of_a_call_goes_before_that_of_the_model():
    scorer = ESM(task="score", wild_type=WILD_TYPE, **HERE)

    scorer.check([{"mutant": "A27G"}], offset=24)
    with pytest.raises(RecordError, match=r"A4G is out of range: positions go from 24 to 33"):
        scorer.check([{"mutant": "A4G"}], offset=24)


def test_a_long_protein_with_very_many_mutants_is_scored(model):
    chance = random.Random(1)
    wild_type = "".join(chance.choices(AMINO_ACIDS, k=2000))
    places = [0, 1, 511, 1022, 1500, 1999]
    mutants = [
        f"{wild_type[place]}{place + 1}{chance.choice(AMINO_ACIDS)}" for place in chance.choices(places, k=10**5)
    ]

    scores = model.score_variants(wild_type, mutants)

    assert scores.shape == (10**5,)
    by_name = dict(zip(mutants, scores, strict=True))
    assert all(by_name[mutant] == score for mutant, score in zip(mutants, scores, strict=True))
    assert np.isfinite(scores).all()


def test_no_mutants_have_no_scores():
    assert ESM(**HERE).score_variants(WILD_TYPE, []).shape == (0,)


@pytest.mark.parametrize("strategy", ["masked-marginals", "wt-marginals"])
def test_log_odds_are_the_scores_of_all_substitutions(model, strategy):
    scan = model.log_odds(WILD_TYPE, strategy, offset=24)

    assert scan.values.shape == (10, 20)
    (score,) = model.score_variants(WILD_TYPE, ["A27G"], strategy, offset=24)
    assert scan.score("A27G") == pytest.approx(score, abs=1e-4)
    assert scan.score(WILD_TYPE) == 0


def test_a_matrix_has_no_score_for_a_letter_that_is_no_column():
    scan = LogOdds("MKTA", np.zeros((4, 20), dtype=np.float32))

    with pytest.raises(ValueError, match="K2X: a matrix has the 20 amino acids alone"):
        scan.score("K2X")


def test_an_ensemble_is_the_mean_of_its_members(model):
    variants = ("esm1v_t33_650M_UR90S_1", "esm2_t6_8M_UR50D")
    mutants = ["A4G", "K2R:A4G"]

    with ESMEnsemble(variants, **HERE) as ensemble:
        mean = ensemble.score_variants(WILD_TYPE, mutants)
        each = ensemble.score_variants_each(WILD_TYPE, mutants)
        scan = ensemble.log_odds(WILD_TYPE, "wt-marginals")

    assert tuple(each) == variants
    np.testing.assert_allclose(mean, (each[variants[0]] + each[variants[1]]) / 2)
    np.testing.assert_allclose(each[variants[1]], model.score_variants(WILD_TYPE, mutants), atol=1e-4)
    assert scan.values.shape == (10, 20)


def test_the_ensemble_of_esm1v_has_five_members():
    assert ESMEnsemble(**HERE).variants == ESM1V
    assert len(set(ESM1V)) == 5


def test_an_ensemble_of_what_does_not_exist_is_refused():
    with pytest.raises(SettingsError, match="is no list of checkpoints"):
        ESMEnsemble([])
    with pytest.raises(ModelNotFoundError):
        ESMEnsemble(["esm9"])


# ----------------------------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("mutant", "message"),
    [
        ("K3R", "K3R: the wild type has T at position 3"),
        ("A11G", "A11G is out of range: positions go from 1 to 10"),
        ("K0R", "K0R is out of range"),
        ("K2R:K2A", "names position 2 twice"),
        ("K2", "'K2' is no substitution of amino acids such as A42G"),
        ("K2J", "'K2J' is no substitution"),
        ("k2r", "'k2r' is no substitution"),
        ("K2R:", "'' is no substitution"),
        ("", "the mutated sequence is empty"),
        ("MKT", "has 3 residues and the wild type 10: only pseudo-ppl scores insertions and deletions"),
        ("mktayiakqr", "holds 'm' at position 1"),
        ("MKTAYIAKQ*", "holds '*' at position 10"),
        ("A4*", "'A4*' is no substitution"),
        ("A4-", "'A4-' is no substitution"),
        ("A4G:K3R", "K3R: the wild type has T at position 3"),
        ("A4G:A4V", "names position 4 twice"),
        ("A4G,K2R", "'A4G,K2R' is no substitution"),
        (" A4G", "' A4G' is no substitution"),
        ("A4G\n", "'A4G\\n' is no substitution"),
        ("A\u0664G", "is no substitution"),  # an Arabic 4
        ("\u0410" + "4G", "is no substitution"),  # a Cyrillic A
        ("A\u00b2G", "is no substitution"),  # a superscript 2
        ("A-4G", "A-4G is out of range"),
        ("A" + "9" * 5000 + "G", "is no substitution"),
        ("MKTAYIAKQ\u0420", "holds '\u0420' at position 10"),
        ("MKTAYIAKQR ", "holds ' ' at position 11"),
        ("MKTAYIAKQ<mask>R", "has 11 residues and the wild type 10"),
    ],
)
def test_a_mutant_that_is_none_of_the_wild_type_is_told_with_its_row_before_anything_starts(mutant, message):
    model = ESM(**HERE)

    with pytest.raises(RecordError) as caught:
        model.score_variants(WILD_TYPE, ["A4G", mutant])

    assert caught.value.message.startswith("record 1: ")
    assert message in caught.value.message
    assert caught.value.index == 1
    assert not model.session.is_warm


@pytest.mark.parametrize(
    ("wild_type", "message"),
    [("", "is empty"), ("mkta", "holds 'm' at position 1"), ("MK TA", "holds ' ' at position 3"), ("MKJ", "holds 'J'")],
)
def test_a_wild_type_that_is_no_protein_is_told(wild_type, message):
    with pytest.raises(RecordError, match=message):
        ESM(**HERE).score_variants(wild_type, ["K2R"])
    with pytest.raises(RecordError, match=message):
        ESM(**HERE).log_odds(wild_type)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"precision": "tf32"}, "tf32 is a precision of GPUs"),
        ({"precision": "bf16", "engine": "reference"}, "the reference engine computes in fp32 alone"),
        ({"precision": "fp16"}, "fp16"),
        ({"engine": "faster"}, "faster"),
    ],
)
def test_an_engine_or_a_precision_that_there_is_not_is_refused_before_anything_starts(options, message):
    with pytest.raises(SettingsError, match=message):
        ESM(**HERE, **options)


def test_pseudo_ppl_has_no_log_odds():
    with pytest.raises(SettingsError, match="no log-odds"):
        ESM(**HERE).log_odds(WILD_TYPE, "pseudo-ppl")


def test_substitutions_are_read_from_a_sequence_as_from_a_name():
    named = read_mutant("K25R:A27G", WILD_TYPE, offset=24)

    assert read_mutant("MRTGYIAKQR", WILD_TYPE, offset=24) == named
    assert read_mutant(WILD_TYPE, WILD_TYPE) == ()


def test_a_record_without_a_sequence_is_told(model):
    with pytest.raises(RecordError, match="record 0: the key 'sequence' is missing"):
        model.predict_batch([{}])
    with pytest.raises(RecordError, match="record 1: the key 'sequence' is missing"):
        ESM(task="score", **HERE).predict_batch([{"sequence": "MK", "mutant": "K2R"}, {"mutant": "K2R"}])
    with pytest.raises(RecordError, match="record 0: the key 'sequence' is missing"):
        model.predict_batch([{"mutant": "K2R"}], task="score")


# --------------------------------------------------------------------------------------------------------------- files


def write_csv(path, *rows):
    path.write_text("\n".join(",".join(row) for row in rows) + "\n")
    return path


def test_a_table_of_mutants_is_scored_in_the_shell(model, tmp_path, monkeypatch):
    table = write_csv(tmp_path / "in.csv", ("mutant", "dms"), ("K2R", "1.5"), ("A4G:K2R", "2"), ("MRTAYIAKQR", "3"))
    monkeypatch.setenv("REPRO_RUNTIME", "local")
    words = ["predict", "esm", table, "-o", tmp_path / "out.csv", "--task", "score", "--wild-type", WILD_TYPE]

    assert main([*map(str, words), "--weights", str(FIXTURES_ROOT)]) == 0

    with (tmp_path / "out.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["mutant"] for row in rows] == ["K2R", "A4G:K2R", "MRTAYIAKQR"]
    assert [row["dms"] for row in rows] == ["1.5", "2", "3"]
    expected = model.score_variants(WILD_TYPE, ["K2R", "A4G:K2R", "K2R"])
    np.testing.assert_allclose([float(row["score"]) for row in rows], expected, atol=1e-4)


def test_a_row_that_does_not_fit_is_told_before_anything_starts_and_nothing_is_written(tmp_path):
    table = write_csv(tmp_path / "in.csv", ("mutant",), ("K2R",), ("T2R",))
    scorer = ESM(task="score", wild_type=WILD_TYPE, **HERE)

    with pytest.raises(RecordError, match=r"in.csv, line 3: record 1: T2R: the wild type has K at position 2"):
        predict_file(scorer, FileRun(InputFile(table), tmp_path / "out.csv"))

    assert not scorer.session.is_warm
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize(
    ("task", "text", "message"),
    [
        ("score", "mutant\nK2R\nA0G\n", "line 3: record 1: A0G is out of range"),
        ("score", "mutant\nK2R\na4g\n", "line 3: record 1: 'a4g' is no substitution"),
        ("score", "mutant\nK2R\n\nA4\n", "line 4: record 1: 'A4' is no substitution"),
        ("score", "mutant\nK2R\nA4G:A4V\n", "line 3: record 1: A4G:A4V names position 4 twice"),
        ("score", "mutant\nK2R\nMKTAYIAK\n", "line 3: record 1: the mutated sequence has 8 residues"),
        ("score", "mutant,x\nK2R,1\n,2\n", "line 3: record 1: the mutated sequence is empty"),
        ("score", "sequence\nMKTA\nMKTJ\n", "line 3: record 1: the sequence holds 'J' at position 4"),
        ("embed", "sequence\nMKTA\nMK*A\n", "line 3: record 1: the sequence holds '*' at position 3"),
        ("embed", "sequence\nMKTA\nmkta\n", "line 3: record 1: the sequence holds 'm' at position 1"),
        ("embed", "sequence\nMKTA\n" + "A" * 1023, "line 3: record 1: the sequence has 1,023 residues, and at most"),
        ("embed", "sequence,x\nMKTA,1\n,2\n", "line 3: record 1: the key 'sequence'"),
    ],
)
def test_what_is_wrong_in_a_table_is_told_by_file_and_line_and_nothing_is_computed(
    tmp_path, monkeypatch, capsys, task, text, message
):
    monkeypatch.setenv("REPRO_RUNTIME", "local")
    table, output = tmp_path / "in.csv", tmp_path / "out.jsonl"
    table.write_text(text)
    words = ["predict", "esm", table, "-o", output, "--task", task, "--weights", FIXTURES_ROOT]
    words += ["--wild-type", WILD_TYPE] if "mutant" in text else []

    code = main(list(map(str, words)))

    said = capsys.readouterr().err
    assert code == RecordError.exit_code
    assert f"{table}, {message}" in said
    assert "starting" not in said
    assert list(tmp_path.iterdir()) == [table]


def test_a_bad_sequence_has_its_error_in_its_row_where_that_is_asked_for(model, tmp_path):
    table, output = tmp_path / "in.csv", tmp_path / "out.jsonl"
    table.write_text("sequence\nMKTA\nmkta\n" + "A" * 1023 + "\n")

    outcome = predict_file(model, FileRun(InputFile(table), output, on_error="return"))

    assert (outcome.records, outcome.failed) == (3, 2)
    good, lower, long = map(json.loads, output.read_text().splitlines())
    assert "error" not in good
    assert "give upper-case" in lower["error"]["message"]
    assert "1023 residues" in long["error"]["message"]


def test_a_table_as_spreadsheets_write_it_is_scored(model, tmp_path):
    table, output = tmp_path / "in.csv", tmp_path / "out.jsonl"
    table.write_bytes(b"\xef\xbb\xbfmutant,dms\r\nK2R,1\r\n\r\nA4G:K2R,2\r\n\r\n")

    with ESM(task="score", wild_type=WILD_TYPE, **HERE) as scorer:
        predict_file(scorer, FileRun(InputFile(table), output))

    rows = list(map(json.loads, output.read_text().splitlines()))
    assert [row["mutant"] for row in rows] == ["K2R", "A4G:K2R"]
    expected = model.score_variants(WILD_TYPE, ["K2R", "A4G:K2R"])
    np.testing.assert_allclose([row["score"] for row in rows], expected, atol=1e-4)


def test_workers_beside_each_other_get_as_many_mutants_at_once_as_one_does():
    alone = ESM(task="score", **HERE)
    both = ParallelModel(ESM, devices=[-1, -1], task="score", **HERE)

    assert alone.batch_size == both.batch_size == 512
    assert ParallelModel(ESM, 2, task="score", strategy="pseudo-ppl", **HERE).batch_size == ESM.batch_size
    assert ParallelModel(ESM, 2, task="score", batch_size=7, **HERE).batch_size == 7


def test_workers_beside_each_other_score_as_one_does(model):
    records = [
        {"sequence": WILD_TYPE, "mutant": f"{old}{place}{new}"}
        for place, old in enumerate(WILD_TYPE, 1)
        for new in "AWY"
    ]

    with ParallelModel(ESM, 2, task="score", **HERE) as both:
        rows = both.predict_batch(records)

    assert [row["mutant"] for row in rows] == [record["mutant"] for record in records]
    expected = model.score_variants(WILD_TYPE, [record["mutant"] for record in records])
    np.testing.assert_allclose([row["score"] for row in rows], expected, atol=1e-4)


def test_a_table_with_a_column_mutant_can_still_be_embedded_and_keeps_it(model):
    rows = model.predict_batch([{"sequence": "MKTA", "mutant": "K2R"}, {"sequence": "MKTA"}])

    assert rows[0]["mutant"] == "K2R"
    assert "mutant" not in rows[1]
    np.testing.assert_array_equal(rows[0]["embedding"], rows[1]["embedding"])


# ----------------------------------------------------------------------------------------------------------- heat maps


@pytest.fixture
def scan():
    values = np.random.default_rng(0).normal(size=(130, 20)).astype(np.float32)
    return LogOdds(("MKTAX" * 26)[:130], values, offset=24, title='a <b> & "c" </script>')


def test_a_heat_map_is_drawn_as_png(scan, tmp_path):
    pytest.importorskip("matplotlib")

    path = scan.to_png(tmp_path / "map.png")

    assert path.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")


def test_a_heat_map_is_a_page_that_needs_nothing_else(scan, tmp_path):
    page = scan.to_html(tmp_path / "map.html").read_text()

    assert "http" not in page
    assert "<b>" not in page
    data = json.loads(re.search(r'type="application/json">(.*?)</script>', page)[1])
    assert data["offset"] == 24
    assert len(data["sequence"]) == len(data["values"]) == 130
    assert data["values"][7][3] == pytest.approx(float(scan.values[7, 3]), abs=1e-4)


@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs a browser")
def test_a_browser_draws_the_page_in_rows_without_an_error(scan, tmp_path):
    page = scan.to_html(tmp_path / "map.html")
    browser = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    browser += ["--enable-logging=stderr", "--window-size=1000,800", "--dump-dom", page.as_uri()]

    done = subprocess.run(browser, capture_output=True, text=True, check=True, timeout=120)

    assert "CONSOLE" not in done.stderr
    bound = abs(scan.values).max()
    assert f"+{bound:.1f}</span>" in done.stdout
    width, height = map(float, re.search(r"width: ([0-9.]+)px; height: ([0-9.]+)px", done.stdout).groups())
    assert width < 1000
    assert height == 3 * 310  # 60 residues or so in each row, of 20 amino acids


def test_a_short_protein_has_a_narrow_picture_and_a_masked_residue_one_place(tmp_path):
    pytest.importorskip("matplotlib")
    scan = LogOdds("M<mask>A", np.zeros((3, 20), dtype=np.float32))

    page = scan.to_html(tmp_path / "map.html").read_text()
    picture = scan.to_png(tmp_path / "map.png").read_bytes()

    assert '"sequence":["M","#","A"]' in page
    assert int.from_bytes(picture[16:20], "big") < 900  # the width, in its header


def test_a_heat_map_that_cannot_be_written_is_told(scan, tmp_path):
    for write in (scan.to_png, scan.to_html):
        with pytest.raises(OutputError, match="cannot be written"):
            write(tmp_path / "missing" / "map")
