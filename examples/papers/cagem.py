"""Tables 1-3 and figures 2-3 of Maaloe et al. (2017), CaGeM, and a plain VAE.

    python examples/papers/cagem.py --dataset mnist --labels 100 --epochs 60 --data DIR

prints, of the test images binarized once with a fixed seed, the bound (one draw), the
importance-weighted bound of ``--importance`` draws (the tables have 5000) and the
classification error, and of the last epoch KL(z2) and the active units; and adds a line
with all epochs to the file --out. ``--curve`` notes test bound and error of every
``--every`` epochs. ``--clusters 1`` is the baseline, a VAE of two layers of the same
sizes, which takes no labels; beside a run with 100 labels or more, give it ``--set
batch_size=100``, as half of the other's 200 rows a step are labeled ones, that the
bound does not see: steps of another number of rows move KL(z2) by nats. The paper names
a warm-up for likelihoods alone: ``--set warm_up=0`` to classify. A run that was stopped
continues where it was when started again.

``--pictures FOLDER`` draws rows of each class, reconstructions and, with
``--set z2_dim=2``, figure 3: the test images in z2, and rows drawn from a mesh grid
there, whatever their class and class by class.

DIR holds mnist/ (the IDX files) and omniglot.npz. OMNIGLOT is split by drawer, 15 for
training and 5 for test, with its alphabets as clusters; it is resized from the original
images, so its figures are not those of table 2.
"""

import sys
from pathlib import Path

import numpy as np
from _common import overrides, parser, run

from sksemi import CaGeMGenerator

# Appendix C; batch size and epochs are not in the paper.
PAPER = {
    "network": "mlp",
    "z1_dim": 64,
    "z2_dim": 32,
    "hidden_layer_sizes": (1024, 1024),
    "z2_hidden_layer_sizes": (512, 512),
    "activation": "relu",
    "likelihood": "bernoulli",
    "binarize": True,
    "reconstruction_weight": 1.0,
    "gaussian_weight": 1.0,
    "categorical_weight": 1.0,
    "label_q_weight": 0.1,
    "label_p_weight": 0.1,
    "input_noise": 0.0,
    "classifier": "p",
    "warm_up": 100,
    "init": "random",
    "batch_size": 200,
    "learning_rate": 1e-3,
    "learning_rate_decay": 0.75,
    "learning_rate_step": 50,
    "precision": "float32",
}
CLASSES = {"mnist": 10, "omniglot": 50}


def make_estimator(args, n_features):
    """Make the estimator of a recipe, with what --set changes."""
    parameters = {
        "n_clusters": args.clusters or CLASSES[args.dataset],
        "random_state": args.seed,
        "device": args.device,
    }
    if args.recipe == "paper":
        parameters |= PAPER
    return CaGeMGenerator(**({"verbose": 1} | parameters | overrides(args)))


def binarized(X):
    """Images of black and white, drawn once: uint8."""
    threshold = np.random.RandomState(0).uniform(size=X.shape)
    return np.where(255 * threshold < X, 255, 0).astype(np.uint8)


def figures(estimator, args, X, y_partial, X_test, y_test):
    """Bounds of the test images in nats, KL(z2) and active units."""
    X_binary = binarized(X_test)
    last = estimator.history_[-1]
    results = {"test_bound": round(estimator.score(X_binary), 3)}
    for name in ("kl_z2", "active_z1", "active_z2"):
        results[name] = round(last[name], 3)
    if estimator.n_iter_ < args.epochs:  # a point of the curve
        return results
    estimator.set_params(n_draws=args.draws)
    chosen = estimator.classifier
    for name, classifier in {"error_of_draws": "p", "error_of_q": "q"}.items():
        accuracy = estimator.set_params(classifier=classifier).score(X_test, y_test)
        results[name] = round(100 * (1 - accuracy), 2)
    estimator.set_params(classifier=chosen)
    if args.importance > 1:
        estimator.set_params(n_importance_samples=args.importance)
        results["importance_weighted_bound"] = round(estimator.score(X_binary), 3)
        results["importance_samples"] = args.importance
        estimator.set_params(n_importance_samples=1)
    if args.pictures is not None:
        draw_pictures(estimator, X_test, y_test, args.pictures)
    return results


def mosaic(images, n_rows):
    """Put (n, 1, height, width) images into one, ``n_rows`` rows of them."""
    n, _, height, width = images.shape
    grid = images.reshape(n_rows, n // n_rows, height, width)
    return grid.transpose(0, 2, 1, 3).reshape(n_rows * height, -1)


def save(path, image):
    """Write an image in [0, 1], dark ink on white."""
    import matplotlib.image

    path.parent.mkdir(parents=True, exist_ok=True)
    matplotlib.image.imsave(path, 1 - image, cmap="gray", vmin=0, vmax=1)


def draw_pictures(estimator, X, y, folder, side=10):
    """Figures 3 and 4: rows drawn by class, reconstructed, and from a grid of z2."""
    classes = estimator.classes_
    rows, _ = estimator.sample(side * len(classes), y=np.repeat(classes, side))
    save(folder / "classes.png", mosaic(rows, len(classes)))
    rows, _ = estimator.sample(side * side)
    save(folder / "random.png", mosaic(rows, side))
    shown = binarized(X[:side])
    pairs = np.concatenate([shown / 255, estimator.reconstruct(shown)])
    save(folder / "reconstructions.png", mosaic(pairs, 2))
    z2 = estimator.transform(X)
    if z2.shape[1] != 2:
        return
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    low, high = np.quantile(z2, [0.01, 0.99], axis=0)
    across, up = np.meshgrid(
        np.linspace(low[0], high[0], 2 * side), np.linspace(high[1], low[1], 2 * side)
    )
    grid = np.column_stack([across.ravel(), up.ravel()])
    rows, _ = estimator.sample(len(grid), z2=grid)
    save(folder / "grid.png", mosaic(rows, 2 * side))
    for label in classes:
        rows, _ = estimator.sample(len(grid), y=label, z2=grid)
        save(folder / f"grid-{label}.png", mosaic(rows, 2 * side))
    figure, ax = plt.subplots(figsize=(6, 6), layout="constrained")
    ax.scatter(*z2.T, c=y, s=2, cmap="tab10")
    ax.add_patch(plt.Rectangle(low, *(high - low), fill=False))
    ax.set(xlabel="z2, first", ylabel="z2, second")
    figure.savefig(folder / "z2.png", dpi=120)
    plt.close(figure)


def main():
    p = parser(
        __doc__.splitlines()[0],
        ["mnist", "omniglot"],
        "epochs, batch size and draws to classify by, which it does not give, and "
        "posteriors that start narrow",
    )
    p.add_argument("--clusters", type=int, help="K (default: the classes there are)")
    p.add_argument("--importance", type=int, default=1, metavar="DRAWS")
    p.add_argument("--draws", type=int, default=100, help="draws to classify by")
    p.add_argument("--pictures", type=Path, metavar="FOLDER")
    args = p.parse_args()
    args.script = sys.argv[0].rsplit("/", 1)[-1]
    if args.clusters == 1:
        args.labels = 0
    run(args, make_estimator, figures)


if __name__ == "__main__":
    main()
