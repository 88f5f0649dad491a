"""MNIST and Fashion-MNIST."""

import gzip

import numpy as np

from sksemi._validation import validate_params
from sksemi.datasets._reading import (
    DIGITS,
    FETCH_PARAMETERS,
    check_part,
    data_folder,
    find_file,
    from_openml,
    join_parts,
    reading,
)


@validate_params(FETCH_PARAMETERS, prefer_skip_nested_validation=True)
def fetch_mnist(
    *, data_home=None, subset="all", download_if_missing=True, return_X_y=False
):
    """Handwritten digits, 28x28: 60,000 training and 10,000 test images.

    Parameters
    ----------
    data_home : str or path-like, default=None
        Folder with a subfolder ``mnist/`` that holds the four IDX files, compressed or
        not. None takes the folder in the environment variable SKSEMI_DATA, or
        scikit-learn's data folder if that is not set.
    subset : {"all", "train", "test"}, default="all"
        Which rows to load. "all" puts the training rows first.
    download_if_missing : bool, default=True
        Whether to load the set from OpenML if the files are not found.
        :func:`sklearn.datasets.fetch_openml` keeps a copy in ``data_home``, or in
        scikit-learn's data folder if that is None.
    return_X_y : bool, default=False
        Whether to return only ``(data, target)``.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        With the fields ``data`` (n, 784) of uint8, ``target`` (n,) of int64,
        ``images`` (n, 28, 28), a view of ``data``; ``train`` and ``test``, the row
        numbers of the two parts; ``target_names`` and ``DESCR``.

    Raises
    ------
    OSError
        If files are missing, corrupt or truncated. The message says how to fix it.

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
        DIGITS,
        554,
        data_home,
        subset,
        download_if_missing,
        return_X_y,
    )


@validate_params(FETCH_PARAMETERS, prefer_skip_nested_validation=True)
def fetch_fashion_mnist(
    *, data_home=None, subset="all", download_if_missing=True, return_X_y=False
):
    """Clothes, 28x28: 60,000 training and 10,000 test images of ten kinds.

    Parameters
    ----------
    data_home : str or path-like, default=None
        Folder with a subfolder ``fashion-mnist/`` that holds the four IDX files,
        compressed or not. None takes the folder in the environment variable
        SKSEMI_DATA, or scikit-learn's data folder if that is not set.
    subset : {"all", "train", "test"}, default="all"
        Which rows to load. "all" puts the training rows first.
    download_if_missing : bool, default=True
        Whether to load the set from OpenML if the files are not found.
        :func:`sklearn.datasets.fetch_openml` keeps a copy in ``data_home``, or in
        scikit-learn's data folder if that is None.
    return_X_y : bool, default=False
        Whether to return only ``(data, target)``.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        The fields of `fetch_mnist`; ``target_names`` are the kinds of clothes.

    Raises
    ------
    OSError
        If files are missing, corrupt or truncated. The message says how to fix it.

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
    """Load MNIST, or a set that comes in the same files: see `fetch_mnist`."""
    folder = data_folder(data_home)
    parts, official = {}, (60_000, 10_000)
    for part, prefix in (("train", "train"), ("test", "t10k")):
        paths = {}
        for kind in ("images-idx3", "labels-idx1"):
            file = f"{prefix}-{kind}-ubyte"
            paths[kind] = find_file(folder / name, "", f"{file}.gz", file)
        images, labels = paths.values()
        if (images is None) != (labels is None):
            there = images or labels
            raise FileNotFoundError(
                f"{there} is there without its "
                f"{'labels' if labels is None else 'images'}: put the other file of "
                f"{title} beside it."
            )
        if images is not None:
            parts[part] = check_part(
                labels, _read_idx(images, 3), _read_idx(labels, 1), 10, (28, 28)
            )
    source = f"{folder / name}"
    if not parts:
        files = f"the four {name}/*-ubyte.gz files"
        X, y = from_openml(
            title, folder, files, data_home, download_if_missing, data_id
        )
        source = f"OpenML, data set {data_id}"
        images, target = check_part(
            source,
            np.asarray(X).astype(np.uint8).reshape(-1, 28, 28),
            np.asarray(y).astype(np.int64),
            10,
            (28, 28),
        )
        n = official[0]
        parts = {"train": (images[:n], target[:n]), "test": (images[n:], target[n:])}
    return join_parts(title, about, parts, official, subset, return_X_y, names, source)


def _read_idx(path, n_dims):
    """Read the uint8 array in an IDX file, compressed or not."""
    with reading(path):
        raw = path.read_bytes()
        if path.suffix == ".gz":
            raw = gzip.decompress(raw)
        if raw[:4] != bytes([0, 0, 8, n_dims]):
            raise ValueError(f"it starts with {raw[:4]!r}")
        shape = np.frombuffer(raw, ">i4", n_dims, offset=4)
        # a copy, because an array on the memory of bytes is read-only
        return np.frombuffer(raw, np.uint8, offset=4 + 4 * n_dims).reshape(shape).copy()
