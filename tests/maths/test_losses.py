"""Terms that methods share, against independent computations."""

import math

import numpy as np
import pytest
import torch
from scipy.special import logsumexp

from sksemi._nn.losses import (
    categorical_kl_to_uniform,
    count_neighbors,
    even_votes,
    lifted_structured_loss,
    nearest_neighbor_labels,
)


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


def test_votes_are_even():
    y = torch.tensor([0, 0, 0, 2, 2, 4])
    first, middle, later, last = (
        even_votes(y, 5, torch.tensor(float(epoch))) for epoch in (0, 25, 50, 99)
    )
    sums = torch.zeros(5).scatter_add(0, y, first)
    torch.testing.assert_close(sums, torch.tensor([2.0, 0, 2, 0, 2]))
    torch.testing.assert_close(middle, first.sqrt())
    assert later.tolist() == last.tolist() == [1] * 6
    balanced = even_votes(torch.tensor([1, 0, 0, 1]), 2, torch.zeros(()))
    assert balanced.tolist() == [1, 1, 1, 1]


def test_rows_given_twice_win_nothing():
    """If all vote: labels of repeated rows get no more of the others."""
    torch.manual_seed(0)
    X, y, Q = torch.randn(20, 3), torch.arange(20) % 3, torch.randn(200, 3)
    more = torch.cat([torch.arange(20), *3 * [(y == 1).nonzero()[:, 0]]])
    once, again = (
        nearest_neighbor_labels(
            Q, X[i], y[i], len(i), 3, even_votes(y[i], 3, torch.zeros(()))
        )
        for i in (torch.arange(20), more)
    )
    assert torch.equal(once, again)
    uneven = nearest_neighbor_labels(Q, X[more], y[more], len(more), 3)
    assert (uneven == 1).sum() > (again == 1).sum()


def test_fewer_labeled_rows_than_neighbors():
    assigned = nearest_neighbor_labels(
        torch.zeros(3, 2), torch.ones(2, 2), torch.tensor([1, 1]), 5, 2
    )
    assert assigned.tolist() == [1, 1, 1]


def test_categorical_kl():
    logits = tensor([[0.75, 0.25]]).log()
    assert categorical_kl_to_uniform(logits).item() == pytest.approx(0.130812036)
    uniform = torch.zeros(2, 7)
    torch.testing.assert_close(categorical_kl_to_uniform(uniform), torch.zeros(2))
    certain = torch.tensor([[200.0, 0.0, 0.0]])
    assert categorical_kl_to_uniform(certain).item() == pytest.approx(math.log(3))


@pytest.mark.parametrize(
    ("points", "labels", "margin", "expected"),
    [
        ([[0], [1], [3]], [0, 0, 1], 1.0, 0.049066442),
        ([[0], [1], [3]], [0, 0, 1], 2.0, 0.862328130),
        ([[0, 0], [3, 4], [0, 1], [3, 3]], [0, 0, 1, 1], 1.0, 12.914846411),
        ([[1, 1], [1, 1], [1, 1], [1, 1]], [0, 0, 1, 1], 1.0, 2.847200389),
    ],
)
def test_lifted_loss_values(points, labels, margin, expected):
    loss = lifted_structured_loss(tensor(points), torch.tensor(labels), margin)
    assert loss.item() == pytest.approx(expected, abs=1e-8)


def naive_lifted_loss(x, labels, margin):
    def push(i):
        terms = [
            margin - np.linalg.norm(x[i] - x[k])
            for k in range(len(x))
            if labels[k] != labels[i]
        ]
        return logsumexp(terms)

    pairs = [
        (i, j)
        for i in range(len(x))
        for j in range(i + 1, len(x))
        if labels[i] == labels[j]
    ]
    total = count = 0
    for i, j in pairs:
        J = logsumexp([push(i), push(j)]) + np.linalg.norm(x[i] - x[j])
        share = 1 / np.sum(labels == labels[i])
        total += share * max(0, J) ** 2
        count += share
    return total / (2 * count)


def test_lifted_loss_naive():
    rng = np.random.RandomState(0)
    x, labels = rng.normal(size=(40, 7)), rng.randint(4, size=40)
    loss = lifted_structured_loss(tensor(x), torch.tensor(labels), 1.5)
    assert loss.item() == pytest.approx(naive_lifted_loss(x, labels, 1.5), rel=1e-9)


def test_lifted_loss_weight_zero_is_absence():
    rng = np.random.RandomState(1)
    x, labels = tensor(rng.normal(size=(20, 3))), torch.tensor(rng.randint(3, size=20))
    weight = torch.tensor(rng.randint(2, size=20), dtype=torch.float64)
    kept = weight > 0
    weighted = lifted_structured_loss(x, labels, 1.0, weight)
    assert weighted.item() == pytest.approx(
        lifted_structured_loss(x[kept], labels[kept], 1.0).item(), rel=1e-12
    )


@pytest.mark.parametrize(
    "labels", [[0, 0, 0, 0], [0, 1, 2, 3], [0, 0, 1, 1]], ids=["one", "all", "pairs"]
)
def test_lifted_loss_degenerate(labels):
    """No negatives, no positives and zero distances: finite, gradients too."""
    for points in (torch.zeros(4, 2), torch.arange(8.0).reshape(4, 2)):
        x = points.double().requires_grad_()
        loss = lifted_structured_loss(x, torch.tensor(labels), 1.0)
        loss.backward()
        assert torch.isfinite(loss)
        assert torch.isfinite(x.grad).all()
        if labels != [0, 0, 1, 1]:
            assert loss.item() == 0


def test_lifted_loss_gradient():
    torch.manual_seed(0)
    x = torch.randn(8, 3, dtype=torch.float64, requires_grad=True)
    labels = torch.tensor([0, 0, 1, 1, 2, 2, 0, 1])
    assert torch.autograd.gradcheck(lambda x: lifted_structured_loss(x, labels, 1.0), x)


@pytest.mark.parametrize(("per_label", "k"), [(1, 1), (3, 1), (4, 2), (10, 5), (40, 5)])
def test_neighbors_are_half_of_a_labels_rows(per_label, k):
    """From 1 to 5; a number given is that number."""
    assert count_neighbors("auto", 3 * per_label, 3) == k
    assert count_neighbors(7, 3 * per_label, 3) == 7
    assert count_neighbors("auto", 0, 0) == 1
