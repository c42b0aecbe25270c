"""The archive with `manifest.lock` and the folders assays/, sequences/, structures/ and msas/ (.pgdata).

Its manifest names sections: each assay has a file, the column of its sequences, its targets, and its variables. What
the form has no place for (features, splits, where the data come from) lies beside it in `repro.toml`, where other
readers of the form do not look. All forms that the manifest has had are read; the latest is written.
"""

from . import stored_splits, subsets
from .archive import plain_name
from .assay import Assay
from .errors import DatasetError
from .fasta import read_fasta
from .joined_tables import join
from .manifests import checked_columns, list_of, load_manifest, member_of, optional_table, tables_of, text_of
from .table import read_columns, read_header, to_numbers
from .variants import with_sequences

MANIFEST = "manifest.lock"
BESIDE = "repro.toml"
VERSION = "1.0.0"
FILED = ("sequences", "structures", "msas", "msa_weights", "assays_raw")
"""Sections whose files are kept as they are."""
KEPT = ("publication", "reference_sequence_name")
"""What else of the manifest is kept as it is."""
_PATHS = ("path", "weights_path")
_MUTANT = "mutant"
_TEXTS = ("doi", "source", "xref")


def read(archive, outer=None):
    """What Dataset is made of. See `Dataset.from_path`.

    Args:
        outer: the archive that it lies in, which has its splits.
    """
    where = "%s in %s" % (MANIFEST, archive.path)
    manifest = load_manifest(archive, MANIFEST)
    beside = _beside(archive)
    name = text_of(manifest, "name", where)
    if not name:
        raise DatasetError("%s has no name" % where, 'add a line: name = "..."')
    sections = {key: tables_of(manifest, key, where) for key in FILED}
    files = _files(archive, sections, where)
    reference = _reference(manifest, sections["sequences"], files, where)
    groups = _grouped(tables_of(manifest, "assays", where), where)
    tables = [_table(archive, member, group, beside, reference, where) for member, group in groups.items()]
    row_counts = [
        (group[0][2], len(next(iter(columns.values())))) for group, (_, _, columns) in zip(groups.values(), tables)
    ]
    assays, columns = join(tables, where)
    assays, columns = with_sequences(assays, columns, where)
    splits = _splits(columns, beside, archive)
    if outer is not None:
        splits.update(subsets.splits_of(outer, row_counts))
    if reference and files.get(reference_file(name)) == reference_fasta(name, reference):
        del files[reference_file(name)]
    return {
        "name": name,
        "description": text_of(manifest, "description", where),
        **_texts(manifest, beside, where),
        "assays": assays,
        "splits": splits,
        "table": columns,
        "files": files,
        "extra": _extra(manifest, beside, sections, files),
    }


def _beside(archive):
    """What repro.toml says, with its form checked."""
    if BESIDE not in archive:
        return {}
    where = "%s in %s" % (BESIDE, archive.path)
    beside = load_manifest(archive, BESIDE)
    beside["splits"] = stored_splits.read_descriptions(beside, where)
    for key in ("assays", "extra"):
        beside[key] = optional_table(beside, key, where)
    for target in beside["assays"]:
        optional_table(beside["assays"], target, "%s, [assays]" % where)
    return beside


def reference_file(name):
    """The name of the file in which a data set's wild type is written that came with no file of its own."""
    return "sequences/%s.fasta" % name


def reference_fasta(name, sequence):
    """What that file holds."""
    return (">%s\n%s\n" % (name.replace(" ", "_"), sequence)).encode("utf-8")


def filed(member, key):
    """The name under which a file of a section is kept.

    >>> filed("here/x.pdb", "structures"), filed("msas/x.npy", "msa_weights")
    ('structures/x.pdb', 'msas/x.npy')
    """
    folder = "msas" if key == "msa_weights" else key
    if member == folder or member.startswith(folder + "/"):
        return member
    return "%s/%s" % (folder, member.rsplit("/", 1)[-1])


def _files(archive, sections, where):
    found = {}
    for key in FILED:
        for section in sections[key]:
            for path in _PATHS:
                if path in section:
                    for member in archive.under(member_of(section, path, "%s, [[%s]]" % (where, key))):
                        found[filed(member, key)] = archive.read(member)
    return found


def _reference(manifest, sections, files, where):
    """The sequence that the manifest calls the reference, or its only wild type, or starting sequence; or None."""
    named, kinds = {}, {}
    for section in sections:
        place = "%s, [[sequences]]" % where
        path = filed(member_of(section, "path", place), "sequences")
        kind = text_of(section, "type", place) or text_of(section, "sequence_type", place)
        for member in [one for one in files if one == path or one.startswith(path + "/")]:
            for name, sequence in read_fasta(files[member], member):
                named[name] = sequence
                kinds.setdefault(kind, set()).add(sequence)
    reference = text_of(manifest, "reference_sequence_name", where)
    if reference:
        if reference not in named:
            raise DatasetError(
                "%s names the reference sequence %r, which is in no file of sequences" % (where, reference),
                "name one of: %s" % (", ".join(named) or "none is there"),
            )
        return named[reference]
    found = kinds.get("wild_type") or kinds.get("starting_sequence") or set()
    return next(iter(found)) if len(found) == 1 else None


