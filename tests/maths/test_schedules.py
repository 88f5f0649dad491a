"""Schedules against what they say."""

import torch

from sksemi import CatVAEClusterer
from sksemi._schedules import step_decay


def test_step_decay():
    factors = [step_decay(epoch, 0.5, 50) for epoch in (0, 49, 50, 99, 100)]
    assert factors == [1, 1, 0.5, 0.5, 0.25]
    assert step_decay(torch.tensor(120.0), 0.75, 50).item() == 0.75**2


def test_catvae_halves_its_learning_rate():
    est = CatVAEClusterer(learning_rate=0.1, halving_period=3)
    assert [est._learning_rate(epoch) for epoch in (0, 2, 3, 6)] == [
        0.1,
        0.1,
        0.05,
        0.025,
    ]
    assert est.set_params(halving_period=None)._learning_rate(99) == 0.1
