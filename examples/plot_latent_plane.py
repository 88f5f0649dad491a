"""
Digits over a latent plane
==========================

CaGeMGenerator with a two-dimensional z2 on scikit-learn's digits, 100 of them labeled,
drawn as in figure 3 of Maaløe et al. (2017): rows drawn over a grid of z2 with random
classes, the digits themselves in that plane, and rows of one class drawn over the same
grid.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits

from sksemi import CaGeMGenerator
from sksemi.datasets import mask_labels
from sksemi.inspection import LatentSpaceDisplay, SampleGridDisplay

X, y = load_digits(return_X_y=True)
X = X / 16
y_partial = mask_labels(y, 100, random_state=0)
est = CaGeMGenerator(z2_dim=2, max_iter=100, random_state=0)
est.fit(X, y_partial)
print(f"accuracy {est.score(X, y):.3f} on all rows")

figure, axes = plt.subplots(1, 3, figsize=(14, 4.4), layout="constrained")
grid = {"kind": "mesh", "n_columns": 14, "image_shape": (8, 8)}
SampleGridDisplay.from_estimator(est, **grid, ax=axes[0])
LatentSpaceDisplay.from_estimator(est, X, y, transformer=None, ax=axes[1])
SampleGridDisplay.from_estimator(est, **grid, y=4, ax=axes[2])
axes[0].set_title("class drawn from p(y|z2)")
axes[1].set_title("mean of z2")
axes[2].set_title("class 4")
plt.show()
