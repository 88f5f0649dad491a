"""GMVAE's formulas against closed forms, naive loops and an exact toy."""

import math

import numpy as np
import pytest
import torch
from scipy.special import logsumexp
from scipy.stats import norm
from torch import nn
from torch.distributions import MultivariateNormal, Normal, kl_divergence

from sksemi._engine.training import minimized
from sksemi._nn.distributions import ClusterGaussians, FullGaussian
from sksemi._nn.losses import (
    lifted_structured_loss,
    nearest_neighbor_labels,
)
from sksemi._nn.trust import FIRST_STEPS
from sksemi.methods._gmvae import GMVAE, exponential_decay
from tests.maths.helpers import check_view, data_of, loss_of, make


def make_gmvae(**changes):
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
        "likelihood": "mse",
        "n_neighbors": 2,
        "margin": 1.0,
        "squared_error_weight": 1.0,
        "temperature_decay": 0.013863,
        "min_temperature": 0.5,
        "init": "random",
        "covariance_type": "diag",
        "input_noise": 0.0,
        "max_shift": 0,
    }
    model = make(GMVAE, arguments | changes)
    model.trust.n_steps.fill_(FIRST_STEPS + 1)  # assigned labels count as given ones
    return model


def tensor(values):
    return torch.tensor(values, dtype=torch.float64)


# --------------------------------------------------------- KLs, temperature


def test_gaussian_kl_value():
    kl = kl_divergence(
        Normal(tensor(1.0), tensor(2.0)), Normal(tensor(0.0), tensor(1.0))
    )
    assert kl.item() == pytest.approx(1.306852819)


def test_temperature_schedule():
    """From 1 to 0.5 in 50 epochs, then constant."""
    at = [
        exponential_decay(torch.tensor(float(e)), 0.013863, 0.5)
        for e in (0, 25, 50, 90)
    ]
    np.testing.assert_allclose(at, [1, 0.5**0.5, 0.5, 0.5], atol=1e-5)


@pytest.mark.parametrize("temperature", [0.1, 0.5, 1.0, 5.0])
def test_gumbel_argmax_is_softmax_at_every_temperature(temperature):
    """The sample used in the loss; bound is five standard errors."""
    torch.manual_seed(0)
    logits = torch.tensor([1.0, 0.0, -1.0]).expand(40_000, 3)
    picked = nn.functional.gumbel_softmax(logits, torch.tensor(temperature)).argmax(1)
    frequency = picked.bincount(minlength=3) / len(picked)
    expected = logits[0].softmax(0)
    bound = 5 * (expected * (1 - expected) / len(picked)).sqrt()
    assert ((frequency - expected).abs() < bound).all()


# -------------------------------------------------------------- exact toy

MEANS, X_TOY = (-1.0, 2.0), 0.5


class ToyQY(nn.Module):
    def __iter__(self):
        return iter([self])  # a sequence of one layer

    def forward(self, x):
        # p(y|x): x given y is N(mean_y, 1 + 0.5)
        return torch.stack([Normal(m, 1.5**0.5).log_prob(x[:, 0]) for m in MEANS], 1)


class ToyPZ(nn.Module):
    def forward(self, y):
        mean = (y @ torch.tensor(MEANS, dtype=y.dtype))[:, None]
        return Normal(mean, torch.ones_like(mean))


class ToyQZ(nn.Module):
    def forward(self, x, y, origin):
        # N(mean_y, 1) times N(x; z, 0.5): precision 1 + 2
        mean = (ToyPZ()(y).mean + 2 * x) / 3
        return Normal(mean, torch.full_like(mean, 3**-0.5))


class ToyPX(nn.Module):
    name = "mse"

    def encoded(self, x):
        return x

    def forward(self, z):
        return Normal(z, 0.5**0.5)


def toy():
    model = make_gmvae(
        n_features=1, latent_dim=1, feature_dim=1, n_clusters=2, n_labels=2
    )
    model.g, model.q_y, model.q_z = nn.Identity(), ToyQY(), ToyQZ()
    model.p_z, model.p_x = ToyPZ(), ToyPX()
    return model.double().eval()


def exact_log_p(x):
    return logsumexp(norm.logpdf(x, MEANS, 1.5**0.5)) - math.log(2)


