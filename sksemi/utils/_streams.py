"""Checks of partial_fit: rows that come in parts."""

import pickle

import numpy as np
from scipy import sparse

from sksemi._engine import streaming
from sksemi.utils._checking import (
    assert_same_weights,
    assert_unchanged,
    digits,
    quick,
    raises,
    uint8_images,
)


def yield_checks(estimator):
    """Yield the checks of this file that concern an estimator."""
    if not hasattr(estimator, "partial_fit"):
        return
    yield check_first_part_is_an_epoch
    yield check_copied_stream_goes_on
    yield check_parts_in_any_container
    yield check_labels_of_a_stream
    yield check_labels_are_remembered
    yield check_stream_without_labels
    yield check_range_of_a_stream


def parts_of(X, y):
    """Three parts of the rows."""
    return list(zip(np.array_split(X, 3), np.array_split(y, 3), strict=True))


def check_first_part_is_an_epoch(name, estimator_orig):
    """One call is a fit of one epoch; each call is a row of the history."""
    X, _, y_partial = digits()
    est = quick(estimator_orig).partial_fit(X, y_partial)
    expected = quick(estimator_orig, max_iter=1).fit(X, y_partial)
    assert_same_weights(est, expected)
    np.testing.assert_array_equal(est.labels_, expected.labels_)
    n_before = len(est.history_)
    est.partial_fit(X[:50], y_partial[:50])
    assert (n_before, len(est.history_), est.n_iter_) == (1, 2, 2)
    np.testing.assert_array_equal(est.labels_, est.predict(X[:50]))


def check_copied_stream_goes_on(name, estimator_orig):
    """From a pickle as from the estimator itself."""
    X, _, y_partial = digits()
    est = quick(estimator_orig, n_clusters=12)
    for rows, labels in parts_of(X, y_partial):
        copied = pickle.loads(pickle.dumps(est))
        est.partial_fit(rows, labels, classes=np.arange(10))
        assert_same_weights(est, copied.partial_fit(rows, labels, classes=range(10)))


def check_parts_in_any_container(name, estimator_orig):
    """Sparse, or images of uint8 beside the same divided by 255."""
    X, _, y_partial = digits()
    dense, est = quick(estimator_orig), quick(estimator_orig)
    for rows, labels in parts_of(X, y_partial):
        dense.partial_fit(rows, labels, classes=np.arange(10))
        est.partial_fit(sparse.csr_array(rows), labels, classes=np.arange(10))
    assert_same_weights(dense, est)
    pixels, _, y_partial = uint8_images()
    whole, mixed = quick(estimator_orig), quick(estimator_orig)
    for k, (rows, labels) in enumerate(parts_of(pixels, y_partial)):
        whole.partial_fit(rows, labels, classes=np.arange(10))
        rows = rows / np.float32(255) if k == 1 else rows
        mixed.partial_fit(rows, labels, classes=np.arange(10))
    assert_same_weights(whole, mixed)


def check_labels_of_a_stream(name, estimator_orig):
    """All are named at the first call; any other is refused, and nothing changes."""
    X, y, y_partial = digits()
    with raises(ValueError, "classes=.*has -1"):
        quick(estimator_orig).partial_fit(X, y_partial, classes=np.unique(y_partial))
    with raises(ValueError, "No row so far has a label"):
        quick(estimator_orig).partial_fit(X, classes=np.arange(10))
    est = quick(estimator_orig)
    few = np.where(y < 4, y, -1)
    # a label without a row, and one that has all
    est.partial_fit(X, np.where(few == 2, -1, few), classes=range(4))
    assert est.classes_.tolist() == [0, 1, 2, 3]
    before = dict(vars(est))
    with raises(ValueError, r"label 4.*first call: \[0, 1, 2, 3\].*classes="):
        est.partial_fit(X, np.where(y < 5, y, -1))
    with raises(ValueError, r"classes=\[0, 1\].*\[0, 1, 2, 3\]"):
        est.partial_fit(X, few, classes=[0, 1])
    assert_unchanged(est, before)
    est.partial_fit(X, few, classes=[3, 2, 1, 0])
    names = np.array(["a", "b", "c"], dtype=object)
    est = quick(estimator_orig).partial_fit(X, names[y % 3], classes=["c", "b", "a"])
    est.partial_fit(X, np.where(y > 4, names[y % 3], -1))
    assert est.classes_.tolist() == ["a", "b", "c"]


def check_labels_are_remembered(name, estimator_orig):
    """Labeled rows of earlier parts, and a sample of the others, once each."""
    X, y, y_partial = digits()
    est = quick(estimator_orig).partial_fit(X[:200], y_partial[:200], range(10))
    est.partial_fit(X[200:])
    est.partial_fit(X[:200], y_partial[:200])  # again
    remembered = est._state["remembered"]
    x, codes = remembered["x"].numpy(), remembered["codes"].numpy()
    seen = np.r_[y_partial[:200], np.full(100, -1)]
    kept = np.column_stack([x, codes])
    given = np.column_stack([X.astype(np.float32), seen])
    np.testing.assert_array_equal(np.unique(kept, axis=0), np.unique(given, axis=0))
    assert len(kept) == len(np.unique(given, axis=0))
    limit, streaming.REMEMBERED = streaming.REMEMBERED, 30
    try:
        est.partial_fit(X[:150], y[:150])
    finally:
        streaming.REMEMBERED = limit
    codes = est._state["remembered"]["codes"] + 1
    assert codes.bincount().tolist() == [30] + [3] * 10


def check_stream_without_labels(name, estimator_orig):
    """Labels that come later are refused; schedules go by steps."""
    X, y, _ = digits()
    est = quick(estimator_orig, n_clusters=5, batch_size=50)
    for rows, _ in parts_of(X, y):
        est.partial_fit(rows)
    assert est._state["time"] == 3 * 2 / streaming.STEPS_PER_EPOCH
    with raises(ValueError, r"label 0.*first call: \[\]"):
        est.partial_fit(X, y)
    est.set_params(n_clusters=None)
    assert est.fit(X, y).n_iter_ == est.max_iter  # starts anew


def check_range_of_a_stream(name, estimator_orig):
    """Rows that leave [0, 1] are refused if the first call's likelihood needs it."""
    X, _, y_partial = digits()
    est = quick(estimator_orig).partial_fit(16 * X - 5, y_partial)
    est.partial_fit(X, y_partial)  # no other likelihood for a part inside
    est = quick(estimator_orig).partial_fit(X, y_partial)
    if getattr(est, "likelihood_", "gaussian") == "gaussian":
        est.partial_fit(16 * X - 5, y_partial)
    else:
        with raises(ValueError, r'outside \[0, 1\].*likelihood="gaussian"'):
            est.partial_fit(16 * X - 5, y_partial)
