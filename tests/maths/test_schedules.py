"""Schedules against what they say."""

import pytest
import torch

from sksemi import CatVAEClusterer, GMVAEClusterer
from sksemi._nn.schedules import step_decay


def test_step_decay():
    factors = [step_decay(epoch, 0.5, 50) for epoch in (0, 49, 50, 99, 100)]
    assert factors == [1, 1, 0.5, 0.5, 0.25]
    assert step_decay(torch.tensor(120.0), 0.75, 50).item() == 0.75**2


@pytest.mark.parametrize("Estimator", [CatVAEClusterer, GMVAEClusterer])
def test_learning_rate_is_halved(Estimator):
    est = Estimator(learning_rate=0.1, halving_period=3)
    rates = [est._learning_rate(epoch, 10) for epoch in (0, 2, 3, 6)]
    assert rates == [0.1, 0.1, 0.05, 0.025]
    assert est.set_params(halving_period=None)._learning_rate(99, 10) == 0.1


@pytest.mark.parametrize(
    ("Estimator", "n_steps", "period"),
    [
        (GMVAEClusterer, 600, 2),
        (GMVAEClusterer, 599, 3),
        (GMVAEClusterer, 1200, 1),
        (GMVAEClusterer, 5000, 1),
        (GMVAEClusterer, 14, 86),
        (CatVAEClusterer, 500, 1),
        (CatVAEClusterer, 499, 2),
        (CatVAEClusterer, 14, 36),
    ],
)
def test_learning_rate_is_halved_by_steps(Estimator, n_steps, period):
    """After 1,200 or 500 steps, in whole epochs."""
    est = Estimator(learning_rate=0.1)
    assert est._learning_rate(period - 1, n_steps) == 0.1
    assert est._learning_rate(period, n_steps) == 0.05
