"""Data sets for semi-supervised learning: hidden labels, and the papers' images."""

import bz2
import gzip
import os
import textwrap
from contextlib import contextmanager
from numbers import Integral
from pathlib import Path

import numpy as np
from scipy.io import loadmat
from sklearn.datasets import fetch_openml, get_data_home, load_svmlight_file
from sklearn.utils import Bunch, check_random_state, column_or_1d

from sksemi._validation import StrOptions, validate_params

__all__ = [
    "fetch_fashion_mnist",
    "fetch_mnist",
    "fetch_omniglot",
    "fetch_svhn",
    "fetch_usps",
    "mask_labels",
]


def mask_labels(y, n_labeled, *, balanced=True, random_state=None):
    """Keep a few labels and replace the others by -1.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        Labels of every row: integers or strings.
    n_labeled : int
        How many labels to keep, from 0 to n_samples.
    balanced : bool, default=True
        Whether every class keeps the same number of labels, up to one (and up to what
        it has); else rows are drawn at random.
    random_state : int, RandomState instance or None, default=None
        Seed of the draw.

    Returns
    -------
    ndarray of shape (n_samples,)
        A copy of y with -1 where no label was kept; strings become an object array.

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
    dtype = {"O": object, "U": object, "S": object, "b": np.int64, "u": np.int64}
    masked = np.full(len(y), -1, dtype=dtype.get(y.dtype.kind, y.dtype))
    masked[keep] = y[keep]
    return masked


# ------------------------------------------------------------------- files


@contextmanager
def _reading(path):
    """Say of a file that cannot be read that it is the file, and what to do."""
    try:
        yield
    except (PermissionError, MemoryError):
        raise
    except Exception as error:
        raise OSError(
            f"{path} is corrupt, truncated or not what its name says ({error}). "
            "Replace it by a fresh copy."
        ) from error


def _read_idx(path, n_dims):
    """Array of uint8 in an IDX file, compressed or not."""
    with _reading(path):
        raw = path.read_bytes()
        if path.suffix == ".gz":
            raw = gzip.decompress(raw)
        if raw[:4] != bytes([0, 0, 8, n_dims]):
            raise ValueError(f"it starts with {raw[:4]!r}")
        shape = np.frombuffer(raw, ">i4", n_dims, offset=4)
        # a copy, as memory that belongs to bytes cannot be written to
        return np.frombuffer(raw, np.uint8, offset=4 + 4 * n_dims).reshape(shape).copy()


def _read_npz(path, keys):
    """Arrays of an .npz file, by name; those that it has."""
    # opened here, as np.load leaves a file that is no archive open
    with _reading(path), open(path, "rb") as raw, np.load(raw) as file:
        return {key: file[key] for key in keys if key in file.files}


def _read_svmlight(path, n_features):
    """Dense rows and integer labels of a file in LIBSVM's format."""
    with _reading(path):
        with bz2.open(path) as file:
            X, y = load_svmlight_file(file, n_features=n_features)
        return X.toarray(), y.astype(np.int64)


def _first(folder, name, *files):
    """Find the first of these files in a folder or its subfolder of a set's name."""
    for file in files:
        for path in (folder / file, folder / name / file):
            if path.is_file():
                return path
    return None


def _check_part(path, images, target, n_classes, shape):
    """Check one part's images and labels; return them in their final types."""
    with _reading(path):
        if images.dtype != np.uint8 or images.shape[1:] != shape:
            raise ValueError(f"images are {images.dtype} of shape {images.shape[1:]}")
        if target.shape != (len(images),):
            raise ValueError(f"{len(images)} images, labels of shape {target.shape}")
        target = target.astype(np.int64)
        if len(target) and not 0 <= target.min() <= target.max() < n_classes:
            raise ValueError(f"labels from {target.min()} to {target.max()}")
    return images, target


def _unit_to_uint8(path, values, low):
    """Gray values from ``low`` to 1 as uint8."""
    with _reading(path):
        if not (values.min() >= low and values.max() <= 1):
            raise ValueError(f"values from {values.min():g} to {values.max():g}")
    return np.round((values - low) * (255 / (1 - low))).astype(np.uint8)


def _data_folder(data_home):
    return Path(data_home or os.environ.get("SKSEMI_DATA") or get_data_home())


def _missing(title, folder, files, otherwise=""):
    return FileNotFoundError(
        f"{title} is not in {folder}. Put {files} there, or name the folder that has "
        f"them by data_home or the environment variable SKSEMI_DATA{otherwise}."
    )


