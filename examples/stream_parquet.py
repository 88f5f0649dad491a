"""Train on a Parquet file part by part, and continue after a break.

    python examples/stream_parquet.py [--passes 20]

writes scikit-learn's digits, 50 of them with a label, to a file, and passes over it in
parts of 75 rows. A checkpoint is written after every part; here the second half of the
passes continues from it, as a new process would after a crash. Needs pyarrow and skops.
"""

import argparse
import tempfile
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from sksemi import GMVAEClusterer
from sksemi.callbacks import Checkpoint
from sksemi.datasets import mask_labels


def pass_over(est, path):
    """Train on every part of the file, once."""
    for batch in pq.ParquetFile(path).iter_batches(75):
        part = batch.to_pandas()
        est.partial_fit(part.drop(columns="label"), part["label"], classes=range(10))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--passes", type=int, default=20)
    args = parser.parse_args()
    X, y = load_digits(return_X_y=True, as_frame=True)
    X, X_test, y, y_test = train_test_split(
        X / 16, y, train_size=1500, random_state=0, stratify=y
    )
    with tempfile.TemporaryDirectory() as folder:
        rows, saved = Path(folder) / "rows.parquet", Path(folder) / "fit.skops"
        labels = mask_labels(y.to_numpy(), 50, random_state=0)
        pd.DataFrame(X).assign(label=labels).to_parquet(rows)
        est = GMVAEClusterer(random_state=0).set_callbacks(Checkpoint(saved))
        for _ in range(args.passes // 2):
            pass_over(est, rows)
        est = Checkpoint.load(saved)
        for _ in range(args.passes - args.passes // 2):
            pass_over(est, rows)
    print(f"{est.n_iter_} parts, accuracy {est.score(X_test, y_test):.3f}")


if __name__ == "__main__":
    main()
