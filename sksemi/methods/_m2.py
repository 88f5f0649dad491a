"""M2: a semi-supervised VAE whose class is a latent variable.

Kingma, Rezende, Mohamed, Welling, "Semi-supervised Learning with Deep Generative
Models", NeurIPS 2014.

Generative model (eq. 2)::

    p(y) = uniform over K clusters,  p(z) = N(0, I),  p(x|y, z) Gaussian or Bernoulli

Inference model (eq. 4)::

    q(y|x) categorical,  q(z|x, y) Gaussian

Bounds (eq. 6 and 7), of a labeled row and of one whose y is summed out::

    log p(x, y) >= E_q(z|x, y) log p(x|y, z) + log p(y) - KL(q(z|x, y) || p(z))
    log p(x)    >= sum_y q(y|x) (that) + H(q(y|x))

Terms of the loss (eq. 8 and 9), means over all rows of the training set, under the
names they have below:

    reconstruction   minus E log p(x|y, z)
    gaussian         KL(q(z|x, y) || p(z))
    categorical      KL(q(y|x) || p(y)); log K for a labeled row, whose y is known
    classification   cross-entropy of the labels with q(y|x), a mean over labeled rows
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
from sksemi._nn.bounds import enumerated_bound, importance_weighted_bound
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
from sksemi._nn.schedules import halving
from sksemi._validation import (
    AUTO,
    COUNT,
    NON_NEGATIVE,
    NON_NEGATIVE_COUNT,
    StrOptions,
)

# Filters, kernel and stride; few and strided, as the decoder runs once per cluster.
CONVOLUTIONS = ((32, 4, 2), (64, 4, 2))
# Training steps after which halving_period="auto" halves the learning rate.
HALVING_STEPS = 1200


class M2(nn.Module):
    """Networks q_y, q_z and p_x, and the loss over a batch.

    Wherever y is summed out, its clusters are the first axis: (K, n, ...).
    """

    def __init__(self, config):
        super().__init__()
        self.config = config
        f, g, K = config.feature_dim, config.latent_dim, config.n_clusters
        self.n_features_out, self.noise_dim = f, g
        act = ACTIVATIONS[config.activation]
        self.augment = Augment(
            config.input_noise, config.max_shift, config.image_shape, config.n_labels
        )
        self.f = encoder(config, CONVOLUTIONS, f, act)
        self.q_y = mlp([f, f, K], act)
        self.f_z = encoder(config, CONVOLUTIONS, f, act)
        body = SideBySide(*mlp([f + K, f], act, activate_last=True))
        self.q_z = Gaussian(body, f, g)
        first = mlp([g + K, f], act, activate_last=True)
        self.p_x = Likelihood(
            SideBySide(*first, decoder(config, CONVOLUTIONS, f, act)), config
        )
        self.register_buffer("every_y", torch.eye(K)[:, None], persistent=False)
        # Labeled rows among all, and all rows for each labeled one.
        self.register_buffer("labeled_fraction", torch.zeros(()))
        self.register_buffer("label_ratio", torch.ones(()))

    def encoded(self, x):
        """Rows as the networks see them: (n, n_features) -> the same."""
        return self.p_x.units(x) if self.p_x.name == "gaussian" else x

    def encode(self, x):
        """Features before q(y|x): (n, n_features) -> (n, feature_dim)."""
        return self.f(self.encoded(x))

    def loss(self, batch, epoch):
        """Terms and monitors of a batch, whose first rows have labels."""
        x, y, n_labeled = self.augment.shift(batch.x), batch.y, len(batch.y)
        noisy = self.augment.noise(self.encoded(x))
        logits, of_z = self.q_y(self.f(noisy)), self.f_z(noisy)  # (n, K), (n, f)
        weight = self.row_weights(n_labeled, len(x))
        # unlabeled rows under every y, then labeled rows under theirs
        each_y = self.every_y.expand(-1, len(x) - n_labeled, -1).flatten(0, 1)
        one_hot = torch.cat([each_y, self.one_hot(y)])
        q_y = logits[n_labeled:].softmax(1).T  # (K, n_unlabeled)
        share = torch.cat([(weight[n_labeled:] * q_y).flatten(), weight[:n_labeled]])
        index = torch.arange(len(x), device=x.device)
        index = torch.cat(
            [index[n_labeled:].repeat(self.config.n_clusters), index[:n_labeled]]
        )
        q_z = self.q_z(of_z[index], one_hot)
        p_x = self.p_x(q_z.rsample(), one_hot)
        kl_z = kl_divergence(q_z, standard_normal(q_z)).sum(1)
        known = torch.full_like(weight[:n_labeled], math.log(self.config.n_clusters))
        kl_y = torch.cat([known, categorical_kl_to_uniform(logits[n_labeled:])])
        terms = {
            "reconstruction": -(share * p_x.log_prob(x[index]).sum(1)).sum(),
            "gaussian": (share * kl_z).sum(),
            "categorical": (weight * kl_y).sum(),
        }
        factors = {}
        if self.config.n_labels:
            named = logits[:n_labeled, : self.config.n_labels]
            terms["classification"] = F.cross_entropy(named, y)
            factors["classification"] = self.label_ratio
        bound = -sum(term.detach() for term in list(terms.values())[:3])
        return Loss(terms, {"bound": bound}, factors)

    def row_weights(self, n_labeled, n_rows):
        """Weight of each row of a batch, as many labeled ones as in all rows: (n,)."""
        ones = self.label_ratio.new_ones(n_rows)
        if n_labeled in (0, n_rows):
            return ones / n_rows
        labeled = self.labeled_fraction * ones[:n_labeled] / n_labeled
        rest = (1 - self.labeled_fraction) * ones[n_labeled:] / (n_rows - n_labeled)
        return torch.cat([labeled, rest])

    def before_epoch(self, data, epoch):
        """Weight of the labels; before the first epoch, units and clusters too."""
        n_rows, n_labeled = len(data.codes), int((data.codes >= 0).sum())
        self.labeled_fraction.fill_(n_labeled / n_rows)
        self.label_ratio.fill_(n_rows / max(n_labeled, 1))
        if epoch > 0:
            return
        self.p_x.fit_units(data)
        n_clusters, n_labels = self.config.n_clusters, self.config.n_labels
        if n_labels < n_clusters:
            self.train()
            start_from_kmeans(
                self.q_y[-1],
                lambda x: self.q_y[:-1](self.encode(x)),
                data,
                n_clusters,
                n_labels,
            )

    # ----------------------------------------------- what the estimator asks for

    def logits(self, x):
        """Logits of q(y|x): (n, K), float64."""
        return in_float64(self.q_y, self.encode(x)).double()

    def predict_proba(self, x):
        """q(y|x): (n, n_features) -> (n, K), float64."""
        return self.logits(x).softmax(1)

    def one_hot(self, k):
        """Clusters (n,) as (n, K)."""
        return F.one_hot(k, self.config.n_clusters).to(self.every_y.dtype)

    def reconstruct(self, x):
        """Mean of p(x|y, z) at the mean of q(z|x, y), y the most probable."""
        y = self.one_hot(self.logits(x).argmax(1))
        return self.p_x(self.q_z(self.f_z(self.encoded(x)), y).mean, y).mean

    def sample(self, y, noise):
        """Mean of p(x|y, z), z ~ p(z): y (n,), noise (n, latent_dim)."""
        return self.p_x(noise, self.one_hot(y)).mean

    def bound(self, x, noise):
        """Equation 7, in nats: (n,), float64; ``noise`` is common to all rows."""
        return enumerated_bound(self.logits(x), self.given(x), noise)

    def importance_weighted_bound(self, x, noise):
        """Log-mean of p(x, z|y) / q(z|x, y) over draws, then over y: (n,)."""
        return importance_weighted_bound(self.config.n_clusters, self.given(x), noise)

    def given(self, x):
        """Return q(z|x, y), p(z) and log p(x|y, z) as functions of a cluster."""
        of_z = self.f_z(self.encoded(x))

        def given(k):
            y = self.every_y[k].expand(len(x), -1)
            q_z = self.q_z(of_z, y)

            def log_p_x(z):
                return self.p_x(z, y).log_prob(x).double().sum(1)

            return q_z, standard_normal(q_z), log_p_x

        return given


class M2Generator(GenerativeMixin, DeepEstimator):
    """Semi-supervised VAE with a class variable: the model M2.

    A classifier and a generative model that share one objective: unlabeled rows teach
    the density of rows under each class, and so the classifier. It draws rows of a
    class, and bounds the log-likelihood of any row. ``transform`` returns the
    classifier's features.

    Read more in the :ref:`User Guide <m2>`.

    Parameters
    ----------
    n_clusters : int or None, default=None
        Number of clusters. None means the number of distinct labels in y, or 8 without
        labels. Clusters beyond the labels find groups that no label names.

    feature_dim : int, default=100
        Number of features that ``transform`` returns.

    latent_dim : int, default=16
        Dimension of z; 50 in the paper.

    network : {"auto", "mlp", "conv"} or callable, default="auto"
        Networks from rows to features; that from y and z to rows mirrors them. "auto"
        is "conv" if X is image-shaped or ``image_shape`` is given, else "mlp". "conv"
        is for any image from 8x8 pixels. A callable is called as
        ``network(in_features, out_features)`` for either and returns an ``nn.Module``
        on rows.

    hidden_layer_sizes : array-like of int, default=(256,)
        Widths of the hidden layers of "mlp"; the decoder has them in reverse.

    activation : {"leaky_relu", "relu", "gelu", "tanh"}, default="leaky_relu"
        Activation of the encoder and of the small networks on features.

    image_shape : tuple of (channels, height, width), default=None
        The image that a row is, for 2-D X such as a Pipeline passes on.

    likelihood : {"auto", "bernoulli", "gaussian"}, default="auto"
        p(x|y, z). "bernoulli" is for values in [0, 1]. "gaussian" learns one variance
        per feature; rows are centered and divided by one common unit inside. "auto" is
        "bernoulli" if all of X lies in [0, 1], else "gaussian".

    reconstruction_weight : float, default=1.0
        Weight of minus E log p(x|y, z).

    gaussian_weight : float, default=1.0
        Weight of KL(q(z|x, y) || p(z)).

    categorical_weight : float, default=1.0
        Weight of KL(q(y|x) || p(y)).

    classification_weight : float, default=0.1
        Weight of the labels' cross-entropy, alpha in the paper, which has 0.1: the mean
        over labeled rows counts this times the number of rows per labeled row.

    input_noise : float or "auto", default="auto"
        Standard deviation of Gaussian noise on what the encoders see while training, in
        units of X (after division by 255, or of the common unit of "gaussian"). "auto"
        is 0.2 for tables, 0.1 for images that are shifted too and 0.03 for others. Not
        in the paper.

    max_shift : int or "auto", default="auto"
        Images are shifted by up to so many pixels, at random, while training. "auto" is
        1 with labels and 0 without. Not in the paper.

    max_iter : int, default=100
        Number of epochs, each a pass over the unlabeled rows.

    batch_size : int, default=200
        Rows in a training step; up to half of them are labeled ones, drawn balanced
        over the labels.

    learning_rate : float, default=1e-3
        Step size of Adam.

    halving_period : int, "auto" or None, default="auto"
        Epochs after which the learning rate is halved, again and again; None keeps it,
        as in the paper. "auto" is as many epochs as make 1,200 steps.

    tol : float, default=1e-4
        Least decrease of the training loss that counts for ``n_iter_no_change``.

    n_iter_no_change : int or None, default=None
        Stop when the training loss has not decreased by ``tol`` for so many
        epochs. None runs all ``max_iter`` epochs.

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
        One row per epoch: ``loss``, what was minimized; in nats, unweighted,
        ``reconstruction``, ``gaussian``, ``categorical`` and ``classification``;
        ``bound``, minus the sum of the first three; ``seconds``.

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
    GMVAEClusterer : Clusters in the latent space, with labels assigned by neighbors.
    CaGeMGenerator : Two latent layers, with clusters in the upper one.

    Notes
    -----
    Differences from the paper: p(y) is uniform; batches hold up to half labeled rows,
    and each term is weighted back to the mean over all rows; batch norm; noise and
    shifts; where clusters have no label, q(y|x) starts from k-means and the
    cross-entropy leaves those clusters out.

    References
    ----------
    D. P. Kingma, D. J. Rezende, S. Mohamed, M. Welling, "Semi-supervised Learning with
    Deep Generative Models", NeurIPS 2014.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sksemi import M2Generator
    >>> from sksemi.datasets import mask_labels
    >>> X, y = load_digits(return_X_y=True)
    >>> y_partial = mask_labels(y, 50, random_state=0)
    >>> est = M2Generator(max_iter=2, random_state=0).fit(X / 16, y_partial)
    >>> est.score_samples(X / 16).shape, est.transform(X / 16).shape
    ((1797,), (1797, 100))
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
        "classification_weight": [NON_NEGATIVE],
        "input_noise": [NON_NEGATIVE, AUTO],
        "max_shift": [NON_NEGATIVE_COUNT, AUTO],
        "halving_period": [COUNT, AUTO, None],
    }

    def __init__(
        self,
        n_clusters=None,
        *,
        feature_dim=100,
        latent_dim=16,
        network="auto",
        hidden_layer_sizes=(256,),
        activation="leaky_relu",
        image_shape=None,
        likelihood="auto",
        reconstruction_weight=1.0,
        gaussian_weight=1.0,
        categorical_weight=1.0,
        classification_weight=0.1,
        input_noise="auto",
        max_shift="auto",
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
        self.reconstruction_weight = reconstruction_weight
        self.gaussian_weight = gaussian_weight
        self.categorical_weight = categorical_weight
        self.classification_weight = classification_weight
        self.input_noise = input_noise
        self.max_shift = max_shift
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

    def _learning_rate(self, epoch, n_steps):
        return self.learning_rate * halving(
            epoch, self.halving_period, n_steps, HALVING_STEPS
        )
