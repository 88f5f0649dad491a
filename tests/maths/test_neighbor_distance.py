"""The scale of the noise on tables."""

import numpy as np
import pytest

from sksemi._validation import neighbor_distance


def test_grid():
    x = np.stack(np.meshgrid(np.arange(9), np.arange(9)), -1).reshape(-1, 2)
    assert neighbor_distance(x, 1) == pytest.approx(1 / np.sqrt(2))
    assert neighbor_distance(x, 2) == pytest.approx(0.5 / np.sqrt(2))
    # the deviation of 0 to 8 is the square root of 80 / 12
    assert neighbor_distance(x) == pytest.approx(1 / np.sqrt(2) / np.sqrt(80 / 12))


def test_scikit_learn():
    from sklearn.neighbors import NearestNeighbors

    x = np.random.RandomState(0).normal(3, 2, size=(300, 50))
    distance, _ = NearestNeighbors(n_neighbors=2).fit(x).kneighbors(x)
    expected = np.median(distance[:, 1]) / np.sqrt(50)
    assert neighbor_distance(x, 1) == pytest.approx(expected)
    assert neighbor_distance(x + 1e4) == pytest.approx(neighbor_distance(x))


def test_equal_rows_are_no_neighbors():
    assert neighbor_distance(np.array([[0.0], [0.0], [1.0], [1.0]]), 1) == 1
    assert neighbor_distance(np.ones((5, 2))) == 0
    assert neighbor_distance(np.ones((1, 2))) == 0
