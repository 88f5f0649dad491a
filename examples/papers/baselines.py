"""What a user would try first, on the data of the papers' tables.

    python examples/papers/baselines.py --dataset mnist --labels 100 --data DIR

fits LabelSpreading and LogisticRegression on the pixels (with ``--labels 0``, k-means),
each with scikit-learn's defaults, scores once on the test images, and adds a line of
JSON per method to --out. ``--methods`` chooses among them and those that first embed
the pixels in a plane by UMAP, which sees no label; these need umap-learn. A plane is
kept, for other numbers and draws of labels. ``--full`` fits and scores all images. The
label draws are those of the other scripts.
"""

import sys
import time
import warnings
from importlib.metadata import version

import joblib
import numpy as np
from _common import HERE, append_line, device_name, parser, split, versions
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import normalized_mutual_info_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.semi_supervised import LabelSpreading

from sksemi.metrics import clustering_accuracy


def spreading(X, y, X_test, seed):
    with warnings.catch_warnings():
        # it divides by 0 for rows that no label reaches
        warnings.filterwarnings("ignore", message="invalid value encountered in divide")
        return LabelSpreading(kernel="knn").fit(X, y).predict(X_test)


def logistic(X, y, X_test, seed):
    known = y >= 0
    return LogisticRegression(max_iter=1000).fit(X[known], y[known]).predict(X_test)


def kmeans(X, y, X_test, seed):
    return KMeans(10, n_init=10, random_state=seed).fit(X).predict(X_test)


def neighbors(X, y, X_test, seed):
    known = y >= 0
    return KNeighborsClassifier().fit(X[known], y[known]).predict(X_test)


@joblib.Memory(HERE / "runs" / "planes", verbose=0).cache
def planes(X, X_test, seed):
    """Embed training and test rows in a plane; also returns processor time."""
    from umap import UMAP

    start = time.process_time()
    umap = UMAP(random_state=seed, n_jobs=1)
    plane, plane_test = umap.fit_transform(X), umap.transform(X_test)
    return plane, plane_test, time.process_time() - start


WITH_LABELS = {
    "LabelSpreading (knn)": spreading,
    "LogisticRegression on the labels": logistic,
    "UMAP, then 5-NN": neighbors,
}
WITHOUT = {"k-means on the pixels": kmeans, "UMAP, then k-means": kmeans}


def main():
    p = parser(__doc__.splitlines()[0], ["mnist", "fashion-mnist", "usps"], "nothing")
    p.add_argument("--methods", nargs="*", help="names (default: all but UMAP)")
    p.add_argument("--full", action="store_true", help="fit and score all images")
    args = p.parse_args()
    X, y_partial, y, X_test, y_test = split(args)
    if args.full:
        X = X_test = np.concatenate([X, X_test])
        y_test = np.concatenate([y, y_test])
        if args.labels:
            p.error("--full is for --labels 0")
    X, X_test = (x.reshape(len(x), -1).astype(np.float32) / 255 for x in (X, X_test))
    methods = WITH_LABELS if args.labels else WITHOUT
    for name in args.methods or [m for m in methods if "UMAP" not in m]:
        rows, rows_test, seconds = X, X_test, 0
        if "UMAP" in name:
            rows, rows_test, seconds = planes(X, X_test, args.seed)
        start = time.process_time()
        predicted = methods[name](rows, y_partial, rows_test, args.seed)
        seconds += time.process_time() - start
        acc = clustering_accuracy(y_test, predicted)
        nmi = normalized_mutual_info_score(y_test, predicted)
        line = {
            "script": "baselines.py",
            "dataset": args.dataset,
            "method": name,
            "labels": args.labels,
            "seed": args.seed,
            "draw": args.seed if args.draw is None else args.draw,
            "scored_on": "training and test" if args.full else "test",
            "acc": round(100 * acc, 2),
            "nmi": round(100 * nmi, 2),
            "cpu_seconds": round(seconds, 1),
            "machine": device_name("cpu"),
            "versions": versions(),
        }
        if "UMAP" in name:
            line["versions"]["umap-learn"] = version("umap-learn")
        if args.labels:
            line["error"] = round(100 * float(np.mean(predicted != y_test)), 2)
        append_line(args.out or HERE / "runs" / "baselines.jsonl", line)
        print(f"{name}: {line.get('error', line['acc'])} % in {seconds:.0f} s")


if __name__ == "__main__":
    sys.exit(main())
