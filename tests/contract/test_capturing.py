"""Replays of a captured step are the step; without a capture it is taken as it is."""

import random
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


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("share", [0, -1], ids=["frozen", "reversed"])
@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_a_graph_that_moves_weights_elsewhere_is_not_used(
    Estimator, share, pretend, monkeypatch
):
    """All else that a step changes, counters among it, is as it should be."""
    capture = capturing.CapturedStep._capture

    def wrong(self, batch):
        capture(self, batch)
        replay = self.replay

        @torch.no_grad()
        def replay_elsewhere():
            weights = list(self.step.model.parameters())
            before = [weight.clone() for weight in weights]
            replay()
            for weight, old in zip(weights, before, strict=True):
                weight.copy_(old + share * (weight - old))

        self.replay = replay_elsewhere

    monkeypatch.setattr(capturing.CapturedStep, "_capture", wrong)
    pretend()
    X, y = rows_of("table", "few")
    with pytest.warns(UserWarning, match="captured as a CUDA graph.*differ"):
        quick(Estimator, n_clusters=12, max_iter=8, batch_size=40).fit(X, y)


class Drawing(Line):
    """Numbers that the host draws: a graph would repeat them."""

    def loss(self, batch, epoch):
        loss = super().loss(batch, epoch)
        return loss._replace(factors={"error": self.draw()})


class OfPython(Drawing):
    draw = staticmethod(random.random)


class OfNumpy(Drawing):
    draw = staticmethod(np.random.random_sample)


class Restless(Line):
    """A buffer that is another tensor after every step."""

    def __init__(self):
        super().__init__()
        self.register_buffer("shift", torch.zeros(1))
        self.old = []  # memory of its own

    def loss(self, batch, epoch):
        self.old.append(self.shift)
        self.shift = self.shift + 1
        return super().loss(batch, epoch)


class Late(Line):
    """A weight whose first gradient comes after the first steps."""

    def __init__(self):
        super().__init__()
        self.other = nn.Parameter(torch.tensor([1.0]))

    def loss(self, batch, epoch):
        loss = super().loss(batch, epoch)
        if self.n_steps <= capturing.N_FIRST:
            return loss
        return Loss({"error": loss.terms["error"] + self.other.square().sum()}, {})


class Large(Line):
    """A step without memory beside its graph."""

    def loss(self, batch, epoch):
        loss = super().loss(batch, epoch)
        if capturing.HOLDERS and self.n_steps == capturing.N_FIRST + 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return loss


@pytest.mark.parametrize(
    ("Model", "why"),
    [
        (OfPython, "draws random numbers"),
        (OfNumpy, "draws random numbers"),
        (Restless, "another one at every step"),
        (Late, "first gradient"),
        (Large, "no memory"),
    ],
)
def test_what_a_graph_cannot_hold_is_taken_as_it_is(Model, why, pretend):
    def seeded():
        random.seed(0)
        np.random.seed(0)
        return trained(Model)

    model, errors = seeded()
    pretend()
    with pytest.warns(UserWarning, match=f"captured as a CUDA graph.*{why}"):
        captured, errors_captured = seeded()
    for own, other in zip(model.parameters(), captured.parameters(), strict=True):
        assert torch.equal(own, other)
    assert errors_captured == errors
    assert not capturing.HOLDERS


def test_no_capture_beside_another_graph(pretend):
    """Another fit's graph draws from the generator that a capture changes."""
    model, errors = trained(Line)
    replays = pretend()
    other = capturing.CapturedStep.__new__(capturing.CapturedStep)
    capturing.HOLDERS.add(other)
    captured, errors_captured = trained(Line)
    assert (captured.slope, errors_captured) == (model.slope, errors)
    assert not replays
    del other
    trained(Line)
    assert replays


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
