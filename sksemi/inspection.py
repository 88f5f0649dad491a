"""Pictures of fitted estimators, by scikit-learn's convention for displays.

Each display is made by ``from_estimator``, or from arrays by ``from_predictions``, and
drawn by ``plot``, on given axes if there are any. matplotlib is imported here alone,
and not before something is drawn.
"""

import inspect

import numpy as np
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import cdist
from scipy.special import softmax
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from sklearn.utils import check_consistent_length, check_random_state
from sklearn.utils.validation import check_is_fitted

from sksemi import _validation

__all__ = [
    "ActivityGraphDisplay",
    "ClusterExamplesDisplay",
    "HistoryDisplay",
    "LatentSpaceDisplay",
    "ReconstructionDisplay",
    "SampleGridDisplay",
]

UNLABELED = "0.8"  # light gray
MARGIN = "0.9"


# ------------------------------------------------------------------ shared


def _check_support(display, method):
    _validation.check_matplotlib_support(f"{_name_of(display)}.{method}")


def _name_of(display):
    """Name of a display or of its class."""
    return (display if isinstance(display, type) else type(display)).__name__


def _new_axes(ax, **subplot_kw):
    """Given axes, or those of a new figure."""
    import matplotlib.pyplot as plt

    if ax is None:
        _, ax = plt.subplots(layout="constrained", **subplot_kw)
    return ax


def _has(estimator, method, display):
    if not hasattr(estimator, method):
        raise TypeError(
            f"{display.__name__} needs an estimator with the method {method}, which "
            f"{type(estimator).__name__} has not."
        )


def _codes(y, n_samples):
    """Codes and names of labels that may be missing, arrays of strings included."""
    y = np.asarray(y)
    return _validation.check_y(
        y.astype(object) if y.dtype.kind in "US" else y, n_samples
    )


def _subset(n, n_samples, random_state):
    """Row numbers of a random part, sorted; of all rows for None or if there are few.

    ``n_samples`` is a positive integer or None.
    """
    if n_samples is not None and n_samples < 1:
        raise ValueError(f"n_samples={n_samples} must be None or at least 1.")
    if n_samples is None or n_samples >= n:
        return np.arange(n)
    return np.sort(check_random_state(random_state).permutation(n)[:n_samples])


def _colors(n):
    """Give n colors that can be told apart, as far as n allows."""
    from matplotlib import colormaps

    if n <= 10:
        return colormaps["tab10"].colors[:n]
    if n <= 20:
        return colormaps["tab20"].colors[:n]
    return colormaps["gist_rainbow"](np.linspace(0, 1, n))


def _as_images(rows, image_shape, estimator=None):
    """Rows as images.

    Parameters
    ----------
    rows : array-like of shape (n, n_features), (n, H, W) or (n, C, H, W)
    image_shape : tuple of (H, W) or (C, H, W), or None
        Of one row; None takes the rows' own, or the estimator's ``image_shape``.
    estimator : estimator, default=None

    Returns
    -------
    ndarray of shape (n, H, W) or (n, H, W, 3)
        uint8 values divided by 255.
    """
    rows = np.asarray(rows)
    if image_shape is None and rows.ndim == 2 and hasattr(estimator, "get_params"):
        image_shape = estimator.get_params(deep=False).get("image_shape")
    if image_shape is not None:
        image_shape = tuple(image_shape)
        if len(image_shape) not in (2, 3) or np.prod(image_shape) != np.prod(
            rows.shape[1:]
        ):
            raise ValueError(
                f"image_shape={image_shape} must be (height, width) or (channels, "
                f"height, width) of rows of {np.prod(rows.shape[1:])} values."
            )
        rows = rows.reshape(len(rows), *image_shape)
    if rows.ndim == 4 and rows.shape[1] in (1, 3):
        rows = rows[:, 0] if rows.shape[1] == 1 else rows.transpose(0, 2, 3, 1)
    elif rows.ndim != 3:
        raise ValueError(
            f"Rows of shape {rows.shape[1:]} are no images of one or three channels: "
            "give image_shape=(height, width) or (channels, height, width)."
        )
    return rows / 255 if rows.dtype == np.uint8 else rows.astype(float)


