"""For authors of methods: checks of the contract."""

from sksemi.utils.estimator_checks import check_estimator, parametrize_with_checks

__all__ = ["check_estimator", "parametrize_with_checks"]