def _from_openml(title, folder, files, data_home, download_if_missing, data_id):
    """Rows and labels of a set on OpenML, as arrays."""
    if not download_if_missing:
        raise _missing(
            title,
            folder,
            files,
            ", or let it come from OpenML by download_if_missing=True",
        )
    try:
        return fetch_openml(
            data_id=data_id, data_home=data_home, as_frame=False, return_X_y=True
        )
    except OSError as error:  # no network, for instance
        raise OSError(
            f"{title} is not in {folder}, and OpenML did not give it ({error}). Put "
            f"{files} there, or name the folder that has them by data_home or the "
            "environment variable SKSEMI_DATA."
        ) from error


def _bunch(title, about, parts, official, subset, return_X_y, names, source, **extra):
    """Join the parts of a set.

    Parameters
    ----------
    title, about : str
        First line and body of DESCR.
    parts : dict of str to tuple of (images, target)
        Under "train" and "test", or one of them.
    official : tuple of int
        Rows that the whole training and test sets have.
    subset : {"all", "train", "test"}
    return_X_y : bool
    names : list of str
        Of the classes.
    source : str
        Where the rows come from.
    extra : dict of str to dict of str to ndarray
        More columns, by name and part.
    """
    present = {
        part: len(parts[part][1]) if part in parts else 0 for part in ("train", "test")
    }
    chosen = [part for part in parts if subset in ("all", part)]
    if not chosen:
        raise ValueError(
            f'subset="{subset}", but {source} has no {subset} rows of {title}: '
            f"{present['train']} training and {present['test']} test rows."
        )
    one = len(chosen) == 1
    images = (
        parts[chosen[0]][0] if one else np.concatenate([parts[p][0] for p in chosen])
    )
    target = np.concatenate([parts[part][1] for part in chosen])
    data = images.reshape(len(images), -1)
    if return_X_y:
        return data, target
    n_train = present["train"] if "train" in chosen else 0
    counts = (
        f"{present['train']:,} training and {present['test']:,} test images from "
        f"{source}."
    )
    if (present["train"], present["test"]) != official:
        counts += (
            f" This is not the whole set with its official split, which has "
            f"{official[0]:,} and {official[1]:,}: figures obtained on it are not to "
            "be compared with published ones."
        )
    return Bunch(
        data=data,
        target=target,
        images=images,
        train=np.arange(n_train),
        test=np.arange(n_train, len(target)),
        target_names=names,
        DESCR="\n".join(
            [title, "-" * len(title), "", textwrap.fill(about, 88), ""]
            + [textwrap.fill(counts, 88), ""]
        ),
        **{
            name: np.concatenate([columns[part] for part in chosen])
            for name, columns in extra.items()
        },
    )


_FETCH_PARAMETERS = {
    "data_home": [str, os.PathLike, None],
    "subset": [StrOptions({"all", "train", "test"})],
    "download_if_missing": ["boolean"],
    "return_X_y": ["boolean"],
}
_LOCAL_PARAMETERS = {
    name: allowed
    for name, allowed in _FETCH_PARAMETERS.items()
    if name != "download_if_missing"
}
_DIGITS = [str(digit) for digit in range(10)]


def _fetch_idx(
    title,
    about,
    name,
    names,
    data_id,
    data_home,
    subset,
    download_if_missing,
    return_X_y,
):
    """MNIST and those that took over its files: see `fetch_mnist`."""
    folder = _data_folder(data_home)
    parts, official = {}, (60_000, 10_000)
    for part, prefix in (("train", "train"), ("test", "t10k")):
        paths = {}
        for kind in ("images-idx3", "labels-idx1"):
            file = f"{prefix}-{kind}-ubyte"
            paths[kind] = _first(folder / name, "", f"{file}.gz", file)
        images, labels = paths.values()
        if (images is None) != (labels is None):
            there = images or labels
            raise FileNotFoundError(
                f"{there} is there without its "
                f"{'labels' if labels is None else 'images'}: put the other file of "
                f"{title} beside it."
            )
        if images is not None:
            parts[part] = _check_part(
                labels, _read_idx(images, 3), _read_idx(labels, 1), 10, (28, 28)
            )
    source = f"{folder / name}"
    if not parts:
        files = f"the four {name}/*-ubyte.gz files"
        X, y = _from_openml(
            title, folder, files, data_home, download_if_missing, data_id
        )
        source = f"OpenML, data set {data_id}"
        images, target = _check_part(
            source,
            np.asarray(X).astype(np.uint8).reshape(-1, 28, 28),
            np.asarray(y).astype(np.int64),
            10,
            (28, 28),
        )
        n = official[0]
        parts = {"train": (images[:n], target[:n]), "test": (images[n:], target[n:])}
    return _bunch(title, about, parts, official, subset, return_X_y, names, source)