def _draw_grid(ax, grid, row_labels=None, **imshow_kw):
    """Draw images (n_rows, n_columns, H, W[, 3]) as one, a pixel of margin between.

    Images that are NaN throughout stay empty. Returns the AxesImage.
    """
    n_rows, _, height = grid.shape[:3]
    channels = [(0, 0)] * (grid.ndim - 4)
    edges = [(0, 0), (0, 0), (0, 1), (0, 1), *channels]
    padded = np.pad(grid, edges, constant_values=np.nan)
    mosaic = np.concatenate(np.concatenate(padded, axis=1), axis=1)[:-1, :-1]
    if channels:
        seen = np.isfinite(mosaic).all(-1, keepdims=True)
        mosaic = np.concatenate([np.nan_to_num(mosaic).clip(0, 1), seen], axis=-1)
    else:
        low, high = np.nanmin(mosaic), np.nanmax(mosaic)
        inside = low >= 0 and high <= 1
        limits = {"vmin": 0, "vmax": 1} if inside else {"vmin": low, "vmax": high}
        imshow_kw = {"cmap": "gray_r"} | limits | imshow_kw
    image = ax.imshow(mosaic, **{"interpolation": "nearest"} | imshow_kw)
    ax.set_facecolor(MARGIN)
    ax.set_xticks([])
    ax.set_yticks([])
    ax.tick_params(length=0)
    if row_labels is not None:
        middle = (height + 1) * np.arange(n_rows) + (height - 1) / 2
        ax.set_yticks(middle, row_labels)
    for side in ax.spines.values():
        side.set_visible(False)
    return image


def _by_label(images, codes, n_labels, n_columns, order):
    """Images of each label in a row: (n_labels, n_columns, H, W[, 3]), NaN where none.

    ``order`` holds all row numbers, those to be taken first at the front.
    """
    grid = np.full((n_labels, n_columns, *images.shape[1:]), np.nan)
    for k in range(n_labels):
        chosen = order[codes[order] == k][:n_columns]
        grid[k, : len(chosen)] = images[chosen]
    return grid


def _grid_size(grid, with_labels=True):
    """Size in inches of a figure with a grid of images."""
    width, height = grid.shape[1] * grid.shape[3], grid.shape[0] * grid.shape[2]
    scale = min(6.4 / width, 6.4 / height)
    return max(width * scale, 1.5) + 0.8 * with_labels, max(height * scale, 0.8) + 0.3


# ------------------------------------------------------------ latent space


