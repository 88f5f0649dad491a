"""SVHN."""

import numpy as np
from scipy.io import loadmat

from sksemi._validation import validate_params
from sksemi.datasets._reading import (
    DIGITS,
    FETCH_PARAMETERS,
    check_part,
    data_folder,
    find_file,
    from_openml,
    join_parts,
    read_npz,
    reading,
)

# How many of the official training rows show each digit, from 0 to 9.
TRAIN_COUNTS = [4948, 13861, 10585, 8497, 7458, 6882, 5727, 5595, 5045, 4659]


@validate_params(FETCH_PARAMETERS, prefer_skip_nested_validation=True)
def fetch_svhn(
    *, data_home=None, subset="all", download_if_missing=True, return_X_y=False
):
    """House numbers in color, 32x32: 73,257 training and 26,032 test images.

    Parameters
    ----------
    data_home : str or path-like, default=None
        Folder that holds the official ``train_32x32.mat`` and ``test_32x32.mat``, or
        ``svhn.npz`` with X_train, y_train, X_test and y_test, directly or in a
        subfolder ``svhn/``. One of the two parts is enough. None takes the folder in
        the environment variable SKSEMI_DATA, or scikit-learn's data folder if that is
        not set.
    subset : {"all", "train", "test"}, default="all"
        Which rows to load. "all" puts the training rows first.
    download_if_missing : bool, default=True
        Whether to load the set from OpenML if the files are not found.
        :func:`sklearn.datasets.fetch_openml` keeps a copy in ``data_home``, or in
        scikit-learn's data folder if that is None. The 99,289 rows of 3,072 numbers
        take several GB of memory.
    return_X_y : bool, default=False
        Whether to return only ``(data, target)``.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        With the fields ``data`` (n, 3072) of uint8, ``target`` (n,) of int64,
        ``images`` (n, 3, 32, 32), a view of ``data``, channels first; ``train`` and
        ``test``, the row numbers of the two parts; ``target_names``; ``DESCR``, which
        says so if the set is not complete.

    Raises
    ------
    OSError
        If files are missing, corrupt or truncated. The message says how to fix it.

    Notes
    -----
    The label 10 of the official files becomes the digit 0.

    OpenML states neither the order of the pixels in a row nor which rows are the
    official test set. The order is found from the images themselves. The first 73,257
    rows become the training set if they show each digit as often as the official
    training set does; otherwise all rows do.

    Examples
    --------
    >>> from sksemi.datasets import fetch_svhn
    >>> svhn = fetch_svhn()  # doctest: +SKIP
    >>> X_train = svhn.images[svhn.train]  # doctest: +SKIP
    """
    folder, title = data_folder(data_home), "SVHN"
    pairs = {}
    for part in ("train", "test"):
        path = find_file(folder, "svhn", f"{part}_32x32.mat")
        if path is not None:
            with reading(path):
                file = loadmat(path, variable_names=("X", "y"))
                images, target = file["X"].transpose(3, 2, 0, 1), file["y"][:, 0]
            pairs[part] = path, images, target
    npz = None if pairs else find_file(folder, "svhn", "svhn.npz")
    if npz is not None:
        keys = ("X_train", "y_train", "X_test", "y_test")
        arrays = read_npz(npz, keys)
        for part in ("train", "test"):
            if f"X_{part}" in arrays:
                with reading(npz):
                    images, target = arrays[f"X_{part}"], arrays[f"y_{part}"]
                    if images.shape[-1] == 3:
                        images = images.transpose(0, 3, 1, 2)
                pairs[part] = npz, images, target
        if not pairs:
            with reading(npz):
                raise KeyError(f"none of {', '.join(keys)} in it")
    source = f"{folder}"
    if not pairs:
        files = "train_32x32.mat and test_32x32.mat, or svhn.npz,"
        X, y = from_openml(title, folder, files, data_home, download_if_missing, 41081)
        source = "OpenML, data set 41081"
        with reading(source):
            images = order_pixels(np.asarray(X).astype(np.uint8))
            target = np.asarray(y).astype(np.float64).astype(np.int64)
            counts = np.bincount(target[: sum(TRAIN_COUNTS)] % 10)
        n = sum(TRAIN_COUNTS) if np.array_equal(counts, TRAIN_COUNTS) else len(target)
        pairs["train"] = source, images[:n], target[:n]
        if n < len(target):
            pairs["test"] = source, images[n:], target[n:]
    parts = {}
    for part, (path, images, target) in pairs.items():
        images = np.ascontiguousarray(images)
        target = np.where(target == 10, 0, target)
        parts[part] = check_part(path, images, target, 10, (3, 32, 32))
    return join_parts(
        title,
        "House numbers in pictures of streets (Netzer, Wang, Coates, Bissacco, Wu and "
        "Ng, Reading digits in natural images with unsupervised feature learning, "
        "2011), cropped to 32x32, red, green and blue from 0 to 255. For "
        "non-commercial use only.",
        parts,
        (73_257, 26_032),
        subset,
        return_X_y,
        DIGITS,
        source,
    )


def order_pixels(rows):
    """Reshape rows of pixels in an unknown order to images of 3x32x32.

    Colors may come first or last, and columns before or after rows. House numbers
    change least from a pixel to the one below it: by 6.0 of 255 in the official files,
    against 8.2 from left to right and 14 or more in any other order. A hundred images
    are enough to tell the four orders apart.
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
