"""The contract of sksemi's estimators as checks, for authors of other methods.

They go beyond :func:`sklearn.utils.estimator_checks.check_estimator`, which an
estimator should pass too.
"""

import inspect
import warnings
from functools import partial
from unittest import SkipTest

from sklearn.exceptions import ConvergenceWarning, SkipTestWarning

from sksemi.utils import (
    _inputs,
    _interruption,
    _module,
    _seeds,
    _streams,
    _threads,
    _workflow,
)

__all__ = ["check_estimator", "parametrize_with_checks"]


def _yield_checks(estimator):
    if inspect.isclass(estimator):
        raise TypeError(f"Pass an instance: {estimator.__name__}().")
    for room in (
        _module,
        _inputs,
        _seeds,
        _workflow,
        _streams,
        _interruption,
        _threads,
    ):
        yield from room.yield_checks(estimator)


def _name(check):
    """Name of a check, with what it is given, or of an estimator with parameters."""
    if not isinstance(check, partial):
        return getattr(check, "__name__", repr(check))
    given = ", ".join(f"{key}={value}" for key, value in check.keywords.items())
    return f"{check.func.__name__}({given})"


def _run(check, name, estimator):
    """Run a check, whose fits may be too short to use every cluster."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        check(name, estimator)


def check_estimator(estimator):
    """Check that an estimator keeps the contract of this package.

    Check seeds, inputs and labels of every kind, copies, warm starts, streams,
    callbacks, interruptions, threads, history and the module, on small clones and small
    data. Widths (``hidden_layer_sizes`` and parameters that end in ``_dim``) are made
    small.

    Parameters
    ----------
    estimator : estimator
        An instance, with default parameters.

    Returns
    -------
    list of dict
        One per check: its name ("check_name") and "passed" or "skipped" ("status").

    Raises
    ------
    AssertionError
        Or another error, from the first check that fails.

    See Also
    --------
    parametrize_with_checks : The same checks as pytest tests.
    sklearn.utils.estimator_checks.check_estimator : scikit-learn's own checks.

    Examples
    --------
    >>> from sksemi import CatVAEClusterer
    >>> from sksemi.utils.estimator_checks import check_estimator
    >>> results = check_estimator(CatVAEClusterer())  # doctest: +SKIP
    """
    results = []
    for check in _yield_checks(estimator):
        status = "passed"
        try:
            _run(check, type(estimator).__name__, estimator)
        except SkipTest as reason:
            status = "skipped"
            warnings.warn(f"{_name(check)}: {reason}", SkipTestWarning, stacklevel=2)
        results.append({"check_name": _name(check), "status": status})
    return results


def parametrize_with_checks(estimators):
    """Make a pytest test run for every check of every estimator.

    Parameters
    ----------
    estimators : list of estimators
        Instances, with default parameters.

    Returns
    -------
    pytest.MarkDecorator
        For a function of ``estimator`` and ``check``, which calls
        ``check(estimator)``.

    See Also
    --------
    check_estimator : The same without pytest.

    Examples
    --------
    >>> from sksemi import CatVAEClusterer
    >>> from sksemi.utils.estimator_checks import parametrize_with_checks
    >>> @parametrize_with_checks([CatVAEClusterer()])
    ... def test_contract(estimator, check):
    ...     check(estimator)
    """
    import pytest

    return pytest.mark.parametrize(
        ("estimator", "check"),
        [
            pytest.param(
                estimator,
                partial(_run, check, type(estimator).__name__),
                id=f"{' '.join(repr(estimator).split())}-{_name(check)}",
            )
            for estimator in estimators
            for check in _yield_checks(estimator)
        ],
    )
