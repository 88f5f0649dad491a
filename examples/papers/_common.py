"""What the scripts of this folder share: data, label draws, checkpoints, records."""

import argparse
import gzip
import json
import os
import platform
import sys
from pathlib import Path

import joblib
import numpy as np
import scipy
import sklearn
import torch
from sklearn.metrics import normalized_mutual_info_score

import sksemi
from sksemi.datasets import mask_labels
from sksemi.metrics import clustering_accuracy

HERE = Path(__file__).parent
SVHN_TRAIN = 8_000
OMNIGLOT_DRAWERS = 15  # of 20, for training


def parser(description, datasets):
    """Make the command line that every script has."""
    p = argparse.ArgumentParser(
        description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    p.add_argument("--dataset", choices=datasets, default=datasets[0])
    p.add_argument("--labels", type=int, default=100, help="labelled training rows")
    p.add_argument("--epochs", type=int, default=200)
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--draw", type=int, help="seed of the label draw (default: seed)")
    p.add_argument("--device", default="auto")
    p.add_argument("--threads", type=int, help="torch threads on a CPU")
    p.add_argument("--data", type=Path, default=os.environ.get("SKSEMI_DATA", "data"))
    p.add_argument(
        "--recipe",
        choices=["paper", "ours"],
        default="paper",
        help="the paper's table, or the defaults of the estimator",
    )
    p.add_argument(
        "--set",
        nargs="*",
        default=[],
        metavar="NAME=VALUE",
        help="parameters of the estimator that differ from the recipe",
    )
    p.add_argument(
        "--validation",
        type=int,
        default=0,
        metavar="ROWS",
        help="hold these last training rows out and score on them, not on test",
    )
    p.add_argument("--curve", action="store_true", help="score after every epoch")
    p.add_argument("--out", type=Path, help="file that a line of JSON is added to")
    p.add_argument("--checkpoint", type=Path, help="file to resume from")
    return p


def _read_idx(path):
    with gzip.open(path, "rb") as file:
        raw = file.read()
    n_dims = raw[3]
    shape = np.frombuffer(raw, ">i4", n_dims, offset=4)
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * n_dims).reshape(shape)


def load(name, folder):
    """Training and test images, uint8, channels first, and their labels."""
    if name in ("mnist", "fashion-mnist"):
        files = [
            f"{part}-{kind}-ubyte.gz"
            for part in ("train", "t10k")
            for kind in ("images-idx3", "labels-idx1")
        ]
        X, y, X_test, y_test = (_read_idx(folder / name / file) for file in files)
    else:
        with np.load(folder / f"{name}.npz") as file:
            if name == "usps":
                X, y, X_test, y_test = (
                    file[key] for key in ("X_train", "y_train", "X_test", "y_test")
                )
            elif name == "omniglot":  # our own split, by drawer; y is the alphabet
                X, y, drawer = (
                    np.concatenate([file[f"{key}_train"], file[f"{key}_test"]])
                    for key in ("X", "alphabet", "drawer")
                )
                test = drawer > OMNIGLOT_DRAWERS
                X, y, X_test, y_test = X[~test], y[~test], X[test], y[test]
            else:  # the part of SVHN at hand: our own split, not the official one
                X, y = file["X_test"], file["y_test"]
                X, X_test = X[:SVHN_TRAIN], X[SVHN_TRAIN:]
                y, y_test = y[:SVHN_TRAIN], y[SVHN_TRAIN:]
    side = {"usps": 16, "svhn": 32}.get(name, 28)
    channels = 3 if name == "svhn" else 1

    def images(X):
        if channels == 3 and X.ndim == 4 and X.shape[-1] == 3:
            X = X.transpose(0, 3, 1, 2)
        return np.ascontiguousarray(X.reshape(len(X), channels, side, side))

    return images(X), y.astype(int), images(X_test), y_test.astype(int)


def split(args):
    """Training images, partial labels, all their labels, images to score, labels."""
    X, y, X_test, y_test = load(args.dataset, args.data)
    if args.validation:
        X, X_test = X[: -args.validation], X[-args.validation :]
        y, y_test = y[: -args.validation], y[-args.validation :]
    draw = args.seed if args.draw is None else args.draw
    y_partial = mask_labels(y, args.labels, random_state=draw) if args.labels else None
    return X, y_partial, y, X_test, y_test


def overrides(args):
    """Values of ``--set name=value``, read as JSON where they are JSON."""
    result = {}
    for item in args.set:
        name, value = item.split("=", 1)
        try:
            result[name] = json.loads(value)
        except json.JSONDecodeError:
            result[name] = value
    return result


class Checkpoint:
    """Write the estimator to a file after every epoch; note figures if asked to."""

    def __init__(self, path, score=None):
        self.path, self.score = path, score

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context, *, fitted_estimator):
        if context.task_name != "epoch":
            return
        if self.score is not None:
            estimator.history_[-1] |= self.score(fitted_estimator)
        fitted_estimator.set_callbacks()
        partial = self.path.with_suffix(".partial")
        joblib.dump(fitted_estimator, partial)
        partial.replace(self.path)


