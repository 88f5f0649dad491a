"""Categorical VAE with assignment and feature losses.

Figueroa & Rivera, "Learning to Cluster with Auxiliary Tasks: A Semi-Supervised
Approach", Conference on Graphics, Patterns and Images (SIBGRAPI) 2017.

Generative model (section III)::

    p(C) = uniform over K clusters,  p(x|f, C) Gaussian around a decoder's image

Inference model (eq. 2, 4, 7): deterministic features f(x), non-negative and of unit
norm, then

    q(C|f) categorical with logits l(f), sampled as Gumbel-softmax c (eq. 6)

Terms of the loss (eq. 8), each about in [0, 1], under the names they have below:

    reconstruction   L_R (eq. 11), squared error, mean over pixels
    categorical      L_C (eq. 14), KL(q(C|f) || uniform) / log K
    assignment       L_A (eq. 16) of c or q(C|f) with the labels, and with labels
                     assigned by the nearest labeled features of the batch, in another
                     view of it where rows are noised or shifted
    feature          L_F (eq. 17, 18), distance to the labeled features of the assigned
                     cluster
    separation       lifted structured loss with those labels on f before it is given
                     unit norm; not in the paper

For clusters that no label names (all of them if there are no labels), k-means on the
features of every epoch gives a center that replaces labeled features (the paper names
k-means as future work; this form is ours).
"""

import math

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from sksemi._engine.estimator import DeepClusterer
from sksemi._engine.generative import ReconstructMixin
from sksemi._engine.kmeans import UnnamedCenters
from sksemi._engine.training import Loss
from sksemi._nn.augment import Augment
from sksemi._nn.losses import (
    categorical_kl_to_uniform,
    count_neighbors,
    lifted_structured_loss,
)
from sksemi._nn.networks import ACTIVATIONS, Units, decoder, encoder, in_float64, mlp
from sksemi._nn.precision import double
from sksemi._nn.schedules import halving
from sksemi._nn.statistics import collect_statistics
from sksemi._nn.trust import Trust
from sksemi._validation import (
    AUTO,
    COUNT,
    FRACTION,
    NON_NEGATIVE,
    NON_NEGATIVE_COUNT,
    POSITIVE,
    StrOptions,
)

# Section V-A at 28x28: filters, kernel, stride.
CONVOLUTIONS = ((16, 6, 1), (32, 6, 1), (64, 4, 2))
# Training steps after which halving_period="auto" halves the learning rate.
HALVING_STEPS = 500


def categorical_loss(logits):
    """KL(q || uniform), 0 (uniform) to 1 (one-hot): logits (n, K) -> (n,).

    Equation 14, ``sum_k q_k log(K q_k) / log K``; 0 for a single cluster.
    """
    n_clusters = logits.shape[1]
    return categorical_kl_to_uniform(logits) / max(math.log(n_clusters), 1e-12)


def assignment_loss(proba, labels):
    """Penalty for what is not in the assigned cluster, in [0, 1]: (n, K), (n,) -> (n,).

    ``proba`` are probabilities or Gumbel-softmax samples. Equation 16, with the
    constant 1 inside the sum over other clusters, without logarithms:
    ``tanh(-log p) = (1 - p**2) / (1 + p**2)`` for the assigned cluster and
    ``1 + tanh(log p) = 2 p**2 / (1 + p**2)`` for each other, halved.
    """
    square = proba.square()
    wrong = 2 * square / (1 + square)  # (n, K); 1 - wrong is the assigned one's term
    right = wrong.gather(1, labels[:, None])[:, 0]
    return (1 - 2 * right + wrong.sum(1)) / 2


def feature_distances(features, representatives, labels, n_clusters):
    """Mean distance of each feature to the representatives of each cluster: (n, K).

    Equation 18: D(f, r), in [0, 1], for ``features`` (n, f) and ``representatives``
    (m, f), both non-negative and of unit norm, and the cluster of each of these
    (``labels``); 0 for a cluster without one.
    """
    # exact differences: a feature is at distance 0 from itself, with gradient 0 there
    distance = torch.cdist(
        features, representatives, compute_mode="donot_use_mm_for_euclid_dist"
    )
    of_cluster = F.one_hot(labels, n_clusters).to(distance.dtype)
    return distance @ (of_cluster / of_cluster.sum(0).clamp(min=1)) / math.sqrt(2)


