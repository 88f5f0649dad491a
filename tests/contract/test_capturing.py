"""Replays of a captured step are the step; without a capture it is taken as it is."""

import warnings

import numpy as np
import pytest
import torch
from torch import nn

from sksemi._engine import capturing
from sksemi._engine.data import Data
from sksemi._engine.training import Loss, train
from sksemi.utils import _checking
from sksemi.utils._module import rows_of
from tests.contract import tape
from tests.contract.estimators import ESTIMATORS, quick


@pytest.fixture
def pretend(monkeypatch):
    """Have fits on the CPU capture their steps; lists the graph of each replay."""
    replays = []

    def capture(function, device):
        replay, returned = tape.capture(function, device)

        def listed():
            replays.append(replay)
            replay()

        return listed, returned

    def start(capture=capture):
        monkeypatch.setattr(capturing, "CAPTURED", ("cpu",))
        monkeypatch.setattr(capturing, "FEWEST_STEPS", 1)
        monkeypatch.setattr(capturing, "aside", lambda function, device: function())
        monkeypatch.setattr(capturing, "capture", capture)
        return replays

    return start


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    ("kind", "labels"),
    [("table", "few")]
    + [
        pytest.param(kind, labels, marks=pytest.mark.slow)
        for kind, labels in [("table", "none"), ("images", "few"), ("wide", "few")]
    ],
)
@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_replays_are_the_steps(Estimator, kind, labels, pretend):
    X, y = rows_of(kind, labels)
    settings = {"n_clusters": 12, "max_iter": 16, "batch_size": 40}
    by_steps = quick(Estimator, **settings).fit(X, y)
    replays = pretend()
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="A training step could not")
        by_graph = quick(Estimator, **settings).fit(X, y)
    assert len(replays) > 10
    _checking.assert_same_weights(by_steps, by_graph)
    for own, graph in zip(by_steps.history_, by_graph.history_, strict=True):
        assert own | {"seconds": 0} == graph | {"seconds": 0}


def refuse(function, device):
    tape.capture(function, device)
    raise RuntimeError("operation not permitted when stream is capturing\nat ...")


class Line(nn.Module):
    """A slope, fitted to the mean of x."""

    def __init__(self):
        super().__init__()
        self.slope = nn.Parameter(torch.tensor([3.0]))
        self.n_steps = 0

    def loss(self, batch, epoch):
        self.n_steps += 1
        error = (self.slope - batch.x.mean() - torch.rand(1)).square().sum()
        return Loss({"error": error}, {})


class Counting(Line):
    """What a graph cannot know: a number that the host counts."""

    def loss(self, batch, epoch):
        loss = super().loss(batch, epoch)
        return loss._replace(factors={"error": 2.0**self.n_steps})


class Moving(Line):
    """A buffer that is another tensor after every second epoch."""

    def __init__(self):
        super().__init__()
        self.register_buffer("shift", torch.zeros(1))

    def before_epoch(self, data, epoch):
        if epoch % 2 == 0:
            self.old = self.shift  # its memory stays its own
            self.shift = torch.full((1,), float(epoch))

    def loss(self, batch, epoch):
        error = (self.slope - batch.x.mean() - self.shift).square().sum()
        return Loss({"error": error}, {})


def trained(Model):
    torch.manual_seed(0)
    data = Data(torch.rand(40, 3), torch.full((40,), -1), 1.0)
    model = Model()
    _, history = train(model, data, max_iter=6, batch_size=10, learning_rate=0.1)
    return model, [row["error"] for row in history]


@pytest.mark.parametrize(("Model", "n_graphs"), [(Line, 1), (Moving, 3)])
def test_a_graph_sees_rates_noise_and_new_memory(Model, n_graphs, pretend):
    model, errors = trained(Model)
    replays = pretend()
    captured, errors_captured = trained(Model)
    assert captured.slope == model.slope
    assert errors_captured == errors
    # All 24 steps but the first three; the first replay of a graph is only a trial.
    assert len(replays) == 24 - 3
    assert len(set(replays)) == n_graphs


def test_after_a_failed_capture_steps_are_taken_as_they_are(pretend):
    model, errors = trained(Line)
    pretend(refuse)
    with pytest.warns(UserWarning, match="captured as a CUDA graph.*not permitted"):
        captured, errors_captured = trained(Line)
    assert captured.slope == model.slope
    assert errors_captured == errors


def test_a_graph_of_something_else_is_not_used(pretend):
    pretend()
    with pytest.warns(UserWarning, match="captured as a CUDA graph.*differ"):
        model, _ = trained(Counting)
    assert model.n_steps == 24 + 1  # all by the host, and the capture


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("kind", ["table", "images"])
@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_graphs_on_a_gpu(Estimator, kind, monkeypatch):
    X, y = rows_of(kind, "few")
    settings = {"max_iter": 16, "batch_size": 40, "device": "cuda"}
    settings |= {"n_clusters": 12, "precision": "float32"}
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="A training step could not")
        by_graph = quick(Estimator, **settings).fit(X, y)
    monkeypatch.setattr(capturing, "CAPTURED", ())
    by_steps = quick(Estimator, **settings).fit(X, y)
    # sums in another order, which training amplifies
    np.testing.assert_allclose(
        [row["loss"] for row in by_graph.history_],
        [row["loss"] for row in by_steps.history_],
        rtol=0.01,
    )


def test_few_steps_and_ranks_are_not_captured():
    cuda, cpu = torch.device("cuda:0"), torch.device("cpu")
    assert capturing.is_worth_capturing(cuda, 1000, 1)
    assert not capturing.is_worth_capturing(cuda, 10, 1)
    assert not capturing.is_worth_capturing(cuda, 1000, 2)
    assert not capturing.is_worth_capturing(cpu, 1000, 1)
