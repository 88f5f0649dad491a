"""What a stream of parts tells the module beyond the rows of a part."""

import numpy as np
import pytest

from sksemi import GMVAEClusterer
from tests.contract.estimators import quick


def settled(est):
    return est.model_.settled.item()


def part(digits, rows, labeled):
    X, y, _ = digits
    rows = np.arange(*rows)
    return X[rows], np.where(np.isin(rows, labeled), y[rows], -1)


def test_labels_are_assigned_once_few_of_those_known_are_new(digits):
    y = digits[1]
    first = [np.flatnonzero(y[:100] == k)[0] for k in range(10)]  # a row of each class
    est = quick(GMVAEClusterer)
    est.partial_fit(*part(digits, (0, 100), first))
    assert settled(est) == 0  # all labels are new
    est.partial_fit(*part(digits, (0, 100), first))
    assert settled(est) == 1  # none is
    est.partial_fit(*part(digits, (100, 150), [100]))
    assert settled(est) == pytest.approx(1 - 10 / 11)
    est.partial_fit(*part(digits, (150, 190), [150, 151]))
    assert settled(est) == 0  # 2 of 13 are more than a tenth
    est.partial_fit(*part(digits, (190, 200), []))
    assert settled(est) == 1


def test_fit_assigns_labels_from_the_start(digits):
    X, _, y_partial = digits
    est = quick(GMVAEClusterer).fit(X, y_partial)
    assert settled(est) == 1
    # and goes on: a fit has seen its labels
    est.partial_fit(X[:50], y_partial[:50])
    assert settled(est) == 1