@validate_params(_FETCH_PARAMETERS, prefer_skip_nested_validation=True)
def fetch_mnist(
    *, data_home=None, subset="all", download_if_missing=True, return_X_y=False
):
    """Handwritten digits, 28x28: 60,000 training and 10,000 test images.

    Parameters
    ----------
    data_home : str or path-like, default=None
        Folder that holds ``mnist/`` with the four IDX files, compressed or not. None
        is the environment variable SKSEMI_DATA, or else scikit-learn's data folder.
    subset : {"all", "train", "test"}, default="all"
        Which rows. "all" has the training rows first.
    download_if_missing : bool, default=True
        Whether to get the set from OpenML (:func:`sklearn.datasets.fetch_openml`,
        which keeps a copy in ``data_home``, or scikit-learn's folder) if the files are
        not there.
    return_X_y : bool, default=False
        Whether to return ``(data, target)`` alone.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        With the fields ``data`` (n, 784) of uint8, ``target`` (n,) of int64,
        ``images`` (n, 28, 28), a view of ``data``; ``train`` and ``test``, the row
        numbers of either part; ``target_names`` and ``DESCR``.

    Raises
    ------
    OSError
        If files are missing, corrupt or truncated; the message says what to do.

    Examples
    --------
    >>> from sksemi.datasets import fetch_mnist
    >>> mnist = fetch_mnist()  # doctest: +SKIP
    >>> X_train = mnist.images[mnist.train]  # doctest: +SKIP
    """
    return _fetch_idx(
        "MNIST",
        "Handwritten digits (LeCun, Bottou, Bengio and Haffner, Gradient-based "
        "learning applied to document recognition, Proceedings of the IEEE, 1998), "
        "28x28, white on black, 0 to 255.",
        "mnist",
        _DIGITS,
        554,
        data_home,
        subset,
        download_if_missing,
        return_X_y,
    )


@validate_params(_FETCH_PARAMETERS, prefer_skip_nested_validation=True)
def fetch_fashion_mnist(
    *, data_home=None, subset="all", download_if_missing=True, return_X_y=False
):
    """Clothes, 28x28: 60,000 training and 10,000 test images of ten kinds.

    Parameters
    ----------
    data_home : str or path-like, default=None
        Folder that holds ``fashion-mnist/`` with the four IDX files, compressed or
        not. None is the environment variable SKSEMI_DATA, or else scikit-learn's data
        folder.
    subset : {"all", "train", "test"}, default="all"
        Which rows. "all" has the training rows first.
    download_if_missing : bool, default=True
        Whether to get the set from OpenML (:func:`sklearn.datasets.fetch_openml`,
        which keeps a copy in ``data_home``, or scikit-learn's folder) if the files are
        not there.
    return_X_y : bool, default=False
        Whether to return ``(data, target)`` alone.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        As `fetch_mnist`; ``target_names`` are the kinds of clothes.

    Raises
    ------
    OSError
        If files are missing, corrupt or truncated; the message says what to do.

    Examples
    --------
    >>> from sksemi.datasets import fetch_fashion_mnist
    >>> X, y = fetch_fashion_mnist(return_X_y=True)  # doctest: +SKIP
    """
    return _fetch_idx(
        "Fashion-MNIST",
        "Pictures of clothes (Xiao, Rasul and Vollgraf, Fashion-MNIST, 2017), 28x28, "
        "light on black, 0 to 255.",
        "fashion-mnist",
        [
            "T-shirt/top",
            "Trouser",
            "Pullover",
            "Dress",
            "Coat",
            "Sandal",
            "Shirt",
            "Sneaker",
            "Bag",
            "Ankle boot",
        ],
        40996,
        data_home,
        subset,
        download_if_missing,
        return_X_y,
    )


