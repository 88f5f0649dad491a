"""Hide labels for experiments."""

from numbers import Integral

import numpy as np
from sklearn.utils import check_random_state, column_or_1d


def mask_labels(y, n_labeled, *, balanced=True, random_state=None):
    """Keep a few labels and replace the others by -1.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        Labels of all rows: integers, strings or bools.
    n_labeled : int
        Number of labels to keep, from 0 to n_samples.
    balanced : bool, default=True
        Whether all classes keep the same number of labels: the numbers differ by at
        most one, unless a class runs out of rows. False draws rows regardless of their
        class.
    random_state : int, RandomState instance or None, default=None
        Seed of the draw.

    Returns
    -------
    ndarray of shape (n_samples,)
        A copy of y with -1 in place of the hidden labels. Strings and bools become an
        object array.

    Raises
    ------
    ValueError
        If ``n_labeled`` is not an integer from 0 to n_samples.

    Examples
    --------
    >>> from sksemi.datasets import mask_labels
    >>> mask_labels([0, 0, 0, 1, 1, 1], 2, random_state=0)
    array([-1, -1,  0, -1, -1,  1])
    """
    y = column_or_1d(y)
    if (
        not isinstance(n_labeled, Integral)
        or isinstance(n_labeled, bool)
        or not 0 <= n_labeled <= len(y)
    ):
        raise ValueError(
            f"n_labeled={n_labeled!r} must be an integer from 0 to the {len(y)} rows "
            "of y."
        )
    rng = check_random_state(random_state)
    order = rng.permutation(len(y))
    if balanced:
        _, codes = np.unique(y, return_inverse=True)
        # rank of each row within its class, in the order drawn
        by_class = order[np.argsort(codes[order], kind="stable")]
        counts = np.bincount(codes)
        starts = np.cumsum(counts) - counts
        rank = np.empty(len(y), dtype=np.int64)
        rank[by_class] = np.arange(len(y)) - np.repeat(starts, counts)
        # every class gives its first row before any gives its second; which classes
        # give one more, when they do not divide evenly, is drawn too
        tie = rng.permutation(len(counts))[codes]
        order = np.lexsort((tie, rank))
    keep = order[:n_labeled]
    dtype = {"O": object, "U": object, "S": object, "b": object, "u": np.int64}
    masked = np.full(len(y), -1, dtype=dtype.get(y.dtype.kind, y.dtype))
    masked[keep] = y[keep]
    return masked
