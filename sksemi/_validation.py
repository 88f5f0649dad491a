"""Checks of X, y and device, and the only door to scikit-learn's private names."""

import math
import numbers
import os
import sys
import warnings
from dataclasses import dataclass
from numbers import Integral, Real

import numpy as np
import sklearn
import torch
from scipy.sparse import issparse
from sklearn.base import _fit_context  # noqa: F401
from sklearn.utils import _safe_indexing as safe_indexing  # noqa: F401
from sklearn.utils._metadata_requests import (  # noqa: F401
    _raise_for_params as raise_for_params,
)
from sklearn.utils._optional_dependencies import check_matplotlib_support  # noqa: F401
from sklearn.utils._param_validation import (  # noqa: F401
    HasMethods,
    StrOptions,
    validate_parameter_constraints,
    validate_params,
)
from sklearn.utils._param_validation import Interval as _Interval
from sklearn.utils.validation import (
    _check_method_params as check_method_params,  # noqa: F401
)
from sklearn.utils.validation import check_array, validate_data

from sksemi._containers import check_container, from_torch, naming

FLOAT32_MAX = float(np.finfo(np.float32).max)
INT64_MAX = int(np.iinfo(np.int64).max)


class Interval(_Interval):
    """Numbers in a range that torch can hold: no bool, int64 at most, or float32."""

    def is_satisfied_by(self, val):
        """Whether a value is such a number."""
        if isinstance(val, bool) or not isinstance(val, self.type):
            return False
        largest = INT64_MAX if isinstance(val, Integral) else FLOAT32_MAX
        return not abs(val) > largest and float(val) in self


# Words for the constraints of parameters.
COUNT = Interval(Integral, 1, None, closed="left")
POSITIVE = Interval(Real, 0, None, closed="neither")
NON_NEGATIVE = Interval(Real, 0, None, closed="left")
NON_NEGATIVE_COUNT = Interval(Integral, 0, None, closed="left")
FRACTION = Interval(Real, 0, 1, closed="both")
AUTO = StrOptions({"auto"})

UINT8_MAX = 255.0
# What is on an estimator during a fit alone: scikit-learn's callbacks, and our epochs.
FIT_CONTEXT = (
    "_epochs",
    "_callback_fit_ctx",
    "_skl_callbacks_to_teardown",
    "_parent_callback_ctx",
)
# Tensors can index these; others (uint16, say) become float32.
_TORCH_DTYPES = tuple(
    np.dtype(t) for t in ("f2", "f4", "f8", "u1", "i1", "i2", "i4", "i8")
)


class NotFiniteError(ValueError):
    """A result that is no number, or infinite."""


def warn_user(message, category=UserWarning):
    """Warn at the line that called this package, however deep the call."""
    inside = tuple(
        os.path.join(os.path.dirname(module.__file__), "")
        for module in (sys.modules["sksemi"], sklearn, torch)
    )
    level, frame = 1, sys._getframe()
    while frame is not None and frame.f_code.co_filename.startswith(inside):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)


def check_parameter(estimator, name):
    """Check one parameter, for a method that reads no other.

    Raises
    ------
    ValueError
        If its value is not allowed.
    """
    validate_parameter_constraints(
        {name: estimator._parameter_constraints[name]},
        {name: getattr(estimator, name)},
        caller_name=type(estimator).__name__,
    )
    return getattr(estimator, name)


@dataclass
class Rows:
    """What `fit` was given, checked.

    ``X`` (n_samples, n_features), an array or a CSR matrix; ``layout`` of one row as it
    came and ``image_shape`` (channels, height, width) or None; ``scale``, by which
    uint8 is divided; ``in_unit_interval``, whether scaled values are in [0, 1].
    ``codes`` (n_samples,) positions of labels in ``classes``, -1 where there is none;
    the first ``n_labels`` classes are labels. ``parents`` (n_samples,) positions in
    ``parent_names``, or None.
    """

    X: np.ndarray
    layout: tuple
    image_shape: tuple | None
    scale: float
    in_unit_interval: bool
    codes: np.ndarray
    classes: np.ndarray
    n_labels: int
    parents: np.ndarray | None = None
    parent_names: np.ndarray | None = None


