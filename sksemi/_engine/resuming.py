"""A fit to go on from."""

from dataclasses import dataclass, field

import numpy as np

# Entries of a module's config that may differ: where and how fast it computes.
_MAY_CHANGE = ("bfloat16",)


@dataclass
class Resume:
    """An earlier fit, for another that goes on where it ended.

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
    """

    config: dict
    classes: np.ndarray
    n_labels: int
    seed: int
    weights: dict
    state: dict
    history: list = field(default_factory=list)

    @classmethod
    def of(cls, estimator):
        """Where a fit of an estimator goes on from, None if it starts anew."""
        if not (estimator.warm_start and hasattr(estimator, "model_")):
            return None
        return cls(
            config=estimator._config,
            classes=estimator.classes_,
            n_labels=estimator._n_labels,
            seed=estimator._seed,
            weights=estimator.model_.state_dict(),
            state=getattr(estimator, "_state", {"epoch": estimator.n_iter_}),
            history=[dict(row) for row in estimator.history_],
        )

    def check(self, config, classes, n_labels):
        """Refuse to go on with other clusters or another network.

        Raises
        ------
        ValueError
            Naming what has changed.
        """
        now, then = classes.tolist(), self.classes.tolist()
        if (now, n_labels) != (then, self.n_labels):
            raise ValueError(
                f"warm_start=True, but y and n_clusters now make the clusters {now}, "
                f"{n_labels} of them with a label, and the fit to go on from has "
                f"{then}, {self.n_labels} with a label. Set warm_start=False to start "
                "anew."
            )
        changed = [
            name
            for name in config
            if name not in _MAY_CHANGE and config[name] != self.config.get(name)
        ]
        if changed:
            raise ValueError(
                f"warm_start=True, but {', '.join(changed)} changed, and the weights "
                "to go on from were made for the old values. Set warm_start=False to "
                "start anew."
            )