class LatentSpaceDisplay:
    """Rows in the space of ``transform``, in two dimensions, colored by label.

    Make it by `from_estimator` or `from_predictions`. Parameters are stored as
    attributes.

    Parameters
    ----------
    coordinates : ndarray of shape (n_samples, 2)
        Where the rows are.
    y : array-like of shape (n_samples,), default=None
        Labels, -1 for rows without one, which are gray.
    axis_names : tuple of two str, default=None
        Names of the axes. None leaves the axes without names and ticks.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes.
    figure_ : matplotlib Figure
        The figure.
    scatter_ : list of matplotlib PathCollection
        One per label; rows without one come first.

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
            Where to draw; None makes a figure.
        legend : bool, default=True
            Whether to name the labels beside the axes, if there are at most 30.
        **scatter_kw : dict
            Passed to ``matplotlib.pyplot.scatter``.

        Returns
        -------
        display : LatentSpaceDisplay
            This object.
        """
        _check_support(self, "plot")
        ax = _new_axes(ax)
        settings = {"s": 8, "linewidths": 0} | scatter_kw
        n = len(self.coordinates)
        codes, names = (np.full(n, -1), []) if self.y is None else _codes(self.y, n)
        colors = _colors(len(names))
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
        """Draw rows as ``estimator.transform`` gives them.

        Parameters
        ----------
        estimator : estimator
            Fitted, with ``transform``; or a Pipeline that ends in one.
        X : array-like of shape (n_samples, n_features) or image-shaped
            Rows.
        y : array-like of shape (n_samples,), default=None
            Labels to color by, -1 for rows without one. None takes
            ``estimator.predict(X)``.
        transformer : {"pca", "tsne"}, transformer or None, default="pca"
            What brings features to two dimensions: an object whose ``fit_transform``
            does so, or None for features that have two.
        n_samples : int or None, default=2000
            Number of rows to draw, chosen at random; None draws all.
        random_state : int, RandomState instance or None, default=0
            Seed of that choice, and of the transformer if it is named.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        **plot_kw : dict
            Passed to `plot`.

        Returns
        -------
        display : LatentSpaceDisplay
            The display, drawn.
        """
        _check_support(cls, "from_estimator")
        _has(estimator, "transform", cls)
        check_consistent_length(X, y)
        rows = _subset(_n_rows(X), n_samples, random_state)
        X = _validation.safe_indexing(X, rows)
        if y is None:
            y = estimator.predict(X)
        else:
            y = _validation.safe_indexing(np.asarray(y), rows)
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
        """Draw features.

        Parameters
        ----------
        features : array-like of shape (n_samples, n_features)
            What ``transform`` returned.
        y : array-like of shape (n_samples,), default=None
            Labels to color by, -1 for rows without one. None draws all alike.
        transformer : {"pca", "tsne"}, transformer or None, default="pca"
            What brings features to two dimensions: an object whose ``fit_transform``
            does so, or None for features that have two.
        n_samples : int or None, default=2000
            Number of rows to draw, chosen at random; None draws all.
        random_state : int, RandomState instance or None, default=0
            Seed of that choice, and of the transformer if it is named.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        **plot_kw : dict
            Passed to `plot`.

        Returns
        -------
        display : LatentSpaceDisplay
            The display, drawn.
        """
        _check_support(cls, "from_predictions")
        features = np.asarray(features)
        check_consistent_length(features, y)
        rows = _subset(len(features), n_samples, random_state)
        features = features[rows]
        y = None if y is None else np.asarray(y)[rows]
        coordinates, axis_names = _in_the_plane(features, transformer, random_state)
        display = cls(coordinates=coordinates, y=y, axis_names=axis_names)
        return display.plot(ax=ax, **plot_kw)


def _n_rows(X):
    return X.shape[0] if hasattr(X, "shape") else len(X)


def _in_the_plane(features, transformer, random_state):
    """Bring features to two dimensions; name these, where they mean something."""
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


# ------------------------------------------------------------ image grids


