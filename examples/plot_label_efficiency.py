"""
How many labels it takes
========================

Test accuracy on scikit-learn's digits by the number of labels, of CatVAEClusterer on
the rows as a table, of LabelSpreading, and of an SVC on the labels alone. One split
and one draw of labels each: differences of a point or two mean nothing.
"""

import warnings

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.semi_supervised import LabelSpreading
from sklearn.svm import SVC

from sksemi import CatVAEClusterer
from sksemi.datasets import mask_labels

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X / 16, y, train_size=1400, random_state=0, stratify=y
)
numbers = [20, 50, 100, 200]
scores = {"CatVAEClusterer": [], "LabelSpreading": [], "SVC on the labels": []}
for n_labels in numbers:
    y_partial = mask_labels(y_train, n_labels, random_state=0)
    known = y_partial >= 0
    models = [
        CatVAEClusterer(random_state=0).fit(X_train, y_partial),
        LabelSpreading(kernel="knn"),
        SVC().fit(X_train[known], y_partial[known]),
    ]
    with warnings.catch_warnings():
        # LabelSpreading divides by 0 for rows that no label has reached
        warnings.filterwarnings("ignore", message="invalid value encountered in divide")
        models[1].fit(X_train, y_partial)
        for values, model in zip(scores.values(), models, strict=True):
            values.append(model.score(X_test, y_test))

figure, ax = plt.subplots(figsize=(6, 4), layout="constrained")
for name, values in scores.items():
    ax.plot(numbers, values, "o-", label=name)
ax.set(xscale="log", xlabel="labels among 1,400 rows", ylabel="test accuracy")
ax.set_xticks(numbers, numbers)
ax.minorticks_off()
ax.legend()
plt.show()
