"""Fifty labels on scikit-learn's digits, and none: our methods and baselines.

    python examples/benchmarks/digits.py [--seeds 5] [--methods CatVAEClusterer ...]

For every seed, another split into 1,400 training and 397 test rows and another draw of
50 labels, the same for all methods; default parameters throughout. Prints mean and
standard deviation of the test accuracy with 50 labels and, without labels, of the
accuracy under the best matching on the training rows, beside k-means on the pixels.
Seconds are the processor time of a fit with labels; run it with ``OMP_NUM_THREADS=1``.
Adds a line per method to examples/papers/results/digits.jsonl.
"""

import argparse
import sys
import time
import warnings
from pathlib import Path

import numpy as np
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.semi_supervised import LabelSpreading, SelfTrainingClassifier
from sklearn.svm import SVC

import sksemi
from sksemi.datasets import mask_labels
from sksemi.metrics import clustering_accuracy

sys.path.insert(0, str(Path(__file__).parents[1] / "papers"))
from _common import append_line, device_name, versions

RESULTS = Path(__file__).parents[1] / "papers" / "results" / "digits.jsonl"


class LabeledRowsSVC(SVC):
    """An SVC that leaves unlabeled rows out."""

    def fit(self, X, y):
        return super().fit(X[y >= 0], y[y >= 0])


OURS = {
    name: Estimator
    for name, Estimator in vars(sksemi).items()
    if name in sksemi.__all__ and hasattr(Estimator, "fit_predict")
}
BASELINES = {
    "LabelSpreading (knn)": lambda seed: LabelSpreading(kernel="knn"),
    "SelfTraining (SVC)": lambda seed: SelfTrainingClassifier(
        CalibratedClassifierCV(SVC(), ensemble=False)
    ),
    "SVC on the labels": lambda seed: LabeledRowsSVC(),
}
KMEANS = "k-means on the pixels"
FORMS = {"mlp": None, "conv": (1, 8, 8)}


def ours(Estimator, shape):
    """Make the estimator of a seed, with or without labels."""
    return lambda seed, n_clusters=None: Estimator(
        n_clusters, image_shape=shape, random_state=seed
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument(
        "--methods",
        nargs="*",
        default=[*OURS, "baselines"],
        help='classes of ours, and "baselines"',
    )
    parser.add_argument("--forms", nargs="*", default=list(FORMS), choices=FORMS)
    args = parser.parse_args()
    makers = {
        f"{name} ({form})": ours(Estimator, shape)
        for name, Estimator in OURS.items()
        for form, shape in FORMS.items()
        if name in args.methods and form in args.forms
    }
    if "baselines" in args.methods:
        makers |= BASELINES
        makers[KMEANS] = lambda seed, n_clusters: KMeans(
            n_clusters, n_init=10, random_state=seed
        )
    X, y = load_digits(return_X_y=True)
    X = (X / 16).astype(np.float32)
    figures = {name: {"accuracy": [], "acc": [], "seconds": []} for name in makers}
    for seed in range(args.seeds):
        X_train, X_test, y_train, y_test = train_test_split(
            X, y, train_size=1400, random_state=seed, stratify=y
        )
        y_partial = mask_labels(y_train, 50, random_state=seed)
        for name, make in makers.items():
            row = figures[name]
            if name != KMEANS:
                start = time.process_time()
                with warnings.catch_warnings():
                    # LabelSpreading divides by the rows that no label reaches
                    warnings.filterwarnings("ignore", message="invalid value")
                    estimator = make(seed).fit(X_train, y_partial)
                    row["seconds"].append(round(time.process_time() - start, 2))
                    row["accuracy"].append(round(estimator.score(X_test, y_test), 4))
            if name not in BASELINES:
                labels = make(seed, 10).fit(X_train).labels_
                row["acc"].append(round(clustering_accuracy(y_train, labels), 4))
            print(f"seed {seed}  {name:24} {row}", flush=True)
    for name, row in figures.items():
        line = {
            "script": "digits.py",
            "method": name,
            "protocol": "1400 training rows, 50 labels or none, 397 test, defaults",
            **row,
            "seeds": "split, label draw and estimator: 0 and on",
            "parameters": makers[name](0, 10).get_params()
            if name not in BASELINES
            else {},
            "machine": device_name("cpu"),
            "versions": versions(),
        }
        line["parameters"].pop("random_state", None)
        append_line(RESULTS, line)
        for figure, values in row.items():
            if values:
                print(
                    f"{name:24} {figure:8} {np.mean(values):.4f} +- "
                    f"{np.std(values, ddof=1):.4f}"
                )


if __name__ == "__main__":
    main()
