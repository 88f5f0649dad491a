"""What callbacks add to the history."""

from sksemi._engine.estimator import DeepEstimator


def add_to_history(estimator, **values):
    """Add values to the row of ``history_`` of the epoch that has just ended.

    For your own callbacks, in ``on_fit_task_end`` of a task named "epoch". Later
    callbacks of the same epoch find the values in ``estimator.history_[-1]`` and
    ``fitted_estimator.history_[-1]``, and the fitted estimator keeps them. Anything
    that a callback writes to ``estimator.history_`` in another way is lost.

    Parameters
    ----------
    estimator : estimator
        The one being fitted, as the hook gets it; not ``fitted_estimator``.
    **values : float
        Values by name. They replace earlier ones that a callback added by these names.

    Returns
    -------
    None

    Raises
    ------
    TypeError
        If the estimator is not one of this package.
    ValueError
        If no epoch has just ended, or training has written one of the names.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sksemi import GMVAEClusterer
    >>> from sksemi.callbacks import add_to_history
    >>> class Largest:
    ...     def __init__(self, X):
    ...         self.X = X
    ...
    ...     def setup(self, estimator, context): ...
    ...     def teardown(self, estimator, context): ...
    ...     def on_fit_task_begin(self, estimator, context): ...
    ...     def on_fit_task_end(self, estimator, context, *, fitted_estimator):
    ...         if context.task_name == "epoch":
    ...             share = fitted_estimator.predict_proba(self.X).mean(0).max()
    ...             add_to_history(estimator, largest_cluster=share)
    >>> X, y = load_digits(return_X_y=True)
    >>> est = GMVAEClusterer(max_iter=2, random_state=0)
    >>> est = est.set_callbacks(Largest(X / 16)).fit(X / 16, y)
    >>> ["largest_cluster" in row for row in est.history_]
    [True, True]
    """
    if not isinstance(estimator, DeepEstimator):
        raise TypeError(f"{type(estimator).__name__} keeps no history_ to add to.")
    if not hasattr(estimator, "_epochs"):
        raise ValueError(
            f"This {type(estimator).__name__} is not under fit. Pass the estimator "
            "that the hook is given when an epoch has ended, not fitted_estimator."
        )
    estimator._epochs.add({name: float(value) for name, value in values.items()})
