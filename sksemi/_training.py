"""The training loop: minibatches, steps, epochs.

It knows nothing of a model but its contract:

- ``loss(x, y, epoch)`` returns ``(terms, monitors)``, dicts of 0-d tensors by name;
  the sum of the terms is minimized, monitors are only logged. ``y`` holds the labels
  of the first ``len(y)`` rows of ``x``; the other rows are unlabeled. Where the data
  have coarse labels, those of all rows of ``x`` are passed as ``parents``.
- ``before_epoch(batches, epoch)`` and ``after_training(batches)``, both optional,
  are given the training rows in order as an iterable of ``(x, y)``, with -1 in ``y``
  for unlabeled rows; its ``parents`` are their coarse labels, or None.
"""

import math
import time
import warnings
from typing import NamedTuple

import torch

SCAN_BATCH = 1024


class Data(NamedTuple):
    """Training rows as tensors.

    ``x`` (n_rows, n_features) keeps the type it came in and may lie on another device
    than ``y`` (n_rows,) of int64, which has -1 for unlabeled rows; ``scale`` divides
    ``x`` when a batch is made. ``parents`` (n_rows,) of int64 are coarse labels of all
    rows, where there are any.
    """

    x: torch.Tensor
    y: torch.Tensor
    scale: float
    parents: torch.Tensor | None = None

    def rows(self, index):
        """Rows as float32 on the training device: (n,) -> (n, n_features)."""
        x = self.x[index.to(self.x.device)].to(self.y.device, torch.float32)
        return x if self.scale == 1 else x / self.scale

    def loss(self, model, index, y, epoch):
        """Terms and monitors of a model over a batch of these rows."""
        x = self.rows(index)
        if self.parents is None:
            return model.loss(x, y, epoch)
        return model.loss(x, y, epoch, self.parents[index])

    def __len__(self):
        """Count the parts that `__iter__` yields."""
        return math.ceil(len(self.y) / SCAN_BATCH)

    def __iter__(self):
        """Yield all rows in order, as ``(x, y)``, in parts of nearly equal size."""
        n = len(self.y)
        rows = torch.arange(n, device=self.y.device)
        # equal, because a part of one row would have no batch statistics
        for index in rows.tensor_split(len(self)):
            yield self.rows(index), self.y[index]


