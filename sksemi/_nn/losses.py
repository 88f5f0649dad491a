"""Terms that methods share: tensors in, one value per row out."""

import math

import torch
from torch.distributions import Categorical

# The epochs in which votes of labels come to be those of their rows.
EVEN_EPOCHS = 50


def categorical_kl_to_uniform(logits):
    """KL(q || uniform), in nats.

    Parameters
    ----------
    logits : Tensor of shape (n_rows, n_clusters)

    Returns
    -------
    Tensor of shape (n_rows,)
        ``sum_k q_k log q_k + log K``.
    """
    entropy = Categorical(logits=logits, validate_args=False).entropy()
    return math.log(logits.shape[-1]) - entropy


def even_votes(labels, n_labels, epoch):
    """Votes of labeled rows: at first as many of every label; later, one of each row.

    While features say little, a label of more rows than others would win most of the
    rows between them, and these, taught as its own, draw the next ones. Later, its
    rows are the more frequent ones.

    Parameters
    ----------
    labels : Tensor of shape (n_labeled,)
    n_labels : int
    epoch : Tensor of shape ()

    Returns
    -------
    Tensor of shape (n_labeled,)
        ``(n / n_j) ** max(0, 1 - epoch / 50)``, of a label of n_j rows where the mean
        label has n: 1 if all have as many.
    """
    one = torch.ones(len(labels), device=labels.device)
    counts = one.new_zeros(n_labels).scatter_add_(0, labels, one)
    share = len(labels) / (counts > 0).sum() / counts[labels]
    return share ** (1 - epoch / EVEN_EPOCHS).clamp(min=0)


def nearest_neighbor_labels(
    queries, neighbors, labels, n_neighbors, n_labels, votes=None
):
    """Label of each query by distance-weighted vote of its nearest neighbors.

    Parameters
    ----------
    queries : Tensor of shape (n_queries, n_features)
    neighbors : Tensor of shape (n_labeled, n_features)
    labels : Tensor of shape (n_labeled,)
    n_neighbors : int
    n_labels : int
    votes : Tensor of shape (n_labeled,), default=None
        Of each neighbor; one by default.

    Returns
    -------
    Tensor of shape (n_queries,)
        Equation 8: ``argmax_j sum_i v_i/d_i [labels_i = j]``, v_i being 1 there. A
        neighbor at distance 0 outweighs all others.
    """
    # exact differences: the matrix-product form misses distance 0 by rounding
    distance = torch.cdist(
        queries, neighbors, compute_mode="donot_use_mm_for_euclid_dist"
    )
    distance, index = distance.topk(
        min(n_neighbors, len(neighbors)), dim=1, largest=False
    )
    weight = 1 / distance.clamp(min=1e-12)
    if votes is not None:
        weight = weight * votes[index]
    total = weight.new_zeros(len(queries), n_labels)
    return total.scatter_add_(1, labels[index], weight).argmax(1)


def count_neighbors(n_neighbors, n_labeled, n_labels):
    """Count the neighbors that vote.

    Parameters
    ----------
    n_neighbors : int or "auto"
        "auto" is half as many as a label has rows, from 1 to 5: further ones would be
        of another label for sure.
    n_labeled : int
        Labeled rows of the batch.
    n_labels : int
        Distinct labels.

    Returns
    -------
    int
    """
    if n_neighbors != "auto":
        return n_neighbors
    return min(max(n_labeled // (2 * max(n_labels, 1)), 1), 5)


def lifted_structured_loss(features, labels, margin, weight=None):
    """Lifted structured loss (Song et al., 2016) over all pairs of a batch.

    Parameters
    ----------
    features : Tensor of shape (n_rows, n_features)
    labels : Tensor of shape (n_rows,)
    margin : float
        In units of Euclidean distance between features.
    weight : Tensor of shape (n_rows,), default=None
        Rows with 0 take part in no pair.

    Returns
    -------
    Tensor of shape ()
        With ``r_i = logsumexp(margin - d_ik)`` over rows k of other labels and
        ``J_ij = logaddexp(r_i, r_j) + d_ij``, half the mean over pairs of equal label
        of ``max(0, J_ij)**2``; 0 where there is no pair. In the mean a pair counts
        1 / n for a label of n rows, so that a label counts as much as it has rows.

    Notes
    -----
    The paper's mean counts all pairs the same, and so a label by the square of its
    rows. Where labels are assigned, the largest one then pulls the hardest and gains
    further rows, until it has nearly all of them.
    """
    distance = torch.cdist(features, features)  # (n, n); its gradient at 0 is 0
    here = torch.ones_like(labels, dtype=torch.bool) if weight is None else weight > 0
    both = here[:, None] & here
    same = labels[:, None] == labels
    # Not -inf: logsumexp over nothing would have a NaN gradient.
    absent = torch.finfo(distance.dtype).min / 4
    push = torch.where(both & ~same, margin - distance, absent).logsumexp(1)
    violation = torch.logaddexp(push[:, None], push) + distance
    related = (both & same).to(distance.dtype)
    pairs = related.triu(diagonal=1) / related.sum(1, keepdim=True).clamp(min=1)
    total = (pairs * violation.clamp(min=0).square()).sum()
    return total / (2 * pairs.sum()).clamp(min=1)
