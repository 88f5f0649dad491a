"""Conditional distributions whose parameters a network gives."""

import math

import torch
from torch import nn
from torch.distributions import Bernoulli, MultivariateNormal, Normal, register_kl
from torch.nn import functional as F

from sksemi._nn.networks import Units
from sksemi._nn.precision import double


class Categorical(nn.Module):
    """Logits of a categorical distribution: (..., n_inputs) -> (..., n_clusters)."""

    def __init__(self, body, width, n_clusters):
        super().__init__()
        self.body = body
        self.logits = nn.Linear(width, n_clusters)

    def forward(self, *inputs):
        """Logits given the inputs."""
        return self.logits(self.body(*inputs))


class Gaussian(nn.Module):
    """A diagonal Gaussian whose mean and variance are linear in a network's output.

    Parameters
    ----------
    body : nn.Module
        From the inputs, as many as `forward` is given, to ``n_in`` columns.
    n_in : int
    n_out : int
        Dimension of the Gaussian.
    log_variance : float, default=None
        Where the log-variance starts, if that is what is linear. None makes the
        variance a softplus.
    """

    def __init__(self, body, n_in, n_out, *, log_variance=None):
        super().__init__()
        self.body = body
        self.mean = nn.Linear(n_in, n_out)
        self.is_log = log_variance is not None
        if self.is_log:
            self.log_variance = nn.Linear(n_in, n_out)
            nn.init.constant_(self.log_variance.bias, log_variance)
        else:
            self.variance = nn.Linear(n_in, n_out)

    def forward(self, *inputs, origin=None):
        """Distribution given the inputs, its mean counted from ``origin``."""
        h = self.body(*inputs)
        if self.is_log:
            # far outside what data ask for, and inside what float32 can square
            deviation = (0.5 * self.log_variance(h)).clamp(-8, 8).exp()
        else:
            deviation = (F.softplus(self.variance(h)) + 1e-6).sqrt()
        mean = self.mean(h) if origin is None else origin + self.mean(h)
        return Normal(mean, deviation, validate_args=False)


class FullGaussian(MultivariateNormal):
    """A Gaussian with full covariance in float64, for values of any precision."""

    def log_prob(self, value):
        """Log-density of values (..., dim): (...)."""
        return super().log_prob(double(value))


class ClusterGaussians(nn.Module):
    """A Gaussian with full covariance for each cluster, by the moments of others.

    Parameters
    ----------
    n_clusters : int
    dim : int
    """

    def __init__(self, n_clusters, dim):
        super().__init__()
        self.register_buffer("mean", torch.zeros(n_clusters, dim))
        self.register_buffer("factor", torch.eye(dim).repeat(n_clusters, 1, 1))

    def forward(self, k):
        """Distribution of cluster k, in float64."""
        # one cluster of the table in float64, not all
        k = torch.full((1,), k, device=self.mean.device)
        mean, factor = (
            double(table.index_select(0, k))[0] for table in (self.mean, self.factor)
        )
        return FullGaussian(mean, scale_tril=factor, validate_args=False)

    def draw(self, y, noise):
        """Draws for clusters (n,) and standard normal noise (n, dim): (n, dim)."""
        return self.mean[y] + torch.einsum("nij,nj->ni", self.factor[y], noise)

    def fit(self, start, parts):
        """Give every cluster the mean and covariance of a mixture of Gaussians.

        Of all Gaussians, that one has the least mean KL divergence from the mixture's.

        Parameters
        ----------
        start : Normal of shape (n_clusters, dim)
            One more for every cluster, as if of one row.
        parts : iterable of (Tensor of shape (n,), Normal of shape (n, dim))
            Clusters of rows, and their Gaussians.
        """
        origin = double(start.mean)  # of the sums, for the sake of rounding
        count = torch.ones_like(origin[:, 0])
        first = torch.zeros_like(origin)
        second = double(start.variance).diag_embed()
        for y, q in parts:
            y, mean, variance = y.to(origin.device), double(q.mean), double(q.variance)
            for k in y.unique():
                own = y == k
                d = mean[own] - origin[k]  # (n_k, dim)
                count[k] += len(d)
                first[k] += d.sum(0)
                second[k] += d.T @ d + variance[own].sum(0).diag()
        first /= count[:, None]
        second /= count[:, None, None]
        self.mean.copy_(origin + first)
        covariance = second - first[:, :, None] * first[:, None]
        factor, failed = torch.linalg.cholesky_ex(covariance)
        # where rounding leaves no covariance, the start's; nan where the moments are
        own = torch.where(
            covariance.isfinite(), double(start.stddev).diag_embed(), torch.nan
        )
        self.factor.copy_(torch.where(failed[:, None, None] > 0, own, factor))


@register_kl(Normal, FullGaussian)
def _kl_normal_full(q, p):
    """Divergence of diagonal Gaussians (..., dim) from a full one: (...)."""
    whitened = torch.linalg.solve_triangular(
        p.scale_tril, torch.eye(len(p.loc)).to(p.loc), upper=False
    )  # inverse of the factor, (dim, dim)
    distance = ((double(q.mean) - p.loc) @ whitened.T).square().sum(-1)
    spread = double(q.variance) @ whitened.square().sum(0)
    log_ratio = double(q.stddev).log().sum(-1) - p.scale_tril.diagonal().log().sum()
    return 0.5 * (distance + spread - len(p.loc)) - log_ratio


class Likelihood(nn.Module):
    """p(x|.), with what the likelihood's name says at the end of the network.

    Parameters
    ----------
    network : nn.Module
        From the conditions to one number per feature.
    config : namespace
        With ``n_features`` and ``likelihood``, the name: "mse" is N(sigmoid(h), I / (2
        precision)), whose log-density is minus the squared error times the precision;
        "bernoulli" has h as logits; "gaussian" has no sigmoid and learns one variance
        per feature, in units of the data.
    precision : float, default=1.0
        Read by "mse" alone.
    """

    def __init__(self, network, config, precision=1.0):
        super().__init__()
        self.network = network
        self.name, n_features = config.likelihood, config.n_features
        self.deviation = (2 * precision) ** -0.5
        if self.name == "gaussian":
            # A tenth of the data's variance to start with: with all of it, no latent
            # variable would pay for itself.
            self.log_variance = nn.Parameter(torch.full((n_features,), math.log(0.1)))
            self.units = Units(n_features)

    def fit_units(self, data):
        """Learn the units of "gaussian" from all rows."""
        if self.name == "gaussian":
            self.units.fit(data)

    def encoded(self, x):
        """Rows as encoders see them: in the data's units under "gaussian"."""
        return self.units(x) if self.name == "gaussian" else x

    def bounded(self, x):
        """Rows to learn from: under "gaussian", those far outside are drawn in."""
        return self.units.bounded(x) if self.name == "gaussian" else x

    def forward(self, *conditions):
        """Distribution of x, one dimension per feature, given the conditions."""
        h = self.network(*conditions)
        if self.name == "bernoulli":
            return Bernoulli(logits=h, validate_args=False)
        if self.name == "mse":
            mean = torch.sigmoid(h)
            return Normal(mean, torch.full_like(mean, self.deviation), False)
        deviation = (self.log_variance.exp() + 1e-4).sqrt() * self.units.unit
        return Normal(self.units.inverse(h), deviation.expand_as(h), False)


def standard_normal(like):
    """N(0, I) of the shape of another Gaussian."""
    zeros = torch.zeros_like(like.mean)
    return Normal(zeros, zeros + 1, validate_args=False)
