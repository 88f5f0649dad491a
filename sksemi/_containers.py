"""The containers of X and y, checked before the numbers in them."""

import contextlib
import re

import numpy as np
import torch


@contextlib.contextmanager
def naming(argument):
    """Make errors of numpy and scikit-learn name the argument at fault."""
    try:
        yield
    except (ValueError, TypeError, OverflowError) as error:
        if re.search(rf"\b{argument}\b", str(error)):
            raise
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"{argument} cannot be used: {error}") from error


def from_torch(tensor, argument):
    """Array of a tensor's values, on any device, with or without gradient."""
    if tensor.layout != torch.strided:
        raise TypeError(
            f"{argument} is a sparse tensor. Pass a dense one: {argument}.to_dense()."
        )
    if tensor.dtype == torch.bfloat16:  # which numpy does not have
        tensor = tensor.float()
    with naming(argument):
        return tensor.numpy(force=True)


def check_container(X):
    """Refuse what numpy would misread."""
    if hasattr(X, "obs") and hasattr(X, "X"):
        raise TypeError(
            f"X is of type {type(X).__name__}, which holds more than one table. Pass "
            'the one to use: adata.X, or adata.obsm["X_pca"].'
        )
    if np.ma.is_masked(X):
        raise ValueError(
            "X is a masked array, whose masked entries would count as values. Fill "
            "them: SimpleImputer().fit_transform(X.filled(np.nan))."
        )
    if isinstance(X, np.ndarray) and X.dtype.kind == "O" and _has_complex(X.flat):
        raise ValueError(
            "X holds complex numbers. Pass their real and imaginary parts as columns."
        )
    if hasattr(X, "columns") and hasattr(X, "dtypes"):
        _check_columns(X)


def _check_columns(frame):
    """Refuse a DataFrame with a column that is not numeric, and name the column."""
    names = list(frame.columns)
    if len(set(names)) < len(names):
        twice = next(name for i, name in enumerate(names) if name in names[:i])
        raise ValueError(
            f"X has more than one column named {twice!r}. Rename or drop them: "
            "X.loc[:, ~X.columns.duplicated()] keeps the first."
        )
    for name, dtype in zip(names, frame.dtypes, strict=True):
        if type(dtype).__name__ == "SparseDtype":
            raise TypeError(
                f"X has the sparse column {name!r}. Pass dense ones: "
                "X.sparse.to_dense() if all are sparse, else use a ColumnTransformer."
            )
        kind = getattr(dtype, "kind", "O")
        if kind in "biufc":
            continue
        if kind == "O" and _is_numbers(frame[name]):
            continue
        raise (TypeError if kind in "mM" else ValueError)(
            f"X has the column {name!r} of dtype {dtype}, which is not numeric. "
            "Encode it with a ColumnTransformer (OneHotEncoder for categories, dates "
            "as numbers), or drop it."
        )


def _has_complex(values):
    """Whether some are complex, of which numpy would take the real part."""
    return any(isinstance(value, complex | np.complexfloating) for value in values)


def _is_numbers(column):
    values = np.asarray(column)
    if values.dtype.kind in "mMc" or _has_complex(values):
        return False
    try:
        values.astype(np.float64)
    except (ValueError, TypeError, OverflowError):
        # pandas' NA, which scikit-learn makes a NaN of
        return "NAType" in {type(value).__name__ for value in values}
    return True
