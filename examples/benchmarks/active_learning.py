"""Error against the number of labels, by which rows were labeled.

    python examples/benchmarks/active_learning.py [--sets digits ...]
        [--strategies auto ...] [--seeds 5] [--set max_iter=20 ...]
    python examples/benchmarks/active_learning.py --summary

Every strategy of `sksemi.active_learning.query` begins with the same fit without labels
and asks for 10, 20, 40, 80 and 160 labels in turn, each time by a fit on those it has.
The error is that of `SemiSupervisedClassifier` on test rows; its estimator is given the
number of classes. Sets are "digits" (1,400 training rows and 397 for testing, split
anew for every seed), "mnist" (20,000 training and 2,000 test images, another sample for
every seed, as a table; SKSEMI_DATA) and those of tables.py; ``--rows`` takes the first
training rows of each.

Adds a line of JSON for every fit to examples/papers/results/active_learning.jsonl, with
the rows chosen, and continues from the lines that are there.
"""

import argparse
import os
import sys
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
import tables
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import sksemi
from sksemi.active_learning import query
from sksemi.semi_supervised import SemiSupervisedClassifier

sys.path.insert(0, str(Path(__file__).parents[1] / "papers"))
from _common import append_line, device_name, load, overrides, read_lines, versions

RESULTS = Path(__file__).parents[1] / "papers" / "results" / "active_learning.jsonl"
BUDGETS = (10, 20, 40, 80, 160)
STRATEGIES = ("random", "auto", "typiclust", "coreset", "margin", "entropy")


def images(name, seed, n_train, n_test=2_000):
    """Training images as a table, their labels, test images, their labels."""
    X, y, X_test, y_test = load(name, os.environ["SKSEMI_DATA"])
    rng = np.random.RandomState(seed)
    train, test = (
        rng.permutation(len(rows))[:n] for rows, n in ((X, n_train), (X_test, n_test))
    )

    def table(rows):
        return rows.reshape(len(rows), -1).astype(np.float32) / 255

    return table(X[train]), y[train], table(X_test[test]), y_test[test]


def prepare(name, seed):
    """Training rows, their labels, test rows, their labels."""
    if name == "mnist":
        return images(name, seed, 20_000)
    if name != "digits":
        return tables.prepare(name, seed, "test")
    X, y = load_digits(return_X_y=True)
    X, X_test, y, y_test = train_test_split(
        (X / 16).astype(np.float32), y, train_size=1400, random_state=seed, stratify=y
    )
    return X, y, X_test, y_test


def curve(args, done, name, strategy, seed, start):
    """Errors of one strategy, a line for every number of labels.

    ``start`` is a function that makes, or has made, the fit without labels.
    """
    X, y, X_test, y_test = prepare(name, seed)
    X, y = X[: args.rows], y[: args.rows]
    clf = SemiSupervisedClassifier(make(args, seed, y))
    y_partial = np.full(len(y), -1)
    fitted = None
    for budget in BUDGETS:
        line = {
            "script": "active_learning.py",
            "set": name,
            "method": args.method,
            "changed": " ".join(args.set),
            "train_rows": args.rows,
            "strategy": strategy,
            "seed": seed,
            "labels": budget,
        }
        rows = done.get(key(line))
        if rows is None:
            n_known = int(np.sum(y_partial >= 0))
            if n_known == 0:
                fitted = start(X, y)
            elif fitted is None:  # the run was stopped here
                fitted = clf.fit(X, y_partial).estimator_
            rows = query(
                fitted,
                X,
                budget - n_known,
                y=y_partial,
                strategy=strategy,
                random_state=seed,
            )
            y_partial[rows] = y[rows]
            begin = time.perf_counter()
            fitted = clf.fit(X, y_partial).estimator_
            line |= {
                "error": round(100 * (1 - clf.score(X_test, y_test)), 2),
                "classes_seen": len(clf.classes_),
                "seconds": round(time.perf_counter() - begin, 2),
                "rows": rows.tolist(),
                "machine": device_name("cpu"),
                "versions": versions(),
            }
            append_line(args.out, line)
            print(
                f"{name:10} {strategy:10} seed {seed} labels {budget:3} "
                f"error {line['error']:5.2f} % classes {line['classes_seen']}",
                flush=True,
            )
        y_partial[rows] = y[rows]


def make(args, seed, y):
    """Make an estimator that is told the number of classes."""
    Estimator = getattr(sksemi, args.method)
    return Estimator(len(np.unique(y)), random_state=seed, **overrides(args))


def key(line):
    """What makes a fit another fit."""
    names = ("set", "method", "changed", "train_rows", "strategy", "seed", "labels")
    return tuple(line.get(name) for name in names)


def summary(lines):
    """Print mean and standard deviation over the seeds."""
    errors = defaultdict(list)
    for line in lines:
        rows = f"{line.get('train_rows') or 'all'} rows"
        name = (line["set"], line["method"], line["changed"], rows)
        errors[(*name, line["strategy"], line["labels"])].append(line["error"])
    for of in sorted({k[:5] for k in errors}):
        cells = [
            f"{np.mean(v):5.1f} +- {np.std(v, ddof=1) if len(v) > 1 else np.nan:4.1f}"
            for budget in BUDGETS
            if (v := errors.get((*of, budget)))
        ]
        print(f"{' '.join(of):40}", "   ".join(cells))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", nargs="*", default=["digits"])
    parser.add_argument("--strategies", nargs="*", default=STRATEGIES)
    parser.add_argument("--method", default="GMVAEClusterer")
    parser.add_argument("--rows", type=int, help="of the training rows; default: all")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--summary", action="store_true")
    args = parser.parse_args()
    if args.summary:
        summary(read_lines(args.out))
        return
    done = {key(line): line["rows"] for line in read_lines(args.out)}
    for name in args.sets:
        for seed in range(args.seeds):
            kept = []

            def start(X, y, seed=seed, kept=kept):
                if not kept:
                    kept.append(make(args, seed, y).fit(X))
                return kept[0]

            for strategy in args.strategies:
                curve(args, done, name, strategy, seed, start)


if __name__ == "__main__":
    main()
