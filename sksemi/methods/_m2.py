"""Semi-supervised VAE whose label is a latent variable, summed out where it is unknown.

Kingma, Mohamed, Rezende and Welling, "Semi-supervised learning with deep generative
models", NeurIPS 2014: model M2.

Generative model (eq. 2)::

    p(y) = uniform over K clusters,  p(z) = N(0, I),  p(x|y, z) Bernoulli or Gaussian

Inference model (eq. 4), on features f(x) that both share: q(y|x) categorical and
q(z|x, y) Gaussian. Bounds of a labeled and of an unlabeled row (eq. 6 and 7)::

    -L(x, y) = E_q(z|x, y) log p(x|y, z) + log p(y) - KL(q(z|x, y) || p(z))
    -U(x) = sum_y q(y|x) (-L(x, y)) + H(q(y|x))

The loss is eq. 9 over the number of rows N: the mean of L and U over all rows, plus the
mean cross-entropy of labeled rows times alpha / N. A batch holds more labeled rows than
their share; `row_weights` undoes that. Terms, under the names they have below, with
q(y|x) one-hot where the label is known:

    reconstruction   minus sum_y q(y|x) E_q(z|x, y) log p(x|y, z)
    gaussian         sum_y q(y|x) KL(q(z|x, y) || N(0, I))
    categorical      KL(q(y|x) || p(y)): log K - H(q(y|x)), or log K for a labeled row
    classification   cross-entropy of q(y|x) with the labels; its weight is alpha / N
"""

import math

import torch
from torch import nn
from torch.distributions import kl_divergence
from torch.nn import functional as F

from sksemi._engine.estimator import DeepEstimator
from sksemi._engine.generative import GenerativeMixin
from sksemi._engine.kmeans import start_from_kmeans
from sksemi._engine.training import Loss
from sksemi._nn.augment import Augment
from sksemi._nn.bounds import EnumeratedBounds
from sksemi._nn.distributions import Gaussian, Likelihood, standard_normal
from sksemi._nn.losses import categorical_kl_to_uniform
from sksemi._nn.networks import (
    ACTIVATIONS,
    SideBySide,
    decoder,
    encoder,
    in_float64,
    mlp,
)
from sksemi._nn.precision import double
from sksemi._nn.statistics import collect_statistics
from sksemi._validation import AUTO, COUNT, NON_NEGATIVE, NON_NEGATIVE_COUNT, StrOptions

CONVOLUTIONS = ((16, 5, 1), (32, 4, 2), (64, 4, 2))  # filters, kernel, stride


def row_weights(y, n_rows, share):
    """Weights by which a sum over a batch estimates a mean over all rows: (n_rows,).

    The first rows have labels ``y``; ``share`` (K,) is the part of all rows that has
    label k. Rows of a label have its share in equal parts, and unlabeled rows the rest;
    where the batch lacks a label, the others have its share.
    """
    labeled = (share / F.one_hot(y, len(share)).sum(0).clamp(min=1))[y]
    labeled = labeled * share.sum() / labeled.sum().clamp(min=1e-30)
    n_unlabeled = n_rows - len(y)
    rest = (1 - share.sum()).expand(n_unlabeled) / max(n_unlabeled, 1)
    return torch.cat([labeled, rest])


def pairs(y, n_rows, n_clusters):
    """Row and cluster of every pair of a batch: twice (n_labeled + n_unlabeled * K,).

    A labeled row is paired with its label, an unlabeled one with each of K clusters.
    """
    n, rows = len(y), torch.arange(n_rows, device=y.device)
    clusters = torch.arange(n_clusters, device=y.device).repeat(n_rows - n)
    unlabeled = rows[n:].repeat_interleave(n_clusters)
    return torch.cat([rows[:n], unlabeled]), torch.cat([y, clusters])


