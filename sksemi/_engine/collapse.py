"""What a fit that has lost clusters or a latent variable is said to have lost."""

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from sksemi._engine.data import Minibatches
from sksemi._validation import warn_user

# A fit of fewer training steps has not had the time, and one of fewer rows not the
# data: it is not judged.
MIN_STEPS = 50
MIN_ROWS = 20
# Share of the rows in one cluster above which the others count for nothing.
NEARLY_ALL = 0.95


def warn_collapse(estimator, plan):
    """Warn once of clusters and latent variables that a fit leaves without use.

    Parameters
    ----------
    estimator : estimator
        Fitted. Its module may have ``least``, a dict from monitors in ``history_`` to
        the latent variable that each tells of and the value below which that carries
        nothing.
    plan : Plan
        Of the fit.
    """
    codes = plan.data.codes
    n_steps = Minibatches(codes, plan.batch_size, plan.pool).n_steps
    if n_steps * estimator.n_iter_ < MIN_STEPS or len(codes) < MIN_ROWS:
        return
    found, remedies = _clusters(estimator, codes[codes >= 0].bincount().tolist())
    row, dead = estimator.history_[-1], {}
    for name, (variable, least) in getattr(estimator.model_, "least", {}).items():
        if row[name] < least:
            dead.setdefault(variable, f"{name} = {row[name]:.2g}")
    for variable, value in dead.items():
        found.append(f"{variable} carries next to nothing ({value})")
    if dead:
        remedies.append("a larger reconstruction_weight or a smaller gaussian_weight")
    if found:
        warn_user(
            f"{type(estimator).__name__} collapsed: {'; '.join(found)}. Try "
            f"{', '.join(remedies)}, or more epochs (max_iter).",
            ConvergenceWarning,
        )


def _clusters(estimator, label_counts):
    """Say what is wrong with the clusters, and what to try."""
    classes, n = estimator.classes_, len(estimator.labels_)
    values, counts = np.unique(estimator.labels_, return_counts=True)
    if len(classes) == 1:
        return [], []
    found = []
    n_empty = len(classes) - len(values)
    if n_empty:
        found.append(f"{n_empty} of {len(classes)} clusters have no training row")
    # labels may say that it is so
    of_labels = max(label_counts, default=0) / max(sum(label_counts), 1)
    share = counts.max() / n
    if share > max(NEARLY_ALL, of_labels):
        found.append(
            f"cluster {values[counts.argmax()]!s} has {100 * share:.1f} % of the rows"
        )
    if not found:
        return [], []
    remedies = ["fewer clusters (n_clusters)", "features of one scale (StandardScaler)"]
    if estimator._n_labels < len(classes):
        remedies.append("labels for some rows of each cluster")
    return found, [*remedies, "several starts (n_init)"]
