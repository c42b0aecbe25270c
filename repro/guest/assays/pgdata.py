"""The archive with `manifest.lock` and the folders assays/, sequences/, structures/ and msas/ (.pgdata).

Its manifest names sections: each assay has a file, the column of its sequences, its targets as `name = column`, and its
variables. Several assays may stand in one archive, on rows of their own: here they become the rows of one table, in
which a target that an assay did not measure is missing. What the form has no place for (features, splits, where the
data come from) lies beside it in `repro.toml`, where its own readers do not look.
"""

from . import stored_splits
from .archive import plain_name
from .dataset import Assay
from .errors import DatasetError
from .seed_zip import checked_columns, list_of, load_manifest, member_of, text_of
from .table import read_columns, read_header

MANIFEST = "manifest.lock"
BESIDE = "repro.toml"
VERSION = "1.0.0"
SEQUENCE = "sequence"
_MUTANT = "mutant"
_SECTIONS = ("assays", "sequences", "structures", "msas", "assays_raw", "msa_weights")
_PATHS = ("path", "weights_path")


def read(archive):
    """What Dataset is made of. See `Dataset.from_path`."""
    where = "%s in %s" % (MANIFEST, archive.path)
    manifest = load_manifest(archive, MANIFEST)
    beside = load_manifest(archive, BESIDE) if BESIDE in archive else {}
    name = text_of(manifest, "name", where)
    if not name:
        raise DatasetError("%s has no name" % where, 'add a line: name = "..."')
    sections = {key: _sections(manifest, key, where) for key in _SECTIONS}
    files = _files(archive, sections, where)
    wild_type = _wild_type(manifest, sections["sequences"], files, where)
    tables = _tables(sections["assays"], archive, beside, wild_type, where)
    assays, columns = _joined(tables, where)
    splits = {}
    for split, about in beside.get("splits", {}).items():
        splits[split] = stored_splits.from_manifest(split, about, columns.pop(about["column"]), archive.path)
    for column in [one for one in columns if stored_splits.is_folds_column(one)]:
        found = stored_splits.from_column(column, columns.pop(column), archive.path)
        splits[found.name] = found
    texts = {key: text_of(beside, key, BESIDE) for key in ("doi", "source", "xref")}
    publication = manifest.get("publication")
    if isinstance(publication, dict) and not texts["doi"]:
        texts["doi"] = text_of(publication, "doi", where)
    known = ("name", "description", "version", *_SECTIONS)
    return {
        "name": name,
        "description": text_of(manifest, "description", where),
        **texts,
        "assays": assays,
        "table": columns,
        "splits": splits,
        "files": files,
        "extra": {**{key: value for key, value in manifest.items() if key not in known}, **beside.get("extra", {})},
    }


def _sections(manifest, key, where):
    sections = manifest.get(key, [])
    if not isinstance(sections, list) or not all(isinstance(one, dict) for one in sections):
        raise DatasetError("%s: `%s` is no list of tables" % (where, key), "write [[%s]]" % key)
    return sections


def _files(archive, sections, where):
    """The sequences, structures and alignments; an assay's table is read on its own."""
    found = {}
    for key in ("sequences", "structures", "msas", "msa_weights"):
        for section in sections[key]:
            for path in _PATHS:
                if path in section:
                    member = member_of(section, path, "%s, [[%s]]" % (where, key))
                    found[_filed(member, key)] = archive.read(member)
    return found


def _filed(member, key):
    folder = "msas" if key == "msa_weights" else key
    return member if member.startswith(folder + "/") else "%s/%s" % (folder, member.rsplit("/", 1)[-1])


def _wild_type(manifest, sections, files, where):
    """The sequence that the manifest calls the reference, or its only wild type or starting sequence; or None."""
    named = {}
    for section in sections:
        member = member_of(section, "path", "%s, [[sequences]]" % where)
        for name, sequence in _fasta(files[_filed(member, "sequences")], member):
            kind = section.get("type", section.get("sequence_type", "wild_type"))
            named.setdefault(name, (sequence, kind))
    reference = text_of(manifest, "reference_sequence_name", where)
    if reference:
        if reference not in named:
            raise DatasetError(
                "%s names the reference sequence %r, which no file of sequences has" % (where, reference)
            )
        return named[reference][0]
    for wanted in ("wild_type", "starting_sequence"):
        found = {sequence for sequence, kind in named.values() if kind == wanted}
        if found:
            return found.pop() if len(found) == 1 else None
    return None