class M2(EnumeratedBounds, nn.Module):
    """Networks f, q_y, q_z and p_x, and the loss over a batch."""

    def __init__(self, config):
        super().__init__()
        self.config = config
        f, g, K = config.feature_dim, config.latent_dim, config.n_clusters
        self.n_features_out, self.noise_dim = f, g
        act = ACTIVATIONS[config.activation]
        self.augment = Augment(
            config.input_noise,
            config.max_shift,
            config.image_shape,
            config.n_labels,
            by_spacing=config.n_labels > 0,  # else, more noise leads clusters astray
        )
        self.f = encoder(config, CONVOLUTIONS, f, act)
        self.q_y = mlp([f, f, K], act)
        self.q_z = Gaussian(SideBySide(*mlp([f + K, f], act, activate_last=True)), f, g)
        if config.network == "conv":
            hidden = mlp([K + g, f], act, activate_last=True)
            generator = SideBySide(*hidden, decoder(config, CONVOLUTIONS, f, act))
        else:
            generator = SideBySide(decoder(config, CONVOLUTIONS, K + g, act))
        self.p_x = Likelihood(generator, config)
        # below this many nats, z carries nothing
        self.least = {} if self.p_x.name == "gaussian" else {"kl_z": ("z", 0.1)}
        self.register_buffer("share", torch.zeros(K))  # of all rows, by label

    def encode(self, x):
        """Features f(x): (n, n_features) -> (n, feature_dim)."""
        return self.f(self.augment.noise(self.p_x.encoded(x)))

    def one_hot(self, y):
        """Clusters as columns: (n,) -> (n, K)."""
        return F.one_hot(y, self.config.n_clusters).float()

    def loss(self, batch, epoch):
        """Terms and monitors of a batch, whose first rows have labels."""
        y, n, K = batch.y, len(batch.y), self.config.n_clusters
        x = self.augment.shift(self.p_x.bounded(batch.x))
        features = self.encode(x)
        logits = self.q_y(features)
        weight = row_weights(y, len(x), self.share)
        rows, k = pairs(y, len(x), K)
        q = torch.cat([self.one_hot(y), logits[n:].softmax(1)])  # (n_rows, K)
        q = weight[rows] * q[rows, k]  # (n_pairs,), sums to 1
        q_z = self.q_z(features[rows], self.one_hot(k))
        log_p_x = self.p_x(self.one_hot(k), q_z.rsample()).log_prob(x[rows]).sum(1)
        kl_z = q @ kl_divergence(q_z, standard_normal(q_z)).sum(1)
        kl_y = weight[n:] @ categorical_kl_to_uniform(logits[n:])
        terms = {
            "reconstruction": -(q @ log_p_x),
            "gaussian": kl_z,
            "categorical": kl_y + weight[:n].sum() * math.log(K),
        }
        if self.config.n_labels:
            error = F.cross_entropy(logits[:n], y, reduction="none")
            terms["classification"] = weight[:n] @ error / weight[:n].sum().clamp(1e-30)
        return Loss(terms, {"kl_z": kl_z.detach()})

    def before_epoch(self, data, epoch):
        """Share of each label; at the start, units and clusters without a label."""
        K, n_labels = self.config.n_clusters, self.config.n_labels
        labeled = data.codes[data.codes >= 0]
        self.share.copy_(labeled.bincount(minlength=K) / len(data.codes))
        if epoch > 0:
            return
        self.p_x.fit_units(data)
        self.augment.fit(data, self.p_x.encoded)
        if n_labels < K:
            self.train()
            hidden, head = self.q_y[:-1], self.q_y[-1]
            start_from_kmeans(head, lambda x: hidden(self.encode(x)), data, K, n_labels)

    def after_training(self, data):
        """Statistics of batch norm, from all rows."""
        inputs = self.p_x.bounded
        collect_statistics(self, lambda x: self.encode(inputs(x)), data, of=self.f)

    # ----------------------------------------------- what the estimator asks for

    def reconstruct(self, x):
        """Mean of p(x|y, z) at the most probable y and the mean of q(z|x, y)."""
        features = self.encode(x)
        y = self.one_hot(in_float64(self.q_y, features).argmax(1))
        return self.p_x(y, self.q_z(features, y).mean).mean

    def sample(self, y, noise):
        """Mean of p(x|y, z), z = noise (n, latent_dim), of clusters y (n,)."""
        return self.p_x(self.one_hot(y), noise).mean

    def log_likelihood(self, x, y, z):
        """Log p(x|y, z) in nats: (n,), float64."""
        return double(self.p_x(y, z).log_prob(x)).sum(1)

    def given(self, x, features):
        """Return q(z|x, y), p(z) and log p(x|y, z) as functions of a cluster."""

        def given(k):
            y = self.one_hot(torch.full_like(x[:, 0], k, dtype=torch.long))
            q_z = self.q_z(features, y)
            return q_z, standard_normal(q_z), lambda z: self.log_likelihood(x, y, z)

        return given


