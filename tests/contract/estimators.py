"""Every estimator of the package, and quick ones that suit them all."""

import sksemi
from sksemi.utils import _checking

ESTIMATORS = [getattr(sksemi, name) for name in sksemi.__all__]
QUICK = _checking.QUICK


def quick(Estimator, **params):
    """Narrow estimator for a few epochs; only where its width is not the point."""
    return _checking.quick(Estimator(), **params)


def having(method):
    """Estimators that have a method."""
    return [Estimator for Estimator in ESTIMATORS if hasattr(Estimator, method)]
