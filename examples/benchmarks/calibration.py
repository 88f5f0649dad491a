"""How right probabilities are, as they come and with ``temperature="auto"``.

    python examples/benchmarks/calibration.py [--sets digits ...] [--seeds 5]
        [--methods GMVAEClusterer ...] [--labels 50 | --per-class 10] [--rows 600]
    python examples/benchmarks/calibration.py --summary

Adds a line of JSON per run to examples/papers/results/calibration.jsonl and skips runs
that have one. Sets and splits are those of novelty.py, of which the first ``--rows``
training rows are taken; the labels are balanced over the classes. Every line has the
expected calibration error (15 bins of the largest probability, of equal width) and the
log loss of the test rows, in nats:

before
    the estimator's probabilities,
after
    with temperature="auto": the mean of the fit and those of the folds,
single
    with ensemble=False: the same temperature, the fit alone,
best
    by the temperature that is best on the test rows themselves, for the fit alone,
own
    by the temperature that the training labels' own predictions give, for the fit
    alone, which is why folds are needed.

"floor" is the mean calibration error of as many rows whose classes are drawn from the
probabilities "after": few rows have some, also if every probability is right.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
from novelty import prepare
from sklearn.metrics import log_loss

import sksemi
from sksemi.datasets import mask_labels
from sksemi.semi_supervised import SemiSupervisedClassifier, fit_temperature

sys.path.insert(0, str(Path(__file__).parents[1] / "papers"))
from _common import append_line, device_name, overrides, read_lines, versions

RESULTS = Path(__file__).parents[1] / "papers" / "results" / "calibration.jsonl"


def calibration_error(y, proba, n_bins=15):
    """Mean distance of confidence and accuracy over bins of confidence."""
    sure, right = proba.max(1), proba.argmax(1) == y
    bins = np.minimum((sure * n_bins).astype(int), n_bins - 1)
    gaps = np.bincount(bins, sure - right, n_bins)
    return np.abs(gaps).sum() / len(y)


def floor_of(proba, n_draws=200):
    """Mean calibration error of rows whose classes the probabilities are true of."""
    rng = np.random.RandomState(0)
    draws = [
        (proba.cumsum(1) > rng.uniform(size=(len(proba), 1))).argmax(1)
        for _ in range(n_draws)
    ]
    return np.mean([calibration_error(y, proba) for y in draws])


def figures(y, proba):
    """Calibration error, log loss and accuracy."""
    return {
        "ece": round(float(calibration_error(y, proba)), 4),
        "log_loss": round(
            float(log_loss(y, proba, labels=np.arange(proba.shape[1]))), 4
        ),
        "accuracy": round(float(np.mean(proba.argmax(1) == y)), 4),
    }


def key(line):
    """What makes a run another run."""
    names = ("set", "method", "changed", "labels", "rows", "seed")
    return tuple(line[name] for name in names)


def run(X, y_partial, X_test, y_test, est):
    """Figures of one fit."""
    start = time.process_time()
    clf = SemiSupervisedClassifier(est, temperature="auto").fit(X, y_partial)
    seconds = time.process_time() - start
    labeled = y_partial >= 0
    own = clf.estimator_.predict_proba(X)[labeled]
    members, members_auto = clf.estimators_, clf.temperature_

    def proba(temperature, estimators=members[:1]):
        clf.temperature_, clf.estimators_ = temperature, estimators
        return clf.predict_proba(X_test)

    temperatures = {
        "before": 1.0,
        "after": members_auto,
        "single": members_auto,
        "best": fit_temperature(proba(1.0), y_test),
        "own": fit_temperature(own, y_partial[labeled]),
    }
    of = {when: proba(t) for when, t in temperatures.items()}
    of["after"] = proba(members_auto, members)
    return {
        "seconds": round(seconds, 2),
        "test_rows": len(y_test),
        "temperatures": {k: round(float(t), 4) for k, t in temperatures.items()},
        **{when: figures(y_test, p) for when, p in of.items()},
        "floor": round(float(floor_of(of["after"])), 4),
    }


def mean(values):
    """Mean and standard deviation, as text."""
    return f"{np.mean(values):.3f} +- {np.std(values, ddof=1):.3f}"


def summary(lines):
    """Print mean and standard deviation over the seeds."""
    groups = {}
    for line in lines:
        groups.setdefault(key(line)[:5], []).append(line)
    for of, own in groups.items():
        floors = [x["floor"] for x in own if "floor" in x]
        print(*of, len(own), "seeds", f"floor {mean(floors)}" if floors else "")
        for when in own[0]["temperatures"]:
            print(
                f"  {when:7}",
                *(
                    f"{name} {mean([x[when][name] for x in own])} "
                    for name in own[0][when]
                ),
                f"temperature {mean([x['temperatures'][when] for x in own])}",
            )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", nargs="*", default=["digits"])
    parser.add_argument("--methods", nargs="*", default=["GMVAEClusterer"])
    parser.add_argument("--labels", type=int, default=50)
    parser.add_argument("--per-class", type=int, help="labels, in place of --labels")
    parser.add_argument("--rows", type=int, help="of the training rows; default: all")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--summary", action="store_true")
    args = parser.parse_args()
    if args.summary:
        summary(read_lines(args.out))
        return
    done = {key(line) for line in read_lines(args.out)}
    for name in args.sets:
        for method in args.methods:
            for seed in range(args.first_seed, args.first_seed + args.seeds):
                X, y, X_test, y_test = prepare(name, seed)
                X, y = X[: args.rows], y[: args.rows]
                labels = args.labels
                if args.per_class:
                    labels = args.per_class * len(np.unique(y))
                line = {
                    "script": "calibration.py",
                    "set": name,
                    "method": method,
                    "changed": " ".join(args.set),
                    "labels": labels,
                    "rows": len(X),
                    "seed": seed,
                }
                if key(line) in done:
                    continue
                est = getattr(sksemi, method)(random_state=seed, **overrides(args))
                y_partial = mask_labels(y, labels, random_state=seed)
                line |= run(X, y_partial, X_test, y_test, est)
                line |= {"machine": device_name("cpu"), "versions": versions()}
                append_line(args.out, line)
                print(line, flush=True)


if __name__ == "__main__":
    main()
