"""Rows unlike any of the training rows: scores of ours beside scikit-learn's.

    python examples/benchmarks/novelty.py [--sets digits ...] [--methods ...]
        [--seeds 2] [--labels 5] [--left-out 3 5 ...]
    python examples/benchmarks/novelty.py --summary

Each class in turn is left out of the training rows; the figure is the area under the
ROC curve by which a score tells test rows of that class from the others. With
``--foreign``, no class is left out, and MNIST's test images are to be told from those
of the set: the known trap for likelihoods, after a fit to Fashion-MNIST. Sets are those
of active_learning.py, and "mnist" and "fashion", of 10,000 training and 2,000 test
images each, as tables (SKSEMI_DATA).

Adds a line of JSON per fit to examples/papers/results/novelty.jsonl, with the areas of
all scores, and skips what has one.
"""

import argparse
import sys
from pathlib import Path

import active_learning
import numpy as np
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import LocalOutlierFactor, NearestNeighbors

import sksemi
from sksemi.datasets import mask_labels

sys.path.insert(0, str(Path(__file__).parents[1] / "papers"))
from _common import append_line, device_name, overrides, read_lines, versions

RESULTS = Path(__file__).parents[1] / "papers" / "results" / "novelty.jsonl"
IMAGES = {"mnist": "mnist", "fashion": "fashion-mnist"}
FOREIGN = "foreign"


def prepare(name, seed):
    """Training rows, their labels, test rows, their labels."""
    if name in IMAGES:
        return active_learning.images(IMAGES[name], seed, 10_000)
    return active_learning.prepare(name, seed)


def neighbors(train, test, n_neighbors=5):
    """Mean distance to the nearest training rows: larger is stranger."""
    near = NearestNeighbors(n_neighbors=n_neighbors).fit(train)
    return near.kneighbors(test)[0].mean(1)


def baselines(X, X_test, seed):
    """Strangeness by what needs no network."""
    forest = IsolationForest(random_state=seed).fit(X)
    factor = LocalOutlierFactor(novelty=True).fit(X)
    return {
        "IsolationForest": -forest.score_samples(X_test),
        "LocalOutlierFactor": -factor.score_samples(X_test),
        "k-NN, rows": neighbors(X, X_test),
    }


def ours(est, X, X_test):
    """Strangeness by everything that a fitted estimator offers."""
    features, features_test = est.transform(X), est.transform(X_test)
    factor = LocalOutlierFactor(novelty=True).fit(features)
    scores = {
        "k-NN, features": neighbors(features, features_test),
        "LocalOutlierFactor, features": -factor.score_samples(features_test),
        "largest probability": -est.predict_proba(X_test).max(1),
    }
    if hasattr(est, "score_samples"):
        scores["score_samples"] = -est.score_samples(X_test)
    if hasattr(est, "reconstruct"):
        gap = est.reconstruct(X_test).reshape(len(X_test), -1) - X_test
        scores["reconstruction"] = (gap**2).sum(1)
    return scores


def key(line):
    """What makes a fit another fit."""
    names = ("set", "method", "changed", "labels", "seed", "left_out")
    return tuple(line[name] for name in names)


def run(args, name, method, seed, left_out):
    """Areas of one fit, or of the baselines."""
    X, y, X_test, y_test = prepare(name, seed)
    if left_out == FOREIGN:
        other = prepare("mnist", seed)[2]
        novel = np.repeat([False, True], [len(X_test), len(other)])
        X_test = np.concatenate([X_test, other])
    else:
        X, y = X[y != left_out], y[y != left_out]
        novel = y_test == left_out
    if method == "baselines":
        scores = baselines(X, X_test, seed)
    else:
        n_classes = len(np.unique(y))
        y_partial = mask_labels(y, args.labels * n_classes, random_state=seed)
        est = getattr(sksemi, method)(
            n_classes, random_state=seed, **overrides(args)
        ).fit(X, y_partial if args.labels else None)
        scores = ours(est, X, X_test)
    return {
        score: round(float(roc_auc_score(novel, values)), 4)
        for score, values in scores.items()
    }


def summary(lines):
    """Print the mean over classes and seeds, and the least."""
    groups = {}
    for line in lines:
        part = line["left_out"] if line["left_out"] == FOREIGN else "classes"
        groups.setdefault((*key(line)[:4], part), []).append(line["areas"])
    for of, areas in groups.items():
        print(*of, len(areas), "fits")
        for score in areas[0]:
            own = [area[score] for area in areas]
            print(f"  {score:30} {np.mean(own):.3f}  least {np.min(own):.3f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", nargs="*", default=["digits"])
    parser.add_argument("--methods", nargs="*", default=["baselines", "GMVAEClusterer"])
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--labels", type=int, default=5, help="a class; 0 for none")
    parser.add_argument(
        "--left-out", type=int, nargs="*", help="classes, in place of all in turn"
    )
    parser.add_argument("--foreign", action="store_true", help="no class is left out")
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--summary", action="store_true")
    args = parser.parse_args()
    if args.summary:
        summary(read_lines(args.out))
        return
    done = {key(line) for line in read_lines(args.out)}
    for name in args.sets:
        for seed in range(args.seeds):
            classes = np.unique(prepare(name, seed)[1]).tolist()
            if args.left_out:
                classes = args.left_out
            for left_out in [FOREIGN] if args.foreign else classes:
                for method in args.methods:
                    own = method != "baselines"
                    line = {
                        "script": "novelty.py",
                        "set": name,
                        "method": method,
                        "changed": " ".join(args.set) if own else "",
                        "labels": args.labels if own else 0,
                        "seed": seed,
                        "left_out": left_out,
                    }
                    if key(line) in done:
                        continue
                    line["areas"] = run(args, name, method, seed, left_out)
                    line |= {"machine": device_name("cpu"), "versions": versions()}
                    append_line(args.out, line)
                    print(name, method, seed, left_out, line["areas"], flush=True)


if __name__ == "__main__":
    main()
