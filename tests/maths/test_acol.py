"""The formulas of ACOL against naive loops, stated values and invariances."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from scipy.special import softmax
from sklearn.cluster import KMeans
from torch import nn
from torch.nn import functional as F

from sksemi._engine.data import Data
from sksemi._engine.kmeans import named_kmeans
from sksemi._nn.transformations import (
    REFLECTIONS,
    SYMMETRIES,
    auto_transformations,
    reflection,
    symmetry,
)
from sksemi.methods._acol import (
    ACOL,
    affinity,
    balance,
    convolutions,
    log_parents,
    share_clusters,
    split_nodes,
)
from tests.maths.helpers import loss_of, make

Z = torch.tensor([[1.0, -2, 2, 3], [2, 1, -1, 1], [0, 0, 4, 1]])  # parents 0 1 0 1
PARENTS = torch.tensor([0, 1, 0])


def build(**changes):
    """Make a small module."""
    arguments = {
        "n_features": 6,
        "image_shape": None,
        "n_clusters": 3,
        "n_labels": 0,
        "network": "mlp",
        "hidden_layer_sizes": (7,),
        "activation": "relu",
        "bfloat16": False,
        "F_dim": 5,
        "dropout_rates": (0.0, 0.0, 0.0),
        "n_parents": 4,
        "n_nodes": 3,
        "pseudo_parents": auto_transformations(6, None)[:4],
        "standardize": False,
        "frobenius_of": "B",
        "kmeans_n_init": 3,
    }
    return make(ACOL, arguments | changes)


def naive(z, n_parents):
    """Y, affinities and balances as equations 3, 11 and 12 are printed."""
    k = z.shape[1] // n_parents
    pooling = np.concatenate([np.eye(n_parents)] * k)
    b = np.maximum(0, z)
    N = b.T @ b
    affinities, balances = [], []
    for p in range(n_parents):
        own = np.flatnonzero(pooling[:, p])
        Np = N[np.ix_(own, own)]
        V = np.outer(np.diag(Np), np.diag(Np))
        for matrix, result in [(Np, affinities), (V, balances)]:
            off = sum(matrix[i, j] for i in range(k) for j in range(k) if i != j)
            result.append(off / ((k - 1) * np.trace(matrix)))
    return softmax(z, 1) @ pooling, affinities, balances


def test_stated_values():
    z = split_nodes(Z, 2)
    b = z.relu()
    assert_allclose(affinity(b).mean(), 0.163333333, rtol=1e-6)
    assert_allclose(balance(b).mean(), 0.325458052, rtol=1e-6)
    assert float(b.square().sum()) == 37
    assert_allclose(F.nll_loss(log_parents(z), PARENTS), 0.683376700, rtol=1e-6)


@pytest.mark.parametrize(
    ("b", "expected"),
    [
        (np.eye(4), (0, 1)),
        (np.ones((5, 3)), (1, 1)),
        (np.eye(3)[:, :1] * [[1, 0, 0]], (0, 0)),
        ([[1, 0], [1, 1]], (2 / 3, 0.8)),
        (np.zeros((4, 3)), (0, 0)),
    ],
    ids=["identity", "ones", "one column", "two rows", "zeros"],
)
def test_simple_activities(b, expected):
    b = torch.tensor(np.asarray(b), dtype=torch.double)[:, None]  # one parent
    b.requires_grad_()
    values = affinity(b), balance(b)
    assert_allclose([float(value.detach()) for value in values], expected, atol=1e-12)
    sum(values).sum().backward()
    assert torch.isfinite(b.grad).all()


@pytest.mark.parametrize("n_parents", [1, 2, 3, 6])
def test_terms_are_the_printed_ones(n_parents):
    z = np.random.RandomState(n_parents).normal(size=(9, 12))
    y, affinities, balances = naive(z, n_parents)
    parts = split_nodes(torch.tensor(z), n_parents)
    assert_allclose(log_parents(parts).exp(), y, rtol=1e-10)
    assert_allclose(affinity(parts.relu()), affinities, rtol=1e-10)
    assert_allclose(balance(parts.relu()), balances, rtol=1e-10)
    for value in (*affinities, *balances):
        assert 0 <= value <= 1


def test_invariances():
    torch.manual_seed(0)
    b = torch.randn(20, 3, 5, dtype=torch.double).relu()
    for term in (affinity, balance):
        expected = term(b)
        for same in (7 * b, 1e-3 * b, b.flip(0), b[:, :, torch.randperm(5)]):
            assert_allclose(term(same), expected, rtol=1e-9)
        assert_allclose(term(b.flip(1)), expected.flip(0), rtol=1e-9)


def test_one_layout_of_nodes():
    """Nodes permuted consistently change nothing; two layouts are another loss."""

    def loss(z, pooled):
        terms = F.nll_loss(log_parents(pooled), PARENTS)
        b = z.relu()
        return float(terms + affinity(b).mean() + 1 - balance(b).mean())

    z = split_nodes(Z, 2)
    right = loss(z, z)
    for order in ([2, 1, 0, 3], [0, 3, 2, 1], [2, 3, 0, 1]):  # inside their parents
        permuted = split_nodes(Z[:, order], 2)
        assert loss(permuted, permuted) == pytest.approx(right)
    contiguous = Z.view(3, 2, 2)
    assert abs(loss(z, contiguous) - right) > 0.1
    assert abs(loss(contiguous, z) - right) > 0.01


def test_the_module_keeps_one_layout():
    """The loss of a batch, from its nodes' activities by the printed formulas."""
    torch.manual_seed(0)
    model = build(pseudo_parents=None, n_parents=3, n_nodes=4).double()
    x, t = torch.randn(8, 6).double(), torch.arange(8) % 3
    terms, monitors, _ = loss_of(model, x, t[:0], torch.zeros(()), t)
    z = model.nodes(model.encode(x)).detach().numpy()
    y, affinities, balances = naive(z, 3)
    expected = {
        "cross_entropy": -np.log(y[np.arange(8), t]).mean(),
        "affinity": np.mean(affinities),
        "balance": 1 - np.mean(balances),
        "frobenius": np.square(np.maximum(0, z)).sum(),
    }
    assert terms.keys() == expected.keys()
    for name, value in expected.items():
        assert_allclose(terms[name].detach(), value, rtol=1e-9)
    assert_allclose(monitors["parent_accuracy"], np.mean(y.argmax(1) == t.numpy()))
    model.config.frobenius_of = "Z"
    terms, *_ = loss_of(model, x, t[:0], torch.zeros(()), t)
    assert_allclose(terms["frobenius"].detach(), np.square(z).sum(), rtol=1e-9)


