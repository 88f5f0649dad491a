"""The checks that `sksemi.utils` exports, over every estimator in ``__all__``."""

from sksemi.utils import parametrize_with_checks
from tests.contract.estimators import ESTIMATORS


@parametrize_with_checks([Estimator() for Estimator in ESTIMATORS])
def test_contract(estimator, check):
    check(estimator)