@validate_params(_FETCH_PARAMETERS, prefer_skip_nested_validation=True)
def fetch_usps(
    *, data_home=None, subset="all", download_if_missing=True, return_X_y=False
):
    """Digits from envelopes, 16x16: 7,291 training and 2,007 test images.

    Parameters
    ----------
    data_home : str or path-like, default=None
        Folder that holds ``usps.npz`` (with X_train, y_train, X_test and y_test of
        uint8 images and their digits) or LIBSVM's ``usps.bz2`` and ``usps.t.bz2``,
        themselves or in ``usps/``. None is the environment variable SKSEMI_DATA, or
        else scikit-learn's data folder.
    subset : {"all", "train", "test"}, default="all"
        Which rows. "all" has the training rows first.
    download_if_missing : bool, default=True
        Whether to get the set from OpenML (:func:`sklearn.datasets.fetch_openml`,
        which keeps a copy in ``data_home``, or scikit-learn's folder) if the files are
        not there. OpenML does not say which rows are the official test set: all are
        training rows then.
    return_X_y : bool, default=False
        Whether to return ``(data, target)`` alone.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        With the fields ``data`` (n, 256) of uint8, ``target`` (n,) of int64,
        ``images`` (n, 16, 16), a view of ``data``; ``train`` and ``test``, the row
        numbers of either part; ``target_names`` and ``DESCR``.

    Raises
    ------
    OSError
        If files are missing, corrupt or truncated; the message says what to do.

    Notes
    -----
    LIBSVM's and OpenML's values v, from -1 to 1, become ``round(127.5 * (v + 1))``,
    and their labels, from 1 to 10, the digits.

    Examples
    --------
    >>> from sksemi.datasets import fetch_usps
    >>> X, y = fetch_usps(subset="train", return_X_y=True)  # doctest: +SKIP
    """
    folder, title = _data_folder(data_home), "USPS"
    parts, shape = {}, (16, 16)
    path = _first(folder, "usps", "usps.npz")
    if path is not None:
        arrays = _read_npz(path, ("X_train", "y_train", "X_test", "y_test"))
        for part in ("train", "test"):
            with _reading(path):
                pair = arrays[f"X_{part}"], arrays[f"y_{part}"]
            parts[part] = _check_part(path, *pair, 10, shape)
    else:
        for part, file in (("train", "usps.bz2"), ("test", "usps.t.bz2")):
            path = _first(folder, "usps", file)
            if path is not None:
                X, y = _read_svmlight(path, 256)
                images = _unit_to_uint8(path, X, -1).reshape(-1, *shape)
                parts[part] = _check_part(path, images, y - 1, 10, shape)
    source = f"{folder}"
    if not parts:
        X, y = _from_openml(
            title,
            folder,
            "usps.npz, or usps.bz2 and usps.t.bz2,",
            data_home,
            download_if_missing,
            41082,
        )
        source = "OpenML, data set 41082"
        images = _unit_to_uint8(source, np.asarray(X, float), -1).reshape(-1, *shape)
        target = np.asarray(y).astype(np.float64).astype(np.int64) - 1
        parts["train"] = _check_part(source, images, target, 10, shape)
    return _bunch(
        title,
        "Handwritten digits from envelopes (Hull, A database for handwritten text "
        "recognition research, IEEE PAMI, 1994), 16x16, white on black, 0 to 255.",
        parts,
        (7_291, 2_007),
        subset,
        return_X_y,
        _DIGITS,
        source,
    )


# Of the official training rows of SVHN, how many show each digit.
_SVHN_TRAIN = [4948, 13861, 10585, 8497, 7458, 6882, 5727, 5595, 5045, 4659]


def _svhn_images(rows):
    """Images of 3x32x32 from rows of pixels in an order that nobody states.

    Colors may lie first or last, columns before rows or after. Street numbers change
    least from a pixel to the one below it (by 6.0 of 255 in the official files; from
    left to right by 8.2, across any other order by 14 and more), which tells the four
    orders apart from a hundred images on.
    """
    orders = {
        (0, 1, 2, 3): (3, 32, 32),  # as channels, height, width
        (0, 1, 3, 2): (3, 32, 32),  # channels, width, height
        (0, 3, 1, 2): (32, 32, 3),  # height, width, channels
        (0, 3, 2, 1): (32, 32, 3),  # width, height, channels
    }

    def below(axes):
        some = rows[:1000].reshape(-1, *orders[axes]).transpose(axes)
        return np.abs(np.diff(some.astype(np.int16), axis=2)).mean()

    axes = min(orders, key=below)
    return rows.reshape(-1, *orders[axes]).transpose(axes)


