"""Grid of samples."""

import inspect

import numpy as np
from sklearn.utils import check_consistent_length
from sklearn.utils.validation import check_is_fitted

from sksemi.inspection._plotting import (
    as_images,
    check_has,
    check_support,
    draw_grid,
    images_by_label,
    label_codes,
)


class SampleGridDisplay:
    """Samples of an estimator, by class or over a grid of a latent plane.

    Create it with `from_estimator` or `from_predictions`. The parameters are stored
    as attributes.

    Parameters
    ----------
    images : ndarray of shape (n_rows, n_columns, H, W) or (n_rows, n_columns, H, W, 3)
        The grid. Places whose image is NaN stay empty.
    row_labels : list of str, default=None
        Labels of the rows of the grid.
    ticks : tuple of two ndarray, default=None
        Values of z2[0] at the columns and of z2[1] at the rows, for a latent plane.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes.
    figure_ : matplotlib Figure
        The figure.
    im_ : matplotlib AxesImage
        The whole grid, drawn as one image.

    See Also
    --------
    ClusterExamplesDisplay : Rows of the data by cluster.
    ReconstructionDisplay : Rows of the data above their reconstructions.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sksemi import GMVAEClusterer
    >>> from sksemi.inspection import SampleGridDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> est = GMVAEClusterer(image_shape=(1, 8, 8), network="mlp", max_iter=1)
    >>> est = est.fit(X / 16, y)
    >>> SampleGridDisplay.from_estimator(est, n_columns=5).images.shape
    (10, 5, 8, 8)
    """

    def __init__(self, *, images, row_labels=None, ticks=None):
        self.images = images
        self.row_labels = row_labels
        self.ticks = ticks

    def plot(self, ax=None, **imshow_kw):
        """Draw the grid.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on. None creates a figure.
        **imshow_kw : dict
            Passed to ``matplotlib.pyplot.imshow``.

        Returns
        -------
        display : SampleGridDisplay
            This object.
        """
        check_support(self, "plot")
        self.im_ = draw_grid(ax, self.images, self.row_labels, **imshow_kw)
        self.ax_, self.figure_ = self.im_.axes, self.im_.axes.figure
        if self.ticks is not None:
            for axis, values, side, name in zip(
                (self.ax_.xaxis, self.ax_.yaxis),
                self.ticks,
                (self.images.shape[3], self.images.shape[2]),
                ("z2[0]", "z2[1]"),
                strict=True,
            ):
                shown = np.unique(np.linspace(0, len(values) - 1, 5).astype(int))
                axis.set_ticks(
                    (side + 1) * shown + (side - 1) / 2,
                    [f"{values[k]:.3g}" for k in shown],
                )
                axis.set_label_text(name)
        return self

    @classmethod
    def from_estimator(
        cls,
        estimator,
        *,
        kind="class",
        y=None,
        n_columns=10,
        limits=(-2.0, 2.0),
        image_shape=None,
        ax=None,
        **imshow_kw,
    ):
        """Draw samples of an estimator.

        Parameters
        ----------
        estimator : estimator
            Fitted estimator with ``sample``.
        kind : {"class", "mesh"}, default="class"
            "class" draws a row of samples for each class. "mesh" draws one sample at
            each point of a square grid of a two-dimensional latent variable z2. It
            needs an estimator whose ``sample`` takes z2, such as CaGeMGenerator.
        y : label or array-like of labels, default=None
            With ``kind="class"``, the classes to draw; None draws all of ``classes_``.
            With ``kind="mesh"``, the class of all samples; None draws the class at
            random too.
        n_columns : int, default=10
            Number of columns, and with ``kind="mesh"`` also of rows.
        limits : tuple of two float, default=(-2, 2)
            Where the grid of z2 starts and ends, in both directions.
        image_shape : tuple of (H, W) or (C, H, W), default=None
            Shape of one sample. None takes the shape that samples have, or the
            estimator's ``image_shape``.
        ax : matplotlib Axes, default=None
            Axes to draw on. None creates a figure.
        **imshow_kw : dict
            Passed to ``matplotlib.pyplot.imshow``.

        Returns
        -------
        display : SampleGridDisplay
            The drawn display.
        """
        check_support(cls, "from_estimator")
        check_has(estimator, "sample", cls)
        check_is_fitted(estimator)
        if n_columns < 1:
            raise ValueError(f"n_columns={n_columns} must be at least 1.")
        if kind == "class":
            classes = np.atleast_1d(estimator.classes_ if y is None else y)
            X, _ = estimator.sample(
                n_columns * len(classes), y=np.repeat(classes, n_columns)
            )
            labels, ticks = [str(label) for label in classes.tolist()], None
        elif kind == "mesh":
            if "z2" not in inspect.signature(estimator.sample).parameters:
                raise TypeError(
                    'kind="mesh" needs an estimator whose sample takes z2, which that '
                    f"of {type(estimator).__name__} does not."
                )
            ticks = (np.linspace(*limits, n_columns), np.linspace(*limits, n_columns))
            ticks = (ticks[0], ticks[1][::-1])  # the first row is on top
            z2 = np.stack(np.meshgrid(*ticks), axis=-1).reshape(-1, 2)
            X, _ = estimator.sample(len(z2), y=y, z2=z2)
            labels = None
        else:
            raise ValueError(f'kind={kind!r} must be "class" or "mesh".')
        images = as_images(X, image_shape, estimator)
        images = images.reshape(-1, n_columns, *images.shape[1:])
        display = cls(images=images, row_labels=labels, ticks=ticks)
        return display.plot(ax=ax, **imshow_kw)

    @classmethod
    def from_predictions(
        cls, X, y=None, *, n_columns=10, image_shape=None, ax=None, **imshow_kw
    ):
        """Draw samples that ``sample`` returned.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or image-shaped
            The samples.
        y : array-like of shape (n_samples,), default=None
            Classes of the samples; each class gets a row. None fills row after row.
        n_columns : int, default=10
            Number of columns.
        image_shape : tuple of (H, W) or (C, H, W), default=None
            Shape of one sample, needed if X is not image-shaped.
        ax : matplotlib Axes, default=None
            Axes to draw on. None creates a figure.
        **imshow_kw : dict
            Passed to ``matplotlib.pyplot.imshow``.

        Returns
        -------
        display : SampleGridDisplay
            The drawn display.
        """
        check_support(cls, "from_predictions")
        check_consistent_length(X, y)
        images, labels = as_images(X, image_shape), None
        order = np.arange(len(images))
        if y is None:
            codes, n_labels = order // n_columns, -(-len(order) // n_columns)
        else:
            codes, names = label_codes(y, len(images))
            n_labels, labels = len(names), [str(name) for name in names]
        grid = images_by_label(images, codes, n_labels, n_columns, order)
        return cls(images=grid, row_labels=labels).plot(ax=ax, **imshow_kw)
