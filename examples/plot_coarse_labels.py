"""
From coarse classes to fine ones
================================

Every digit has a coarse label: whether it is below 5. ACOLClusterer takes these as
parents and looks for five clusters inside each; beside it, k-means on the pixels of
each coarse class.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits

from sksemi import ACOLClusterer
from sksemi.inspection import ClusterExamplesDisplay, LatentSpaceDisplay
from sksemi.metrics import clustering_accuracy

X, y = load_digits(return_X_y=True)
X = X / 16
coarse = (y >= 5).astype(int)
est = ACOLClusterer(10, random_state=0).fit(X, parents=coarse)

kmeans = np.empty_like(y)
for parent in (0, 1):
    clusters = KMeans(5, n_init=10, random_state=0).fit_predict(X[coarse == parent])
    kmeans[coarse == parent] = 5 * parent + clusters
print(f"accuracy under matching {clustering_accuracy(y, est.labels_):.3f}")
print(f"k-means in each coarse class {clustering_accuracy(y, kmeans):.3f}")

figure, axes = plt.subplots(1, 2, figsize=(10, 4.6), layout="constrained")
ClusterExamplesDisplay.from_estimator(
    est, X, order="probability", image_shape=(8, 8), ax=axes[0]
)
LatentSpaceDisplay.from_estimator(est, X, y, transformer="tsne", ax=axes[1])
axes[0].set_title("most probable digits of each cluster")
axes[1].set_title("features, by digit")
plt.show()
