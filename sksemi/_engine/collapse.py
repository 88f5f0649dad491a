"""What a fit is said to have lost: clusters, a latent variable, or what labels say."""

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import RidgeClassifierCV
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sksemi._engine.data import Minibatches
from sksemi._validation import warn_user

# A fit of fewer training steps has not had the time, and one of fewer rows not the
# data: it is not judged. What labels say takes longer to learn.
MIN_STEPS, MIN_STEPS_LABELS = 50, 100
MIN_ROWS = 20
# Share of the rows in one cluster above which the others count for nothing.
NEARLY_ALL = 0.95
# Rows, labeled and not, that a linear model of the labels is tried on, fewer where they
# are wide; the standard errors by which predictions may disagree more with it than it
# errs, and the fraction of its accuracy that agreement may fall to.
JUDGED_ROWS, JUDGED_VALUES, FEWEST = 2_000, 2**19, 200
FAR, MUCH = 3.5, 0.75
FOLDS = 5
# Ratio of columns' standard deviations above which scaling them is worth a try.
WIDER = 10


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
    n_steps *= estimator.n_iter_
    if n_steps < MIN_STEPS or len(codes) < MIN_ROWS:
        return
    found, remedies = _clusters(estimator, plan.data)
    enough = n_steps >= MIN_STEPS_LABELS
    apart = apart_from_labels(estimator, plan.data) if enough else ""
    if apart:
        found.append(apart)
        remedies.append("columns of equal scale, or fewer columns (PCA)")
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


def _scales_differ(data):
    """Whether a column of a sample of the rows is much wider than another."""
    most = max(FEWEST, min(JUDGED_ROWS, JUDGED_VALUES // data.x.shape[1]))
    some = _some(torch.ones_like(data.codes, dtype=torch.bool), most)
    scale = data.rows(some).float().std(0)
    scale = scale[scale > 0]
    return len(scale) > 1 and bool(scale.max() > WIDER * scale.min())


def _clusters(estimator, data):
    """Say what is wrong with the clusters, and what to try."""
    classes, n = estimator.classes_, len(estimator.labels_)
    values, counts = np.unique(estimator.labels_, return_counts=True)
    label_counts = data.codes[data.codes >= 0].bincount().tolist()
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
    remedies = ["fewer clusters (n_clusters)"]
    if 0 < estimator._n_labels < len(classes):  # a label may have absorbed a group
        remedies.insert(0, "labels for a few rows of each group that has none")
    elif not estimator._n_labels:
        remedies.append("labels for some rows of each cluster")
    if getattr(estimator, "_config", {}).get("likelihood", "gaussian") != "gaussian":
        remedies.append('likelihood="gaussian" for a table with values in [0, 1]')
    elif _scales_differ(data):
        remedies.append("features of equal scale (StandardScaler)")
    return found, [*remedies, "several starts (n_init)"]


def apart_from_labels(estimator, data):
    """Say that unlabeled rows are predicted against what labels say of them, or "".

    A linear model of the labels agrees with a good fit about as often as it is right,
    which cross-validation tells. Agreement that is far below tells of a network that
    keeps its labeled rows apart from the others, whatever its loss looks like.
    """
    codes = data.codes.cpu()
    most = min(JUDGED_ROWS, max(FEWEST, JUDGED_VALUES // data.x.shape[1]))
    labeled, unlabeled = _some(codes >= 0, most), _some(codes < 0, most)
    y = codes[labeled].numpy()
    counts = np.bincount(y)
    if len(counts) < 2 or counts.min() < FOLDS or not len(unlabeled):
        return ""
    X = data.rows(labeled.to(data.device)).cpu().numpy()
    linear = make_pipeline(
        StandardScaler(), RidgeClassifierCV(alphas=np.logspace(0, 4, 5))
    )
    right = cross_val_score(linear, X, y, cv=FOLDS).mean()
    linear.fit(X, y)
    said = linear.predict(data.rows(unlabeled.to(data.device)).cpu().numpy())
    predicted = estimator.labels_[unlabeled.numpy()]
    named = np.isin(predicted, estimator.classes_[: estimator._n_labels])
    if not named.any():
        return ""
    agree = np.mean(predicted[named] == estimator.classes_[said[named]])
    variance = right * (1 - right) / len(y) + agree * (1 - agree) / named.sum()
    if right - agree <= FAR * variance**0.5 or agree > MUCH * right:
        return ""
    return (
        f"{100 * agree:.0f} % of the unlabeled rows are in the class that a linear "
        f"model of the labels predicts, which is right for {100 * right:.0f} % of the "
        "labeled ones"
    )


def _some(rows, most):
    """Row numbers of a mask, evenly taken if they are many."""
    numbers = rows.nonzero()[:, 0]
    return numbers[:: max(1, -(-len(numbers) // most))]