class SampleGridDisplay:
    """Rows that an estimator drew: class by class, or over a grid of a latent plane.

    Make it by `from_estimator` or `from_predictions`. Parameters are stored as
    attributes.

    Parameters
    ----------
    images : ndarray of shape (n_rows, n_columns, H, W) or (n_rows, n_columns, H, W, 3)
        The grid; images that are NaN stay empty.
    row_labels : list of str, default=None
        Beside the rows.
    ticks : tuple of two ndarray, default=None
        Where the columns and rows of a latent plane lie.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes.
    figure_ : matplotlib Figure
        The figure.
    im_ : matplotlib AxesImage
        The grid as one image.

    See Also
    --------
    ClusterExamplesDisplay : Rows of the data, cluster by cluster.
    ReconstructionDisplay : Rows above their reconstructions.

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
            Where to draw; None makes a figure.
        **imshow_kw : dict
            Passed to ``matplotlib.pyplot.imshow``.

        Returns
        -------
        display : SampleGridDisplay
            This object.
        """
        _check_support(self, "plot")
        ax = _new_axes(ax, figsize=_grid_size(self.images))
        self.im_ = _draw_grid(ax, self.images, self.row_labels, **imshow_kw)
        if self.ticks is not None:
            for axis, values, side, name in zip(
                (ax.xaxis, ax.yaxis),
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
        self.ax_, self.figure_ = ax, ax.figure
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
        """Draw what ``estimator.sample`` gives.

        Parameters
        ----------
        estimator : estimator
            Fitted, with ``sample``.
        kind : {"class", "mesh"}, default="class"
            Samples of each class in a row; or one sample at each point of a square grid
            of a two-dimensional latent variable z2, by an estimator that draws from
            given z2, as CaGeMGenerator does.
        y : label or array-like of labels, default=None
            With ``kind="class"``, the classes to draw, None for all of ``classes_``;
            with ``kind="mesh"``, the one class of all samples, None to draw the class
            too.
        n_columns : int, default=10
            Number of columns; with ``kind="mesh"`` also of rows.
        limits : tuple of two float, default=(-2, 2)
            Where the grid of z2 begins and ends, in either direction.
        image_shape : tuple of (H, W) or (C, H, W), default=None
            Of one row, if rows are no images to the estimator.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        **imshow_kw : dict
            Passed to ``matplotlib.pyplot.imshow``.

        Returns
        -------
        display : SampleGridDisplay
            The display, drawn.
        """
        _check_support(cls, "from_estimator")
        _has(estimator, "sample", cls)
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
        images = _as_images(X, image_shape, estimator)
        images = images.reshape(-1, n_columns, *images.shape[1:])
        display = cls(images=images, row_labels=labels, ticks=ticks)
        return display.plot(ax=ax, **imshow_kw)

    @classmethod
    def from_predictions(
        cls, X, y=None, *, n_columns=10, image_shape=None, ax=None, **imshow_kw
    ):
        """Draw samples.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or image-shaped
            What ``sample`` returned.
        y : array-like of shape (n_samples,), default=None
            Their classes, each to have a row; None fills row after row.
        n_columns : int, default=10
            Number of columns.
        image_shape : tuple of (H, W) or (C, H, W), default=None
            Of one row, if X is not image-shaped.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        **imshow_kw : dict
            Passed to ``matplotlib.pyplot.imshow``.

        Returns
        -------
        display : SampleGridDisplay
            The display, drawn.
        """
        _check_support(cls, "from_predictions")
        check_consistent_length(X, y)
        images, labels = _as_images(X, image_shape), None
        order = np.arange(len(images))
        if y is None:
            codes, n_labels = order // n_columns, -(-len(order) // n_columns)
        else:
            codes, names = _codes(y, len(images))
            n_labels, labels = len(names), [str(name) for name in names]
        grid = _by_label(images, codes, n_labels, n_columns, order)
        return cls(images=grid, row_labels=labels).plot(ax=ax, **imshow_kw)


class ReconstructionDisplay:
    """Rows above their reconstructions.

    Make it by `from_estimator` or `from_predictions`. Parameters are stored as
    attributes.

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
        All pairs as one image.

    See Also
    --------
    SampleGridDisplay : Rows that an estimator drew.

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
            Where to draw; None makes a figure.
        n_columns : int, default=10
            Pairs side by side.
        **imshow_kw : dict
            Passed to ``matplotlib.pyplot.imshow``.

        Returns
        -------
        display : ReconstructionDisplay
            This object.
        """
        _check_support(self, "plot")
        n_columns = min(n_columns, len(self.images))
        n_lines = -(-len(self.images) // n_columns)
        grid = np.full((2 * n_lines, n_columns, *self.images.shape[1:]), np.nan)
        for k in range(len(self.images)):
            line, column = divmod(k, n_columns)
            grid[2 * line, column] = self.images[k]
            grid[2 * line + 1, column] = self.reconstructions[k]
        ax = _new_axes(ax, figsize=_grid_size(grid))
        labels = ["data", "reconstructed"] * n_lines
        self.im_ = _draw_grid(ax, grid, labels, **imshow_kw)
        self.ax_, self.figure_ = ax, ax.figure
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
        """Draw rows and what ``estimator.reconstruct`` makes of them.

        Parameters
        ----------
        estimator : estimator
            Fitted, with ``reconstruct``.
        X : array-like of shape (n_samples, n_features) or image-shaped
            Rows.
        n_samples : int or None, default=20
            Number of rows to draw, chosen at random; None draws all.
        random_state : int, RandomState instance or None, default=0
            Seed of that choice.
        image_shape : tuple of (H, W) or (C, H, W), default=None
            Of one row, if rows are no images to the estimator.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        **plot_kw : dict
            Passed to `plot`.

        Returns
        -------
        display : ReconstructionDisplay
            The display, drawn.
        """
        _check_support(cls, "from_estimator")
        _has(estimator, "reconstruct", cls)
        rows = _subset(_n_rows(X), n_samples, random_state)
        X = _validation.safe_indexing(X, rows)
        display = cls(
            images=_as_images(X, image_shape, estimator),
            reconstructions=_as_images(
                estimator.reconstruct(X), image_shape, estimator
            ),
        )
        return display.plot(ax=ax, **plot_kw)

    @classmethod
    def from_predictions(
        cls, X, reconstructions, *, image_shape=None, ax=None, **plot_kw
    ):
        """Draw rows and reconstructions.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or image-shaped
            Rows.
        reconstructions : array-like of the same shape
            What ``reconstruct`` returned.
        image_shape : tuple of (H, W) or (C, H, W), default=None
            Of one row, if X is not image-shaped.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        **plot_kw : dict
            Passed to `plot`.

        Returns
        -------
        display : ReconstructionDisplay
            The display, drawn.
        """
        _check_support(cls, "from_predictions")
        check_consistent_length(X, reconstructions)
        display = cls(
            images=_as_images(X, image_shape),
            reconstructions=_as_images(reconstructions, image_shape),
        )
        return display.plot(ax=ax, **plot_kw)


class ClusterExamplesDisplay:
    """A few rows of the data for each cluster.

    Make it by `from_estimator` or `from_predictions`. Parameters are stored as
    attributes.

    Parameters
    ----------
    images : ndarray of shape (n_clusters, n_examples, H, W) or \
            (n_clusters, n_examples, H, W, 3)
        The examples; images that are NaN stay empty.
    clusters : list
        Names of the clusters.
    counts : ndarray of shape (n_clusters,)
        Number of rows of each cluster.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes.
    figure_ : matplotlib Figure
        The figure.
    im_ : matplotlib AxesImage
        All examples as one image.

    See Also
    --------
    SampleGridDisplay : Rows that an estimator drew.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sksemi import GMVAEClusterer
    >>> from sksemi.inspection import ClusterExamplesDisplay
    >>> X = load_digits().images / 16
    >>> est = GMVAEClusterer(12, network="mlp", max_iter=1).fit(X)
    >>> ClusterExamplesDisplay.from_estimator(est, X, n_examples=5).images.shape
    (12, 5, 8, 8)
    """

    def __init__(self, *, images, clusters, counts):
        self.images = images
        self.clusters = clusters
        self.counts = counts

    def plot(self, ax=None, **imshow_kw):
        """Draw the examples, a cluster a row.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        **imshow_kw : dict
            Passed to ``matplotlib.pyplot.imshow``.

        Returns
        -------
        display : ClusterExamplesDisplay
            This object.
        """
        _check_support(self, "plot")
        ax = _new_axes(ax, figsize=_grid_size(self.images))
        labels = [
            f"{cluster} (n={count})"
            for cluster, count in zip(self.clusters, self.counts, strict=True)
        ]
        self.im_ = _draw_grid(ax, self.images, labels, **imshow_kw)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        *,
        n_examples=10,
        order="random",
        random_state=0,
        image_shape=None,
        ax=None,
        **imshow_kw,
    ):
        """Draw rows by the cluster that ``estimator.predict`` gives them.

        Parameters
        ----------
        estimator : estimator
            Fitted, with ``predict`` and ``classes_``.
        X : array-like of shape (n_samples, n_features) or image-shaped
            Rows.
        n_examples : int, default=10
            Number of rows of each cluster.
        order : {"random", "probability"}, default="random"
            Which rows: random ones, or those of the highest probability.
        random_state : int, RandomState instance or None, default=0
            Seed of that choice.
        image_shape : tuple of (H, W) or (C, H, W), default=None
            Of one row, if rows are no images to the estimator.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        **imshow_kw : dict
            Passed to ``matplotlib.pyplot.imshow``.

        Returns
        -------
        display : ClusterExamplesDisplay
            The display, drawn.
        """
        _check_support(cls, "from_estimator")
        _has(estimator, "predict", cls)
        if order not in ("random", "probability"):
            raise ValueError(f'order={order!r} must be "random" or "probability".')
        confidence = None
        if order == "probability":
            _has(estimator, "predict_proba", cls)
            confidence = np.asarray(estimator.predict_proba(X)).max(1)
        return cls._from_images(
            _as_images(X, image_shape, estimator),
            estimator.predict(X),
            getattr(estimator, "classes_", None),
            confidence,
            n_examples,
            random_state,
        ).plot(ax=ax, **imshow_kw)

    @classmethod
    def from_predictions(
        cls,
        X,
        labels,
        *,
        confidence=None,
        n_examples=10,
        random_state=0,
        image_shape=None,
        ax=None,
        **imshow_kw,
    ):
        """Draw rows by cluster.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or image-shaped
            Rows.
        labels : array-like of shape (n_samples,)
            Their clusters.
        confidence : array-like of shape (n_samples,), default=None
            Rows with the highest are drawn; None draws random ones.
        n_examples : int, default=10
            Number of rows of each cluster.
        random_state : int, RandomState instance or None, default=0
            Seed of the choice.
        image_shape : tuple of (H, W) or (C, H, W), default=None
            Of one row, if X is not image-shaped.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        **imshow_kw : dict
            Passed to ``matplotlib.pyplot.imshow``.

        Returns
        -------
        display : ClusterExamplesDisplay
            The display, drawn.
        """
        _check_support(cls, "from_predictions")
        check_consistent_length(X, labels, confidence)
        return cls._from_images(
            _as_images(X, image_shape),
            labels,
            None,
            confidence,
            n_examples,
            random_state,
        ).plot(ax=ax, **imshow_kw)

    @classmethod
    def _from_images(
        cls, images, labels, classes, confidence, n_examples, random_state
    ):
        if n_examples < 1:
            raise ValueError(f"n_examples={n_examples} must be at least 1.")
        codes, clusters = _codes(labels, len(images))
        if classes is not None:  # clusters without a row have their line too
            position = {label: k for k, label in enumerate(classes.tolist())}
            codes = np.array([position[label] for label in clusters.tolist()])[codes]
            clusters = classes
        order = check_random_state(random_state).permutation(len(images))
        if confidence is not None:
            order = np.argsort(-np.asarray(confidence), kind="stable")
        return cls(
            images=_by_label(images, codes, len(clusters), n_examples, order),
            clusters=clusters.tolist(),
            counts=np.bincount(codes, minlength=len(clusters)),
        )


# --------------------------------------------------------------- history


class HistoryDisplay:
    """Terms of the objective and other figures, epoch by epoch.

    Make it by `from_estimator`. Parameters are stored as attributes.

    Parameters
    ----------
    history : list of dict
        One row per epoch, as ``history_``.
    names : list of str, default=None
        Which of its names to draw, each in a panel; None draws all but the epoch and
        the seconds.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The first panel.
    axes_ : ndarray of matplotlib Axes
        The panels, in the order of ``names``.
    lines_ : list of matplotlib Line2D
        One per panel.
    figure_ : matplotlib Figure
        The figure.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sksemi import GMVAEClusterer
    >>> from sksemi.inspection import HistoryDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> est = GMVAEClusterer(max_iter=2).fit(X / 16, y)
    >>> display = HistoryDisplay.from_estimator(est, names=["reconstruction", "kl_z"])
    >>> len(display.axes_)
    2
    """

    def __init__(self, *, history, names=None):
        self.history = history
        self.names = names

    def plot(self, ax=None, *, n_columns=3, **line_kw):
        """Draw the panels.

        Parameters
        ----------
        ax : matplotlib Axes or array-like of Axes, default=None
            One, whose place the panels share; or one for each panel, the ``axes_`` of
            an earlier display for instance, to compare. None makes a figure.
        n_columns : int, default=3
            Panels side by side.
        **line_kw : dict
            Passed to ``matplotlib.pyplot.plot``; a ``label`` adds a legend.

        Returns
        -------
        display : HistoryDisplay
            This object.
        """
        _check_support(self, "plot")
        from matplotlib.axes import Axes
        from matplotlib.gridspec import GridSpecFromSubplotSpec

        seen = dict.fromkeys(name for row in self.history for name in row)
        names = self.names
        if names is None:
            names = [name for name in seen if name not in ("epoch", "seconds")]
        unknown = [name for name in names if name not in seen]
        if unknown:
            raise ValueError(
                f"names={unknown} are not in history_. Choose from {list(seen)}."
            )
        if len(names) == 0:
            raise ValueError("There is no name to draw: names is empty.")
        n_columns = min(n_columns, len(names))
        n_rows = -(-len(names) // n_columns)
        if ax is None:
            size = (3.0 * n_columns + 0.4, 2.0 * n_rows + 0.2)
            ax = _new_axes(None, nrows=n_rows, ncols=n_columns, figsize=size)
            panels = np.ravel(ax).tolist()
            for spare in panels[len(names) :]:
                spare.remove()
            del panels[len(names) :]
        elif isinstance(ax, Axes):
            ax.set_axis_off()
            grid = GridSpecFromSubplotSpec(
                n_rows, n_columns, ax.get_subplotspec(), hspace=0.6, wspace=0.4
            )
            panels = [ax.figure.add_subplot(grid[k]) for k in range(len(names))]
        else:
            panels = np.ravel(ax).tolist()
            if len(panels) != len(names):
                raise ValueError(
                    f"{len(panels)} axes were given for the {len(names)} names {names}."
                )
        self.ax_, self.figure_ = panels[0], panels[0].figure
        self.axes_ = np.array(panels, dtype=object)
        epochs = [row.get("epoch", k) + 1 for k, row in enumerate(self.history)]
        self.lines_ = []
        for panel, name in zip(panels, names, strict=True):
            values = [row.get(name, np.nan) for row in self.history]
            # a point where a line of one epoch would not be seen
            marker = {"marker": "."} if len(epochs) < 2 else {}
            self.lines_ += panel.plot(epochs, values, **marker | line_kw)
            panel.set_title(name, fontsize="medium")
            panel.xaxis.get_major_locator().set_params(integer=True)
        for panel in panels[-n_columns:]:
            panel.set_xlabel("epoch")
        if "label" in line_kw:
            panels[0].legend()
        return self

    @classmethod
    def from_estimator(cls, estimator, *, names=None, ax=None, **plot_kw):
        """Draw ``estimator.history_``.

        Parameters
        ----------
        estimator : estimator
            Fitted.
        names : list of str, default=None
            Which names to draw, each in a panel; None draws all but the epoch and the
            seconds.
        ax : matplotlib Axes or array-like of Axes, default=None
            See `plot`.
        **plot_kw : dict
            Passed to `plot`.

        Returns
        -------
        display : HistoryDisplay
            The display, drawn.
        """
        _check_support(cls, "from_estimator")
        check_is_fitted(estimator, "history_")
        return cls(history=estimator.history_, names=names).plot(ax=ax, **plot_kw)


# ---------------------------------------------------------------- graphs


class ActivityGraphDisplay:
    """The two graphs of rows that a network's activities make (ACOL).

    Rows are vertices of both. Those of the left graph are joined by Y Y', where Y holds
    the probabilities of the parents; those of the right by B B', where B is the
    positive part of what goes into the softmax nodes. Edges between parents, then those
    between the clusters of a parent disappear as training goes on.

    Make it by `from_estimator` or `from_predictions`. Parameters are stored as
    attributes.

    Parameters
    ----------
    weights : tuple of two ndarray of shape (n_samples, n_samples)
        Cosines between the rows of Y and of B.
    colors_by : tuple of two array-like of shape (n_samples,)
        Labels that the vertices of either graph are colored by.
    positions : tuple of two ndarray of shape (n_samples, 2)
        Where the vertices of either graph are.
    threshold : float, default=0.1
        Weights above it are edges.

    Attributes
    ----------
    axes_ : ndarray of shape (2,) of matplotlib Axes
        The axes of the two graphs.
    figure_ : matplotlib Figure
        The figure.
    n_components_ : tuple of two int
        Number of disjoint subgraphs of either graph.

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
            Where to draw; None makes a figure.
        **scatter_kw : dict
            Passed to ``matplotlib.pyplot.scatter`` for the vertices.

        Returns
        -------
        display : ActivityGraphDisplay
            This object.
        """
        _check_support(self, "plot")
        from matplotlib.collections import LineCollection

        if ax is None:
            ax = _new_axes(None, ncols=2, figsize=(9, 4.6))
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
            codes, names = _codes(y, len(where))
            colors = np.array([*_colors(len(names)), (0.8, 0.8, 0.8)], dtype=object)
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
        """Draw the graphs of rows that a network was given.

        Parameters
        ----------
        estimator : estimator
            Fitted, with ``activations(X, transformation=0)``, which returns what goes
            into the softmax nodes, (n_samples, n_parents, n_nodes), for rows under the
            transformation of that number.
        X : array-like of shape (n_samples, n_features) or image-shaped
            Rows.
        y : array-like of shape (n_samples,), default=None
            Labels that the right graph is colored by. None is the most active node.
        parents : array-like of shape (n_samples,), default=None
            Coarse labels of the rows, after a fit with such: rows are taken as they are
            then, and the left graph is colored by these. None gives each row one of
            ``transformations`` at random and colors by that.
        transformations : tuple of int, default=(0, 1)
            Numbers of the transformations to show.
        n_samples : int or None, default=500
            Number of rows to draw, chosen at random; None draws all.
        threshold : float, default=0.1
            Weights above it are edges.
        random_state : int, RandomState instance or None, default=0
            Seed of rows, transformations and places.
        ax : array-like of two matplotlib Axes, default=None
            Where to draw; None makes a figure.
        **scatter_kw : dict
            Passed to ``matplotlib.pyplot.scatter`` for the vertices.

        Returns
        -------
        display : ActivityGraphDisplay
            The display, drawn.
        """
        _check_support(cls, "from_estimator")
        _has(estimator, "activations", cls)
        check_consistent_length(X, y, parents)
        rng = check_random_state(random_state)
        rows = _subset(_n_rows(X), n_samples, rng)
        X = _validation.safe_indexing(X, rows)
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
                        _validation.safe_indexing(X, here), transformation=int(number)
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
            What goes into the softmax nodes.
        y : array-like of shape (n_samples,), default=None
            Labels that the right graph is colored by. None is the most active node.
        parents : array-like of shape (n_samples,), default=None
            Labels that the left graph is colored by. None is the most probable parent.
        threshold : float, default=0.1
            Weights above it are edges.
        random_state : int, RandomState instance or None, default=0
            Seed of the vertices' places.
        ax : array-like of two matplotlib Axes, default=None
            Where to draw; None makes a figure.
        **scatter_kw : dict
            Passed to ``matplotlib.pyplot.scatter`` for the vertices.

        Returns
        -------
        display : ActivityGraphDisplay
            The display, drawn.
        """
        _check_support(cls, "from_predictions")
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
    """Cosines between rows that have no negative entry; 0 with a row of zeros."""
    norm = np.linalg.norm(A, axis=1, keepdims=True)
    A = A / np.where(norm > 0, norm, 1)
    return (A @ A.T).clip(0, 1)


def _places(weight, rng, n_steps=150):
    """Place vertices in the plane by forces (Fruchterman and Reingold, 1991).

    All vertices repel each other, and those with an edge attract each other by its
    weight.
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
