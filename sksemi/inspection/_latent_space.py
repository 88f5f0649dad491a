"""Scatter plot of the latent space."""

import numpy as np
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from sklearn.utils import check_consistent_length

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


class LatentSpaceDisplay:
    """Scatter plot of the output of ``transform``, colored by label.

    Create it with `from_estimator` or `from_predictions`. The parameters are stored
    as attributes.

    Parameters
    ----------
    coordinates : ndarray of shape (n_samples, 2)
        Coordinates of the rows.
    y : array-like of shape (n_samples,), default=None
        Labels. Rows labeled -1 are gray, and so are all rows for None.
    axis_names : tuple of two str, default=None
        Names of the axes. None draws them without names and ticks.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes.
    figure_ : matplotlib Figure
        The figure.
    scatter_ : list of matplotlib PathCollection
        One per label; rows without a label come first.

    See Also
    --------
    ActivityGraphDisplay : Rows as the vertices of a graph.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sksemi import GMVAEClusterer
    >>> from sksemi.inspection import LatentSpaceDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> est = GMVAEClusterer(max_iter=1, random_state=0).fit(X / 16, y)
    >>> display = LatentSpaceDisplay.from_estimator(est, X[:500] / 16, y[:500])
    >>> display.coordinates.shape
    (500, 2)
    """

    def __init__(self, *, coordinates, y=None, axis_names=None):
        self.coordinates = coordinates
        self.y = y
        self.axis_names = axis_names

    def plot(self, ax=None, *, legend=True, **scatter_kw):
        """Draw the rows.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on. None creates a figure.
        legend : bool, default=True
            Whether to draw a legend of the labels, if there are at most 30.
        **scatter_kw : dict
            Passed to ``matplotlib.pyplot.scatter``.

        Returns
        -------
        display : LatentSpaceDisplay
            This object.
        """
        check_support(self, "plot")
        ax = new_axes(ax)
        settings = {"s": 8, "linewidths": 0} | scatter_kw
        n = len(self.coordinates)
        if self.y is None:
            codes, names = np.full(n, -1), []
        else:
            codes, names = label_codes(self.y, n)
        colors = label_colors(len(names))
        self.scatter_ = []
        for k in range(-1, len(names)):
            here = codes == k
            if here.any():
                name = "no label" if k < 0 else str(names[k])
                if self.y is None:
                    name = None
                self.scatter_.append(
                    ax.scatter(
                        *self.coordinates[here].T,
                        **{"color": UNLABELED if k < 0 else colors[k], "label": name}
                        | settings,
                    )
                )
        if self.axis_names is None:
            ax.set_xticks([])
            ax.set_yticks([])
        else:
            ax.set_xlabel(self.axis_names[0])
            ax.set_ylabel(self.axis_names[1])
        if legend and 0 < len(names) <= 30:
            ax.legend(
                ncols=1 + (len(names) > 15),
                loc="center left",
                bbox_to_anchor=(1, 0.5),
                frameon=False,
                markerscale=2,
                handletextpad=0.2,
            )
        self.ax_, self.figure_ = ax, ax.figure
        return self

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        y=None,
        *,
        transformer="pca",
        n_samples=2000,
        random_state=0,
        ax=None,
        **plot_kw,
    ):
        """Draw the rows of X as ``estimator.transform`` returns them.

        Parameters
        ----------
        estimator : estimator
            Fitted estimator with ``transform``, or a Pipeline that ends in one.
        X : array-like of shape (n_samples, n_features) or image-shaped
            Rows.
        y : array-like of shape (n_samples,), default=None
            Labels to color by. Rows labeled -1 are gray. None takes
            ``estimator.predict(X)``.
        transformer : {"pca", "tsne"}, transformer or None, default="pca"
            How to reduce the features to two dimensions: by name, or by the
            ``fit_transform`` of an object. None takes features that have two.
        n_samples : int or None, default=2000
            Number of rows to draw, chosen at random. None draws all rows.
        random_state : int, RandomState instance or None, default=0
            Seed of the choice of rows, and of the transformer if it is given by name.
        ax : matplotlib Axes, default=None
            Axes to draw on. None creates a figure.
        **plot_kw : dict
            Passed to `plot`.

        Returns
        -------
        display : LatentSpaceDisplay
            The drawn display.
        """
        check_support(cls, "from_estimator")
        check_has(estimator, "transform", cls)
        check_consistent_length(X, y)
        rows = random_rows(X, n_samples, random_state)
        X = safe_indexing(X, rows)
        y = estimator.predict(X) if y is None else np.asarray(y)[rows]
        return cls.from_predictions(
            estimator.transform(X),
            y,
            transformer=transformer,
            n_samples=None,
            random_state=random_state,
            ax=ax,
            **plot_kw,
        )

    @classmethod
    def from_predictions(
        cls,
        features,
        y=None,
        *,
        transformer="pca",
        n_samples=2000,
        random_state=0,
        ax=None,
        **plot_kw,
    ):
        """Draw features that ``transform`` returned.

        Parameters
        ----------
        features : array-like of shape (n_samples, n_features)
            Output of ``transform``.
        y : array-like of shape (n_samples,), default=None
            Labels to color by. Rows labeled -1 are gray, and so are all rows for None.
        transformer : {"pca", "tsne"}, transformer or None, default="pca"
            How to reduce the features to two dimensions: by name, or by the
            ``fit_transform`` of an object. None takes features that have two.
        n_samples : int or None, default=2000
            Number of rows to draw, chosen at random. None draws all rows.
        random_state : int, RandomState instance or None, default=0
            Seed of the choice of rows, and of the transformer if it is given by name.
        ax : matplotlib Axes, default=None
            Axes to draw on. None creates a figure.
        **plot_kw : dict
            Passed to `plot`.

        Returns
        -------
        display : LatentSpaceDisplay
            The drawn display.
        """
        check_support(cls, "from_predictions")
        features = np.asarray(features)
        check_consistent_length(features, y)
        rows = random_rows(features, n_samples, random_state)
        features = features[rows]
        y = None if y is None else np.asarray(y)[rows]
        coordinates, axis_names = _in_the_plane(features, transformer, random_state)
        display = cls(coordinates=coordinates, y=y, axis_names=axis_names)
        return display.plot(ax=ax, **plot_kw)


def _in_the_plane(features, transformer, random_state):
    """Reduce features to two dimensions; name the axes if they have a meaning."""
    if isinstance(transformer, str) and transformer not in ("pca", "tsne"):
        raise ValueError(
            f'transformer={transformer!r} must be "pca", "tsne", an object with '
            "fit_transform, or None."
        )
    if transformer is None:
        coordinates, names = features, ("feature 0", "feature 1")
    elif isinstance(transformer, str) and transformer == "pca":
        if features.shape[1] == 1:
            features = np.column_stack([features, np.zeros(len(features))])
        pca = PCA(2, random_state=random_state)
        coordinates = pca.fit_transform(features)
        names = tuple(
            f"component {k} ({share:.0%} of the variance)"
            for k, share in enumerate(pca.explained_variance_ratio_)
        )
    elif isinstance(transformer, str):
        tsne = TSNE(
            perplexity=min(30, (len(features) - 1) / 3), random_state=random_state
        )
        coordinates, names = tsne.fit_transform(features), None
    else:
        coordinates, names = np.asarray(transformer.fit_transform(features)), None
    if coordinates.ndim != 2 or coordinates.shape[1] != 2:
        raise ValueError(
            f"A picture has two dimensions, but transformer={transformer!r} gives "
            f"coordinates of shape {coordinates.shape}."
        )
    return coordinates, names