def test_exact_toy_log_p():
    assert exact_log_p(X_TOY) == pytest.approx(-1.871671087, abs=1e-9)


def test_bound_with_exact_posterior_is_log_p():
    """E log p(x|z) over two opposite draws is exact for a quadratic of unit spread."""
    x = tensor([[X_TOY], [2.0]])
    noise = tensor([[1.0], [-1.0]])  # mean 0, second moment 1, as the Gaussian
    bound = toy().bound(x, noise)
    np.testing.assert_allclose(bound, [exact_log_p(X_TOY), exact_log_p(2.0)], atol=1e-6)


@pytest.mark.parametrize("k", [1, 2, 7])
def test_importance_weighted_bound_with_exact_posterior_is_log_p(k):
    """Every weight is p(x|y) whatever the draw, so every k is exact."""
    noise = torch.randn(k, 1, dtype=torch.float64)
    bound = toy().importance_weighted_bound(tensor([[X_TOY]]), noise)
    assert bound.item() == pytest.approx(-1.871671087, abs=1e-6)


class WrongQZ(nn.Module):
    def forward(self, x, y, origin):
        mean = torch.zeros_like(x)
        return Normal(mean, torch.ones_like(mean))


def test_bounds_are_ordered_when_the_posterior_is_wrong():
    model = toy()
    model.q_z = WrongQZ()
    noise = torch.randn(2_000, 1, generator=torch.Generator().manual_seed(0)).double()
    x = tensor([[X_TOY]])
    loose = model.bound(x, noise).item()
    tight = model.importance_weighted_bound(x, noise).item()
    exact = exact_log_p(X_TOY)
    assert loose < exact - 0.1
    assert tight == pytest.approx(exact, abs=0.05)
    # mean over blocks of few draws lies between
    few = np.mean(
        [model.importance_weighted_bound(x, e).item() for e in noise[:800].split(4)]
    )
    assert loose < few < exact


def gaussians(n, dim, seed):
    rng = np.random.RandomState(seed)
    return Normal(
        tensor(3 * rng.normal(size=(n, dim))), tensor(rng.uniform(0.1, 2, (n, dim)))
    )


def fitted(y, q, start, parts=1):
    model = ClusterGaussians(len(start.mean), start.mean.shape[1]).double()
    model.fit(
        start,
        (
            (y[i], Normal(q.mean[i], q.stddev[i]))
            for i in torch.arange(len(y)).tensor_split(parts)
        ),
    )
    return model


def test_divergence_from_a_full_covariance():
    """That of torch between two of full covariance, one of them diagonal."""
    q = gaussians(5, 3, 0)
    factor = torch.tril(tensor(np.random.RandomState(1).normal(size=(3, 3))))
    factor.diagonal().abs_()
    p = FullGaussian(tensor([1.0, -2.0, 0.5]), scale_tril=factor)
    full = MultivariateNormal(q.mean, scale_tril=q.stddev.diag_embed())
    torch.testing.assert_close(kl_divergence(q, p), kl_divergence(full, p))


def test_moments_of_a_cluster_are_those_of_many_draws():
    q, start = gaussians(40, 3, 0), gaussians(2, 3, 1)
    y = torch.arange(40) % 3 // 2  # two thirds in cluster 0
    model = fitted(y, q, start, parts=3)
    torch.manual_seed(0)
    for k in (0, 1):
        own = y == k
        every = Normal(
            torch.cat([q.mean[own], start.mean[k : k + 1]]),
            torch.cat([q.stddev[own], start.stddev[k : k + 1]]),
        )
        draws = every.sample((20_000,)).flatten(0, 1)
        factor = model.factor[k]
        np.testing.assert_allclose(model.mean[k], draws.mean(0), atol=0.02)
        np.testing.assert_allclose(
            factor @ factor.T, draws.T.cov(correction=0), atol=0.1
        )
        drawn = model.draw(torch.full((200_000,), k), torch.randn(200_000, 3).double())
        np.testing.assert_allclose(drawn.mean(0), model.mean[k], atol=0.05)
        np.testing.assert_allclose(
            drawn.T.cov(), factor @ factor.T, rtol=0.02, atol=0.1
        )


