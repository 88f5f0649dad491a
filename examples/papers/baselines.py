"""What a user would try first, on the data of the papers' tables.

    python examples/papers/baselines.py --dataset mnist --labels 100 --data DIR

fits LabelSpreading and LogisticRegression on the pixels (with ``--labels 0``, k-means),
each with scikit-learn's defaults, scores once on the test images, and adds a line of
JSON per method to --out. ``--methods`` chooses among them; "UMAP, then 5-NN" needs
umap-learn. The label draws are those of the other scripts.
"""

import sys
import time
import warnings

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


def umap_neighbors(X, y, X_test, seed):
    from umap import UMAP

    umap = UMAP(random_state=seed, n_jobs=1)
    plane, known = umap.fit_transform(X, y), y >= 0
    nearest = KNeighborsClassifier().fit(plane[known], y[known])
    return nearest.predict(umap.transform(X_test))


WITH_LABELS = {
    "LabelSpreading (knn)": spreading,
    "LogisticRegression on the labels": logistic,
    "UMAP, then 5-NN": umap_neighbors,
}
WITHOUT = {"k-means on the pixels": kmeans}


def main():
    p = parser(__doc__.splitlines()[0], ["mnist", "fashion-mnist", "usps"], "nothing")
    p.add_argument("--methods", nargs="*", help="names (default: all but UMAP)")
    args = p.parse_args()
    X, y_partial, _, X_test, y_test = split(args)
    X, X_test = (x.reshape(len(x), -1).astype(np.float32) / 255 for x in (X, X_test))
    methods = WITH_LABELS if args.labels else WITHOUT
    for name in args.methods or [m for m in methods if "UMAP" not in m]:
        start = time.perf_counter()
        predicted = methods[name](X, y_partial, X_test, args.seed)
        seconds = time.perf_counter() - start
        acc = clustering_accuracy(y_test, predicted)
        nmi = normalized_mutual_info_score(y_test, predicted)
        line = {
            "script": "baselines.py",
            "dataset": args.dataset,
            "method": name,
            "labels": args.labels,
            "seed": args.seed,
            "draw": args.seed if args.draw is None else args.draw,
            "scored_on": "test",
            "acc": round(100 * acc, 2),
            "nmi": round(100 * nmi, 2),
            "seconds": round(seconds, 1),
            "machine": device_name("cpu"),
            "versions": versions(),
        }
        if args.labels:
            line["error"] = round(100 * float(np.mean(predicted != y_test)), 2)
        append_line(args.out or HERE / "runs" / "baselines.jsonl", line)
        print(f"{name}: {line.get('error', line['acc'])} % in {seconds:.0f} s")


if __name__ == "__main__":
    sys.exit(main())
