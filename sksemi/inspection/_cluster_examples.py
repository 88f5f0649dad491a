"""Grid of examples of each cluster."""

import numpy as np
from sklearn.utils import check_consistent_length, check_random_state

from sksemi.inspection._plotting import (
    as_images,
    check_has,
    check_support,
    draw_grid,
    images_by_label,
    label_codes,
)


class ClusterExamplesDisplay:
    """A few rows of the data for each cluster.

    Create it with `from_estimator` or `from_predictions`. The parameters are stored
    as attributes.

    Parameters
    ----------
    images : ndarray of shape (n_clusters, n_examples, H, W) or \
            (n_clusters, n_examples, H, W, 3)
        The examples. Places whose image is NaN stay empty.
    clusters : list
        Names of the clusters.
    counts : ndarray of shape (n_clusters,)
        Number of rows in each cluster.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes.
    figure_ : matplotlib Figure
        The figure.
    im_ : matplotlib AxesImage
        All examples, drawn as one image.

    See Also
    --------
    SampleGridDisplay : Samples of an estimator.

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
        """Draw the examples, one row for each cluster.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on. None creates a figure.
        **imshow_kw : dict
            Passed to ``matplotlib.pyplot.imshow``.

        Returns
        -------
        display : ClusterExamplesDisplay
            This object.
        """
        check_support(self, "plot")
        labels = [
            f"{cluster} (n={count})"
            for cluster, count in zip(self.clusters, self.counts, strict=True)
        ]
        self.im_ = draw_grid(ax, self.images, labels, **imshow_kw)
        self.ax_, self.figure_ = self.im_.axes, self.im_.axes.figure
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
        """Draw rows by the cluster that ``estimator.predict`` returns.

        Parameters
        ----------
        estimator : estimator
            Fitted estimator with ``predict`` and ``classes_``.
        X : array-like of shape (n_samples, n_features) or image-shaped
            Rows.
        n_examples : int, default=10
            Number of rows to draw for each cluster.
        order : {"random", "probability"}, default="random"
            Which rows to draw: random ones, or those of highest probability.
        random_state : int, RandomState instance or None, default=0
            Seed of the choice of rows.
        image_shape : tuple of (H, W) or (C, H, W), default=None
            Shape of one row. None takes the shape that rows have, or the estimator's
            ``image_shape``.
        ax : matplotlib Axes, default=None
            Axes to draw on. None creates a figure.
        **imshow_kw : dict
            Passed to ``matplotlib.pyplot.imshow``.

        Returns
        -------
        display : ClusterExamplesDisplay
            The drawn display.
        """
        check_support(cls, "from_estimator")
        check_has(estimator, "predict", cls)
        if order not in ("random", "probability"):
            raise ValueError(f'order={order!r} must be "random" or "probability".')
        confidence = None
        if order == "probability":
            check_has(estimator, "predict_proba", cls)
            confidence = np.asarray(estimator.predict_proba(X)).max(1)
        return cls._from_images(
            as_images(X, image_shape, estimator),
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
        """Draw rows by given clusters.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or image-shaped
            Rows.
        labels : array-like of shape (n_samples,)
            Clusters of the rows.
        confidence : array-like of shape (n_samples,), default=None
            Rows of highest confidence are drawn. None draws random ones.
        n_examples : int, default=10
            Number of rows to draw for each cluster.
        random_state : int, RandomState instance or None, default=0
            Seed of the choice of rows.
        image_shape : tuple of (H, W) or (C, H, W), default=None
            Shape of one row, needed if X is not image-shaped.
        ax : matplotlib Axes, default=None
            Axes to draw on. None creates a figure.
        **imshow_kw : dict
            Passed to ``matplotlib.pyplot.imshow``.

        Returns
        -------
        display : ClusterExamplesDisplay
            The drawn display.
        """
        check_support(cls, "from_predictions")
        check_consistent_length(X, labels, confidence)
        return cls._from_images(
            as_images(X, image_shape),
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
        codes, clusters = label_codes(labels, len(images))
        if classes is not None:  # clusters without rows get a line too
            position = {label: k for k, label in enumerate(classes.tolist())}
            codes = np.array([position[label] for label in clusters.tolist()])[codes]
            clusters = classes
        order = check_random_state(random_state).permutation(len(images))
        if confidence is not None:
            order = np.argsort(-np.asarray(confidence), kind="stable")
        return cls(
            images=images_by_label(images, codes, len(clusters), n_examples, order),
            clusters=clusters.tolist(),
            counts=np.bincount(codes, minlength=len(clusters)),
        )
