"""Every formula of CatVAE against an independent computation."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import entropy
from sklearn.neighbors import KNeighborsClassifier
from torch import nn

from sksemi._engine.training import minimized
from sksemi._nn.losses import lifted_structured_loss, nearest_neighbor_labels
from sksemi._nn.trust import FIRST_STEPS
from sksemi.methods._catvae import (
    CatVAE,
    assignment_loss,
    categorical_loss,
    feature_distances,
    nearest_neighbor_accuracy,
    to_unit_norm,
)
from tests.maths.helpers import check_view, data_of, loss_of, make


def tensor(values):
    return torch.tensor(values, dtype=torch.float64)


def unit_rows(n, dim, seed=0):
    generator = torch.Generator().manual_seed(seed)
    rows = torch.rand(n, dim, generator=generator, dtype=torch.float64)
    return rows / rows.norm(dim=1, keepdim=True)


def make_catvae(**settings):
    model = make(
        CatVAE,
        {
            "n_features": 6,
            "image_shape": None,
            "n_clusters": 3,
            "n_labels": 3,
            "network": "mlp",
            "hidden_layer_sizes": (8,),
            "activation": "relu",
            "bfloat16": False,
            "feature_dim": 5,
            "likelihood": "mse",
            "n_neighbors": 1,
            "assignment": "probability",
            "temperature": 1.0,
            "alpha": 0.6,
            "margin": 1.0,
            "input_noise": 0.0,
            "max_shift": 0,
        }
        | settings,
    )
    model.trust.n_steps.fill_(FIRST_STEPS + 1)  # assigned labels count as given ones
    return model


TERMS = ("reconstruction", "categorical", "assignment", "feature", "separation")
NO_LABELS = torch.empty(0, dtype=torch.long)

# ---------------------------------------------------------- the categorical loss


def test_categorical_loss_values():
    logits = tensor([[0.75, 0.25], [0.5, 0.5], [1.0, 1e-30]]).log()
    expected = [0.188721876, 0, 1]
    np.testing.assert_allclose(categorical_loss(logits), expected, atol=1e-9)


def test_categorical_loss_scipy():
    logits = torch.randn(20, 7, dtype=torch.float64)
    q = logits.softmax(1).numpy()
    oracle = entropy(q, np.full_like(q, 1 / 7), axis=1) / math.log(7)
    np.testing.assert_allclose(categorical_loss(logits), oracle, atol=1e-12)


def test_one_cluster_has_no_categorical_loss():
    assert categorical_loss(torch.randn(3, 1)).abs().max() < 1e-6


# ----------------------------------------------------------- the assignment loss


def test_assignment_loss_values():
    proba = tensor([[0.7, 0.2, 0.1], [0.7, 0.2, 0.1], [0, 1, 0], [0, 1, 0]])
    loss = assignment_loss(proba, torch.tensor([0, 2, 1, 0]))
    np.testing.assert_allclose(loss, [0.219503468, 0.857419609, 0, 1], atol=1e-9)
    uniform = torch.full((1, 10), 0.1, dtype=torch.float64)
    assert assignment_loss(uniform, torch.tensor([4])).item() == pytest.approx(
        0.579207921, abs=1e-9
    )


def test_assignment_loss_is_equation_16():
    """The hyperbolic tangents of logarithms, row by row."""
    proba = torch.randn(30, 6, dtype=torch.float64).mul(3).softmax(1)
    labels = torch.randint(6, (30,))
    for p, k, loss in zip(proba, labels, assignment_loss(proba, labels), strict=True):
        others = [math.tanh(math.log(p[j])) + 1 for j in range(6) if j != k]
        expected = (math.tanh(-math.log(p[k])) + sum(others)) / 2
        assert loss.item() == pytest.approx(expected, abs=1e-12)


def test_assignment_loss_lies_between_0_and_1():
    proba = torch.randn(2000, 10, dtype=torch.float64).mul(5).softmax(1)
    loss = assignment_loss(proba, torch.randint(10, (2000,)))
    assert loss.min() >= 0
    assert loss.max() <= 1


def test_assignment_loss_has_finite_gradients_at_the_corners():
    proba = torch.eye(4, dtype=torch.float64, requires_grad=True)
    assignment_loss(proba, torch.tensor([0, 0, 0, 0])).sum().backward()
    assert torch.isfinite(proba.grad).all()


# --------------------------------------------------------------- feature distances


def test_feature_distance_values():
    e1, e2 = tensor([[1.0, 0]]), tensor([[0.0, 1]])
    both = torch.cat([e1, e2])
    zeros = torch.zeros(2, dtype=torch.long)
    assert feature_distances(e1, both, zeros, 1).item() == pytest.approx(0.5)
    assert feature_distances(e1, e2, zeros[:1], 1).item() == pytest.approx(1)


def test_feature_distances_are_equation_18():
    features, representatives = unit_rows(9, 4), unit_rows(7, 4, seed=1)
    labels = torch.tensor([0, 2, 2, 0, 0, 2, 4])
    ours = feature_distances(features, representatives, labels, 5)
    for i, f in enumerate(features.numpy()):
        for k in (0, 2, 4):
            own = representatives[labels == k].numpy()
            naive = np.mean([np.linalg.norm(f - r) for r in own]) / math.sqrt(2)
            assert ours[i, k].item() == pytest.approx(naive, abs=1e-12)
    # no representative: 0, not NaN
    assert (ours[:, [1, 3]] == 0).all()
    assert ours.min() >= 0
    assert ours.max() <= 1


def test_a_feature_among_its_own_representatives_has_a_finite_gradient():
    features = unit_rows(6, 4).requires_grad_()
    labels = torch.tensor([0, 0, 1, 1, 2, 2])
    feature_distances(features, features[:3], labels[:3], 3).sum().backward()
    assert torch.isfinite(features.grad).all()
    assert features.grad.abs().sum() > 0


def test_nearest_neighbor_accuracy_sklearn():
    features = unit_rows(40, 3)
    labels = torch.randint(3, (40,), generator=torch.Generator().manual_seed(0))
    X, y = features.numpy(), labels.numpy()
    hits = [
        KNeighborsClassifier(1)
        .fit(np.delete(X, i, 0), np.delete(y, i))
        .predict(X[i : i + 1])
        == y[i]
        for i in range(40)
    ]
    assert nearest_neighbor_accuracy(features, labels).item() == pytest.approx(
        np.mean(hits)
    )


# ------------------------------------------------------------------- the networks


def n_parameters(module, kind):
    return [
        sum(p.numel() for p in m.parameters())
        for m in module.modules()
        if isinstance(m, kind)
    ]


def test_network_of_the_paper():
    """Section V-A at 28x28, layer by layer."""
    model = make_catvae(
        network="conv",
        n_features=784,
        image_shape=(1, 28, 28),
        feature_dim=50,
        n_clusters=10,
    )
    assert n_parameters(model.f, nn.Conv2d) == [592, 18_464, 32_832, 259_250]
    assert n_parameters(model.q_c, nn.Linear) == [2_550, 1_275, 260]
    assert n_parameters(model.p_x, nn.Linear) == [3_050]
    assert n_parameters(model.p_x, nn.ConvTranspose2d) == [259_264, 32_800, 18_448, 577]
    assert len(n_parameters(model.f, nn.BatchNorm2d)) == 4
    assert len(n_parameters(model.p_x, nn.BatchNorm2d)) == 3


@pytest.mark.parametrize("network", ["mlp", "conv"])
def test_features_are_non_negative_and_of_unit_norm(network):
    shape = (1, 8, 8) if network == "conv" else None
    model = make_catvae(network=network, n_features=64, image_shape=shape)
    features = model.encode(torch.rand(30, 64))
    assert (features >= 0).all()
    alive = features.detach().norm(dim=1)[features.detach().sum(1) > 0]
    torch.testing.assert_close(alive, torch.ones_like(alive))


def test_dead_features_are_zero_with_finite_gradients():
    model = make_catvae(network=lambda n_in, n_out: nn.Linear(n_in, n_out))
    with torch.no_grad():
        model.f.weight.zero_()
        model.f.bias.fill_(-1)
    assert (model.encode(torch.rand(9, 6)) == 0).all()
    for bias in (-1.0, 0.0):  # all dead, and exactly at the corner of the ReLU
        with torch.no_grad():
            model.f.bias.fill_(bias)
        model.zero_grad()
        y = torch.tensor([0, 1, 2])
        terms, *_ = loss_of(model, torch.rand(9, 6), y, torch.zeros(()))
        total = sum(terms.values())
        assert torch.isfinite(total)
        total.backward()
        for name, parameter in model.named_parameters():
            assert torch.isfinite(parameter.grad).all(), name


# ------------------------------------------------------------- the loss over a batch


@pytest.mark.parametrize("n_labels", [0, 3])
@pytest.mark.parametrize("likelihood", ["mse", "gaussian"])
@pytest.mark.parametrize("network", ["mlp", "conv"])
def test_gradient_reaches_every_parameter(network, likelihood, n_labels):
    torch.manual_seed(0)
    model = make_catvae(
        network=network,
        likelihood=likelihood,
        n_labels=n_labels,
        n_features=64,
        image_shape=(1, 8, 8) if network == "conv" else None,
        feature_dim=20,
    )
    model.train()
    y = torch.tensor([0, 1, 2, 0]) if n_labels else NO_LABELS
    model.unnamed.centers.copy_(unit_rows(3 - n_labels, 20))
    terms, *_ = loss_of(model, torch.rand(12, 64), y, torch.zeros(()))
    sum(terms.values()).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize("assignment", ["probability", "sample"])
@torch.no_grad()
def test_terms_of_the_loss(assignment):
    """Each term against loops over rows, from the module's own outputs."""
    weights = dict(zip(TERMS, [2.0, 3.0, 5.0, 7.0, 11.0], strict=True))
    torch.manual_seed(0)
    model = make_catvae(assignment=assignment, temperature=0.7).eval()
    x, y = torch.rand(9, 6), torch.tensor([2, 0, 1, 1])
    torch.manual_seed(1)
    loss = loss_of(model, x, y, torch.zeros(()))
    terms, monitors, _ = loss

    torch.manual_seed(1)
    f = model.embed(x) / model.embed(x).norm(dim=1, keepdim=True)
    logits = model.q_c(f)
    c = nn.functional.gumbel_softmax(logits, 0.7)
    q = logits.softmax(1)
    x_hat = torch.sigmoid(model.p_x(torch.cat([f, c], 1)))
    # neighbors by direction and, beside the mean norm, length
    norms = model.embed(x).norm(dim=1)
    view = torch.cat([f * norms[:, None], norms.mean().expand(9, 1)], 1)
    view = view / view.norm(dim=1, keepdim=True)
    nearest = KNeighborsClassifier(1).fit(view[:4], y).predict(view[4:])
    assigned = [*y.tolist(), *nearest.tolist()]
    p = c if assignment == "sample" else q

    def mean_distance(i, k):
        own = [(f[i] - f[j]).norm().item() for j in range(4) if y[j] == k]
        return np.mean(own) / math.sqrt(2)

    def of_all(values):  # equation 17
        return 0.6 * np.mean(values[:4]) + 0.4 * np.mean(values[4:])

    expected = {
        "reconstruction": (x - x_hat).square().mean().item(),
        "categorical": (q * (3 * q).log()).sum(1).mean().item() / math.log(3),
        "assignment": assignment_loss(p, torch.tensor(assigned)).mean().item(),
        "feature": of_all([mean_distance(i, assigned[i]) for i in range(9)]),
        "separation": lifted_structured_loss(
            model.embed(x), torch.tensor(assigned), 1.0
        ).item(),
    }
    assert list(terms) == list(expected)
    for name, value in expected.items():
        assert terms[name].item() == pytest.approx(value, rel=1e-4), name
    total = sum(weights[name] * value for name, value in expected.items())
    assert minimized(loss, weights).item() == pytest.approx(total, rel=1e-4)
    agreement = np.mean(q[4:].argmax(1).numpy() == nearest)
    assert monitors["agreement"].item() == pytest.approx(agreement)
    assert 0 <= monitors["neighbor_accuracy"] <= 1


