"""
From coarse classes to fine ones
================================

Every digit comes with a coarse label, whether it is below 5. ACOLClusterer takes those
for parents and looks for five clusters inside each.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits

from sksemi import ACOLClusterer
from sksemi.inspection import ClusterExamplesDisplay, LatentSpaceDisplay
from sksemi.metrics import clustering_accuracy

digits = load_digits()
X, y = digits.images / 16, digits.target
coarse = (y >= 5).astype(int)
est = ACOLClusterer(10, random_state=0).fit(X, parents=coarse)
print(f"accuracy under matching {clustering_accuracy(y, est.labels_):.3f}")

figure, axes = plt.subplots(1, 2, figsize=(10, 4.6), layout="constrained")
ClusterExamplesDisplay.from_estimator(est, X, order="probability", ax=axes[0])
LatentSpaceDisplay.from_estimator(est, X, y, transformer="tsne", ax=axes[1])
axes[0].set_title("most probable digits of each cluster")
axes[1].set_title("features, by digit")
plt.show()
