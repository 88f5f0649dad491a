"""
Clusters without labels
=======================

CatVAEClusterer on scikit-learn's digits, without labels: the most probable digits of
each cluster, and how the clusters match the true digits.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits
from sklearn.metrics import ConfusionMatrixDisplay

from sksemi import CatVAEClusterer
from sksemi.inspection import ClusterExamplesDisplay
from sksemi.metrics import clustering_accuracy

X, y = load_digits(return_X_y=True)
X = X / 16
est = CatVAEClusterer(10, random_state=0).fit(X)
kmeans = KMeans(10, n_init=10, random_state=0).fit(X)
print("accuracy under the best matching")
for name, labels in (("CatVAEClusterer", est.labels_), ("KMeans", kmeans.labels_)):
    print(f"{name:16} {clustering_accuracy(y, labels):.3f}")

figure, axes = plt.subplots(1, 2, figsize=(10, 4.6), layout="constrained")
ClusterExamplesDisplay.from_estimator(
    est, X, order="probability", image_shape=(8, 8), ax=axes[0]
)
axes[0].set_title("most probable digits of each cluster")

# clusters in the order of the digit that most of their rows are
main_digit = [
    np.bincount(y[est.labels_ == k], minlength=10).argmax() for k in range(10)
]
rank = np.argsort(np.argsort(main_digit, kind="stable"))
ConfusionMatrixDisplay.from_predictions(
    y, rank[est.labels_], ax=axes[1], cmap="Blues", colorbar=False
)
axes[1].set(xlabel="cluster", ylabel="digit", title="digits by cluster")
plt.show()
