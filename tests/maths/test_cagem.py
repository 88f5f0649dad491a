"""CaGeM's formulas against closed forms, naive loops and exact toys."""

import copy
import math

import numpy as np
import pytest
import torch
from scipy.special import log_softmax, logsumexp, softmax
from scipy.stats import norm
from torch import nn
from torch.distributions import Normal
from torch.nn import functional as F

from sksemi import CaGeMGenerator
from sksemi._engine.training import minimized
from sksemi.methods import _cagem
from sksemi.methods._cagem import CaGeM, classify_by_z2, linear_warm_up
from tests.maths.helpers import data_of, loss_of, make

TERMS = ("reconstruction", "gaussian", "categorical", "label_q", "label_p")


def make_cagem(seed=0, **changes):
    arguments = {
        "n_features": 6,
        "image_shape": None,
        "n_clusters": 3,
        "n_labels": 3,
        "network": "mlp",
        "hidden_layer_sizes": (8, 8),
        "upper_sizes": (7,),
        "activation": "relu",
        "bfloat16": False,
        "z1_dim": 4,
        "z2_dim": 2,
        "likelihood": "bernoulli",
        "binarize": False,
        "schedule_length": 0,
        "init": "random",
        "noise": 0.0,
    }
    torch.manual_seed(seed)
    model = make(CaGeM, arguments | changes)
    return model


def binary(n, d=6, seed=0):
    return (np.random.RandomState(seed).uniform(size=(n, d)) > 0.5).astype(np.float32)


def latent_noise(k, model, seed=0):
    shape = (k, 1, model.config.z1_dim + model.config.z2_dim)
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def reached_networks(model):
    """Names of the networks that the last backward pass reached."""
    return {
        name
        for name, child in model.named_children()
        if any(
            p.grad is not None and p.grad.abs().sum() > 0 for p in child.parameters()
        )
    }


# ------------------------------------------------------------ classifiers


def test_mixture_is_inside_the_log():
    q = torch.tensor([[0.8, 0.2]])
    p = torch.tensor([[[0.9, 0.1]], [[0.3, 0.7]]])  # (cluster of z2, row, y')
    mixed = classify_by_z2(q, p)
    assert -mixed[0, 0].log().item() == pytest.approx(0.248461, abs=1e-6)
    averaged_logs = -(0.8 * math.log(0.9) + 0.2 * math.log(0.3))
    assert averaged_logs == pytest.approx(0.325083, abs=1e-6)


def test_mixture_of_many_draws():
    rng = np.random.RandomState(0)
    q = softmax(rng.normal(size=(5, 7, 3)), -1)
    p = softmax(rng.normal(size=(3, 5, 7, 3)), -1)
    expected = sum(q[..., k, None] * p[k] for k in range(3))
    mixed = classify_by_z2(torch.from_numpy(q), torch.from_numpy(p))
    np.testing.assert_allclose(mixed, expected)


@torch.no_grad()
def narrow(model):
    """Make draws of z1 and z2 their means."""
    for q in (model.q_z1, model.q_z2):
        q.log_variance.weight.zero_()
        q.log_variance.bias.fill_(-30.0)


def test_label_terms_by_hand():
    model = make_cagem()
    narrow(model)
    model.eval()
    x, y = torch.from_numpy(binary(5)), torch.tensor([2, 0, 1, 1, 0])
    terms = model.label_terms(x, y)
    with torch.no_grad():
        z1 = model.q_z1(x).mean
        q = model.q_y(x, z1).softmax(1).numpy()
        p = np.zeros((5, 3))
        for k in range(3):
            one_hot = torch.eye(3)[[k] * 5]
            z2 = model.q_z2(x, one_hot, z1).mean
            p += q[:, [k]] * model.p_y(z2).softmax(1).numpy()
        rows = np.arange(5)
    h_q, h_p = -np.log(q[rows, y]).mean(), -np.log(p[rows, y]).mean()
    assert terms["label_q"].item() == pytest.approx(h_q, rel=1e-3)
    assert terms["label_p"].item() == pytest.approx(h_p, rel=1e-3)
    # and predict says one or the other
    for classifier, expected in {"q": q, "p": p}.items():
        with torch.no_grad():
            predicted = model.predict_proba(x, latent_noise(3, model), classifier)
        np.testing.assert_allclose(predicted, expected, atol=1e-3)


