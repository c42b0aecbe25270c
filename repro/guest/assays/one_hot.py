"""One-hot encodings of sequences of one length: a column a position and letter, 1 in the rows that hold it there.

The matrix is never made. Variants of one protein differ from each other in few places, so what is kept of a row are the
places where it differs from the most common letters: half a million double mutants of 55 residues are 2 million
numbers, where the dense matrix would have 550 million. Products with the centred matrix, which is all that linear
methods need of it, are taken from these.

numpy, imported where it is used.
"""

from .errors import DatasetError

_NAMED = 5  # rows that an error names


def letters_of(sequences, rows=None, length=None):
    """The letters of sequences of one length, as their ASCII codes: uint8, (sequences, length).

    Args:
        rows: the number of each sequence in its data set, from 0, for what errors say; by default its place here.
        length: how many letters each must have; by default as many as most have.

    Raises:
        DatasetError: sequences differ in length, or hold what is no ASCII; it names the rows.

    >>> letters_of(["MKV", "MRV"]).tolist()
    [[77, 75, 86], [77, 82, 86]]
    """
    import numpy

    check_lengths(sequences, rows, length)
    try:
        joined = "".join(sequences).encode("ascii")
    except UnicodeEncodeError:
        place = next(place for place, sequence in enumerate(sequences) if not sequence.isascii())
        raise DatasetError("row %d holds what is no letter of a sequence" % (_row(place, rows))) from None
    return numpy.frombuffer(joined, dtype=numpy.uint8).reshape(len(sequences), -1)


def check_lengths(sequences, rows=None, length=None):
    """Raise DatasetError, naming the rows, where sequences are not all of one length."""
    lengths = list(map(len, sequences))
    if length is None:
        length = max(set(lengths), key=lengths.count) if len(set(lengths)) > 1 else (lengths or [0])[0]
    others = [place for place, found in enumerate(lengths) if found != length]
    if not others:
        return
    named = ", ".join("row %d has %d" % (_row(place, rows), lengths[place]) for place in others[:_NAMED])
    more = "" if len(others) <= _NAMED else ", and %d rows more" % (len(others) - _NAMED)
    raise DatasetError(
        "a one-hot encoding needs sequences of one length: of %d rows %d have %d residues, but %s%s"
        % (len(lengths), len(lengths) - len(others), length, named, more),
        "leave these rows out, or align the sequences (with - for gaps)",
    )


def _row(place, rows):
    return (place if rows is None else rows[place]) + 1


class Columns:
    """Which columns an encoding has: each letter that some row has at a position where rows differ.

    (All other columns would be constant, and a linear model learns nothing of them.)

    Attributes:
        length: of the sequences.
        position, letter: of each column: int arrays, (columns,); positions from 0, letters as ASCII codes.
        common, is_common: the column of the most common letter at each column's position, and whether it is this one.
        most_common: the most common letter at each position, uint8, (length,).

    >>> columns = Columns.of(letters_of(["MKV", "MRV", "MKV"]))
    >>> columns.position.tolist(), bytes(columns.letter.tolist()), columns.common.tolist()
    ([1, 1], b'KR', [0, 0])
    """

    def __init__(self, position, letter, most_common):
        import numpy

        self.length = len(most_common)
        self.position, self.letter, self.most_common = position, letter, most_common
        self.number = numpy.full((self.length, 256), -1, dtype=numpy.intp)
        self.number[position, letter] = numpy.arange(len(position))
        self.common = self.number[position, most_common[position]]
        self.is_common = self.common == numpy.arange(len(position))

    def __len__(self):
        return len(self.position)

    @classmethod
    def of(cls, letters):
        """The columns of some rows, given as `letters_of` gives them."""
        import numpy

        counts = numpy.stack([numpy.bincount(column, minlength=256) for column in letters.T])
        present = counts > 0
        position, letter = numpy.nonzero(present & (present.sum(1) > 1)[:, None])
        return cls(position, letter, counts.argmax(1).astype(numpy.uint8))

    def table(self, weights):
        """A weight a column as a table to look up in: float64, (length, 256), 0 where there is no column."""
        import numpy

        table = numpy.zeros((self.length, 256))
        table[self.position, self.letter] = weights
        return table


class Design:
    """The centred matrix of some rows, and scaled where that is wanted, as products with it.

    Attributes:
        columns: the Columns.
        rows: how many.
        scales: what each column is divided by, (columns,): its standard deviation, 1 for a constant one or unscaled.

    >>> design = Design.of(letters_of(["MKV", "MRV", "MKV", "MRI"]))
    >>> design.times([0, 0, 1, 0]).tolist()  # column 2: position 2, I
    [-0.25, -0.25, -0.25, 0.75]
    """

    def __init__(self, columns, rows, at_row, at_column, scaled):
        import numpy

        self.columns, self.rows = columns, rows
        self._at_row, self._at_column, self._scaled = at_row, at_column, scaled
        counts = self._with_common(numpy.bincount(at_column, minlength=len(columns)).astype(float), rows)
        variance = counts * (rows - counts) / (rows * max(rows - 1, 1))
        self._varies = variance > 0
        self.scales = numpy.where(self._varies, numpy.sqrt(variance), 1.0) if scaled else numpy.ones(len(columns))

    @classmethod
    def of(cls, letters, scaled=False):
        """The design of some rows, given as `letters_of` gives them; `scaled`: by sample standard deviations."""
        import numpy

        columns = Columns.of(letters)
        at_row, at_position = numpy.nonzero(letters != columns.most_common)
        at_column = columns.number[at_position, letters[at_row, at_position]]
        return cls(columns, len(letters), at_row, at_column, scaled)

    def take(self, chosen):
        """The design of some of the rows, with the same columns; `chosen`: bool, (rows,)."""
        kept = chosen[self._at_row]
        places = chosen.cumsum() - 1
        return Design(self.columns, int(chosen.sum()), places[self._at_row[kept]], self._at_column[kept], self._scaled)

    def times(self, vector):
        """The centred and scaled matrix times a vector: (columns,) -> (rows,)."""
        product = self.differences(vector / self.scales)
        return product - product.mean()

    def transposed_times(self, vector):
        """The transposed matrix times a vector: (rows,) -> (columns,)."""
        import numpy

        vector = vector - vector.mean()
        sums = numpy.bincount(self._at_column, vector[self._at_row], minlength=len(self.columns))
        return numpy.where(self._varies, self._with_common(sums, 0.0), 0.0) / self.scales

    def differences(self, weights):
        """By how much each row's sum of weights differs from that of the most common letters: (columns,) -> (rows,)."""
        import numpy

        change = weights - weights[self.columns.common]
        return numpy.bincount(self._at_row, change[self._at_column], minlength=self.rows)

    def _with_common(self, sums, total):
        """Sums over rows, those of the most common letters put in: what no other letter of the position has."""
        import numpy

        others = numpy.bincount(self.columns.common, sums, minlength=len(self.columns))
        return numpy.where(self.columns.is_common, total - others, sums)
