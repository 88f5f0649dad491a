"""Gaussian-mixture VAE with nearest-neighbor assignment and metric embedding.

Figueroa, "Semi-supervised Learning using Deep Generative Models and Auxiliary Tasks",
4th workshop on Bayesian Deep Learning (NeurIPS 2019).

Generative model (eq. 2-4)::

    p(y) = uniform over K clusters,  p(z|y) Gaussian,  p(x|z) Gaussian or Bernoulli

Inference model (eq. 5-6): deterministic features g(x), written x_hat, then

    q(y|x_hat) categorical,  q(z|x_hat, y) Gaussian

Bound (eq. 7)::

    log p(x) >= E_q(y) [ E_q(z|y) log p(x|z) - KL(q(z|x_hat, y) || p(z|y)) ]
                - KL(q(y|x_hat) || p(y))

Terms of the loss, under the names they have below:

    reconstruction   L_R, minus E log p(x|z) up to a constant; y is a Gumbel-softmax
                     sample while training
    gaussian         L_G, KL(q(z|x_hat, y) || p(z|y))
    categorical      L_C, KL(q(y|x_hat) || uniform)
    assignment       L_A, cross-entropy of q(y|x_hat) with the labels, and with labels
                     assigned by distance-weighted nearest neighbors (eq. 8)
    metric           L_M, lifted structured loss on x_hat with those labels
"""

import math
from numbers import Integral, Real

import numpy as np
import torch
from sklearn.base import (
    ClassNamePrefixFeaturesOutMixin,
    ClusterMixin,
    TransformerMixin,
)
from sklearn.callback import CallbackSupportMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted
from torch import nn
from torch.distributions import Bernoulli, Normal, kl_divergence
from torch.nn import functional as F

from sksemi._base import DeepEstimator
from sksemi._kmeans import start_from_kmeans
from sksemi._losses import (
    categorical_kl_to_uniform,
    count_neighbors,
    lifted_structured_loss,
    named_rows,
    nearest_neighbor_labels,
)
from sksemi._networks import (
    ACTIVATIONS,
    ConvDecoder,
    ConvEncoder,
    Units,
    in_float64,
    mlp,
    shift_images,
)
from sksemi._schedules import exponential_decay, halving
from sksemi._validation import (
    Interval,
    StrOptions,
    check_classes,
    check_likelihood,
    warn_clipped,
)

# Table 4 at 28x28 and 32x32: filters, kernel, stride.
CONVOLUTIONS = ((16, 5, 1), (32, 5, 1), (64, 4, 2), (128, 4, 2))
# Training steps after which halving_period="auto" halves the learning rate.
HALVING_STEPS = 1200


class Gaussian(nn.Module):
    """A diagonal Gaussian whose mean (from a point on) and variance a network gives."""

    def __init__(self, body, n_in, n_out):
        super().__init__()
        self.body = body
        self.mean = nn.Linear(n_in, n_out)
        self.variance = nn.Linear(n_in, n_out)

    def forward(self, *inputs, origin=0.0):
        h = self.body(torch.cat(inputs, 1))
        variance = F.softplus(self.variance(h)) + 1e-6
        return Normal(origin + self.mean(h), variance.sqrt(), validate_args=False)


class Likelihood(nn.Module):
    """p(x|z), with what the likelihood's name says at the end of the network.

    Parameters
    ----------
    network : nn.Module
        From z to one number per feature.
    name : {"mse", "bernoulli", "gaussian"}
        "mse" is N(sigmoid(h), I / (2 precision)), whose log-density is minus the
        squared error times the precision; "gaussian" has no sigmoid and learns one
        variance per feature.
    n_features : int
    precision : float
    """

    def __init__(self, network, name, n_features, precision):
        super().__init__()
        self.network = network
        self.name = name
        self.deviation = (2 * precision) ** -0.5
        if name == "gaussian":
            # A tenth of the data's variance to start with: with all of it, neither y
            # nor z would pay for itself.
            self.log_variance = nn.Parameter(torch.full((n_features,), math.log(0.1)))
            self.units = Units(n_features)

    def forward(self, z):
        h = self.network(z)
        if self.name == "bernoulli":
            return Bernoulli(logits=h, validate_args=False)
        if self.name == "mse":
            mean = torch.sigmoid(h)
            return Normal(mean, torch.full_like(mean, self.deviation), False)
        deviation = (self.log_variance.exp() + 1e-4).sqrt() * self.units.unit
        return Normal(self.units.inverse(h), deviation.expand_as(h), False)


