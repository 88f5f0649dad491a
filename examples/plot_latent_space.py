"""Where digits lie in feature space, and what early stopping saw.

    python examples/plot_latent_space.py

fits on scikit-learn's digits with 50 labels, stops when the accuracy on 100 labeled
validation rows has not grown for ten epochs, and saves a picture: features by PCA and
by t-SNE, colored by digit, above the terms of the objective per epoch.
"""

import argparse

import matplotlib
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from sksemi import GMVAEClusterer
from sksemi.callbacks import EarlyStopping
from sksemi.datasets import mask_labels
from sksemi.inspection import HistoryDisplay, LatentSpaceDisplay

matplotlib.use("Agg")
import matplotlib.pyplot as plt

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--output", default="plot_latent_space.png")
parser.add_argument("--epochs", type=int, default=100)
args = parser.parse_args()

X, y = load_digits(return_X_y=True)
X = X.astype(np.float32) / 16
X_train, X_valid, y_train, y_valid = train_test_split(
    X, y, test_size=100, random_state=0, stratify=y
)
y_partial = mask_labels(y_train, 50, random_state=0)

stopping = EarlyStopping(validation_data=(X_valid, y_valid), patience=10)
est = GMVAEClusterer(max_iter=args.epochs, random_state=0).set_callbacks(stopping)
est.fit(X_train, y_partial)
print(
    f"{est.n_iter_} epochs, the weights of epoch {stopping.best_epoch_ + 1} are kept: "
    f"accuracy {stopping.best_value_:.3f} on the validation rows"
)

figure = plt.figure(figsize=(10, 9), layout="constrained")
above, below = figure.subfigures(2, 1, height_ratios=[1, 1.1])
left, right = above.subplots(1, 2)
LatentSpaceDisplay.from_estimator(est, X_train, y_train, ax=left, legend=False)
LatentSpaceDisplay.from_estimator(est, X_train, y_train, transformer="tsne", ax=right)
left.set_title("PCA")
right.set_title("t-SNE")
names = ["reconstruction", "gaussian", "categorical", "assignment", "metric"]
HistoryDisplay.from_estimator(
    est, names=[*names, "validation_score"], ax=below.subplots(2, 3)
)
figure.savefig(args.output, dpi=100)
print(f"Picture: {args.output}")
