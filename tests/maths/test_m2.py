"""M2's formulas against closed forms, naive loops and an exact toy."""

import math

import numpy as np
import pytest
import torch
from scipy.special import logsumexp
from scipy.stats import norm
from torch import nn
from torch.distributions import Normal

from sksemi._engine.training import minimized
from sksemi.methods._m2 import M2, pairs, row_weights
from tests.maths.helpers import data_of, loss_of, make

NO_LABELS = torch.empty(0, dtype=torch.long)


def make_m2(**changes):
    arguments = {
        "n_features": 6,
        "image_shape": None,
        "n_clusters": 3,
        "n_labels": 3,
        "network": "mlp",
        "hidden_layer_sizes": (8,),
        "activation": "leaky_relu",
        "bfloat16": False,
        "feature_dim": 5,
        "latent_dim": 4,
        "likelihood": "bernoulli",
        "input_noise": 0.0,
        "max_shift": 0,
    }
    return make(M2, arguments | changes)


def tensor(values):
    return torch.tensor(values, dtype=torch.float64)


# ------------------------------------------------------------ rows and pairs


def test_row_weights_by_hand():
    """Of 20 rows, 2 and 4 have labels 0 and 1; a batch of 5 has 3 of them."""
    share = tensor([0.1, 0.2, 0.0])
    weight = row_weights(torch.tensor([1, 0, 0]), 5, share)
    np.testing.assert_allclose(weight, [0.2, 0.05, 0.05, 0.35, 0.35])
    # a label that the batch lacks leaves its share to the others
    weight = row_weights(torch.tensor([0, 0]), 3, share)
    np.testing.assert_allclose(weight, [0.15, 0.15, 0.7])


@pytest.mark.parametrize("n_labeled", [0, 4])
def test_row_weights_of_one_kind_of_rows(n_labeled):
    y = torch.arange(4)[:n_labeled] % 2
    share = tensor([0.5, 0.5] if n_labeled else [0.0, 0.0])
    np.testing.assert_allclose(row_weights(y, 4, share), 0.25)


def test_batches_estimate_the_mean_over_all_rows():
    """Balanced draws of labeled rows, weighted, against equation 9 over all rows."""
    rng = np.random.default_rng(0)
    codes = np.repeat([0, 1, -1], [8, 2, 30])
    value = rng.normal(size=40) + codes
    share = tensor([8 / 40, 2 / 40])
    draws = []
    for _ in range(4000):
        rows = [rng.choice(np.flatnonzero(codes == c), 3) for c in (0, 1, -1)]
        rows = np.concatenate(rows)
        y = torch.tensor(codes[rows][:6])
        draws.append(row_weights(y, 9, share) @ tensor(value[rows]))
    error = np.std(draws) / math.sqrt(len(draws))
    assert np.mean(draws) == pytest.approx(value.mean(), abs=5 * error)


def test_pairs():
    rows, k = pairs(torch.tensor([2, 0]), 4, 3)
    assert rows.tolist() == [0, 1, 2, 2, 2, 3, 3, 3]
    assert k.tolist() == [2, 0, 0, 1, 2, 0, 1, 2]


# ------------------------------------------------------------------ exact toy

# x = mean_y + slope_y z + noise of variance 1/2: x given y is Gaussian
MEANS, SLOPES = np.array([-1.0, 2.0]), np.array([1.0, 0.5])
VARIANCES = SLOPES**2 + 0.5
X_TOY = np.array([[0.5], [2.0]])


def log_p_given_y(x):
    return norm.logpdf(x, MEANS, VARIANCES**0.5)  # (n, K)


def exact_log_p(x):
    return logsumexp(log_p_given_y(x), axis=1) - math.log(2)


class ToyQY(nn.Module):
    def __iter__(self):
        return iter([self])  # a sequence of one layer

    def forward(self, x):
        return torch.as_tensor(log_p_given_y(x.numpy()), dtype=x.dtype)


class ToyQZ(nn.Module):
    def forward(self, x, y):
        mean, slope = (y @ torch.as_tensor(v, dtype=y.dtype) for v in (MEANS, SLOPES))
        precision = 1 + 2 * slope**2
        z = 2 * slope * (x[:, 0] - mean) / precision
        return Normal(z[:, None], precision.rsqrt()[:, None])


class ToyPX(nn.Module):
    name = "toy"

    def encoded(self, x):
        return x

    def forward(self, y, z):
        mean, slope = (y @ torch.as_tensor(v, dtype=y.dtype) for v in (MEANS, SLOPES))
        return Normal(mean[:, None] + slope[:, None] * z, 0.5**0.5)


class WrongQZ(nn.Module):
    def forward(self, x, y):
        return Normal(torch.zeros_like(x), torch.ones_like(x))


