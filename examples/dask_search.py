"""A grid search whose fits run in the workers of a Dask cluster.

    python examples/dask_search.py [--address tcp://scheduler:8786]

Without an address, it starts two workers on this machine. scikit-learn passes the fits
to joblib, and joblib to Dask. A worker fits one model at a time: give each one thread,
and one GPU if there are any (set CUDA_VISIBLE_DEVICES for each worker). Needs dask and
distributed.
"""

import argparse

import joblib
from distributed import Client
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV

from sksemi import GMVAEClusterer
from sksemi.datasets import mask_labels
from sksemi.metrics import labeled_accuracy
from sksemi.model_selection import PartialLabelKFold


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--address", help="of a scheduler that is there")
    parser.add_argument("--max-iter", type=int, default=20)
    args = parser.parse_args()
    X, y = load_digits(return_X_y=True)
    search = GridSearchCV(
        GMVAEClusterer(max_iter=args.max_iter, random_state=0),
        {"latent_dim": [10, 32]},
        scoring=labeled_accuracy,
        cv=PartialLabelKFold(2),
    )
    local = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    cluster = {"address": args.address} if args.address else local
    with Client(**cluster), joblib.parallel_config(backend="dask"):
        search.fit(X / 16, mask_labels(y, 100, random_state=0))
    print(search.best_params_, f"accuracy {search.best_score_:.3f}")


if __name__ == "__main__":
    main()