def to_unit_norm(embedding):
    """Features of unit norm; a dead one stays 0, with a finite gradient."""
    norm = embedding.norm(dim=1, keepdim=True).clamp(min=1e-6)
    # a norm that leaves float32 must not make a live feature dead
    return embedding / norm.masked_fill(norm.isinf(), torch.nan)


def with_mean_norm(embedding):
    """Embeddings with one more coordinate, the mean norm of the batch: (n, f + 1).

    Unit norm then keeps of an embedding's length what tells it from that mean.
    """
    norm = torch.linalg.vector_norm(embedding, dim=1).mean()
    return torch.cat([embedding, norm.expand(len(embedding), 1)], 1)


def nearest_neighbor_accuracy(features, labels):
    """Fraction of the rows whose nearest other row has the same label: (n, f), (n,)."""
    distance = torch.cdist(
        features, features, compute_mode="donot_use_mm_for_euclid_dist"
    )
    distance.fill_diagonal_(torch.inf)
    return (labels[distance.argmin(1)] == labels).float().mean()


def lecun_normal_(module):
    """Start a linear or convolutional layer with variance 1 / fan-in, without offset.

    LeCun et al. (1998). For use with ``nn.Module.apply``; other modules are left alone.

    Parameters
    ----------
    module : nn.Module
    """
    if isinstance(module, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
        # a transposed kernel has its inputs on the first axis
        mode = "fan_out" if isinstance(module, nn.ConvTranspose2d) else "fan_in"
        nn.init.kaiming_normal_(module.weight, mode=mode, nonlinearity="linear")
        if module.bias is not None:
            nn.init.zeros_(module.bias)


class CatVAE(nn.Module):
    """Networks f, q_c and p_x, and the loss over a batch."""

    def __init__(self, config):
        super().__init__()
        self.config = config
        dim, K = config.feature_dim, config.n_clusters
        self.n_features_out = dim
        act = ACTIVATIONS[config.activation]
        self.augment = Augment(
            config.input_noise, config.max_shift, config.image_shape, config.n_labels
        )
        last = nn.ReLU if config.network == "conv" else act
        self.f = encoder(config, CONVOLUTIONS, dim, last, bias=True)
        mirror = decoder(config, CONVOLUTIONS, dim, act, bias=True)
        self.q_c = mlp([dim, dim, max(dim // 2, 1), K], act)
        self.p_x = nn.Sequential(nn.Linear(dim + K, dim), mirror)
        if not callable(config.network):
            self.apply(lecun_normal_)
        self.is_gaussian = config.likelihood == "gaussian"
        if self.is_gaussian:
            self.units = Units(config.n_features)
        self.unnamed = UnnamedCenters(config.n_labels, K, dim)
        self.trust = Trust()

    def bounded(self, x):
        """Rows to learn from: under "gaussian", those far outside are drawn in."""
        return self.units.bounded(x) if self.is_gaussian else x

    def embed(self, x):
        """Features before they are given unit norm: (n, n_features) -> (n, f)."""
        return self.f(self.augment.noise(self.encoded(x))).relu()

    def encoded(self, x):
        """Rows as the encoder sees them: (n, n_features) -> the same."""
        return self.units(x) if self.is_gaussian else x

    def encode(self, x):
        """Features f: (n, n_features) -> (n, feature_dim), of unit norm."""
        return to_unit_norm(self.embed(x))

    def decode(self, features, c):
        """Mean of p(x|f, C): (n, feature_dim), (n, K) -> (n, n_features)."""
        h = self.p_x(torch.cat([features, c], 1))
        if self.is_gaussian:
            return self.units.inverse(h)
        return torch.sigmoid(h)

    def reconstruction(self, x, x_hat):
        """L_R of each row, in units of the data: (n,)."""
        error = (x - x_hat).square().mean(1)
        if self.is_gaussian:
            error = error / self.units.unit.square()
        return error

    def loss(self, batch, epoch):
        """Terms and monitors of a batch, whose first rows have labels."""
        y, n_labeled, n_clusters = batch.y, len(batch.y), self.config.n_clusters
        x = self.augment.shift(self.bounded(batch.x))
        embedding = self.embed(x)  # (n, f)
        features = to_unit_norm(embedding)
        logits = self.q_c(features)  # (n, K)
        c = F.gumbel_softmax(logits, self.config.temperature)
        k = count_neighbors(self.config.n_neighbors, n_labeled, self.config.n_labels)
        with torch.no_grad():
            view = embedding
            if self.augment.changes_rows and n_labeled < len(x):
                view = self.f(self.augment.view(self.encoded(batch.x))).relu()
            if self.config.n_labels == n_clusters and self.config.image_shape is None:
                view = with_mean_norm(view)  # which centers, being features, have not
            view = to_unit_norm(view)
            assigned = self.unnamed.assign(view, y, k, epoch)  # (n,)
        representatives, clusters = self.unnamed.beside(features[:n_labeled], y, k)
        distance = feature_distances(
            features, representatives, clusters, n_clusters
        )  # (n, K)
        distance = distance.gather(1, assigned[:, None])[:, 0]
        error = assignment_loss(
            c if self.config.assignment == "sample" else logits.softmax(1), assigned
        )
        weight = self.trust(len(x), n_labeled)
        # of images, reconstructing the labeled rows each time is a third of all work
        fair = batch.fair() if self.config.image_shape else slice(None)
        decoded = self.decode(features[fair], c[fair])
        terms = {
            "reconstruction": self.reconstruction(x[fair], decoded).mean(),
            "categorical": categorical_loss(logits[fair]).mean(),
            "assignment": (weight * error).sum() / weight.sum(),
            "feature": self.share(weight * distance, n_labeled),
            "separation": lifted_structured_loss(
                embedding, assigned, self.config.margin, weight
            ),
        }
        monitors = {}
        if n_labeled < len(x):
            agree = logits.detach().argmax(1) == assigned
            monitors["agreement"] = agree[n_labeled:].float().mean()
        if n_labeled > 1:
            monitors["neighbor_accuracy"] = nearest_neighbor_accuracy(
                view[:n_labeled].detach(), y
            )
        return Loss(terms, monitors)

    def share(self, values, n_labeled):
        """Equation 17: alpha times the labeled mean, 1 - alpha times the other's."""
        alpha = self.config.alpha
        labeled, unlabeled = values[:n_labeled], values[n_labeled:]
        return alpha * labeled.sum() / max(len(labeled), 1) + (
            1 - alpha
        ) * unlabeled.sum() / max(len(unlabeled), 1)

    @torch.no_grad()
    def before_epoch(self, data, epoch):
        """Units of the data, and centers of the clusters that no label names."""
        if epoch == 0:
            if self.is_gaussian:
                self.units.fit(data)
            self.augment.fit(data, self.encoded)
        self.train()
        self.unnamed.find(self.encode, self.bounded, data, epoch)

    def after_training(self, data):
        """Statistics of batch norm, from all rows."""
        inputs = self.bounded
        collect_statistics(self, lambda x: self.embed(inputs(x)), data, of=self.f)

    # ----------------------------------------------- what the estimator asks for

    def predict_proba(self, x):
        """q(C|f): (n, n_features) -> (n, K), float64."""
        return double(in_float64(self.q_c, self.encode(x))).softmax(1)

    def reconstruct(self, x):
        """Mean of p(x|f, C) at the probabilities q(C|f)."""
        features = self.encode(x)
        return self.decode(features, in_float64(self.q_c, features).softmax(1))

    def objective(self, x):
        """Minus the sum of L_R and L_C of each row, C at its probabilities: (n,)."""
        features = self.encode(x)
        logits = self.q_c(features)
        x_hat = self.decode(features, logits.softmax(1))
        return double(-(self.reconstruction(x, x_hat) + categorical_loss(logits)))


class CatVAEClusterer(ReconstructMixin, DeepClusterer):
    """Categorical VAE with assignment and feature losses.

    Clusters rows, or classifies them from few labels, with an autoencoder whose code is
    a feature vector of unit norm and a category. Every unlabeled row is assigned the
    label of its nearest labeled rows in feature space. The category learns this label,
    and features move toward the labeled ones of their cluster. Without labels, centers
    of k-means on the features take their place.

    Read more in the :ref:`User Guide <catvae>`.

    Parameters
    ----------
    n_clusters : int or None, default=None
        Number of clusters. None means the number of distinct labels in y, or 8 without
        labels. Clusters beyond the labels find groups that no label names.

    feature_dim : int, default=50
        Number of features that ``transform`` returns.

    network : {"auto", "mlp", "conv"} or callable, default="auto"
        Network from rows to features; that from features to rows mirrors it. "auto" is
        "conv" if X is image-shaped or ``image_shape`` is given, else "mlp". "conv" is
        the paper's, fitted to any image from 8x8 pixels. A callable is called as
        ``network(in_features, out_features)`` for both and returns an ``nn.Module``
        on rows.

    hidden_layer_sizes : array-like of int, default=(512,)
        Widths of the hidden layers of "mlp"; the decoder has them in reverse.

    activation : {"leaky_relu", "relu", "gelu", "tanh"}, default="relu"
        Activation of "mlp" and of the small network from features to categories.

    image_shape : tuple of (channels, height, width), default=None
        Shape of the image in each row, for 2-D X, as in a Pipeline.

    likelihood : {"auto", "mse", "gaussian"}, default="auto"
        "mse", for values in [0, 1]: squared error around a sigmoid, as in the paper.
        "gaussian": squared error without sigmoid; rows are centered and divided by one
        common unit inside. "auto" is "mse" if all of X lies in [0, 1], else "gaussian".

    n_neighbors : int or "auto", default="auto"
        Labeled neighbors in the batch that vote for a row's label, by 1 / distance.
        "auto" is half the number of rows per label in the batch, from 1 to 5; the
        paper's is 1.

    assignment : {"probability", "sample"}, default="probability"
        What the assignment loss compares with the assigned labels: the probabilities
        q(C|f), or their Gumbel-softmax sample, as in the paper.

    temperature : float, default=1.0
        Temperature of the Gumbel-softmax.

    alpha : float, default=0.6
        Share of the labeled rows in the feature loss, between 0 and 1.

    margin : float, default=2.0
        Margin of the lifted structured loss, a Euclidean distance.

    reconstruction_weight : float, default=20.0
        Weight of the squared error, the mean over features. The paper's is 1.

    categorical_weight : float, default=1.0
        Weight of KL(q(C|f) || uniform) / log K.

    assignment_weight : float, default=5.0
        Weight of the assignment loss.

    feature_weight : float, default=1.0
        Weight of the distance to labeled features of the same cluster.

    separation_weight : float, default=5.0
        Weight of the lifted structured loss, which pulls the rows of each label
        together and pushes others away, on features before normalization to unit norm.
        Not in the paper.

    input_noise : float or "auto", default="auto"
        Standard deviation of Gaussian noise on the encoder's input in training,
        in units of X (after division by 255, or in the common unit of "gaussian").
        "auto" is, for tables, the median distance of a row to its nearest other row
        over the square root of the number of features, and at least 0.2; 0.1 for
        images that are also shifted, and 0.03 for others. With noise or shifts, labels
        of a batch are assigned in a separate view: of images as they are, of tables
        with new noise. Not in the paper.

    max_shift : int or "auto", default="auto"
        Images are shifted at random by up to this many pixels in training. "auto" is
        1 with labels and 0 without, where shifts mislead the clusters. Not in the
        paper.

    max_iter : int, default=100
        Number of epochs, each a pass over the unlabeled rows.

    batch_size : int, default=200
        Number of rows in a training step; up to half are labeled, drawn balanced over
        the labels.

    learning_rate : float, default=1e-3
        Step size of Adam.

    halving_period : int, "auto" or None, default="auto"
        The learning rate is halved every time this many epochs have passed; None keeps
        it. "auto" is the number of epochs in 500 steps: at the full rate, assignments
        of large sets drift once the network agrees with them. The paper's is 50.

    tol : float, default=1e-4
        Smallest decrease of the training loss that counts for ``n_iter_no_change``.

    n_iter_no_change : int or None, default=None
        Stop when the training loss has not decreased by ``tol`` for this many epochs.
        None runs all ``max_iter`` epochs.

    n_init : int, default=1
        Number of restarts; the one with the lowest loss over an evaluation pass is
        kept.

    n_jobs : int or None, default=None
        Processes that run the restarts, by joblib; None is one, -1 all cores. A fit
        with callbacks runs them in turn.

    warm_start : bool, default=False
        Whether fit continues for ``max_iter`` more epochs, from the last fit's weights,
        optimizer and random state: with the same data and parameters, the result is
        that of one longer fit. Weights of the loss, ``learning_rate``,
        ``halving_period``, ``batch_size`` and ``precision`` may change; nothing else
        that the network was built from may.

    precision : {"auto", "float32", "bfloat16"}, default="auto"
        Arithmetic of the convolutions in training; "auto" is bfloat16 if the device has
        it in hardware. Weights and inference are float32.

    device : str or torch.device, default="auto"
        "auto" is the CUDA GPU if there is one; or "cpu", "cuda", "cuda:1", "mps".

    verbose : int, default=0
        Whether to print a line per epoch.

    random_state : int, RandomState instance or None, default=None
        Seed of weights, batches and draws. The same int gives the same result on a CPU
        with the same number of torch threads.

    Attributes
    ----------
    classes_ : ndarray of shape (n_clusters,)
        One entry per cluster: the labels of y, sorted, then new ones.

    labels_ : ndarray of shape (n_samples,)
        Result of ``predict`` for the training rows.

    history_ : list of dict
        One row per epoch: ``loss``, which is minimized; each term, unweighted, in its
        own unit (``reconstruction``, ``categorical``, ``assignment``, ``feature``,
        ``separation``); ``agreement``, the fraction of unlabeled rows whose most
        probable cluster is the assigned one; ``neighbor_accuracy``, the fraction of a
        batch's labeled rows whose nearest other labeled row has the same label (with
        two labeled rows or more); ``seconds``.

    model_ : nn.Module
        The trained networks, on the CPU.

    likelihood_ : str
        The likelihood used.

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
    GMVAEClusterer : A mixture in the latent space, from which rows can be drawn.
    sklearn.semi_supervised.LabelSpreading : Labels spread over a graph of the rows.

    Notes
    -----
    The :ref:`User Guide <catvae>` lists the differences from the paper;
    ``examples/papers/catvae.py --recipe paper`` has the paper's form.

    References
    ----------
    J. Arias Figueroa and A. Ramirez Rivera, "Learning to Cluster with Auxiliary Tasks:
    A Semi-Supervised Approach", SIBGRAPI 2017.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sksemi import CatVAEClusterer
    >>> from sksemi.datasets import mask_labels
    >>> X, y = load_digits(return_X_y=True)
    >>> y_partial = mask_labels(y, 50, random_state=0)
    >>> est = CatVAEClusterer(max_iter=2, random_state=0).fit(X / 16, y_partial)
    >>> est.predict(X / 16).shape, est.transform(X / 16).shape
    ((1797,), (1797, 50))
    """

    _Module = CatVAE
    _unit_likelihood = "mse"

    _parameter_constraints = {
        **DeepClusterer._parameter_constraints,
        "feature_dim": [COUNT],
        "likelihood": [StrOptions({"auto", "mse", "gaussian"})],
        "n_neighbors": [COUNT, AUTO],
        "assignment": [StrOptions({"probability", "sample"})],
        "temperature": [POSITIVE],
        "alpha": [FRACTION],
        "margin": [NON_NEGATIVE],
        "reconstruction_weight": [NON_NEGATIVE],
        "categorical_weight": [NON_NEGATIVE],
        "assignment_weight": [NON_NEGATIVE],
        "feature_weight": [NON_NEGATIVE],
        "separation_weight": [NON_NEGATIVE],
        "input_noise": [NON_NEGATIVE, AUTO],
        "max_shift": [NON_NEGATIVE_COUNT, AUTO],
        "halving_period": [COUNT, AUTO, None],
    }

    def __init__(
        self,
        n_clusters=None,
        *,
        feature_dim=50,
        network="auto",
        hidden_layer_sizes=(512,),
        activation="relu",
        image_shape=None,
        likelihood="auto",
        n_neighbors="auto",
        assignment="probability",
        temperature=1.0,
        alpha=0.6,
        margin=2.0,
        reconstruction_weight=20.0,
        categorical_weight=1.0,
        assignment_weight=5.0,
        feature_weight=1.0,
        separation_weight=5.0,
        input_noise="auto",
        max_shift="auto",
        max_iter=100,
        batch_size=200,
        learning_rate=1e-3,
        halving_period="auto",
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
        self.feature_dim = feature_dim
        self.network = network
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.image_shape = image_shape
        self.likelihood = likelihood
        self.n_neighbors = n_neighbors
        self.assignment = assignment
        self.temperature = temperature
        self.alpha = alpha
        self.margin = margin
        self.reconstruction_weight = reconstruction_weight
        self.categorical_weight = categorical_weight
        self.assignment_weight = assignment_weight
        self.feature_weight = feature_weight
        self.separation_weight = separation_weight
        self.input_noise = input_noise
        self.max_shift = max_shift
        self.max_iter = max_iter
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.halving_period = halving_period
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.n_init = n_init
        self.n_jobs = n_jobs
        self.warm_start = warm_start
        self.precision = precision
        self.device = device
        self.verbose = verbose
        self.random_state = random_state

    def _learning_rate(self, epoch, n_steps):
        return self.learning_rate * halving(
            epoch, self.halving_period, n_steps, HALVING_STEPS
        )

    def _objective(self, X):
        return float(np.mean(self._infer(X, lambda model, x: model.objective(x))))
