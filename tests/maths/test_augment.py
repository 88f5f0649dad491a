"""The noise on tables, by the spacing of their rows."""

import numpy as np
import pytest
import torch
from sklearn.neighbors import NearestNeighbors

from sksemi._nn.augment import Augment, neighbor_distance
from tests.maths.helpers import data_of


def test_grid():
    x = np.stack(np.meshgrid(np.arange(9), np.arange(9)), -1).reshape(-1, 2)
    x = torch.tensor(x, dtype=torch.float32)
    assert neighbor_distance(x, 81).item() == pytest.approx(1 / np.sqrt(2))
    assert neighbor_distance(x / 2, 9).item() == pytest.approx(0.5 / np.sqrt(2))


def test_scikit_learn():
    x = np.random.RandomState(0).normal(3, 2, size=(300, 50))
    distance, _ = NearestNeighbors(n_neighbors=2).fit(x).kneighbors(x)
    expected = np.median(distance[:, 1]) / np.sqrt(50)
    x = torch.from_numpy(x)
    assert neighbor_distance(x, 300).item() == pytest.approx(expected)
    assert neighbor_distance(x + 1e4, 300).item() == pytest.approx(expected)


def test_equal_rows_are_no_neighbors():
    x = torch.tensor([[0.0], [0.0], [1.0], [1.0]])
    assert neighbor_distance(x, 4) == 1
    assert neighbor_distance(torch.ones(5, 2), 5) == 0
    assert neighbor_distance(torch.ones(1, 2), 1) == 0


def test_noise_is_the_spacing_of_wide_tables_and_a_fifth_at_least():
    torch.manual_seed(0)
    x = torch.randn(200, 400)
    for scale, expected in [
        (1.0, pytest.approx(1.3, abs=0.15)),
        (0.05, pytest.approx(0.2)),
    ]:
        augment = Augment("auto", "auto", None, 3).train()
        augment.fit(data_of(scale * x), lambda rows: rows)
        assert augment.deviation.item() == expected
        noise = augment.noise(x) - x
        assert noise.std().item() == pytest.approx(augment.deviation.item(), rel=0.02)
        assert augment.eval().noise(x) is x
    # a number, images, and tables that ask for it, are what they were
    for settings in (
        (0.5, 0, None, 3),
        ("auto", 1, (1, 20, 20), 3),
        ("auto", 0, None, 0, False),
    ):
        augment = Augment(*settings)
        before = augment.deviation.clone()
        augment.fit(data_of(x), lambda rows: rows)
        assert augment.deviation == before