def check_rows(estimator, X, y, parents=None, *, image_shape, reset, all_labels):
    """Check rows, labels and coarse labels of a fit.

    Parameters
    ----------
    estimator : estimator
        scikit-learn sets ``n_features_in_`` and ``feature_names_in_`` on it.
    X : array-like of shape (n_samples, n_features), (n_samples, H, W) or \
            (n_samples, C, H, W)
    y : array-like of shape (n_samples,) or None
    parents : array-like of shape (n_samples,), default=None
    image_shape : tuple of (C, H, W) or None
        The images that 2-D rows are.
    reset : bool
        Whether X sets what later rows are held to, or is held to the last fit.
    all_labels : callable
        From the distinct labels in y, sorted, to all that it may have.

    Returns
    -------
    Rows
    """
    if reset:
        X, layout = _as_table(X)
        X = _check_values(estimator, X, reset=True, to_fit=True)
        seen = None
        if layout is not None:
            seen = layout if len(layout) == 3 else (1, *layout)
        image_shape = _check_image_shape(image_shape, seen, X.shape[1])
        layout = layout or (X.shape[1],)
        scale = UINT8_MAX if X.dtype == np.uint8 else 1.0
    else:
        X = check_X(estimator, X, to_fit=True)
        layout, image_shape = estimator._layout, estimator._image_shape
        scale = estimator.scale_
    n_samples = X.shape[0]
    codes, found = check_y(y, n_samples)
    labels = all_labels(found)
    codes = _positions(codes, found, labels)
    classes = check_n_clusters(estimator.n_clusters, labels, n_samples)
    names = None
    if parents is not None:
        parents, names = check_parents(parents, n_samples)
    divisor = scale if X.dtype == np.uint8 else 1.0
    inside = in_unit_interval(X, divisor)
    return Rows(
        X,
        layout,
        image_shape,
        scale,
        inside,
        codes,
        classes,
        len(labels),
        parents,
        names,
    )


def check_X(estimator, X, *, to_fit=False):
    """Check rows against a fit, without a copy where none is needed.

    Parameters
    ----------
    estimator : estimator
        Fitted.
    X : array-like of shape (n_samples, n_features), (n_samples, H, W) or \
            (n_samples, C, H, W)
    to_fit : bool, default=False
        Whether they go on with that fit: see `check_range`.

    Returns
    -------
    ndarray or CSR matrix of shape (n_samples, n_features)
    """
    X, layout = _as_table(X)
    X = _check_values(estimator, X, reset=False, to_fit=to_fit)
    name = type(estimator).__name__
    if layout is not None and estimator._image_shape:
        image = layout if len(layout) == 3 else (1, *layout)
        if image != estimator._image_shape:
            raise ValueError(
                f"X holds images of shape {image}, but {name} was fitted on images of "
                f"shape {estimator._image_shape} (channels, height, width)."
            )
    if X.dtype != np.uint8:
        if estimator.scale_ != 1 and X.max() > 1.5:
            raise ValueError(
                f"X has values up to {X.max():g} as {X.dtype}, but {name} was fitted "
                "on uint8 values, which it divides by 255. Pass X as uint8, or divide "
                "it by 255 yourself."
            )
    elif estimator.scale_ == 1 and estimator._in_unit_interval and X.max() > 1:
        raise ValueError(
            f"X has values up to {X.max()} as uint8, but {name} was fitted on values "
            "from 0 to 1 that were not uint8. Scale X like the rows of fit: X / 255 "
            "for images."
        )
    return X


def _as_table(X):
    """Images as rows, and the layout of one of them; None for a table."""
    if isinstance(X, torch.Tensor):
        X = from_torch(X, "X")
    check_container(X)
    with naming("X"):
        shape = X.shape if hasattr(X, "shape") else np.asarray(X).shape
    if len(shape) not in (3, 4):
        return X, None
    if issparse(X):
        raise TypeError(
            f"X is a sparse array of shape {shape}. Pass images as a dense one, "
            "X.todense(), and sparse rows as (n_samples, n_features)."
        )
    with naming("X"):
        X = np.asarray(X)
    layout = tuple(shape[1:])
    _check_channels_first(layout)
    return X.reshape(len(X), math.prod(layout)), layout


