"""Curves of the training history."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sksemi.inspection._plotting import check_support, new_axes


class HistoryDisplay:
    """Curves of the loss, its terms and the monitors over the epochs.

    Create it with `from_estimator`. The parameters are stored as attributes.

    Parameters
    ----------
    history : list of dict
        One row per epoch, like ``history_``.
    names : list of str, default=None
        Names to draw, each in its own panel. None draws all but the epoch and the
        seconds.

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
        """Draw one panel for each name.

        Parameters
        ----------
        ax : matplotlib Axes or array-like of Axes, default=None
            Either one Axes, which the panels divide among them, or one Axes per panel.
            Pass the ``axes_`` of another display to compare the two. None creates a
            figure.
        n_columns : int, default=3
            Number of panels side by side.
        **line_kw : dict
            Passed to ``matplotlib.pyplot.plot``. A ``label`` adds a legend.

        Returns
        -------
        display : HistoryDisplay
            This object.
        """
        check_support(self, "plot")
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
            ax = new_axes(None, nrows=n_rows, ncols=n_columns, figsize=size)
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
            # a line of one epoch would be invisible without a point
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
            Fitted estimator.
        names : list of str, default=None
            Names to draw, each in its own panel. None draws all but the epoch and the
            seconds.
        ax : matplotlib Axes or array-like of Axes, default=None
            See `plot`.
        **plot_kw : dict
            Passed to `plot`.

        Returns
        -------
        display : HistoryDisplay
            The drawn display.
        """
        check_support(cls, "from_estimator")
        check_is_fitted(estimator, "history_")
        return cls(history=estimator.history_, names=names).plot(ax=ax, **plot_kw)
