"""scikit-learn's own checks, over every estimator in ``__all__``."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

import sksemi

ESTIMATORS = [getattr(sksemi, name) for name in sksemi.__all__]


# One warning of scikit-learn's kind is expected: its checks pass n_clusters=1 with
# three labels.
@pytest.mark.filterwarnings("ignore:n_clusters=. is less than:UserWarning")
@parametrize_with_checks([Estimator() for Estimator in ESTIMATORS])
def test_sklearn_checks(estimator, check):
    check(estimator)