def _check_values(estimator, X, *, reset, to_fit):
    """Rows as scikit-learn checks them, of a type that tensors have."""
    with naming("X"):
        X = validate_data(
            estimator,
            X,
            accept_sparse="csr",
            dtype="numeric",
            reset=reset,
            ensure_all_finite=False,
            ensure_min_samples=2 if reset else 1,
        )
        if X.dtype.kind == "O":  # a list of what numpy has no number for
            X = X.astype(np.float64)
    if X.dtype.kind in "mM":
        raise TypeError(
            f"X has dtype {X.dtype}, which is not numeric. Convert it to numbers, for "
            'example days: X.astype("datetime64[D]").astype(float).'
        )
    if X.dtype.kind == "f" or X.dtype.itemsize == 8:
        check_range(X, "X", to_fit=to_fit)
    return X if X.dtype in _TORCH_DTYPES else X.astype(np.float32)


def check_range(X, argument, *, to_fit=False):
    """Refuse numbers that are missing, infinite, or too large for float32.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_columns)
        Numbers.
    argument : str
        What the user gave them as.
    to_fit : bool, default=False
        Whether float32 must hold the sum of a row's squares too.

    Raises
    ------
    ValueError
        Naming the argument.
    """
    lowest, highest = np.longdouble(X.min()), np.longdouble(X.max())
    if np.isnan(lowest):
        raise ValueError(
            f"{argument} contains NaN. Fill missing values first, for example with a "
            "SimpleImputer in a Pipeline, or drop such rows."
        )
    largest = max(-lowest, highest)
    if np.isinf(largest):
        raise ValueError(
            f"{argument} contains infinity. Replace such values, or drop such rows."
        )
    limit, which = FLOAT32_MAX, "which"
    if to_fit:
        limit, which = math.sqrt(FLOAT32_MAX / X.shape[1]), "whose squares"
    if largest > limit:
        raise ValueError(
            f"{argument} has values as large as {largest:g}, {which} float32 cannot "
            f"hold. Scale {argument}, for example with a StandardScaler, or drop "
            "such rows."
        )


def check_points(points, argument):
    """Points, one or several, as finite float64: (n_points, n_columns)."""
    with naming(argument):
        points = check_array(
            np.atleast_2d(points), input_name=argument, dtype=np.float64
        )
    check_range(points, argument)
    return points


def check_result(result, rows, argument):
    """Refuse the result of a batch that is not finite.

    Parameters
    ----------
    result : ndarray of shape (n_rows, ...)
    rows : range
        Numbers of the batch's rows.
    argument : str
        What the user gave them as.

    Raises
    ------
    NotFiniteError
        Naming the argument.
    """
    finite = np.isfinite(result)
    if not finite.all():
        row = rows[np.argmin(finite.reshape(len(result), -1).all(1))]
        raise NotFiniteError(
            f"{argument} has values that overflow float32: the result of row {row} is "
            f"not finite. Scale {argument} like the rows of fit, or drop such rows."
        )


def check_sizes(name, sizes):
    """Widths of hidden layers, as a tuple of positive integers."""
    with naming(name):
        checked = tuple(np.asarray(sizes).tolist())
    if not all(COUNT.is_satisfied_by(size) for size in checked):
        raise ValueError(f"{name}={sizes!r} must hold positive integers.")
    return checked


def _check_channels_first(layout):
    if len(layout) == 3 and layout[2] in (1, 3, 4) and layout[0] not in (1, 3, 4):
        raise ValueError(
            f"X holds images of shape {layout}, which looks like channels last. Pass "
            "channels first, (n_samples, channels, height, width): "
            "X.transpose(0, 3, 1, 2)."
        )


