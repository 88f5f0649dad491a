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
                     assigned by distance-weighted nearest neighbors (eq. 8), among
                     which are centers of k-means for clusters that no label names
    metric           L_M, lifted structured loss on x_hat with those labels
"""

import math
from numbers import Real

import torch
from torch import nn
from torch.distributions import kl_divergence
from torch.nn import functional as F

from sksemi._engine.estimator import DeepClusterer
from sksemi._engine.generative import GenerativeMixin
from sksemi._engine.kmeans import UnnamedCenters, start_from_kmeans
from sksemi._engine.training import Loss, diverged
from sksemi._nn.augment import Augment
from sksemi._nn.bounds import EnumeratedBounds
from sksemi._nn.distributions import ClusterGaussians, Gaussian, Likelihood
from sksemi._nn.losses import (
    categorical_kl_to_uniform,
    count_neighbors,
    lifted_structured_loss,
)
from sksemi._nn.networks import (
    ACTIVATIONS,
    SideBySide,
    decoder,
    encoder,
    in_float64,
    mlp,
)
from sksemi._nn.precision import double
from sksemi._nn.schedules import halving
from sksemi._nn.statistics import collect_statistics
from sksemi._nn.trust import Trust
from sksemi._validation import (
    AUTO,
    COUNT,
    NON_NEGATIVE,
    NON_NEGATIVE_COUNT,
    POSITIVE,
    Interval,
    StrOptions,
)

# Table 4 at 28x28 and 32x32: filters, kernel, stride.
CONVOLUTIONS = ((16, 5, 1), (32, 5, 1), (64, 4, 2), (128, 4, 2))
# Training steps after which halving_period="auto" halves the learning rate.
HALVING_STEPS = 1200
# What reconstruction_weight="auto" makes of "mse": the sum over the features of the
# weights, and the least and the largest weight. Of few columns a lower weight leaves z
# unused, but a larger one than the least leads clusters without a label astray.
PRECISION_SUM, PRECISIONS = 6400.0, (10.0, 100.0)
# Least weight that "auto" gives the terms of labels that name every cluster: of a few
# columns the bound gives up some against smaller ones.
LEAST_HOLD = 10.0


# Of an estimator or a config: the rate and floor of the temperature's schedule.
def temperature_schedule(parameters):
    """Rate and floor of the temperature, of the estimator or a config."""
    return parameters.temperature_decay, parameters.min_temperature


def exponential_decay(epoch, rate, floor):
    """``max(floor, exp(-rate * epoch))`` of an epoch, a 0-d tensor; from 1 on."""
    return (-rate * epoch).exp().clamp(min=floor)


class GMVAE(EnumeratedBounds, nn.Module):
    """Networks g, q_y, q_z, p_z and p_x, and the loss over a batch."""

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
        self.g = encoder(config, CONVOLUTIONS, f, act)
        if config.network == "conv":
            generator = nn.Sequential(
                mlp([g, f], act, activate_last=True),
                decoder(config, CONVOLUTIONS, f, act),
            )
        else:
            generator = decoder(config, CONVOLUTIONS, g, act)
        self.q_y = mlp([f, f, K], act)
        body = SideBySide(*mlp([f + K, g, g], act, activate_last=True))
        self.q_z = Gaussian(body, g, g)
        self.p_z = Gaussian(SideBySide(), K, g)
        # Clusters start apart in z, so that knowing y serves the reconstruction.
        nn.init.normal_(self.p_z.mean.weight, std=4.0)
        self.trust = Trust()
        # without any label, there is no assignment
        self.unnamed = UnnamedCenters(config.n_labels or K, K, f)
        self.prior = None  # p(z|y) after training, if not the trained one
        if config.covariance_type == "full":
            self.prior = ClusterGaussians(K, g)
        self.p_x = Likelihood(generator, config, config.squared_error_weight)
        # A learned variance may leave z nothing to say of a row but its cluster.
        self.least = {} if self.p_x.name == "gaussian" else {"kl_z": ("z", 0.1)}

    def encode(self, x):
        """Features x_hat = g(x): (n, n_features) -> (n, feature_dim)."""
        return self.g(self.augment.noise(self.p_x.encoded(x)))

    def q_and_p_z(self, features, y):
        """q(z|x_hat, y) and p(z|y), the former's mean counted from the latter's.

        So a cluster's place in z serves the decoder from the first step, before q(z|.)
        has learned where the clusters are; counted from 0, y is given up by then.
        """
        p_z = self.p_z(y)
        return self.q_z(features, y, origin=p_z.mean), p_z

    def loss(self, batch, epoch):
        """Terms and monitors of a batch, whose first rows have labels."""
        y, n_labeled = batch.y, len(batch.y)
        unshifted = self.p_x.bounded(batch.x)
        x = self.augment.shift(unshifted)
        features = self.encode(x)  # (n, f)
        logits = self.q_y(features)  # (n, K)
        # of images, reconstructing the labeled rows each time is a third of all work
        fair = batch.fair() if self.config.image_shape else slice(None)
        temperature = exponential_decay(epoch, *temperature_schedule(self.config))
        sample = F.gumbel_softmax(logits[fair], temperature)
        q_z, p_z = self.q_and_p_z(features[fair], sample)
        p_x = self.p_x(q_z.rsample())
        kl_z = kl_divergence(q_z, p_z).sum(1).mean()
        terms = {
            "reconstruction": self.reconstruction(x[fair], p_x).mean(),
            "gaussian": kl_z,
            "categorical": categorical_kl_to_uniform(logits[fair]).mean(),
        }
        monitors = {"kl_z": kl_z.detach()}
        if self.config.n_labels:
            k = count_neighbors(
                self.config.n_neighbors, n_labeled, self.config.n_labels
            )
            view = features
            if self.augment.changes_rows and n_labeled < len(x):
                with torch.no_grad():
                    view = self.g(self.augment.view(self.p_x.encoded(unshifted)))
            assigned = self.unnamed.assign(view, y, k, epoch)  # (n,)
            weight = self.trust(len(x), n_labeled)
            error = F.cross_entropy(logits, assigned, reduction="none")
            terms["assignment"] = (weight * error).sum() / weight.sum()
            terms["metric"] = lifted_structured_loss(
                features, assigned, self.config.margin, weight
            )
            if n_labeled < len(x):
                agree = logits.detach().argmax(1) == assigned
                monitors["agreement"] = agree[n_labeled:].float().mean()
        return Loss(terms, monitors)

    def reconstruction(self, x, p_x):
        """L_R of each row: squared error, or minus the log-likelihood."""
        if self.p_x.name == "mse":
            return (x - p_x.mean).square().sum(1)
        return -p_x.log_prob(x).sum(1)

    def before_epoch(self, data, epoch):
        """Units of the data, and where the clusters are that no label names."""
        self.trust.settled.fill_(data.settled)  # little, while labels come
        if epoch == 0:
            self.p_x.fit_units(data)
            self.augment.fit(data, self.p_x.encoded)
        self.train()
        self.unnamed.find(self.encode, self.p_x.bounded, data, epoch)
        if (
            epoch == 0
            and self.config.init == "k-means"
            and self.config.n_labels < self.config.n_clusters
        ):
            self.fit_centers(data)

    def fit_centers(self, data):
        """Start q(y|x_hat) from k-means on its hidden layer."""
        start_from_kmeans(
            self.q_y[-1],
            lambda x: self.q_y[:-1](self.encode(x)),
            data,
            self.config.n_clusters,
            self.config.n_labels,
        )

    @torch.no_grad()
    def after_training(self, data):
        """Statistics of batch norm, then p(z|y) as q(z|x_hat, y) is over all rows."""
        inputs = self.p_x.bounded
        collect_statistics(self, lambda x: self.encode(inputs(x)), data, of=self.g)
        if self.prior is None:
            return
        start = self.p_z(torch.eye(self.config.n_clusters, device=data.device))
        self.prior.fit(start, (self.most_probable(part.x) for part in data.parts()))
        if not self.prior.factor.isfinite().all():
            raise diverged("The trained network is non-finite")

    # ----------------------------------------------- what the estimator asks for

    def one_hot(self, k, n):
        """Cluster k for n rows: (n, K)."""
        return F.one_hot(k.expand(n), self.config.n_clusters).float()

    def most_probable(self, x):
        """Return the most probable cluster (n,) and q(z|x_hat, y) of it."""
        features = self.encode(x)
        y = in_float64(self.q_y, features).argmax(1)
        return y, self.q_and_p_z(features, self.one_hot(y, len(x)))[0]

    def reconstruct(self, x):
        """Mean of p(x|z) at the mean of q(z|x_hat, y), y the most probable."""
        return self.p_x(self.most_probable(x)[1].mean).mean

    def sample(self, y, noise):
        """Mean of p(x|z), z ~ p(z|y): y (n,), noise (n, latent_dim)."""
        if self.prior is not None:
            return self.p_x(self.prior.draw(y, noise)).mean
        p_z = self.p_z(self.one_hot(y, len(y)))
        return self.p_x(p_z.mean + p_z.stddev * noise).mean

    def given(self, x, features):
        """Return q(z|x_hat, y), p(z|y) and log p(x|z) as functions of a cluster."""

        def given(k):
            y = self.one_hot(torch.full((), k, device=x.device), len(x))
            q_z, p_z = self.q_and_p_z(features, y)
            p_z = p_z if self.prior is None else self.prior(k)
            return q_z, p_z, lambda z: self.log_likelihood(x, z)

        return given

    def log_likelihood(self, x, z):
        """Log p(x|z) in nats: (n,), float64."""
        return double(self.p_x(z).log_prob(x)).sum(1)


class GMVAEClusterer(GenerativeMixin, DeepClusterer):
    """Gaussian-mixture VAE with neighbor assignment and metric embedding.

    Clusters rows, or classifies them from few labels, with a network that can also
    draw new rows of each cluster. Labeled rows shape the network's features; every
    unlabeled row is assigned the label of its nearest labeled rows in these, and a
    metric loss pulls the features of each label together. Without labels, a mixture of
    Gaussians in the latent space clusters the rows.

    Read more in the :ref:`User Guide <gmvae>`.

    Parameters
    ----------
    n_clusters : int or None, default=None
        Number of clusters. None means the number of distinct labels in y, or 8 without
        labels. Clusters beyond the labels find groups that no label names; surplus
        ones take rows of a label.

    feature_dim : int, default=100
        Number of features that ``transform`` returns, f in the paper.

    latent_dim : int, default=32
        Dimension of z, g in the paper.

    network : {"auto", "mlp", "conv"} or callable, default="auto"
        Network from rows to features; that from z to rows mirrors it. "auto" is "conv"
        if X is image-shaped or ``image_shape`` is given, else "mlp". "conv" is the
        paper's, fitted to any image from 8x8 pixels. A callable is called as
        ``network(in_features, out_features)`` for both and returns an ``nn.Module``
        on rows.

    hidden_layer_sizes : array-like of int, default=(512,)
        Widths of the hidden layers of "mlp"; the decoder has them in reverse.

    activation : {"leaky_relu", "relu", "gelu", "tanh"}, default="leaky_relu"
        Activation of the encoder and of the small networks on features.

    image_shape : tuple of (channels, height, width), default=None
        Shape of the image in each row, for 2-D X, as in a Pipeline.

    likelihood : {"auto", "mse", "bernoulli", "gaussian"}, default="auto"
        p(x|z). "mse", for values in [0, 1]: Gaussian of variance
        ``1 / (2 * reconstruction_weight)`` around a sigmoid, squared error as the loss.
        "bernoulli", for values in [0, 1]: cross-entropy. "gaussian": no sigmoid, one
        learned variance per feature; rows are centered and divided by one common unit
        inside. "auto" is "mse" if all of X lies in [0, 1], else "gaussian".

    n_neighbors : int or "auto", default="auto"
        Labeled neighbors in the batch that vote for a row's label, by 1 / distance.
        "auto" is half the number of rows per label in the batch, from 1 to 5.

    margin : float, default=2.0
        Margin of the metric loss, a Euclidean distance between features.

    reconstruction_weight : float or "auto", default="auto"
        Weight of the reconstruction, summed over features. Larger values keep more of a
        row in z: sharper draws and reconstructions. With "mse", it sets the variance of
        p(x|z) and so ``score_samples``; the published code has ``1 / n_features``.
        "auto" is, for "mse", 10 (a standard deviation of 0.22), or if every cluster has
        a label ``6400 / n_features`` from 10 to 100 (0.07); 1 otherwise.

    gaussian_weight : float, default=1.0
        Weight of KL(q(z|x, y) || p(z|y)).

    categorical_weight : float, default=1.0
        Weight of KL(q(y|x) || uniform). A weight as large as the assignment's keeps
        q(y|x) soft, about half for the best of ten clusters. In our measurements this
        is no more accurate, and rows drawn from one cluster then look like any.

    assignment_weight : float or "auto", default="auto"
        Weight of the cross-entropy with given and assigned labels; the term is absent
        without labels. "auto" is ``n_features / 4``, to balance a reconstruction that
        is summed over features, but at least 10 and half of what "auto" is
        for ``reconstruction_weight``; at least 1 if some cluster has no label, because
        larger weights overrule such clusters.

    metric_weight : float or "auto", default="auto"
        Weight of the lifted structured loss on features, absent without labels; "auto"
        is that of ``assignment_weight``.

    temperature_decay : float, default=0.013863
        Rate per epoch at which the Gumbel-softmax temperature falls from 1.

    min_temperature : float, default=0.5
        Lowest temperature, which the defaults reach after 50 epochs.

    input_noise : float or "auto", default="auto"
        Standard deviation of Gaussian noise on the encoder's input in training,
        in units of X (after division by 255, or in the common unit of "gaussian").
        "auto" is, for tables, the median distance of a row to its nearest other row
        over the square root of the number of features if there are labels, and at least
        0.2; 0.1 for images that are also shifted, 0.03 for others. Not in the paper.

    max_shift : int or "auto", default="auto"
        Images are shifted at random by up to this many pixels in training. "auto" is
        1 with labels and 0 without, where shifts mislead the clusters. Not in the
        paper.

    init : {"k-means", "random"}, default="k-means"
        How q(y|x_hat) starts for clusters that no label names: from k-means on the
        untrained network's features, or at random.

    covariance_type : {"full", "diag"}, default="full"
        Of p(z|y) in ``sample`` and ``score_samples``. "full" fits it, after training,
        to q(z|x, y) over the rows of each cluster: of all Gaussians, one with the mean
        and covariance of their mixture is nearest to them. "diag" keeps the paper's,
        whose independent variances are trained with the networks.

    max_iter : int, default=100
        Number of epochs, each a pass over the unlabeled rows.

    batch_size : int, default=200
        Number of rows in a training step; up to half are labeled, drawn balanced over
        the labels.

    learning_rate : float, default=1e-3
        Step size of Adam.

    halving_period : int, "auto" or None, default="auto"
        The learning rate is halved every time this many epochs have passed; None keeps
        it, as in the paper. "auto" is the number of epochs in 1,200 steps: at the full
        rate, assignments of large sets drift once the network agrees with them.

    tol : float, default=1e-4
        Smallest decrease of the training loss that counts for ``n_iter_no_change``.

    n_iter_no_change : int or None, default=None
        Stop when the training loss has not decreased by ``tol`` for this many epochs
        after the temperature has reached its floor. None runs all ``max_iter`` epochs.

    n_init : int, default=1
        Number of restarts; the one with the lowest loss over an evaluation pass is
        kept.

    n_jobs : int or None, default=None
        Processes that run the restarts, by joblib; None is one, -1 all cores. A fit
        with callbacks runs them in turn.

    warm_start : bool, default=False
        Whether fit continues for ``max_iter`` more epochs, from the last fit's weights,
        optimizer and random state: with the same data and parameters, the result is
        that of one longer fit. Weights of the loss except ``reconstruction_weight``,
        ``learning_rate``, ``halving_period``, ``batch_size``, ``precision`` and
        ``n_importance_samples`` may change; nothing else that the network was built
        from may.

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
        own unit (``reconstruction``, ``gaussian``, ``categorical``, ``assignment``,
        ``metric``); ``kl_z`` in nats; ``agreement``, the fraction of unlabeled rows
        whose most probable cluster is the assigned one; ``seconds``.

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
    sklearn.semi_supervised.LabelSpreading : Labels spread over a graph of the rows.
    sklearn.mixture.GaussianMixture : A mixture in the space of the rows themselves.

    Notes
    -----
    The main differences from the paper, all but the first parameters: q(z|x, y) is
    measured from the mean of p(z|y), whose clusters start apart; pixels are summed, not
    averaged, so that z stays in use; the weights of the other terms are raised to
    balance this; rows are shifted and noised in training, and labels are assigned in
    another view of them; p(z|y) is fitted once more after training.

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
    _unit_likelihood = "mse"
    _config_constraints = {"squared_error_weight": [POSITIVE]}

    _parameter_constraints = {
        **DeepClusterer._parameter_constraints,
        **GenerativeMixin._parameter_constraints,
        "feature_dim": [COUNT],
        "latent_dim": [COUNT],
        "likelihood": [StrOptions({"auto", "mse", "bernoulli", "gaussian"})],
        "n_neighbors": [COUNT, AUTO],
        "margin": [NON_NEGATIVE],
        "reconstruction_weight": [POSITIVE, AUTO],
        "gaussian_weight": [NON_NEGATIVE],
        "categorical_weight": [NON_NEGATIVE],
        "assignment_weight": [NON_NEGATIVE, AUTO],
        "metric_weight": [NON_NEGATIVE, AUTO],
        "temperature_decay": [NON_NEGATIVE],
        "min_temperature": [Interval(Real, 0, 1, closed="right")],
        "input_noise": [NON_NEGATIVE, AUTO],
        "max_shift": [NON_NEGATIVE_COUNT, AUTO],
        "init": [StrOptions({"k-means", "random"})],
        "covariance_type": [StrOptions({"full", "diag"})],
        "halving_period": [COUNT, AUTO, None],
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
        covariance_type="full",
        max_iter=100,
        batch_size=200,
        learning_rate=1e-3,
        halving_period="auto",
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
        self.covariance_type = covariance_type
        self.max_iter = max_iter
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.halving_period = halving_period
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
        every_named = config["n_labels"] == config["n_clusters"]
        reconstruction = 1.0
        if config["likelihood"] == "mse":
            low, high = PRECISIONS
            many = PRECISION_SUM / config["n_features"] if every_named else low
            reconstruction = min(max(many, low), high)
        # against a sum over features
        least = max(LEAST_HOLD, reconstruction / 2) if every_named else 1.0
        hold = max(least, config["n_features"] / 4)
        return {"reconstruction": reconstruction, "assignment": hold, "metric": hold}

    def _module_config(self, rows, config, weights):
        return {"squared_error_weight": weights["reconstruction"]}

    @staticmethod
    def _check_saved(config, weights):
        factor = torch.as_tensor(weights.get("prior.factor", torch.ones(1, 1, 1)))
        if (factor.diagonal(0, 1, 2) <= 0).any() or not factor.equal(factor.tril()):
            return "prior.factor has entries that are not those of a covariance"

    def _learning_rate(self, epoch, n_steps):
        return self.learning_rate * halving(
            epoch, self.halving_period, n_steps, HALVING_STEPS
        )

    def _schedule_length(self):
        rate, floor = temperature_schedule(self)
        return 0 if rate == 0 else math.ceil(-math.log(floor) / rate)
