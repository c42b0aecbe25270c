"""Between the columns of a file and the keys of a model: rename, divide, join again."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from repro.data.columns import ERROR_COLUMNS, ERROR_KEY, Row
from repro.errors import InputError, InputFileError, SettingsError

_RESERVED = (ERROR_KEY, *ERROR_COLUMNS)


def parse_mapping(pairs: Iterable[str]) -> dict[str, str]:
    """What `--map KEY=COLUMN` says, as `{key: column}`.

    Raises:
        SettingsError: a pair is not of that form, or a key or a column stands in two of them.

    >>> parse_mapping(["sequence=heavy_chain"])
    {'sequence': 'heavy_chain'}
    """
    mapping: dict[str, str] = {}
    for pair in pairs:
        key, equals, column = pair.partition("=")
        if not (key and equals and column):
            fix = "for example: --map sequence=heavy_chain"
            raise SettingsError(f"--map {pair}: not of the form KEY=COLUMN", fix=fix)
        if key in mapping or column in mapping.values():
            raise SettingsError(f"--map {pair}: {column} or {key} is mapped already", fix="map it once")
        mapping[key] = column
    return mapping


def map_keys(records: Iterable[Row], mapping: Mapping[str, str]) -> Iterator[dict[str, object]]:
    """The records with columns renamed to the keys that a model wants; the order of the keys stays.

    Args:
        records: the records.
        mapping: `{key: column}`: the column of that name becomes the key. All are renamed at once, so two can swap.

    Raises:
        InputError: a record does not have the column, or has the key already; names the record.

    >>> list(map_keys([{"id": "a", "heavy_chain": "EVQL"}], {"sequence": "heavy_chain"}))
    [{'id': 'a', 'sequence': 'EVQL'}]
    """
    new_names = {column: key for key, column in mapping.items()}
    for index, record in enumerate(records):
        for key, column in mapping.items():
            if column not in record:
                there = ", ".join(map(repr, record))
                raise InputError(f"record {index} has no column {column!r}", fix=f"--map {key}=COLUMN, one of: {there}")
            if key in record and key not in new_names:
                fix = f"rename that one too: --map other_{key}={key}"
                raise InputError(f"record {index} has {key!r} beside {column!r}, which is to be {key!r}", fix=fix)
        yield {new_names.get(name, name): value for name, value in record.items()}


def split_record(row: Row, model_keys: Collection[str]) -> tuple[dict[str, object], dict[str, object]]:
    """Divide a row into the record for the model and the columns that are carried past it to the output.

    Raises:
        InputError: a carried column is called `error`, `error_type` or `error_message`, as what the output says of a
            record that failed.

    >>> split_record({"id": "a", "sequence": "EVQL"}, {"sequence"})
    ({'sequence': 'EVQL'}, {'id': 'a'})
    """
    record: dict[str, object] = {}
    carried: dict[str, object] = {}
    for key, value in row.items():
        (record if key in model_keys else carried)[key] = value
    if taken := carried.keys() & set(_RESERVED):
        name = min(taken)
        fix = f"rename it: --map input_{name}={name}"
        raise InputError(f"the input has a column {name!r}, a name that the output needs", fix=fix)
    return record, carried


def join_result(carried: Row, result: Row) -> dict[str, object]:
    """One row of the output: the carried columns, then the model's answer.

    Raises:
        InputError: both have a column of one name.

    >>> join_result({"id": "a"}, {"score": -0.5})
    {'id': 'a', 'score': -0.5}
    """
    if both := carried.keys() & result.keys():
        name = min(both)
        fix = f"rename the input's: --map input_{name}={name}"
        raise InputError(f"the input has a column {name!r}, and so has the model's answer", fix=fix)
    return {**carried, **result}


def join_error(carried: Row, error_type: str, error_message: str) -> dict[str, object]:
    """One row of the output for a record that failed: the carried columns, then its error.

    >>> join_error({"id": "a"}, "ValueError", "no residues")
    {'id': 'a', 'error': {'type': 'ValueError', 'message': 'no residues'}}
    """
    return {**carried, ERROR_KEY: {"type": error_type, "message": error_message}}


def check_unique_ids(records: Iterable[dict[str, object]], key: str = "id") -> Iterator[dict[str, object]]:
    """The records as they are, as long as no two have the same `key`.

    Results stand in the order of the input, so two records of one id do no harm to them; who looks results up by id
    asks for this. It remembers every id, so memory grows with the number of records.

    Raises:
        InputFileError: two records have the same id; names both.
    """
    seen: dict[object, int] = {}
    for index, record in enumerate(records):
        if key in record:
            name = record[key]
            first = seen.setdefault(name if isinstance(name, (str, int)) else repr(name), index)
            if first != index:
                fix = "rename one, or take it out"
                raise InputFileError(f"records {first} and {index} (from 0) have the same {key}: {name!r}", fix=fix)
        yield record
