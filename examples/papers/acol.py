"""Table 3 and section 4.6 of Kilinc and Uysal (2018), and the same under our defaults.

    python examples/papers/acol.py --dataset usps --full --data DIR
    python examples/papers/acol.py --dataset mnist --transformations 1 3 --data DIR
    python examples/papers/acol.py --dataset mnist --real-parents --data DIR

prints accuracy under the best matching (ACC) and majority purity, with k-means fitted
on the features of the training rows and on those of the rows that are scored, and adds
a line of JSON to --out. Every ``--every`` epochs the run writes a checkpoint, from
which it continues when started again, and with --curve its scores there. DIR holds
mnist/ and fashion-mnist/ (the IDX files), usps.npz and svhn.npz; the last holds only a
part of the official test set, so its figures do not compare with the paper's table.
"""

import sys

import numpy as np
import torch
from _common import checkpoint_path, fit, overrides, parser, record, split
from scipy.spatial.distance import cdist
from scipy.special import softmax
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from sksemi import ACOLClusterer
from sksemi.metrics import clustering_accuracy, purity

# T_1 to T_8, equation 15
TRANSFORMATIONS = [
    "identity",
    "rotate_90",
    "rotate_180",
    "rotate_270",
    "flip",
    "flip_rotate_90",
    "flip_rotate_180",
    "flip_rotate_270",
]
# Table 2, section 4.1
PAPER = {
    "feature_dim": 2048,
    "n_duplicates": 20,
    "dropout": (0.2, 0.3, 0.5),
    "cross_entropy_weight": 1.0,
    "affinity_weight": 0.1,
    "balance_weight": 1.0,
    "frobenius_weight": 1e-6,
    # as the published code; equation 13 has B
    "frobenius_of": "Z",
    # the paper gives none; scikit-learn's default in its year
    "kmeans_n_init": 10,
    "batch_size": 400,
    "learning_rate": 1e-3,
    "precision": "float32",
}
# Of a row of the history, what is printed after every part of a run.
SAID = (
    "acc",
    "purity",
    "acc_fitted_on_test",
    "purity_fitted_on_test",
    "explained",
    "margin",
    "consistency",
    "stability",
)
# Rows on which clusterings of differently turned images are compared.
COMPARED = 2000


def add_arguments(p):
    """What this script asks beside what all ask."""
    p.set_defaults(labels=0, epochs=400)
    p.add_argument(
        "--full",
        action="store_true",
        help="fit on, and score, training and test rows together; the paper scores all "
        "rows of USPS, and says that only training rows train",
    )
    p.add_argument("--clusters", type=int, default=10, help="k of k-means")
    p.add_argument(
        "--transformations",
        type=int,
        nargs="+",
        default=list(range(1, 9)),
        choices=range(1, 9),
        metavar="I",
        help="numbers in the paper's equation 15; the first must be 1",
    )
    p.add_argument(
        "--real-parents",
        action="store_true",
        help="digits below 5 and from 5 up as parents instead",
    )
    p.add_argument(
        "--passes",
        type=int,
        default=1,
        help="passes over the rows that count as an epoch: 1 as in algorithm 1, 8 as "
        "in the published code, whose epochs have every row under all transformations",
    )
    p.add_argument(
        "--scaling",
        choices=["unit", "standard", "sample"],
        help="divide by 255; or center all pixels by one mean and deviation; or "
        "subtract each pixel's mean, then standardize each image (default: sample "
        "for svhn, else unit)",
    )
    p.set_defaults(every=20)  # epochs between checkpoints, too
    return p


def scaled(X, X_test, scaling):
    """Rows as the estimator gets them; what is learned is learned from the first."""
    if scaling == "unit":  # the estimator divides
        return X, X_test
    rows = [X.astype(np.float32) / 255, X_test.astype(np.float32) / 255]
    if scaling == "standard":  # below 0: the estimator centers and divides
        return [2 * part - 1 for part in rows]
    mean = rows[0].mean(0)

    def standardized(part):
        part = part - mean
        part -= part.mean((1, 2, 3), keepdims=True)
        return part / part.std((1, 2, 3), keepdims=True).clip(1e-7)

    return [standardized(part) for part in rows]


def turned(X, i):
    """Images under the paper's T_i."""
    X = X[..., ::-1] if i > 4 else X
    return np.ascontiguousarray(np.rot90(X, (i - 1) % 4, (2, 3)))


def agreement(y, clusters):
    """ACC, purity and NMI of a clustering, in percent."""
    values = {
        "acc": clustering_accuracy(y, clusters),
        "purity": purity(y, clusters),
        "nmi": normalized_mutual_info_score(y, clusters),
    }
    return {name: round(100 * float(value), 2) for name, value in values.items()}


