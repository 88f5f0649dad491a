"""Every estimator of the package, and quick settings that suit them all."""

import sksemi

ESTIMATORS = [getattr(sksemi, name) for name in sksemi.__all__]
QUICK = {"max_iter": 3, "random_state": 0, "device": "cpu"}


def having(method):
    """Estimators that have a method."""
    return [Estimator for Estimator in ESTIMATORS if hasattr(Estimator, method)]