def _grouped(sections, where):
    """The sections of the assays by their files: several may share one."""
    by_member = {}
    for number, section in enumerate(sections):
        place = ("%s, [[assays]] %s" % (where, section.get("name", ""))).rstrip()
        by_member.setdefault(member_of(section, "path", place), []).append((section, place, number))
    if not by_member:
        raise DatasetError("%s has no [[assays]]: there is nothing to predict" % where)
    return by_member


def _table(archive, member, group, beside, reference, manifest):
    """The name of a file of assays, the assays in it, and its columns."""
    where = "%s in %s" % (member, archive.path)
    with archive.text(member) as stream:
        reader, header = read_header(stream, where)
        assays = [one for section, place, _ in group for one in _assays(section, header, beside, reference, place)]
        labels = [about["column"] for about in beside.get("splits", {}).values()]
        stored_splits.check_columns(labels, assays, BESIDE)
        wanted = list(labels)
        wanted += list_of(beside, "columns", BESIDE)
        wanted += filter(stored_splits.is_folds_column, header)
        for assay in assays:
            bins = assay.target + "_bin"
            wanted += [assay.sequence_column, assay.mutation_column, assay.target, *assay.features]
            wanted += [bins] if bins in header else []
        names = checked_columns(wanted, header, where, manifest)
        columns = read_columns(reader, header, names, set(), where)
    assays = [assay for assay in assays if not _is_of_words(columns[assay.target])] or assays
    for name in {name for assay in assays for name in (assay.target, assay.target + "_bin")} & set(columns):
        columns[name] = to_numbers(columns[name], name, 0, where)
    name = group[0][0].get("name") or member.rsplit("/", 1)[-1].rsplit(".", 1)[0]
    return name, assays, columns


def _is_of_words(values):
    """Whether a target is a category: none of its values is a number."""
    for value in values:
        try:
            float(value)
        except ValueError:
            continue
        return False
    return any(values)


def _assays(section, header, beside, reference, place):
    sequence_column = text_of(section, "sequence_alias", place) or text_of(section, "sequence", place) or "sequence"
    constants = {**_values(section, "metadata", place), **_values(section, "variables", place)}
    constants.update(_values(section, "conditions", place))
    if reference:
        constants.setdefault("sequence", reference)
    if _MUTANT in header and not beside:
        constants.setdefault("mutation_col", _MUTANT)
    features = [column for _, column in _fields(section, "non_targets", place)]
    for name, column in _fields(section, "targets" if "targets" in section else "target", place):
        about = beside.get("assays", {}).get(column, {})
        known = list_of(about, "features", BESIDE) or [one for one in features if one != constants.get("mutation_col")]
        label = name if name != column else ""
        yield Assay(column, text_of(section, "description", place), known, dict(constants), sequence_column, label)


def _values(section, key, place):
    """A table of a section as plain values; the form has had it as a list of names and values, too."""
    values = section.get(key, {})
    if isinstance(values, list) and all(isinstance(one, dict) and "name" in one for one in values):
        values = {one["name"]: one.get("value") for one in values}
    if not isinstance(values, dict):
        raise DatasetError("%s: `%s` is %r, and has to be values by name" % (place, key, values))
    return {str(name): value for name, value in values.items() if value is not None}


def _fields(section, key, place):
    """Names and columns: a name, a table of columns by name, or a list of tables with `name` and `alias`."""
    fields = section.get(key, [])
    if isinstance(fields, str):
        return [(fields, fields)]
    if isinstance(fields, dict) and all(isinstance(column, str) for column in fields.values()):
        return list(fields.items())
    if isinstance(fields, list) and all(isinstance(one, dict) and isinstance(one.get("name"), str) for one in fields):
        return [(one["name"], one.get("alias") or one["name"]) for one in fields]
    raise DatasetError("%s: `%s` is %r, and has to be columns by name" % (place, key, fields))


def _splits(columns, beside, archive):
    """The splits, whose columns are taken out of the others."""
    found = [
        stored_splits.from_manifest(name, about, columns.pop(about["column"]), "%s in %s" % (BESIDE, archive.path))
        for name, about in beside.get("splits", {}).items()
    ]
    for column in [one for one in columns if stored_splits.is_folds_column(one)]:
        found.append(stored_splits.from_column(column, columns.pop(column), archive.path))
    return {split.name: split for split in found}


def _texts(manifest, beside, where):
    texts = {key: text_of(beside, key, BESIDE) for key in _TEXTS}
    publication = manifest.get("publication")
    if isinstance(publication, dict) and not texts["doi"]:
        texts["doi"] = text_of(publication, "doi", where)
    return texts


def _extra(manifest, beside, sections, files):
    """What else is said: of the data set, and of the files that are kept."""
    extra = dict(beside.get("extra", {}))
    for key in KEPT:
        if key in manifest:
            extra[key] = manifest[key]
    for key, found in sections.items():
        kept = [{**one, **_repointed(one, key)} for one in found if filed(one.get("path", ""), key) in files]
        if kept:
            extra[key] = kept
    return extra


def _repointed(section, key):
    return {path: filed(plain_name(section[path]), key) for path in _PATHS if path in section}