@validate_params(_FETCH_PARAMETERS, prefer_skip_nested_validation=True)
def fetch_svhn(
    *, data_home=None, subset="all", download_if_missing=True, return_X_y=False
):
    """House numbers in color, 32x32: 73,257 training and 26,032 test images.

    Parameters
    ----------
    data_home : str or path-like, default=None
        Folder that holds the official ``train_32x32.mat`` and ``test_32x32.mat``, or
        ``svhn.npz`` with X_train, y_train, X_test and y_test, or one of the two parts,
        themselves or in ``svhn/``. None is the environment variable SKSEMI_DATA, or
        else scikit-learn's data folder.
    subset : {"all", "train", "test"}, default="all"
        Which rows. "all" has the training rows first.
    download_if_missing : bool, default=True
        Whether to get the set from OpenML (:func:`sklearn.datasets.fetch_openml`,
        which keeps a copy in ``data_home``; 99,289 rows of 3,072 numbers take several
        GB of memory) where the files are not there.
    return_X_y : bool, default=False
        Whether to return ``(data, target)`` alone.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        With the fields ``data`` (n, 3072) of uint8, ``target`` (n,) of int64,
        ``images`` (n, 3, 32, 32), a view of ``data``, channels first; ``train`` and
        ``test``, the row numbers of either part; ``target_names`` and ``DESCR``, which
        says so if this is a part of the set.

    Raises
    ------
    OSError
        If files are missing, corrupt or truncated; the message says what to do.

    Notes
    -----
    The label 10 of the official files is the digit 0. OpenML does not say in which
    order a row holds its pixels, which is told from the images themselves, nor which
    rows are the official test set: the first 73,257 are taken for the training set if
    they show each digit as often as that, else all rows are.

    Examples
    --------
    >>> from sksemi.datasets import fetch_svhn
    >>> svhn = fetch_svhn()  # doctest: +SKIP
    >>> X_train = svhn.images[svhn.train]  # doctest: +SKIP
    """
    folder, title = _data_folder(data_home), "SVHN"
    pairs = {}
    for part in ("train", "test"):
        path = _first(folder, "svhn", f"{part}_32x32.mat")
        if path is not None:
            with _reading(path):
                file = loadmat(path, variable_names=("X", "y"))
                images, target = file["X"].transpose(3, 2, 0, 1), file["y"][:, 0]
            pairs[part] = path, images, target
    npz = None if pairs else _first(folder, "svhn", "svhn.npz")
    if npz is not None:
        keys = ("X_train", "y_train", "X_test", "y_test")
        arrays = _read_npz(npz, keys)
        for part in ("train", "test"):
            if f"X_{part}" in arrays:
                with _reading(npz):
                    images, target = arrays[f"X_{part}"], arrays[f"y_{part}"]
                    if images.shape[-1] == 3:
                        images = images.transpose(0, 3, 1, 2)
                pairs[part] = npz, images, target
        if not pairs:
            with _reading(npz):
                raise KeyError(f"none of {', '.join(keys)} in it")
    source = f"{folder}"
    if not pairs:
        files = "train_32x32.mat and test_32x32.mat, or svhn.npz,"
        X, y = _from_openml(title, folder, files, data_home, download_if_missing, 41081)
        source = "OpenML, data set 41081"
        with _reading(source):
            images = _svhn_images(np.asarray(X).astype(np.uint8))
            target = np.asarray(y).astype(np.float64).astype(np.int64)
            counts = np.bincount(target[: sum(_SVHN_TRAIN)] % 10)
        n = sum(_SVHN_TRAIN) if np.array_equal(counts, _SVHN_TRAIN) else len(target)
        pairs["train"] = source, images[:n], target[:n]
        if n < len(target):
            pairs["test"] = source, images[n:], target[n:]
    parts = {}
    for part, (path, images, target) in pairs.items():
        images = np.ascontiguousarray(images)
        target = np.where(target == 10, 0, target)
        parts[part] = _check_part(path, images, target, 10, (3, 32, 32))
    return _bunch(
        title,
        "House numbers in pictures of streets (Netzer, Wang, Coates, Bissacco, Wu and "
        "Ng, Reading digits in natural images with unsupervised feature learning, "
        "2011), cropped to 32x32, red, green and blue from 0 to 255. For "
        "non-commercial use only.",
        parts,
        (73_257, 26_032),
        subset,
        return_X_y,
        _DIGITS,
        source,
    )


