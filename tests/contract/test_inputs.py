"""X and y of pandas and polars; `sksemi.utils` checks the others."""

import numpy as np
import pandas as pd
import pytest

from sksemi.utils import _inputs
from tests.contract.estimators import ESTIMATORS, having, quick

every_estimator = pytest.mark.parametrize("Estimator", ESTIMATORS)


@pytest.mark.parametrize("fitted", [False, True], ids=["new", "fitted"])
@pytest.mark.parametrize(
    ("dtype", "message"),
    [
        ("string", "dtype=object"),
        # pandas' own string type since 3.0, objects before
        (None, "dtype=object|the string '-1'"),
    ],
)
@every_estimator
def test_pandas_string_y_is_refused(Estimator, dtype, message, fitted):
    case = (
        lambda X, y: (X, pd.Series(y.astype(str), dtype=dtype)),
        {},
        message,
    )
    _inputs.check_bad_fit_changes_nothing("", Estimator(), case, fitted)


@every_estimator
def test_labels_in_a_series(Estimator):
    def backwards(y):
        return pd.Series(y, index=np.arange(len(y))[::-1])

    _inputs.check_labels_of_every_type("", Estimator(), backwards)


@every_estimator
def test_rows_in_a_frame(Estimator):
    _inputs.check_tables_of_every_type("", Estimator(), pd.DataFrame)


@every_estimator
def test_feature_names(Estimator, digits):
    X, _, y_partial = digits
    frame = pd.DataFrame(X, columns=[f"pixel {i}" for i in range(64)])
    est = quick(Estimator).fit(frame, y_partial)
    assert est.feature_names_in_.tolist() == frame.columns.tolist()
    with pytest.raises(ValueError, match="feature names"):
        est.predict(frame[frame.columns[::-1]])


@pytest.mark.parametrize("Estimator", having("transform"))
def test_set_output(Estimator, digits):
    X, _, y_partial = digits
    est = quick(Estimator).fit(X, y_partial)
    names = est.get_feature_names_out().tolist()
    assert names[0] == f"{Estimator.__name__.lower()}0"
    plain = est.transform(X)
    frame = est.set_output(transform="pandas").transform(X)
    assert frame.columns.tolist() == names
    np.testing.assert_array_equal(frame, plain)
    frame = est.set_output(transform="polars").transform(X)
    assert frame.columns == names
