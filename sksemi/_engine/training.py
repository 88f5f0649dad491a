"""The training loop: steps and epochs.

It knows nothing of a model but its contract:

- ``loss(batch, epoch)`` returns a `Loss` for a `Batch`; ``epoch`` is a 0-d tensor.
- ``before_epoch(data, epoch)`` and ``after_training(data)``, both optional, are given
  the `Data`.
"""

import math
from functools import partial
from time import perf_counter
from typing import NamedTuple

import torch

from sksemi._engine.capturing import CapturedStep, is_worth_capturing
from sksemi._engine.data import Minibatches
from sksemi._engine.distributed import Ranks
from sksemi._engine.seeds import get_rng_state, set_rng_state
from sksemi._validation import warn_user


class Loss(NamedTuple):
    """What a model says of a batch: dicts of 0-d tensors by name.

    ``terms`` are unweighted, each in its own unit; ``monitors`` are only logged.
    ``factors`` multiply the weights of the terms that they name, where a schedule or
    the number of rows sets a weight.
    """

    terms: dict
    monitors: dict
    factors: dict = {}


def minimized(loss, weights):
    """Sum of the terms by their weights: the only place that applies them.

    Parameters
    ----------
    loss : Loss
    weights : dict of str to float
        1 for a term that is not in it.

    Returns
    -------
    Tensor of shape ()
    """
    return sum(
        weights.get(name, 1.0) * loss.factors.get(name, 1.0) * term
        for name, term in loss.terms.items()
    )


