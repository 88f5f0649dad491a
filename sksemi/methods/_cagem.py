"""Cluster-aware generative model: a two-layer VAE with clusters in its upper layer.

Maaløe, Fraccaro, Winther, "Semi-Supervised Generation with Cluster-aware Generative
Models", arXiv:1704.00637 (2017).

Generative model (section 3)::

    p(z2) = N(0, I),  p(y|z2) categorical over K clusters,  p(z1|y, z2) Gaussian,
    p(x|y, z1) Bernoulli or Gaussian

Inference model (section 3.1)::

    q(z1|x) Gaussian,  q(y|z1, x) categorical,  q(z2|x, y, z1) Gaussian

Bound, with y summed out and one draw of z1 per row and of z2 per row and cluster::

    log p(x) >= E_q(z1|x) sum_y q(y|z1, x) E_q(z2|x, y, z1) [ log p(x|y, z1)
                + log p(z1|y, z2) + log p(y|z2) + log p(z2)
                - log q(z1|x) - log q(y|z1, x) - log q(z2|x, y, z1) ]

Terms of the loss, under the names they have below:

    reconstruction   minus E log p(x|y, z1)
    gaussian         E[log q(z1|x) - log p(z1|y, z2)] + E KL(q(z2|x, y, z1) || p(z2))
    categorical      E[log q(y|z1, x) - log p(y|z2)], y by q(y|z1, x), z2 for each y
    label_q          H_q, cross-entropy of the labels with q(y|x) = E q(y|z1, x)
    label_p          H_p, cross-entropy of the labels with the second classifier,
                     p(y'|x) = E sum_y q(y|z1, x) p(y'|z2) with z2 ~ q(z2|x, y, z1)

The bound is that of all rows, labeled ones included and their labels ignored. The
cross-entropies are those of labeled rows, and move q(y|.) and p(y|.) alone
(appendix B). If there are more clusters than labels, a case that the paper does not
have, they are over the clusters that labels name.
"""

import contextlib
import math
from numbers import Integral, Real

import numpy as np
import torch
from sklearn.utils import check_random_state
from torch import nn
from torch.distributions import kl_divergence
from torch.nn import functional as F

from sksemi import _validation
from sksemi._engine.estimator import DeepEstimator
from sksemi._engine.generative import GenerativeMixin
from sksemi._engine.kmeans import start_from_kmeans
from sksemi._engine.seeds import RowNoise
from sksemi._engine.training import Loss
from sksemi._nn.augment import Augment
from sksemi._nn.distributions import Categorical, Gaussian, Likelihood, standard_normal
from sksemi._nn.networks import (
    ACTIVATIONS,
    ConvDecoder,
    ConvEncoder,
    Dense,
    custom,
    in_bfloat16,
)
from sksemi._nn.precision import double
from sksemi._nn.schedules import step_decay
from sksemi._nn.statistics import batch_norms, collect_statistics
from sksemi._validation import (
    AUTO,
    COUNT,
    NON_NEGATIVE,
    NON_NEGATIVE_COUNT,
    POSITIVE,
    Interval,
    StrOptions,
)

# Filters, kernel and stride; few and strided, as the decoder runs once per cluster.
CONVOLUTIONS = ((32, 4, 2), (64, 4, 2))
# Rows times draws that one product at inference is given.
CHUNK = 4096
# Rows of which batch norm takes statistics together, at most twice as few.
NORMALIZED_ROWS = 128

# Probabilities and gradients below count as 0 in training: float32 loses them in a sum,
# and as subnormal numbers they cost some processors nearly half of a step.
NEGLIGIBLE = 1e-16

# Draws of p(z2) that p(z2|y) is resampled from.
N_CANDIDATES = 10_000

# Variance over rows of the means of an active unit (Burda et al., 2016).
ACTIVE = 0.01


def classify_by_z2(q_y, p_y):
    """``sum_y q_y p(y'|z2^(y))``: a mixture over the clusters y that z2 was drawn for.

    ``q_y`` is q(y|z1, x), (..., K); ``p_y`` p(y'|z2), (K, ..., K) with z2 drawn for the
    cluster of the first axis; the result is (..., K).
    """
    return torch.einsum("...k,k...j->...j", q_y, p_y)


def without_tiny_gradients(v):
    """Let only gradients of ``NEGLIGIBLE`` size or more back through a tensor."""
    if v.requires_grad:
        v.register_hook(lambda g: g.masked_fill(g.abs() < NEGLIGIBLE, 0))
    return v


