"""Table 1 of Kingma et al. (2014), model M2 with few labels, and under our defaults.

    python examples/papers/m2.py --dataset mnist --labels 100 --data DIR

prints error, accuracy under the best matching, NMI, KL(z) and the bound of the test
images, and adds a line of JSON to --out. ``--curve`` notes them every ``--every``
epochs. A stopped run continues where it was when started again. DIR holds mnist/ and
fashion-mnist/ (the IDX files) and usps.npz; the paper has MNIST alone of these.

The paper's recipe has its sizes, its alpha and no noise, and the step size of the
authors' code, which is Adam too. Softplus is not among our activations, GELU stands in;
and the encoders of q(y|x) and q(z|x, y), apart in the paper, share their first layers.
"""

import sys

from _common import overrides, parser, run

from sksemi import M2Generator

# Section 4; batch size and epochs are not in the paper.
PAPER = {
    "network": "mlp",
    "hidden_layer_sizes": (500,),
    "feature_dim": 500,
    "latent_dim": 50,
    "activation": "gelu",
    "likelihood": "bernoulli",
    "reconstruction_weight": 1.0,
    "gaussian_weight": 1.0,
    "categorical_weight": 1.0,
    "classification_weight": 0.1,  # alpha = 0.1 N
    "input_noise": 0.0,
    "max_shift": 0,
    "batch_size": 200,
    "learning_rate": 3e-4,
    "precision": "float32",
}


def make_estimator(args, n_features):
    """Make the estimator of a recipe, with what --set changes."""
    parameters = {"n_clusters": 10, "random_state": args.seed, "device": args.device}
    if args.recipe == "paper":
        parameters |= PAPER
    return M2Generator(**({"verbose": 1} | parameters | overrides(args)))


def figures(estimator, args, X, y_partial, X_test, y_test):
    """KL(z) of the last epoch and the bound of the test images, in nats."""
    return {
        "kl_z": round(estimator.history_[-1]["kl_z"], 3),
        "test_bound": round(estimator.score(X_test), 3),
    }


if __name__ == "__main__":
    args = parser(
        __doc__.splitlines()[0],
        ["mnist", "fashion-mnist", "usps"],
        "the activation, shared first layers and the batch size",
    )
    args = args.parse_args()
    args.script = sys.argv[0].rsplit("/", 1)[-1]
    run(args, make_estimator, figures)
