"""Digits drawn, reconstructed, and sorted into clusters.

    python examples/plot_samples.py

fits on scikit-learn's digits, of which 50 have a label, and saves a picture: digits
drawn class by class, digits over their reconstructions, and the surest digits of each
cluster.
"""

import argparse

import matplotlib
from sklearn.datasets import load_digits

from sksemi import GMVAEClusterer
from sksemi.datasets import mask_labels
from sksemi.inspection import (
    ClusterExamplesDisplay,
    ReconstructionDisplay,
    SampleGridDisplay,
)

matplotlib.use("Agg")
import matplotlib.pyplot as plt

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--output", default="plot_samples.png")
parser.add_argument("--epochs", type=int, default=40)
args = parser.parse_args()

digits = load_digits()
X = digits.images / 16
y_partial = mask_labels(digits.target, 50, random_state=0)
est = GMVAEClusterer(max_iter=args.epochs, random_state=0).fit(X, y_partial)
print(f"accuracy {est.score(X, digits.target):.3f} on all rows")

figure, axes = plt.subplots(1, 3, figsize=(13, 4.6), layout="constrained")
SampleGridDisplay.from_estimator(est, ax=axes[0])
ReconstructionDisplay.from_estimator(est, X, n_samples=50, ax=axes[1])
ClusterExamplesDisplay.from_estimator(est, X, order="probability", ax=axes[2])
for ax, title in zip(axes, ["drawn", "reconstructed", "surest"], strict=True):
    ax.set_title(title)
figure.savefig(args.output, dpi=100)
print(f"Picture: {args.output}")
