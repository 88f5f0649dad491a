"""Rows by their numbers, wherever they are: the same as from one dense array."""

import numpy as np
import pytest
import torch
from scipy import sparse

from sksemi._engine import data as engine_data
from sksemi._engine.data import Data, Minibatches
from sksemi._engine.sources import JoinedRows, as_source

INDEX = torch.tensor([5, 0, 5, 8])


def table(dtype="float64"):
    X = np.random.RandomState(0).poisson(0.5, size=(9, 4)).astype(dtype)
    X[4] = X[2]
    return X


@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8", "int32"])
@pytest.mark.parametrize("index", [slice(2, 7), INDEX], ids=["slice", "numbers"])
def test_sparse_rows_are_dense_rows(dtype, index):
    X = table(dtype)
    for matrix in (sparse.csr_array(X), sparse.csr_matrix(X)):
        rows = as_source(matrix)
        assert rows.shape == X.shape
        assert torch.equal(rows[index], as_source(X)[index])


def test_entries_given_twice_are_added():
    X = sparse.csr_array(([1.0, 2.0], [1, 1], [0, 2, 2]), shape=(2, 3))
    assert as_source(X)[:2].tolist() == [[0, 3, 0], [0, 0, 0]]


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array])
def test_joined_rows(kind):
    """The second's are divided."""
    first = torch.rand(3, 4)
    rows = JoinedRows(first, as_source(kind(table("uint8"))), 255.0)
    whole = torch.cat([first, torch.from_numpy(table("float32")) / 255])
    assert rows.shape == whole.shape
    index = torch.tensor([11, 2, 0, 3, 4])
    assert torch.equal(rows[index], whole[index])


def test_wide_rows_come_in_smaller_parts(monkeypatch):
    monkeypatch.setattr(engine_data, "PART_VALUES", 12)
    data = Data(as_source(table()), torch.full((9,), -1), 1.0)
    assert [len(part.x) for part in data.parts()] == [3, 3, 3]
    expected = Data(as_source(sparse.csr_array(table())), data.codes, 1.0)
    for part, same in zip(data.parts(), expected.parts(), strict=True):
        assert torch.equal(part.index, same.index)
        assert torch.equal(part.x, same.x)


def test_distinct_rows():
    """One of equal rows of one label, and in an order that the rows alone decide."""
    x = torch.tensor([[1.0], [2.0], [1.0], [1.0], [3.0]])
    data = Data(x, torch.tensor([-1, 0, -1, 0, -1]), 1.0)
    kept = data.distinct()
    assert sorted(kept.tolist()) == [0, 1, 3, 4]
    order = torch.tensor([4, 2, 1, 3, 0])
    other = Data(x[order], data.codes[order], 1.0)
    assert torch.equal(other.x[other.distinct()], x[kept])


@pytest.mark.parametrize("pool", ["unlabeled", "all"])
def test_rows_of_the_past_are_in_no_pool(pool):
    """Labeled ones among them are drawn beside it."""
    torch.manual_seed(0)
    y = torch.tensor([0, 1, -1, -1, 0, -1, -1, -1, 1])
    batches = Minibatches(y, 6, pool, n_past=4)
    expected = {5, 6, 7} if pool == "unlabeled" else {4, 5, 6, 7, 8}
    assert set(batches.pool.tolist()) == expected
    assert {0, 1, 4, 8} == set(batches.labeled.tolist())
    labeled = Minibatches(torch.tensor([0, -1, 1, 0]), 4, n_past=2)
    assert labeled.all_labeled
    assert labeled.pool.tolist() == [2, 3]