class GMVAE(nn.Module):
    """Networks g, q_y, q_z, p_z and p_x, and the loss over a batch."""

    def __init__(
        self,
        *,
        n_features,
        image_shape,
        n_clusters,
        n_labels,
        network,
        hidden_layer_sizes,
        activation,
        bfloat16,
        feature_dim,
        latent_dim,
        likelihood,
        n_neighbors,
        margin,
        weights,
        temperature_decay,
        min_temperature,
        init,
        input_noise,
        max_shift,
    ):
        super().__init__()
        self.image_shape = image_shape
        self.n_clusters = n_clusters
        self.n_labels = n_labels
        self.feature_dim, self.latent_dim = feature_dim, latent_dim
        self.n_neighbors = n_neighbors
        self.margin = margin
        self.weights = weights
        self.temperature_decay = temperature_decay
        self.min_temperature = min_temperature
        self.init = init
        self.input_noise = input_noise
        self.max_shift = max_shift if image_shape is not None else 0
        f, g, K = feature_dim, latent_dim, n_clusters
        act = ACTIVATIONS[activation]
        if network == "conv":
            self.g = ConvEncoder(image_shape, CONVOLUTIONS, f, act, bfloat16=bfloat16)
            decoder = nn.Sequential(
                mlp([g, f], act, activate_last=True),
                ConvDecoder(f, CONVOLUTIONS, image_shape, bfloat16=bfloat16),
            )
        elif network == "mlp":
            sizes = [n_features, *hidden_layer_sizes, f]
            self.g = mlp(sizes, act, activate_last=True, batch_norm=True)
            decoder = mlp([g, *hidden_layer_sizes[::-1], n_features], act)
        else:
            self.g = network(n_features, f)
            decoder = network(g, n_features)
        self.q_y = mlp([f, f, K], act)
        self.q_z = Gaussian(mlp([f + K, g, g], act, activate_last=True), g, g)
        self.p_z = Gaussian(nn.Identity(), K, g)
        # Clusters start apart in z, so that knowing y serves the reconstruction.
        nn.init.normal_(self.p_z.mean.weight, std=4.0)
        precision = weights["reconstruction"]
        self.p_x = Likelihood(decoder, likelihood, n_features, precision)

    def encode(self, x):
        """Features x_hat = g(x): (n, n_features) -> (n, feature_dim)."""
        if self.p_x.name == "gaussian":
            x = self.p_x.units(x)
        if self.training and self.input_noise:
            x = x + self.input_noise * torch.randn_like(x)
        return self.g(x)

    def q_and_p_z(self, features, y):
        """q(z|x_hat, y) and p(z|y), the former's mean counted from the latter's.

        So a cluster's place in z serves the decoder from the first step, before q(z|.)
        has learned where the clusters are; counted from 0, y is given up by then.
        """
        p_z = self.p_z(y)
        return self.q_z(features, y, origin=p_z.mean), p_z

    def loss(self, x, y, epoch, parents=None):
        """Terms and monitors of a batch whose first ``len(y)`` rows have labels y."""
        if self.training and self.max_shift:
            x = shift_images(x, self.image_shape, self.max_shift)
        features = self.encode(x)  # (n, f)
        logits = self.q_y(features)  # (n, K)
        temperature = exponential_decay(
            epoch, self.temperature_decay, self.min_temperature
        )
        sample = F.gumbel_softmax(logits, temperature)
        q_z, p_z = self.q_and_p_z(features, sample)
        p_x = self.p_x(q_z.rsample())
        kl_z = kl_divergence(q_z, p_z).sum(1).mean()
        monitors = {"kl_z": kl_z.detach()}
        terms = {
            "reconstruction": self.reconstruction(x, p_x).mean(),
            "gaussian": kl_z,
            "categorical": categorical_kl_to_uniform(logits).mean(),
        }
        if self.n_labels:
            assigned = self.assign(features, y)  # (n,)
            weight = named_rows(y, logits, self.n_labels)
            error = F.cross_entropy(logits, assigned, reduction="none")
            terms["assignment"] = (weight * error).sum() / weight.sum()
            terms["metric"] = lifted_structured_loss(
                features, assigned, self.margin, weight
            )
            if len(y) < len(x):
                agree = logits.detach().argmax(1) == assigned
                monitors["agreement"] = agree[len(y) :].float().mean()
        return {
            name: self.weights[name] * term for name, term in terms.items()
        }, monitors

    def reconstruction(self, x, p_x):
        """L_R of each row: squared error, or minus the log-likelihood."""
        if self.p_x.name == "mse":
            return (x - p_x.mean).square().sum(1)
        return -p_x.log_prob(x).sum(1)

    @torch.no_grad()
    def assign(self, features, y):
        """Labels of a batch's rows: the given ones, then nearest neighbors'."""
        n = len(y)
        k = count_neighbors(self.n_neighbors, n, self.n_labels)
        nearest = nearest_neighbor_labels(
            features[n:], features[:n], y, k, self.n_labels
        )
        return torch.cat([y, nearest])

    def before_epoch(self, batches, epoch):
        """Before the first epoch: units of the data, and clusters no label names."""
        if epoch > 0:
            return
        if self.p_x.name == "gaussian":
            self.p_x.units.fit(batches)
        if self.init == "k-means" and self.n_labels < self.n_clusters:
            self.fit_centers(batches)

    def fit_centers(self, batches):
        """Start q(y|x_hat) from k-means on its hidden layer."""
        self.train()
        start_from_kmeans(
            self.q_y[-1],
            lambda x: self.q_y[:-1](self.encode(x)),
            batches,
            self.n_clusters,
            self.n_labels,
        )

    # ----------------------------------------------- what the estimator asks for

    def predict(self, x):
        """q(y|x_hat): (n, n_features) -> (n, K), float64."""
        return in_float64(self.q_y, self.encode(x)).double().softmax(1)

    def one_hot(self, k, n):
        """Cluster k for n rows: (n, K)."""
        return F.one_hot(k.expand(n), self.n_clusters).float()

    def reconstruct(self, x):
        """Mean of p(x|z) at the mean of q(z|x_hat, y), y the most probable."""
        features = self.encode(x)
        y = self.one_hot(in_float64(self.q_y, features).argmax(1), len(x))
        return self.p_x(self.q_and_p_z(features, y)[0].mean).mean

    def sample(self, y, noise):
        """Mean of p(x|z), z ~ p(z|y): y (n,), noise (n, latent_dim)."""
        p_z = self.p_z(self.one_hot(y, len(y)))
        return self.p_x(p_z.mean + p_z.stddev * noise).mean

    def bound(self, x, noise):
        """Equation 7 with y enumerated, in nats: (n, n_features) -> (n,).

        ``noise`` (n_draws, latent_dim) is common to all rows.
        """
        features = self.encode(x)
        logits = in_float64(self.q_y, features).double()
        bound = -categorical_kl_to_uniform(logits)
        for k, q_k in enumerate(logits.softmax(1).unbind(1)):
            y = self.one_hot(torch.tensor(k, device=x.device), len(x))
            q_z, p_z = self.q_and_p_z(features, y)
            log_p_x = sum(
                self.log_likelihood(x, q_z.mean + q_z.stddev * e) for e in noise
            ) / len(noise)
            kl_z = kl_divergence(q_z, p_z).double().sum(1)
            bound = bound + q_k * (log_p_x - kl_z)
        return bound

    def importance_weighted_bound(self, x, noise):
        """Log 1/S sum_s p(x, z_s|y)/q(z_s|x_hat, y), then log-mean over y: (n,)."""
        features = self.encode(x)
        joint = []
        for k in range(self.n_clusters):
            y = self.one_hot(torch.tensor(k, device=x.device), len(x))
            q_z, p_z = self.q_and_p_z(features, y)
            log_p_x_given_k = torch.full_like(x[:, 0], -torch.inf, dtype=torch.double)
            for e in noise:
                z = q_z.mean + q_z.stddev * e
                log_weight = self.log_likelihood(x, z) + (
                    p_z.log_prob(z).double() - q_z.log_prob(z).double()
                ).sum(1)
                log_p_x_given_k = torch.logaddexp(log_p_x_given_k, log_weight)
            joint.append(log_p_x_given_k - math.log(len(noise)))
        return torch.stack(joint, 1).logsumexp(1) - math.log(self.n_clusters)

    def log_likelihood(self, x, z):
        """Log p(x|z) in nats: (n,), float64."""
        return self.p_x(z).log_prob(x).double().sum(1)


