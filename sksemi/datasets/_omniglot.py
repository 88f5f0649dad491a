"""OMNIGLOT."""

import numpy as np
from scipy.io import loadmat

from sksemi._validation import validate_params
from sksemi.datasets._reading import (
    FETCH_PARAMETERS,
    check_part,
    data_folder,
    find_file,
    join_parts,
    missing_error,
    read_npz,
    reading,
    unit_to_uint8,
)

# without download_if_missing, as the set is not on OpenML
_LOCAL_PARAMETERS = {
    name: FETCH_PARAMETERS[name] for name in ("data_home", "subset", "return_X_y")
}


@validate_params(_LOCAL_PARAMETERS, prefer_skip_nested_validation=True)
def fetch_omniglot(*, data_home=None, subset="all", return_X_y=False):
    """Handwritten characters of fifty alphabets, 28x28.

    Parameters
    ----------
    data_home : str or path-like, default=None
        Folder that holds ``omniglot.npz`` (with X_*, y_*, alphabet_* and drawer_* for
        * in train and test, and alphabet_names) or ``chardata.mat``, the file of the
        papers on likelihood, directly or in a subfolder ``omniglot/``. None takes the
        folder in the environment variable SKSEMI_DATA, or scikit-learn's data folder if
        that is not set.
    subset : {"all", "train", "test"}, default="all"
        Which rows to load. "all" puts the training rows first.
    return_X_y : bool, default=False
        Whether to return only ``(data, target)``.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        With the fields ``data`` (n, 784) of uint8, ``target`` (n,) of int64, the
        character; ``alphabet`` (n,), its alphabet; ``images`` (n, 28, 28), a view of
        ``data``; ``train`` and ``test``, the row numbers of the two parts; ``DESCR``.
        From ``omniglot.npz`` also ``drawer`` (n,), who drew it, and
        ``target_names``, the names of the alphabets.

    Raises
    ------
    OSError
        If files are missing, corrupt or truncated. The message says how to fix it.

    Notes
    -----
    The two files differ in how images were made smaller and in their split, so compare
    likelihoods only within one of them. The training and test sets of ``omniglot.npz``
    have 19,280 and 13,180 images of different characters; those of ``chardata.mat``
    have 24,345 and 8,070 images of the same characters. The set is not on OpenML.

    Examples
    --------
    >>> from sksemi.datasets import fetch_omniglot
    >>> omniglot = fetch_omniglot()  # doctest: +SKIP
    >>> omniglot.target_names[omniglot.alphabet[0]]  # doctest: +SKIP
    """
    folder, title = data_folder(data_home), "OMNIGLOT"
    parts, alphabet, extra, names = {}, {}, {}, None
    path = find_file(folder, "omniglot", "omniglot.npz")
    if path is not None:
        official = (19_280, 13_180)
        keys = [
            f"{key}_{part}"
            for part in ("train", "test")
            for key in ("X", "y", "alphabet", "drawer")
        ]
        arrays = read_npz(path, [*keys, "alphabet_names"])
        with reading(path):
            columns = {key: arrays[key] for key in keys}
            names = arrays["alphabet_names"].tolist()
        extra["drawer"] = {}
        for part in ("train", "test"):
            parts[part] = columns[f"X_{part}"], columns[f"y_{part}"]
            alphabet[part] = columns[f"alphabet_{part}"]
            extra["drawer"][part] = columns[f"drawer_{part}"]
    else:
        path = find_file(folder, "omniglot", "chardata.mat")
        if path is None:
            raise missing_error(title, folder, "omniglot.npz or chardata.mat")
        official = (24_345, 8_070)
        with reading(path):
            file = loadmat(path)
            for part, key in (("train", ""), ("test", "test")):
                # columns are images, and each of them is column by column too
                X = file[f"{key}data"].T.reshape(-1, 28, 28).transpose(0, 2, 1)
                alphabet[part] = file[f"{key}target"].argmax(0)
                letter = file[f"{key}targetchar"].ravel().astype(np.int64) - 1
                parts[part] = np.ascontiguousarray(X), letter
        # letters are numbered within their alphabet
        pairs = {p: 100 * alphabet[p] + parts[p][1] for p in parts}
        letters = np.unique(np.concatenate(list(pairs.values())))
        for part, (X, _) in parts.items():
            X = unit_to_uint8(path, X, 0)
            parts[part] = X, np.searchsorted(letters, pairs[part])
    for part, (images, target) in parts.items():
        parts[part] = check_part(path, images, target, 10_000, (28, 28))
        for column in (alphabet[part], *(e[part] for e in extra.values())):
            check_part(path, images, column, 10_000, (28, 28))
    return join_parts(
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
