"""Rows to score on: what callbacks share."""

import numpy as np
from sklearn.utils import check_consistent_length

from sksemi import _validation


def own_score(estimator, X, y):
    """Score as the estimator does: its objective, where there is no label."""
    return estimator.score(X, y) if len(y) else estimator.score(X)


def rows_to_score(X, y, scoring, who):
    """Labeled rows and their labels; or all rows and no label, for ``scoring=None``.

    ``who`` names the callback in the error for labels that are needed and missing.
    """
    if y is not None:
        check_consistent_length(X, y)
        codes, labels = _validation.check_y(y, len(y))
        labeled = np.flatnonzero(codes >= 0)
        if len(labeled):
            return _validation.safe_indexing(X, labeled), labels[codes[labeled]]
    if scoring is not None:
        raise ValueError(
            f"{who} has no labeled row to score on. Pass validation_data=(X, y) with "
            "labels in y, or scoring=None for the estimator's own objective."
        )
    return X, np.empty(0, dtype=np.int64)


def check_validation_data(validation_data):
    if validation_data is not None and len(validation_data) != 2:
        raise ValueError(
            "validation_data must be a pair (X, y), where y may be None; it has "
            f"{len(validation_data)} entries."
        )
