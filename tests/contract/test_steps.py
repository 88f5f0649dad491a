"""A step is static: one graph, and nothing on the host waits for a value."""

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode

from sksemi._engine.data import Batch, Minibatches
from sksemi._engine.seeds import seeded
from sksemi._engine.training import minimized
from sksemi.utils._module import rows_of
from tests.contract.estimators import ESTIMATORS, quick

every_estimator = pytest.mark.parametrize("Estimator", ESTIMATORS)
CPU = torch.device("cpu")


def first_step(Estimator, kind, labels):
    """Module, batch and weights of the first step of a fit."""
    X, y = rows_of(kind, labels)
    est = quick(Estimator, n_clusters=12, precision="float32")
    plan = est._prepare(X, y, None, None, 1)
    model = est._new_module(plan.config)
    model.train()
    model.before_epoch(plan.data, 0)
    batches = Minibatches(plan.data.codes, plan.batch_size, plan.pool)
    return model.train(), plan.data.batch(*batches.draw()), plan.weights


@pytest.mark.parametrize(
    ("kind", "labels"),
    [("table", "few")]
    + [
        pytest.param(kind, labels, marks=pytest.mark.slow)
        for kind, labels in [
            ("table", "none"),
            ("images", "few"),
            ("images", "none"),
            ("wide", "few"),
            ("wide", "none"),
        ]
    ],
)
@every_estimator
def test_a_step_is_one_graph(Estimator, kind, labels):
    with seeded(0, CPU):
        model, batch, weights = first_step(Estimator, kind, labels)
    state = {name: value.clone() for name, value in model.state_dict().items()}

    def step(batch, epoch):
        return minimized(model.loss(batch, epoch), weights)

    epoch = torch.tensor(1.0)
    with seeded(0, CPU):  # the first also has torch look up its KL divergences
        expected = step(batch, epoch)
    expected.backward()
    gradients = [p.grad.clone() for p in model.parameters()]
    model.zero_grad()
    model.load_state_dict(state)  # a model may count its steps
    torch._dynamo.reset()
    with seeded(0, CPU):
        loss = torch.compile(step, fullgraph=True, backend="eager")(batch, epoch)
    loss.backward()
    torch.testing.assert_close(loss, expected)
    for p, gradient in zip(model.parameters(), gradients, strict=True):
        torch.testing.assert_close(p.grad, gradient)


@pytest.mark.parametrize(
    "device",
    [
        "cpu",
        pytest.param(
            "cuda:0",
            marks=pytest.mark.skipif(
                not torch.backends.cuda.is_built(), reason="torch without CUDA"
            ),
        ),
    ],
)
@pytest.mark.parametrize("kind", ["table", "images", "wide"])
@every_estimator
def test_nothing_waits_for_a_value(Estimator, kind, device):
    """Tensors without values: asking for one raises, and so does another device."""
    with seeded(0, CPU):
        model, batch, weights = first_step(Estimator, kind, "few")
    mode = FakeTensorMode()

    def fake(tensor):
        return FakeTensor(mode, tensor.detach().to("meta"), torch.device(device))

    for module in model.modules():
        for name, p in module._parameters.items():
            module._parameters[name] = p if p is None else nn.Parameter(fake(p))
        for name, buffer in module._buffers.items():
            module._buffers[name] = buffer if buffer is None else fake(buffer)
    x, y, epoch = fake(batch.x), fake(batch.y), fake(torch.tensor(1.0))
    with seeded(0, CPU), mode:
        loss = minimized(model.loss(Batch(x, y), epoch), weights)
        loss.backward()
        features = model.eval().encode(x)
    assert loss.device == features.device == torch.device(device)
    assert all(p.grad.device == loss.device for p in model.parameters())
