"""Bounds of a density with a discrete y, summed out, and a Gaussian z."""

import math

import torch
from torch.distributions import kl_divergence

from sksemi._nn.losses import categorical_kl_to_uniform
from sksemi._nn.precision import double


def enumerated_bound(logits, given, noise):
    """Lower bound of log p(x), y uniform a priori.

    Parameters
    ----------
    logits : Tensor of shape (n_rows, n_clusters) of float64
        Of q(y|x).
    given : callable
        From a cluster's number to q(z|x, y), p(z|y) and a function from z
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
        bound = bound + q_k * (mean - double(kl_divergence(q_z, p_z)).sum(1))
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
            ratio = double(p_z.log_prob(z)) - double(q_z.log_prob(z))
            weight = log_p_x(z) + ratio.sum(1)
            total = weight if total is None else torch.logaddexp(total, weight)
        joint.append(total - math.log(len(noise)))
    return torch.stack(joint, 1).logsumexp(1) - math.log(n_clusters)
