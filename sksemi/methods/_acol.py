"""Auto-clustering output layer with graph-based activity regularization.

Kilinc and Uysal, "Learning Latent Representations in Neural Networks for Clustering
through Pseudo Supervision and Graph-based Activity Regularization", ICLR 2018.

A classifier of parents (eq. 1-3): features F of a row, activities Z = nodes(F) of k
softmax nodes per parent, and ::

    Y_p = sum of softmax(Z) over the nodes of parent p

Which node of its parent a row belongs to is unknown. The activities B = max(0, Z) are
made to show it themselves: with N_p = B_p' B_p over a batch, for the columns B_p of
parent p, affinity (eq. 11) is what the k nodes of a parent share, balance (eq. 12) how
equally they are used.

Without real parents, a parent is a transformation (eq. 8): every row is shown under one
of them, drawn again each time, and the network has to tell which (pseudo supervision).
Clusters are those of k-means on F of the rows as they are.

Objective (eq. 13), by the names that its terms have below:

    cross_entropy    -log Y_p of the right parent
    affinity         mean over parents of affinity(B_p)
    balance          1 - mean over parents of balance(B_p)
    frobenius        ||Z||_F^2, or ||B||_F^2 as printed there
    label            for labeled rows, cross-entropy of their class inside their
                     parent; not in the paper
"""

import math
from numbers import Integral, Real

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted
from torch import nn
from torch.nn import functional as F

from sksemi._engine.estimator import DeepClusterer, naming_class
from sksemi._engine.kmeans import named_kmeans
from sksemi._engine.sources import as_source
from sksemi._engine.training import Loss, diverged
from sksemi._nn.networks import (
    ACTIVATIONS,
    Convolutions,
    Units,
    custom,
    in_float64,
    mlp,
)
from sksemi._nn.precision import double
from sksemi._nn.transformations import check_transformations, reflection, symmetry
from sksemi._validation import (
    AUTO,
    COUNT,
    FLOAT32_MAX,
    NON_NEGATIVE,
    Interval,
    StrOptions,
    _fit_context,
)

# Rows whose features k-means sees.
_KMEANS_ROWS = 20_000
_SCORE_ROWS = 8192
RATE = Interval(Real, 0, 1, closed="left")


def split_nodes(z, n_parents):
    """Activities by parent: (n, k * P) -> (n, P, k).

    The only place that knows which node is whose: node j is of parent ``j % P``, as the
    pooling weights of equation 3, identity matrices one under the other, have it.
    """
    return z.unflatten(1, (-1, n_parents)).transpose(1, 2)


def log_parents(z):
    """Log Y, the pooled softmax of equation 3: (n, P, k) -> (n, P)."""
    return z.logsumexp(2) - z.flatten(1).logsumexp(1, keepdim=True)


def affinity(b):
    """How far the nodes of each parent are active on the same rows: (n, P, k) -> (P,).

    Equation 11 before its mean: the off-diagonal sum of ``N = B' B`` over
    ``(k - 1) trace N``, in [0, 1]; 0 where all are 0.
    """
    trace = b.square().sum((0, 2))
    off_diagonal = b.sum(2).square().sum(0) - trace
    return off_diagonal / ((b.shape[2] - 1) * trace).clamp(min=1e-12)


def balance(b):
    """How equally the nodes of each parent are used: (n, P, k) -> (P,).

    Equation 12 before its mean: with ``v`` the diagonal of ``B' B``,
    ``((sum v)^2 - sum v^2) / ((k - 1) sum v^2)``, in [0, 1]; 0 where all are 0.
    """
    v = b.square().sum(0)  # (P, k)
    v = v / v.sum(1, keepdim=True).clamp(min=1e-12)
    square = v.square().sum(1)
    return (v.sum(1).square() - square) / ((b.shape[2] - 1) * square).clamp(min=1e-12)


def count_nodes(n_duplicates, n_labels):
    """Nodes of each parent, at least one for each label."""
    if n_duplicates == "auto":
        return max(20, 2 * n_labels)
    if n_duplicates < n_labels:
        raise ValueError(
            f"n_duplicates={n_duplicates} is less than the {n_labels} labels in y, "
            f"each of which needs a node: set n_duplicates={n_labels} or more, or "
            '"auto".'
        )
    return n_duplicates