def test_label_loss_is_that_of_the_pooled_nodes():
    """Enumerated: softmax inside the row's parent, summed over the class's nodes."""
    torch.manual_seed(0)
    model = build(n_labels=2, n_parents=2, n_nodes=5, pseudo_parents=None)
    model.cluster_parents.copy_(torch.tensor([0, 0, 1]))
    model._share_nodes()
    assert model.node_clusters.tolist() == [[0, 1, 0, 1, 0], [2, 2, 2, 2, 2]]
    z = torch.randn(3, 2, 5)
    y, parents = torch.tensor([0, 1, 1]), torch.tensor([0, 0, 0])
    p = softmax(z[:, 0].numpy(), 1)
    of_class = [p[0, [0, 2, 4]].sum(), p[1, [1, 3]].sum(), p[2, [1, 3]].sum()]
    loss = model.label_loss(z, y, parents)
    assert_allclose(loss, -np.log(of_class).mean(), rtol=1e-5)
    # no node of a cluster without a label is pushed by a labeled row of another
    model = build(n_labels=2, n_clusters=3, n_nodes=6)
    assert model.node_clusters[0].tolist() == [0, 1, 2, 0, 1, 2]
    assert (model.node_clusters[1:] == -1).all()


def test_labeled_rows_stay_untransformed_and_out_of_the_parents():
    torch.manual_seed(0)
    model = build(n_labels=2, n_nodes=4).double()
    x = torch.randn(10, 6).double()
    y = torch.tensor([0, 1, 1])
    seen = {}
    model.g.register_forward_hook(lambda m, inputs, f: seen.update(x=inputs[0], f=f))
    terms, *_ = loss_of(model, x, y, torch.zeros(()))
    torch.testing.assert_close(seen["x"][:3], x[:3])
    assert (seen["x"].abs() - x.abs()).abs().max() == 0  # signs alone have changed
    assert (seen["x"][3:] != x[3:]).any()
    z = model.activities(seen["f"])
    t = torch.stack(
        [(x[3:] * signs == seen["x"][3:]).all(1) for signs in model.table.double()]
    ).int()
    assert (t.sum(0) == 1).all()
    expected = F.nll_loss(log_parents(z[3:]), t.argmax(0))
    assert_allclose(terms["cross_entropy"].detach(), expected.detach())
    expected = model.label_loss(z[:3], y, torch.zeros_like(y))
    assert_allclose(terms["label"].detach(), expected.detach())


