"""Partial least squares on one-hot encodings: PLSRegression on a small matrix that stands for a large."""

import warnings

from repro_guest.regression.one_hot_runner import Learned, OneHotRunner, at_least

VARIANT = "A4_HUMAN_Seuma_2021"


class Pls(OneHotRunner):
    """Partial least squares regression on one-hot encodings of protein variants."""

    @classmethod
    def add_arguments(cls, parser):
        parser.add_argument("--variant", default=VARIANT, help="which trained model [%(default)s]")

    @classmethod
    def add_training_arguments(cls, parser):
        parser.add_argument("--n-components", type=at_least(1), help="[chosen by cross-validation]")
        parser.add_argument("--max-components", type=at_least(1), default=20, help="most to choose from [%(default)s]")
        parser.add_argument(
            "--no-scale", dest="scale", action="store_false", help="do not divide columns by their standard deviations"
        )
        super().add_training_arguments(parser)

    def scaled(self):
        return self.options.scale

    def learn(self, design, target, groups):
        from repro_guest.regression.choosing import choose

        asked = self.options.n_components
        if asked is not None:
            weights = component_path(design, target, asked)
            return learned(weights, len(weights) - 1, {"n_components_asked": asked})
        most = self.options.max_components

        def path(part, known):
            found = component_path(part, known, most)
            found += found[-1:] * (most + 1 - len(found))  # all is explained: more components change nothing
            return found[1:]

        choice = choose(design, target, path, self.options.cv_folds, self.options.cv_seed, groups)
        weights = component_path(design, target, choice.best + 1)
        errors = dict(enumerate(choice.errors.tolist(), 1))
        how = {"folds": choice.folds, "seed": self.options.cv_seed, "mean_squared_error": errors}
        return learned(weights, len(weights) - 1, {"cross_validation": how})


def learned(weights, used, facts):
    how = "asked for" if "n_components_asked" in facts else "chosen by cross-validation on the rows learned from"
    if facts.get("n_components_asked", used) > used:
        how = "%d asked for, but these explain all that the rows hold" % facts["n_components_asked"]
    facts = dict({"model": "pls", "n_components": used}, **facts)
    return Learned(weights[-1], facts, "%d component%s: %s" % (used, "" if used == 1 else "s", how))


def component_path(design, target, most):
    """Weights of the columns for 0, 1, 2, ... components: a list of (columns,), shorter where fewer explain all.

    PLSRegression sees X through its products alone, and here gets a matrix of as many rows as components whose products
    are the same; twice, with the sign changed, since it takes off the mean.
    """
    import numpy
    from repro_guest.regression.bidiagonal import Bidiagonalisation
    from sklearn.cross_decomposition import PLSRegression

    small = Bidiagonalisation(design, target)
    steps = small.grow(most)
    nothing = numpy.zeros(len(design.columns))
    if steps == 0:
        return [nothing]
    matrix, values = small.matrix(), small.target()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "y residual is constant")  # explained: the components after are empty
        model = PLSRegression(steps, scale=False).fit(numpy.vstack([matrix, -matrix]), numpy.append(values, -values))
    parts = model.x_rotations_ * model.y_loadings_
    return [nothing] + [small.weights(parts[:, :count].sum(1)) / design.scales for count in range(1, steps + 1)]


if __name__ == "__main__":
    Pls.main()
