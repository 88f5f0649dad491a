"""What the scripts of this folder share: data, label draws, checkpoints, records."""

import argparse
import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import joblib
import numpy as np
import scipy
import sklearn
import torch
from sklearn.metrics import normalized_mutual_info_score
from sklearn.model_selection import train_test_split

import sksemi
from sksemi import datasets
from sksemi.callbacks import Checkpoint, add_to_history
from sksemi.datasets import mask_labels
from sksemi.metrics import clustering_accuracy

HERE = Path(__file__).parent
SVHN_TRAIN = 8_000
OMNIGLOT_DRAWERS = 15  # of 20, for training


def parser(description, datasets, but_for):
    """Make the command line that every script has.

    Parameters
    ----------
    description : str
    datasets : list of str
        Their names, the default first.
    but_for : str
        What the paper's recipe leaves out of the paper.
    """
    p = argparse.ArgumentParser(
        description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    p.add_argument("--dataset", choices=datasets, default=datasets[0])
    p.add_argument("--labels", type=int, default=100, help="labeled training rows")
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
        help=f"the paper's settings, but for {but_for}; or the estimator's defaults",
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
        help="hold this many training rows out, the same share of every class, and "
        "score on them, not on test",
    )
    p.add_argument("--curve", action="store_true", help="score while training")
    p.add_argument(
        "--every", type=int, default=1, help="epochs between the points of a curve"
    )
    p.add_argument(
        "--out",
        type=Path,
        help="file that a line of JSON is added to; None is one under runs/, which "
        "git ignores. Lines on record are under results/",
    )
    p.add_argument("--checkpoint", type=Path, help="file to resume from")
    return p


def load(name, folder):
    """Training and test images, uint8, channels first, and their labels."""
    fetch = getattr(datasets, f"fetch_{name.replace('-', '_')}")
    bunch = fetch(data_home=folder)
    train, test, target = bunch.train, bunch.test, bunch.target
    if len(train) == 0:  # a part of SVHN: our own split of it, not the official one
        train, test = test[:SVHN_TRAIN], test[SVHN_TRAIN:]
    if name == "omniglot":  # our own split, by drawer; the alphabets are the labels
        target, drawer = bunch.alphabet, bunch.drawer
        train, test = np.split(
            np.argsort(drawer > OMNIGLOT_DRAWERS, kind="stable"),
            [np.sum(drawer <= OMNIGLOT_DRAWERS)],
        )
    images = bunch.images if bunch.images.ndim == 4 else bunch.images[:, None]
    return images[train], target[train], images[test], target[test]


def split(args):
    """Training images, partial labels, all their labels, images to score, labels."""
    X, y, X_test, y_test = load(args.dataset, args.data)
    if args.validation:
        X, X_test, y, y_test = train_test_split(
            X, y, test_size=args.validation, random_state=0, stratify=y
        )
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


class Notes:
    """A callback that adds figures to the history every so many epochs."""

    def __init__(self, figures, every):
        self.figures, self.every = figures, every

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        self.n_done = len(getattr(estimator, "history_", []))

    @property
    def on_fit_task_end(self):
        # Whoever asks for fitted_estimator has it made, which may take k-means.
        return self._skip if (self.n_done + 1) % self.every else self._note

    def _skip(self, estimator, context):
        pass

    def _note(self, estimator, context, *, fitted_estimator):
        if context.task_name == "epoch":
            # some figures repeat what training has written
            row, figures = estimator.history_[-1], self.figures(fitted_estimator)
            new = {name: figures[name] for name in figures if name not in row}
            add_to_history(estimator, **new)


def checkpoint_path(estimator, args, protocol=()):
    """File of a run: every setting that changes the result is in its name."""
    if args.checkpoint is not None:
        return args.checkpoint
    settings = {k: str(v) for k, v in estimator.get_params().items()}
    key = joblib.hash(
        [args.dataset, args.labels, args.draw, args.validation, settings, *protocol]
    )
    folder = HERE / "checkpoints"
    folder.mkdir(exist_ok=True)
    return folder / f"{Path(args.script).stem}-{args.dataset}-{key[:12]}.skops"


def fit(estimator, path, *data, every=1, notes=None):
    """Fit, or finish an interrupted run of the same settings, from its checkpoint.

    Parameters
    ----------
    estimator : estimator
    path : Path
        Of the checkpoint.
    *data : array-like
        X, y and what else fit takes.
    every : int, default=1
        Epochs between checkpoints, and between notes.
    notes : callable, default=None
        From a fitted estimator to figures for the history.
    """
    n_epochs = estimator.max_iter
    if path.exists():
        estimator = Checkpoint.load(path)
        print(f"Continuing after epoch {estimator.n_iter_} of {path}", flush=True)
    callbacks = [] if notes is None else [Notes(notes, every)]
    estimator.set_callbacks(*callbacks, Checkpoint(path, every))
    estimator.fit(*data)
    if estimator.n_iter_ < n_epochs:  # Ctrl-C: fit has kept the last whole epoch
        sys.exit(f"Stopped after epoch {estimator.n_iter_}; start again to continue.")
    return estimator.set_callbacks()


