"""A stream of 20 parts beside fit: accuracy after as many steps.

    python examples/benchmarks/streams.py [--methods GMVAEClusterer] [--seeds 0 1 2]
    SKSEMI_DATA=DIR python examples/benchmarks/streams.py --data mnist --max-iter 20

Digits are 1,500 of scikit-learn's as rows of a table, 50 of them with a label, and the
other 297 are for the test; MNIST is the first 20,000 training images as rows of uint8,
100 with a label, and its 10,000 test images. ``fit`` has its defaults (and the
``max_iter`` given), and ``partial_fit`` passes over the same rows in 20 parts until it
has taken as many steps. ``--batch-size 122`` gives ``fit`` steps of as many unlabeled
digits as a part has. Seconds are processor time of one thread. Adds a line per class
and seed to examples/papers/results/streams.jsonl, and skips those that are there.
"""

import argparse
import os
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch.optim.optimizer import register_optimizer_step_post_hook

import sksemi
from sksemi.datasets import fetch_mnist, mask_labels

sys.path.insert(0, str(Path(__file__).parents[1] / "papers"))
from _common import append_line, device_name, read_lines, versions

RESULTS = Path(__file__).parents[1] / "papers" / "results" / "streams.jsonl"
N_PARTS = 20


def rows_of(args, seed):
    """Training rows, their partial labels, test rows and their labels."""
    if args.data == "digits":
        X, y = load_digits(return_X_y=True)
        X, X_test, y, y_test = train_test_split(
            X / 16, y, test_size=297, random_state=seed
        )
        return X, mask_labels(y, 50, random_state=seed), X_test, y_test
    mnist = fetch_mnist(data_home=args.folder)
    images = mnist.images.reshape(len(mnist.images), -1)
    train = mnist.train[:20_000]
    y = mask_labels(mnist.target[train], 100, random_state=seed)
    return images[train], y, images[mnist.test], mnist.target[mnist.test]


class Cost:
    """Context that counts the steps of any optimizer, and processor seconds."""

    def __enter__(self):
        self.steps, self.start = 0, time.process_time()
        self.hook = register_optimizer_step_post_hook(self.count)
        return self

    def count(self, *_):
        self.steps += 1

    def __exit__(self, *_):
        self.hook.remove()
        self.seconds = round(time.process_time() - self.start, 1)


def compare(args, method, seed):
    """Figures of a class and a seed."""
    X, y, X_test, y_test = rows_of(args, seed)
    est = getattr(sksemi, method)(random_state=seed, device="cpu")
    changed = {"max_iter": args.max_iter, "batch_size": args.batch_size}
    est.set_params(**{name: value for name, value in changed.items() if value})
    stream = clone(est)
    with Cost() as fit:
        est.fit(X, y)
    parts = np.array_split(np.arange(len(X)), N_PARTS)
    n_passes = 0
    with Cost() as cost:
        while cost.steps < fit.steps:
            for part in parts:
                stream.partial_fit(X[part], y[part], classes=range(10))
            n_passes += 1
    return {
        "fit": round(est.score(X_test, y_test), 4),
        "stream": round(stream.score(X_test, y_test), 4),
        "epochs": est.n_iter_,
        "passes": n_passes,
        "fit_steps": fit.steps,
        "stream_steps": cost.steps,
        "fit_seconds": fit.seconds,
        "stream_seconds": cost.seconds,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", choices=["digits", "mnist"], default="digits")
    parser.add_argument("--methods", nargs="*", default=sorted(sksemi.__all__))
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 2])
    parser.add_argument("--max-iter", type=int, help="of fit (default: the class's)")
    parser.add_argument("--batch-size", type=int, help="(default: the class's)")
    parser.add_argument("--folder", default=os.environ.get("SKSEMI_DATA", "data"))
    parser.add_argument("--out", type=Path, default=RESULTS)
    args = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    keys = ("data", "method", "seed", "max_iter", "batch_size")
    known = [tuple(line.get(key) for key in keys) for line in read_lines(args.out)]
    for seed in args.seeds:
        for method in args.methods:
            run = (args.data, method, seed, args.max_iter, args.batch_size)
            if run in known:
                continue
            figures = compare(args, method, seed)
            print(*run, figures, flush=True)
            line = {
                "script": "streams.py",
                **dict(zip(keys, run, strict=True)),
                **figures,
                "parts": N_PARTS,
                "machine": device_name("cpu"),
                "versions": versions(),
            }
            append_line(args.out, line)


if __name__ == "__main__":
    main()
