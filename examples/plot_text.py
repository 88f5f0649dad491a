"""
Texts by topic
==============

The documentation of scipy's functions, which every installation has: each paragraph is
a row, and its package is the label, known for 50 rows. TF-IDF and an SVD turn it into a
table. With ten labels per package, both models are wrong on four rows out of ten.
"""

import importlib
import inspect

import matplotlib.pyplot as plt
import numpy as np
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import ConfusionMatrixDisplay
from sklearn.pipeline import make_pipeline

from sksemi import CatVAEClusterer
from sksemi.datasets import mask_labels
from sksemi.inspection import LatentSpaceDisplay

NAMES = ["linalg", "optimize", "signal", "sparse", "stats"]
topic = {}  # by paragraph; those that stand in two places are counted once
for k, name in enumerate(NAMES):
    package = importlib.import_module(f"scipy.{name}")
    for member in sorted(package.__all__):
        paragraphs = (inspect.getdoc(getattr(package, member)) or "").split("\n\n")
        rows = [p for p in paragraphs if len(p.split()) > 20 and ">>>" not in p]
        topic |= dict.fromkeys(rows[:2], k)
texts, y = list(topic), np.array(list(topic.values()))
y_partial = mask_labels(y, 50, random_state=0)
known = y_partial >= 0

rows = make_pipeline(
    TfidfVectorizer(sublinear_tf=True, stop_words="english", min_df=3),
    TruncatedSVD(50, random_state=0),
).fit_transform(texts)
est = CatVAEClusterer(random_state=0).fit(rows, y_partial)
simple = LogisticRegression(C=10).fit(rows[known], y_partial[known])
print(f"{len(texts)} paragraphs, accuracy on those without a label:")
print(f"CatVAEClusterer {est.score(rows[~known], y[~known]):.3f}")
print(f"LogisticRegression on 50 rows {simple.score(rows[~known], y[~known]):.3f}")

figure, axes = plt.subplots(1, 2, figsize=(11, 4.6), layout="constrained")
labels = np.array(NAMES, dtype=object)
LatentSpaceDisplay.from_estimator(est, rows, labels[y], transformer="tsne", ax=axes[0])
axes[0].set_title("features by t-SNE")
ConfusionMatrixDisplay.from_predictions(
    labels[y[~known]],
    labels[est.predict(rows[~known])],
    ax=axes[1],
    cmap="Blues",
    colorbar=False,
    xticks_rotation=45,
)
axes[1].set_title("paragraphs without a label")
plt.show()