def run(args, make_estimator, figures):
    """Fit, score once, record: what a script does from end to end.

    Parameters
    ----------
    args : argparse.Namespace
    make_estimator : callable
        From args and the number of features.
    figures : callable
        From the estimator, args, X, y_partial, X_test and y_test to a dict of the
        figures of a method beside those of all. ``--curve`` notes it every
        ``--every`` epochs.
    """
    if args.threads:
        torch.set_num_threads(args.threads)
    X, y_partial, y, X_test, y_test = split(args)
    labeled = np.zeros(len(y), bool) if y_partial is None else y_partial >= 0
    estimator = make_estimator(args, X[0].size)

    def curve(estimator):
        error = round(100 * (1 - estimator.score(X_test, y_test)), 2)
        return {
            "error": error,
            **figures(estimator, args, X, y_partial, X_test, y_test),
        }

    def point(estimator):  # the last one is that of the whole run, below
        return {} if estimator.n_iter_ >= args.epochs else curve(estimator)

    estimator.set_params(max_iter=args.epochs)
    checkpoint = checkpoint_path(estimator, args)
    estimator = fit(
        estimator,
        checkpoint,
        X,
        y_partial,
        every=args.every if args.curve else 1,
        notes=point if args.curve else None,
    )
    predicted = estimator.predict(X_test)
    seconds = float(np.mean([row["seconds"] for row in estimator.history_]))
    scored = curve(estimator)
    if args.curve:
        estimator.history_[-1] |= scored
    results = {
        **scored,
        "acc": round(100 * clustering_accuracy(y_test, predicted), 2),
        "nmi": round(100 * normalized_mutual_info_score(y_test, predicted), 2),
        "seconds_per_epoch": round(seconds, 2),
    }
    if not labeled.all():
        wrong = estimator.labels_[~labeled] != y[~labeled]
        results["unlabeled_training_error"] = round(100 * float(np.mean(wrong)), 2)
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


def commit():
    """Name of the commit that this file is from; "unknown" outside a repository."""
    describe = ["git", "describe", "--always", "--dirty", "--tags"]
    try:
        done = subprocess.run(describe, cwd=HERE, capture_output=True, text=True)
    except OSError:  # no git
        return "unknown"
    return done.stdout.strip() or "unknown"


def versions():
    """Versions of everything that computes."""
    return {
        "sksemi": sksemi.__version__,
        "commit": commit(),
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


def resolved(estimator):
    """What "auto" stood for in a fit, by the parameter, as far as the model tells."""
    config = vars(estimator.model_.config)
    augment = getattr(estimator.model_, "augment", None)
    if augment is not None:
        config = config | {
            "input_noise": round(augment.deviation.item(), 4),
            "max_shift": augment.max_shift,
        }
    weights = estimator._auto_weights(None, config)
    config = config | {f"{name}_weight": value for name, value in weights.items()}
    return {
        name: config[name]
        for name, value in estimator.get_params().items()
        if isinstance(value, str)
        and value == "auto"
        and config.get(name, "auto") != "auto"
    }


def read_lines(path):
    """Dicts of a file of JSON lines; none where there is no file."""
    if not path.exists():
        return []
    return [json.loads(text) for text in path.read_text().splitlines()]


def record(estimator, args, results):
    """Add one line of JSON with everything that a figure needs to be trusted."""
    history = [
        {name: float(f"{value:.5g}") for name, value in row.items()}
        | {"epoch": row["epoch"] + 1}
        for row in estimator.history_
    ]
    line = {
        "script": args.script,
        "dataset": args.dataset,
        "recipe": args.recipe,
        "labels": args.labels,
        "seed": args.seed,
        "draw": args.seed if args.draw is None else args.draw,
        "scored_on": f"{args.validation} held-out training rows"
        if args.validation
        else "test",
        "epochs": estimator.n_iter_,
        "changed": " ".join(args.set),
        **results,
        "parameters": {
            name: value
            for name, value in estimator.get_params().items()
            if name not in ("random_state", "warm_start", "verbose", "device")
        },
        "auto": resolved(estimator),
        "machine": device_name(args.device),
        "versions": versions(),
        "history": history,
    }
    out = args.out or HERE / "runs" / f"{Path(args.script).stem}.jsonl"
    append_line(out, line)
    print(f"Line added to {out}")
    return line