class Minibatches:
    """Row numbers of one training step after another, all steps of the same shape.

    A step has ``n_labeled = min(batch_size // 2, n)`` of the n labeled rows, drawn
    balanced over the classes, and fills up from a stream of permutations of the pool:
    the unlabeled rows, or all rows. With every row labeled and a pool of unlabeled
    rows, the stream runs over the labeled ones. The last step of an epoch is completed
    from the next permutation.

    Parameters
    ----------
    y : Tensor of shape (n_rows,)
        Labels, -1 where there is none.
    batch_size : int
    pool : {"unlabeled", "all"}, default="unlabeled"
    """

    def __init__(self, y, batch_size, pool="unlabeled"):
        self.y = y
        everything = torch.arange(len(y), device=y.device)
        labeled = everything[y >= 0]
        pool = everything if pool == "all" else everything[y < 0]
        self.all_labeled = len(pool) == 0
        if self.all_labeled:
            labeled, pool = pool, labeled
        self.labeled, self.pool = labeled, pool
        self.n_labeled = min(batch_size // 2, len(labeled))
        self.n_pool = min(batch_size - self.n_labeled, len(pool))
        self.n_steps = math.ceil(len(pool) / self.n_pool)
        classes = y[labeled]
        counts = classes.bincount()
        starts = counts.cumsum(0) - counts
        # position of each labeled row within its class, once sorted by class
        self.rank = torch.arange(
            len(labeled), device=y.device
        ) - starts.repeat_interleave(counts)
        self.classes = classes.double()
        self.order = pool[:0]

    def draw(self):
        """Draw one step.

        Returns
        -------
        index : Tensor of shape (n_labeled + n_pool,)
            Rows of the training set, labeled ones first.
        y : Tensor of shape (n_labeled,) or (n_pool,) if every row is labeled
            Labels of the first rows.
        """
        if len(self.order) < self.n_pool:
            shuffled = self.pool[torch.randperm(len(self.pool), device=self.y.device)]
            self.order = torch.cat([self.order, shuffled])
        index, self.order = self.order[: self.n_pool], self.order[self.n_pool :]
        if self.all_labeled:
            return index, self.y[index]
        index = torch.cat([self._draw_labeled(), index])
        return index, self.y[index[: self.n_labeled]]

    def _draw_labeled(self):
        if self.n_labeled == len(self.labeled):
            return self.labeled
        key = torch.rand_like(self.classes)
        by_class = (self.classes + key).argsort()
        # every class gives its first row before any gives its second
        order = (self.rank + key[by_class]).argsort()
        return self.labeled[by_class[order[: self.n_labeled]]]


def map_tensors(function, tree, kind=torch.Tensor):
    """Apply a function to every tensor in nested dicts, lists and tuples."""
    if isinstance(tree, kind):
        return function(tree)
    if isinstance(tree, dict):
        return {key: map_tensors(function, value, kind) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return type(tree)(map_tensors(function, value, kind) for value in tree)
    return tree


def get_rng_state(device):
    """State of the generators that training on a device draws from."""
    state = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        state["cuda"] = torch.cuda.get_rng_state(device)
    return state


def set_rng_state(state, device):
    """Put back what `get_rng_state` returned."""
    torch.set_rng_state(state["cpu"])
    if device.type == "cuda" and "cuda" in state:
        torch.cuda.set_rng_state(state["cuda"], device)


def train(
    model,
    data,
    *,
    max_iter,
    batch_size,
    learning_rate,
    pool="unlabeled",
    state=None,
    after_epoch=None,
):
    """Minimize a model's loss by Adam over minibatches.

    Parameters
    ----------
    model : nn.Module
        Trained in place; see the contract at the top of this file.
    data : Data
    max_iter : int
        Number of epochs to run (more, when resuming).
    batch_size : int
        Rows in a step.
    learning_rate : float or callable
        Adam's step size, or a function to it from the epoch's number and the number of
        steps in an epoch.
    pool : {"unlabeled", "all"}, default="unlabeled"
        The rows that an epoch is a pass over: see `Minibatches`.
    state : dict, default=None
        What an earlier call returned; with the model as that call left it, training
        goes on as if it had never stopped. With "epoch" alone, it goes on from that
        epoch with a fresh optimizer.
    after_epoch : callable, default=None
        Called with the epoch's row of the history and the state; returns True to stop.

    Returns
    -------
    state : dict
        Epoch, optimizer, permutation and random number generators, and whether
        Ctrl-C ended the run after its last whole epoch.
    history : list of dict
        One row per epoch: the epoch's number, the mean of each term and monitor over
        its steps, and the seconds it took.

    Raises
    ------
    FloatingPointError
        If a term of the loss is no longer finite.
    """
    device = data.y.device
    batches = Minibatches(data.y, batch_size, pool)
    # A tensor, so that a step captured once sees a later change of the rate.
    rate = torch.zeros((), device=device)
    optimizer = torch.optim.Adam(model.parameters(), lr=rate, fused=True)
    first = 0
    if state is not None:
        first = state["epoch"]
    if state is not None and "optimizer" in state:
        state = map_tensors(torch.clone, state)
        optimizer.load_state_dict(state["optimizer"])
        # A copy from a file is in another memory order than channels_last weights,
        # and fused Adam goes by memory.
        for weight, moments in optimizer.state.items():
            for name, value in moments.items():
                if value.shape == weight.shape:
                    moments[name] = torch.empty_like(weight).copy_(value)
        for group in optimizer.param_groups:
            group["lr"] = rate
        if torch.equal(state["pool"].to(device), batches.pool):
            batches.order = state["order"].to(device)
        set_rng_state(state["rng"], device)

    def get_state(epoch):
        return {
            "epoch": epoch,
            "optimizer": optimizer.state_dict(),
            "pool": batches.pool,
            "order": batches.order,
            "rng": get_rng_state(device),
        }

    # An interrupted epoch is undone, so that what is kept is whole.
    whole = None
    interrupted = False
    history = []
    epoch_tensor = torch.zeros((), device=device)
    try:
        for epoch in range(first, first + max_iter):
            start = time.perf_counter()
            epoch_tensor.fill_(epoch)
            rate.fill_(
                learning_rate(epoch, batches.n_steps)
                if callable(learning_rate)
                else learning_rate
            )
            if hasattr(model, "before_epoch"):
                model.before_epoch(data, epoch)
            model.train()
            totals = 0
            for _ in range(batches.n_steps):
                index, y = batches.draw()
                terms, monitors = data.loss(model, index, y, epoch_tensor)
                values = torch.stack([*terms.values(), *monitors.values()])
                optimizer.zero_grad()
                values[: len(terms)].sum().backward()
                optimizer.step()
                totals = totals + values.detach()
            names = [*terms, *monitors]
            means = (totals / batches.n_steps).tolist()
            row = {"epoch": epoch, **dict(zip(names, means, strict=True))}
            _check_finite({name: row[name] for name in terms}, epoch)
            row["seconds"] = time.perf_counter() - start
            now = (model.state_dict(), get_state(epoch + 1))
            whole = map_tensors(torch.clone, now)
            history.append(row)
            if after_epoch is not None and after_epoch(row, whole[1]):
                break
    except KeyboardInterrupt:
        if whole is None:
            raise
        warnings.warn(
            f"Training interrupted by user after {len(history)} whole epochs.",
            stacklevel=2,
        )
        model.load_state_dict(whole[0])
        set_rng_state(whole[1]["rng"], device)  # for what after_training draws
        interrupted = True
    if hasattr(model, "after_training"):
        model.after_training(data)
    model.eval()
    return whole[1] | {"interrupted": interrupted}, history


@torch.no_grad()
def evaluate(model, data, *, batch_size, epoch, pool="unlabeled"):
    """Mean loss over one epoch of minibatches, in evaluation mode.

    Parameters
    ----------
    model : nn.Module
    data : Data
    batch_size : int
    epoch : int
        The epoch at which schedules are read.
    pool : {"unlabeled", "all"}, default="unlabeled"

    Returns
    -------
    float
    """
    model.eval()
    batches = Minibatches(data.y, batch_size, pool)
    epoch = torch.tensor(float(epoch), device=data.y.device)
    total = 0
    for _ in range(batches.n_steps):
        index, y = batches.draw()
        terms, _ = data.loss(model, index, y, epoch)
        total = total + sum(terms.values())
    return float(total / batches.n_steps)


def _check_finite(terms, epoch):
    bad = [name for name, value in terms.items() if not math.isfinite(value)]
    if bad:
        raise diverged(
            f"The loss became non-finite in epoch {epoch} ({', '.join(bad)})"
        )


def diverged(what):
    """Make the error of a training that left the finite numbers."""
    return FloatingPointError(
        f"{what}. Try a smaller learning_rate, scale X (StandardScaler or "
        "MinMaxScaler), or lower the weights of the terms of the loss."
    )
