"""Fifty labels on scikit-learn's digits: both forms of GMVAEClusterer and baselines.

    python examples/benchmarks/digits.py [--seeds 5]

For every seed, another split into 1,400 training and 397 test rows and another draw of
50 labels, the same for all methods; default parameters throughout. Prints mean and
standard deviation of the test accuracy, and adds a line to
examples/papers/results/digits.jsonl.
"""

import argparse
import sys
import time
import warnings
from pathlib import Path

import numpy as np
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.semi_supervised import LabelSpreading, SelfTrainingClassifier
from sklearn.svm import SVC

from sksemi import GMVAEClusterer
from sksemi.datasets import mask_labels
from sksemi.metrics import clustering_accuracy

sys.path.insert(0, str(Path(__file__).parents[1] / "papers"))
from _common import append_line, device_name, versions

RESULTS = Path(__file__).parents[1] / "papers" / "results" / "digits.jsonl"


class LabelledRowsSVC(SVC):
    """An SVC that leaves unlabelled rows out."""

    def fit(self, X, y):
        return super().fit(X[y >= 0], y[y >= 0])


METHODS = {
    "GMVAEClusterer (mlp)": lambda seed: GMVAEClusterer(random_state=seed),
    "GMVAEClusterer (conv)": lambda seed: GMVAEClusterer(
        image_shape=(1, 8, 8), random_state=seed
    ),
    "LabelSpreading (knn)": lambda seed: LabelSpreading(kernel="knn"),
    "SelfTraining (SVC)": lambda seed: SelfTrainingClassifier(
        CalibratedClassifierCV(SVC(), ensemble=False)
    ),
    "SVC on the labels": lambda seed: LabelledRowsSVC(),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    args = parser.parse_args()
    X, y = load_digits(return_X_y=True)
    X = (X / 16).astype(np.float32)
    accuracy = {name: [] for name in METHODS}
    seconds = {name: [] for name in METHODS}
    kl_z, unsupervised = [], []
    for seed in range(args.seeds):
        X_train, X_test, y_train, y_test = train_test_split(
            X, y, train_size=1400, random_state=seed, stratify=y
        )
        y_partial = mask_labels(y_train, 50, random_state=seed)
        for name, make in METHODS.items():
            start = time.perf_counter()
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", message="invalid value encountered")
                estimator = make(seed).fit(X_train, y_partial)
            seconds[name].append(time.perf_counter() - start)
            accuracy[name].append(round(estimator.score(X_test, y_test), 4))
            if isinstance(estimator, GMVAEClusterer):
                kl_z.append(round(estimator.history_[-1]["kl_z"], 2))
            print(f"seed {seed}  {name:24} {accuracy[name][-1]:.4f}", flush=True)
        labels = GMVAEClusterer(10, random_state=seed).fit_predict(X_train)
        unsupervised.append(round(clustering_accuracy(y_train, labels), 4))
        print(
            f"seed {seed}  without labels, matched  {unsupervised[-1]:.4f}", flush=True
        )
    for name, values in accuracy.items():
        print(
            f"{name:24} {np.mean(values):.4f} +- {np.std(values, ddof=1):.4f}   "
            f"{np.mean(seconds[name]):.1f} s"
        )
    line = {
        "script": "digits.py",
        "protocol": "1400 training rows with 50 labels, 397 test rows, defaults",
        "accuracy": accuracy,
        "kl_z": kl_z,
        "unsupervised_acc_on_training_rows": unsupervised,
        "seconds": {name: round(float(np.mean(s)), 2) for name, s in seconds.items()},
        "seeds": "split, label draw and estimator: 0 and on",
        "parameters": GMVAEClusterer().get_params(),
        "machine": device_name("cpu"),
        "versions": versions(),
    }
    append_line(RESULTS, line)


if __name__ == "__main__":
    main()