class M2Generator(GenerativeMixin, DeepEstimator):
    """Semi-supervised VAE that generates a row from its class and a style.

    Classifies rows from few labels, and models their density: the class of a row
    without a label is summed out. What the class does not say about a row is its style
    z, so rows of any class can be drawn, and their log-likelihood bounded.

    Read more in the :ref:`User Guide <m2>`.

    Parameters
    ----------
    n_clusters : int or None, default=None
        Number of classes, K. None means the number of distinct labels in y, or 8
        without labels. Those beyond the labels find groups that no label names.
    feature_dim : int, default=100
        Number of features that ``transform`` returns.
    latent_dim : int, default=20
        Dimension of z.
    network : {"auto", "mlp", "conv"} or callable, default="auto"
        Network from rows to features; that from y and z to rows mirrors it. "auto" is
        "conv" if X is image-shaped or ``image_shape`` is given, else "mlp". A callable
        is called as ``network(in_features, out_features)`` for both and returns an
        ``nn.Module`` on rows.
    hidden_layer_sizes : array-like of int, default=(256,)
        Widths of the hidden layers of "mlp"; the decoder has them in reverse.
    activation : {"leaky_relu", "relu", "gelu", "tanh"}, default="leaky_relu"
        Activation of the networks.
    image_shape : tuple of (channels, height, width), default=None
        Shape of the image in each row, for 2-D X, as in a Pipeline.
    likelihood : {"auto", "bernoulli", "gaussian"}, default="auto"
        p(x|y, z). "bernoulli", for values in [0, 1]: cross-entropy. "gaussian": one
        learned variance per feature; rows are centered and divided by one common unit
        inside. "auto" is "bernoulli" if all of X lies in [0, 1], else "gaussian".
    reconstruction_weight : float, default=1.0
        Weight of minus the expected log p(x|y, z).
    gaussian_weight : float, default=1.0
        Weight of KL(q(z|x, y) || N(0, I)). Far below 1, z carries everything.
    categorical_weight : float, default=1.0
        Weight of KL(q(y|x) || p(y)).
    classification_weight : float or "auto", default="auto"
        Weight of the mean cross-entropy of labeled rows, relative to the mean bound
        over all rows: alpha / N, 0.1 in the paper. "auto": 10 for tables, else 1.
    input_noise : float or "auto", default="auto"
        Standard deviation of Gaussian noise on the encoder's input in training.
        "auto" is 0.1 for images that are also shifted, 0.03 for others; for tables 0.2
        or, with labels, the distance to the nearest row per feature if it is more.
    max_shift : int or "auto", default="auto"
        Largest random shift of images in training. "auto": 1 with labels, else 0.
    max_iter : int, default=100
        Number of epochs, each a pass over the unlabeled rows.
    batch_size : int, default=200
        Number of rows in a training step; up to half are labeled, drawn balanced over
        the labels.
    learning_rate : float, default=3e-3
        Step size of Adam.
    tol : float, default=1e-4
        Smallest decrease of the training loss that counts for ``n_iter_no_change``.
    n_iter_no_change : int or None, default=None
        Stop when the training loss has not decreased by ``tol`` for this many epochs.
        None runs all ``max_iter`` epochs.
    n_init : int, default=1
        Number of restarts; the one with the lowest loss is kept.
    n_jobs : int or None, default=None
        Processes that run the restarts, by joblib; None is one, -1 all cores. A fit
        with callbacks runs them in turn.
    warm_start : bool, default=False
        Whether fit continues the last fit, for ``max_iter`` more epochs.
    n_importance_samples : int, default=1
        Draws of z in ``score_samples``: 1 is the bound, more are importance-weighted.
        Read at call time.
    precision : {"auto", "float32", "bfloat16"}, default="auto"
        Arithmetic of the convolutions in training; "auto" is bfloat16 if the device has
        it in hardware. Weights and inference are float32.
    device : str or torch.device, default="auto"
        "auto" is the CUDA GPU if there is one; or "cpu", "cuda", "cuda:1", "mps".
    verbose : int, default=0
        Whether to print a line per epoch.
    random_state : int, RandomState instance or None, default=None
        Seed of weights, batches and draws.

    Attributes
    ----------
    classes_ : ndarray of shape (n_clusters,)
        One entry per cluster: the labels of y, sorted, then new ones.
    labels_ : ndarray of shape (n_samples,)
        Result of ``predict`` for the training rows.
    history_ : list of dict
        One row per epoch: ``loss``, each term unweighted (``reconstruction``,
        ``gaussian``, ``categorical``, ``classification``), ``kl_z``, ``seconds``.
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
    sksemi.CaGeMGenerator : A similar model with two layers of latent variables.
    sksemi.GMVAEClusterer : A mixture in z, and labels spread over neighbors.

    Notes
    -----
    ``transform`` returns f(x), which q(y|x) and q(z|x, y) share; the mean of z is what
    the class does not say about a row. Differences from the paper: this sharing, Adam,
    convolutions for images, noise and shifts, ``classification_weight``.

    References
    ----------
    D. P. Kingma, S. Mohamed, D. J. Rezende and M. Welling, "Semi-supervised learning
    with deep generative models", NeurIPS 2014.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sksemi import M2Generator
    >>> from sksemi.datasets import mask_labels
    >>> X, y = load_digits(return_X_y=True)
    >>> est = M2Generator(max_iter=2, random_state=0)
    >>> est = est.fit(X / 16, mask_labels(y, 50, random_state=0))
    >>> rows, labels = est.sample(3, y=7)
    >>> rows.shape, labels.tolist()
    ((3, 64), [7, 7, 7])
    """

    _Module = M2
    _unit_likelihood = "bernoulli"
    _parameter_constraints = {
        **DeepEstimator._parameter_constraints,
        **GenerativeMixin._parameter_constraints,
        "feature_dim": [COUNT],
        "latent_dim": [COUNT],
        "likelihood": [StrOptions({"auto", "bernoulli", "gaussian"})],
        "reconstruction_weight": [NON_NEGATIVE],
        "gaussian_weight": [NON_NEGATIVE],
        "categorical_weight": [NON_NEGATIVE],
        "classification_weight": [NON_NEGATIVE, AUTO],
        "input_noise": [NON_NEGATIVE, AUTO],
        "max_shift": [NON_NEGATIVE_COUNT, AUTO],
    }

    def __init__(
        self,
        n_clusters=None,
        *,
        feature_dim=100,
        latent_dim=20,
        network="auto",
        hidden_layer_sizes=(256,),
        activation="leaky_relu",
        image_shape=None,
        likelihood="auto",
        reconstruction_weight=1.0,
        gaussian_weight=1.0,
        categorical_weight=1.0,
        classification_weight="auto",
        input_noise="auto",
        max_shift="auto",
        max_iter=100,
        batch_size=200,
        learning_rate=3e-3,
        tol=1e-4,
        n_iter_no_change=None,
        n_init=1,
        n_jobs=None,
        warm_start=False,
        n_importance_samples=1,
        precision="auto",
        device="auto",
        verbose=0,
        random_state=None,
    ):
        self.n_clusters = n_clusters
        self.feature_dim = feature_dim
        self.latent_dim = latent_dim
        self.network = network
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.image_shape = image_shape
        self.likelihood = likelihood
        self.reconstruction_weight = reconstruction_weight
        self.gaussian_weight = gaussian_weight
        self.categorical_weight = categorical_weight
        self.classification_weight = classification_weight
        self.input_noise = input_noise
        self.max_shift = max_shift
        self.max_iter = max_iter
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.n_init = n_init
        self.n_jobs = n_jobs
        self.warm_start = warm_start
        self.n_importance_samples = n_importance_samples
        self.precision = precision
        self.device = device
        self.verbose = verbose
        self.random_state = random_state

    def _auto_weights(self, rows, config):
        return {"classification": 10.0 if rows.image_shape is None else 1.0}
