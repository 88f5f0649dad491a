"""scikit-learn's own checks, over every estimator in ``__all__``."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from sksemi.utils._checking import narrow
from tests.contract.estimators import ESTIMATORS

# Two warnings are expected: scikit-learn's checks pass n_clusters=1 with three labels,
# and sparse rows that are noise.
pytestmark = [
    pytest.mark.filterwarnings("ignore:n_clusters=. is less than:UserWarning"),
    pytest.mark.filterwarnings(
        "ignore:.*collapsed:sklearn.exceptions.ConvergenceWarning"
    ),
]


NARROW = [
    narrow(Estimator()).set_params(max_iter=8, learning_rate=1e-2)
    for Estimator in ESTIMATORS
]


@parametrize_with_checks(NARROW)
def test_sklearn_checks(estimator, check):
    check(estimator)


@pytest.mark.slow
@parametrize_with_checks([Estimator() for Estimator in ESTIMATORS])
def test_sklearn_checks_of_defaults(estimator, check):
    check(estimator)