# ------------------------------------------------------------ transformations


def test_eight_symmetries():
    """Each is what numpy does; eight distinct images from an asymmetric one."""
    images = np.random.RandomState(0).uniform(size=(4, 2, 5, 5))
    flat = torch.tensor(images.reshape(4, -1))
    results = []
    for name, (mirrored, turns) in SYMMETRIES.items():
        expected = images[:, :, :, ::-1] if mirrored else images
        expected = np.rot90(expected, turns, (2, 3)).reshape(4, -1)
        results.append(flat[:, symmetry(name, (2, 5, 5))])
        assert_allclose(results[-1], expected)
    assert torch.equal(results[0], flat)
    for i, a in enumerate(results):
        assert not any(torch.equal(a, b) for b in results[:i])


def test_the_gather_gives_each_row_its_own():
    torch.manual_seed(0)
    model = build(
        n_features=50,
        image_shape=(2, 5, 5),
        n_parents=8,
        pseudo_parents=tuple(SYMMETRIES),
    )
    x, t = torch.rand(16, 50), torch.randperm(16) % 8
    for row, k, result in zip(x, t, model.transformed(x, t), strict=True):
        name = list(SYMMETRIES)[k]
        assert torch.equal(result, row[symmetry(name, (2, 5, 5))])


@pytest.mark.parametrize("shape", [(1, 4, 6), (3, 7, 5)])
def test_other_images_keep_their_shape(shape):
    names = auto_transformations(np.prod(shape), shape)
    assert names == ("identity", "rotate_180", "flip", "flip_rotate_180")
    images = torch.rand(2, *shape)
    flat = images.flatten(1)
    upside_down = flat[:, symmetry("flip_rotate_180", shape)]
    assert torch.equal(upside_down, images.flip(2).flatten(1))


@pytest.mark.parametrize(("n", "count"), [(1, 2), (2, 4), (3, 4), (4, 8), (30, 8)])
def test_reflections_differ(n, count):
    names = auto_transformations(n, None)
    signs = torch.stack([reflection(name, n) for name in names])
    assert len(names) == count == len(signs.unique(dim=0))
    assert (signs[0] == 1).all()
    assert (signs.abs() == 1).all()


def test_callables_see_images():
    seen = []

    def brighter(x):
        seen.append(x.shape)
        return x + 1

    model = build(
        n_features=18,
        image_shape=(2, 3, 3),
        n_parents=3,
        pseudo_parents=("identity", brighter, "rotate_180"),
    )
    x, t = torch.rand(6, 18), torch.tensor([0, 1, 2, 0, 1, 2])
    result = model.transformed(x, t)
    assert torch.equal(result[t == 0], x[t == 0])
    assert torch.equal(result[t == 1], x[t == 1] + 1)
    turned = x[t == 2].view(2, 2, 3, 3).flip(2, 3).flatten(1)
    assert torch.equal(result[t == 2], turned)
    assert seen == [(6, 2, 3, 3)]


# ------------------------------------------------------------------- networks


@pytest.mark.parametrize(
    ("shape", "count"),
    [((1, 28, 28), 6_817_408), ((3, 32, 32), 8_784_064), ((1, 16, 16), 2_492_032)],
)
def test_parameters_of_the_papers_network(shape, count):
    model = build(
        n_features=int(np.prod(shape)),
        image_shape=shape,
        network="conv",
        F_dim=2048,
        n_parents=8,
        n_nodes=20,
        pseudo_parents=auto_transformations(None, shape),
    )
    assert sum(p.numel() for p in model.parameters()) == count
    assert not any(isinstance(m, nn.BatchNorm2d) for m in model.modules())
    rates = [m.p for m in model.modules() if isinstance(m, nn.Dropout)]
    assert len(rates) == 3