def test_unnamed_clusters_are_left_out_of_the_cross_entropies():
    """Labels do not speak against a cluster that none of them names."""
    x, y = torch.from_numpy(binary(8)), torch.tensor([0, 1, 1, 0, 1, 0, 0, 1])
    model = make_cagem(n_clusters=4, n_labels=2).eval()
    narrow(model)
    terms = model.label_terms(x, y)
    with torch.no_grad():
        model.q_y.logits.bias[2:] += 5.0
    again = model.label_terms(x, y)
    assert again["label_q"].item() == pytest.approx(terms["label_q"].item(), rel=1e-3)
    terms["label_q"].backward()
    grad = model.q_y.logits.bias.grad.abs()
    assert grad[2:].max() < 1e-6 * grad[:2].min()


# --------------------------------------------------------- gradient rules


@pytest.mark.parametrize("term", ["label_q", "label_p"])
def test_cross_entropies_move_only_the_classifiers(term):
    model = make_cagem().train()
    x, y = torch.from_numpy(binary(12)), torch.tensor([0, 1, 2, 0])
    loss_of(model, x, y, torch.zeros(())).terms[term].backward()
    reached = {"label_q": {"q_y"}, "label_p": {"q_y", "p_y"}}
    assert reached_networks(model) == reached[term]


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
@pytest.mark.parametrize("network", ["mlp", "conv"])
def test_bound_moves_everything(network, likelihood):
    model = make_cagem(
        network=network,
        likelihood=likelihood,
        n_features=64,
        image_shape=(1, 8, 8) if network == "conv" else None,
    ).train()
    terms, *_ = loss_of(
        model, torch.rand(12, 64), torch.empty(0, dtype=torch.long), torch.zeros(())
    )
    bound = terms["reconstruction"] + terms["gaussian"] + terms["categorical"]
    bound.backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.abs().sum() > 0, name


def gradients_of_outputs(heads, loss):
    """Gradients that reach the outputs of some layers: name -> (..., n, d)."""
    gradients = {}
    for name, head in heads.items():
        head.register_full_backward_hook(
            lambda _module, _in, out, name=name: gradients.update({name: out[0]})
        )
    loss().backward()
    assert set(gradients) == set(heads)
    return gradients


def test_clusters_without_probability_leave_no_gradients_of_the_bound():
    """They would be subnormal numbers, which are slow and lost in the sum."""
    model = make_cagem()
    with torch.no_grad():
        model.q_y.logits.bias[2] = -85.0  # e^-85 = 1e-37, less in the mean over rows
    gradients = gradients_of_outputs(
        {"p_x": model.p_x.network.output, "p_z1": model.p_z1.mean},
        lambda: sum(model.bound_terms(torch.from_numpy(binary(9)))[0].values()),
    )
    for gradient in gradients.values():
        of_cluster = gradient.unflatten(0, (3, 9)) if gradient.ndim == 2 else gradient
        assert (of_cluster[:2] != 0).all()
        assert (of_cluster[2] == 0).all()


def test_clusters_without_probability_leave_no_gradients_of_labels():
    model = make_cagem()
    with torch.no_grad():
        model.q_y.logits.bias[2] = model.p_y.logits.bias[2] = -85.0
    gradients = gradients_of_outputs(
        {"q_y": model.q_y.logits, "p_y": model.p_y.logits},
        lambda: sum(
            model.label_terms(torch.from_numpy(binary(9)), torch.arange(9) % 2).values()
        ),
    )
    for gradient in gradients.values():  # (n, K) and (K, n, K)
        assert (gradient[..., 2] == 0).all()
    assert (gradients["q_y"][:, :2] != 0).all()
    assert (gradients["p_y"][:2, :, :2] != 0).all()
    assert (gradients["p_y"][2] == 0).all()


def test_labels_do_not_enter_the_bound():
    x, epoch = torch.from_numpy(binary(12)), torch.zeros(())
    results = []
    for y in ([0, 1, 2, 0], [1, 1, 0, 2]):
        model = make_cagem().train()
        torch.manual_seed(0)
        results.append(loss_of(model, x, torch.tensor(y), epoch))
    for name in ("reconstruction", "gaussian", "categorical"):
        assert results[0][0][name] == results[1][0][name]
    assert results[0][0]["label_q"] != results[1][0]["label_q"]
    assert results[0][1] == results[1][1]  # the monitors