def scores(estimator, X_test, y_test, args):
    """Agreement with the classes, k-means fitted on training and on scored rows.

    On scored rows, k-means also clusters the activities Z and their softmax.
    """
    result = agreement(y_test, estimator.predict(X_test))
    if args.real_parents:
        return result
    z = estimator.activations(X_test).reshape(len(X_test), -1)
    for name, codes in {
        "fitted_on_test": estimator.transform(X_test),
        "of_z": z,
        "of_softmax_z": softmax(z, 1),
    }.items():
        if args.full and name == "fitted_on_test":  # as predict
            continue
        kmeans = KMeans(args.clusters, n_init=10, random_state=args.seed)
        found = agreement(y_test, kmeans.fit_predict(codes))
        result |= {f"{score}_{name}": found[score] for score in ("acc", "purity")}
    return result


def label_free(estimator, X, args, before):
    """What can be said of the clusters without a label, to tell when to stop.

    explained: part of the scatter of F that the clusters explain. margin: 1 minus
    the mean ratio of a row's distances to its nearest and second nearest center.
    consistency: mean adjusted Rand index between clusters of rows and of the same
    rows turned, each clustered for itself. stability: that between now and the last
    time (`before`).
    """
    some = X[np.random.RandomState(0).permutation(len(X))[:COMPARED]]
    distance = cdist(estimator.transform(some), estimator.cluster_centers_)
    nearest = np.sort(distance, 1)
    result = {
        "explained": estimator.score(some),
        "margin": float(1 - np.mean(nearest[:, 0] / nearest[:, 1])),
    }
    if before is not None:
        result["stability"] = adjusted_rand_score(before, estimator.labels_)
    if not args.real_parents:
        own = estimator.predict(some)
        kmeans = KMeans(args.clusters, n_init=3, random_state=0)
        result["consistency"] = float(
            np.mean(
                [
                    adjusted_rand_score(
                        own, kmeans.fit_predict(estimator.transform(turned(some, i)))
                    )
                    for i in args.transformations[1:]
                ]
            )
        )
    return {name: round(float(value), 4) for name, value in result.items()}


def main(args):
    if args.threads:
        torch.set_num_threads(args.threads)
    X, y_partial, y, X_test, y_test = split(args)
    if args.full:
        if args.labels or args.validation:
            sys.exit("--full goes with --labels 0 and --validation 0 alone.")
        X, y = np.concatenate([X, X_test]), np.concatenate([y, y_test])
        X_test, y_test = X, y
    scaling = args.scaling or ("sample" if args.dataset == "svhn" else "unit")
    X, X_test = scaled(X, X_test, scaling)
    parents = (y >= 5).astype(int) if args.real_parents else None
    names = [TRANSFORMATIONS[i - 1] for i in args.transformations]
    estimator = ACOLClusterer(
        **(
            {
                "n_clusters": args.clusters,
                "transformations": names,
                "random_state": args.seed,
                "device": args.device,
                "verbose": 1,
            }
            | (PAPER if args.recipe == "paper" else {})
            | overrides(args)
        )
    )
    protocol = {
        "full": args.full,
        "real_parents": args.real_parents,
        "transformations": args.transformations,
        "passes": args.passes,
        "scaling": scaling,
    }
    n_epochs = args.epochs * args.passes
    estimator.set_params(max_iter=n_epochs)
    path = checkpoint_path(estimator, args, [protocol, n_epochs])
    before = None

    def notes(estimator):
        nonlocal before
        row = label_free(estimator, X, args, before)
        before = estimator.labels_
        if args.curve:
            row |= scores(estimator, X_test, y_test, args)
        said = {name: value for name, value in row.items() if name in SAID}
        print(f"After {estimator.n_iter_}: {said}", flush=True)
        return row

    every = args.every * args.passes
    estimator = fit(estimator, path, X, y_partial, parents, every=every, notes=notes)
    seconds = float(np.mean([row["seconds"] for row in estimator.history_]))
    results = scores(estimator, X_test, y_test, args) | {
        "seconds_per_epoch": round(seconds, 2),
        "protocol": ", ".join(f"{k}={v}" for k, v in protocol.items()),
    }
    if args.full:
        results["scored_on"] = "training and test rows, which it was fitted on"
    line = record(estimator, args, results)
    path.unlink()
    for name in results:
        print(f"{name}: {line[name]}")


if __name__ == "__main__":
    p = parser(
        __doc__.splitlines()[0],
        ["mnist", "usps", "svhn", "fashion-mnist"],
        "the sum of squares over Z, as in the published code, k-means fitted on "
        "training rows (that on scored rows is scored, too), and scaling, step size "
        "and starts of k-means, which it does not give",
    )
    args = add_arguments(p).parse_args()
    args.script = sys.argv[0].rsplit("/", 1)[-1]
    main(args)