def map_tensors(function, tree, kind=torch.Tensor):
    """Apply a function to every tensor in nested dicts, lists and tuples."""
    if isinstance(tree, kind):
        return function(tree)
    if isinstance(tree, dict):
        return {key: map_tensors(function, value, kind) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return type(tree)(map_tensors(function, value, kind) for value in tree)
    return tree


class Steps:
    """Optimizer and minibatches of a training, with a state to go on from.

    Parameters
    ----------
    model : nn.Module
    data : Data
    batch_size : int
    pool : {"unlabeled", "all"}
        See `Minibatches`.
    """

    def __init__(self, model, data, batch_size, pool):
        self.device = data.device
        self.batches = Minibatches(data.codes, batch_size, pool, data.n_past)
        # A tensor, so that a step captured once sees a later change of the rate.
        self.rate = torch.zeros((), device=self.device)
        self.optimizer = torch.optim.Adam(model.parameters(), lr=self.rate, fused=True)

    def get_state(self, epoch, time):
        """All that training needs to go on after so many epochs, beside weights."""
        return {
            "epoch": epoch,
            "time": time,
            "optimizer": self.optimizer.state_dict(),
            "pool": self.batches.pool,
            "order": self.batches.order,
            "blocks": self.batches.blocks,
            "rng": get_rng_state(self.device),
        }

    def set_state(self, state):
        """Go on from what `get_state` returned; "epoch" alone starts anew."""
        if "optimizer" not in state:
            return
        state = map_tensors(torch.clone, state)
        self.optimizer.load_state_dict(state["optimizer"])
        # A copy from a file is in another memory order than channels_last weights,
        # and fused Adam goes by memory.
        for weight, moments in self.optimizer.state.items():
            for name, value in moments.items():
                if value.shape == weight.shape:
                    moments[name] = torch.empty_like(weight).copy_(value)
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate
        if torch.equal(state["pool"].to(self.device), self.batches.pool):
            self.batches.order = state["order"].to(self.device)
            self.batches.blocks = state["blocks"].to(self.device)
        set_rng_state(state["rng"], self.device)


class TrainingStep:
    """One step: the loss of a batch, its gradients, and new weights.

    Parameters
    ----------
    model : nn.Module
    optimizer : Optimizer
    weights : dict of str to float
        Of the terms of the loss.
    epoch : Tensor of shape ()
        The time that schedules go by.
    ranks : Ranks

    Attributes
    ----------
    names, terms : list of str
        Of the values that a call returns, and of those among them that are minimized
        or part of it.
    """

    def __init__(self, model, optimizer, weights, epoch, ranks):
        self.model, self.optimizer, self.weights = model, optimizer, weights
        self.epoch, self.ranks = epoch, ranks
        self.parameters = [p for p in model.parameters() if p.requires_grad]

    def __call__(self, batch):
        """Take a step, and return its values: (n_values,)."""
        loss = self.model.loss(batch, self.epoch)
        total = minimized(loss, self.weights)
        self.optimizer.zero_grad()
        total.backward()
        self.ranks.average([parameter.grad for parameter in self.parameters])
        self.optimizer.step()
        self.terms = ["loss", *loss.terms]
        self.names = [*self.terms, *loss.monitors]
        values = [total, *loss.terms.values(), *loss.monitors.values()]
        return torch.stack(values).detach()


def train(
    model,
    data,
    *,
    max_iter,
    batch_size,
    learning_rate,
    weights=None,
    pool="unlabeled",
    steps_per_epoch=None,
    state=None,
    after_epoch=None,
    ranks=None,
    seed=0,
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
    weights : dict of str to float, default=None
        Of the terms of the loss, 1 for those that are not in it.
    pool : {"unlabeled", "all"}, default="unlabeled"
        The rows that an epoch is a pass over: see `Minibatches`.
    steps_per_epoch : int, default=None
        Steps that schedules count as an epoch; None means those of the pass.
    state : dict, default=None
        What an earlier call returned; with the model as that call left it, training
        goes on as if it had never stopped. With "epoch" alone, it goes on from that
        epoch with a fresh optimizer.
    after_epoch : callable, default=None
        Called with the epoch's row of the history and the state, "weights" of the
        model among it; returns True to stop.
    ranks : Ranks, default=None
        The processes that train together, None for all that there are.
    seed : int, default=0
        Of the draws of several processes.

    Returns
    -------
    state : dict
        Epoch, optimizer, permutation, random number generators and weights after the
        last whole epoch, and whether Ctrl-C ended the run there ("interrupted").
    history : list of dict
        One row per epoch: the epoch's number, the means over its steps of what was
        minimized ("loss") and of each term and monitor, and the seconds it took.

    Raises
    ------
    FloatingPointError
        If a term of the loss is no longer finite.
    """
    steps, ranks = Steps(model, data, batch_size, pool), ranks or Ranks()
    first = time = 0  # the time that schedules go by, in epochs
    if state is not None:
        first = state["epoch"]
        time = state.get("time", first)
        steps.set_state(state)
    weights = weights or {}
    ranks.share(model)
    n_steps = max(ranks.gather(steps.batches.n_steps))
    epoch_tensor = torch.zeros((), device=steps.device)
    step = TrainingStep(model, steps.optimizer, weights, epoch_tensor, ranks)
    if is_worth_capturing(steps.device, n_steps * max_iter, ranks.size):
        step = CapturedStep(step, steps.device)
    # An interrupted epoch is undone, so that what is kept is whole.
    whole = None
    interrupted = False
    history = []
    try:
        for epoch in range(first, first + max_iter):
            start = perf_counter()
            ranks.begin_epoch(epoch, seed, steps.batches)
            epoch_tensor.fill_(time)
            steps.rate.fill_(
                learning_rate(time, steps_per_epoch or n_steps)
                if callable(learning_rate)
                else learning_rate
            )
            if hasattr(model, "before_epoch"):
                ranks.once(partial(model.before_epoch, data, epoch), model)
            model.train()
            totals = 0
            for _ in range(n_steps):
                totals = totals + step(data.batch(*steps.batches.draw()))
            ranks.average([totals])
            ranks.share(model)  # statistics of batch norm are each rank's own
            means = (totals / n_steps).tolist()
            row = {"epoch": epoch, **dict(zip(step.names, means, strict=True))}
            _check_finite({name: row[name] for name in step.terms}, epoch)
            row["seconds"] = perf_counter() - start
            time += 1 if steps_per_epoch is None else n_steps / steps_per_epoch
            now = steps.get_state(epoch + 1, time) | {"weights": model.state_dict()}
            pool = now.pop("pool")  # as long as the rows, and never changed
            now = map_tensors(torch.clone, now) | {"pool": pool}
            whole, history = now, [*history, row]  # at once, whenever Ctrl-C falls
            if after_epoch is not None and after_epoch(row, whole):
                break
    except KeyboardInterrupt:
        if whole is None:
            raise
        warn_user(f"Training interrupted by user after {len(history)} whole epochs.")
        restore(model, whole, steps.device)
        interrupted = True
    step = None  # a graph and its memory
    ranks.once(partial(conclude, model, data), model)
    model.eval()
    return whole | {"interrupted": interrupted}, history


def restore(model, state, device):
    """Give a model the weights of a state, and torch what it drew next."""
    model.load_state_dict(state["weights"])
    set_rng_state(state["rng"], device)


def conclude(model, data):
    """Let a model do what it does after training, and make it ready to predict."""
    if hasattr(model, "after_training"):
        model.after_training(data)
    model.eval()


@torch.no_grad()
def evaluate(model, data, *, batch_size, epoch, weights=None, pool="unlabeled"):
    """Mean of what is minimized over one epoch of minibatches, in evaluation mode.

    Parameters
    ----------
    model : nn.Module
    data : Data
    batch_size : int
    epoch : int
        The epoch at which schedules are read.
    weights : dict of str to float, default=None
        Of the terms of the loss, 1 for those that are not in it.
    pool : {"unlabeled", "all"}, default="unlabeled"

    Returns
    -------
    float
    """
    model.eval()
    batches = Minibatches(data.codes, batch_size, pool, data.n_past)
    epoch = torch.full((), float(epoch), device=data.device)
    total = 0
    for _ in range(batches.n_steps):
        loss = model.loss(data.batch(*batches.draw()), epoch)
        total = total + minimized(loss, weights or {})
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