def test_no_other_gaussian_is_nearer():
    """The moments minimize the mean divergence, so every small change adds to it."""
    q, start = gaussians(30, 3, 0), gaussians(1, 3, 1)
    model = fitted(torch.zeros(30).long(), q, start)
    every = Normal(torch.cat([q.mean, start.mean]), torch.cat([q.stddev, start.stddev]))

    def divergence(mean, factor):
        p = FullGaussian(mean, scale_tril=factor)
        return kl_divergence(every, p).mean().item()

    mean, factor = model.mean[0], model.factor[0]
    least = divergence(mean, factor)
    rng = np.random.RandomState(2)
    for _ in range(20):
        step = 0.05 * tensor(rng.normal(size=(4, 3)))
        assert divergence(mean + step[0], factor) > least
        assert divergence(mean, factor + step[1:].tril()) > least


def test_a_cluster_without_rows_keeps_its_start():
    q, start = gaussians(4, 3, 0), gaussians(2, 3, 1)
    model = fitted(torch.zeros(4).long(), q, start)
    torch.testing.assert_close(model.mean[1], start.mean[1])
    torch.testing.assert_close(model.factor[1], start.stddev[1].diag())


@pytest.mark.parametrize("k", [1, 7])
def test_bounds_with_a_prior_of_full_covariance(k):
    """A prior fitted to the trained one itself changes neither bound."""
    torch.manual_seed(0)
    model = make_gmvae(covariance_type="full").eval()
    y = torch.eye(3)
    with torch.no_grad():
        model.prior.fit(model.p_z(y), [(torch.arange(3), model.p_z(y))])
        x, noise = torch.rand(5, 6), torch.randn(k, 5, 4)
        full = model.bound(x, noise), model.importance_weighted_bound(x, noise)
        drawn = model.sample(torch.tensor([0, 2]), noise[0, :2])
        model.prior = None
        diagonal = model.bound(x, noise), model.importance_weighted_bound(x, noise)
        torch.testing.assert_close(full, diagonal, rtol=1e-5, atol=1e-5)
        same = model.sample(torch.tensor([0, 2]), noise[0, :2])
        torch.testing.assert_close(drawn, same, rtol=1e-5, atol=1e-5)


def test_bound_by_quadrature():
    """One row of an untrained net in one latent dimension, integrated on a grid."""
    torch.manual_seed(0)
    model = make_gmvae(latent_dim=1).eval()
    x = torch.rand(1, 6)
    features = model.encode(x)
    q = model.q_y(features).softmax(1)[0]
    # Gauss-Hermite nodes for the weight exp(-t^2 / 2)
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    weights = weights / weights.sum()
    expected = 0
    for k in range(3):
        y = nn.functional.one_hot(torch.tensor([k]), 3).float()
        q_z, p_z = model.q_z(features, y), model.p_z(y)
        m, s = p_z.mean.item() + q_z.mean.item(), q_z.stddev.item()
        z = torch.tensor(m + s * nodes).float()[:, None]
        x_hat = torch.sigmoid(model.p_x.network(z)).detach().numpy()
        log_p_x = norm.logpdf(x.numpy(), x_hat, 0.5**0.5).sum(1)
        log_q = norm.logpdf(m + s * nodes, m, s)
        log_p = norm.logpdf(m + s * nodes, p_z.mean.item(), p_z.stddev.item())
        inside = log_p_x + log_p - log_q + math.log(1 / 3) - math.log(q[k].item())
        expected += q[k].item() * (weights * inside).sum()
    # the bound is an average over draws, so the same rule integrates it
    draws = torch.tensor(nodes).float()[:, None, None]
    bound = sum(
        w * model.bound(x, e).item() for w, e in zip(weights, draws, strict=True)
    )
    assert bound == pytest.approx(expected, rel=1e-5)


# ---------------------------------------------------- the loss over a batch


@pytest.mark.parametrize("likelihood", ["mse", "bernoulli", "gaussian"])
@pytest.mark.parametrize("network", ["mlp", "conv"])
def test_gradient_reaches_every_parameter(network, likelihood):
    torch.manual_seed(0)
    model = make_gmvae(
        network=network,
        likelihood=likelihood,
        n_features=64,
        image_shape=(1, 8, 8) if network == "conv" else None,
    )
    model.train()
    terms, *_ = loss_of(
        model, torch.rand(12, 64), torch.tensor([0, 1, 2, 0]), torch.zeros(())
    )
    sum(terms.values()).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.abs().sum() > 0, name