def toy():
    model = make_m2(n_features=1, latent_dim=1, feature_dim=1, n_clusters=2)
    model.f, model.q_y = nn.Identity(), ToyQY()
    model.q_z, model.p_x = ToyQZ(), ToyPX()
    model.one_hot = lambda y: nn.functional.one_hot(y, 2).double()
    return model.double().eval()


def test_bound_with_exact_posterior_is_log_p():
    """E log p(x|y, z) over two opposite draws is exact for a quadratic."""
    noise = tensor([[1.0], [-1.0]])  # mean 0, second moment 1, as the Gaussian
    bound = toy().bound(tensor(X_TOY), noise)
    np.testing.assert_allclose(bound, exact_log_p(X_TOY), atol=1e-6)


@pytest.mark.parametrize("n_draws", [1, 2, 7])
def test_importance_weighted_bound_with_exact_posterior_is_log_p(n_draws):
    """Every weight is p(x|y) whatever the draw."""
    noise = torch.randn(n_draws, 1, dtype=torch.float64)
    bound = toy().importance_weighted_bound(tensor(X_TOY), noise)
    np.testing.assert_allclose(bound, exact_log_p(X_TOY), atol=1e-6)


def test_bounds_are_ordered_when_the_posterior_is_wrong():
    model = toy()
    model.q_z = WrongQZ()
    noise = torch.randn(2_000, 1, generator=torch.Generator().manual_seed(0)).double()
    x = tensor(X_TOY[:1])
    loose = model.bound(x, noise).item()
    few = np.mean(
        [model.importance_weighted_bound(x, e).item() for e in noise[:800].split(4)]
    )
    tight = model.importance_weighted_bound(x, noise).item()
    exact = exact_log_p(X_TOY[:1]).item()
    assert loose < few - 0.1
    assert few < exact
    assert tight == pytest.approx(exact, abs=0.05)


@torch.no_grad()
def test_enumerated_bound_is_the_mean_over_draws_of_y():
    """Log p(x|y, z) - KL(z) + log p(y) - log q(y|x), y drawn from q(y|x)."""
    torch.manual_seed(0)
    model = make_m2().eval()
    with torch.no_grad():
        model.q_y[-1].weight.mul_(5)
    x, noise = torch.rand(1, 6), torch.randn(1, 4)
    q = model.predict_proba(x)[0]
    k = torch.multinomial(q, 20_000, replacement=True)
    y = model.one_hot(k)
    q_z = model.q_z(model.encode(x).expand(len(k), 5), y)
    kl = 0.5 * (q_z.mean**2 + q_z.variance - q_z.variance.log() - 1).sum(1)
    log_p_x = model.log_likelihood(x, y, q_z.mean + q_z.stddev * noise)
    values = log_p_x - kl - math.log(3) - q[k].log()
    error = values.std().item() / math.sqrt(len(k))
    assert error > 0
    assert model.bound(x, noise).item() == pytest.approx(
        values.mean().item(), abs=5 * error
    )


@torch.no_grad()
def test_one_cluster_is_a_plain_vae():
    torch.manual_seed(0)
    model = make_m2(n_clusters=1, n_labels=0).eval()
    x, noise = torch.rand(7, 6), torch.randn(2, 4)
    y = torch.ones(7, 1)
    q_z = model.q_z(model.f(x), y)
    m, v = q_z.mean, q_z.variance
    kl = 0.5 * (m**2 + v - v.log() - 1).sum(1)
    log_p_x = 0
    for e in noise:
        p = torch.sigmoid(model.p_x.network(y, m + v.sqrt() * e))
        log_p_x = log_p_x + (x * p.log() + (1 - x) * (1 - p).log()).sum(1) / 2
    torch.testing.assert_close(
        model.bound(x, noise), (log_p_x - kl).double(), rtol=1e-5, atol=1e-5
    )
    terms, *_ = loss_of(model, x, NO_LABELS, torch.zeros(()))
    assert list(terms) == ["reconstruction", "gaussian", "categorical"]
    assert terms["gaussian"].item() == pytest.approx(kl.mean().item(), rel=1e-5)
    assert terms["categorical"].item() == pytest.approx(0, abs=1e-6)
    np.testing.assert_allclose(model.predict_proba(x), 1)


# ------------------------------------------------------ the loss over a batch


