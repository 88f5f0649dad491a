"""Shared by the fetchers: find and read files, ask OpenML, return the parts."""

import os
import textwrap
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from sklearn.datasets import fetch_openml, get_data_home
from sklearn.utils import Bunch

from sksemi._validation import StrOptions

FETCH_PARAMETERS = {
    "data_home": [str, os.PathLike, None],
    "subset": [StrOptions({"all", "train", "test"})],
    "download_if_missing": ["boolean"],
    "return_X_y": ["boolean"],
}
DIGITS = [str(digit) for digit in range(10)]


def data_folder(data_home):
    """Folder to look in: ``data_home``, SKSEMI_DATA or scikit-learn's data folder."""
    return Path(data_home or os.environ.get("SKSEMI_DATA") or get_data_home())


def find_file(folder, name, *files):
    """Find the first of these files in a folder or in its subfolder ``name``."""
    for file in files:
        for path in (folder / file, folder / name / file):
            if path.is_file():
                return path
    return None


@contextmanager
def reading(path):
    """Turn errors of a damaged file into an OSError that says how to fix it."""
    try:
        yield
    except (PermissionError, MemoryError):
        raise
    except Exception as error:
        raise OSError(
            f"{path} is corrupt, truncated or not what its name says ({error}). "
            "Replace it with a fresh copy."
        ) from error


def read_npz(path, keys):
    """Read those arrays of an .npz file that it has, by name."""
    # opened here, because np.load does not close a file that is no archive
    with reading(path), open(path, "rb") as raw, np.load(raw) as file:
        return {key: file[key] for key in keys if key in file.files}


def check_part(path, images, target, n_classes, shape):
    """Check the images and labels of one part; return them in their final types."""
    with reading(path):
        if images.dtype != np.uint8 or images.shape[1:] != shape:
            raise ValueError(f"images are {images.dtype} of shape {images.shape[1:]}")
        if target.shape != (len(images),):
            raise ValueError(f"{len(images)} images, labels of shape {target.shape}")
        target = target.astype(np.int64)
        if len(target) and not 0 <= target.min() <= target.max() < n_classes:
            raise ValueError(f"labels from {target.min()} to {target.max()}")
    return images, target


def unit_to_uint8(path, values, low):
    """Convert gray values from ``low`` to 1 to uint8."""
    with reading(path):
        if not (values.min() >= low and values.max() <= 1):
            raise ValueError(f"values from {values.min():g} to {values.max():g}")
    return np.round((values - low) * (255 / (1 - low))).astype(np.uint8)


def missing_error(title, folder, files, otherwise=""):
    """Error that says which files are missing, and where to put them."""
    return FileNotFoundError(
        f"{title} is not in {folder}. Put {files} there, or give the folder that has "
        f"them as data_home or in the environment variable SKSEMI_DATA{otherwise}."
    )


def from_openml(title, folder, files, data_home, download_if_missing, data_id):
    """Load the rows and labels of a set on OpenML, as arrays."""
    if not download_if_missing:
        raise missing_error(
            title,
            folder,
            files,
            ", or load it from OpenML with download_if_missing=True",
        )
    try:
        return fetch_openml(
            data_id=data_id, data_home=data_home, as_frame=False, return_X_y=True
        )
    except OSError as error:  # no network, for instance
        raise OSError(
            f"{title} is not in {folder}, and OpenML did not provide it ({error}). Put "
            f"{files} there, or give the folder that has them as data_home or in the "
            "environment variable SKSEMI_DATA."
        ) from error


def join_parts(
    title, about, parts, official, subset, return_X_y, names, source, **extra
):
    """Join the parts of a set to what a fetcher returns.

    Parameters
    ----------
    title, about : str
        First line and body of DESCR.
    parts : dict of str to tuple of (images, target)
        With the keys "train" and "test", or one of them.
    official : tuple of int
        Number of rows in the whole training and test sets.
    subset : {"all", "train", "test"}
    return_X_y : bool
    names : list of str
        Names of the classes.
    source : str
        Where the rows come from.
    extra : dict of str to dict of str to ndarray
        More columns, by name and part.

    Returns
    -------
    Bunch, or tuple of (data, target) with ``return_X_y``
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
            f"{official[0]:,} and {official[1]:,}: figures obtained on it cannot "
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
