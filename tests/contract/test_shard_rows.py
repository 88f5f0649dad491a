"""Rows of one process among several, as users keep them."""

import numpy as np
import pytest
import torch
from scipy import sparse
from torch import distributed

from sksemi.datasets import shard_rows
from tests.contract.estimators import ESTIMATORS, quick

X = np.arange(14.0).reshape(7, 2)


def of_rank(monkeypatch, rank, n_ranks):
    monkeypatch.setattr(distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(distributed, "get_rank", lambda: rank)
    monkeypatch.setattr(distributed, "get_world_size", lambda: n_ranks)


@pytest.mark.parametrize(
    "make",
    [
        np.asarray,
        sparse.csr_array,
        sparse.coo_array,
        torch.tensor,
        np.ndarray.tolist,
        "pandas",
        "polars",
    ],
)
def test_every_row_goes_to_one_rank(make, monkeypatch):
    if isinstance(make, str):
        make = pytest.importorskip(make).DataFrame
    y = list("abcdefg")
    rows, labels = [], []
    for rank in range(3):
        of_rank(monkeypatch, rank, 3)
        x, none, of_x = shard_rows(make(X), None, y)
        assert none is None
        assert of_x == y[rank::3]
        x = x.toarray() if sparse.issparse(x) else np.asarray(x)
        np.testing.assert_array_equal(x, X[rank::3])
        rows, labels = [*rows, *x.tolist()], labels + of_x
    assert sorted(rows) == X.tolist()
    assert sorted(labels) == y


def test_one_process_has_all_rows():
    np.testing.assert_array_equal(shard_rows(X), X)
    assert shard_rows(X, None)[1] is None


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_a_mapped_file_is_not_copied(Estimator, monkeypatch, tmp_path, digits):
    X, _, y = digits
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    with monkeypatch.context() as patch:
        of_rank(patch, 1, 2)
        rows, y = shard_rows(mapped, y)
    assert np.shares_memory(rows, mapped)
    plan = quick(Estimator)._prepare(rows, y, None, None, 1)
    assert np.shares_memory(plan.data.x.numpy(), mapped)


def test_bad_arguments(monkeypatch):
    with pytest.raises(ValueError, match="inconsistent numbers"):
        shard_rows(X, [0, 1])
    of_rank(monkeypatch, 0, 8)
    with pytest.raises(ValueError, match="7 rows for 8 processes"):
        shard_rows(X)
