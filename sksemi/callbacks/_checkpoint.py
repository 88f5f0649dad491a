"""Checkpoints: a fit that is cut off can be finished."""

import contextlib
import os
from numbers import Integral
from pathlib import Path

from sksemi._engine.estimator import DeepEstimator
from sksemi._validation import Interval, StrOptions, validate_params, warn_user


class Checkpoint:
    """Write the estimator to a file while it is fitted.

    The file holds the estimator as fitted so far, which predicts, and all that its
    training needs to go on. `load` returns it, and ``fit`` on what it returns, with the
    same X and y, finishes the ``max_iter`` epochs of the fit that was cut off and no
    more; on a CPU the result is that of an uninterrupted fit, bit for bit.

    For the estimators of this package: ``est.set_callbacks(Checkpoint("fit.skops"))``.
    One path is for one fit: a search, whose fits share the callback, would write them
    all to it.

    Parameters
    ----------
    path : str or path-like
        File to write, in the format of skops, which must be installed. It is replaced
        as a whole: a reader finds the last checkpoint or the one before.

    every : int, default=1
        Epochs between two checkpoints. There is one after the last epoch in any case.

    on_error : {"warn", "raise"}, default="warn"
        What happens if the file cannot be written: a RuntimeWarning, and training goes
        on; or the error, which ends fit. The last good file stays either way.

    See Also
    --------
    EarlyStopping : Its record is part of a checkpoint.

    Notes
    -----
    Callbacks are not saved: set those that the fit had before it goes on, this one
    among them, if there are to be further checkpoints. A checkpoint costs what the
    method does after training, k-means for instance, and predicting the training rows:
    choose ``every`` by that.

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
            Types to trust beside this package's estimators, by full name: those of an
            own ``network``, for instance.

        Returns
        -------
        estimator : estimator
            Fitted so far. Its ``fit`` goes on.

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
                "training goes on.",
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