def fit(estimator, args, X, y, score=None):
    """Fit, or go on from the checkpoint of an interrupted run of the same settings."""
    estimator.set_params(warm_start=True, max_iter=args.epochs)
    settings = {k: str(v) for k, v in estimator.get_params().items()}
    path = args.checkpoint
    if path is None:
        # every setting that changes the result is in the name
        key = joblib.hash(
            [args.dataset, args.labels, args.draw, args.validation, settings]
        )
        folder = HERE / "checkpoints"
        folder.mkdir(exist_ok=True)
        path = folder / f"{Path(args.script).stem}-{args.dataset}-{key[:12]}.joblib"
    if path.exists():
        estimator = joblib.load(path)
        print(f"Going on after epoch {estimator.n_iter_} of {path}", flush=True)
        if estimator.n_iter_ >= args.epochs:
            estimator.set_params(max_iter=args.epochs)
            return estimator, path
        estimator.set_params(max_iter=args.epochs - estimator.n_iter_)
    estimator.set_callbacks(Checkpoint(path, score))
    estimator.fit(X, y)
    if estimator.n_iter_ < args.epochs:  # Ctrl-C: fit has kept the last whole epoch
        sys.exit(f"Stopped after epoch {estimator.n_iter_}; start again to go on.")
    estimator.set_callbacks().set_params(max_iter=args.epochs)
    return estimator, path


def run(args, make_estimator, figures):
    """Fit, score once, record: what a script does from end to end.

    Parameters
    ----------
    args : argparse.Namespace
    make_estimator : callable
        From args and the number of features.
    figures : callable
        From the estimator, args, X, y_partial, X_test and y_test to a dict of the
        figures of a method beside those of all. ``--curve`` notes it every epoch.
    """
    if args.threads:
        torch.set_num_threads(args.threads)
    X, y_partial, y, X_test, y_test = split(args)
    labelled = np.zeros(len(y), bool) if y_partial is None else y_partial >= 0
    estimator = make_estimator(args, X[0].size)

    def curve(estimator):
        error = round(100 * (1 - estimator.score(X_test, y_test)), 2)
        return {
            "error": error,
            **figures(estimator, args, X, y_partial, X_test, y_test),
        }

    estimator, checkpoint = fit(
        estimator, args, X, y_partial, curve if args.curve else None
    )
    if not hasattr(estimator, "labels_"):  # stopped after the last epoch
        estimator.labels_ = estimator.predict(X)
    predicted = estimator.predict(X_test)
    seconds = float(np.mean([row["seconds"] for row in estimator.history_]))
    results = {
        **curve(estimator),
        "acc": round(100 * clustering_accuracy(y_test, predicted), 2),
        "nmi": round(100 * normalized_mutual_info_score(y_test, predicted), 2),
        "unlabelled_training_error": round(
            100 * float(np.mean(estimator.labels_[~labelled] != y[~labelled])), 2
        ),
        "seconds_per_epoch": round(seconds, 2),
    }
    record(estimator, args, results)
    checkpoint.unlink()
    for name, value in results.items():
        print(f"{name}: {value}")


def device_name(device):
    """Name of the processor that trained."""
    if device.startswith("cuda") or (device == "auto" and torch.cuda.is_available()):
        return torch.cuda.get_device_name()
    name = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                name = line.split(":")[1].strip()
    return f"{name}, {torch.get_num_threads()} threads"


def versions():
    """Versions of everything that computes."""
    return {
        "sksemi": sksemi.__version__,
        "torch": torch.__version__,
        "scikit-learn": sklearn.__version__,
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "python": platform.python_version(),
    }


def append_line(path, line):
    """Add a dict to a file of JSON lines, which is made if it is not there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a") as file:
        file.write(json.dumps(line) + "\n")


def record(estimator, args, results):
    """Add one line of JSON with everything that a figure needs to be trusted."""
    history = [
        {name: float(f"{value:.5g}") for name, value in row.items()}
        for row in estimator.history_
    ]
    line = {
        "script": args.script,
        "dataset": args.dataset,
        "recipe": args.recipe,
        "labels": args.labels,
        "seed": args.seed,
        "draw": args.seed if args.draw is None else args.draw,
        "scored_on": f"last {args.validation} training rows"
        if args.validation
        else "test",
        "epochs": estimator.n_iter_,
        **results,
        "parameters": {
            name: value
            for name, value in estimator.get_params().items()
            if name not in ("random_state", "warm_start", "verbose", "device")
        },
        "machine": device_name(args.device),
        "versions": versions(),
        "history": history,
    }
    out = args.out or HERE / "results" / f"{Path(args.script).stem}.jsonl"
    append_line(out, line)
    return line
