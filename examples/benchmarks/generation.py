"""Is what a generator draws like the rows? Three measures, beside PCA.

    python examples/benchmarks/generation.py [--sets digits usps mnist]
        [--methods GMVAEClusterer ...] [--seeds 3] [--set max_iter=50 ...]

Adds a line of JSON per fit to examples/papers/results/generation.jsonl and skips fits
that have one. Sets: "digits" (1,400 rows of scikit-learn's digits, 50 labels; 397 test
rows), "digits, images" (the same as 8x8 images), "usps" (7,291 rows, 100 labels) and
"mnist" (10,000 rows, 100 labels, 30 epochs); the last two as tables in [0, 1], tested
on 2,000 test rows, from the folder SKSEMI_DATA.

reconstruction
    Mean squared error of the test rows' reconstructions, a sum over columns. "pca" is
    that of the same rows by as many principal components as the latent variables have
    nats, halved: a component whose signal has e**2 times the variance of its noise
    carries about one nat, and a component must be told with a sign.
variance
    Variance within the classes, a sum over columns, of rows drawn class by class, over
    that of the training rows: 1 is as varied as the data.
right
    Fraction of the drawn rows that a support vector classifier, trained on all labels
    of the training rows, puts into the class they were drawn from; "svc" is its
    accuracy on test rows.
"""

import argparse
import os
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.svm import SVC

import sksemi
from sksemi.datasets import mask_labels

sys.path.insert(0, str(Path(__file__).parents[1] / "papers"))
from _common import append_line, device_name, load, overrides, read_lines, versions

RESULTS = Path(__file__).parents[1] / "papers" / "results" / "generation.jsonl"
METHODS = ("GMVAEClusterer", "M2Generator", "CaGeMGenerator")
SETS = ("digits", "digits, images", "usps", "mnist")
N_TEST = 2_000
DRAWN = 200  # rows of each class


def prepare(name, seed):
    """Training rows and labels, test rows and labels, number of labels, parameters."""
    if name.startswith("digits"):
        X, y = load_digits(return_X_y=True)
        X, X_test, y, y_test = train_test_split(
            (X / 16).astype(np.float32),
            y,
            train_size=1400,
            random_state=seed,
            stratify=y,
        )
        shape = {"image_shape": (1, 8, 8)} if name == "digits, images" else {}
        return X, y, X_test, y_test, 50, shape
    X, y, X_test, y_test = load(name, os.environ["SKSEMI_DATA"])
    rng = np.random.RandomState(seed)
    parts = []
    for rows, labels, n in ((X, y, 10_000), (X_test, y_test, N_TEST)):
        chosen = rng.permutation(len(rows))[:n]
        table = rows[chosen].reshape(len(chosen), -1).astype(np.float32)
        # uint8 images are in [0, 255], floats in [0, 1]
        parts += [table / (255 if rows.dtype == np.uint8 else 1), labels[chosen]]
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