@torch.no_grad()
def test_terms_of_the_loss():
    """Each term against scikit-free arithmetic on the module's own outputs."""
    weights = {
        "reconstruction": 2.0,
        "gaussian": 3.0,
        "categorical": 5.0,
        "assignment": 7.0,
        "metric": 11.0,
    }
    torch.manual_seed(0)
    model = make_gmvae().eval()
    x, y, epoch = torch.rand(9, 6), torch.tensor([2, 0, 1]), torch.tensor(10.0)
    torch.manual_seed(1)
    loss = loss_of(model, x, y, epoch)
    terms, monitors, _ = loss

    torch.manual_seed(1)
    features = model.g(x)
    logits = model.q_y(features)
    sample = nn.functional.gumbel_softmax(logits, math.exp(-0.13863))
    q_z, p_z = model.q_z(features, sample), model.p_z(sample)
    pm, pv, m, v = p_z.mean, p_z.variance, p_z.mean + q_z.mean, q_z.variance
    x_hat = torch.sigmoid(model.p_x.network(m + v.sqrt() * torch.randn(9, 4)))
    kl = 0.5 * (pv.log() - v.log() + (v + (m - pm) ** 2) / pv - 1).sum(1)
    q = logits.softmax(1)
    assigned = torch.cat(
        [y, nearest_neighbor_labels(features[3:], features[:3], y, 2, 3)]
    )
    expected = {
        "reconstruction": ((x - x_hat) ** 2).sum(1).mean(),
        "gaussian": kl.mean(),
        "categorical": ((q * q.log()).sum(1) + math.log(3)).mean(),
        "assignment": -q.log()[torch.arange(9), assigned].mean(),
        "metric": lifted_structured_loss(features, assigned, 1.0),
    }
    assert list(terms) == list(expected)
    for name, value in expected.items():
        assert float(terms[name].detach()) == pytest.approx(float(value), rel=1e-4), (
            name
        )
    assert float(monitors["kl_z"]) == pytest.approx(float(kl.mean()), rel=1e-4)
    total = sum(weights[name] * float(value) for name, value in expected.items())
    assert float(minimized(loss, weights)) == pytest.approx(total, rel=1e-4)


@pytest.mark.parametrize("image_shape", [None, (1, 8, 8)], ids=["table", "image"])
@pytest.mark.parametrize(
    "settings", [{"max_shift": 1}, {"input_noise": 0.1}, {}], ids=str
)
def test_labels_are_assigned_in_a_view_of_its_own(settings, image_shape):
    """An image as it is, a table with other noise; without noise the same features."""
    torch.manual_seed(0)
    model = make_gmvae(n_features=64, image_shape=image_shape, **settings).train()
    check_view(model, model.g, lambda out: out)


def test_row_order_in_a_batch_does_not_matter():
    """Terms without draws exactly; the others with q(z) narrow and q(y) sure."""
    torch.manual_seed(0)
    model = make_gmvae(n_clusters=3).eval()
    x, y = torch.rand(10, 6), torch.tensor([0, 1, 2, 0])
    order = torch.cat([torch.randperm(4), 4 + torch.randperm(6)])
    terms, *_ = loss_of(model, x, y, torch.zeros(()))
    shuffled, *_ = loss_of(model, x[order], y[order[:4]], torch.zeros(()))
    for name in ("categorical", "assignment", "metric"):  # the terms without a draw
        torch.testing.assert_close(terms[name], shuffled[name], rtol=1e-4, atol=1e-6)
    # q(z) is so narrow, q(y) so sure, that the draws do not matter either
    with torch.no_grad():
        model.q_z.variance.weight.zero_()
        model.q_z.variance.bias.fill_(-30)
        model.q_y[-1].weight.mul_(1e4)
    terms, *_ = loss_of(model, x, y, torch.zeros(()))
    shuffled, *_ = loss_of(model, x[order], y[order[:4]], torch.zeros(()))
    for name in ("reconstruction", "gaussian"):
        torch.testing.assert_close(terms[name], shuffled[name], rtol=1e-2, atol=1e-3)


