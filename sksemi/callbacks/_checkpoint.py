"""Checkpoints: a fit that is cut off can be finished."""

import contextlib
import os
from numbers import Integral
from pathlib import Path

from sksemi._engine.estimator import DeepEstimator
from sksemi._validation import Interval, StrOptions, validate_params, warn_user


class Checkpoint:
    """Write the estimator to a file while it is fitted.

    The file holds the estimator as fitted so far, which can predict, and everything
    that its training needs to continue. `load` returns it, and its ``fit``, with the
    same X and y, runs the remaining epochs of ``max_iter`` and no more; on a CPU, the
    result is that of an uninterrupted fit, bit for bit.

    For the estimators of this package: ``est.set_callbacks(Checkpoint("fit.skops"))``.
    Use one path per fit: the fits of a search share the callback and would all write to
    it.

    Parameters
    ----------
    path : str or path-like
        File to write, in the format of skops, which must be installed. It is replaced
        as a whole: a reader finds the last checkpoint or the one before it.

    every : int, default=1
        Epochs between two checkpoints. There is one after the last epoch in any case.

    on_error : {"warn", "raise"}, default="warn"
        What to do if the file cannot be written: warn (RuntimeWarning) and continue, or
        raise the error, which ends fit. The last good file stays in both cases.

    See Also
    --------
    EarlyStopping : Its record is part of a checkpoint.

    Notes
    -----
    Callbacks are not saved: set those of the fit again before it continues, including
    this one if you want further checkpoints. A checkpoint costs as much as the method's
    work after training, such as k-means, and predicting the training rows: choose
    ``every`` accordingly.

    Examples
    --------
    >>> import os, tempfile
    >>> from sklearn.datasets import load_digits
    >>> from sksemi import GMVAEClusterer
    >>> from sksemi.callbacks import Checkpoint
    >>> X, y = load_digits(return_X_y=True)
    >>> path = os.path.join(tempfile.mkdtemp(), "fit.skops")
    >>> est = GMVAEClusterer(max_iter=2, random_state=0)
    >>> est = est.set_callbacks(Checkpoint(path)).fit(X / 16, y)
    >>> Checkpoint.load(path).predict(X[:3] / 16).shape
    (3,)
    """

    @validate_params(
        {
            "path": [str, os.PathLike],
            "every": [Interval(Integral, 1, None, closed="left")],
            "on_error": [StrOptions({"warn", "raise"})],
        },
        prefer_skip_nested_validation=True,
    )
    def __init__(self, path, every=1, *, on_error="warn"):
        self.path = path
        self.every = every
        self.on_error = on_error

    @staticmethod
    def load(path, *, trusted=()):
        """Load an estimator that a checkpoint wrote.

        Parameters
        ----------
        path : str or path-like
            File to read.
        trusted : list of str, default=()
            Further types to trust, by full name, in addition to this package's
            estimators: for example those of a custom ``network``.

        Returns
        -------
        estimator : estimator
            As fitted so far. Its ``fit`` continues.

        Raises
        ------
        TypeError
            If the file holds other types.
        """
        io = _skops_io()
        own = [
            name
            for name in io.get_untrusted_types(file=path)
            if name.startswith("sksemi.methods.")
        ]
        return io.load(path, trusted=[*own, *trusted])

    def setup(self, estimator, context):
        """Check the estimator; called as fit begins.

        Parameters
        ----------
        estimator : estimator
        context : CallbackContext
        """
        if not isinstance(estimator, DeepEstimator):
            raise TypeError(
                f"Checkpoint cannot save a fit of {type(estimator).__name__}: set it "
                "on the estimator of sksemi itself, inside a Pipeline or search too."
            )
        _skops_io()
        self._last = None  # epoch of the last file that was written

    def teardown(self, estimator, context):
        """Do nothing; called when fit has ended.

        Parameters
        ----------
        estimator : estimator
        context : CallbackContext
        """

    def on_fit_task_begin(self, estimator, context):
        """Do nothing; called as the fit, a restart or an epoch begins.

        Parameters
        ----------
        estimator : estimator
        context : CallbackContext
        """

    def on_fit_task_end(self, estimator, context):
        """Have the epoch saved once every callback has seen it.

        Parameters
        ----------
        estimator : estimator
        context : CallbackContext
        """
        if context.task_name == "epoch":
            epochs = estimator._epochs
            epochs.save_by(
                lambda make: (
                    self._save(make, epochs)
                    if epochs.finished or epochs.n_done % self.every == 0
                    else None
                )
            )

    def _save(self, make, epochs):
        """Write the file beside, and then in place of, the last one."""
        path = Path(self.path)
        partial = path.with_name(path.name + ".partial")
        content = _skops_io().dumps(make())
        try:
            with open(partial, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(partial, path)
            _sync_folder(path.parent)
        except OSError as error:
            with contextlib.suppress(OSError):
                partial.unlink()
            if self.on_error == "raise":
                raise
            kept = "There is no checkpoint yet"
            if self._last is not None:
                kept = f"The one after epoch {self._last + 1} stays"
            warn_user(
                f"Checkpoint could not write {str(path)!r} ({error}). {kept}, and "
                "training continues.",
                RuntimeWarning,
            )
        else:
            self._last = epochs.history[-1]["epoch"]


def _sync_folder(folder):
    """Have the new name reach the disk, where folders can be synced."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _skops_io():
    try:
        import skops.io
    except ImportError as error:
        raise ImportError(
            "Checkpoint writes files in the format of skops: pip install skops."
        ) from error
    return skops.io
