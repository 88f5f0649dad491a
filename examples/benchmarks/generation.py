"""Is what a generator draws like the rows? Three measures, beside PCA.

    python examples/benchmarks/generation.py [--sets digits usps mnist]
        [--methods GMVAEClusterer ...] [--seeds 3] [--set max_iter=50 ...]

Adds a line of JSON per fit to examples/papers/results/generation.jsonl and skips fits
that have one. Sets: "digits" (those of active_learning.py, 50 labels), "digits,
images" (the same as 8x8 images), "usps" (7,291 rows, 100 labels) and "mnist" (10,000
rows, 100 labels, 30 epochs); the last two as tables in [0, 1], tested on 2,000 test
rows, from the folder SKSEMI_DATA.

reconstruction
    Mean squared error of the test rows' reconstructions, a sum over columns. "pca" is
    that of the same rows by half as many principal components as the latent variables
    carry nats.
variance
    Variance within the classes, a sum over columns, of rows drawn class by class, over
    that of the training rows: 1 is as varied as the data.
right
    Fraction of the drawn rows that a support vector classifier, trained on all labels
    of the training rows, puts into the class they were drawn from; "svc" is its
    accuracy on test rows.
"""

import argparse
import sys
import time
import warnings
from pathlib import Path

import active_learning
import numpy as np
import torch
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.svm import SVC

import sksemi
from sksemi.datasets import mask_labels

sys.path.insert(0, str(Path(__file__).parents[1] / "papers"))
from _common import append_line, device_name, overrides, read_lines, versions

RESULTS = Path(__file__).parents[1] / "papers" / "results" / "generation.jsonl"
METHODS = ("GMVAEClusterer", "M2Generator", "CaGeMGenerator")
SETS = ("digits", "digits, images", "usps", "mnist")
DRAWN = 200  # rows of each class


def prepare(name, seed):
    """Training rows and labels, test rows and labels, number of labels, parameters."""
    if name.startswith("digits"):
        shape = {"image_shape": (1, 8, 8)} if name == "digits, images" else {}
        return *active_learning.prepare("digits", seed), 50, shape
    parts = active_learning.images(name, seed, 10_000)
    return *parts, 100, {"max_iter": 30} if name == "mnist" else {}


def nats(row):
    """Nats that the latent variables carry, by a row of ``history_``."""
    if "kl_z" in row:
        return row["kl_z"]
    return row["kl_z1"] + row["kl_z2"]


def within(X, y):
    """Variance within the classes, a sum over columns."""
    return np.mean([X[y == k].var(0).sum() for k in np.unique(y)])


def run(args, name, method, seed):
    """Figures of one fit."""
    X, y, X_test, y_test, n_labels, parameters = prepare(name, seed)
    parameters |= overrides(args)
    est = getattr(sksemi, method)(10, random_state=seed, **parameters)
    start = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # these are what we measure
        est.fit(X, mask_labels(y, n_labels, random_state=seed))
    seconds = time.process_time() - start
    n_components = max(round(nats(est.history_[-1]) / 2), 1)
    pca = PCA(n_components, random_state=seed).fit(X)
    by_pca = pca.inverse_transform(pca.transform(X_test))
    wanted = np.repeat(est.classes_, DRAWN)
    drawn = est.sample(len(wanted), y=wanted)[0].reshape(len(wanted), -1)
    svc = SVC(C=10).fit(X, y)

    def error(reconstructed):
        return np.square(X_test - reconstructed.reshape(X_test.shape)).sum(1).mean()

    figures = {
        "accuracy": np.mean(est.predict(X_test) == y_test),
        "nats": nats(est.history_[-1]),
        "reconstruction": error(est.reconstruct(X_test)),
        "pca": error(by_pca),
        "variance": within(drawn, wanted) / within(X, y),
        "right": np.mean(svc.predict(drawn) == wanted),
        "svc": svc.score(X_test, y_test),
        "seconds": seconds,
    }
    return {"n_components": n_components} | {
        key: round(float(value), 4) for key, value in figures.items()
    }


def key(line):
    """What makes a run another run."""
    return tuple(line[name] for name in ("set", "method", "changed", "seed"))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", nargs="*", default=SETS, choices=SETS)
    parser.add_argument("--methods", nargs="*", default=METHODS, choices=METHODS)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE")
    parser.add_argument("--out", type=Path, default=RESULTS)
    args = parser.parse_args()
    torch.set_num_threads(1)
    done = {key(line) for line in read_lines(args.out)}
    for seed in range(args.seeds):
        for name in args.sets:
            for method in args.methods:
                line = {
                    "script": "generation.py",
                    "set": name,
                    "method": method,
                    "changed": " ".join(args.set),
                    "seed": seed,
                }
                if key(line) in done:
                    continue
                line |= run(args, name, method, seed)
                line |= {"machine": device_name("cpu"), "versions": versions()}
                append_line(args.out, line)
                print(line, flush=True)


if __name__ == "__main__":
    main()
