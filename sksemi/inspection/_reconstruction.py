"""Grid of rows and their reconstructions."""

import numpy as np
from sklearn.utils import check_consistent_length

from sksemi._validation import safe_indexing
from sksemi.inspection._plotting import (
    as_images,
    check_has,
    check_support,
    draw_grid,
    random_rows,
)


class ReconstructionDisplay:
    """Rows of the data above their reconstructions.

    Create it with `from_estimator` or `from_predictions`. The parameters are stored
    as attributes.

    Parameters
    ----------
    images : ndarray of shape (n_samples, H, W) or (n_samples, H, W, 3)
        The rows.
    reconstructions : ndarray of the same shape
        The reconstructions.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes.
    figure_ : matplotlib Figure
        The figure.
    im_ : matplotlib AxesImage
        All pairs, drawn as one image.

    See Also
    --------
    SampleGridDisplay : Samples of an estimator.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sksemi import GMVAEClusterer
    >>> from sksemi.inspection import ReconstructionDisplay
    >>> X = load_digits().images / 16
    >>> est = GMVAEClusterer(network="mlp", max_iter=1).fit(X)
    >>> display = ReconstructionDisplay.from_estimator(est, X[:20])
    >>> display.reconstructions.shape
    (20, 8, 8)
    """

    def __init__(self, *, images, reconstructions):
        self.images = images
        self.reconstructions = reconstructions

    def plot(self, ax=None, *, n_columns=10, **imshow_kw):
        """Draw the pairs.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on. None creates a figure.
        n_columns : int, default=10
            Number of pairs side by side.
        **imshow_kw : dict
            Passed to ``matplotlib.pyplot.imshow``.

        Returns
        -------
        display : ReconstructionDisplay
            This object.
        """
        check_support(self, "plot")
        n_columns = min(n_columns, len(self.images))
        n_lines = -(-len(self.images) // n_columns)
        grid = np.full((2 * n_lines, n_columns, *self.images.shape[1:]), np.nan)
        for k in range(len(self.images)):
            line, column = divmod(k, n_columns)
            grid[2 * line, column] = self.images[k]
            grid[2 * line + 1, column] = self.reconstructions[k]
        labels = ["data", "reconstructed"] * n_lines
        self.im_ = draw_grid(ax, grid, labels, **imshow_kw)
        self.ax_, self.figure_ = self.im_.axes, self.im_.axes.figure
        return self

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        *,
        n_samples=20,
        random_state=0,
        image_shape=None,
        ax=None,
        **plot_kw,
    ):
        """Draw rows and what ``estimator.reconstruct`` returns for them.

        Parameters
        ----------
        estimator : estimator
            Fitted estimator with ``reconstruct``.
        X : array-like of shape (n_samples, n_features) or image-shaped
            Rows.
        n_samples : int or None, default=20
            Number of rows to draw, chosen at random. None draws all rows.
        random_state : int, RandomState instance or None, default=0
            Seed of the choice of rows.
        image_shape : tuple of (H, W) or (C, H, W), default=None
            Shape of one row. None takes the shape that rows have, or the estimator's
            ``image_shape``.
        ax : matplotlib Axes, default=None
            Axes to draw on. None creates a figure.
        **plot_kw : dict
            Passed to `plot`.

        Returns
        -------
        display : ReconstructionDisplay
            The drawn display.
        """
        check_support(cls, "from_estimator")
        check_has(estimator, "reconstruct", cls)
        rows = random_rows(X, n_samples, random_state)
        X = safe_indexing(X, rows)
        display = cls(
            images=as_images(X, image_shape, estimator),
            reconstructions=as_images(estimator.reconstruct(X), image_shape, estimator),
        )
        return display.plot(ax=ax, **plot_kw)

    @classmethod
    def from_predictions(
        cls, X, reconstructions, *, image_shape=None, ax=None, **plot_kw
    ):
        """Draw rows and reconstructions that ``reconstruct`` returned.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or image-shaped
            Rows.
        reconstructions : array-like of the same shape
            The reconstructions.
        image_shape : tuple of (H, W) or (C, H, W), default=None
            Shape of one row, needed if X is not image-shaped.
        ax : matplotlib Axes, default=None
            Axes to draw on. None creates a figure.
        **plot_kw : dict
            Passed to `plot`.

        Returns
        -------
        display : ReconstructionDisplay
            The drawn display.
        """
        check_support(cls, "from_predictions")
        check_consistent_length(X, reconstructions)
        display = cls(
            images=as_images(X, image_shape),
            reconstructions=as_images(reconstructions, image_shape),
        )
        return display.plot(ax=ax, **plot_kw)