@pytest.mark.parametrize(
    ("shape", "left"),
    [((1, 8, 8), 16), ((2, 15, 15), 49), ((1, 16, 40), 40), ((3, 9, 33), 64)],
)
def test_small_images_keep_four_pixels(shape, left):
    net = convolutions(shape, 10, nn.ReLU, (0.0, 0.0), bfloat16=False)
    assert net.layers[-2].in_features == 64 * left
    assert net(torch.rand(2, *shape)).shape == (2, 10)


def test_glorot_start():
    torch.manual_seed(0)
    model = build(n_features=200, hidden_layer_sizes=(300,), F_dim=100)
    for layer in (model.g[0], model.g[2], model.nodes):
        bound = np.sqrt(6 / (layer.in_features + layer.out_features))
        assert bound * 0.99 < layer.weight.abs().max() <= bound
        assert (layer.bias == 0).all()


@pytest.mark.parametrize("bfloat16", [False, True])
def test_bfloat16_trains_and_float32_infers(bfloat16):
    torch.manual_seed(0)
    net = convolutions((1, 8, 8), 16, nn.ReLU, (0.0, 0.0), bfloat16=bfloat16)
    x = torch.rand(5, 1, 8, 8)
    trained, inferred = net.train()(x), net.eval()(x)
    assert trained.dtype == inferred.dtype == torch.float32
    assert torch.equal(trained, inferred) != bfloat16
    torch.testing.assert_close(trained, inferred, atol=0.05, rtol=0.05)


# ------------------------------------------------------------------- clusters


@pytest.mark.parametrize(
    ("n_clusters", "label_parents", "counts", "expected"),
    [
        (10, [], [50, 50], [0] * 5 + [1] * 5),
        (5, [], [10, 60, 30], [0, 1, 1, 2, 2]),
        (6, [1, 1, 1], [50, 50], [1, 1, 1, 0, 0, 0]),
        (6, [], [2, 50], [0, 0, 1, 1, 1, 1]),
    ],
)
def test_parents_share_clusters(n_clusters, label_parents, counts, expected):
    assert share_clusters(n_clusters, label_parents, counts) == expected


def test_every_parent_needs_a_cluster():
    with pytest.raises(ValueError, match="set n_clusters to 3 or more"):
        share_clusters(2, [], [5, 5, 5])
    with pytest.raises(ValueError, match="set n_clusters to 4 or more"):
        share_clusters(3, [0, 0, 0], [9, 9])


def test_kmeans_is_scikit_learns():
    X = np.random.RandomState(0).normal(size=(200, 3))
    centers, scatter = named_kmeans(X, 4, X[:0], 5, np.random.RandomState(1))
    expected = KMeans(4, n_init=5, random_state=1, tol=0).fit(X)
    assert_allclose(scatter, expected.inertia_ / 200, rtol=1e-3)
    distance = np.square(X[:, None] - centers).sum(2)
    assert_allclose(distance.min(1).mean(), scatter, rtol=1e-2)


def test_kmeans_clusters_keep_the_names_of_their_labels():
    rng = np.random.RandomState(0)
    corners = np.array([[9.0, 0], [0, 9], [-9, 0], [0, -9]])
    X = (corners[:, None] + rng.normal(size=(4, 50, 2))).reshape(-1, 2)
    for named in ([2, 0], [3], [1, 3, 0, 2]):
        centers, _ = named_kmeans(X, 4, corners[named] + 1, 5, rng)
        assert_allclose(centers[: len(named)], corners[named], atol=0.6)
        assert_allclose(
            np.sort(centers.round(-1), 0), np.sort(corners.round(-1), 0), atol=1e-9
        )


def make_data(x, parents=None):
    y = torch.full((len(x),), -1)
    return Data(x, y, 1.0, parents)


def test_probabilities():
    """One softmax without real parents; else Y_p times that inside each parent."""
    torch.manual_seed(0)
    x = torch.randn(60, 6)
    model = build()
    model.after_training(make_data(x))
    f = model.encode(x).double()
    distance = (f[:, None] - model.centers).square().sum(2)  # (n, K)
    scatter = distance.min(1).values.mean()
    expected = (-distance / scatter).softmax(1)
    assert_allclose(model.predict_proba(x).detach(), expected.detach(), rtol=1e-3)

    parents = torch.arange(60) % 2
    model = build(n_parents=2, n_clusters=5, pseudo_parents=None)
    data = make_data(x, parents)
    model.before_epoch(data, 0)
    assert model.cluster_parents.tolist() == [0, 0, 0, 1, 1]
    model.after_training(data)
    proba = model.predict_proba(x).detach().numpy()
    y, *_ = naive(model.nodes(model.encode(x)).detach().double().numpy(), 2)
    assert_allclose(proba[:, :3].sum(1), y[:, 0], rtol=1e-5)
    f = model.encode(x).double().detach()
    for p, own in enumerate([[0, 1, 2], [3, 4]]):
        distance = (f[:, None] - model.centers[own]).square().sum(2)
        scatter = distance[parents == p].min(1).values.mean()
        inside = (-distance / scatter).softmax(1)
        assert_allclose(proba[:, own], y[:, [p]] * inside.numpy(), rtol=1e-3)


