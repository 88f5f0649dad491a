"""What a stream of parts tells the module beyond the rows of a part."""

import pickle

import numpy as np
import pytest

from sksemi import GMVAEClusterer
from sksemi._engine import streaming
from tests.contract.estimators import quick


def settled(est):
    return est.model_.trust.settled.item()


def part(digits, rows, labeled):
    X, y, _ = digits
    rows = np.arange(*rows)
    return X[rows], np.where(np.isin(rows, labeled), y[rows], -1)


def test_labels_are_assigned_once_few_of_those_known_are_new(digits):
    y = digits[1]
    first = [np.flatnonzero(y[:100] == k)[0] for k in range(10)]  # a row of each class
    est = quick(GMVAEClusterer)
    est.partial_fit(*part(digits, (0, 100), first), classes=range(10))
    assert settled(est) == 0  # all labels are new
    est.partial_fit(*part(digits, (100, 150), [100, 101]))
    assert settled(est) == 0  # 2 of 12 are more than a tenth
    est.partial_fit(*part(digits, (150, 200), [150]))
    assert settled(est) == pytest.approx(1 - 10 / 13)
    again = pickle.loads(pickle.dumps(est))
    for other in (est, again):
        other.partial_fit(*part(digits, (200, 240), range(200, 240)))
        assert settled(other) == pytest.approx(1 - 10 / 13)  # it never falls
        other.partial_fit(*part(digits, (0, 100), first))
        assert settled(other) == 1  # none is new


def test_labels_have_come_where_some_are_forgotten(digits, monkeypatch):
    monkeypatch.setattr(streaming, "REMEMBERED", 20)
    est = quick(GMVAEClusterer)
    est.partial_fit(*part(digits, (0, 100), range(100)))
    est.partial_fit(*part(digits, (100, 150), range(100, 150)))
    assert settled(est) == 1


def test_fit_assigns_labels_from_the_start(digits):
    X, y, y_partial = digits
    est = quick(GMVAEClusterer).fit(X, y_partial)
    assert settled(est) == 1
    # and goes on: a fit has seen its labels
    for rows in (slice(0, 50), slice(50, 100)):
        est.partial_fit(X[rows], y[rows])
        assert settled(est) == 1


def test_a_first_call_that_has_all_labels_assigns_them(digits):
    est = quick(GMVAEClusterer).partial_fit(*part(digits, (0, 100), range(100)))
    assert settled(est) == 1
