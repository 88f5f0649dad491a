"""What fit costs over a bare PyTorch loop: the same networks, batches and optimizer.

    python examples/benchmarks/overhead.py [--network conv] [--device cuda] [--quick]

Both run in turns in one process. fit includes everything: checks of X and y, the
labels of the training rows, history and callbacks. The bare loop has one shuffle per
epoch, and one index and step per batch. Prints the ratio of the shortest of five rounds
last; times are processor times on a CPU, else by the clock.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import torch

from sksemi import GMVAEClusterer
from sksemi._engine.data import Batch
from sksemi._engine.training import minimized
from sksemi.datasets import mask_labels

sys.path.insert(0, str(Path(__file__).parents[1] / "papers"))
from _common import device_name


def make_data(network, n_rows):
    """Rows near ten random points of the unit cube, 100 of them labeled."""
    rng = np.random.RandomState(0)
    n_features = 784 if network == "conv" else 64
    centers = rng.uniform(size=(10, n_features))
    y = rng.randint(10, size=n_rows)
    X = centers[y] + rng.normal(scale=0.2, size=(n_rows, n_features))
    X = X.clip(0, 1).astype(np.float32)
    if network == "conv":
        X = X.reshape(-1, 1, 28, 28)
    return X, mask_labels(y, 100, random_state=0)


def bare_loop(estimator, X, y_partial, n_epochs, device):
    """Train the network that the estimator would make, with nothing around."""
    torch.manual_seed(0)
    model = estimator._new_module(estimator._config).to(device).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    X = torch.from_numpy(X.reshape(len(X), -1)).to(device)
    y_partial = torch.from_numpy(y_partial).to(device)
    labeled, pool = (y_partial >= 0).nonzero()[:, 0], (y_partial < 0).nonzero()[:, 0]
    y = y_partial[labeled]
    n_pool = estimator.batch_size - len(labeled)
    n_steps = -(-len(pool) // n_pool)
    n_extra = len(labeled) - round(len(labeled) * n_pool / len(pool))
    weights = estimator._weights(estimator._auto_weights(None, estimator._config))
    for epoch in range(n_epochs):
        # completed from another permutation, so that every batch is whole
        order = torch.cat(
            [pool[torch.randperm(len(pool), device=device)] for _ in range(2)]
        )
        epoch = torch.tensor(float(epoch), device=device)
        for step in range(n_steps):
            index = torch.cat([labeled, order[step * n_pool : (step + 1) * n_pool]])
            loss = model.loss(Batch(X[index], y, n_extra=n_extra), epoch)
            optimizer.zero_grad()
            minimized(loss, weights).backward()
            optimizer.step()
    model.cpu()  # waits for a GPU, as fit does


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--network", choices=["mlp", "conv"], default="mlp")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rows", type=int)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--quick", action="store_true", help="three short rounds")
    parser.add_argument("--fail-above", type=float, help="exit with 1 above this ratio")
    args = parser.parse_args()
    n_rows = args.rows or (2_000 if args.network == "conv" else 10_000)
    n_epochs = args.epochs or (2 if args.quick else 5)
    X, y_partial = make_data(args.network, n_rows)
    estimator = GMVAEClusterer(
        max_iter=n_epochs, batch_size=200, random_state=0, device=args.device
    )
    estimator.fit(X[:1000], y_partial[:1000])  # warm up, and make the arguments
    estimator.fit(X, y_partial)
    bare_loop(estimator, X, y_partial, n_epochs, args.device)
    print(
        f"{args.network}, {n_rows} rows, {n_epochs} epochs of batch 200, "
        f"torch {torch.__version__}, {device_name(args.device)}"
    )
    # on a CPU processor time, which other work on the machine lengthens less
    on_cpu = torch.device(args.device).type == "cpu"
    clock = time.process_time if on_cpu else time.perf_counter
    bare, fit = [], []
    for _ in range(3 if args.quick else 5):
        start = clock()
        bare_loop(estimator, X, y_partial, n_epochs, args.device)
        middle = clock()
        estimator.fit(X, y_partial)
        bare.append(middle - start)
        fit.append(clock() - middle)
        print(
            f"bare loop {bare[-1]:.2f} s, fit {fit[-1]:.2f} s, "
            f"{n_rows * n_epochs / fit[-1]:.0f} training rows per second"
        )
    ratio = min(fit) / min(bare)
    print(f"ratio {ratio:.3f}")
    return args.fail_above is not None and ratio > args.fail_above


if __name__ == "__main__":
    sys.exit(main())
