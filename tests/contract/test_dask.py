"""Fits in the workers of a Dask cluster are the fits of this process."""

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score

from sksemi.model_selection import PartialLabelKFold
from sksemi.utils._checking import assert_same_weights
from tests.contract.estimators import ESTIMATORS, quick

pytestmark = [
    pytest.mark.slow,
    # of the cluster's own threads and sockets, as it comes and goes
    pytest.mark.filterwarnings("default"),
]


@pytest.fixture(scope="module")
def client():
    distributed = pytest.importorskip("distributed")
    with distributed.Client(
        n_workers=2, threads_per_worker=1, dashboard_address=None
    ) as client:
        yield client


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_searches_on_two_workers(Estimator, client, digits):
    X, _, y_partial = digits
    cv = PartialLabelKFold(2)
    search = GridSearchCV(quick(Estimator), {"max_iter": [1, 3]}, cv=cv)
    serial = clone(search).fit(X, y_partial)
    scores = cross_val_score(quick(Estimator), X, y_partial, cv=cv)
    with joblib.parallel_config(backend="dask"):
        search.fit(X, y_partial)
        np.testing.assert_array_equal(
            cross_val_score(quick(Estimator), X, y_partial, cv=cv), scores
        )
    assert search.best_params_ == serial.best_params_
    np.testing.assert_array_equal(
        search.cv_results_["mean_test_score"], serial.cv_results_["mean_test_score"]
    )
    assert_same_weights(search.best_estimator_, serial.best_estimator_)


def test_restarts_on_two_workers(client, digits):
    X, _, y_partial = digits
    in_turn = quick(ESTIMATORS[0], n_init=3).fit(X, y_partial)
    est = quick(ESTIMATORS[0], n_init=3, n_jobs=2)
    with joblib.parallel_config(backend="dask"):
        est.fit(X, y_partial)
    assert_same_weights(est, in_turn)
