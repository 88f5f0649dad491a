"""
A latent space, and early stopping
==================================

GMVAEClusterer on scikit-learn's digits with 50 labels, stopped when the accuracy on 100
labeled validation rows has not improved for ten epochs: its features by PCA and by
t-SNE, colored by digit, and the terms of the loss per epoch.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from sksemi import GMVAEClusterer
from sksemi.callbacks import EarlyStopping
from sksemi.datasets import mask_labels
from sksemi.inspection import HistoryDisplay, LatentSpaceDisplay

X, y = load_digits(return_X_y=True)
X_train, X_valid, y_train, y_valid = train_test_split(
    X / 16, y, test_size=100, random_state=0, stratify=y
)
y_partial = mask_labels(y_train, 50, random_state=0)

stopping = EarlyStopping(validation_data=(X_valid, y_valid), patience=10)
est = GMVAEClusterer(random_state=0).set_callbacks(stopping)
est.fit(X_train, y_partial)
print(
    f"{est.n_iter_} epochs, the weights of epoch {stopping.best_epoch_ + 1} are kept: "
    f"accuracy {stopping.best_value_:.3f} on the validation rows"
)

# %%
# Features
# --------

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.4), layout="constrained")
LatentSpaceDisplay.from_estimator(est, X_train, y_train, ax=left, legend=False)
LatentSpaceDisplay.from_estimator(est, X_train, y_train, transformer="tsne", ax=right)
left.set_title("PCA")
right.set_title("t-SNE")
plt.show()

# %%
# Terms of the loss
# -----------------

figure, axes = plt.subplots(2, 3, figsize=(10, 5), layout="constrained")
names = ["reconstruction", "gaussian", "categorical", "assignment", "metric"]
HistoryDisplay.from_estimator(est, names=[*names, "validation_score"], ax=axes)
plt.show()