def _check_image_shape(image_shape, seen, n_features):
    if image_shape is None:
        return seen
    image_shape = tuple(image_shape)
    if len(image_shape) != 3 or not all(map(COUNT.is_satisfied_by, image_shape)):
        raise ValueError(
            f"image_shape={image_shape} must be three positive integers: (channels, "
            "height, width)."
        )
    if seen is not None and seen != image_shape:
        raise ValueError(
            f"image_shape={image_shape}, but X holds images of shape {seen}. Leave "
            "image_shape=None when X is image-shaped."
        )
    if math.prod(image_shape) != n_features:
        raise ValueError(
            f"image_shape={image_shape} multiplies to {math.prod(image_shape)}, but X "
            f"has {n_features} features. Give (channels, height, width) of one row."
        )
    return image_shape


_LABELS_REMEDY = (
    "Give one integer label per row, with -1 for rows without a label (or an object "
    "array of strings or bools with the integer -1)."
)
_MISSING_REMEDY = (
    "Put -1 where the label is unknown: np.where(known, y, -1), or y.where(known, -1) "
    f"for a Series (of categories, after astype(object)). {_LABELS_REMEDY}"
)


def check_y(y, n_samples):
    """Check labels of which some, or all, may be missing.

    Parameters
    ----------
    y : None or array-like of shape (n_samples,)
        Integers with -1 for unlabeled rows, floats with whole values, bools, or an
        object array of integers, or of strings or bools with the integer -1.
    n_samples : int

    Returns
    -------
    codes : ndarray of shape (n_samples,) of int64
        Positions in ``labels``, -1 for unlabeled rows.
    labels : ndarray
        The distinct labels, sorted: int64, bool, or object for strings.

    Raises
    ------
    ValueError
        For any other y; the message says what to give.
    """
    if y is None:
        return np.full(n_samples, -1), np.empty(0, dtype=np.int64)
    dtype = str(getattr(y, "dtype", ""))
    what = f"has dtype {dtype}" if dtype else f"is a {type(y).__name__}"
    y = _as_vector(y, n_samples)
    if y.dtype.kind == "U" or dtype.startswith("str"):
        raise ValueError(
            f"y {what} (strings), which cannot hold the integer -1. Convert it: "
            "np.asarray(y, dtype=object), or y.astype(object).where(known, -1) for a "
            f"Series. {_LABELS_REMEDY}"
        )
    if y.dtype.kind == "S":
        raise ValueError(
            f"y {what} (bytes). Decode it: np.char.decode(y).astype(object). "
            f"{_LABELS_REMEDY}"
        )
    if y.dtype.kind in "mM":
        raise ValueError(
            f"y {what} (dates or times). Convert it to strings: "
            f"y.astype(str).astype(object). {_LABELS_REMEDY}"
        )
    if y.dtype.kind == "O":
        return _check_object_y(y)
    if y.dtype.kind == "b":
        return _encode_names(y, np.ones(len(y), dtype=bool), "bools")
    if y.dtype.kind not in "iuf":
        raise ValueError(f"y {what}. {_LABELS_REMEDY}")
    return _encode(_whole(y))


def check_all_classes(classes):
    """Distinct labels, sorted, of all that may come."""
    with naming("classes"):
        classes = np.atleast_1d(classes)
    classes = classes.astype(object) if classes.dtype.kind == "U" else classes
    try:
        codes, labels = check_y(classes, len(classes))
    except ValueError as error:
        raise ValueError(f"classes must be labels, as y has them: {error}") from None
    if (codes < 0).any():
        raise ValueError(
            f"classes={classes.tolist()} has -1, which stands for rows "
            "without a label. Leave it out."
        )
    return labels


def _positions(codes, found, labels):
    """Codes of rows as positions in all labels, not in those found."""
    position = {label: k for k, label in enumerate(labels.tolist())}
    new = [label for label in found.tolist() if label not in position]
    if new:
        raise ValueError(
            f"y has the label {new[0]!r}, which is not among those of the first call: "
            f"{labels.tolist()}. List all labels in classes= in the first call of "
            "partial_fit."
        )
    positions = [position[label] for label in found.tolist()]
    return np.array([*positions, -1], dtype=np.int64)[codes]


