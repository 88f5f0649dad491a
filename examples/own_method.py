"""A method of one's own in the frame of the package: information maximization.

    python examples/own_method.py

A network q(y|x) is sure of every row, and gives every cluster as many rows, after
Krause et al. (2010). It passes ``sksemi.utils.estimator_checks.check_estimator``. The
script fits it to scikit-learn's digits, with 50 labels and with none.
"""

import math

import numpy as np
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional as F

from sksemi._engine.estimator import DeepClusterer
from sksemi._engine.training import Loss
from sksemi._nn.networks import ACTIVATIONS, Units, encoder, in_float64
from sksemi._nn.precision import double
from sksemi._validation import COUNT, NON_NEGATIVE
from sksemi.datasets import mask_labels

CONVOLUTIONS = ((16, 3, 1), (32, 3, 2))  # for images: filters, kernel, stride


def entropy(log_p):
    """Entropy in nats: (..., K) -> (...)."""
    return -(log_p.exp() * log_p).sum(-1)


class Information(nn.Module):
    """Networks f and q_y, and the loss over a batch."""

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.n_features_out = config.feature_dim  # columns of transform
        activation = ACTIVATIONS[config.activation]
        self.f = encoder(config, CONVOLUTIONS, config.feature_dim, activation)
        self.q_y = nn.Linear(config.feature_dim, config.n_clusters)
        self.units = Units(config.n_features)

    def encode(self, x):
        """Features f(x): (n, n_features) -> (n, feature_dim)."""
        return self.f(self.units(x))

    def loss(self, batch, epoch):
        """Terms of a batch, whose first rows have labels."""
        log_q = self.q_y(self.encode(batch.x)).log_softmax(1)  # (n_rows, K)
        marginal = log_q.exp().mean(0).clamp(min=1e-8).log()
        terms = {
            "conditional": entropy(log_q).mean(),
            "marginal": math.log(self.config.n_clusters) - entropy(marginal),
        }
        if self.config.n_labels:
            n = max(len(batch.y), 1)
            error = F.nll_loss(log_q[: len(batch.y)], batch.y, reduction="sum")
            terms["label"] = error / n
        return Loss(terms, {})

    def before_epoch(self, data, epoch):
        """Learn the units of the data, once."""
        if epoch == 0:
            self.units.fit(data)

    def predict_proba(self, x):
        """q(y|x): (n, n_features) -> (n, K), float64."""
        return double(in_float64(self.q_y, self.encode(x))).softmax(1)

    def objective(self, x):
        """Minus the entropy of q(y|x), in nats: (n,), float64."""
        return -entropy(self.predict_proba(x).clamp(min=1e-300).log())


class InformationClusterer(DeepClusterer):
    """Clusters that a network is sure of, all of about the same size.

    Parameters
    ----------
    n_clusters : int or None, default=None
        Number of clusters. None means the number of distinct labels in y, or 8.
    feature_dim : int, default=50
        Number of features that ``transform`` returns.
    network : {"auto", "mlp", "conv"} or callable, default="auto"
        Network from rows to features; "auto" is "conv" for images.
    hidden_layer_sizes : array-like of int, default=(256,)
        Widths of the hidden layers of "mlp".
    activation : {"leaky_relu", "relu", "gelu", "tanh"}, default="relu"
        Activation of the network.
    image_shape : tuple of (channels, height, width), default=None
        Shape of the image in each row, for 2-D X.
    conditional_weight : float, default=1.0
        Weight of the entropy of q(y|x), in nats.
    marginal_weight : float, default=4.0
        Weight of log K minus the entropy of a batch's mean of q(y|x), in nats.
    label_weight : float, default=4.0
        Weight of the cross-entropy with labels, in nats.
    max_iter : int, default=50
        Number of epochs, each a pass over all rows.
    batch_size : int, default=200
        Number of rows in a training step.
    learning_rate : float, default=1e-3
        Step size of Adam.
    tol : float, default=1e-4
        Smallest decrease of the loss that counts for ``n_iter_no_change``.
    n_iter_no_change : int or None, default=None
        Stop when the loss has not decreased by ``tol`` for this many epochs.
    n_init : int, default=1
        Number of restarts; the one with the lowest loss is kept.
    warm_start : bool, default=False
        Whether fit continues the last fit, for ``max_iter`` more epochs.
    precision : {"auto", "float32", "bfloat16"}, default="auto"
        Arithmetic of the convolutions in training.
    device : str or torch.device, default="auto"
        "auto" is the GPU if there is one.
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
        One row per epoch: ``loss``, each term unweighted (``conditional``,
        ``marginal``, ``label``), ``seconds``.
    model_ : nn.Module
        The trained networks, on the CPU.
    scale_ : float
        Divisor of the rows: 255 after a fit on uint8, else 1.
    n_iter_ : int
        Number of epochs run.
    n_features_in_ : int
        Number of features of a row.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns of X, if they are all strings.

    Notes
    -----
    Differences from the paper: no penalty on weights, batches, two weights.

    References
    ----------
    A. Krause, P. Perona and R. Gomes, "Discriminative clustering by regularized
    information maximization", NeurIPS 2010.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> X, _ = load_digits(return_X_y=True)
    >>> InformationClusterer(10, max_iter=1).fit_predict(X).shape
    (1797,)
    """

    _Module = Information
    _parameter_constraints = {
        **DeepClusterer._parameter_constraints,
        "feature_dim": [COUNT],
        "conditional_weight": [NON_NEGATIVE],
        "marginal_weight": [NON_NEGATIVE],
        "label_weight": [NON_NEGATIVE],
    }
    _pool = "all"  # an epoch is a pass over all rows

    def __init__(
        self,
        n_clusters=None,
        *,
        feature_dim=50,
        network="auto",
        hidden_layer_sizes=(256,),
        activation="relu",
        image_shape=None,
        conditional_weight=1.0,
        marginal_weight=4.0,
        label_weight=4.0,
        max_iter=50,
        batch_size=200,
        learning_rate=1e-3,
        tol=1e-4,
        n_iter_no_change=None,
        n_init=1,
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
        self.conditional_weight = conditional_weight
        self.marginal_weight = marginal_weight
        self.label_weight = label_weight
        self.max_iter = max_iter
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.n_init = n_init
        self.warm_start = warm_start
        self.precision = precision
        self.device = device
        self.verbose = verbose
        self.random_state = random_state

    def _objective(self, X):
        return float(np.mean(self._infer(X, lambda model, x: model.objective(x))))


if __name__ == "__main__":
    X, y = load_digits(return_X_y=True)
    X = X / 16
    for n_labels in (0, 50):
        y_partial = mask_labels(y, n_labels, random_state=0) if n_labels else None
        est = InformationClusterer(10, random_state=0).fit(X, y_partial)
        print(f"{n_labels} labels: accuracy {est.score(X, y):.3f}")
