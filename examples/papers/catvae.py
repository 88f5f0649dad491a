"""Tables 2 and 3 of Figueroa & Rivera (2017), and the same data under our defaults.

    python examples/papers/catvae.py --dataset mnist --labels 100 --data DIR --curve

prints error, accuracy under the best matching, NMI and the accuracy of 1-NN among the
labeled features, and adds a line of JSON to --out. ``--curve`` notes error and
1-NN accuracy of every epoch. A run that was stopped continues where it was when
started again. ``--labels 60000`` on MNIST is the paper's "All". DIR holds mnist/ and
fashion-mnist/ (the IDX files), usps.npz and svhn.npz; the paper uses MNIST alone, and
its settings are taken for the others.
"""

import sys

from _common import overrides, parser, run
from sklearn.neighbors import KNeighborsClassifier

from sksemi import CatVAEClusterer

# Section V and table 1; the rest of the paper's settings are the defaults.
PAPER = {
    "feature_dim": 50,
    "likelihood": "mse",
    "n_neighbors": 1,
    "assignment": "sample",
    "temperature": 1.0,
    "alpha": 0.6,
    "reconstruction_weight": 1.0,
    "categorical_weight": 1.0,
    "assignment_weight": 5.0,
    "feature_weight": 1.0,
    "separation_weight": 0.0,
    "input_noise": 0.0,
    "max_shift": 0,
    "batch_size": 200,
    "learning_rate": 1e-3,
    "halving_period": 50,
    "precision": "float32",
}


def make_estimator(args, n_features):
    """Make the estimator of a recipe, with what --set changes."""
    parameters = {"n_clusters": 10, "random_state": args.seed, "device": args.device}
    if args.recipe == "paper":
        parameters |= PAPER
    return CatVAEClusterer(**({"verbose": 1} | parameters | overrides(args)))


def figures(estimator, args, X, y_partial, X_test, y_test):
    """Accuracy of 1-NN in feature space, from the labeled training rows to test."""
    if y_partial is None:
        return {}
    labeled = y_partial >= 0
    nearest = KNeighborsClassifier(1)
    nearest.fit(estimator.transform(X[labeled]), y_partial[labeled])
    accuracy = nearest.score(estimator.transform(X_test), y_test)
    return {"nearest_neighbor_accuracy": round(100 * accuracy, 2)}


if __name__ == "__main__":
    args = parser(
        __doc__.splitlines()[0],
        ["mnist", "fashion-mnist", "usps", "svhn"],
        "the 1 of equation 16, which is inside the sum, labeled rows that are "
        "reconstructed only as often as others, and batch norm's statistics from all "
        "rows",
    )
    args = args.set_defaults(epochs=100) or args.parse_args()
    args.script = sys.argv[0].rsplit("/", 1)[-1]
    run(args, make_estimator, figures)