def _as_vector(y, n_samples):
    """Labels as an array of one axis."""
    if np.ma.is_masked(y):
        cast = "" if y.dtype.kind in "if" else ".astype(object)"
        raise ValueError(
            "y is a masked array, whose masked entries would count as labels. Mark "
            f"them as unlabeled: y{cast}.filled(-1). {_LABELS_REMEDY}"
        )
    with naming("y"):
        y = from_torch(y, "y") if isinstance(y, torch.Tensor) else np.asarray(y)
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim != 1:
        raise ValueError(
            f"y should be a 1d array, got shape {y.shape}. {_LABELS_REMEDY}"
        )
    if len(y) != n_samples:
        raise ValueError(
            "Found input variables with inconsistent numbers of samples: y has "
            f"{len(y)} entries, X has {n_samples} rows. {_LABELS_REMEDY}"
        )
    return y


def _whole(y):
    """Labels as int64."""
    largest = INT64_MAX
    if y.dtype.kind == "f":
        if not np.isfinite(y).all():
            raise ValueError(f"Input y contains NaN or infinity. {_MISSING_REMEDY}")
        if (y != np.floor(y)).any():
            raise _continuous(y[y != np.floor(y)][0])
        # from here on floats skip integers, and two labels may have become one
        largest = 2 ** min(np.finfo(y.dtype).nmant + 1, 53) - 1
    if len(y) and y.max() > largest:
        raise _too_large(y.max())
    if len(y) and y.min() < -1:
        raise _below(y.min())
    return y.astype(np.int64, copy=False)


def _continuous(label):
    return ValueError(
        f"Unknown label type: y has continuous values, for example {label}. "
        f"{_LABELS_REMEDY}"
    )


def _too_large(label):
    return ValueError(
        f"y has the label {label}, which is too large to differ from its neighbors: "
        "integers go up to 2**63 - 1, whole floats to 2**53 - 1 (float32: 2**24 - 1). "
        f"Number the labels from 0, or convert them to strings. {_LABELS_REMEDY}"
    )


def _below(label):
    return ValueError(f"y has the label {label}, below -1. {_LABELS_REMEDY}")


def _encode(y):
    labels = np.unique(y)
    codes = np.searchsorted(labels, y)  # less memory than np.unique's inverse
    if len(labels) and labels[0] == -1:
        labels = labels[1:]
        codes -= 1
    return codes.astype(np.int64, copy=False), labels


def _check_object_y(y):
    # Element by element: sorting integers among strings is an error in numpy.
    for kind, types in (("strings", str), ("bools", (bool, np.bool_))):
        named = np.array([isinstance(value, types) for value in y], dtype=bool)
        if named.any():
            return _encode_names(y, named, kind)
    return _encode(np.array([_whole_number(value) for value in y], dtype=np.int64))


def _encode_names(y, named, kind):
    """Positions of strings or bools among their sorted kinds, -1 beside them."""
    for value in y[~named]:
        if not (isinstance(value, numbers.Real) and value == -1):
            if _is_missing(value):
                raise _missing(value)
            raise ValueError(
                f"y mixes {kind} with {value!r}; only the integer -1 may be mixed with "
                f"{kind}. {_LABELS_REMEDY}"
            )
    names = y[named].tolist()
    labels = sorted(set(names))
    if "-1" in labels:
        raise ValueError(
            "y has the string '-1'. Unlabeled rows must have the integer: "
            f"np.where(y == '-1', -1, y), if y is an object array. {_LABELS_REMEDY}"
        )
    if "" in labels:
        raise ValueError(
            "y has the empty string '' as a label. Give those rows a name, or mark "
            "them as unlabeled: np.where(y == '', -1, y), if y is an object array. "
            f"{_LABELS_REMEDY}"
        )
    position = {label: k for k, label in enumerate(labels)}
    codes = np.full(len(y), -1)
    codes[named] = [position[name] for name in names]
    return codes, np.array(labels, dtype=bool if kind == "bools" else object)


