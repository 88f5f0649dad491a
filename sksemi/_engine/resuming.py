"""A fit to continue: an earlier one, or one that was cut off."""

from dataclasses import dataclass, field

import numpy as np

# Entries of a module's config that may differ: where and how fast it computes.
_MAY_CHANGE = ("bfloat16",)

_CLONE = "Use sklearn.base.clone(estimator) to start over."


@dataclass
class Progress:
    """Where a fit under way is, beside the weights and state of its training.

    Parameters
    ----------
    seed : int
        Of the fit.
    n_init : int
        Its number of trainings.
    fingerprint : str
        Of the training rows and labels.
    restart : int
        Number, from 0, of the training under way.
    n_done : int
        Epochs of it that are over.
    finished : bool
        Whether it has stopped.
    best : dict or None
        What the best restart so far left: "loss", "weights", "state" and "history".
    kept : dict or None
        "weights" and "rng" that the training ends with, if not the last.
    no_change : tuple of (float, int)
        Lowest loss so far, and epochs since then.
    memory : dict
        Of callbacks: see `Epochs`.
    """

    seed: int
    n_init: int
    fingerprint: str
    restart: int = 0
    n_done: int = 0
    finished: bool = False
    best: dict | None = None
    kept: dict | None = None
    no_change: tuple = (np.inf, 0)
    memory: dict = field(default_factory=dict)


@dataclass
class Resume:
    """An earlier fit, for another that continues where it ended.

    Parameters
    ----------
    config : dict
        What its module was built from.
    classes : ndarray of shape (n_clusters,)
    n_labels : int
        How many of them, the first, have a label.
    seed : int
        Of the noise at inference.
    weights : dict of str to Tensor
        The module's.
    state : dict
        Of the training; "epoch" alone after a fit that kept none.
    history : list of dict
    in_unit_interval : bool
        Whether its rows lie in [0, 1].
    progress : Progress or None
        Where the fit was cut off; None after a whole one.
    why : str
        Why a fit continues it, and what to do to start over.
    """

    config: dict
    classes: np.ndarray
    n_labels: int
    seed: int
    weights: dict
    state: dict
    history: list
    in_unit_interval: bool
    progress: Progress | None = None
    why: tuple = ("warm_start=True", "Set warm_start=False to start over.")

    @classmethod
    def of(cls, estimator):
        """Return the fit that a fit of an estimator continues, None if none."""
        cut_off = getattr(estimator, "_progress", None)
        if cut_off is None and not (
            estimator.warm_start and hasattr(estimator, "model_")
        ):
            return None
        if cut_off is None:
            return cls._of(estimator)
        state = cut_off["state"]
        return cls._of(
            estimator,
            weights=state["weights"],
            state=state,
            progress=Progress(**cut_off["progress"]),
            why=("this estimator is a checkpoint of a fit that was cut off", _CLONE),
        )

    @classmethod
    def stream_of(cls, estimator):
        """Return the fit that ``partial_fit`` of a fitted estimator continues."""
        return cls._of(estimator, why=("partial_fit continues a fit", _CLONE))

    @classmethod
    def _of(cls, estimator, **other):
        """Where a whole fit has led, but for what is other."""
        whole = {
            "weights": estimator.model_.state_dict(),
            "state": getattr(estimator, "_state", {"epoch": estimator.n_iter_}),
        }
        return cls(
            config=estimator._config,
            classes=estimator.classes_,
            n_labels=estimator._n_labels,
            seed=estimator._seed,
            history=[dict(row) for row in estimator.history_],
            in_unit_interval=estimator._in_unit_interval,
            **whole | other,
        )

    def check(self, config, classes, n_labels, fingerprint):
        """Refuse to continue with other rows, clusters or another network.

        Parameters
        ----------
        config, classes, n_labels
            Those of the fit that is to continue.
        fingerprint : callable
            Returns that of its rows and labels.

        Raises
        ------
        ValueError
            Naming what has changed.
        """
        why, remedy = self.why
        now, then = classes.tolist(), self.classes.tolist()
        if (now, n_labels) != (then, self.n_labels):
            raise ValueError(
                f"{why}, but y and n_clusters now give the clusters {now}, {n_labels} "
                f"of them with a label, and the fit to continue has {then}, "
                f"{self.n_labels} with a label. {remedy}"
            )
        changed = [
            name
            for name in config
            if name not in _MAY_CHANGE and config[name] != self.config.get(name)
        ]
        if changed:
            raise ValueError(
                f"{why}, but {', '.join(changed)} changed, and the weights to continue "
                f"from belong to the old values. {remedy}"
            )
        if self.progress is not None and self.progress.fingerprint != fingerprint():
            raise ValueError(
                f"{why}, but X or y differ from those of that fit, or are in another "
                f"order. {remedy}"
            )
