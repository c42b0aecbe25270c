"""Ridge regression on one-hot encodings: the supervised baseline of ProteinGym, solved exactly."""

from repro_guest.regression.one_hot_runner import Learned, OneHotRunner

VARIANT = "A4_HUMAN_Seuma_2021"
CHOICES = tuple(10.0 ** (exponent / 2) for exponent in range(-4, 9))  # 0.01 to 10,000
EXACT = 1e-10  # of the right-hand side: what the normal equations may be off


class Ridge(OneHotRunner):
    """Ridge regression on one-hot encodings of protein variants."""

    @classmethod
    def add_arguments(cls, parser):
        parser.add_argument("--variant", default=VARIANT, help="which trained model [%(default)s]")

    @classmethod
    def add_training_arguments(cls, parser):
        parser.add_argument("--alpha", type=penalty, help="the penalty of squared weights [chosen by cross-validation]")
        parser.add_argument(
            "--alphas",
            type=penalty,
            nargs="+",
            default=list(CHOICES),
            help="to choose from [13 from 0.01 to 10000]",
        )
        super().add_training_arguments(parser)

    def learn(self, design, target, groups):
        from repro_guest.regression.choosing import choose

        alpha = self.options.alpha
        if alpha is not None:
            said = "alpha %g: asked for" % alpha
            return Learned(alpha_path(design, target, [alpha])[0], {"model": "ridge", "alpha": alpha}, said)
        # The largest first: where several are as good, it is the one that is taken.
        alphas = sorted(set(self.options.alphas), reverse=True)

        def path(part, known):
            return alpha_path(part, known, alphas)

        choice = choose(design, target, path, self.options.cv_folds, self.options.cv_seed, groups)
        alpha = alphas[choice.best]
        errors = dict(zip(map(str, alphas), choice.errors.tolist()))
        facts = {"folds": choice.folds, "seed": self.options.cv_seed, "mean_squared_error": errors}
        return Learned(
            alpha_path(design, target, [alpha])[0],
            {"model": "ridge", "alpha": alpha, "cross_validation": facts},
            "alpha %g: chosen by cross-validation on the rows learned from" % alpha,
        )


def penalty(text):
    value = float(text)
    if not 0 < value < float("inf"):
        raise ValueError
    return value


penalty.__name__ = "number above 0"


def alpha_path(design, target, alphas):
    """Weights of the columns for each alpha: a list of (columns,). The intercept is not penalised.

    All alphas share one basis, which grows until the normal equations hold for the smallest.
    """
    import numpy
    from repro_guest.regression.bidiagonal import Bidiagonalisation

    small = Bidiagonalisation(design, target)
    steps = small.grow(16)
    while not small.finished and off(small, min(alphas)) > EXACT:
        steps = small.grow(steps + max(16, steps // 4))
    if steps == 0:
        return [numpy.zeros(len(design.columns))] * len(alphas)
    matrix, values = small.matrix(), small.target()
    left, sizes, right = numpy.linalg.svd(matrix)
    return [small.weights(right.T @ (sizes / (sizes**2 + alpha) * (left.T @ values))) for alpha in alphas]


def off(small, alpha):
    """By how much the normal equations fail with the basis but its last step, as a share of their right-hand side."""
    import numpy

    matrix, values = small.matrix()[:-1, :-1], small.target()[:-1]
    left, sizes, right = numpy.linalg.svd(matrix)
    last = right[:, -1] @ (sizes / (sizes**2 + alpha) * (left.T @ values))
    return abs(small.coupling * last) / (matrix[0, 0] * abs(values[0]))


if __name__ == "__main__":
    Ridge.main()
