"""Noise that is a row's own: independent normals that its values decide."""

import numpy as np
import pytest
import torch
from scipy.stats import kstest
from sklearn.datasets import load_digits

from sksemi import CaGeMGenerator, GMVAEClusterer, M2Generator
from sksemi._engine.hashing import row_hashes, uniforms
from sksemi._engine.seeds import RowNoise


def rows(n, d=3, seed=0):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


def drawn(noise, x):
    return torch.stack(list(noise.of(x))).numpy()  # (n_draws, n_rows, dim)


@pytest.mark.parametrize("x", [rows(4000), torch.arange(4000.0)[:, None]])
@pytest.mark.parametrize(("normal", "cdf"), [(True, "norm"), (False, "uniform")])
def test_numbers_of_one_draw_are_independent(x, normal, cdf):
    """Over rows, within a draw: the right distribution, uncorrelated columns."""
    (draw,) = drawn(RowNoise(1, 5, seed=0, normal=normal), x)
    for column in draw.T:
        assert kstest(column, cdf).pvalue > 1e-3
    # neighboring rows as well
    columns = np.column_stack([draw[:-1], draw[1:]])
    correlation = np.corrcoef(columns.T) - np.eye(10)
    assert abs(correlation).max() < 5 / len(x) ** 0.5


def test_draws_of_one_row_are_independent():
    noise = drawn(RowNoise(4000, 2, seed=0), rows(3)).reshape(4000, -1)
    for column in noise.T:
        assert kstest(column, "norm").pvalue > 1e-3
    correlation = np.corrcoef(np.column_stack([noise[:-1], noise[1:]]).T) - np.eye(12)
    # two rows have one block, shifted: their numbers depend on one another within a
    # draw, but for all pairs of rows alike
    correlation[:6, :6] = correlation[6:, 6:] = 0
    assert abs(correlation).max() < 5 / 4000**0.5


def test_a_rows_noise_depends_on_its_values_alone():
    x, noise = rows(50), RowNoise(4, 6, seed=1)
    whole = drawn(noise, x)
    order = np.random.RandomState(0).permutation(50)
    np.testing.assert_array_equal(drawn(noise, x[order]), whole[:, order])
    np.testing.assert_array_equal(drawn(noise, x[7:8]), whole[:, 7:8])
    np.testing.assert_array_equal(drawn(noise, x.T.contiguous().T), whole)
    parts = torch.cat(list(noise.of(x).split(3))).numpy()
    np.testing.assert_array_equal(parts, whole)
    assert not np.isclose(drawn(RowNoise(4, 6, seed=2), x), whole).any()


def test_zeros_of_either_sign_are_one_value():
    np.testing.assert_array_equal(
        row_hashes(torch.tensor([[0.0, 1.0]])), row_hashes(torch.tensor([[-0.0, 1.0]]))
    )


def test_the_edges_stay_finite():
    noise = RowNoise(1, 2, seed=0)
    noise.block[0, 0], noise.block[0, 1] = 0.0, 1 - 2.0**-53
    draws = noise.of(rows(1))
    draws.shift[:] = 0
    (draw,) = draws
    assert draw.isfinite().all()
    assert draw[0, 0] < -5
    assert draw[0, 1] > 5


def test_uniforms_fill_the_interval():
    numbers = uniforms(np.arange(2000, dtype=np.uint64), 3)
    for column in numbers.T:
        assert kstest(column, "uniform").pvalue > 1e-3


@pytest.mark.parametrize("Estimator", [CaGeMGenerator, GMVAEClusterer, M2Generator])
@pytest.mark.parametrize("max_iter", [1, pytest.param(30, marks=pytest.mark.slow)])
def test_mean_bound_errs_as_by_independent_noise(Estimator, max_iter):
    """Five hundred rows, one draw each: by a row's error over sqrt(500)."""
    X, y = load_digits(return_X_y=True)
    X, y = (X[:500] > 8).astype(float), y[:500]
    # nats of a squared error grow with its weight, and so does what one draw errs by
    weight = {"reconstruction_weight": 10} if Estimator is GMVAEClusterer else {}
    est = Estimator(max_iter=max_iter, random_state=0, **weight).fit(X, y)
    est.n_draws = 1  # read at call time, where there is such a parameter
    scores = []
    for seed in range(10):
        est._seed = seed
        scores.append(est.score_samples(X))
    deviation = np.std(scores, axis=0, ddof=1)  # of each row
    error = (np.square(deviation).mean() / len(X)) ** 0.5
    found = np.std(np.mean(scores, axis=1), ddof=1)
    # by chance in fewer than one of 10,000 cases; common noise has a ratio of 13
    assert found < 2 * error
    if max_iter > 1:
        assert found < 0.15  # nats
