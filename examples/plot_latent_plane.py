"""Digits over a latent plane of two dimensions, drawn at random and of one class.

    python examples/plot_latent_plane.py

fits CaGeMGenerator with a z2 of two dimensions on scikit-learn's digits, of which 100
have a label, and saves a picture as in figure 3 of Maaloe et al. (2017): samples over a
grid of z2 with their class drawn, where the digits themselves lie in that plane, and
samples over the same grid of one class.
"""

import argparse

import matplotlib
from sklearn.datasets import load_digits

from sksemi import CaGeMGenerator
from sksemi.datasets import mask_labels
from sksemi.inspection import LatentSpaceDisplay, SampleGridDisplay

matplotlib.use("Agg")
import matplotlib.pyplot as plt

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--output", default="plot_latent_plane.png")
parser.add_argument("--epochs", type=int, default=100)
parser.add_argument("--digit", type=int, default=4, help="of the samples of one class")
args = parser.parse_args()

X, y = load_digits(return_X_y=True)
X = X / 16
y_partial = mask_labels(y, 100, random_state=0)
est = CaGeMGenerator(z2_dim=2, max_iter=args.epochs, random_state=0)
est.fit(X, y_partial)
print(f"accuracy {est.score(X, y):.3f} on all rows")

figure, axes = plt.subplots(1, 3, figsize=(14, 4.4), layout="constrained")
grid = {"kind": "mesh", "n_columns": 14, "image_shape": (8, 8)}
SampleGridDisplay.from_estimator(est, **grid, ax=axes[0])
LatentSpaceDisplay.from_estimator(est, X, y, transformer=None, ax=axes[1])
SampleGridDisplay.from_estimator(est, **grid, y=args.digit, ax=axes[2])
axes[0].set_title("class drawn from p(y|z2)")
axes[1].set_title("mean of z2")
axes[2].set_title(f"class {args.digit}")
figure.savefig(args.output, dpi=100)
print(f"Picture: {args.output}")