def test_row_order_in_a_batch_does_not_matter():
    torch.manual_seed(0)
    model = make_catvae().eval()
    x, y = torch.rand(10, 6), torch.tensor([0, 1, 2, 0])
    order = torch.cat([torch.randperm(4), 4 + torch.randperm(6)])
    with torch.no_grad():
        model.q_c[-1].weight.mul_(1e4)  # so sure that the draw of c does not matter
    terms, *_ = loss_of(model, x, y, torch.zeros(()))
    shuffled, *_ = loss_of(model, x[order], y[order[:4]], torch.zeros(()))
    for name in TERMS:
        torch.testing.assert_close(terms[name], shuffled[name], rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("image_shape", [None, (1, 8, 8)], ids=["table", "image"])
@pytest.mark.parametrize(
    "settings", [{"max_shift": 1}, {"input_noise": 0.1}, {}], ids=str
)
def test_labels_are_assigned_in_a_view_of_its_own(settings, image_shape):
    """An image as it is, a table with other noise; without noise the same features."""
    torch.manual_seed(0)
    # a fourth cluster, which no label names: views have unit norm, no length beside it
    model = make_catvae(
        n_features=64, image_shape=image_shape, n_clusters=4, **settings
    ).train()
    check_view(model, model.f, lambda out: nn.functional.normalize(out.relu()))


def test_no_gradient_through_the_assignment():
    model = make_catvae()
    features = unit_rows(9, 5).requires_grad_()
    y = torch.tensor([0, 1, 2])
    assigned = model.unnamed.assign(features, y, 1, torch.zeros(()))
    assert not assigned.requires_grad
    assert assigned[:3].tolist() == [0, 1, 2]


@pytest.mark.parametrize("n_labeled", [1, 9])
def test_one_label_and_all_labels_are_finite(n_labeled):
    model = make_catvae(n_labels=min(n_labeled, 3)).train()
    y = torch.arange(n_labeled) % 3
    terms, monitors, _ = loss_of(model, torch.rand(9, 6), y, torch.zeros(()))
    assert all(torch.isfinite(term) for term in terms.values())
    assert ("agreement" in monitors) == (n_labeled < 9)
    assert ("neighbor_accuracy" in monitors) == (n_labeled > 1)


# -------------------------------------------------- clusters that no label names


@pytest.mark.parametrize("n_labels", [0, 2])
def test_centers_of_unnamed_clusters_are_those_of_kmeans(n_labels):
    """On four points with noise; from the second epoch on they keep their order."""
    torch.manual_seed(0)
    model = make_catvae(n_labels=n_labels, n_clusters=4, feature_dim=20)
    truth = torch.arange(80) % 4
    points = torch.rand(4, 6)[truth] + 0.001 * torch.randn(80, 6)
    y = torch.where((truth < n_labels) & (torch.arange(80) < 20), truth, -1)
    model.before_epoch(data_of(points, y), 0)
    features = model.encode(points).detach()
    means = torch.stack([features[truth == k].mean(0) for k in range(4)])
    # each unnamed cluster has the mean of one point that no label names
    distance = torch.cdist(model.unnamed.centers, means)
    found = distance.argmin(1).tolist()
    assert sorted(found) == list(range(n_labels, 4))
    assert distance.min(1).values.max() < 1e-3
    before = model.unnamed.centers.clone()
    model.before_epoch(data_of(points, y), 1)
    torch.testing.assert_close(model.unnamed.centers, before, atol=1e-3, rtol=0)
    # they stand for the labeled features, each for its cluster
    y = y[y >= 0]
    labeled = means[y]
    queries = torch.cat([labeled, means])
    assigned = model.unnamed.assign(queries, y, 1, torch.zeros(()))[len(y) :]
    assert assigned[found].tolist() == list(range(n_labels, 4))
    assert assigned[:n_labels].tolist() == list(range(n_labels))


def test_gaussian_likelihood_does_not_depend_on_units():
    torch.manual_seed(0)
    model = make_catvae(likelihood="gaussian").eval()
    x = torch.randn(30, 6)
    objectives = []
    for scale, shift in [(1.0, 0.0), (10.0, 3.0)]:
        rows = scale * x + shift
        model.units.fit(data_of(rows))
        objectives.append(model.objective(rows))
    torch.testing.assert_close(*objectives, rtol=1e-4, atol=1e-5)


def test_a_center_weighs_as_much_as_all_neighbors_of_a_label():
    """One center at distance .3 against five labeled rows at .8: the center's."""
    model = make_catvae(n_clusters=2, n_labels=1, n_neighbors=5, feature_dim=2)
    y = torch.zeros(5, dtype=torch.long)
    model.unnamed.centers.copy_(torch.tensor([[0.3, 0.0]]))
    features = torch.tensor([[-0.8, 0.0]] * 5 + [[0.0, 0.0]])
    assert model.unnamed.assign(features, y, 5, torch.zeros(())).tolist() == [0] * 5 + [
        1
    ]
    # with a single vote, it would have lost to the others of five
    once = torch.cat([features[:5], model.unnamed.centers])
    clusters = torch.tensor([0] * 5 + [1])
    assert nearest_neighbor_labels(features[5:], once, clusters, 5, 2).item() == 0


def test_in_the_first_steps_labeled_rows_alone_teach_labels():
    torch.manual_seed(0)
    model = make_catvae().eval()
    model.trust.n_steps.zero_()
    x, y = torch.rand(12, 6), torch.tensor([0, 1, 2, 0])
    terms = loss_of(model, x, y, torch.tensor(0.0)).terms
    with torch.no_grad():
        embedding = model.embed(x[:4])
        features = to_unit_norm(embedding)
        error = assignment_loss(model.q_c(features).softmax(1), y).mean()
        distance = feature_distances(features, features, y, 3)
        own = distance.gather(1, y[:, None]).mean()
        separation = lifted_structured_loss(embedding, y, 1.0)
    torch.testing.assert_close(terms["assignment"], error)
    torch.testing.assert_close(terms["feature"], 0.6 * own)
    torch.testing.assert_close(terms["separation"], separation)


def test_without_labels_all_clusters_teach_from_the_first_step():
    torch.manual_seed(0)
    model = make_catvae(n_labels=0).train()
    model.trust.n_steps.zero_()
    model.unnamed.centers.copy_(torch.rand(3, 5))
    terms = loss_of(model, torch.rand(12, 6), NO_LABELS, torch.tensor(0.0)).terms
    assert all(terms[name] > 0 for name in ("assignment", "feature", "separation"))
