"""Where rows come from: in memory, in a mapped file, sparse, or one after another.

A source has ``shape`` (n_rows, n_features) and ``device``, and gives rows as a dense
tensor there, of any type: ``source[index]``, by a slice or a tensor of row numbers. A
tensor is a source as it is.
"""

import warnings

import numpy as np
import torch
from scipy.sparse import issparse


def as_source(X):
    """Source of the rows of checked X, without a copy.

    Parameters
    ----------
    X : ndarray, memory map, CSR matrix or CSR array of shape (n_rows, n_features)
        It may be read-only, and is never written to.

    Returns
    -------
    Tensor or SparseRows
    """
    if issparse(X):
        return SparseRows(X)
    if any(stride < 0 for stride in X.strides):
        X = X.copy()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writ")
        return torch.from_numpy(np.asarray(X))


class SparseRows:
    """Rows of a CSR matrix, made dense as they are asked for.

    Parameters
    ----------
    X : CSR matrix or CSR array of shape (n_rows, n_features)
    """

    device = torch.device("cpu")

    def __init__(self, X):
        self.X = X
        self.shape = X.shape

    def __getitem__(self, index):
        if isinstance(index, torch.Tensor):
            index = index.numpy()
        return torch.from_numpy(self.X[index].toarray())


class JoinedRows:
    """Rows in memory, and those of another source after them.

    Parameters
    ----------
    first : Tensor of shape (n_first, n_features) of float32
        On the device of the second.
    second : source of shape (n_second, n_features)
    scale : float
        Divides the second.
    """

    def __init__(self, first, second, scale):
        self.first, self.second, self.scale = first, second, scale
        self.shape = (len(first) + second.shape[0], first.shape[1])
        self.device = second.device

    def __getitem__(self, index):
        n = len(self.first)
        x = self.first.new_empty(len(index), self.shape[1])
        later = index >= n
        x[~later] = self.first[index[~later]]
        x[later] = self.second[index[later] - n].float() / self.scale
        return x