def test_no_gradient_through_the_assignment():
    model = make_gmvae()
    features = torch.rand(9, 5, requires_grad=True)
    assert not model.unnamed.assign(
        features, torch.tensor([0, 1, 2]), 1, torch.zeros(())
    ).requires_grad


def test_without_labels_assignment_and_metric_are_absent():
    model = make_gmvae(n_labels=0)
    terms, monitors, _ = loss_of(
        model, torch.rand(8, 6), torch.empty(0, dtype=torch.long), torch.zeros(())
    )
    assert list(terms) == ["reconstruction", "gaussian", "categorical"]
    assert list(monitors) == ["kl_z"]


def test_rows_near_a_center_are_taught_its_cluster():
    """Centers stand for the labeled features of the clusters that no label names."""
    model = make_gmvae(n_labels=2, n_clusters=4, feature_dim=3, n_neighbors=2)
    centers = torch.tensor([[9.0, 0, 0], [0, 9, 0]])
    model.unnamed.centers.copy_(centers)
    labeled = torch.tensor([[0.0, 0, 0], [0, 0, 1], [0, 0, 8], [0, 0, 9]])
    y = torch.tensor([0, 0, 1, 1])
    rows = torch.cat([labeled, centers + 0.1, labeled[[0, 3]] + 0.1])
    assert model.unnamed.assign(rows, y, 2, torch.zeros(())).tolist() == [
        *y.tolist(),
        2,
        3,
        0,
        1,
    ]
    # without a label there is no assignment, and no center
    assert len(make_gmvae(n_labels=0, n_clusters=4).unnamed.centers) == 0


@pytest.mark.parametrize("n_labels", [0, 2, 3])
def test_clusters_start_from_kmeans(n_labels):
    """The softmax of the last layer is that of distances to the centers of k-means."""
    torch.manual_seed(0)
    model = make_gmvae(n_labels=n_labels, n_clusters=4, feature_dim=20)
    corners = torch.tensor([[0.0, 0], [0, 1], [1, 0], [1, 1]]).repeat(1, 3)
    y = torch.arange(80) % 4
    x = corners[y] + 0.01 * torch.randn(80, 6)
    labels = torch.where((y < n_labels) & (torch.arange(80) < 40), y, -1)
    model.fit_centers(data_of(x, labels))
    with torch.no_grad():
        h = model.q_y[:-1](model.encode(x))  # as fit_centers saw them
        logits = model.q_y[-1](h)
    means = torch.stack([h[y == k].mean(0) for k in range(4)])
    distance = torch.cdist(h, means).square()
    scatter = distance.min(1).values.mean()
    order = logits[:4].argmax(1)  # cluster of each corner
    assert order.unique().numel() == 4
    assert order[:n_labels].tolist() == list(range(n_labels))
    torch.testing.assert_close(
        logits.log_softmax(1)[:, order],
        (-distance / (2 * scatter)).log_softmax(1),
        rtol=2e-2,
        atol=0.5,
    )


def test_gaussian_likelihood_is_equivariant_to_units():
    """Nats change by the log of the Jacobian when X is moved and rescaled."""
    torch.manual_seed(0)
    model = make_gmvae(likelihood="gaussian").eval()
    x = torch.randn(30, 6)
    noise = torch.randn(1, 4)
    bounds = []
    for scale, shift in [(1.0, 0.0), (10.0, 3.0)]:
        rows = scale * x + shift
        model.p_x.units.fit(data_of(rows))
        bounds.append(model.bound(rows, noise))
    jacobian = 6 * math.log(10)
    torch.testing.assert_close(bounds[0] - jacobian, bounds[1], rtol=1e-4, atol=1e-3)


def test_unsettled_labels_are_taught_by_labeled_rows_alone():
    torch.manual_seed(0)
    model = make_gmvae().eval()
    x, y = torch.rand(12, 6), torch.tensor([0, 1, 2, 0])
    model.trust.settled.fill_(0.0)
    terms = loss_of(model, x, y, torch.tensor(0.0)).terms
    with torch.no_grad():
        features = model.encode(x[:4])
        alone = nn.functional.cross_entropy(model.q_y(features), y)
        metric = lifted_structured_loss(features, y, 1.0)
    torch.testing.assert_close(terms["assignment"], alone)
    torch.testing.assert_close(terms["metric"], metric)