class GMVAEClusterer(
    CallbackSupportMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    ClusterMixin,
    DeepEstimator,
):
    """Gaussian-mixture VAE with neighbor assignment and metric embedding.

    Clusters rows, or classifies them from few labels, with a network that can also
    draw new rows of each cluster. Labeled rows teach the network's features; every
    unlabeled row is assigned the label of its nearest labeled rows among them, and a
    metric loss pulls the features of each label together. Without labels, a mixture of
    Gaussians in the latent space clusters the rows.

    Read more in the :ref:`User Guide <gmvae>`.

    Parameters
    ----------
    n_clusters : int or None, default=None
        Number of clusters. None means the number of distinct labels in y, or 8 without
        labels. Clusters beyond the labels find groups that no label names.

    feature_dim : int, default=100
        Number of features that ``transform`` returns, f in the paper.

    latent_dim : int, default=32
        Dimension of z, g in the paper.

    network : {"auto", "mlp", "conv"} or callable, default="auto"
        Network from rows to features; that from z to rows mirrors it. "auto" is "conv"
        if X is image-shaped or ``image_shape`` is given, else "mlp". "conv" is the
        paper's, fitted to any image from 8x8 pixels. A callable is called as
        ``network(in_features, out_features)`` for either and returns an ``nn.Module``
        on rows.

    hidden_layer_sizes : array-like of int, default=(512,)
        Widths of the hidden layers of "mlp"; the decoder has them in reverse.

    activation : {"leaky_relu", "relu", "gelu", "tanh"}, default="leaky_relu"
        Activation of the encoder and of the small networks on features.

    image_shape : tuple of (channels, height, width), default=None
        The image that a row is, for 2-D X such as a Pipeline passes on.

    likelihood : {"auto", "mse", "bernoulli", "gaussian"}, default="auto"
        p(x|z). "mse", for values in [0, 1]: Gaussian of variance
        ``1 / (2 * reconstruction_weight)`` around a sigmoid, squared error as the loss.
        "bernoulli", for values in [0, 1]: cross-entropy. "gaussian": no sigmoid, one
        learned variance per feature; rows are centered and divided by one common unit
        inside. "auto" is "mse" if all of X lies in [0, 1], else "gaussian".

    n_neighbors : int or "auto", default="auto"
        Labeled neighbors in the batch that vote for a row's label, by 1 / distance.
        "auto" is half as many as a label has rows in the batch, from 1 to 5.

    margin : float, default=2.0
        Margin of the metric loss, a Euclidean distance between features.

    reconstruction_weight : float or "auto", default="auto"
        Weight of the reconstruction, summed over features. Larger keeps more of a row
        in z: sharper draws and reconstructions. With "mse" it sets the variance of
        p(x|z), and so enters ``score_samples``; ``1 / n_features`` is the paper's.
        "auto" is 10 (a standard deviation of 0.22) for "mse" and 1 otherwise.

    gaussian_weight : float, default=1.0
        Weight of KL(q(z|x, y) || p(z|y)).

    categorical_weight : float, default=1.0
        Weight of KL(q(y|x) || uniform). As large as the assignment's, it keeps q(y|x)
        soft, about half for the best of ten clusters: no more accurate by our
        measurements, and rows drawn of one cluster then look like any.

    assignment_weight : float or "auto", default="auto"
        Weight of the cross-entropy with given and assigned labels; the term is absent
        without labels. "auto" is ``max(1, n_features / 4)``, to hold against a
        reconstruction that is summed over features.

    metric_weight : float or "auto", default="auto"
        Weight of the lifted structured loss on features, absent without labels; "auto"
        as for ``assignment_weight``.

    temperature_decay : float, default=0.013863
        Rate per epoch at which the Gumbel-softmax temperature falls from 1.

    min_temperature : float, default=0.5
        Temperature it stops at: with the defaults, after 50 epochs.

    input_noise : float or "auto", default="auto"
        Standard deviation of Gaussian noise on what the encoder sees while training,
        in units of X (after division by 255, or of the common unit of "gaussian").
        "auto" is 0.2 for tables, 0.1 for images that are shifted too and 0.03 for
        others. Not in the paper.

    max_shift : int or "auto", default="auto"
        Images are shifted by up to so many pixels, at random, while training. "auto" is
        1 with labels and 0 without, where shifts lead clusters astray. Not in the
        paper.

    init : {"k-means", "random"}, default="k-means"
        How clusters that no label names start: from k-means on the untrained network's
        features, or at random.

    max_iter : int, default=100
        Number of epochs, each a pass over the unlabeled rows.

    batch_size : int, default=200
        Rows in a training step; up to half of them are labeled ones, drawn balanced
        over the labels.

    learning_rate : float, default=1e-3
        Step size of Adam.

    halving_period : int, "auto" or None, default="auto"
        Epochs after which the learning rate is halved, again and again; None keeps it,
        as in the paper. "auto" is as many epochs as make 1,200 steps: at the full rate,
        assignments of large sets drift once the network agrees with them.

    tol : float, default=1e-4
        Least decrease of the training loss that counts for ``n_iter_no_change``.

    n_iter_no_change : int or None, default=None
        Stop when the training loss has not decreased by ``tol`` for so many epochs
        after the temperature has reached its floor. None runs all ``max_iter`` epochs.

    n_init : int, default=1
        Number of restarts; the one with the lowest loss over an evaluation pass is
        kept.

    warm_start : bool, default=False
        Whether fit goes on, for ``max_iter`` more epochs, from the last fit's weights,
        optimizer and random state: with the same data and parameters, the result is
        that of one longer fit. Parameters that leave the network as it is may change.

    n_importance_samples : int, default=1
        Draws of z in ``score_samples``: 1 is the bound, more are importance weighted.
        Read at call time.

    precision : {"auto", "float32", "bfloat16"}, default="auto"
        Arithmetic of the convolutions while training; "auto" is bfloat16 where the
        device has it in hardware. Weights and inference are float32.

    device : str or torch.device, default="auto"
        "auto" is the GPU if there is one; or "cpu", "cuda", "cuda:1".

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
        ``predict`` of the training rows.

    history_ : list of dict
        One row per epoch: every weighted term of the loss (``reconstruction``,
        ``gaussian``, ``categorical``, ``assignment``, ``metric``), ``kl_z`` in nats,
        ``agreement`` (the part of the unlabeled rows whose most probable cluster is
        the one assigned), ``seconds``.

    model_ : nn.Module
        The trained networks, on the CPU.

    likelihood_ : str
        The likelihood used.

    scale_ : float
        What rows are divided by: 255 after a fit on uint8, else 1.

    n_iter_ : int
        Epochs run.

    n_features_in_ : int
        Features of a row; channels times height times width for images.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns of X, where they are all strings.

    See Also
    --------
    sklearn.semi_supervised.LabelSpreading : Labels spread over a graph of the rows.
    sklearn.mixture.GaussianMixture : A mixture in the space of the rows themselves.

    Notes
    -----
    Departures from the paper, all of them parameters but the first: q(z|x, y) is
    counted from the mean of p(z|y), whose clusters start apart; pixels are summed, not
    averaged, so that z stays in use; the weights of the other terms are raised to hold
    against it; rows are shifted and noised while training.

    References
    ----------
    J. Arias Figueroa, "Semi-supervised Learning using Deep Generative Models and
    Auxiliary Tasks", Bayesian Deep Learning workshop, NeurIPS 2019.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sksemi import GMVAEClusterer
    >>> from sksemi.datasets import mask_labels
    >>> X, y = load_digits(return_X_y=True)
    >>> y_partial = mask_labels(y, 50, random_state=0)
    >>> est = GMVAEClusterer(max_iter=2, random_state=0).fit(X / 16, y_partial)
    >>> est.predict(X / 16).shape, est.transform(X / 16).shape
    ((1797,), (1797, 100))
    >>> rows, labels = est.sample(3, y=7)
    >>> rows.shape, labels.tolist()
    ((3, 64), [7, 7, 7])
    """

    _Module = GMVAE

    _parameter_constraints = {
        **DeepEstimator._parameter_constraints,
        "feature_dim": [Interval(Integral, 1, None, closed="left")],
        "latent_dim": [Interval(Integral, 1, None, closed="left")],
        "likelihood": [StrOptions({"auto", "mse", "bernoulli", "gaussian"})],
        "n_neighbors": [
            Interval(Integral, 1, None, closed="left"),
            StrOptions({"auto"}),
        ],
        "margin": [Interval(Real, 0, None, closed="left")],
        "reconstruction_weight": [
            Interval(Real, 0, None, closed="neither"),
            StrOptions({"auto"}),
        ],
        "gaussian_weight": [Interval(Real, 0, None, closed="left")],
        "categorical_weight": [Interval(Real, 0, None, closed="left")],
        "assignment_weight": [
            Interval(Real, 0, None, closed="left"),
            StrOptions({"auto"}),
        ],
        "metric_weight": [
            Interval(Real, 0, None, closed="left"),
            StrOptions({"auto"}),
        ],
        "temperature_decay": [Interval(Real, 0, None, closed="left")],
        "min_temperature": [Interval(Real, 0, 1, closed="right")],
        "init": [StrOptions({"k-means", "random"})],
        "halving_period": [
            Interval(Integral, 1, None, closed="left"),
            StrOptions({"auto"}),
            None,
        ],
        "input_noise": [
            Interval(Real, 0, None, closed="left"),
            StrOptions({"auto"}),
        ],
        "max_shift": [
            Interval(Integral, 0, None, closed="left"),
            StrOptions({"auto"}),
        ],
        "n_importance_samples": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
        n_clusters=None,
        *,
        feature_dim=100,
        latent_dim=32,
        network="auto",
        hidden_layer_sizes=(512,),
        activation="leaky_relu",
        image_shape=None,
        likelihood="auto",
        n_neighbors="auto",
        margin=2.0,
        reconstruction_weight="auto",
        gaussian_weight=1.0,
        categorical_weight=1.0,
        assignment_weight="auto",
        metric_weight="auto",
        temperature_decay=0.013863,
        min_temperature=0.5,
        input_noise="auto",
        max_shift="auto",
        init="k-means",
        max_iter=100,
        batch_size=200,
        learning_rate=1e-3,
        halving_period="auto",
        tol=1e-4,
        n_iter_no_change=None,
        n_init=1,
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
        self.n_neighbors = n_neighbors
        self.margin = margin
        self.reconstruction_weight = reconstruction_weight
        self.gaussian_weight = gaussian_weight
        self.categorical_weight = categorical_weight
        self.assignment_weight = assignment_weight
        self.metric_weight = metric_weight
        self.temperature_decay = temperature_decay
        self.min_temperature = min_temperature
        self.input_noise = input_noise
        self.max_shift = max_shift
        self.init = init
        self.max_iter = max_iter
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.halving_period = halving_period
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.n_init = n_init
        self.warm_start = warm_start
        self.n_importance_samples = n_importance_samples
        self.precision = precision
        self.device = device
        self.verbose = verbose
        self.random_state = random_state

    def _check_data(self, X):
        self.likelihood_ = check_likelihood(self.likelihood, X, self.scale_, "mse")

    def _module_arguments(self, device):
        max_shift = self._resolve_max_shift()
        hold = max(1.0, self.n_features_in_ / 4)  # against a sum over features
        auto = {
            "reconstruction": 10.0 if self.likelihood_ == "mse" else 1.0,
            "assignment": hold,
            "metric": hold,
        }
        return {
            **self._architecture(device),
            "feature_dim": self.feature_dim,
            "latent_dim": self.latent_dim,
            "likelihood": self.likelihood_,
            "n_neighbors": self.n_neighbors,
            "margin": self.margin,
            "weights": self._weights(
                ["reconstruction", "gaussian", "categorical", "assignment", "metric"],
                auto,
            ),
            "temperature_decay": self.temperature_decay,
            "min_temperature": self.min_temperature,
            "init": self.init,
            "input_noise": self._input_noise(max_shift),
            "max_shift": max_shift,
        }

    def _learning_rate(self, epoch, n_steps):
        return self.learning_rate * halving(
            epoch, self.halving_period, n_steps, HALVING_STEPS
        )

    def _schedule_length(self):
        if self.temperature_decay == 0:
            return 0
        return math.ceil(-math.log(self.min_temperature) / self.temperature_decay)

    @property
    def _n_features_out(self):
        return self.model_.feature_dim

    def fit_predict(self, X, y=None):
        """Fit, and return the cluster of each row: see `fit`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or image-shaped
        y : array-like of shape (n_samples,), default=None
            Labels, -1 for rows without one.

        Returns
        -------
        ndarray of shape (n_samples,)
            ``labels_``.
        """
        return self.fit(X, y).labels_

    def transform(self, X):
        """Features x_hat = g(x), on which neighbors are found.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or image-shaped

        Returns
        -------
        ndarray of shape (n_samples, feature_dim)
            Of the type of X if that is a float, else float32.
        """
        return self._features(X)

    def sample(self, n_samples=1, y=None):
        """Draw rows: y from p(y), z from p(z|y), then the mean of p(x|z).

        Parameters
        ----------
        n_samples : int, default=1
            Number of rows.
        y : label or array-like of shape (n_samples,), default=None
            Entries of ``classes_`` to draw rows of; None draws them uniformly.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features) or image-shaped, as fit saw it
            In [0, 1] after a fit on uint8.
        y : ndarray of shape (n_samples,)
            The cluster each row was drawn from.

        Raises
        ------
        ValueError
            If n_samples is less than 1, or y is not in ``classes_``.
        """
        check_is_fitted(self)
        if n_samples < 1:
            raise ValueError(f"n_samples={n_samples} must be at least 1.")
        rng = check_random_state(self.random_state)
        if y is None:
            codes = rng.randint(len(self.classes_), size=n_samples)
        else:
            codes = check_classes(y, self.classes_, n_samples)
        noise = rng.standard_normal((n_samples, self.model_.latent_dim))
        inputs = np.column_stack([codes, noise]).astype(np.float32)
        rows = self._map(
            inputs, lambda model, v: model.sample(v[:, 0].long(), v[:, 1:])
        )
        return self._like_input(rows), self.classes_[codes]

    def reconstruct(self, X):
        """Mean of p(x|z) for z at its mean under the most probable cluster.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or image-shaped

        Returns
        -------
        ndarray, in the layout that fit saw
            In [0, 1] after a fit on uint8.
        """
        rows = self._infer(self._check(X), lambda model, x: model.reconstruct(x))
        return self._like_input(rows)

    def score_samples(self, X):
        """Lower bound of the log-likelihood of each row, unweighted.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or image-shaped

        Returns
        -------
        ndarray of shape (n_samples,)
            In nats: equation 7 with y summed out and one draw of z, or, with
            ``n_importance_samples`` above 1, the tighter importance-weighted bound of
            that many draws. The draws are common to all rows and fixed by the fit's
            seed. Under ``likelihood="bernoulli"``, values outside [0, 1] are clipped,
            with a warning.
        """
        return self._bound(self._check(X))

    def _objective(self, X):
        return float(np.mean(self._bound(X)))

    def _bound(self, X):
        self._validate_params()  # n_importance_samples may have been set since fit
        if self.likelihood_ == "bernoulli":
            warn_clipped(X, self._divisor(X), stacklevel=3)

        def bound(model, x):
            if model.p_x.name == "bernoulli":
                x = x.clamp(0, 1)
            shape = (self.n_importance_samples, model.latent_dim)
            noise = self._noise(shape, self._seed, x.device)
            if self.n_importance_samples == 1:
                return model.bound(x, noise)
            return model.importance_weighted_bound(x, noise)

        return self._infer(X, bound)