def test_centers_of_a_parent_are_of_its_rows():
    """k-means with one cluster per parent: the parents' means."""
    torch.manual_seed(0)
    x, parents = torch.randn(40, 6), torch.arange(40) % 4
    model = build(n_clusters=4, pseudo_parents=None)
    data = make_data(x, parents)
    model.before_epoch(data, 0)
    model.after_training(data)
    f = model.encode(x).double().detach()
    expected = torch.stack([f[parents == p].mean(0) for p in range(4)])
    torch.testing.assert_close(model.centers, expected, atol=1e-6, rtol=1e-6)


def test_a_sample_of_rows_for_kmeans(monkeypatch):
    """Many rows: so many of each parent at most, and centers hardly move."""
    monkeypatch.setattr("sksemi.methods._acol._KMEANS_ROWS", 100)
    torch.manual_seed(0)
    parents = (torch.arange(1000) < 30).long()
    model = build(n_parents=2, n_clusters=2, pseudo_parents=None)
    chosen = model._choose_rows(parents, np.random.RandomState(0))
    assert chosen[parents == 0].sum() == 50
    assert chosen[parents == 1].sum() == 30
    x = torch.randn(1000, 6) + 20 * parents[:, None]
    data = make_data(x, parents)
    model.before_epoch(data, 0)
    model.after_training(data)
    f = model.encode(x).double().detach()
    assert_allclose(model.centers[1], f[parents == 1].mean(0), rtol=1e-6, atol=1e-6)
    apart = (model.centers[0] - model.centers[1]).norm()
    assert (model.centers[0] - f[parents == 0].mean(0)).norm() < 0.1 * apart


def test_kmeans_shares_its_rows_among_parents_that_rows_have(monkeypatch):
    """Transformations are parents in training, but k-means sees no transformed row."""
    monkeypatch.setattr("sksemi.methods._acol._KMEANS_ROWS", 100)
    seen = []

    def kmeans(features, *args):
        seen.append(len(features))
        return named_kmeans(features, *args)

    monkeypatch.setattr("sksemi.methods._acol.named_kmeans", kmeans)
    torch.manual_seed(0)
    model = build(n_clusters=6)
    assert model.config.n_parents > 1
    model.after_training(make_data(torch.randn(1000, 6)))
    assert seen == [100]


def test_kmeans_depends_on_torchs_state_alone():
    torch.manual_seed(0)
    x = torch.randn(90, 6)
    model = build(n_clusters=6)
    results = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        np.random.rand()
        model.after_training(make_data(x))
        results.append(model.centers.clone())
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])


@pytest.mark.parametrize("image_shape", [None, (1, 2, 3)])
def test_units(image_shape):
    """Tables are centered column by column, images by one number; one unit for all."""
    torch.manual_seed(0)
    x = 30 * torch.randn(500, 6) + 1000 * torch.arange(6)
    names = auto_transformations(6, image_shape)[:4]
    model = build(standardize=True, image_shape=image_shape, pseudo_parents=names)
    model.before_epoch(make_data(x), 0)
    z = model.standardized(x)
    spread = z if image_shape else z - z.mean(0)
    assert_allclose(z.mean(), 0, atol=1e-4)
    assert_allclose(spread.square().mean(), 1, rtol=1e-4)
    if image_shape is None:
        assert_allclose(z.mean(0), np.zeros(6), atol=1e-3)
    # transformed rows are the transformed units
    t = torch.randint(4, (500,))
    if image_shape is None:
        expected = z * model.table[t]
    else:
        expected = z.gather(1, model.table[t])
    torch.testing.assert_close(model.transformed(x, t), expected)


def test_every_name_is_known():
    assert len(SYMMETRIES) == len(REFLECTIONS) == 8
