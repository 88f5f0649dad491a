"""How many clusters: numbers found by ours, by k-means and by a mixture.

    python examples/benchmarks/n_clusters.py [--sets blobs3 digits ...] [--own]
        [--seeds 0 1 2]
    python examples/benchmarks/n_clusters.py --summary

Numbers from 2 to 25 are tried on standardized columns. The criteria of
`sksemi.model_selection.choose_n_clusters` are those of k-means in the space of
transform, of a fit with the largest number ("wide"), and with ``--own`` also those of
the clusters of a fit at every number in its own space ("own", which did worse). Beside
them are the silhouette and the Calinski-Harabasz index of k-means on the rows, and BIC
of a Gaussian mixture of diagonal covariances. Sets: "blobs" and their number, 600 rows
in 8 columns, the digits, breast cancer, wine and 2,000 training images of USPS, another
sample for every seed, as a table (SKSEMI_DATA).

Adds a line of JSON for each set and seed to examples/papers/results/n_clusters.jsonl
and skips what has one.
"""

import argparse
import os
import sys
from pathlib import Path

import numpy as np
from sklearn.cluster import KMeans
from sklearn.datasets import load_breast_cancer, load_digits, load_wine, make_blobs
from sklearn.metrics import calinski_harabasz_score, silhouette_score
from sklearn.mixture import GaussianMixture
from sklearn.preprocessing import StandardScaler

import sksemi
from sksemi.datasets import fetch_usps
from sksemi.model_selection import _CRITERIA

sys.path.insert(0, str(Path(__file__).parents[1] / "papers"))
from _common import append_line, device_name, overrides, read_lines, versions

RESULTS = Path(__file__).parents[1] / "papers" / "results" / "n_clusters.jsonl"
CANDIDATES = (2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14, 16, 18, 20, 22, 25)
REAL = {"digits": load_digits, "breast cancer": load_breast_cancer, "wine": load_wine}
SETS = ("blobs3", "blobs5", "blobs8", "blobs12", "blobs20", *REAL, "usps")


def prepare(name, seed):
    """Rows, and the number of classes."""
    if name in REAL:
        X, y = REAL[name](return_X_y=True)
        k = len(np.unique(y))
    elif name == "usps":
        bunch = fetch_usps(data_home=os.environ["SKSEMI_DATA"], subset="train")
        X, k = bunch.data.astype(np.float32), 10
        X = X[np.random.RandomState(seed).permutation(len(X))[:2_000]]
    else:
        k = int(name.removeprefix("blobs"))
        X, _ = make_blobs(600, 8, centers=k, cluster_std=2.5, random_state=seed)
    return StandardScaler().fit_transform(X).astype(np.float32), k


def run(args, name, seed):
    """Scores by criterion, over the numbers tried, and the number of each best."""
    X, true = prepare(name, seed)
    scores = {}

    def note(criterion, value):
        scores.setdefault(criterion, []).append(float(f"{value:.5g}"))

    def fit(k):
        est = getattr(sksemi, args.method)(k, random_state=seed, **overrides(args))
        return est.fit(X)

    wide = fit(CANDIDATES[-1]).transform(X)
    for k in CANDIDATES:
        by_kmeans = KMeans(k, n_init=5, random_state=seed).fit_predict(wide)
        own = fit(k) if args.own else None
        for criterion, score in _CRITERIA.items():
            note(f"wide, {criterion}", score(wide, by_kmeans))
            if own is not None:
                empty = len(np.unique(own.labels_)) < 2
                value = -1e9 if empty else score(own.transform(X), own.labels_)
                note(f"own, {criterion}", value)
        of_rows = KMeans(k, n_init=5, random_state=seed).fit_predict(X)
        note("k-means, silhouette", silhouette_score(X, of_rows))
        note("k-means, calinski_harabasz", calinski_harabasz_score(X, of_rows))
        mixture = GaussianMixture(
            k, covariance_type="diag", reg_covar=1e-3, random_state=seed
        )
        rows = X.astype(np.float64)
        note("GaussianMixture, BIC", -mixture.fit(rows).bic(rows))
    found = {name: CANDIDATES[int(np.argmax(own))] for name, own in scores.items()}
    return {"true": true, "found": found, "scores": scores}


def summary(lines):
    """Print what each criterion found, and its mean error over all and real sets."""
    for criterion in dict.fromkeys(name for line in lines for name in line["found"]):
        errors = {}
        for line in (line for line in lines if criterion in line["found"]):
            gap = abs(line["found"][criterion] - line["true"])
            errors.setdefault(line["set"], []).append(gap)
        mean = np.mean([np.mean(own) for own in errors.values()])
        cells = "  ".join(f"{name} {np.mean(own):.1f}" for name, own in errors.items())
        print(f"{criterion:26} mean {mean:4.1f}   {cells}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", nargs="*", default=SETS)
    parser.add_argument("--method", default="GMVAEClusterer")
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 2])
    parser.add_argument("--own", action="store_true", help="a fit for every number too")
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--summary", action="store_true")
    args = parser.parse_args()
    if args.summary:
        summary(read_lines(args.out))
        return
    names = ("set", "method", "changed", "seed")
    done = {tuple(line[name] for name in names) for line in read_lines(args.out)}
    for seed in args.seeds:
        for name in args.sets:
            line = {
                "script": "n_clusters.py",
                "set": name,
                "method": args.method,
                "changed": " ".join(args.set),
                "seed": seed,
            }
            if tuple(line[name] for name in names) in done:
                continue
            line |= run(args, name, seed)
            line |= {"machine": device_name("cpu"), "versions": versions()}
            append_line(args.out, line)
            print(name, seed, line["true"], line["found"], flush=True)


if __name__ == "__main__":
    main()
