"""
A table with gaps, words and few labels
=======================================

The wine data with missing values and a column of words, 30 rows labeled by name: the
features that CatVAEClusterer learns, and a confusion matrix of the unlabeled rows.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_wine
from sklearn.impute import SimpleImputer
from sklearn.metrics import ConfusionMatrixDisplay
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sksemi import CatVAEClusterer
from sksemi.datasets import mask_labels
from sksemi.inspection import LatentSpaceDisplay

table = load_wine(as_frame=True).frame
number = table.pop("target")
grape = number.map({0: "Barolo", 1: "Grignolino", 2: "Barbera"})
rng = np.random.default_rng(0)
table = table.mask(rng.random(table.shape) < 0.05)
table["region"] = rng.choice(["north", "south"], len(table))

known = mask_labels(number, 30, random_state=0) >= 0
y = grape.astype(object).where(known, -1)
numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
columns = make_column_transformer(
    (numbers, table.columns.drop("region")),
    (OneHotEncoder(sparse_output=False), ["region"]),
)
est = make_pipeline(columns, CatVAEClusterer(random_state=0)).fit(table, y)

figure, axes = plt.subplots(1, 2, figsize=(10, 4.4), layout="constrained")
LatentSpaceDisplay.from_estimator(est, table, grape.to_numpy(object), ax=axes[0])
axes[0].set_title("features by PCA")
ConfusionMatrixDisplay.from_predictions(
    grape[~known], est.predict(table[~known]), ax=axes[1], cmap="Blues", colorbar=False
)
axes[1].set_title(f"{np.sum(~known)} rows without a label")
plt.show()
