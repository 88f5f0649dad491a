"""
The number of clusters
======================

Digits without labels: the silhouette of k-means in the space of ``transform`` for
several numbers of clusters. There are ten digits.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits

from sksemi import GMVAEClusterer
from sksemi.model_selection import choose_n_clusters

X, _ = load_digits(return_X_y=True)
est = GMVAEClusterer(max_iter=30, random_state=0)
found = choose_n_clusters(est, X / 16, range(2, 21), random_state=0)
print(f"{found.n_clusters} clusters")
figure, ax = plt.subplots(figsize=(5, 3.6), layout="constrained")
ax.plot(found.candidates, found.scores, marker=".")
ax.axvline(found.n_clusters, color="black", linestyle=":")
ax.xaxis.get_major_locator().set_params(integer=True)
ax.set_xlabel("n_clusters")
ax.set_ylabel("silhouette")
plt.show()
