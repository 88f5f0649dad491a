"""How many clusters: k-means in a space of features, scored at several numbers.

    python examples/plot_n_clusters.py

fits to scikit-learn's digits, without labels, and saves a picture: the silhouette of
k-means in the space of ``transform``. There are ten digits.
"""

import argparse

import matplotlib
from sklearn.datasets import load_digits

from sksemi import GMVAEClusterer
from sksemi.model_selection import choose_n_clusters

matplotlib.use("Agg")
import matplotlib.pyplot as plt

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--output", default="plot_n_clusters.png")
parser.add_argument("--epochs", type=int, default=30)
args = parser.parse_args()

X, _ = load_digits(return_X_y=True)
est = GMVAEClusterer(max_iter=args.epochs, random_state=0)
found = choose_n_clusters(est, X / 16, range(2, 21), random_state=0)
print(f"{found.n_clusters} clusters")
figure, ax = plt.subplots(figsize=(5, 3.6), layout="constrained")
ax.plot(found.candidates, found.scores, marker=".")
ax.axvline(found.n_clusters, color="black", linestyle=":")
ax.xaxis.get_major_locator().set_params(integer=True)
ax.set_xlabel("n_clusters")
ax.set_ylabel("silhouette")
figure.savefig(args.output, dpi=100)
print(f"Picture: {args.output}")
