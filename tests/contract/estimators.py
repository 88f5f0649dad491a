"""Every estimator of the package, and quick ones that suit them all."""

import sksemi
from sksemi.utils import _checking

ESTIMATORS = [getattr(sksemi, name) for name in sksemi.__all__]
QUICK = _checking.QUICK


def quick(Estimator, **params):
    """Narrow estimator for a few epochs; only where its width is not the point."""
    return _checking.quick(Estimator(), **params)


class Narrow:
    """An estimator's class, but for narrow networks as defaults."""

    def __init__(self, Estimator):
        self.Estimator = Estimator

    def __call__(self, *args, **params):
        return _checking.narrow(self.Estimator(*args)).set_params(**params)

    def __getattr__(self, name):
        return getattr(self.Estimator, name)

    def __repr__(self):
        return self.Estimator.__name__


NARROW = [Narrow(Estimator) for Estimator in ESTIMATORS]


def having(method):
    """Estimators that have a method."""
    return [Estimator for Estimator in ESTIMATORS if hasattr(Estimator, method)]
