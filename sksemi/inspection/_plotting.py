"""Shared by several displays: checks, random rows, colors and grids of images."""

import numpy as np
from sklearn.utils import check_random_state

from sksemi._validation import check_matplotlib_support, check_y

UNLABELED = (0.8, 0.8, 0.8)  # light gray
MARGIN = "0.9"


def check_support(display, method):
    """Raise an ImportError that names the display if matplotlib is missing."""
    cls = display if isinstance(display, type) else type(display)
    check_matplotlib_support(f"{cls.__name__}.{method}")


def new_axes(ax, **subplot_kw):
    """Return the given axes, or the axes of a new figure."""
    import matplotlib.pyplot as plt

    if ax is None:
        _, ax = plt.subplots(layout="constrained", **subplot_kw)
    return ax


def check_has(estimator, method, display):
    """Raise a TypeError if an estimator lacks the method that a display needs."""
    if not hasattr(estimator, method):
        raise TypeError(
            f"{display.__name__} needs an estimator with the method {method}, which "
            f"{type(estimator).__name__} lacks."
        )


def label_codes(y, n_samples):
    """Return codes of labels, -1 where missing, and the names of the codes."""
    y = np.asarray(y)
    return check_y(y.astype(object) if y.dtype.kind in "US" else y, n_samples)


def random_rows(X, n_samples, random_state):
    """Draw the numbers of ``n_samples`` rows of X, sorted.

    ``n_samples`` is a positive integer or None. All rows are taken if it is None or if
    X has no more rows than that.
    """
    if n_samples is not None and n_samples < 1:
        raise ValueError(f"n_samples={n_samples} must be None or at least 1.")
    n = X.shape[0] if hasattr(X, "shape") else len(X)
    if n_samples is None or n_samples >= n:
        return np.arange(n)
    return np.sort(check_random_state(random_state).permutation(n)[:n_samples])


def label_colors(n):
    """Return n colors, as distinct as n allows."""
    from matplotlib import colormaps

    if n <= 10:
        return colormaps["tab10"].colors[:n]
    if n <= 20:
        return colormaps["tab20"].colors[:n]
    return colormaps["gist_rainbow"](np.linspace(0, 1, n))


def as_images(rows, image_shape, estimator=None):
    """Reshape rows to images.

    Parameters
    ----------
    rows : array-like of shape (n, n_features), (n, H, W) or (n, C, H, W)
    image_shape : tuple of (H, W) or (C, H, W), or None
        Shape of one row. None takes the shape that rows have, or the estimator's
        ``image_shape``.
    estimator : estimator, default=None

    Returns
    -------
    ndarray of shape (n, H, W) or (n, H, W, 3)
        As floats; uint8 values are divided by 255.
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


def draw_grid(ax, grid, row_labels=None, **imshow_kw):
    """Draw a grid of images as one image, one pixel of margin between them.

    Parameters
    ----------
    ax : matplotlib Axes or None
        Where to draw; None makes a figure that fits the grid.
    grid : ndarray of shape (n_rows, n_columns, H, W) or (n_rows, n_columns, H, W, 3)
        Places whose image is NaN stay empty.
    row_labels : list of str, default=None
        Labels to the left of the rows.
    **imshow_kw : dict
        Passed to ``matplotlib.pyplot.imshow``.

    Returns
    -------
    matplotlib AxesImage
    """
    n_rows, n_columns, height, width = grid.shape[:4]
    total = n_columns * width, n_rows * height
    scale = min(6.4 / total[0], 6.4 / total[1])
    # inches, with room for the labels
    figsize = max(total[0] * scale, 1.5) + 0.8, max(total[1] * scale, 0.8) + 0.3
    ax = new_axes(ax, figsize=figsize)
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


def images_by_label(images, codes, n_labels, n_columns, order):
    """Arrange images in a grid (n_labels, n_columns, H, W[, 3]), one label per row.

    ``order`` holds all row numbers; those to show come first. Places that a label does
    not fill are NaN.
    """
    grid = np.full((n_labels, n_columns, *images.shape[1:]), np.nan)
    for k in range(n_labels):
        chosen = order[codes[order] == k][:n_columns]
        grid[k, : len(chosen)] = images[chosen]
    return grid
