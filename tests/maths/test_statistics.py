"""Statistics of batch norm for inference are those of all rows, seen without noise."""

import numpy as np
import pytest
import torch
from torch import nn

from sksemi import CatVAEClusterer, GMVAEClusterer, M2Generator
from sksemi._nn.statistics import batch_norms, collect_statistics
from tests.maths.helpers import data_of


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Dropout(0.9))


@pytest.mark.parametrize("momentum", [0.1, None])
def test_statistics_are_those_of_the_rows(momentum):
    x = torch.randn(100, 4, generator=torch.Generator().manual_seed(0))
    model = network()
    norm = model[1]
    norm.momentum = momentum
    model.train()
    model(1000 + x)  # what training left does not count
    collect_statistics(model, model, data_of(x))
    h = model[0](x).detach()
    torch.testing.assert_close(norm.running_mean, h.mean(0))
    torch.testing.assert_close(norm.running_var, h.var(0))
    assert norm.momentum == momentum
    assert not any(module.training for module in model.modules())


def test_parts_of_rows_are_averaged():
    x = torch.randn(90, 4, generator=torch.Generator().manual_seed(0))
    model = network()
    collect_statistics(model, model, data_of(x), n_rows=31)  # three parts of 30
    h = model[0](x).detach()
    torch.testing.assert_close(model[1].running_mean, h.mean(0))
    within = model[1].running_var / h.var(0)
    assert within.min() > 0.9
    assert within.max() < 1.1


class Frozen(nn.BatchNorm1d):
    """One that a user keeps as it was trained elsewhere."""

    def train(self, mode=True):
        return super().train(False)


def test_what_a_user_froze_stays():
    model = nn.Sequential(nn.Linear(4, 3), Frozen(3), nn.BatchNorm1d(3)).train()
    x = torch.randn(10, 4, generator=torch.Generator().manual_seed(0))
    collect_statistics(model, model, data_of(x))
    torch.testing.assert_close(model[1].running_mean, torch.zeros(3))
    assert (model[2].running_mean != 0).all()


def test_one_row_alone_is_left_out():
    x = torch.randn(9, 4, generator=torch.Generator().manual_seed(0))
    model = network()
    collect_statistics(model, model, data_of(x), n_rows=2)  # 2, 2, 2, 2 and 1 rows
    assert model[1].running_var.isfinite().all()


def test_an_interruption_leaves_the_momentum():
    model = network()

    def interrupted(x):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        collect_statistics(model, interrupted, data_of(torch.randn(10, 4)))
    assert model[1].momentum == 0.1
    assert not model[1].training


@pytest.mark.parametrize("Estimator", [GMVAEClusterer, CatVAEClusterer, M2Generator])
def test_predictions_are_normalized_by_the_training_rows(Estimator):
    """Of noised rows, half of them labeled, a network has another mean and spread."""
    rng = np.random.RandomState(0)
    y = np.arange(300) % 3
    X = (3 * np.eye(6)[y] + rng.normal(size=(300, 6))).astype(np.float32)
    y_partial = np.where((y == 0) & (np.arange(300) < 60), 0, -1)  # one class alone
    est = Estimator(3, hidden_layer_sizes=(8,), max_iter=3, random_state=0)
    model = est.fit(X, y_partial).model_
    inputs = []
    first = batch_norms(model)[0]
    hook = first.register_forward_hook(lambda _, h, out: inputs.append(h[0]))
    est.predict(X)
    hook.remove()
    h = torch.cat(inputs)[: len(X)]  # the last rows fill a chunk up
    torch.testing.assert_close(first.running_mean, h.mean(0), rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(first.running_var, h.var(0), rtol=1e-2, atol=1e-3)
