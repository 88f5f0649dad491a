"""What the defaults of each class are worth on digits: one change at a time.

    python examples/benchmarks/ablation.py [--methods GMVAEClusterer ...] [--seeds 3]
        [--images]

On validation parts alone: of the 1,400 training rows of scikit-learn's digits that
digits.py uses, 1,000 are fitted, 50 of them with a label, and 400 are scored. "drawn"
is the fraction of 500 digits drawn from a class that an SVC, trained on all labels of
the 1,000 rows, assigns to that class. "sure" is the mean probability of the predicted
cluster.

Adds a line of JSON per run to examples/papers/results/ablation.jsonl as the run
finishes and skips runs that have a line.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.svm import SVC

import sksemi
from sksemi.datasets import mask_labels

sys.path.insert(0, str(Path(__file__).parents[1] / "papers"))
from _common import append_line, device_name, read_lines, versions

RESULTS = Path(__file__).parents[1] / "papers" / "results" / "ablation.jsonl"
NO_NOISE = {"input_noise": 0.0}
CHANGES = {
    "GMVAEClusterer": {
        "no noise": NO_NOISE,
        "five neighbors": {"n_neighbors": 5},
        "categorical weight 10": {"categorical_weight": 10.0},
        "mean over pixels, not sum": {"reconstruction_weight": 1 / 64},
        "the paper's weights": {
            "reconstruction_weight": 1 / 64,
            "assignment_weight": 1.0,
            "metric_weight": 1.0,
            "n_neighbors": 5,
            "input_noise": 0.0,
            "max_shift": 0,
        },
    },
    "CatVAEClusterer": {
        "no noise": NO_NOISE,
        "a constant learning rate": {"halving_period": None},
        "a tenth of the reconstruction": {"reconstruction_weight": 2.0},
        "no separation": {"separation_weight": 0.0},
        "no feature loss": {"feature_weight": 0.0},
        "a drawn assignment": {"assignment": "sample"},
    },
    "M2Generator": {
        "no noise": NO_NOISE,
        "the paper's classification weight": {"classification_weight": 0.1},
        "classification weight 1": {"classification_weight": 1.0},
        "a third of the learning rate": {"learning_rate": 0.001},
        "half the width of z": {"latent_dim": 10},
        "half the weight of z": {"gaussian_weight": 0.5},
        "a third of the epochs": {"max_iter": 30},
    },
    "CaGeMGenerator": {
        "no warm-up": {"warm_up": 0},
        "categorical weight 1": {"categorical_weight": 1.0},
        "categorical weight 3": {"categorical_weight": 3.0},
        "label weights of 10": {"label_q_weight": 10.0, "label_p_weight": 10.0},
        "twice the epochs": {"max_iter": 100},
        "p(y|x) predicts": {"classifier": "p"},
        "the product predicts": {"classifier": "product"},
    },
    "ACOLClusterer": {
        "ten times the weight of labels": {"label_weight": 10.0},
        "no dropout": {"dropout": (0.0, 0.0, 0.0)},
        "a third of the epochs": {"max_iter": 30},
    },
}


def run(method, change, seed, images):
    """One fit, and what is said of it."""
    X, y = load_digits(return_X_y=True)
    X = (X / 16).astype(np.float32)
    X_train, _, y_train, _ = train_test_split(
        X, y, train_size=1400, random_state=seed, stratify=y
    )
    X_fit, X_val, y_fit, y_val = train_test_split(
        X_train, y_train, test_size=400, random_state=100 + seed, stratify=y_train
    )
    estimator = getattr(sksemi, method)(
        image_shape=(1, 8, 8) if images else None, random_state=seed, **change
    )
    start = time.process_time()
    estimator.fit(X_fit, mask_labels(y_fit, 50, random_state=seed))
    figures = {
        "seconds": time.process_time() - start,
        "accuracy": np.mean(estimator.predict(X_val) == y_val),
        "sure": estimator.predict_proba(X_val).max(1).mean(),
    }
    if hasattr(estimator, "sample"):
        drawn, classes = estimator.sample(500)
        figures["drawn"] = SVC().fit(X_fit, y_fit).score(drawn, classes)
    return {name: round(float(value), 4) for name, value in figures.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--methods", nargs="+", choices=CHANGES, default=list(CHANGES))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--images", action="store_true", help="1x8x8, not 64 columns")
    parser.add_argument("--out", type=Path, default=RESULTS)
    args = parser.parse_args()

    def key(line):
        return tuple(line[name] for name in ("images", "method", "change", "seed"))

    done = {key(line) for line in read_lines(args.out)}
    for seed in range(args.seeds):
        for method in args.methods:
            for name, change in ({"": {}} | CHANGES[method]).items():
                line = {
                    "script": "ablation.py",
                    "images": args.images,
                    "method": method,
                    "change": name,
                    "seed": seed,
                }
                if key(line) in done:
                    continue
                line |= {"changed": change, "scored_on": "validation"}
                line |= run(method, change, seed, args.images)
                line |= {"machine": device_name("cpu"), "versions": versions()}
                append_line(args.out, line)
                print(method, name or "defaults", seed, line["accuracy"], flush=True)


if __name__ == "__main__":
    main()
