"""
Digits drawn, reconstructed and clustered
=========================================

GMVAEClusterer on scikit-learn's digits, 50 of them labeled: digits drawn class by
class, digits above their reconstructions, and the most probable digits of each cluster.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits

from sksemi import GMVAEClusterer
from sksemi.datasets import mask_labels
from sksemi.inspection import (
    ClusterExamplesDisplay,
    ReconstructionDisplay,
    SampleGridDisplay,
)

digits = load_digits()
X = digits.images / 16
y_partial = mask_labels(digits.target, 50, random_state=0)
est = GMVAEClusterer(random_state=0).fit(X, y_partial)
print(f"accuracy {est.score(X, digits.target):.3f} on all rows")

figure, axes = plt.subplots(1, 3, figsize=(13, 4.6), layout="constrained")
SampleGridDisplay.from_estimator(est, ax=axes[0])
ReconstructionDisplay.from_estimator(est, X, n_samples=50, ax=axes[1])
ClusterExamplesDisplay.from_estimator(est, X, order="probability", ax=axes[2])
for ax, title in zip(axes, ["drawn", "reconstructed", "most probable"], strict=True):
    ax.set_title(title)
plt.show()
