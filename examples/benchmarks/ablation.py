"""What each default of GMVAEClusterer is worth: one change at a time.

    python examples/benchmarks/ablation.py [--seeds 5] [--network conv]

On validation parts only: of the 1,400 training rows of scikit-learn's digits that
digits.py uses, 1,000 are fitted, 50 of them with a label, and 400 are scored. "drawn"
is the fraction of 500 digits drawn from a class that an SVC, trained on all labels of
the 1,000 rows, assigns to that class; "sure" is the mean probability of the predicted
cluster.
Adds a line to examples/papers/results/ablation.jsonl.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.svm import SVC

from sksemi import GMVAEClusterer
from sksemi.datasets import mask_labels

sys.path.insert(0, str(Path(__file__).parents[1] / "papers"))
from _common import append_line, device_name, versions

RESULTS = Path(__file__).parents[1] / "papers" / "results" / "ablation.jsonl"
CHANGES = {
    "defaults": {},
    "no noise": {"input_noise": 0.0},
    "twice the noise": {"input_noise": 0.2},
    "five neighbors": {"n_neighbors": 5},
    "categorical as assignment": {"categorical_weight": 10.0},
    "pixel mean": {"reconstruction_weight": 1 / 64},
    "the paper's weights": {
        "reconstruction_weight": 1 / 64,
        "assignment_weight": 1.0,
        "metric_weight": 1.0,
        "n_neighbors": 5,
        "input_noise": 0.0,
        "max_shift": 0,
    },
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--network", choices=["mlp", "conv"], default="mlp")
    args = parser.parse_args()
    X, y = load_digits(return_X_y=True)
    X = (X / 16).astype(np.float32)
    changes = dict(CHANGES)
    if args.network == "conv":
        changes["no shift"] = {"max_shift": 0}
    figures = {}
    for name, change in changes.items():
        rows = []
        for seed in range(args.seeds):
            X_train, _, y_train, _ = train_test_split(
                X, y, train_size=1400, random_state=seed, stratify=y
            )
            X_fit, X_val, y_fit, y_val = train_test_split(
                X_train,
                y_train,
                test_size=400,
                random_state=100 + seed,
                stratify=y_train,
            )
            est = GMVAEClusterer(
                image_shape=(1, 8, 8) if args.network == "conv" else None,
                random_state=seed,
                **change,
            ).fit(X_fit, mask_labels(y_fit, 50, random_state=seed))
            drawn, classes = est.sample(500)
            judge = SVC().fit(X_fit, y_fit)
            rows.append(
                {
                    "accuracy": est.score(X_val, y_val),
                    "drawn": judge.score(drawn, classes),
                    "sure": est.predict_proba(X_val).max(1).mean(),
                    "kl_z": est.history_[-1]["kl_z"],
                }
            )
        figures[name] = {
            key: [round(float(row[key]), 4) for row in rows] for key in rows[0]
        }
        print(
            f"{name:26}",
            *(
                f"{key} {np.mean(v):.3f} +- {np.std(v, ddof=1):.3f}  "
                for key, v in figures[name].items()
            ),
            flush=True,
        )
    line = {
        "script": "ablation.py",
        "network": args.network,
        "protocol": "1000 rows with 50 labels, 400 validation rows, seeds 0 and on",
        "figures": figures,
        "machine": device_name("cpu"),
        "versions": versions(),
    }
    append_line(RESULTS, line)


if __name__ == "__main__":
    main()
