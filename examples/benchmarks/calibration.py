"""How right probabilities are, as they come and with ``temperature="auto"``.

    python examples/benchmarks/calibration.py [--sets digits ...]
        [--methods GMVAEClusterer ...] [--labels 50] [--seeds 5]
    python examples/benchmarks/calibration.py --summary

Adds a line of JSON per run to examples/papers/results/calibration.jsonl and skips runs
that have one. Sets and splits are those of active_learning.py; the labels are balanced
over the classes. Every line has the expected calibration error (15 bins of the largest
probability, of equal width) and the log loss of the test rows, in nats, "before",
"after" with temperature="auto", by a "best" temperature fitted to the test rows
themselves, which no single temperature can beat, and by the temperature that the
training labels' own predictions give ("own"), which is why folds are needed. Some lines
have "masked": by folds whose rows stay, unlabeled, which was tried first.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
from active_learning import prepare
from sklearn.base import clone
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


def figures(y, proba):
    return {
        "ece": round(float(calibration_error(y, proba)), 4),
        "log_loss": round(
            float(log_loss(y, proba, labels=np.arange(proba.shape[1]))), 4
        ),
    }


def key(line):
    """What makes a run another run."""
    names = ("set", "method", "changed", "labels", "seed")
    return tuple(line[name] for name in names)


def run(args, name, method, seed):
    """Figures of one seed."""
    X, y, X_test, y_test = prepare(name, seed)
    y_partial = mask_labels(y, args.labels, random_state=seed)
    est = getattr(sksemi, method)(random_state=seed, **overrides(args))
    start = time.perf_counter()
    clf = SemiSupervisedClassifier(est, temperature="auto").fit(X, y_partial)
    seconds = time.perf_counter() - start

    def proba(temperature):
        view = clone(clf).set_params(temperature=temperature)
        vars(view).update(
            estimator_=clf.estimator_, classes_=clf.classes_, temperature_=temperature
        )
        return view.predict_proba(X_test)

    labeled = y_partial >= 0
    raw = clf.estimator_.predict_proba(X)[labeled]
    temperatures = {
        "before": 1.0,
        "after": clf.temperature_,
        "best": fit_temperature(proba(1.0), y_test),
        "own": fit_temperature(raw, y_partial[labeled]),
    }
    return {
        "accuracy": round(clf.score(X_test, y_test), 4),
        "seconds": round(seconds, 2),
        "temperatures": {k: round(float(t), 4) for k, t in temperatures.items()},
        **{k: figures(y_test, proba(t)) for k, t in temperatures.items()},
    }


def mean(values):
    """Mean and standard deviation, as text."""
    return f"{np.mean(values):.3f} +- {np.std(values, ddof=1):.3f}"


def summary(lines):
    """Print mean and standard deviation over the seeds."""
    groups = {}
    for line in lines:
        groups.setdefault(key(line)[:4], []).append(line)
    for of, own in groups.items():
        print(*of, len(own), "seeds, accuracy", mean([x["accuracy"] for x in own]))
        for when in own[0]["temperatures"]:
            print(
                f"  {when:7} ECE {mean([x[when]['ece'] for x in own])}"
                f"  log loss {mean([x[when]['log_loss'] for x in own])}"
                f"  temperature {mean([x['temperatures'][when] for x in own])}"
            )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", nargs="*", default=["digits"])
    parser.add_argument("--methods", nargs="*", default=["GMVAEClusterer"])
    parser.add_argument("--labels", type=int, default=50)
    parser.add_argument("--seeds", type=int, default=5)
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
            for seed in range(args.seeds):
                line = {
                    "script": "calibration.py",
                    "set": name,
                    "method": method,
                    "changed": " ".join(args.set),
                    "labels": args.labels,
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
