"""FASTA files of an archive."""

from .errors import DatasetError


def read_fasta(content, where):
    """Names and sequences.

    >>> read_fasta(b">wt of x\\nMKV\\nA\\n", "x.fasta")
    [('wt', 'MKVA')]
    """
    try:
        lines = content.decode("utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise DatasetError("%s is not UTF-8: %s" % (where, error.reason)) from None
    records = []
    for line in map(str.strip, lines):
        if line.startswith(">"):
            records.append(((line[1:].split() or [where])[0], []))
        elif line and not records:
            raise DatasetError("%s is no FASTA file: its first line does not begin with >" % where)
        elif line:
            records[-1][1].append(line)
    return [(name, "".join(parts)) for name, parts in records]
