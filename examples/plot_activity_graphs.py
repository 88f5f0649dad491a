"""
The graphs of ACOL's activities
===============================

ACOLClusterer on scikit-learn's digits without labels, drawn as in figure 6 of Kilinc
and Uysal (2018): rows under two of the transformations, joined by the probabilities of
the parents on the left and by the activities of the nodes on the right; above after one
epoch, below at the end.

The parents have separated by then. In the paper's figure, after 400 epochs of MNIST,
the digits have too; 150 epochs on 8x8 pixels are not enough.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits

from sksemi import ACOLClusterer
from sksemi.inspection import ActivityGraphDisplay

digits = load_digits()
X, y = digits.images / 16, digits.target

figure, axes = plt.subplots(2, 2, figsize=(9, 9.4), layout="constrained")
for epochs, row in zip((1, 150), axes, strict=True):
    est = ACOLClusterer(10, max_iter=epochs, random_state=0).fit(X)
    display = ActivityGraphDisplay.from_estimator(est, X, y, ax=row)
    print(
        f"epoch {epochs}: {display.n_components_} disjoint subgraphs, accuracy under "
        f"matching {est.score(X, y):.3f}"
    )
    row[0].set_ylabel(f"epoch {epochs}")
plt.show()