class Chain(nn.Module):
    """A network on several inputs, then a last layer, in bfloat16 where asked to."""

    def __init__(self, body, output, bfloat16):
        super().__init__()
        self.body, self.output = body, output
        self.bfloat16 = bfloat16

    def forward(self, *inputs):
        h = self.body(*inputs)
        with in_bfloat16(h, self.bfloat16 and self.training):
            x = self.output(h.flatten(0, -2))
        return x.float().unflatten(0, h.shape[:-1])


def is_noisy(rows, config):
    """Whether noise on the inputs helps: a table with labels, values not in [0, 1]."""
    is_labeled_table = rows.image_shape is None and rows.n_labels > 0
    return is_labeled_table and config["likelihood"] == "gaussian"


def linear_warm_up(epoch, n_epochs):
    """``min(1, (epoch + 1) / n_epochs)`` of an epoch, a 0-d tensor; 1 for 0 epochs."""
    return ((epoch + 1) / max(n_epochs, 1)).clamp(max=1)


class CaGeM(nn.Module):
    """Networks q_z1, q_y, q_z2, p_y, p_z1 and p_x, and the loss over a batch.

    Wherever y is summed out, its clusters are the first axis: (K, n, ...).
    """

    def __init__(self, config):
        super().__init__()
        self.config = config
        z1_dim, z2_dim, K = config.z1_dim, config.z2_dim, config.n_clusters
        self.z_dims = [z1_dim, z2_dim]
        self.n_features_out, self.noise_dim = z2_dim, z1_dim + z2_dim
        self.least = {f"kl_{z}": (z, 0.1) for z in ("z1", "z2")}
        self.least |= {f"active_{z}": (z, 0.5) for z in ("z1", "z2")}
        # (N_u + N_l) / N_l, learned from the data
        self.register_buffer("label_ratio", torch.ones(()))
        act, bfloat16 = ACTIVATIONS[config.activation], config.bfloat16
        lower, upper = config.hidden_layer_sizes, config.upper_sizes
        mlp = config.network == "mlp"

        def of_x(width):
            if config.network == "conv":
                return ConvEncoder(
                    config.image_shape, CONVOLUTIONS, width, act, bfloat16=bfloat16
                )
            if mlp:
                return nn.Linear(config.n_features, width, bias=False)
            return custom(config.network, config.n_features, width)

        def dense(inputs, sizes):
            return Dense(inputs, sizes, act, bfloat16)

        # Posteriors start narrow: else what z2 says of y is lost in its noise, and has
        # been given up before p(y|z2) has learned to read it.
        body = dense([of_x(lower[0])], lower)
        self.q_z1 = Gaussian(body, lower[-1], z1_dim, log_variance=-2.0)
        self.q_y = Categorical(dense([of_x(lower[0]), z1_dim], lower), lower[-1], K)
        body = dense([of_x(upper[0]), K, z1_dim], upper)
        self.q_z2 = Gaussian(body, upper[-1], z2_dim, log_variance=-2.0)
        self.p_y = Categorical(dense([z2_dim], upper), upper[-1], K)
        body = dense([K, z2_dim], upper)
        self.p_z1 = Gaussian(body, upper[-1], z1_dim, log_variance=0.0)
        if config.network == "conv":
            output = ConvDecoder(
                lower[-1], CONVOLUTIONS, config.image_shape, bfloat16=bfloat16
            )
        elif mlp:
            output = nn.Linear(lower[-1], config.n_features)
        else:
            output = custom(config.network, lower[-1], config.n_features)
        body = dense([K, z1_dim], lower)
        self.p_x = Likelihood(Chain(body, output, bfloat16 and mlp), config)
        self.augment = Augment(config.noise, 0, config.image_shape, 0)
        self.register_buffer("every_y", torch.eye(K)[:, None], persistent=False)
        # What a pass over the pool leaves is what the labeled pass of the same step is
        # normalized by; inference has statistics of its own, from `after_training`.
        for norm in batch_norms(self):
            norm.momentum = 1.0

    @property
    def binarizes(self):
        """Whether values are probabilities of a 1."""
        return self.config.binarize and self.p_x.name == "bernoulli"

    def observe(self, x):
        """Rows as training has them: drawn from Bernoulli(x) where asked to."""
        return torch.bernoulli(x.clamp(0, 1)) if self.binarizes else self.p_x.bounded(x)

    def encoded(self, x):
        """Rows as the networks see them, with noise while training."""
        return self.augment.noise(self.p_x.encoded(x))

    def loss(self, batch, epoch):
        """Terms and monitors; the first rows have labels, the pool none.

        The pool holds every row in turn, labeled ones included.
        """
        x, y = self.observe(batch.x), batch.y
        bound, monitors = self.bound_terms(x[len(y) :])
        terms = {
            "reconstruction": bound["reconstruction"],
            "gaussian": bound["kl_z1"] + bound["kl_z2"],
            "categorical": bound["kl_y"],
        }
        warm = linear_warm_up(epoch, self.config.schedule_length)
        factors = {"gaussian": warm, "categorical": warm}
        if self.config.n_labels:
            with self.frozen_statistics():
                terms |= self.label_terms(x[: len(y)], y)
            factors |= {"label_q": self.label_ratio, "label_p": self.label_ratio}
        return Loss(terms, monitors, factors)

    def bound_terms(self, x):
        """Parts of the bound, means over rows, and monitors: (n, n_features)."""
        e, every_y = self.encoded(x), self.every_y
        q_z1 = self.q_z1(e)
        z1 = q_z1.rsample()  # (n, z1_dim)
        log_q_y = self.q_y(e, z1).log_softmax(1).T  # (K, n)
        q_y = F.threshold(log_q_y.exp(), NEGLIGIBLE, 0.0)
        q_z2 = self.q_z2(e, every_y, z1)  # (K, n, z2_dim)
        z2 = q_z2.rsample()
        # of the cluster that z2 was drawn for
        log_p_y = self.p_y(z2).log_softmax(2).diagonal(dim1=0, dim2=2).T  # (K, n)
        log_p_z1 = self.p_z1(every_y, z2).log_prob(z1).sum(2)
        log_p_x = self.p_x(every_y, z1).log_prob(x).sum(2)
        kl_z2 = kl_divergence(q_z2, standard_normal(q_z2)).sum(2)
        terms = {
            "reconstruction": -(q_y * log_p_x).sum(0).mean(),
            "kl_z1": (q_z1.log_prob(z1).sum(1) - (q_y * log_p_z1).sum(0)).mean(),
            "kl_z2": (q_y * kl_z2).sum(0).mean(),
            "kl_y": (q_y * (log_q_y - log_p_y)).sum(0).mean(),
        }
        detached = {name: term.detach() for name, term in terms.items()}
        z2_mean = torch.einsum("kn,knd->nd", q_y.detach(), q_z2.mean.detach())
        monitors = {
            "bound": -sum(detached.values()),
            **{name: detached[name] for name in ("kl_z1", "kl_z2", "kl_y")},
            "active_z1": _n_active(q_z1.mean.detach()),
            "active_z2": _n_active(z2_mean),
        }
        return terms, monitors

    def label_terms(self, x, y):
        """H_q and H_p, with a gradient for q(y|.) and p(y|.) alone.

        Both are over the clusters that labels name: labels say which of those a row is
        in, and the bound how much the others have.
        """
        e = self.encoded(x)
        with torch.no_grad():
            z1 = self.q_z1(e).rsample()
        log_q_y = without_tiny_gradients(self.q_y(e, z1)).log_softmax(1)  # (n, K)
        with torch.no_grad():
            z2 = self.q_z2(e, self.every_y, z1).rsample()  # (K, n, z2_dim)
        p_y = without_tiny_gradients(self.p_y(z2)).softmax(2)  # (K, n, K)
        p_y = classify_by_z2(log_q_y.exp(), p_y)
        named = slice(self.config.n_labels)
        return {
            "label_q": F.cross_entropy(log_q_y[:, named], y),
            "label_p": F.cross_entropy(p_y[:, named].clamp(min=1e-12).log(), y),
        }

    @contextlib.contextmanager
    def frozen_statistics(self):
        """Normalize by the statistics of the pass before, and collect none."""
        norms = [norm for norm in batch_norms(self) if norm.training]
        for norm in norms:
            norm.training = False
        try:
            yield
        finally:
            for norm in norms:
                norm.training = True

    def before_epoch(self, data, epoch):
        """Weight of the labels; before the first epoch, units and clusters too."""
        n_labeled = max(int((data.codes >= 0).sum()), 1)
        # labeled rows count twice, as they are among the rows of the pool
        self.label_ratio.fill_((len(data.codes) + n_labeled) / n_labeled)
        if epoch > 0:
            return
        self.p_x.fit_units(data)
        self.augment.fit(data, self.p_x.encoded)
        n_clusters, n_labels = self.config.n_clusters, self.config.n_labels
        if self.config.init == "k-means" and n_labels < n_clusters:
            self.train()
            start_from_kmeans(self.q_y.logits, self.hidden, data, n_clusters, n_labels)

    def hidden(self, x):
        """Input of the last layer of q(y|z1, x), z1 at its mean."""
        e = self.encoded(x)
        return self.q_y.body(e, self.q_z1(e).mean)

    @torch.no_grad()
    def after_training(self, data):
        """Statistics of batch norm from one pass over the rows, labels ignored."""
        # few at a time, as each row is there for every cluster
        collect_statistics(
            self,
            lambda x: self.bound_terms(self.observe(x)),
            data,
            n_rows=NORMALIZED_ROWS,
        )

    # ----------------------------------------------- what the estimator asks for

    def predict_proba(self, x, noise, classifier):
        """q(y|x) or p(y|x), a mean over draws: (n, n_features) -> (n, K), float64.

        ``noise`` (n_draws, n, z1_dim + z2_dim) is standard normal.
        """
        e = self.encoded(x)
        q_z1 = self.q_z1(e)
        total = 0
        for part in noise.split(self.n_together(len(x) * self.config.n_clusters)):
            e1, e2 = part.split(self.z_dims, dim=-1)
            z1 = q_z1.mean + q_z1.stddev * e1  # (draws, n, z1_dim)
            q_y = double(self.q_y(e, z1)).softmax(-1)  # (draws, n, K)
            if classifier == "q":
                total = total + q_y.sum(0)
                continue
            q_z2 = self.q_z2(e, self.every_y[:, None], z1)  # (K, draws, n, z2_dim)
            p_y = double(self.p_y(q_z2.mean + q_z2.stddev * e2)).softmax(-1)
            total = total + classify_by_z2(q_y, p_y).sum(0)
        return total / len(noise)

    def q_at_mean(self, x):
        """Return z1 at its mean, and q(y|z1, x) and q(z2|x, y, z1) there."""
        e = self.encoded(x)
        z1 = self.q_z1(e).mean
        return z1, self.q_y(e, z1).softmax(1), self.q_z2(e, self.every_y, z1)

    def encode(self, x):
        """Mean of z2, z1 at its mean: (n, n_features) -> (n, z2_dim)."""
        _, q_y, q_z2 = self.q_at_mean(x)
        return torch.einsum("nk,knd->nd", q_y, q_z2.mean)

    def reconstruct(self, x):
        """Mean of p(x|y, z1) over q(y|z1, x), z1 at its mean."""
        z1, q_y, _ = self.q_at_mean(x)
        return torch.einsum("nk,knd->nd", q_y, self.p_x(self.every_y, z1).mean)

    def one_hot(self, k):
        """Clusters (n,) as (n, K)."""
        return F.one_hot(k, self.config.n_clusters).to(self.every_y)

    def prior_y(self, z2):
        """p(y|z2): (n, z2_dim) -> (n, K), float64."""
        return double(self.p_y(z2)).softmax(1)

    def sample(self, y, z2_and_noise):
        """Mean of p(x|y, z1), z1 ~ p(z1|y, z2): y (n,), z2 and noise (n, .)."""
        z2, noise = z2_and_noise.split(self.z_dims[::-1], dim=1)
        y = self.one_hot(y)
        p_z1 = self.p_z1(y, z2)
        return self.p_x(y, p_z1.mean + p_z1.stddev * noise).mean

    def bound(self, x, noise):
        """Bound with y summed out and one draw, in nats: (n,), float64.

        ``noise`` (1, n, z1_dim + z2_dim) is standard normal.
        """
        e, every_y = self.encoded(x), self.every_y
        (draw,) = noise
        e1, e2 = draw.split(self.z_dims, dim=1)
        q_z1 = self.q_z1(e)
        z1 = q_z1.mean + q_z1.stddev * e1
        log_q_y = double(self.q_y(e, z1)).log_softmax(1).T  # (K, n)
        q_z2 = self.q_z2(e, every_y, z1)
        z2 = q_z2.mean + q_z2.stddev * e2
        log_p_y = double(self.p_y(z2)).log_softmax(2).diagonal(dim1=0, dim2=2).T
        kl_z2 = double(kl_divergence(q_z2, standard_normal(q_z2))).sum(2)
        log_p_z1 = double(self.p_z1(every_y, z2).log_prob(z1)).sum(2)
        log_p_x = double(self.p_x(every_y, z1).log_prob(x)).sum(2)
        inside = log_p_x + log_p_z1 + log_p_y - log_q_y - kl_z2
        return (log_q_y.exp() * inside).sum(0) - double(q_z1.log_prob(z1)).sum(1)

    def importance_weighted_bound(self, x, noise, uniform):
        """Log-mean of p(x, y, z1, z2) / q(y, z1, z2|x) over draws: (n,), float64.

        ``noise`` (n_draws, n, z1_dim + z2_dim) is standard normal; from ``uniform``
        (n_draws, n, 1) y is drawn.
        """
        e = self.encoded(x)
        q_z1 = self.q_z1(e)
        total = torch.full_like(double(x[:, 0]), -torch.inf)
        together = self.n_together(len(x))
        for part, u in zip(noise.split(together), uniform.split(together), strict=True):
            e1, e2 = part.split(self.z_dims, dim=-1)
            z1 = q_z1.mean + q_z1.stddev * e1  # (draws, n, z1_dim)
            log_q_y = double(self.q_y(e, z1)).log_softmax(-1)  # (draws, n, K)
            k = (log_q_y.exp().cumsum(-1) < double(u)).sum(-1, keepdim=True)
            # the sum may round to less than u
            k = k.clamp(max=self.config.n_clusters - 1)
            y = self.one_hot(k[..., 0])
            q_z2 = self.q_z2(e, y, z1)
            z2 = q_z2.mean + q_z2.stddev * e2
            log_p_y = double(self.p_y(z2)).log_softmax(-1)
            log_weight = (
                double(self.p_x(y, z1).log_prob(x)).sum(-1)
                + double(self.p_z1(y, z2).log_prob(z1)).sum(-1)
                + (log_p_y - log_q_y).gather(-1, k)[..., 0]
                + double(standard_normal(q_z2).log_prob(z2)).sum(-1)
                - double(q_z2.log_prob(z2)).sum(-1)
                - double(q_z1.log_prob(z1)).sum(-1)
            )
            total = torch.logaddexp(total, log_weight.logsumexp(0))
        return total - math.log(len(noise))

    def n_together(self, n_rows):
        """Draws that one product takes."""
        return max(1, CHUNK // n_rows)


def _n_active(means):
    """Units whose means (n, dim) vary over rows."""
    return (means.var(0) > ACTIVE).to(means.dtype).sum()


class CaGeMGenerator(GenerativeMixin, DeepEstimator):
    """Cluster-aware generative model: a density that a few labels can shape.

    A variational autoencoder of two layers, z2 above z1, with a discrete y of K
    clusters between them. Fitted without labels, y finds clusters; a few labels name
    them, and the classifier they train is a by-product. The model draws rows (at
    random, by class or from a point of the upper layer) and bounds the log-likelihood
    of any row.

    Read more in the :ref:`User Guide <cagem>`.

    Parameters
    ----------
    n_clusters : int or None, default=None
        Number of clusters, K in the paper. None means the number of distinct labels in
        y, or 8 without labels. 1 is a plain VAE of two layers.
    z1_dim : int, default=64
        Dimension of z1, the lower layer.
    z2_dim : int, default=32
        Dimension of z2, the upper layer, and number of columns of ``transform``.
    network : {"auto", "mlp", "conv"} or callable, default="auto"
        First layers on x, and last layers toward x: dense as in the paper, or
        convolutions. "auto" is "conv" if X is image-shaped or ``image_shape`` is given,
        else "mlp". A callable is called as ``network(in_features, out_features)`` for
        either and returns an ``nn.Module`` on rows.
    hidden_layer_sizes : array-like of int, default=(128, 128)
        Widths of the hidden layers of q(z1|x), q(y|z1, x) and p(x|y, z1), each of which
        has its own network; the paper's are (1024, 1024).
    z2_hidden_layer_sizes : array-like of int or None, default=None
        The same for q(z2|x, y, z1), p(y|z2) and p(z1|y, z2); the paper's are
        (512, 512). None means half of ``hidden_layer_sizes``.
    activation : {"relu", "leaky_relu", "gelu", "tanh"}, default="relu"
        Activation of the hidden layers.
    image_shape : tuple of (channels, height, width), default=None
        Shape of the image in each row, for 2-D X, as in a Pipeline.
    likelihood : {"auto", "bernoulli", "gaussian"}, default="auto"
        p(x|y, z1). "bernoulli" is for values in [0, 1]. "gaussian" learns one variance
        per feature; rows are centered and divided by one common unit inside. "auto" is
        "bernoulli" if all of X lies in [0, 1], else "gaussian".
    binarize : bool, default=True
        Under "bernoulli", whether values between 0 and 1 are probabilities of a 1:
        every training step draws anew, and ``score_samples`` scores rows drawn so.
    reconstruction_weight : float, default=1.0
        Weight of minus E log p(x|y, z1).
    gaussian_weight : float, default=1.0
        Weight of the cost of z1 and z2.
    categorical_weight : float, default=2.0
        Weight of E log q(y|z1, x) / p(y|z2), 1 in the bound itself. With 1, a y that z2
        does not carry costs no more than one that it does, and p(y|x) falls behind
        q(y|x).
    label_q_weight : float or "auto", default="auto"
        Weight of the labels' cross-entropy with q(y|x), times the number of rows per
        labeled row; beta in the paper, 0.1. "auto" is 1, or for tables with labels
        under "gaussian" a fortieth of the number of features, if that is more.
    label_p_weight : float or "auto", default="auto"
        The same for p(y|x).
    input_noise : float or "auto", default="auto"
        Standard deviation of Gaussian noise on the input of q(.) in training. "auto" is
        0; for tables with labels under "gaussian" the distance of a row to its nearest
        other row, per feature and in the common unit, at least 0.2. Not in the paper.
    warm_up : int, default=10
        Number of epochs in which the weight of the latent terms grows linearly to its
        value. The paper has 100 for likelihoods, and names none elsewhere.
    init : {"k-means", "random"}, default="k-means"
        How q(y|z1, x) starts if there are more clusters than labels: from k-means on
        the untrained network's last hidden layer, or at random. Not in the paper.
    max_iter : int, default=50
        Number of epochs, each a pass over all rows.
    batch_size : int, default=100
        Rows in a training step. Up to half of them are labeled ones, drawn balanced
        over the labels; the bound is of the others.
    learning_rate : float, default=3e-3
        Step size of Adam in the first epochs; the paper's is 1e-3.
    learning_rate_decay : float, default=0.75
        Factor of the step size after every ``learning_rate_step`` epochs.
    learning_rate_step : int, default=50
        Epochs from one decay to the next.
    tol : float, default=1e-4
        Smallest decrease of the training loss that counts for ``n_iter_no_change``.
    n_iter_no_change : int or None, default=None
        Stop when the training loss has not decreased by ``tol`` for this many epochs
        after the warm-up. None runs all ``max_iter`` epochs.
    n_init : int, default=1
        Number of restarts; that of lowest loss over an evaluation pass is kept.
    n_jobs : int or None, default=None
        Processes that run the restarts, by joblib; None is one, -1 all cores. A fit
        with callbacks runs them in turn.
    warm_start : bool, default=False
        Whether fit continues for ``max_iter`` more epochs, as in one longer fit.
        Weights of the loss, the learning rate and its decay, ``batch_size``, precision
        and draws may change; nothing else the network was built from may.
    n_importance_samples : int, default=1
        Draws in ``score_samples``: 1 is the bound, more are importance-weighted, with
        y drawn too; the paper's tables have 5000. Read at call time.
    classifier : {"q", "p"}, default="q"
        What ``predict_proba`` returns: q(y|x), or p(y|x) as in the paper. Read at call
        time.
    n_draws : int, default=10
        Draws of z1, and of z2 for each y, over which ``predict_proba`` and the bound of
        ``score_samples`` average; not given in the paper. Read at call time.
    precision : {"auto", "float32", "bfloat16"}, default="auto"
        Arithmetic of wide layers in training; "auto" is bfloat16 if the device has it
        in hardware and a layer is at least 512 wide. Weights and inference are
        float32.
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
        One row per epoch, means over its steps: ``loss``, which is minimized; in nats,
        each term unweighted (``reconstruction``, ``gaussian``, ``categorical``,
        ``label_q``, ``label_p``), ``bound`` and its parts ``kl_z1``, ``kl_z2`` and
        ``kl_y``; ``active_z1`` and ``active_z2``, how many units have posterior means
        with a variance above 0.01 over the rows of a step; ``seconds``.
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
    GMVAEClusterer : Clusters and classifies, with one latent layer.
    sklearn.mixture.GaussianMixture : A density in the space of the rows themselves.

    Notes
    -----
    Differences from the paper: ``predict`` uses q(y|x), the more accurate of the two
    classifiers on most tables; tables get noise; batch norm normalizes labeled rows by
    the statistics of the step's other rows, those of the bound; "gaussian" has one
    variance per feature; where clusters have no label, q(y|z1, x) starts from
    k-means and the cross-entropies leave those clusters out; posteriors start narrow.
    The defaults differ from the paper's values where a parameter says so.

    References
    ----------
    L. Maaløe, M. Fraccaro, O. Winther, "Semi-Supervised Generation with Cluster-aware
    Generative Models", arXiv:1704.00637, 2017.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sksemi import CaGeMGenerator
    >>> from sksemi.datasets import mask_labels
    >>> X, y = load_digits(return_X_y=True)
    >>> y_partial = mask_labels(y, 50, random_state=0)
    >>> est = CaGeMGenerator(max_iter=2, random_state=0).fit(X / 16, y_partial)
    >>> est.score_samples(X / 16).shape, est.transform(X / 16).shape
    ((1797,), (1797, 32))
    >>> rows, labels = est.sample(3, y=7)
    >>> rows.shape, labels.tolist()
    ((3, 64), [7, 7, 7])
    """

    _Module = CaGeM
    _pool = "all"
    _inference_rows = {}  # each row counts for its draws and clusters
    _unit_likelihood = "bernoulli"
    _config_constraints = {"upper_sizes": [tuple], "noise": [NON_NEGATIVE, AUTO]}

    _parameter_constraints = {
        **DeepEstimator._parameter_constraints,
        **GenerativeMixin._parameter_constraints,
        # so that no batch norm is given a single row
        "batch_size": [Interval(Integral, 4, None, closed="left")],
        "z1_dim": [COUNT],
        "z2_dim": [COUNT],
        "z2_hidden_layer_sizes": ["array-like", None],
        "likelihood": [StrOptions({"auto", "bernoulli", "gaussian"})],
        "binarize": ["boolean"],
        "reconstruction_weight": [POSITIVE],
        "gaussian_weight": [NON_NEGATIVE],
        "categorical_weight": [NON_NEGATIVE],
        "label_q_weight": [NON_NEGATIVE, AUTO],
        "label_p_weight": [NON_NEGATIVE, AUTO],
        "input_noise": [NON_NEGATIVE, AUTO],
        "warm_up": [NON_NEGATIVE_COUNT],
        "init": [StrOptions({"k-means", "random"})],
        "learning_rate_decay": [Interval(Real, 0, 1, closed="right")],
        "learning_rate_step": [COUNT],
        "classifier": [StrOptions({"q", "p"})],
        "n_draws": [COUNT],
    }

    def __init__(
        self,
        n_clusters=None,
        *,
        z1_dim=64,
        z2_dim=32,
        network="auto",
        hidden_layer_sizes=(128, 128),
        z2_hidden_layer_sizes=None,
        activation="relu",
        image_shape=None,
        likelihood="auto",
        binarize=True,
        reconstruction_weight=1.0,
        gaussian_weight=1.0,
        categorical_weight=2.0,
        label_q_weight="auto",
        label_p_weight="auto",
        input_noise="auto",
        warm_up=10,
        init="k-means",
        max_iter=50,
        batch_size=100,
        learning_rate=3e-3,
        learning_rate_decay=0.75,
        learning_rate_step=50,
        tol=1e-4,
        n_iter_no_change=None,
        n_init=1,
        n_jobs=None,
        warm_start=False,
        n_importance_samples=1,
        classifier="q",
        n_draws=10,
        precision="auto",
        device="auto",
        verbose=0,
        random_state=None,
    ):
        self.n_clusters = n_clusters
        self.z1_dim = z1_dim
        self.z2_dim = z2_dim
        self.network = network
        self.hidden_layer_sizes = hidden_layer_sizes
        self.z2_hidden_layer_sizes = z2_hidden_layer_sizes
        self.activation = activation
        self.image_shape = image_shape
        self.likelihood = likelihood
        self.binarize = binarize
        self.reconstruction_weight = reconstruction_weight
        self.gaussian_weight = gaussian_weight
        self.categorical_weight = categorical_weight
        self.label_q_weight = label_q_weight
        self.label_p_weight = label_p_weight
        self.input_noise = input_noise
        self.warm_up = warm_up
        self.init = init
        self.max_iter = max_iter
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_decay = learning_rate_decay
        self.learning_rate_step = learning_rate_step
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.n_init = n_init
        self.n_jobs = n_jobs
        self.warm_start = warm_start
        self.n_importance_samples = n_importance_samples
        self.classifier = classifier
        self.n_draws = n_draws
        self.precision = precision
        self.device = device
        self.verbose = verbose
        self.random_state = random_state

    def _auto_weights(self, rows, config):
        # against a bound that is a sum over features
        least = config["n_features"] / 40 if is_noisy(rows, config) else 0.0
        return dict.fromkeys(("label_q", "label_p"), max(1.0, least))

    def _module_config(self, rows, config, weights):
        name = "z2_hidden_layer_sizes"
        lower, upper = config["hidden_layer_sizes"], config[name]
        if upper is None:
            upper = [max(1, width // 2) for width in lower]
        upper = _validation.check_sizes(name, upper)
        if not (lower and upper):
            raise ValueError(f"hidden_layer_sizes and {name} must not be empty.")
        wide = config["network"] != "mlp" or max(lower) >= 512
        bfloat16 = config["bfloat16"] and (wide or self.precision == "bfloat16")
        noise = config["input_noise"]
        if noise == "auto" and not is_noisy(rows, config):
            noise = 0.0
        return {"upper_sizes": upper, "bfloat16": bfloat16, "noise": noise}

    def _schedule_length(self):
        return self.warm_up

    def _learning_rate(self, epoch, n_steps):
        return self.learning_rate * step_decay(
            epoch, self.learning_rate_decay, self.learning_rate_step
        )

    def _n_means(self):
        """Draws that are averaged over."""
        return _validation.check_parameter(self, "n_draws")

    def _probabilities(self):
        noise = self._row_noise(self._n_means())
        classifier = _validation.check_parameter(self, "classifier")
        return lambda model, x: model.predict_proba(x, noise.of(x), classifier)

    def sample(self, n_samples=1, y=None, z2=None):
        """Draw rows: z2, y from p(y|z2), z1 from p(z1|y, z2), then the mean of p(x|.).

        Parameters
        ----------
        n_samples : int, default=1
            Number of rows.
        y : label or array-like of shape (n_samples,), default=None
            Entries of ``classes_`` to draw rows from. z2 then comes from p(z2|y): it is
            one of 10,000 draws from p(z2), weighted by p(y|z2). None draws y too.
        z2 : array-like of shape (n_samples, z2_dim) or (z2_dim,), default=None
            The upper layer, as in ``transform``; if y is given too, both are used as
            given. None draws it.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features) or image-shaped, as fit saw it
            In [0, 1] after a fit on uint8.
        y : ndarray of shape (n_samples,)
            The cluster each row was drawn from.

        Raises
        ------
        ValueError
            If n_samples is not a positive integer, y is not in ``classes_``, or z2 has
            the wrong shape.
        """
        fit, _ = self._checked()
        n_samples = _validation.check_n_samples(n_samples)
        rng = check_random_state(_validation.check_parameter(fit, "random_state"))
        z1_dim, z2_dim = fit.model_.z_dims
        codes = None
        if y is not None:
            codes = _validation.check_classes(y, fit.classes_, n_samples)
        if z2 is not None:
            z2 = fit._check_z2(z2, n_samples)
        elif codes is None:
            z2 = rng.standard_normal((n_samples, z2_dim))
        else:
            z2 = fit._draw_z2(codes, rng)
        if codes is None:
            cumulative = fit._prior_y(z2).cumsum(1)
            below = cumulative < cumulative[:, -1:] * rng.uniform(size=(n_samples, 1))
            codes = below.sum(1)
        noise = rng.standard_normal((n_samples, z1_dim))
        return fit._draw(codes, z2, noise, argument="z2"), fit.classes_[codes]

    def _check_z2(self, z2, n_samples):
        z2_dim = self.model_.z_dims[1]
        z2 = _validation.check_points(z2, "z2")
        if z2.shape[1] != z2_dim or len(z2) not in (1, n_samples):
            raise ValueError(
                f"z2 has shape {z2.shape}: give ({n_samples}, {z2_dim}), a row for "
                f"each of n_samples={n_samples}, or one row of {z2_dim} for all."
            )
        return np.broadcast_to(z2, (n_samples, z2_dim))

    def _prior_y(self, z2):
        """p(y|z2) of points of the upper layer."""
        return self._map(
            np.asarray(z2, dtype=np.float32), lambda model, v: model.prior_y(v), "z2"
        )

    def _draw_z2(self, codes, rng):
        """Draw z2 from p(z2|y), by resampling draws of p(z2)."""
        candidates = rng.standard_normal((N_CANDIDATES, self.model_.z_dims[1]))
        weight = self._prior_y(candidates).T  # (K, N_CANDIDATES)
        weight = weight + np.finfo(float).tiny  # a cluster that z2 never leads to
        z2 = np.empty((len(codes), candidates.shape[1]))
        for k in np.unique(codes):
            here = codes == k
            p = weight[k] / weight[k].sum()
            z2[here] = candidates[rng.choice(len(p), size=here.sum(), p=p)]
        return z2

    def _bound_of_rows(self, n_draws, n_features):
        noise = self._row_noise(self._n_means() if n_draws == 1 else n_draws)
        n_images = self._n_means() if n_draws == 1 else 1
        # other numbers than the noise, by other seeds
        threshold = RowNoise(n_images, n_features, self._seed + 1, normal=False)
        uniform = RowNoise(n_draws, 1, self._seed + 2, normal=False)

        def bound(model, x):
            images = x.expand(n_images, *x.shape)
            if model.binarizes:
                images = ((x > t).to(x.dtype) for t in threshold.of(x))
            if n_draws > 1:
                (image,) = images
                return model.importance_weighted_bound(
                    image, noise.of(x), uniform.of(x)
                )
            pairs = zip(images, noise.of(x), strict=True)
            return sum(model.bound(image, [e]) for image, e in pairs) / n_images

        return bound