# ------------------------------------------------------------- batch norm


def running(model):
    return {
        name: value.clone()
        for name, value in model.state_dict().items()
        if "running" in name
    }


def test_statistics_come_from_the_pool_alone():
    x, y = torch.from_numpy(binary(12)), torch.tensor([0, 1, 2, 0])
    collected = []
    for labeled in (x[:4], 1e3 * x[:4]):
        model = make_cagem().train()
        torch.manual_seed(0)
        loss_of(model, torch.cat([labeled, x[4:]]), y, torch.zeros(()))
        collected.append(running(model))
    alone = make_cagem().train()
    torch.manual_seed(0)
    alone.bound_terms(x[4:])
    collected.append(running(alone))
    assert collected[0]
    for name, value in collected[0].items():
        torch.testing.assert_close(value, collected[1][name])
        torch.testing.assert_close(value, collected[2][name])


def test_labeled_rows_are_normalized_by_the_pool():
    """So one does not change another's loss, and a single one has a loss."""
    x, y = torch.from_numpy(binary(12)), torch.tensor([0, 1, 2, 0])
    model = make_cagem()
    narrow(model)

    def label_terms(rows):
        model.train()
        batch = torch.cat([x[rows], x[4:]])
        terms, *_ = loss_of(model, batch, y[rows], torch.zeros(()))
        return torch.stack([terms["label_q"], terms["label_p"]]).detach()

    one_by_one = torch.stack([label_terms([i]) for i in range(4)]).mean(0)
    torch.testing.assert_close(label_terms([0, 1, 2, 3]), one_by_one, rtol=1e-3, atol=0)


