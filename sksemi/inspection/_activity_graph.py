"""Graphs of ACOL's activities."""

import numpy as np
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import cdist
from scipy.special import softmax
from sklearn.utils import check_consistent_length, check_random_state

from sksemi._validation import safe_indexing
from sksemi.inspection._plotting import (
    UNLABELED,
    check_has,
    check_support,
    label_codes,
    label_colors,
    new_axes,
    random_rows,
)


class ActivityGraphDisplay:
    """Two graphs that join rows with similar activities in the network (ACOL).

    Each row is a vertex of both graphs. The left graph has the edges of Y Y', where Y
    holds the probabilities of the parents. The right graph has the edges of B B', where
    B is the positive part of the activities of the softmax nodes. As training proceeds,
    edges between parents disappear first, then edges between the clusters of a parent.

    Create it with `from_estimator` or `from_predictions`. The parameters are stored
    as attributes.

    Parameters
    ----------
    weights : tuple of two ndarray of shape (n_samples, n_samples)
        Cosines between the rows of Y and of B.
    colors_by : tuple of two array-like of shape (n_samples,)
        Labels that color the vertices of each graph.
    positions : tuple of two ndarray of shape (n_samples, 2)
        Coordinates of the vertices of each graph.
    threshold : float, default=0.1
        Weights above this value are edges.

    Attributes
    ----------
    axes_ : ndarray of shape (2,) of matplotlib Axes
        The axes of the two graphs.
    figure_ : matplotlib Figure
        The figure.
    n_components_ : tuple of two int
        Number of disjoint subgraphs of each graph.

    References
    ----------
    O. Kilinc and I. Uysal, "Learning Latent Representations in Neural Networks for
    Clustering through Pseudo Supervision and Graph-based Activity Regularization",
    ICLR 2018, figure 6.

    Examples
    --------
    >>> import numpy as np
    >>> from sksemi.inspection import ActivityGraphDisplay
    >>> node = np.arange(40) % 4  # two parents of two nodes each, one node per row
    >>> Z = 9.0 * np.eye(4)[node].reshape(40, 2, 2)
    >>> display = ActivityGraphDisplay.from_predictions(Z)
    >>> display.n_components_
    (2, 4)
    """

    def __init__(self, *, weights, colors_by, positions, threshold=0.1):
        self.weights = weights
        self.colors_by = colors_by
        self.positions = positions
        self.threshold = threshold

    def plot(self, ax=None, **scatter_kw):
        """Draw both graphs.

        Parameters
        ----------
        ax : array-like of two matplotlib Axes, default=None
            Axes to draw on. None creates a figure.
        **scatter_kw : dict
            Passed to ``matplotlib.pyplot.scatter`` for the vertices.

        Returns
        -------
        display : ActivityGraphDisplay
            This object.
        """
        check_support(self, "plot")
        from matplotlib.collections import LineCollection

        if ax is None:
            ax = new_axes(None, ncols=2, figsize=(9, 4.6))
        if np.size(ax) != 2:
            raise ValueError(f"Two graphs need two axes, but {np.size(ax)} were given.")
        self.axes_ = np.ravel(ax)
        self.figure_ = self.axes_[0].figure
        settings = {"s": 14, "linewidths": 0, "zorder": 2} | scatter_kw
        components = []
        for panel, weight, y, where, name in zip(
            self.axes_,
            self.weights,
            self.colors_by,
            self.positions,
            ("parents, edges Y Y'", "nodes, edges B B'"),
            strict=True,
        ):
            i, j = np.nonzero(np.triu(weight > self.threshold, 1))
            shade = np.zeros((len(i), 4))
            # the more edges there are, the fainter each of them
            shade[:, 3] = weight[i, j] * np.clip(
                40 * len(where) / (len(i) + 1), 0.03, 0.5
            )
            shade[:, :3] = 0.5
            panel.add_collection(
                LineCollection(
                    np.stack([where[i], where[j]], axis=1),
                    colors=shade,
                    linewidths=0.5,
                    rasterized=True,
                )
            )
            codes, names = label_codes(y, len(where))
            # the code -1 of rows without a label takes the last color
            colors = [*label_colors(len(names)), UNLABELED]
            colors = [tuple(colors[code])[:3] for code in codes]
            panel.scatter(*where.T, c=colors, **settings)
            components.append(connected_components(weight > self.threshold)[0])
            plural = "s" if components[-1] > 1 else ""
            panel.set_title(f"{name}\n{components[-1]} disjoint subgraph{plural}")
            panel.set_xticks([])
            panel.set_yticks([])
        self.n_components_ = tuple(int(n) for n in components)
        return self

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        y=None,
        *,
        parents=None,
        transformations=(0, 1),
        n_samples=500,
        threshold=0.1,
        random_state=0,
        ax=None,
        **scatter_kw,
    ):
        """Draw the graphs of the rows of X.

        Parameters
        ----------
        estimator : estimator
            Fitted estimator with ``activations(X, transformation=0)``. That method
            returns the activities of the softmax nodes before the softmax, of shape
            (n_samples, n_parents, n_nodes), for rows under the transformation of that
            number.
        X : array-like of shape (n_samples, n_features) or image-shaped
            Rows.
        y : array-like of shape (n_samples,), default=None
            Labels that color the right graph. None takes the most active node.
        parents : array-like of shape (n_samples,), default=None
            Coarse labels of the rows, if the estimator was fitted with such labels.
            They color the left graph, and rows are not transformed. None transforms
            each row by one of ``transformations`` at random, which colors the left
            graph.
        transformations : tuple of int, default=(0, 1)
            Numbers of the transformations to choose from.
        n_samples : int or None, default=500
            Number of rows to draw, chosen at random. None draws all rows.
        threshold : float, default=0.1
            Weights above this value are edges.
        random_state : int, RandomState instance or None, default=0
            Seed of the rows, the transformations and the coordinates.
        ax : array-like of two matplotlib Axes, default=None
            Axes to draw on. None creates a figure.
        **scatter_kw : dict
            Passed to ``matplotlib.pyplot.scatter`` for the vertices.

        Returns
        -------
        display : ActivityGraphDisplay
            The drawn display.
        """
        check_support(cls, "from_estimator")
        check_has(estimator, "activations", cls)
        check_consistent_length(X, y, parents)
        rng = check_random_state(random_state)
        rows = random_rows(X, n_samples, rng)
        X = safe_indexing(X, rows)
        y = None if y is None else np.asarray(y)[rows]
        if parents is not None:
            parents = np.asarray(parents)[rows]
            Z = np.asarray(estimator.activations(X))
        else:
            parents = rng.choice(np.asarray(transformations), size=len(rows))
            Z = None
            for number in np.unique(parents):
                here = np.flatnonzero(parents == number)
                part = np.asarray(
                    estimator.activations(
                        safe_indexing(X, here), transformation=int(number)
                    )
                )
                Z = np.empty((len(rows), *part.shape[1:])) if Z is None else Z
                Z[here] = part
        return cls.from_predictions(
            Z,
            y,
            parents=parents,
            threshold=threshold,
            random_state=rng,
            ax=ax,
            **scatter_kw,
        )

    @classmethod
    def from_predictions(
        cls,
        Z,
        y=None,
        *,
        parents=None,
        threshold=0.1,
        random_state=0,
        ax=None,
        **scatter_kw,
    ):
        """Draw the graphs of given activities.

        Parameters
        ----------
        Z : array-like of shape (n_samples, n_parents, n_nodes)
            Activities of the softmax nodes, before the softmax.
        y : array-like of shape (n_samples,), default=None
            Labels that color the right graph. None takes the most active node.
        parents : array-like of shape (n_samples,), default=None
            Labels that color the left graph. None takes the most probable parent.
        threshold : float, default=0.1
            Weights above this value are edges.
        random_state : int, RandomState instance or None, default=0
            Seed of the coordinates.
        ax : array-like of two matplotlib Axes, default=None
            Axes to draw on. None creates a figure.
        **scatter_kw : dict
            Passed to ``matplotlib.pyplot.scatter`` for the vertices.

        Returns
        -------
        display : ActivityGraphDisplay
            The drawn display.
        """
        check_support(cls, "from_predictions")
        Z = np.asarray(Z, dtype=float)
        if Z.ndim != 3:
            raise ValueError(
                f"Z has shape {Z.shape}: it must be (n_samples, n_parents, n_nodes)."
            )
        check_consistent_length(Z, y, parents)
        nodes = Z.reshape(len(Z), -1)
        Y = softmax(nodes, axis=1).reshape(Z.shape).sum(2)
        B = nodes.clip(min=0)
        rng = check_random_state(random_state)
        weights = _cosines(Y), _cosines(B)
        display = cls(
            weights=weights,
            colors_by=(
                Y.argmax(1) if parents is None else parents,
                nodes.argmax(1) if y is None else y,
            ),
            positions=tuple(
                _places(np.where(weight > threshold, weight, 0), rng)
                for weight in weights
            ),
            threshold=threshold,
        )
        return display.plot(ax=ax, **scatter_kw)


def _cosines(A):
    """Cosines between nonnegative rows; 0 where a row is all zeros."""
    norm = np.linalg.norm(A, axis=1, keepdims=True)
    A = A / np.where(norm > 0, norm, 1)
    return (A @ A.T).clip(0, 1)


def _places(weight, rng, n_steps=150):
    """Place vertices in the plane by forces (Fruchterman and Reingold, 1991).

    All vertices repel each other. An edge pulls its two vertices together, the more
    strongly the larger its weight.
    """
    n = len(weight)
    weight = weight - np.diag(np.diag(weight))
    weight = weight / max(weight.sum(1).mean(), 1e-12) * 10
    where = rng.uniform(size=(n, 2))
    unit = 1 / np.sqrt(n)
    for step in np.linspace(0.1, 0.001, n_steps):
        distance = cdist(where, where).clip(min=0.01)
        force = unit**2 / distance**2 - weight * distance / unit
        # sum over j of force_ij (where_i - where_j), and a pull to the middle
        move = where * force.sum(1)[:, None] - force @ where - (where - 0.5) * 0.5
        where += step * move / np.linalg.norm(move, axis=1, keepdims=True).clip(1e-12)
    return where
