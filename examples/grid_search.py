"""Grid search over two methods, with few labels, watched by progress bars.

    python examples/grid_search.py

looks for the best of four settings on scikit-learn's digits with 100 labels in 1,400
rows, and prints a table and the accuracy of the winner on 397 rows that no fit saw. The
test folds of PartialLabelKFold hold only labeled rows; the unlabeled ones are in every
training set. It takes a minute or two on a CPU; ``--jobs 2`` uses two processes.
"""

import argparse

import numpy as np
from sklearn.callback import ProgressBar
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import Pipeline

from sksemi import CatVAEClusterer, GMVAEClusterer
from sksemi.datasets import mask_labels
from sksemi.metrics import labeled_neg_log_loss
from sksemi.model_selection import PartialLabelKFold

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--epochs", type=int, default=20)
parser.add_argument("--jobs", type=int, help="processes")
args = parser.parse_args()

X, y = load_digits(return_X_y=True)
X = X.astype(np.float32) / 16
X_train, X_test, y_train, y_test = train_test_split(
    X, y, train_size=1400, random_state=0, stratify=y
)
y_partial = mask_labels(y_train, 100, random_state=0)  # -1 = unlabeled

# The method is a step of a Pipeline, so that it can be searched over as well.
settings = {"max_iter": args.epochs, "random_state": 0}
methods = [GMVAEClusterer(**settings), CatVAEClusterer(**settings)]
grid = [
    {"method": [method], "method__learning_rate": [1e-3, 3e-3]} for method in methods
]
search = GridSearchCV(
    Pipeline([("method", methods[0])]),
    grid,
    cv=PartialLabelKFold(3, shuffle=True, random_state=0),
    scoring={"accuracy": "accuracy", "log_loss": labeled_neg_log_loss},
    refit="accuracy",
    n_jobs=args.jobs,
)
search.set_callbacks(ProgressBar(max_propagation_depth=1))
search.fit(X_train, y_partial)

print(f"\n{'method':16} {'rate':>6} {'accuracy':>16} {'log loss':>9} {'seconds':>8}")
results = search.cv_results_
for k in np.argsort(results["rank_test_accuracy"]):
    method = results["param_method"][k]
    print(
        f"{type(method).__name__:16} "
        f"{results['param_method__learning_rate'][k]:6.3f} "
        f"{results['mean_test_accuracy'][k]:8.3f} +- "
        f"{results['std_test_accuracy'][k]:.3f} "
        f"{-results['mean_test_log_loss'][k]:9.3f} "
        f"{results['mean_fit_time'][k]:8.1f}"
    )
score = search.score(X_test, y_test)
print(f"\nThe first, fitted on all folds: {score:.3f} on {len(y_test)} test rows")