@torch.no_grad()
def test_terms_of_the_loss():
    """A loop over rows and clusters, on the module's own networks."""
    torch.manual_seed(0)
    model = make_m2().eval()
    x, y = torch.rand(7, 6), torch.tensor([2, 0, 2])
    model.share.copy_(torch.tensor([0.1, 0.05, 0.15]))
    torch.manual_seed(1)
    loss = loss_of(model, x, y, torch.zeros(()))
    torch.manual_seed(1)
    noise = iter(torch.randn(3 + 4 * 3, 4))

    # label 1 is not in the batch: labels 0 and 2 have its 0.05, 2 : 3
    weight = [0.18 / 2, 0.12, 0.18 / 2] + [0.7 / 4] * 4
    q_y = torch.softmax(model.q_y(model.f(x)), 1)
    expected = {"reconstruction": 0.0, "gaussian": 0.0, "categorical": 0.0}
    for i in range(7):
        clusters = [int(y[i])] if i < 3 else range(3)
        for k in clusters:
            q = 1.0 if i < 3 else q_y[i, k].item()
            one_hot = torch.eye(3)[[k]]
            q_z = model.q_z(model.f(x[[i]]), one_hot)
            z = q_z.mean + q_z.stddev * next(noise)
            p = torch.sigmoid(model.p_x.network(one_hot, z))[0]
            log_p = (x[i] * p.log() + (1 - x[i]) * (1 - p).log()).sum().item()
            m, v = q_z.mean, q_z.variance
            kl = 0.5 * (m**2 + v - v.log() - 1).sum().item()
            expected["reconstruction"] -= weight[i] * q * log_p
            expected["gaussian"] += weight[i] * q * kl
            expected["categorical"] += weight[i] * q * (math.log(q) + math.log(3))
    error = [-math.log(q_y[i, k].item()) for i, k in enumerate(y)]
    expected["classification"] = np.average(error, weights=weight[:3])
    assert list(loss.terms) == list(expected)
    for name, value in expected.items():
        assert float(loss.terms[name]) == pytest.approx(value, rel=1e-4), name
    assert float(loss.monitors["kl_z"]) == float(loss.terms["gaussian"])
    weights = dict(zip(expected, (2.0, 3.0, 5.0, 7.0), strict=True))
    total = sum(weights[name] * value for name, value in expected.items())
    assert float(minimized(loss, weights)) == pytest.approx(total, rel=1e-4)


@torch.no_grad()
def test_loss_of_unlabeled_rows_is_minus_the_bound():
    """With q(z|x, y) so narrow that the draws do not matter."""
    torch.manual_seed(0)
    model = make_m2(n_labels=0).eval()
    model.q_z.variance.weight.zero_()
    model.q_z.variance.bias.fill_(-20)
    x = torch.rand(9, 6)
    terms, *_ = loss_of(model, x, NO_LABELS, torch.zeros(()))
    bound = model.bound(x, torch.randn(1, 4)).mean()
    assert float(sum(terms.values())) == pytest.approx(-float(bound), rel=1e-4)


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
@pytest.mark.parametrize("network", ["mlp", "conv"])
@pytest.mark.parametrize("n_labeled", [4, 12])
def test_gradient_reaches_every_parameter(network, likelihood, n_labeled):
    torch.manual_seed(0)
    model = make_m2(
        network=network,
        likelihood=likelihood,
        n_features=64,
        image_shape=(1, 8, 8) if network == "conv" else None,
    )
    model.share.fill_(n_labeled / 12 / 3)
    model.train()
    y = torch.arange(n_labeled) % 3
    terms, *_ = loss_of(model, torch.rand(12, 64), y, torch.zeros(()))
    sum(terms.values()).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize("n_labels", [0, 2, 3])
def test_before_the_first_epoch(n_labels):
    """Shares are those of the labels, and k-means starts what has none."""
    torch.manual_seed(0)
    model = make_m2(n_labels=n_labels, n_clusters=4, feature_dim=20)
    corners = torch.tensor([[0.0, 0], [0, 1], [1, 0], [1, 1]]).repeat(1, 3)
    y = torch.arange(80) % 4
    x = corners[y] + 0.01 * torch.randn(80, 6)
    labels = torch.where((y < n_labels) & (torch.arange(80) < 40), y, -1)
    model.before_epoch(data_of(x, labels), 0)
    expected = [1 / 8] * n_labels + [0] * (4 - n_labels)
    np.testing.assert_allclose(model.share, expected)
    # as training sees rows: batch norm has no statistics yet
    cluster = model.train().predict_proba(corners).argmax(1)
    assert cluster.unique().numel() == 4
    assert cluster[:n_labels].tolist() == list(range(n_labels))


def test_gaussian_likelihood_is_equivariant_to_units():
    """Nats change by the log of the Jacobian when X is moved and rescaled."""
    torch.manual_seed(0)
    model = make_m2(likelihood="gaussian").eval()
    x, noise = torch.randn(30, 6), torch.randn(1, 4)
    bounds = []
    for scale, shift in [(1.0, 0.0), (10.0, 3.0)]:
        rows = scale * x + shift
        model.p_x.fit_units(data_of(rows))
        bounds.append(model.bound(rows, noise))
    jacobian = 6 * math.log(10)
    torch.testing.assert_close(bounds[0] - jacobian, bounds[1], rtol=1e-4, atol=1e-3)