@validate_params(_LOCAL_PARAMETERS, prefer_skip_nested_validation=True)
def fetch_omniglot(*, data_home=None, subset="all", return_X_y=False):
    """Handwritten characters of fifty alphabets, 28x28.

    Parameters
    ----------
    data_home : str or path-like, default=None
        Folder that holds ``omniglot.npz`` (with X_*, y_*, alphabet_* and drawer_* for
        * in train and test, and alphabet_names), or the file of the likelihood papers,
        ``chardata.mat``, themselves or in ``omniglot/``. None is the environment
        variable SKSEMI_DATA, or else scikit-learn's data folder.
    subset : {"all", "train", "test"}, default="all"
        Which rows. "all" has the training rows first.
    return_X_y : bool, default=False
        Whether to return ``(data, target)`` alone.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        With the fields ``data`` (n, 784) of uint8, ``target`` (n,) of int64, the
        character; ``alphabet`` (n,), its alphabet; ``images`` (n, 28, 28), a view of
        ``data``; ``train`` and ``test``, the row numbers of either part; ``DESCR``.
        From ``omniglot.npz`` also ``drawer`` (n,), who drew it, and
        ``target_names``, the names of the alphabets.

    Raises
    ------
    OSError
        If files are missing, corrupt or truncated; the message says what to do.

    Notes
    -----
    The two files differ in how images were made smaller and in their split (19,280 and
    13,180 images of different characters; 24,345 and 8,070 of the same ones in
    ``chardata.mat``): likelihoods are comparable within one of them only. The set is
    not on OpenML.

    Examples
    --------
    >>> from sksemi.datasets import fetch_omniglot
    >>> omniglot = fetch_omniglot()  # doctest: +SKIP
    >>> omniglot.target_names[omniglot.alphabet[0]]  # doctest: +SKIP
    """
    folder, title = _data_folder(data_home), "OMNIGLOT"
    parts, alphabet, extra, names = {}, {}, {}, None
    path = _first(folder, "omniglot", "omniglot.npz")
    if path is not None:
        official = (19_280, 13_180)
        keys = [
            f"{key}_{part}"
            for part in ("train", "test")
            for key in ("X", "y", "alphabet", "drawer")
        ]
        arrays = _read_npz(path, [*keys, "alphabet_names"])
        with _reading(path):
            columns = {key: arrays[key] for key in keys}
            names = arrays["alphabet_names"].tolist()
        extra["drawer"] = {}
        for part in ("train", "test"):
            parts[part] = columns[f"X_{part}"], columns[f"y_{part}"]
            alphabet[part] = columns[f"alphabet_{part}"]
            extra["drawer"][part] = columns[f"drawer_{part}"]
    else:
        path = _first(folder, "omniglot", "chardata.mat")
        if path is None:
            raise _missing(title, folder, "omniglot.npz or chardata.mat")
        official = (24_345, 8_070)
        with _reading(path):
            file = loadmat(path)
            for part, key in (("train", ""), ("test", "test")):
                # columns are images, and each of them is column by column too
                X = file[f"{key}data"].T.reshape(-1, 28, 28).transpose(0, 2, 1)
                alphabet[part] = file[f"{key}target"].argmax(0)
                letter = file[f"{key}targetchar"].ravel().astype(np.int64) - 1
                parts[part] = np.ascontiguousarray(X), letter
        # a letter's number is its own within an alphabet only
        pairs = {p: 100 * alphabet[p] + parts[p][1] for p in parts}
        letters = np.unique(np.concatenate(list(pairs.values())))
        for part, (X, _) in parts.items():
            X = _unit_to_uint8(path, X, 0)
            parts[part] = X, np.searchsorted(letters, pairs[part])
    for part, (images, target) in parts.items():
        parts[part] = _check_part(path, images, target, 10_000, (28, 28))
        for column in (alphabet[part], *(e[part] for e in extra.values())):
            _check_part(path, images, column, 10_000, (28, 28))
    return _bunch(
        title,
        "Characters drawn by twenty people each (Lake, Salakhutdinov and Tenenbaum, "
        "Human-level concept learning through probabilistic program induction, "
        "Science, 2015), made smaller to 28x28, white on black, 0 to 255. target is "
        "the character, alphabet its alphabet.",
        parts,
        official,
        subset,
        return_X_y,
        names,
        f"{path}",
        alphabet=alphabet,
        **extra,
    )
