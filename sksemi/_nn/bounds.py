"""Bounds of a density with a discrete y, summed out, and a Gaussian z."""

import math

import torch
from torch.distributions import kl_divergence

from sksemi._nn.losses import categorical_kl_to_uniform
from sksemi._nn.networks import in_float64
from sksemi._nn.precision import double


def of_rows(values):
    """Values (n_rows,) in float64, summed over dimensions that are independent."""
    values = double(values)
    return values.sum(1) if values.dim() == 2 else values


def enumerated_bound(logits, given, noise):
    """Lower bound of log p(x), y uniform a priori.

    Parameters
    ----------
    logits : Tensor of shape (n_rows, n_clusters) of float64
        Of q(y|x).
    given : callable
        From a cluster's number to q(z|x, y), a Normal of shape (n_rows, dim); p(z|y),
        another, or one MultivariateNormal for all rows; and a function from z
        (n_rows, dim) to log p(x|y, z) (n_rows,).
    noise : sequence of n_draws Tensors of shape (n_rows, dim)
        Standard normal.

    Returns
    -------
    Tensor of shape (n_rows,) of float64
        In nats: ``sum_y q(y|x) (E log p(x|y, z) - KL(q(z|x, y) || p(z|y)))
        - KL(q(y|x) || p(y))``.
    """
    bound = -categorical_kl_to_uniform(logits)
    for k, q_k in enumerate(logits.softmax(1).unbind(1)):
        q_z, p_z, log_p_x = given(k)
        mean = sum(log_p_x(q_z.mean + q_z.stddev * e) for e in noise) / len(noise)
        bound = bound + q_k * (mean - of_rows(kl_divergence(q_z, p_z)))
    return bound


def importance_weighted_bound(n_clusters, given, noise):
    """Log-mean over draws of p(x, z|y) / q(z|x, y), then over y: see above.

    Parameters
    ----------
    n_clusters : int
    given : callable
    noise : sequence of n_draws Tensors of shape (n_rows, dim)

    Returns
    -------
    Tensor of shape (n_rows,) of float64
        In nats.
    """
    joint = []
    for k in range(n_clusters):
        q_z, p_z, log_p_x = given(k)
        total = None
        for e in noise:
            z = q_z.mean + q_z.stddev * e
            ratio = of_rows(p_z.log_prob(z)) - of_rows(q_z.log_prob(z))
            weight = log_p_x(z) + ratio
            total = weight if total is None else torch.logaddexp(total, weight)
        joint.append(total - math.log(len(noise)))
    return torch.stack(joint, 1).logsumexp(1) - math.log(n_clusters)


class EnumeratedBounds:
    """What a module can say by going over the clusters one by one.

    It has ``encode(x)``, ``q_y`` from features to logits, ``config.n_clusters`` and
    ``given(x, features)``: see `enumerated_bound`.
    """

    def predict_proba(self, x):
        """q(y|x): (n, n_features) -> (n, K), float64."""
        return double(in_float64(self.q_y, self.encode(x))).softmax(1)

    def bound(self, x, noise):
        """Bound with y summed out, in nats: (n, n_features) -> (n,).

        ``noise`` (n_draws, n, latent_dim) is standard normal.
        """
        features = self.encode(x)
        logits = double(in_float64(self.q_y, features))
        return enumerated_bound(logits, self.given(x, features), noise)

    def importance_weighted_bound(self, x, noise):
        """Log 1/K sum_y 1/S sum_s p(x, z_s|y) / q(z_s|x, y), in nats: (n,)."""
        given = self.given(x, self.encode(x))
        return importance_weighted_bound(self.config.n_clusters, given, noise)
