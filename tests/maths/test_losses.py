"""Terms that methods share, against independent computations."""

import numpy as np
import torch

from sksemi._losses import nearest_neighbor_labels


def tensor(values):
    return torch.tensor(values, dtype=torch.float64)


def test_closer_neighbor_outweighs_two():
    """Two of class a at distance 2, one of b at distance 0.5."""
    neighbors, labels = tensor([[2.0], [-2.0], [0.5]]), torch.tensor([0, 0, 1])
    for k, expected in [(1, 1), (3, 1)]:
        assigned = nearest_neighbor_labels(tensor([[0.0]]), neighbors, labels, k, 2)
        assert assigned.item() == expected
    # a plain vote would say the opposite, and so do distances that are near enough
    neighbors = tensor([[0.8], [-0.8], [0.5]])
    assigned = nearest_neighbor_labels(tensor([[0.0]]), neighbors, labels, 3, 2)
    assert assigned.item() == 0


def test_neighbor_at_distance_zero_wins():
    neighbors = torch.tensor([[0.0], [1e-3], [1e-3], [1e-3], [1e-3]])
    labels = torch.tensor([1, 0, 0, 0, 0])
    assigned = nearest_neighbor_labels(torch.zeros(1, 1), neighbors, labels, 5, 2)
    assert assigned.item() == 1


def test_nearest_neighbor_labels_sklearn():
    from sklearn.neighbors import KNeighborsClassifier

    rng = np.random.RandomState(0)
    X, y, Q = (
        rng.normal(size=(60, 4)),
        rng.randint(5, size=60),
        rng.normal(size=(99, 4)),
    )
    oracle = KNeighborsClassifier(7, weights="distance").fit(X, y).predict(Q)
    ours = nearest_neighbor_labels(tensor(Q), tensor(X), torch.tensor(y), 7, 5)
    np.testing.assert_array_equal(ours, oracle)


def test_fewer_labelled_rows_than_neighbors():
    assigned = nearest_neighbor_labels(
        torch.zeros(3, 2), torch.ones(2, 2), torch.tensor([1, 1]), 5, 2
    )
    assert assigned.tolist() == [1, 1, 1]
