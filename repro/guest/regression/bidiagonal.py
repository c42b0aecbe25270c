"""A small matrix that stands for a large one, for methods that see it through products alone.

Partial least squares with one target, and ridge regression, give weights that lie in the space spanned by b, Ab, AAb,
... where A is the centred matrix's X^T X and b its X^T y. Golub and Kahan's bidiagonalisation gives an orthonormal
basis V of it with X V = U B, where B is small, upper bidiagonal, and so stands for X; and U^T y stands for y. (Golub
and Kahan 1965, https://doi.org/10.1137/0702016; that partial least squares is this: Elden 2004,
https://doi.org/10.1016/S0167-9473(03)00138-5.) Nothing is approximated for a number of components: weights from B and
U^T y, times V, are those from X and y. For ridge regression they are once the basis is large enough.
"""

_NOTHING = 1e-10  # of the largest element: what is below is rounding


class Bidiagonalisation:
    """The basis, grown step by step.

    Attributes:
        finished: whether there is nothing more to span: y is explained as far as the matrix can.

    >>> import numpy
    >>> from repro.guest.assays.one_hot import Design, letters_of
    >>> design = Design.of(letters_of(["MKV", "MRV", "MKI", "MRI"]))
    >>> small = Bidiagonalisation(design, numpy.array([0.0, 1.0, 2.0, 3.0]))
    >>> small.grow(1), small.matrix().round(6).tolist(), small.finished
    (1, [[1.414214]], False)
    """

    def __init__(self, design, target):
        import numpy

        self._design = design
        self._basis, self._diagonal, self._above = [], [], []
        self._left = target  # the last column of U
        direction = design.transposed_times(target)
        self._start = float(numpy.linalg.norm(direction))
        size = float(numpy.linalg.norm(target - target.mean()))
        # Of equal values the mean may be off by rounding, and the rest would be taken for something to explain.
        self.finished = target.min() == target.max() or self._start <= _NOTHING * size
        if not self.finished:
            self._add(direction / self._start, 0.0)

    def __len__(self):
        return len(self._basis)

    def grow(self, steps):
        """Go on until it has so many steps, or is finished; gives how many it has."""
        import numpy

        while not self.finished and len(self) < steps:
            rest = self._design.transposed_times(self._left) - self._diagonal[-1] * self._basis[-1]
            for _ in range(2):  # once loses half of the digits
                for vector in self._basis:
                    rest -= (vector @ rest) * vector
            beyond = float(numpy.linalg.norm(rest))
            if beyond <= _NOTHING * max(self._diagonal):
                self.finished = True
            else:
                self._add(rest / beyond, beyond)
        return len(self)

    def _add(self, vector, beyond):
        import numpy

        left = self._design.times(vector)
        if self._basis:
            left -= beyond * self._left
        length = float(numpy.linalg.norm(left))
        if self._basis and length <= _NOTHING * max(self._diagonal):
            self.finished = True
            return
        self._left = left / length
        self._basis.append(vector)
        self._diagonal.append(length)
        self._above.append(beyond)

    @property
    def coupling(self):
        """The element of B^T B that ties the last step to those before it: how much of A the others miss."""
        return self._diagonal[-2] * self._above[-1]

    def matrix(self):
        """B, (steps, steps), upper bidiagonal: X V = U B."""
        import numpy

        return numpy.diag(self._diagonal) + numpy.diag(self._above[1:], 1)

    def target(self):
        """U^T y, (steps,): from B^T U^T y = V^T X^T y, which is zero but for its first element."""
        import numpy

        values = numpy.empty(len(self))
        for step in range(len(self)):
            known = self._start if step == 0 else -self._above[step] * values[step - 1]
            values[step] = known / self._diagonal[step]
        return values

    def weights(self, small):
        """Weights of the large matrix from those of the small one: (steps,) -> (columns,)."""
        return sum(weight * vector for weight, vector in zip(small, self._basis))
