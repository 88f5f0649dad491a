"""USPS."""

import bz2

import numpy as np
from sklearn.datasets import load_svmlight_file

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
    unit_to_uint8,
)


@validate_params(FETCH_PARAMETERS, prefer_skip_nested_validation=True)
def fetch_usps(
    *, data_home=None, subset="all", download_if_missing=True, return_X_y=False
):
    """Digits from envelopes, 16x16: 7,291 training and 2,007 test images.

    Parameters
    ----------
    data_home : str or path-like, default=None
        Folder that holds ``usps.npz`` (with X_train, y_train, X_test and y_test:
        uint8 images and their digits) or LIBSVM's ``usps.bz2`` and ``usps.t.bz2``,
        directly or in a subfolder ``usps/``. None takes the folder in the environment
        variable SKSEMI_DATA, or scikit-learn's data folder if that is not set.
    subset : {"all", "train", "test"}, default="all"
        Which rows to load. "all" puts the training rows first.
    download_if_missing : bool, default=True
        Whether to load the set from OpenML if the files are not found.
        :func:`sklearn.datasets.fetch_openml` keeps a copy in ``data_home``, or in
        scikit-learn's data folder if that is None. OpenML does not say which rows are
        the official test set, so all its rows are training rows.
    return_X_y : bool, default=False
        Whether to return only ``(data, target)``.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        With the fields ``data`` (n, 256) of uint8, ``target`` (n,) of int64,
        ``images`` (n, 16, 16), a view of ``data``; ``train`` and ``test``, the row
        numbers of the two parts; ``target_names`` and ``DESCR``.

    Raises
    ------
    OSError
        If files are missing, corrupt or truncated. The message says how to fix it.

    Notes
    -----
    LIBSVM and OpenML have values v from -1 to 1, which become
    ``round(127.5 * (v + 1))``, and labels from 1 to 10, which become the digits 0 to 9.

    Examples
    --------
    >>> from sksemi.datasets import fetch_usps
    >>> X, y = fetch_usps(subset="train", return_X_y=True)  # doctest: +SKIP
    """
    folder, title = data_folder(data_home), "USPS"
    parts, shape = {}, (16, 16)
    path = find_file(folder, "usps", "usps.npz")
    if path is not None:
        arrays = read_npz(path, ("X_train", "y_train", "X_test", "y_test"))
        for part in ("train", "test"):
            with reading(path):
                pair = arrays[f"X_{part}"], arrays[f"y_{part}"]
            parts[part] = check_part(path, *pair, 10, shape)
    else:
        for part, file in (("train", "usps.bz2"), ("test", "usps.t.bz2")):
            path = find_file(folder, "usps", file)
            if path is not None:
                X, y = _read_svmlight(path, 256)
                images = unit_to_uint8(path, X, -1).reshape(-1, *shape)
                parts[part] = check_part(path, images, y - 1, 10, shape)
    source = f"{folder}"
    if not parts:
        X, y = from_openml(
            title,
            folder,
            "usps.npz, or usps.bz2 and usps.t.bz2,",
            data_home,
            download_if_missing,
            41082,
        )
        source = "OpenML, data set 41082"
        images = unit_to_uint8(source, np.asarray(X, float), -1).reshape(-1, *shape)
        target = np.asarray(y).astype(np.float64).astype(np.int64) - 1
        parts["train"] = check_part(source, images, target, 10, shape)
    return join_parts(
        title,
        "Handwritten digits from envelopes (Hull, A database for handwritten text "
        "recognition research, IEEE PAMI, 1994), 16x16, white on black, 0 to 255.",
        parts,
        (7_291, 2_007),
        subset,
        return_X_y,
        DIGITS,
        source,
    )


def _read_svmlight(path, n_features):
    """Read dense rows and integer labels from a file in LIBSVM's format."""
    with reading(path):
        with bz2.open(path) as file:
            X, y = load_svmlight_file(file, n_features=n_features)
        return X.toarray(), y.astype(np.int64)
