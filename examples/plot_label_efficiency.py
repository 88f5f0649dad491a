"""Do the unlabeled rows help? Accuracy against the number of labels.

    python examples/plot_label_efficiency.py

draws labels of scikit-learn's digits, a few and more, and saves a picture: accuracy on
labeled rows held out, of an estimator that also learns from the rows without a label,
of the same on the labeled rows alone, and of a linear model.
"""

import argparse

import matplotlib
from sklearn.datasets import load_digits

from sksemi import GMVAEClusterer
from sksemi.datasets import mask_labels
from sksemi.inspection import LabelEfficiencyDisplay

matplotlib.use("Agg")
import matplotlib.pyplot as plt

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--output", default="plot_label_efficiency.png")
parser.add_argument("--epochs", type=int, default=20)
args = parser.parse_args()

X, y = load_digits(return_X_y=True)
y_partial = mask_labels(y, 450, random_state=0)
figure, ax = plt.subplots(figsize=(6.4, 4.4), layout="constrained")
display = LabelEfficiencyDisplay.from_estimator(
    GMVAEClusterer(max_iter=args.epochs, random_state=0),
    X / 16,
    y_partial,
    n_labels=[20, 50, 100, 200],
    cv=3,
    random_state=0,
    ax=ax,
)
ax.set_title("digits: 450 labels of 1,797 rows, 3 draws")
for name, scores in display.scores.items():
    print(f"{name:26}", " ".join(f"{mean:.3f}" for mean in scores.mean(1)))
figure.savefig(args.output, dpi=100)
print(f"Picture: {args.output}")