def _whole_number(value):
    """Label of an object array as Python's integer."""
    if _is_missing(value):
        raise _missing(value)
    if isinstance(value, bytes):
        raise ValueError(
            f"y has the entry {value!r}. Decode bytes: np.array([label.decode() if "
            "isinstance(label, bytes) else label for label in y], dtype=object). "
            f"{_LABELS_REMEDY}"
        )
    if not isinstance(value, numbers.Real):
        raise ValueError(f"y has the entry {value!r}. {_LABELS_REMEDY}")
    if not isinstance(value, numbers.Integral):
        return int(_whole(np.array([value], dtype=np.float64))[0])
    if value > INT64_MAX:
        raise _too_large(value)
    if value < -1:
        raise _below(value)
    return int(value)


def _is_missing(value):
    """Whether a value is None, NaN, or what pandas has in their place."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, numbers.Real) and value != value


def _missing(value):
    return ValueError(f"y has the entry {value!r}. {_MISSING_REMEDY}")


def check_parents(parents, n_samples):
    """Check coarse labels, which every row must have.

    Parameters
    ----------
    parents : array-like of shape (n_samples,)
        Integers from 0, or strings.
    n_samples : int

    Returns
    -------
    codes : ndarray of shape (n_samples,) of int64
        Positions in ``names``.
    names : ndarray
        The distinct coarse labels, sorted.

    Raises
    ------
    ValueError
        For any other parents, or if a row has none.
    """
    if not isinstance(parents, torch.Tensor | np.ma.MaskedArray):
        with naming("parents"):
            parents = np.asarray(parents)
        # unlike y, strings need not leave room for -1
        parents = parents.astype(object) if parents.dtype.kind == "U" else parents
    try:
        codes, names = check_y(parents, n_samples)
    except ValueError as error:
        raise ValueError(
            f"parents must give a coarse label for every row of X, like y: {error}"
        ) from None
    if (codes < 0).any():
        raise ValueError(
            f"parents has no label (-1) for {np.sum(codes < 0)} rows. Every row needs "
            "one: give these rows a coarse label, or leave parents out."
        )
    return codes, names


def in_unit_interval(X, scale):
    """Whether all values, divided by a scale, lie in [0, 1] up to 1e-6."""
    return X.min() / scale >= -1e-6 and X.max() / scale <= 1 + 1e-6


def warn_clipped(X, scale):
    """Warn of values that a Bernoulli likelihood has to clip."""
    if not in_unit_interval(X, scale):
        warn_user(
            "X has values outside [0, 1]; they are clipped, because "
            'likelihood="bernoulli" gives them no density.'
        )


def check_likelihood(likelihood, rows, default):
    """Decide on the likelihood by the range of the rows of a fit.

    In fit alone: a scaler sends later rows outside [0, 1].

    Parameters
    ----------
    likelihood : {"auto", "gaussian"} or str
        Any other needs values in [0, 1].
    rows : Rows
    default : str
        The meaning of "auto" for values in [0, 1]; it is "gaussian" for others.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If X has values outside [0, 1] that the likelihood gives no density.
    """
    if likelihood == "gaussian":
        return likelihood
    if likelihood == "auto":
        return default if rows.in_unit_interval else "gaussian"
    if not rows.in_unit_interval:
        X, scale = rows.X, rows.scale
        raise ValueError(
            f'likelihood="{likelihood}" needs values from 0 to 1, but X has values '
            f"from {X.min() / scale:g} to {X.max() / scale:g}. Scale X (MinMaxScaler), "
            'or use likelihood="gaussian" or "auto".'
        )
    return likelihood


def check_n_clusters(n_clusters, labels, n_samples):
    """One entry per cluster: the labels seen, then new ones.

    Parameters
    ----------
    n_clusters : int or None
        None means the number of labels, or 8 where there is none.
    labels : ndarray of shape (n_labels,)
        The distinct labels, sorted.
    n_samples : int

    Returns
    -------
    ndarray of shape (max(n_clusters, n_labels),)
        The labels, then ``max + 1`` and on, or "cluster k" beside strings and bools.
    """
    if n_clusters is None:
        n_clusters = len(labels) or 8
    if n_clusters < len(labels):
        warn_user(
            f"n_clusters={n_clusters} is less than the {len(labels)} labels in y: "
            f"{len(labels)} clusters, one per label, are used."
        )
        n_clusters = len(labels)
    if n_clusters > n_samples:
        raise ValueError(
            f"n_samples={n_samples} should be >= n_clusters={n_clusters}. Give more "
            f"rows, or set n_clusters to {n_samples} or less (None is the number of "
            "labels in y, or 8 without labels)."
        )
    n_new = n_clusters - len(labels)
    if n_new == 0:
        return labels
    if labels.dtype.kind in "Ob":
        taken = set(labels)
        names = (f"cluster {k}" for k in range(len(labels), 2 * n_clusters + 1))
        new = [name for name in names if name not in taken][:n_new]
        return np.concatenate([labels.astype(object), np.array(new, dtype=object)])
    first = int(labels[-1]) + 1 if len(labels) else 0
    if first + n_new > INT64_MAX:
        raise ValueError(
            f"y has the label {first - 1}, after which no integer is left for the "
            f"{n_new} clusters without a label. Use smaller labels, or set n_clusters "
            f"to {len(labels)}."
        )
    return np.concatenate([labels, np.arange(first, first + n_new)])


def check_device(device):
    """Check that a device is available.

    Parameters
    ----------
    device : str or torch.device
        "auto" is the GPU if there is one; "mps", Apple's, only if it is named.

    Returns
    -------
    torch.device
        With its index, if a GPU.

    Raises
    ------
    ValueError
        If torch does not know the name, or the device is not available.
    """
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        known = isinstance(device, str | torch.device) and torch.device(device)
    except RuntimeError:
        known = None
    if not known:
        raise ValueError(
            f'device={device!r} is not a device. Use "auto", "cpu", "cuda", "cuda:1" '
            'or "mps".'
        )
    device = known
    if device.type == "cpu":
        return torch.device("cpu")
    if device.type == "mps":
        if torch.backends.mps.is_available():
            return torch.device("mps", 0)
        raise ValueError(
            f'device="{device}" is not available here. Use device="auto" or "cpu".'
        )
    if device.type != "cuda":
        raise ValueError(
            f'device="{device}" is not supported. Use "auto", "cpu", "cuda" or "mps".'
        )
    n_devices = torch.cuda.device_count() if torch.cuda.is_available() else 0
    index = device.index
    if index is None:
        index = torch.cuda.current_device() if n_devices else 0
    if index >= n_devices:
        raise ValueError(
            f'device="{device}" is not available: torch sees {n_devices} GPUs. Use '
            'device="auto" or "cpu".'
        )
    return torch.device("cuda", index)


def check_n_samples(n_samples):
    """Return the number of rows to draw, a positive integer."""
    if not COUNT.is_satisfied_by(n_samples):
        raise ValueError(f"n_samples={n_samples!r} must be an integer of at least 1.")
    return int(n_samples)


def check_classes(y, classes, n_samples):
    """Positions in ``classes`` of the labels to sample, one or one per row."""
    with naming("y"):
        y = np.asarray(y, dtype=object if classes.dtype == object else None)
    y = np.broadcast_to(y, (n_samples,)) if y.ndim == 0 else y
    if y.shape != (n_samples,):
        raise ValueError(
            f"y has shape {y.shape}: give one label, or n_samples={n_samples} of them."
        )
    position = {label: k for k, label in enumerate(classes.tolist())}
    try:
        return np.array([position[label] for label in y.tolist()], dtype=np.int64)
    except (KeyError, TypeError) as error:
        raise ValueError(
            f"y names a label that is not in classes_: {error}. Choose from "
            f"{classes.tolist()}."
        ) from None


def check_y_score(y, n_samples):
    """Labels to score against, and which rows have one: see `check_y`.

    Strings need no room for -1 here.
    """
    listed = isinstance(y, list | tuple) and any(isinstance(v, str) for v in y)
    if listed or str(getattr(y, "dtype", "")).startswith(("str", "<U")):
        y = np.asarray(y, dtype=object)
    codes, labels = check_y(y, n_samples)
    labeled = codes >= 0
    if not labeled.any():
        warn_user("y has no labeled row (all are -1): the score is nan.")
    return labeled, labels[codes[labeled]]
