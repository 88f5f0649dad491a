"""Write a file of every class by this version, for test_files.py to load ever after.

    python tests/contract/files/make.py

Run it once for a release. A development version's files may be written anew.
"""

import sys
import zipfile
from pathlib import Path

import joblib
import numpy as np
import skops.io

import sksemi

SMALL = {
    "ACOLClusterer": {"n_duplicates": 3, "feature_dim": 4},
    "CaGeMGenerator": {"hidden_layer_sizes": (4,), "z1_dim": 3, "z2_dim": 2},
    "CatVAEClusterer": {"feature_dim": 4},
    "GMVAEClusterer": {"feature_dim": 4, "latent_dim": 2},
    "M2Generator": {"feature_dim": 4, "latent_dim": 2},
}


def main():
    folder = Path(__file__).parent / sksemi.__version__
    folder.mkdir(exist_ok=True)
    rng = np.random.RandomState(0)
    y = np.arange(60) % 3
    X = (3 * np.eye(6)[y] + rng.normal(size=(60, 6))).astype(np.float32)
    arrays = {"X": X[:10]}
    for name in sksemi.__all__:
        est = getattr(sksemi, name)(3, hidden_layer_sizes=(8,), device="cpu")
        est.set_params(**SMALL.get(name, {}), max_iter=2, random_state=0)
        est.fit(X, np.where(np.arange(60) < 20, y, -1))
        file = folder / f"{name}.skops"
        skops.io.dump(est, file, compression=zipfile.ZIP_DEFLATED)
        joblib.dump(est, folder / f"{name}.joblib", compress=3)
        arrays[f"{name} proba"] = est.predict_proba(X[:10])
        arrays[f"{name} features"] = est.transform(X[:10])
    np.savez_compressed(folder / "results.npz", **arrays)


if __name__ == "__main__":
    sys.exit(main())
