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
from sklearn.base import _fit_context  # noqa: F401
from sklearn.metrics import euclidean_distances
from sklearn.utils import _safe_indexing as safe_indexing  # noqa: F401
from sklearn.utils._optional_dependencies import check_matplotlib_support  # noqa: F401
from sklearn.utils._param_validation import (  # noqa: F401
    Interval,
    StrOptions,
    validate_parameter_constraints,
    validate_params,
)
from sklearn.utils.validation import validate_data

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


def warn_user(message, category=UserWarning):
    """Warn at the line that called this package, however deep inside it we are."""
    inside = tuple(
        os.path.dirname(module.__file__) for module in (sys.modules["sksemi"], sklearn)
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

    ``X`` (n_samples, n_features); ``layout`` of one row as it came and ``image_shape``
    (channels, height, width) or None; ``scale``, by which uint8 is divided;
    ``in_unit_interval``, whether scaled values are in [0, 1]. ``codes`` (n_samples,)
    positions of labels in ``classes``, -1 where there is none; the first ``n_labels``
    classes are labels. ``parents`` (n_samples,) positions in ``parent_names``, or None.
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


def check_rows(estimator, X, y, parents=None, *, image_shape, reset):
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

    Returns
    -------
    Rows
    """
    if reset:
        X, layout = _as_table(X)
        X = _check_values(estimator, X, reset=True)
        seen = None
        if layout is not None:
            seen = layout if len(layout) == 3 else (1, *layout)
        image_shape = _check_image_shape(image_shape, seen, X.shape[1])
        layout = layout or (X.shape[1],)
        scale = UINT8_MAX if X.dtype == np.uint8 else 1.0
    else:
        X = check_X(estimator, X)
        layout, image_shape = estimator._layout, estimator._image_shape
        scale = estimator.scale_
    codes, labels = check_y(y, len(X))
    classes = check_n_clusters(estimator.n_clusters, labels, len(X))
    names = None
    if parents is not None:
        parents, names = check_parents(parents, len(X))
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


def check_X(estimator, X):
    """Check rows against a fit, without a copy where none is needed.

    Parameters
    ----------
    estimator : estimator
        Fitted.
    X : array-like of shape (n_samples, n_features), (n_samples, H, W) or \
            (n_samples, C, H, W)

    Returns
    -------
    ndarray of shape (n_samples, n_features)
    """
    X, layout = _as_table(X)
    X = _check_values(estimator, X, reset=False)
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
            "from 0 to 1 that were no uint8. Divide X as the rows of fit were divided: "
            "X / 255 for images."
        )
    return X


def _as_table(X):
    """Images as rows, and the layout of one of them; None for a table."""
    shape = X.shape if hasattr(X, "shape") else np.asarray(X).shape
    if len(shape) not in (3, 4):
        return X, None
    X = np.asarray(X)
    layout = tuple(shape[1:])
    _check_channels_first(layout)
    return X.reshape(len(X), math.prod(layout)), layout


def _check_values(estimator, X, reset):
    """Rows as scikit-learn checks them, of a type that tensors have."""
    X = validate_data(
        estimator,
        X,
        dtype="numeric",
        reset=reset,
        ensure_min_samples=2 if reset else 1,
    )
    return X if X.dtype in _TORCH_DTYPES else X.astype(np.float32)


def check_sizes(name, sizes):
    """Widths of hidden layers, as a tuple of positive integers."""
    checked = tuple(np.asarray(sizes).tolist())
    if not all(isinstance(size, int) and size > 0 for size in checked):
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
    integers = all(isinstance(side, numbers.Integral) for side in image_shape)
    if len(image_shape) != 3 or not integers or min(image_shape) < 1:
        raise ValueError(
            f"image_shape={image_shape} must be three positive integers: (channels, "
            "height, width)."
        )
    if seen is not None and seen != image_shape:
        raise ValueError(
            f"image_shape={image_shape}, but X holds images of shape {seen}. Leave "
            "image_shape=None when X is image-shaped."
        )
    if np.prod(image_shape) != n_features:
        raise ValueError(
            f"image_shape={image_shape} multiplies to {np.prod(image_shape)}, but X "
            f"has {n_features} features. Give (channels, height, width) of one row."
        )
    return image_shape


_LABELS_REMEDY = (
    "Give one integer label per row, with -1 for rows without a label (or an object "
    "array of strings with the integer -1)."
)


def check_y(y, n_samples):
    """Check labels of which some, or all, may be missing.

    Parameters
    ----------
    y : None or array-like of shape (n_samples,)
        Integers with -1 for unlabeled rows, floats with whole values, or an object
        array of integers, or of strings with the integer -1.
    n_samples : int

    Returns
    -------
    codes : ndarray of shape (n_samples,) of int64
        Positions in ``labels``, -1 for unlabeled rows.
    labels : ndarray
        The distinct labels, sorted: int64, or object for strings.

    Raises
    ------
    ValueError
        For any other y; the message says what to give.
    """
    if y is None:
        return np.full(n_samples, -1), np.empty(0, dtype=np.int64)
    dtype = getattr(y, "dtype", None)
    y = np.asarray(y)
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
    if y.dtype.kind in "US" or str(dtype).startswith(("str", "string")):
        raise ValueError(
            f"y has dtype {dtype}, which cannot hold the integer -1. Convert it: "
            f"np.asarray(y, dtype=object). {_LABELS_REMEDY}"
        )
    if y.dtype.kind == "O":
        return _check_object_y(y)
    if y.dtype.kind not in "biuf":
        raise ValueError(f"y has dtype {y.dtype}. {_LABELS_REMEDY}")
    return _encode(_whole(y))


def _whole(y):
    """Labels as int64."""
    if y.dtype.kind == "f":
        if not np.isfinite(y).all():
            raise ValueError(f"Input y contains NaN or infinity. {_LABELS_REMEDY}")
        if (y != np.floor(y)).any():
            bad = y[y != np.floor(y)][0]
            raise ValueError(
                "Unknown label type: y has continuous values, for example "
                f"{bad:g}. {_LABELS_REMEDY}"
            )
    y = y.astype(np.int64)
    if (y < -1).any():
        raise ValueError(f"y has the label {y.min()}, below -1. {_LABELS_REMEDY}")
    return y


def _encode(y):
    labels, codes = np.unique(y, return_inverse=True)
    if len(labels) and labels[0] == -1:
        labels, codes = labels[1:], codes - 1
    return codes.astype(np.int64), labels


def _check_object_y(y):
    # Element by element: sorting integers among strings is an error in numpy.
    def is_number(value):
        return isinstance(value, numbers.Real)

    is_string = np.array([isinstance(value, str) for value in y], dtype=bool)
    if not is_string.any():
        for value in y:
            if not is_number(value):
                raise ValueError(f"y has the entry {value!r}. {_LABELS_REMEDY}")
        whole = all(isinstance(value, numbers.Integral) for value in y)
        return _encode(_whole(y.astype(np.int64 if whole else np.float64)))
    for value in y[~is_string]:
        if not (is_number(value) and value == -1):
            raise ValueError(
                f"y mixes strings with {value!r}; only the integer -1 may stand "
                f"beside strings. {_LABELS_REMEDY}"
            )
    if "-1" in y[is_string]:
        raise ValueError(f"y has the string '-1'. {_LABELS_REMEDY}")
    labels, inverse = np.unique(y[is_string].astype(str), return_inverse=True)
    codes = np.full(len(y), -1)
    codes[is_string] = inverse
    return codes, labels.astype(object)


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
    if np.asarray(parents).dtype.kind in "US":
        parents = np.asarray(parents).astype(object)
    try:
        codes, names = check_y(parents, n_samples)
    except ValueError as error:
        raise ValueError(
            f"parents must give a coarse label of every row of X, as y would: {error}"
        ) from None
    if (codes < 0).any():
        raise ValueError(
            f"parents has no label (-1) for {np.sum(codes < 0)} rows. Every row needs "
            "one: give the others a coarse label of their own, or leave parents out."
        )
    return codes, names


def in_unit_interval(X, scale):
    """Whether all values, divided by a scale, lie in [0, 1] up to 1e-6."""
    return X.min() / scale >= -1e-6 and X.max() / scale <= 1 + 1e-6


def warn_clipped(X, scale):
    """Warn of values that a Bernoulli likelihood has to clip."""
    if not in_unit_interval(X, scale):
        warn_user(
            "X has values outside [0, 1]; they are clipped, as "
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
        What "auto" is for values in [0, 1]; "gaussian" for others.

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


def neighbor_distance(X, unit=None, max_rows=(500, 5000)):
    """Distance of a row to its nearest other row, per feature.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
    unit : float, default=None
        What the distance is divided by; None means the deviation from the mean, the
        quadratic mean over features.
    max_rows : tuple of two int, default=(500, 5000)
        Rows whose neighbor is looked for, and rows among which it is, evenly spread.

    Returns
    -------
    float
        The median of the distances over the square root of the number of features;
        equal rows do not count as neighbors. 0 where all rows are equal.
    """
    queries, rows = (
        np.asarray(X[:: -(-len(X) // n)], dtype=np.float64) for n in max_rows
    )
    if unit is None:
        unit = np.sqrt(rows.var(0).mean()) or 1.0
    # about the mean and in the unit, where products do not lose what is left of them
    mean = rows.mean(0)
    queries, rows = (queries - mean) / unit, (rows - mean) / unit
    distance = euclidean_distances(queries, rows)
    distance[distance <= 1e-6 * distance.max()] = np.inf
    nearest = distance.min(1)
    nearest = nearest[np.isfinite(nearest)]
    if len(nearest) == 0:
        return 0.0
    return float(np.median(nearest) / math.sqrt(X.shape[1]))


def table_spacing(rows, likelihood):
    """`neighbor_distance` of a table, in the units that its encoder sees; 0 of images.

    Parameters
    ----------
    rows : Rows
    likelihood : str
        Under "gaussian" the unit is that of the data.

    Returns
    -------
    float
    """
    if rows.image_shape is not None:
        return 0.0
    scale = rows.scale if rows.X.dtype == np.uint8 else 1.0
    return neighbor_distance(rows.X, None if likelihood == "gaussian" else scale)


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
        The labels, then ``max + 1`` and on, or "cluster k" beside strings.
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
        raise ValueError(f"n_samples={n_samples} should be >= n_clusters={n_clusters}.")
    n_new = n_clusters - len(labels)
    if labels.dtype == object:
        taken = set(labels)
        names = (f"cluster {k}" for k in range(len(labels), 2 * n_clusters + 1))
        new = [name for name in names if name not in taken][:n_new]
        return np.concatenate([labels, np.array(new, dtype=object)])
    first = labels[-1] + 1 if len(labels) else 0
    return np.concatenate([labels, np.arange(first, first + n_new)])


def check_device(device):
    """Check that a device is there.

    Parameters
    ----------
    device : str or torch.device
        "auto" is the GPU if there is one.

    Returns
    -------
    torch.device
        With its index, if a GPU.

    Raises
    ------
    ValueError
        If the name means nothing to torch, or the device is not there.
    """
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(device)
    except RuntimeError as error:
        raise ValueError(
            f'device={device!r} is not a device. Use "auto", "cpu", "cuda" or "cuda:1".'
        ) from error
    if device.type == "cpu":
        return torch.device("cpu")
    if device.type != "cuda":
        raise ValueError(
            f'device="{device}" is not supported. Use "auto", "cpu" or "cuda".'
        )
    n_devices = torch.cuda.device_count() if torch.cuda.is_available() else 0
    index = device.index
    if index is None:
        index = torch.cuda.current_device() if n_devices else 0
    if index >= n_devices:
        raise ValueError(
            f'device="{device}" is not there: torch sees {n_devices} GPUs. Use '
            'device="auto" or "cpu".'
        )
    return torch.device("cuda", index)


def check_n_samples(n_samples):
    """Return the number of rows to draw, a positive integer."""
    is_count = isinstance(n_samples, numbers.Integral) and n_samples >= 1
    if not is_count or isinstance(n_samples, bool):
        raise ValueError(f"n_samples={n_samples!r} must be an integer of at least 1.")
    return int(n_samples)


def check_classes(y, classes, n_samples):
    """Positions in ``classes`` of the labels to sample, one or one per row."""
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
    """Labels to score against, and which rows have one: see `check_y`."""
    codes, labels = check_y(y, n_samples)
    labeled = codes >= 0
    if not labeled.any():
        warn_user("y has no labeled row (all are -1): the score is nan.")
    return labeled, labels[codes[labeled]]
