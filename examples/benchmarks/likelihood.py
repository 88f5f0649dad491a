"""Do few labels help a density? CaGeMGenerator on scikit-learn's digits.

    python examples/benchmarks/likelihood.py [--seeds 5]

For every seed, another split into 1,400 training and 397 test rows and another draw of
labels; defaults with ten clusters, and a plain VAE of the same sizes (one cluster).
If there are labels, half the rows of a step are labeled: steps have 100 rows with
labels and 50 without, so that the bound has 50 rows per step in all cases.
Prints the mean over test rows of the bound (100 draws) and of the importance-weighted
bound (100 draws), in nats per binarized digit, test accuracy and KL(z2), each with its
standard deviation over seeds, and adds a line to
examples/papers/results/likelihood.jsonl.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from sksemi import CaGeMGenerator
from sksemi.datasets import mask_labels

sys.path.insert(0, str(Path(__file__).parents[1] / "papers"))
from _common import append_line, device_name, versions

RESULTS = Path(__file__).parents[1] / "papers" / "results" / "likelihood.jsonl"
# name: labels, clusters, rows in a step
MODELS = {
    "plain VAE": (0, 1, 50),
    "0 labels": (0, 10, 50),
    "50 labels": (50, 10, 100),
    "200 labels": (200, 10, 100),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    args = parser.parse_args()
    X, y = load_digits(return_X_y=True)
    X = (X / 16).astype(np.float32)
    figures = {name: [] for name in MODELS}
    for seed in range(args.seeds):
        X_train, X_test, y_train, y_test = train_test_split(
            X, y, train_size=1400, random_state=seed, stratify=y
        )
        # black and white, the same for all models
        drawn = np.random.RandomState(seed).uniform(size=X_test.shape) < X_test
        drawn = drawn.astype(np.float32)
        for name, (n_labels, n_clusters, batch_size) in MODELS.items():
            y_partial = mask_labels(y_train, n_labels, random_state=seed)
            estimator = CaGeMGenerator(
                n_clusters, batch_size=batch_size, random_state=seed
            )
            start = time.perf_counter()
            estimator.fit(X_train, y_partial)
            row = {"seconds": time.perf_counter() - start}
            estimator.set_params(n_draws=100)
            row["bound"] = estimator.score(drawn)
            estimator.set_params(n_importance_samples=100)
            row["importance_weighted"] = estimator.score(drawn)
            row["accuracy"] = estimator.score(X_test, y_test)
            row["kl_z2"] = estimator.history_[-1]["kl_z2"]
            figures[name].append({k: round(v, 4) for k, v in row.items()})
            print(seed, name, figures[name][-1], flush=True)
    for name, rows in figures.items():
        print(name)
        for key in rows[0]:
            values = [row[key] for row in rows]
            spread = np.std(values, ddof=1) if len(values) > 1 else float("nan")
            print(f"    {key:20} {np.mean(values):9.3f} +- {spread:.3f}")
    line = {
        "script": "likelihood.py",
        "protocol": "1400 training rows, 397 test rows binarized once, defaults but "
        "for steps of 50 rows without labels",
        "figures": figures,
        "seeds": "split, label draw, binarization and estimator: 0 and on",
        "parameters": CaGeMGenerator().get_params(),
        "machine": device_name("cpu"),
        "versions": versions(),
    }
    append_line(RESULTS, line)


if __name__ == "__main__":
    main()
