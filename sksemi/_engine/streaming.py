"""partial_fit: one pass over rows that come a part at a time.

Few rows have labels, and every step needs some: those seen so far are remembered, up to
a number, and train beside the rows of a part. Of the others a sample is remembered, for
what a module learns from all rows beside its steps.
"""

from dataclasses import dataclass

import numpy as np
import torch

from sksemi import _validation
from sksemi._engine.data import Data, Minibatches
from sksemi._engine.resuming import Resume
from sksemi._engine.sources import JoinedRows

# Schedules count so many steps as an epoch, for a stream has no end.
STEPS_PER_EPOCH = 100
# Labeled rows that are remembered, and others; fewer where they have more values.
REMEMBERED = 2000
REMEMBERED_VALUES = 2**23
# While one in so many of the labeled rows is new, or more, labels are still coming.
SETTLED = 10


def most_remembered(data):
    """Count the labeled rows that are remembered, and the others."""
    return min(REMEMBERED, max(1, REMEMBERED_VALUES // data.x.shape[1]))


@dataclass
class Stream:
    """What a call of ``partial_fit`` knows of those before it.

    Parameters
    ----------
    labels : ndarray of shape (n_labels,) or None
        All labels that may come; None if those of this call's y are all.
    resume : Resume or None
        Where the calls before have led; None at the first.
    """

    labels: np.ndarray | None
    resume: Resume | None

    @classmethod
    def of(cls, estimator, classes):
        """Return the stream that an estimator is in, or begin one.

        Raises
        ------
        ValueError
            If there is a fit to finish, or classes are unusable or not those of the
            first call.
        """
        if hasattr(estimator, "_progress"):
            raise ValueError(
                "This estimator is a checkpoint of a fit that was cut off: fit "
                "finishes it. Use sklearn.base.clone(estimator) to start over."
            )
        labels = None
        if classes is not None:
            labels = _validation.check_all_classes(classes)
        if not hasattr(estimator, "model_"):
            return cls(labels, None)
        known = estimator.classes_[: estimator._n_labels]
        if labels is not None and labels.tolist() != known.tolist():
            raise ValueError(
                f"classes={labels.tolist()}, but the first call of partial_fit, or "
                f"fit, had the labels {known.tolist()}. Leave classes out after that "
                "call, or use sklearn.base.clone(estimator) to start over."
            )
        return cls(known, Resume.stream_of(estimator))

    def all_labels(self, found):
        """All labels that may come, of those found in a call's y."""
        return found if self.labels is None else self.labels

    def check(self, rows):
        """Hold the range of a call's rows to that of those before.

        Raises
        ------
        ValueError
            If they leave it, and the likelihood gives them no density then.
        """
        if self.resume is None:
            return
        config, inside = self.resume.config, self.resume.in_unit_interval
        name = config.get("likelihood", "gaussian")
        if inside and name != "gaussian" and not rows.in_unit_interval:
            raise ValueError(
                "X has values outside [0, 1], but those of earlier calls had none, so "
                f'likelihood="{name}" is in use. Clip X, or start with '
                'likelihood="gaussian".'
            )
        rows.in_unit_interval = inside

    def join(self, data, n_labels):
        """Rows of a call after those that are remembered.

        Raises
        ------
        ValueError
            If there are labels, and no row has one.
        """
        remembered = self.resume and self.resume.state.get("remembered")
        if remembered:
            device, codes = data.device, remembered["codes"]
            data = Data(
                JoinedRows(remembered["x"].to(data.x.device), data.x, data.scale),
                torch.cat([codes.to(device), data.codes]),
                1.0,
                n_past=len(codes),
            )
            data.settled = self._settled(data)
        elif self.resume is None and self.labels is not None:
            data.settled = 0.0  # more may come than these
        if n_labels and not (data.codes >= 0).any():
            raise ValueError(
                "No row so far has a label, but there are labels. Give partial_fit "
                "labeled rows in its first call, among others; also in the first call "
                "after fit, which remembers no rows."
            )
        return data

    def _settled(self, data):
        """How far the labels of all calls have come, from 0 to 1; it never falls."""
        known = int((data.codes[: data.n_past] >= 0).sum())
        if known >= most_remembered(data):  # of more, some are forgotten
            return 1.0
        codes = data.codes[data.distinct().to(data.device)]
        new = 1 - known / max(int((codes >= 0).sum()), 1)
        before = self.resume.state["remembered"].get("settled", 1.0)
        return max(before, 1 - SETTLED * new)

    def keep(self, state, data):
        """State of a training for the next call, with rows to remember."""
        most = most_remembered(data)
        # In the order of hashes, the first are a fair sample, the same in any order of
        # the parts and however often they come.
        rows = data.distinct().to(data.device)
        codes = data.codes[rows]
        labeled, others = rows[codes >= 0], rows[codes < 0][:most]
        if len(labeled) > most:
            batches = Minibatches(data.codes[labeled], 2 * most, "all")
            labeled = labeled[batches.draw_labeled()]
        kept = torch.cat([labeled, others])
        none = data.codes[:0]  # the rows of the next call are others
        return state | {
            "pool": none,
            "order": none,
            "blocks": none,
            "remembered": {
                "x": data.rows(kept),
                "codes": data.codes[kept],
                # of the first call all labels are new
                "settled": 0.0 if self.resume is None else data.settled,
            },
        }


class PartialFitMixin:
    """``partial_fit`` by way of the estimator's own ``_fit``."""

    def partial_fit(self, X, y=None, classes=None):
        """Train on some more rows, in one pass over them.

        The first call starts the networks, units and clusters; later calls continue
        with them, and so does a call after `fit`. Up to 2,000 labeled rows are
        remembered, balanced over the labels, and train with the rows of later calls. A
        sample of up to 2,000 others is remembered only for k-means and statistics.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), (n_samples, H, W) or \
                (n_samples, C, H, W)
            At least two rows, and no fewer than there are clusters.
        y : array-like of shape (n_samples,), default=None
            Labels, -1 for rows without one, as in `fit`.
        classes : array-like of shape (n_labels,), default=None
            All labels that y has in this call or a later one. None means that y has
            them all in this call; not needed after the first call.

        Returns
        -------
        self : object
            The fitted estimator. ``history_`` has one row per call; ``labels_`` are
            those of this call's rows.

        Raises
        ------
        ValueError
            For unusable X, y, classes or parameters, or a label that the first call did
            not list. After any error the estimator is as it was before the call.

        Notes
        -----
        ``max_iter``, ``n_init`` and early stopping are ignored. Schedules of weights,
        temperature and learning rate follow the number of steps, a hundred as one
        epoch. After a first call with ``classes``, `GMVAEClusterer` teaches
        labels that it assigns to other rows only once most labels have come: not at all
        before a call of whose labeled rows and those remembered less than a tenth are
        new, and fully when none is.
        """
        return self._fit(X, y, stream=Stream.of(self, classes))