def check_rates(dropout):
    """Three rates of dropout, as a tuple."""
    if len(dropout) != 3 or not all(map(RATE.is_satisfied_by, dropout)):
        raise ValueError(
            f"dropout={dropout!r} must be three rates from 0 to below 1: after the "
            "first pooling, after the second, and on F."
        )
    return dropout


def share_clusters(n_clusters, label_parents, parent_counts):
    """Parent of each cluster, so that parents have about as many each.

    ``label_parents`` are those of the clusters that labels name, which come first; no
    parent gets more clusters than it has rows (``parent_counts``), or none.
    """
    n_parents = len(parent_counts)
    counts = np.bincount(label_parents, minlength=n_parents)
    added = []
    for _ in range(n_clusters - len(label_parents)):
        free = [p for p in range(n_parents) if counts[p] < parent_counts[p]]
        # the parent with the fewest clusters, of these the one with the most rows
        parent = min(free, key=lambda p: (counts[p], -parent_counts[p]))
        counts[parent] += 1
        added.append(parent)
    if counts.min() == 0:
        raise ValueError(
            f"n_clusters={n_clusters} leaves {np.sum(counts == 0)} of the {n_parents} "
            "parents without a cluster. Every parent needs one besides those that "
            f"labels name: set n_clusters to {n_clusters + np.sum(counts == 0)} or "
            "more."
        )
    return [*label_parents, *sorted(added)]


