"""MNIST with 100 of 60,000 images labeled: digits drawn, and test images by features.

    python examples/mnist_picture.py --data DIR --epochs 3

fits GMVAEClusterer with its defaults (a few minutes per epoch on a CPU), prints the
test error, and saves the picture on the documentation's first page: ten digits drawn
from each class, and the features of 2,000 test images by t-SNE, colored by their true
digit. DIR holds mnist/ (the IDX files). A stopped run continues where it was.
"""

import argparse
from pathlib import Path

import matplotlib

from sksemi import GMVAEClusterer
from sksemi.callbacks import Checkpoint
from sksemi.datasets import fetch_mnist, mask_labels
from sksemi.inspection import LatentSpaceDisplay, SampleGridDisplay

matplotlib.use("Agg")
import matplotlib.pyplot as plt

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--data", help="folder (default: the fetchers' own)")
parser.add_argument("--epochs", type=int, default=3)
parser.add_argument("--checkpoint", type=Path, default="mnist_picture.skops")
parser.add_argument("--output", default="mnist_picture.png")
args = parser.parse_args()

mnist = fetch_mnist(data_home=args.data)
X, y = mnist.images[mnist.train], mnist.target[mnist.train]
X_test, y_test = mnist.images[mnist.test], mnist.target[mnist.test]
y_partial = mask_labels(y, 100, random_state=0)  # -1 = unlabeled

if args.checkpoint.exists():
    est = Checkpoint.load(args.checkpoint)
else:
    est = GMVAEClusterer(max_iter=args.epochs, random_state=0, verbose=1)
if getattr(est, "n_iter_", 0) < est.max_iter:
    est.set_callbacks(Checkpoint(args.checkpoint)).fit(X, y_partial)
print(f"test error {100 * (1 - est.score(X_test, y_test)):.2f} %")

figure, axes = plt.subplots(1, 2, figsize=(10, 4.9), layout="constrained")
SampleGridDisplay.from_estimator(est, ax=axes[0])
LatentSpaceDisplay.from_estimator(est, X_test, y_test, transformer="tsne", ax=axes[1])
axes[0].set_title("drawn, a class a row")
axes[1].set_title("test images in feature space")
figure.savefig(args.output, dpi=110)
print(f"Picture: {args.output}")