@pytest.mark.parametrize("n_parts", [1, 3])
def test_statistics_are_recollected_over_all_rows(n_parts, monkeypatch):
    model = make_cagem()
    narrow(model)
    x = torch.from_numpy(binary(90))
    model.train()
    model.bound_terms(x[:10])  # what training left must not count
    monkeypatch.setattr("sksemi._engine.data.PART_SIZE", 90 // n_parts)
    data = data_of(x)
    model.after_training(data)
    layer = model.q_z1.body
    h = layer.first[0](x).detach()
    torch.testing.assert_close(layer.rest[0].running_mean, h.mean(0))
    parts = [layer.first[0](part.x).detach() for part in data.parts()]
    variance = torch.stack([part.var(0) for part in parts]).mean(0)
    torch.testing.assert_close(layer.rest[0].running_var, variance)
    # the decoder's are over every y of every row
    model.train()  # normalized by the batch, as when they were collected
    with torch.no_grad():
        z1 = model.q_z1(x).mean
        if n_parts == 1:
            first = model.p_x.network.body.first
            h = torch.cat([first[0](torch.eye(3)[k]) + first[1](z1) for k in range(3)])
            mean = model.p_x.network.body.rest[0].running_mean
            torch.testing.assert_close(mean, h.mean(0), rtol=1e-3, atol=1e-3)


# ------------------------------------------------- the bound, row by row


@torch.no_grad()
def naive_terms(model, x, noise):
    """Parts of the bound for every row and y, one row and one y at a time, by scipy."""
    K, d1 = model.config.n_clusters, model.config.z1_dim
    e1, e2 = noise[0, 0, :d1].numpy(), noise[0, 0, d1:].numpy()
    log_q, parts = np.zeros((len(x), K)), np.zeros((len(x), K, 4))
    for i in range(len(x)):
        row = x[[i]]
        q_z1 = model.q_z1(row)
        m1, s1 = q_z1.mean.numpy()[0], q_z1.stddev.numpy()[0]
        z1 = torch.from_numpy((m1 + s1 * e1)[None])
        log_q[i] = log_softmax(model.q_y(row, z1).numpy()[0].astype(float))
        for k in range(K):
            y = torch.eye(K)[[k]]
            q_z2 = model.q_z2(row, y, z1)
            m2, s2 = q_z2.mean.numpy()[0], q_z2.stddev.numpy()[0]
            z2 = torch.from_numpy((m2 + s2 * e2)[None])
            p_z1 = model.p_z1(y, z2)
            logits = model.p_x(y, z1).logits.numpy()[0].astype(float)
            parts[i, k] = [
                (row.numpy()[0] * logits - np.logaddexp(0, logits)).sum(),
                norm.logpdf(z1, p_z1.mean, p_z1.stddev).sum()
                - norm.logpdf(z1, m1, s1).sum(),
                log_softmax(model.p_y(z2).numpy()[0].astype(float))[k],
                -0.5 * (m2**2 + s2**2 - 1 - 2 * np.log(s2)).sum(),
            ]
    return log_q, parts


@pytest.mark.parametrize("K", [1, 3])
def test_bound_by_naive_loop(K):
    """With K = 1 it is a VAE of two layers: y has no probability to pay or to gain."""
    model = make_cagem(n_clusters=K, n_labels=0).eval()
    x, noise = torch.from_numpy(binary(9)), latent_noise(1, model)
    log_q, parts = naive_terms(model, x, noise)
    expected = (np.exp(log_q) * (parts.sum(2) - log_q)).sum(1)
    with torch.no_grad():
        np.testing.assert_allclose(model.bound(x, noise), expected, rtol=1e-5)
    if K == 1:
        log_p_x, minus_kl_z1, log_p_y, minus_kl_z2 = parts[:, 0].T
        np.testing.assert_allclose(log_p_y, 0)
        np.testing.assert_allclose(expected, log_p_x + minus_kl_z1 + minus_kl_z2)


@torch.no_grad()
def test_terms_of_the_loss():
    weights = dict(zip(TERMS, [2.0, 3.0, 5.0, 7.0, 11.0], strict=True))
    model = make_cagem(schedule_length=4).eval()
    model.label_ratio.fill_(13.0)
    x, y = torch.from_numpy(binary(9)), torch.tensor([2, 0, 1])
    torch.manual_seed(1)
    loss = loss_of(model, x, y, torch.tensor(0.0))
    terms, monitors, _ = loss
    # the same draws, once over
    torch.manual_seed(1)
    pool = x[3:]
    q_z1 = model.q_z1(pool)
    z1 = q_z1.rsample()
    q = model.q_y(pool, z1).softmax(1)
    draws = torch.randn(3, 6, model.config.z2_dim)
    sums = torch.zeros(4)
    z2_mean = 0
    for k in range(3):
        one_hot = torch.eye(3)[[k] * 6]
        q_z2 = model.q_z2(pool, one_hot, z1)
        z2 = q_z2.mean + q_z2.stddev * draws[k]
        z2_mean = z2_mean + q[:, [k]] * q_z2.mean
        log_p_x = -F.binary_cross_entropy_with_logits(
            model.p_x(one_hot, z1).logits, pool, reduction="none"
        ).sum(1)
        kl_z1 = (q_z1.log_prob(z1) - model.p_z1(one_hot, z2).log_prob(z1)).sum(1)
        kl_y = q[:, k].log() - model.p_y(z2).log_softmax(1)[:, k]
        v = q_z2.variance
        kl_z2 = 0.5 * (q_z2.mean**2 + v - 1 - v.log()).sum(1)
        each = torch.stack([-log_p_x, kl_z1, kl_z2, kl_y], 1)
        sums += (q[:, [k]] * each).mean(0)
    reconstruction, kl_z1, kl_z2, kl_y = sums.tolist()
    expected = {
        "reconstruction": reconstruction,
        "gaussian": kl_z1 + kl_z2,
        "categorical": kl_y,
    }
    for name, value in expected.items():
        assert terms[name].item() == pytest.approx(value, rel=1e-4), name
    assert list(terms) == list(TERMS)
    factors = [1, 0.25, 0.25, 13, 13]  # a fourth of the warm-up, weight of the labels
    total = sum(
        weights[name] * factor * terms[name].item()
        for name, factor in zip(TERMS, factors, strict=True)
    )
    assert minimized(loss, weights).item() == pytest.approx(total, rel=1e-5)
    monitored = {
        "bound": -sums.sum().item(),
        "kl_z1": kl_z1,
        "kl_z2": kl_z2,
        "kl_y": kl_y,
        "active_z1": int((q_z1.mean.var(0) > 0.01).sum()),
        "active_z2": int((z2_mean.var(0) > 0.01).sum()),
    }
    assert monitors.keys() == monitored.keys()
    for name, value in monitored.items():
        assert monitors[name].item() == pytest.approx(value, rel=1e-4), name


def test_without_labels_there_are_no_label_terms():
    terms, *_ = loss_of(
        make_cagem(n_labels=0),
        torch.rand(8, 6),
        torch.empty(0, dtype=torch.long),
        torch.zeros(()),
    )
    assert list(terms) == ["reconstruction", "gaussian", "categorical"]


def test_summed_bound_is_the_mean_of_drawn_ones():
    """Over y: 1,000 equally spaced uniform numbers are the mean over its draw."""
    model = make_cagem().eval()
    x, noise = torch.from_numpy(binary(4)), latent_noise(1, model)
    log_q, parts = naive_terms(model, x, noise)
    n = 1000
    uniform = ((torch.arange(n)[:, None, None] + 0.5) / n).double()
    with torch.no_grad():
        drawn = sum(
            model.importance_weighted_bound(x, noise, u) for u in uniform.split(1)
        ) / len(uniform)
        summed = model.bound(x, noise).numpy()
        # one takes KL(q(z2) || p(z2)) by its draw, the other in closed form
        e1, e2 = noise[0].split(model.z_dims, dim=1)
        z1 = model.q_z1(x).mean + model.q_z1(x).stddev * e1
        for k in range(3):
            q_z2 = model.q_z2(x, torch.eye(3)[[k] * 4], z1)
            z2 = q_z2.mean + q_z2.stddev * e2
            kl = (q_z2.log_prob(z2) - Normal(0, 1).log_prob(z2)).sum(1).numpy()
            summed -= np.exp(log_q[:, k]) * (kl + parts[:, k, 3])
    np.testing.assert_allclose(drawn, summed, atol=0.02)


def test_bounds_rise_with_draws():
    model = make_cagem().eval()
    x = torch.from_numpy(binary(20))
    generator = torch.Generator().manual_seed(0)
    means = []
    for k in (1, 5, 50):
        with torch.no_grad():
            bounds = [
                model.importance_weighted_bound(
                    x,
                    torch.randn(k, 1, 6, generator=generator),
                    torch.rand(k, 1, 1, generator=generator).double(),
                )
                for _ in range(100)
            ]
        means.append(torch.stack(bounds).mean().item())
    assert means[0] < means[1] < means[2]


@torch.no_grad()
def permute_clusters(model, order):
    """Give cluster ``order[k]`` the name k in every network."""
    for logits in (model.q_y.logits, model.p_y.logits):
        logits.weight.copy_(logits.weight[order].clone())
        logits.bias.copy_(logits.bias[order].clone())
    bodies = (model.q_z2.body, 1), (model.p_z1.body, 0), (model.p_x.network.body, 0)
    for body, i in bodies:
        weight = body.first[i].weight
        weight.copy_(weight[:, order].clone())


@pytest.mark.parametrize("classifier", ["q", "p"])
@torch.no_grad()
def test_names_of_clusters_do_not_matter(classifier):
    model = make_cagem().eval()
    x, noise = torch.from_numpy(binary(9)), latent_noise(4, model)
    order = torch.tensor([2, 0, 1])
    renamed = copy.deepcopy(model)
    permute_clusters(renamed, order)
    torch.testing.assert_close(model.bound(x, noise[:1]), renamed.bound(x, noise[:1]))
    torch.testing.assert_close(
        model.predict_proba(x, noise, classifier)[:, order],
        renamed.predict_proba(x, noise, classifier),
    )
    torch.testing.assert_close(model.encode(x), renamed.encode(x))
    torch.testing.assert_close(model.reconstruct(x), renamed.reconstruct(x))
    with pytest.raises(AssertionError):
        torch.testing.assert_close(
            model.predict_proba(x, noise, classifier),
            renamed.predict_proba(x, noise, classifier),
        )


def test_result_does_not_depend_on_the_chunk(monkeypatch):
    model = make_cagem().eval()
    x, noise = torch.from_numpy(binary(9)), latent_noise(23, model)
    uniform = torch.rand(23, 1, 1, generator=torch.Generator().manual_seed(1)).double()
    results = []
    for chunk in (1, 30, 10_000):
        monkeypatch.setattr(_cagem, "CHUNK", chunk)
        with torch.no_grad():
            bound = model.importance_weighted_bound(x, noise, uniform)
            results.append((bound, model.predict_proba(x, noise, "p")))
    for bound, proba in results[1:]:
        torch.testing.assert_close(bound, results[0][0], rtol=1e-6, atol=1e-6)
        torch.testing.assert_close(proba, results[0][1], rtol=1e-6, atol=1e-6)


# ------------------------------------------------------------- exact toys


class Toy(nn.Module):
    """A Gaussian whose mean is linear in the sum of its inputs."""

    def __init__(self, slope, deviation, which=-1):
        super().__init__()
        self.slope, self.deviation, self.which = slope, deviation, which

    def forward(self, *inputs):
        shape = torch.broadcast_shapes(*(v.shape[:-1] for v in inputs))
        mean = (self.slope * inputs[self.which]).expand(*shape, 1)
        return Normal(mean, torch.full_like(mean, self.deviation))


class ToyY(nn.Module):
    """The same probabilities everywhere."""

    def __init__(self, *probabilities):
        super().__init__()
        self.logits = torch.tensor(probabilities, dtype=torch.float64).log()

    def forward(self, *inputs):
        return self.logits.expand(*inputs[-1].shape[:-1], -1)


class ToyX(Toy):
    name = "toy"

    def encoded(self, x):
        return x


def toy(q_z1, *, K=1, p_y=(1.0,), p_z1=(0.0, 1.0), p_x=(1.0, 1.0), q_z2=(0.0, 1.0)):
    model = make_cagem(n_features=1, z1_dim=1, z2_dim=1, n_clusters=K, n_labels=0)
    model.q_z1, model.p_z1, model.p_x = Toy(*q_z1), Toy(*p_z1), ToyX(*p_x)
    model.q_z2, model.q_y, model.p_y = Toy(*q_z2), ToyY(*p_y), ToyY(*p_y)
    return model.double().eval()


X_TOY = torch.tensor([[1.0]], dtype=torch.float64)
LOG_P = -1.515512123  # z ~ N(0, 1), x|z ~ N(z, 1), x = 1
OPPOSITE = torch.tensor([[a, b] for a in (-1.0, 1) for b in (-1.0, 1)]).double()


def mean_bound(model):
    """Exact for what is quadratic in the noise: it has the Gaussian's moments."""
    return np.mean([model.bound(X_TOY, e[None, None]).item() for e in OPPOSITE])


def test_toy_bound_of_the_prior_and_of_the_posterior():
    assert norm.logpdf(1, 0, 2**0.5) == pytest.approx(LOG_P, abs=1e-9)
    assert mean_bound(toy((0.0, 1.0))) == pytest.approx(-1.918938533, abs=1e-8)
    assert mean_bound(toy((0.5, 0.5**0.5))) == pytest.approx(LOG_P, abs=1e-8)


@pytest.mark.parametrize(
    ("k", "n", "expected"),
    [(2, 2000, -1.6535), (10, 1000, -1.5345), (500, 100, -1.516)],
)
def test_toy_importance_weighted_bound_of_the_prior(k, n, expected):
    model = toy((0.0, 1.0))
    generator = torch.Generator().manual_seed(0)
    bounds = []
    for _ in range(n):
        noise = torch.randn(k, 1, 2, generator=generator, dtype=torch.float64)
        uniform = torch.rand(k, 1, 1, generator=generator, dtype=torch.float64)
        bounds.append(model.importance_weighted_bound(X_TOY, noise, uniform).item())
    error = np.std(bounds) / len(bounds) ** 0.5
    assert np.mean(bounds) == pytest.approx(expected, abs=5 * error + 1e-4)
    assert error < 0.02


@pytest.mark.parametrize("k", [1, 2, 7])
def test_toy_is_exact_for_every_k_with_the_posterior(k):
    noise = torch.randn(k, 1, 2, dtype=torch.float64)
    uniform = torch.rand(k, 1, 1, dtype=torch.float64)
    bound = toy((0.5, 0.5**0.5)).importance_weighted_bound(X_TOY, noise, uniform)
    assert bound.item() == pytest.approx(LOG_P, abs=1e-8)


def test_toy_of_two_layers_and_two_clusters():
    """z2 ~ N(0, 1), y at random, z1 ~ N(z2, 1), x ~ N(z1, .5): x ~ N(0, 2.5)."""
    model = toy(
        (0.8, 0.4**0.5),
        K=2,
        p_y=(0.3, 0.7),
        p_z1=(1.0, 1.0),
        p_x=(1.0, 0.5**0.5),
        q_z2=(0.5, 0.5**0.5),
    )
    expected = norm.logpdf(1, 0, 2.5**0.5)
    assert mean_bound(model) == pytest.approx(expected, abs=1e-8)
    for k in (1, 6):
        noise = torch.randn(k, 1, 2, dtype=torch.float64)
        uniform = torch.rand(k, 1, 1, dtype=torch.float64)
        bound = model.importance_weighted_bound(X_TOY, noise, uniform)
        assert bound.item() == pytest.approx(expected, abs=1e-8)
        np.testing.assert_allclose(model.predict_proba(X_TOY, noise, "p"), [[0.3, 0.7]])


def test_importance_weights_by_hand():
    """Log-mean of the weights of single draws is the bound of all of them."""
    model = make_cagem().eval()
    x, noise = torch.from_numpy(binary(5)), latent_noise(8, model)
    uniform = torch.rand(8, 1, 1, generator=torch.Generator().manual_seed(1)).double()
    with torch.no_grad():
        single = [
            model.importance_weighted_bound(x, e, u).numpy()
            for e, u in zip(noise.split(1), uniform.split(1), strict=True)
        ]
        whole = model.importance_weighted_bound(x, noise, uniform)
    np.testing.assert_allclose(whole, logsumexp(single, 0) - math.log(8), rtol=1e-6)


# ------------------------------------------------- schedules and the rest


def test_warm_up():
    values = [linear_warm_up(torch.tensor(float(e)), 4).item() for e in range(6)]
    assert values == [0.25, 0.5, 0.75, 1, 1, 1]
    assert linear_warm_up(torch.tensor(0.0), 0) == 1


def test_learning_rate_decays_in_steps():
    est = CaGeMGenerator(learning_rate=0.1)
    rates = [est._learning_rate(epoch, 10) for epoch in (0, 49, 50, 99, 100)]
    np.testing.assert_allclose(rates, [0.1, 0.1, 0.075, 0.075, 0.05625])


def test_weight_of_the_labels():
    """60.1 at 100 labels of 60,000 rows and beta = 0.1."""
    y = torch.full((60_000,), -1)
    y[:100] = 0
    model = make_cagem()
    model.before_epoch(data_of(torch.empty(60_000, 0), y), 5)
    assert 0.1 * model.label_ratio.item() == pytest.approx(60.1)


def test_rows_are_binarized_anew_every_time():
    model = make_cagem(binarize=True)
    x = torch.tensor([0.0, 0.3, 1.0]).expand(4000, 3)
    drawn = model.observe(x)
    assert set(drawn.unique().tolist()) == {0.0, 1.0}
    assert drawn[:, 0].sum() == 0
    assert drawn[:, 2].sum() == 4000
    assert drawn[:, 1].mean().item() == pytest.approx(0.3, abs=5 * (0.21 / 4000) ** 0.5)
    assert (drawn != model.observe(x)).any()
    assert make_cagem().observe(x) is x


@torch.no_grad()
def test_gaussian_likelihood_follows_units():
    model = make_cagem(likelihood="gaussian").eval()
    x, noise = torch.randn(30, 6), latent_noise(1, model)
    bounds = []
    for scale, shift in [(1.0, 0.0), (10.0, 3.0)]:
        rows = scale * x + shift
        model.p_x.units.fit(data_of(rows))
        bounds.append(model.bound(rows, noise))
    jacobian = 6 * math.log(10)
    torch.testing.assert_close(bounds[0] - jacobian, bounds[1], rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("n_labels", [0, 2])
def test_clusters_start_from_kmeans(n_labels):
    model = make_cagem(
        n_clusters=4, n_labels=n_labels, init="k-means", hidden_layer_sizes=(30, 30)
    )
    corners = torch.tensor([[0.0, 0], [0, 1], [1, 0], [1, 1]]).repeat(1, 3)
    y = torch.arange(80) % 4
    x = corners[y] + 0.01 * torch.randn(80, 6)
    labels = torch.where((y < n_labels) & (torch.arange(80) < 40), y, -1)
    model.before_epoch(data_of(x, labels), 0)
    with torch.no_grad():
        logits = model.q_y.logits(model.hidden(x))
    found = logits.argmax(1)
    assert found[:4].unique().numel() == 4
    assert found[:n_labels].tolist() == list(range(n_labels))
    assert torch.equal(found, found[:4][y])