def convolutions(image_shape, feature_dim, activation, dropout, *, bfloat16):
    """Table 2 of the paper up to F, for any image from 8x8 pixels up.

    (n, C, H, W) -> (n, feature_dim). Where it would leave less than 4x4 pixels, the
    second pooling is left out. ``dropout`` are the rates after the two poolings.
    """
    n_in, *sides = image_shape
    layers = []
    for n_out, rate in zip((32, 64), dropout, strict=True):
        for n in (n_in, n_out):
            layers += [nn.Conv2d(n, n_out, 3, padding=1), activation()]
        if min(sides) >= 8:
            layers.append(nn.MaxPool2d(2))
            sides = [side // 2 for side in sides]
        layers.append(nn.Dropout(rate))
        n_in = n_out
    n_left = n_in * math.prod(sides)
    layers += [nn.Flatten(), nn.Linear(n_left, feature_dim), activation()]
    return Convolutions(layers, bfloat16)


def glorot_uniform(module):
    """Start dense and convolutional layers as Keras does."""
    if isinstance(module, nn.Linear | nn.Conv2d):
        nn.init.xavier_uniform_(module.weight)
        nn.init.zeros_(module.bias)


class ACOL(nn.Module):
    """Networks g (rows to F) and nodes (F to Z), the loss over a batch, and k-means."""

    def __init__(self, config):
        super().__init__()
        self.config = config
        n_features, n_clusters = config.n_features, config.n_clusters
        dim, n_parents = config.F_dim, config.n_parents
        self.n_features_out = dim
        # None with real parents
        self.transformations = config.pseudo_parents
        act = ACTIVATIONS[config.activation]
        *rates, rate = config.dropout_rates
        if config.network == "conv":
            self.g = nn.Sequential(
                nn.Unflatten(1, config.image_shape),
                convolutions(
                    config.image_shape, dim, act, rates, bfloat16=config.bfloat16
                ),
            )
        elif config.network == "mlp":
            sizes = [n_features, *config.hidden_layer_sizes, dim]
            self.g = mlp(sizes, act, activate_last=True)
        else:
            self.g = custom(config.network, n_features, dim)
        self.drop = nn.Dropout(rate)
        self.nodes = nn.Linear(dim, n_parents * config.n_nodes)
        if isinstance(config.network, str):
            self.g.apply(glorot_uniform)
        glorot_uniform(self.nodes)
        if self.transformations is not None:
            self._prepare_transformations(n_features)
        # Learned from the data before the first epoch.
        self.units = Units(n_features)
        # Learned from the features after training.
        centers = torch.zeros(n_clusters, dim, dtype=torch.double)
        self.register_buffer("centers", centers)
        self.register_buffer("scatter", torch.ones(n_parents, dtype=torch.double))
        # Whose each cluster is; without real parents all are of the identity.
        self.register_buffer("cluster_parents", torch.zeros(n_clusters).long())
        node_clusters = torch.zeros(n_parents, config.n_nodes).long()
        self.register_buffer("node_clusters", node_clusters)
        if not node_clusters.is_meta:
            self._share_nodes()

    def _prepare_transformations(self, n_features):
        names = [t if isinstance(t, str) else "identity" for t in self.transformations]
        if self.config.image_shape is None:
            table = torch.stack([reflection(name, n_features) for name in names])
        else:
            table = torch.stack(
                [symmetry(name, self.config.image_shape) for name in names]
            )
        self.register_buffer("table", table, persistent=False)

    def _share_nodes(self):
        """Nodes of each parent to its clusters in turn, -1 where it has none."""
        nodes = torch.arange(self.node_clusters.shape[1])
        shared = torch.full_like(self.node_clusters, -1)
        for p in range(self.config.n_parents):
            own = (self.cluster_parents == p).nonzero()[:, 0]
            if len(own):
                shared[p] = own[nodes.to(own.device) % len(own)]
        self.node_clusters.copy_(shared)

    # ------------------------------------------------------------- from rows to Z

    def standardized(self, x):
        """Rows in the data's units: (n, n_features) -> (n, n_features)."""
        return self.units(x) if self.config.standardize else x

    def transformed(self, x, t):
        """Each row under the transformation that t (n,) names, standardized."""
        if not all(isinstance(name, str) for name in self.transformations):
            every = [self._called(name, x) for name in self.transformations]
            x = torch.stack(every, 1)[torch.arange(len(x), device=x.device), t]
        x = self.standardized(x)
        if self.config.image_shape is None:
            return x * self.table[t]
        return x.gather(1, self.table[t])

    def _called(self, transformation, x):
        if isinstance(transformation, str):
            return x
        if self.config.image_shape is None:
            return transformation(x)
        return transformation(x.unflatten(1, self.config.image_shape)).flatten(1)

    def encode(self, x):
        """Features F of rows as they are: (n, n_features) -> (n, feature_dim)."""
        return self.g(self.standardized(x))

    def activities(self, features):
        """Z by parent: (n, feature_dim) -> (n, P, k)."""
        return split_nodes(self.nodes(features), self.config.n_parents)

    # ------------------------------------------------------------------- training

    def loss(self, batch, epoch):
        """Terms and monitors of a batch, whose first rows have labels.

        Those rows are untransformed, and come on top of the paper's batch: they are in
        no cross-entropy of parents, which they would throw out of balance.
        """
        x, y, n = batch.x, batch.y, len(batch.y)
        if self.transformations is None:
            x, parents = self.standardized(x), batch.parents
        else:
            n_drawn = len(x) - n
            drawn = torch.randint(self.config.n_parents, (n_drawn,), device=x.device)
            parents = torch.cat([torch.zeros_like(y), drawn])
            x = self.transformed(x, parents)
        z = self.activities(self.drop(self.g(x)))  # (n, P, k)
        b = z.relu()
        log_y = log_parents(z[n:])  # (n_pool, P)
        penalized = b if self.config.frobenius_of == "B" else z
        terms = {
            "cross_entropy": F.nll_loss(log_y, parents[n:]),
            "affinity": affinity(b).mean(),
            "balance": 1 - balance(b).mean(),
            "frobenius": penalized.square().sum(),
        }
        if self.config.n_labels:
            terms["label"] = self.label_loss(z[:n], y, parents[:n])
        right = log_y.detach().argmax(1) == parents[n:]
        return Loss(terms, {"parent_accuracy": right.float().mean()})

    def label_loss(self, z, y, parents):
        """Cross-entropy of the class within the row's parent, nodes pooled by class."""
        rows = torch.arange(len(y), device=y.device)
        z = z[rows, parents]  # (n_labeled, k)
        named = self.node_clusters[parents] == y[:, None]
        # not -inf, which has no gradient
        of_class = torch.where(named, z, torch.finfo(z.dtype).min / 4)
        return (z.logsumexp(1) - of_class.logsumexp(1)).mean()

    def before_epoch(self, data, epoch):
        """Units of the data, and with real parents whose each cluster is."""
        if self.transformations is None:
            self._share_clusters(data.codes, data.parents)
        if epoch == 0 and self.config.standardize:
            # One mean for all pixels, so that it does not matter where they are.
            self.units.fit(data, pooled=self.config.image_shape is not None)

    def _share_clusters(self, codes, parents):
        of_label = []
        for label in range(self.config.n_labels):
            own = parents[codes == label].unique().tolist()
            if len(own) > 1:
                raise ValueError(
                    f"Rows of one label of y (number {label} in their order, from 0) "
                    f"have {len(own)} different parents. A cluster lies inside one "
                    "parent: give the label's rows one parent, or the label different "
                    "names in different parents."
                )
            of_label += own
        counts = parents.bincount(minlength=self.config.n_parents).tolist()
        shared = share_clusters(self.config.n_clusters, of_label, counts)
        self.cluster_parents.copy_(torch.tensor(shared))
        self._share_nodes()

    @torch.no_grad()
    def after_training(self, data):
        """Cluster F of the untransformed rows by k-means, within each parent."""
        self.eval()
        rng = np.random.RandomState(int(torch.randint(2**31 - 1, ())))
        parents, n_labels = data.parents, self.config.n_labels
        if self.transformations is not None:
            parents = data.codes.new_zeros(1).expand(len(data.codes))
        chosen = self._choose_rows(parents, rng)
        features = np.empty((int(chosen.sum()), self.n_features_out), np.float32)
        of_row = np.empty(len(features), np.int64)
        n = 0
        sums = self.centers.new_zeros(n_labels + 1, self.n_features_out)
        for part in data.parts():
            here = chosen[part.index]
            read = here | (part.codes >= 0)
            f = self.encode(part.x[read])
            sums.index_add_(0, (part.codes[read] + 1).to(sums.device), double(f))
            new = slice(n, n + int(here.sum()))
            features[new] = f[here[read]].cpu().numpy()
            of_row[new] = parents[part.index][here].cpu().numpy()
            n = new.stop
        counts = (data.codes + 1).bincount(minlength=n_labels + 1).to(sums.device)
        means = (sums / counts[:, None].clamp(min=1))[1:].cpu().numpy()
        largest = np.maximum(features.max(), -features.min())
        # k-means sums squares in float32
        if not (
            largest < (FLOAT32_MAX / features.size) ** 0.5 and np.isfinite(means).all()
        ):
            raise diverged("The trained network is non-finite")
        of_cluster = self.cluster_parents.cpu().numpy()
        for p in np.unique(of_cluster):
            clusters = np.flatnonzero(of_cluster == p)
            own = of_row == p
            centers, scatter = named_kmeans(
                features if own.all() else features[own],
                len(clusters),
                means[clusters[clusters < n_labels]],
                self.config.kmeans_n_init,
                rng,
            )
            self.centers[clusters] = torch.from_numpy(centers).to(self.centers)
            self.scatter[p] = max(scatter, 1e-12)

    def _choose_rows(self, parents, rng):
        """Mask of the rows for k-means: a limited number, divided among the parents."""
        chosen = torch.ones_like(parents, dtype=torch.bool)
        if len(parents) <= _KMEANS_ROWS:
            return chosen
        # transformed rows are not clustered
        present = parents.bincount().nonzero()[:, 0].tolist()
        n_each = max(_KMEANS_ROWS // len(present), self.config.n_clusters)
        for p in present:
            own = (parents == p).nonzero()[:, 0].cpu().numpy()
            left_out = rng.permutation(own)[n_each:]
            chosen[torch.from_numpy(left_out).to(chosen.device)] = False
        return chosen

    # ----------------------------------------------- what the estimator asks for

    def predict_proba(self, x):
        """Probability of each cluster: (n, n_features) -> (n, K), float64."""
        return self.log_probabilities(self.encode(x)).exp()

    def log_probabilities(self, features):
        """Log Y_p plus the log-softmax, inside p, of how near each cluster is.

        That is minus the scaled squared distance; where labels name every cluster,
        which their nodes have learned, the log-sum-exp of its nodes' activities.
        """
        device = self.centers.device
        clusters = torch.arange(self.config.n_clusters, device=device)
        parents = self.cluster_parents.to(device)  # (K,)
        if self.config.n_labels == self.config.n_clusters:
            z = split_nodes(in_float64(self.nodes, features), self.config.n_parents)
            own = self.node_clusters.to(device)[parents] == clusters[:, None]
            z = double(z)[:, parents]  # (n, K, k)
            near = z.masked_fill(~own, -torch.inf).logsumexp(2)  # (n, K)
        else:
            distance = torch.cdist(double(features), self.centers)  # (n, K)
            near = -distance.square() / self.scatter[parents]
        if self.transformations is not None:
            return near.log_softmax(1)
        own = F.one_hot(parents, self.config.n_parents).bool()  # (K, P)
        inside = near[:, :, None].masked_fill(~own, -torch.inf).log_softmax(1)
        log_y = log_parents(double(self.activities(features)))  # (n, P)
        return (inside + log_y[:, None])[:, clusters, parents]

    def features_and_error(self, x):
        """F, then squared distance to the row's own center: (n, feature_dim + 1)."""
        features = self.encode(x)
        own = self.centers[self.log_probabilities(features).argmax(1)]
        features = double(features)
        error = (features - own).square().sum(1, keepdim=True)
        return torch.cat([features, error], 1)


class ACOLClusterer(DeepClusterer):
    """Clusters from pseudo supervision: auto-clustering output layer.

    Clusters images without labels: a network learns to recognize the rotation or
    reflection of each image, several softmax nodes share every answer and are pushed to
    specialize, and k-means clusters the features that it learns for this. With a
    coarse label for every row (``parents``) in place of the rotations, it finds the
    groups inside each coarse class. Fine labels for some rows may help and name
    clusters.

    Read more in the :ref:`User Guide <acol>`.

    Parameters
    ----------
    n_clusters : int or None, default=None
        Total number of clusters. None means the number of distinct labels
        in y, or 8 without labels. Real parents get as equal a share as labels allow.

    n_duplicates : int or "auto", default="auto"
        Softmax nodes per parent, k_s in the paper; at least as many as there are
        labels. "auto" is 20, or twice the number of labels if that is more.

    transformations : "auto" or list of (str or callable), default="auto"
        Makes the pseudo parents; not used with real parents. "auto": for square
        images the paper's eight rotations and reflections; for other images the four
        that keep the shape; for tables up to eight reflections, each of which flips
        the signs of some centered features. A list has names, the first being
        "identity": for images "rotate_90", "rotate_180", "rotate_270", "flip" (left to
        right), "flip_rotate_90", "flip_rotate_180", "flip_rotate_270", for tables
        "reflect_1" to "reflect_7". A callable takes a batch, a tensor of shape
        (n, channels, height, width) or (n, n_features) divided by ``scale_``, and
        returns one of the same shape.

    feature_dim : int or "auto", default="auto"
        Number of features F that ``transform`` returns. "auto" is the paper's 2048
        for "conv", else 256.

    network : {"auto", "mlp", "conv"} or callable, default="auto"
        Network from rows to F. "auto" is "conv" if X is image-shaped or
        ``image_shape`` is given, else "mlp". "conv" is the paper's, for any image from
        8x8 pixels. A callable is called as ``network(in_features, out_features)`` and
        returns an ``nn.Module`` on rows.

    hidden_layer_sizes : array-like of int, default=(256,)
        Widths of the hidden layers of "mlp" before F.

    activation : {"leaky_relu", "relu", "gelu", "tanh"}, default="relu"
        Activation of "conv" and "mlp".

    image_shape : tuple of (channels, height, width), default=None
        Shape of the image in each row, for 2-D X, as in a Pipeline.

    dropout : array-like of three floats, default=(0.2, 0.3, 0.5)
        Dropout rates after the first pooling, after the second, and on F in
        training; "mlp" and callables have only the last.
    cross_entropy_weight : float, default=1.0
        Weight of the cross-entropy of parents.
    affinity_weight : float, default=0.1
        Weight of affinity, c_alpha in the paper.
    balance_weight : float, default=1.0
        Weight of 1 - balance, c_beta in the paper.
    frobenius_weight : float, default=1e-6
        Weight of the sum of squared activities over a batch, c_F in the paper.
    label_weight : float, default=1.0
        Weight of the labeled rows' cross-entropy, absent without labels.
    frobenius_of : {"B", "Z"}, default="Z"
        The activities that ``frobenius_weight`` is for: their positive part (the
        paper's equation 13), or all, as in the authors' published code, which reaches
        their figure on USPS.
    kmeans_n_init : int, default=30
        Number of k-means starts on F; the paper gives none. Named clusters start
        at the means of their labeled rows.
    max_iter : int, default=100
        Number of epochs, each a pass over all rows; 400 in figure 3.
    batch_size : int, default=200
        Rows in a training step; 400 in the paper. Affinity and balance are computed
        over a batch, and change with its size. Up to half of the rows are labeled,
        drawn balanced over the labels.
    learning_rate : float, default=1e-3
        Step size of Adam.

    tol : float, default=1e-4
        Smallest decrease of the training loss that counts for ``n_iter_no_change``.
    n_iter_no_change : int or None, default=None
        Stop when the training loss has not decreased by ``tol`` for this many epochs.
        None runs all ``max_iter`` epochs.
    n_init : int, default=1
        Number of restarts; that of lowest loss over an evaluation pass is kept.
    n_jobs : int or None, default=None
        Processes that run the restarts, by joblib; None is one, -1 all cores. A fit
        with callbacks runs them in turn.
    warm_start : bool, default=False
        Whether fit continues for ``max_iter`` more epochs, from the last fit's weights,
        optimizer and random state: with the same data and parameters, the result is
        that of one longer fit. Weights of the loss, ``learning_rate``, ``batch_size``
        and ``precision`` may change; nothing else the network was built from may.
    precision : {"auto", "float32", "bfloat16"}, default="auto"
        Arithmetic of "conv" in training; "auto" is bfloat16 if the device has it in
        hardware. Weights and inference are float32.
    device : str or torch.device, default="auto"
        "auto" is the CUDA GPU if there is one; or "cpu", "cuda", "cuda:1", "mps".
    verbose : int, default=0
        Whether to print a line per epoch.
    random_state : int, RandomState instance or None, default=None
        Seed of weights, batches, transformations and k-means. The same int gives the
        same result on a CPU with the same number of torch threads.

    Attributes
    ----------
    cluster_centers_ : ndarray of shape (n_clusters, feature_dim)
        Centers of the clusters among the features F.
    classes_ : ndarray of shape (n_clusters,)
        One entry per cluster: the labels of y, sorted, then new ones.
    labels_ : ndarray of shape (n_samples,)
        Result of ``predict`` for the training rows.
    parents_ : ndarray of shape (n_parents,)
        The distinct parents, sorted; only after a fit with ``parents``.
    cluster_parents_ : ndarray of shape (n_clusters,)
        The parent of each cluster, an entry of ``parents_``; only after a fit with
        ``parents``.
    history_ : list of dict
        One row per epoch: ``loss``, which is minimized; each term, unweighted, in its
        own unit (``cross_entropy``, ``affinity``, ``balance``, ``frobenius``,
        ``label``); ``parent_accuracy``, the fraction of rows whose parent was predicted
        correctly; ``seconds``.
    model_ : nn.Module
        The trained networks, on the CPU.
    scale_ : float
        Divisor of the rows: 255 after a fit on uint8, else 1.
    n_iter_ : int
        Number of epochs run.
    n_features_in_ : int
        Number of features of a row; channels times height times width for images.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns of X, if they are all strings.

    See Also
    --------
    sklearn.cluster.KMeans : k-means on the rows themselves.
    sksemi.GMVAEClusterer : Clusters rows and draws new ones.

    Notes
    -----
    k-means is fitted on the features of the training rows (at most 20,000 of them,
    drawn at random), and ``predict`` uses its centers; the paper fits it on the test
    rows themselves. If labels name every cluster, ``predict`` instead returns the class
    whose nodes are most active.

    Differences from the paper: tables, labels and probabilities, which it does not
    have. Tables, and images with values outside [0, 1], are centered and divided by
    one common unit inside; images below 16 pixels are pooled once. Parameters say where
    their defaults differ from the paper's.

    References
    ----------
    O. Kilinc and I. Uysal, "Learning Latent Representations in Neural Networks for
    Clustering through Pseudo Supervision and Graph-based Activity Regularization",
    ICLR 2018.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sksemi import ACOLClusterer
    >>> X = load_digits().images[:500] / 16
    >>> est = ACOLClusterer(10, max_iter=2, random_state=0).fit(X)
    >>> est.predict(X).shape, est.transform(X).shape
    ((500,), (500, 2048))
    >>> bool(est.score(X) > 0)  # scatter of the features that the clusters explain
    True
    """

    _Module = ACOL
    _pool = "all"
    _config_constraints = {
        "n_nodes": [COUNT],
        "dropout_rates": [tuple],
        "F_dim": [COUNT],
        "n_parents": [COUNT],
        "pseudo_parents": [tuple, None],
        "standardize": ["boolean"],
    }

    _parameter_constraints = {
        **DeepClusterer._parameter_constraints,
        "n_duplicates": [Interval(Integral, 2, None, closed="left"), AUTO],
        "transformations": ["array-like", AUTO],
        "feature_dim": [COUNT, AUTO],
        "dropout": ["array-like"],
        "cross_entropy_weight": [NON_NEGATIVE],
        "affinity_weight": [NON_NEGATIVE],
        "balance_weight": [NON_NEGATIVE],
        "frobenius_weight": [NON_NEGATIVE],
        "label_weight": [NON_NEGATIVE],
        "frobenius_of": [StrOptions({"B", "Z"})],
        "kmeans_n_init": [COUNT],
    }

    def __init__(
        self,
        n_clusters=None,
        *,
        n_duplicates="auto",
        transformations="auto",
        feature_dim="auto",
        network="auto",
        hidden_layer_sizes=(256,),
        activation="relu",
        image_shape=None,
        dropout=(0.2, 0.3, 0.5),
        cross_entropy_weight=1.0,
        affinity_weight=0.1,
        balance_weight=1.0,
        frobenius_weight=1e-6,
        label_weight=1.0,
        frobenius_of="Z",
        kmeans_n_init=30,
        max_iter=100,
        batch_size=200,
        learning_rate=1e-3,
        tol=1e-4,
        n_iter_no_change=None,
        n_init=1,
        n_jobs=None,
        warm_start=False,
        precision="auto",
        device="auto",
        verbose=0,
        random_state=None,
    ):
        self.n_clusters = n_clusters
        self.n_duplicates = n_duplicates
        self.transformations = transformations
        self.feature_dim = feature_dim
        self.network = network
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.image_shape = image_shape
        self.dropout = dropout
        self.cross_entropy_weight = cross_entropy_weight
        self.affinity_weight = affinity_weight
        self.balance_weight = balance_weight
        self.frobenius_weight = frobenius_weight
        self.label_weight = label_weight
        self.frobenius_of = frobenius_of
        self.kmeans_n_init = kmeans_n_init
        self.max_iter = max_iter
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.n_init = n_init
        self.n_jobs = n_jobs
        self.warm_start = warm_start
        self.precision = precision
        self.device = device
        self.verbose = verbose
        self.random_state = random_state

    @naming_class
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, parents=None):
        """Fit the model to rows of which some, all or none carry a label.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), (n_samples, H, W) or \
                (n_samples, C, H, W)
            Rows, scipy's sparse ones too, or images. uint8 values are divided by 255.
        y : array-like of shape (n_samples,), default=None
            Labels, -1 for rows without one; None means no labels at all. Strings and
            bools go into an object array beside the integer -1. Masked entries are
            refused: ``y.filled(-1)``.
        parents : array-like of shape (n_samples,), default=None
            A coarse label of every row, in place of transformations: clusters are
            found inside each. None means that there are none.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            For unusable X, y, parents or parameters; the message names the remedy.
        FloatingPointError
            If the loss becomes non-finite. After any error the estimator is as it
            was before the call.
        """
        return self._fit(X, y, parents)

    def _module_config(self, rows, config, weights):
        pseudo_parents = None
        if rows.parents is None:
            x = as_source(rows.X)[:8].to(torch.float32) / self._divisor(rows.X)
            pseudo_parents = check_transformations(
                config["transformations"], x, rows.image_shape
            )
        names = rows.parent_names if pseudo_parents is None else pseudo_parents
        wide = 2048 if config["network"] == "conv" else 256
        F_dim = config["feature_dim"]
        return {
            "n_nodes": count_nodes(config["n_duplicates"], rows.n_labels),
            "dropout_rates": check_rates(config["dropout"]),
            "F_dim": wide if F_dim == "auto" else F_dim,
            "n_parents": len(names),
            "pseudo_parents": pseudo_parents,
            "standardize": rows.image_shape is None or not rows.in_unit_interval,
        }

    @staticmethod
    def _check_saved(config, weights):
        for name, lowest, highest in [
            ("cluster_parents", 0, config["n_parents"]),
            ("node_clusters", -1, config["n_clusters"]),
        ]:
            if not ((weights[name] >= lowest) & (weights[name] < highest)).all():
                return f"{name} has entries that are not from {lowest} to {highest - 1}"

    @property
    def cluster_centers_(self):
        """Centers of the clusters among the features F."""
        check_is_fitted(self)
        return self.model_.centers.numpy()

    @property
    def cluster_parents_(self):
        """The parent of each cluster, after a fit with parents."""
        check_is_fitted(self)
        return self.parents_[self.model_.cluster_parents.numpy()]

    @naming_class
    def fit_predict(self, X, y=None, parents=None):
        """Fit, and return the cluster of each row: see `fit`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or image-shaped
        y : array-like of shape (n_samples,), default=None
            Labels, -1 for rows without one.
        parents : array-like of shape (n_samples,), default=None
            A coarse label of every row.

        Returns
        -------
        ndarray of shape (n_samples,)
            ``labels_``.
        """
        return self.fit(X, y, parents).labels_

    def activations(self, X, transformation=0):
        """Activities Z of the softmax nodes, parent by parent.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or image-shaped
        transformation : int, default=0
            Number of the transformation under which rows are shown. 0 leaves them as
            they are, and is the only one with real parents.

        Returns
        -------
        ndarray of shape (n_samples, n_parents, n_duplicates)
            Before the softmax over all nodes (Z of the paper).

        Raises
        ------
        ValueError
            If there is no transformation of that number.
        """
        fit, X = self._checked(X)
        n_parents = fit._config["n_parents"]
        number = 1 if fit.model_.transformations is None else n_parents
        if not Interval(Integral, 0, number, closed="left").is_satisfied_by(
            transformation
        ):
            raise ValueError(
                f"transformation={transformation!r} must be an integer from 0 to "
                f"{number - 1}, a position in transformations."
            )

        def activities(model, x):
            if transformation == 0:
                return model.activities(model.encode(x))
            t = torch.full((len(x),), transformation, device=x.device)
            return model.activities(model.g(model.transformed(x, t)))

        return fit._infer(X, activities)

    def _objective(self, X):
        """Part of the scatter of F that the clusters explain; 0 if F is constant."""
        total, square, error = 0.0, 0.0, 0.0
        for start in range(0, X.shape[0], _SCORE_ROWS):
            part = self._infer(
                X[start : start + _SCORE_ROWS],
                lambda model, x: model.features_and_error(x),
            )
            # from one center, for the sake of rounding
            features = part[:, :-1] - self.cluster_centers_[0]
            total = total + features.sum(0)
            square += np.square(features).sum()
            error += part[:, -1].sum()
        scatter = square - np.square(total).sum() / X.shape[0]
        # equal rows leave what rounding does; float32 knows no scatter so small
        return float(1 - error / scatter) if scatter > 1e-12 * square else 0.0