def _fasta(content, member):
    try:
        lines = content.decode("utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise DatasetError("%s is not UTF-8: %s" % (member, error.reason)) from None
    records = []
    for line in map(str.strip, lines):
        if line.startswith(">"):
            records.append((line[1:].split(None, 1)[0] if line[1:].split() else member, []))
        elif line and not records:
            raise DatasetError("%s is no FASTA file: its first line does not begin with >" % member)
        elif line:
            records[-1][1].append(line)
    return [(name, "".join(parts)) for name, parts in records]


def _tables(sections, archive, beside, wild_type, where):
    """Of each file of an assay: its columns, and the assays that are in it. Several sections may share a file."""
    by_member = {}
    for section in sections:
        place = "%s, [[assays]] %s" % (where, section.get("name", ""))
        member = member_of(section, "path", place.rstrip())
        by_member.setdefault(plain_name(member), []).append((section, place.rstrip()))
    if not by_member:
        raise DatasetError("%s has no [[assays]]: there is nothing to predict" % where)
    return [_table(archive, member, group, beside, wild_type) for member, group in by_member.items()]


def _table(archive, member, group, beside, wild_type):
    table_where = "%s in %s" % (member, archive.path)
    with archive.text(member) as stream:
        reader, header = read_header(stream, table_where)
        assays = [assay for section, place in group for assay in _assays(section, header, beside, wild_type, place)]
        splits = [about.get("column", "") for about in beside.get("splits", {}).values()]
        wanted = [*splits, *list_of(beside, "columns", BESIDE), *filter(stored_splits.is_folds_column, header)]
        for assay in assays:
            bins = assay.target + "_bin"
            wanted += [assay.sequence_column, assay.mutation_column, assay.target, *assay.features]
            wanted += [bins] if bins in header else []
        names = checked_columns(wanted, header, table_where, MANIFEST)
        numbers = {name for assay in assays for name in (assay.target, assay.target + "_bin")}
        return group[0][0], assays, read_columns(reader, header, names, numbers, table_where)


def _assays(section, header, beside, wild_type, place):
    sequence_column = text_of(section, "sequence_alias", place) or text_of(section, "sequence", place) or SEQUENCE
    variables = section.get("variables", section.get("conditions", {}))
    constants = _values(variables, place)
    if wild_type:
        constants.setdefault("sequence", wild_type)
    if _MUTANT in header:
        constants.setdefault("mutation_col", _MUTANT)
    for name, column in _targets(section, place).items():
        about = beside.get("assays", {}).get(name, {})
        features = list_of(about, "features", BESIDE)
        yield Assay(column, text_of(section, "description", place), features, dict(constants), sequence_column)


def _values(variables, place):
    if isinstance(variables, list):  # the newest form: [[assays.variables]] with a name and a value
        variables = {one.get("name"): one.get("value") for one in variables if isinstance(one, dict)}
    if not isinstance(variables, dict):
        raise DatasetError("%s: `variables` is no table" % place)
    return {str(key): value for key, value in variables.items() if value is not None}


def _targets(section, place):
    """The columns of the targets by their names; the forms that the manifest has had over time."""
    targets = section.get("targets", section.get("target", {}))
    if isinstance(targets, str):
        return {targets: targets}
    if isinstance(targets, list) and all(isinstance(one, dict) and isinstance(one.get("name"), str) for one in targets):
        return {one["name"]: one.get("alias") or one["name"] for one in targets}
    if isinstance(targets, dict) and all(isinstance(column, str) for column in targets.values()):
        return targets
    raise DatasetError("%s: `targets` is %r, and has to be names and columns" % (place, targets))


def _joined(tables, where):
    """One table of all files' rows, and its assays; a target of several files carries the file's name before its own."""
    if len(tables) == 1:
        _, assays, columns = tables[0]
        return _by_target(assays, where), columns
    raise DatasetError("%s has several files of assays" % where)


def _by_target(assays, where):
    found = {}
    for assay in assays:
        if assay.target in found:
            raise DatasetError("%s names the target %r twice" % (where, assay.target))
        found[assay.target] = assay
    return found
