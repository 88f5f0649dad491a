"""Mean and standard deviation over seeds of the lines under results/.

    python examples/papers/summary.py [FILE ...]

One row per script, data set, recipe, number of labels, epochs, clusters, importance
samples, protocol and parameters changed by ``--set``. CaGeM's ``error`` is by the draws
of the recipe, ``error_of_draws`` (p(y|x)) and ``error_of_q`` by those of ``--draws``.
The history of a line has unweighted terms of the loss where it has ``loss``; in older
lines, which have none, terms are weighted.
"""

import json
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np

FIGURES = (
    "error",
    "error_of_draws",
    "error_of_q",
    "acc",
    "purity",
    "acc_fitted_on_test",
    "purity_fitted_on_test",
    "nmi",
    "nearest_neighbor_accuracy",
    "kl_z",
    "kl_z2",
    "test_bound",
    "importance_weighted_bound",
    "seconds_per_epoch",
)
# of which one cluster tells nothing
CLASSIFIED = ("error", "error_of_draws", "error_of_q", "acc", "purity", "nmi")
RESULTS = Path(__file__).parent / "results"


def clusters(line):
    """Say how many clusters a line's model has."""
    return f"K = {line['parameters']['n_clusters']}"


def samples(line):
    """Say how many importance samples a line's bound has."""
    if "importance_weighted_bound" not in line:
        return ""
    return f"importance samples: {line.get('importance_samples', 'not recorded')}"


def main(paths):
    groups = defaultdict(list)
    for path in paths:
        for text in path.read_text().splitlines():
            line = json.loads(text)
            if {"script", "recipe"} <= line.keys():  # a run of a paper's script
                names = ("script", "dataset", "recipe", "labels", "epochs", "scored_on")
                key = (
                    *(line[name] for name in names),
                    clusters(line),
                    samples(line),
                    line.get("protocol", ""),
                    line["changed"],
                )
                groups[key].append(line)
    for key, lines in sorted(groups.items()):
        print(*key, f"n = {len(lines)}", sep="  ")
        one_cluster = lines[0]["parameters"]["n_clusters"] == 1
        for name in FIGURES:
            if one_cluster and name in CLASSIFIED:
                continue
            values = [line[name] for line in lines if name in line]
            if not values:
                continue
            spread = np.std(values, ddof=1) if len(values) > 1 else float("nan")
            print(f"    {name:26} {np.mean(values):8.3f} +- {spread:.3f}   {values}")


if __name__ == "__main__":
    main([Path(name) for name in sys.argv[1:]] or sorted(RESULTS.glob("*.jsonl")))
