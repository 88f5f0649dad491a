"""What happens around the epochs of a fit: restarts, callbacks, stopping, Ctrl-C."""

import copy
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from sksemi._engine.seeds import seeded, set_rng_state
from sksemi._engine.training import conclude, evaluate, map_tensors, restore, train
from sksemi._validation import warn_user


class Trained(NamedTuple):
    """What a training leaves: the model, the state to go on from, the history."""

    model: nn.Module
    state: dict
    history: list


class Restarts:
    """The trainings of a fit, of which the best is kept.

    Parameters
    ----------
    estimator : estimator
        The one under fit, which callbacks are shown.
    plan : Plan
        What to train, and how.
    task : CallbackContext
        Of the fit.
    X, y : array-like
        As fit was given them, for callbacks.
    """

    def __init__(self, estimator, plan, task, X, y):
        self.estimator, self.plan, self.task = estimator, plan, task
        self.X, self.y = X, y
        self.kept = None  # the best Trained so far
        self.epochs = None  # of the training under way

    def run(self):
        """Train once, or ``n_init`` times; keep the lowest loss of an evaluation."""
        if self.plan.n_init == 1:
            self.kept = self._train(self.task)
            return
        lowest = np.inf
        for _ in range(self.plan.n_init):
            with seeded(None, self.plan.device):
                task = self.task.subcontext("restart", max_subtasks=self.plan.max_iter)
                task.call_on_fit_task_begin(
                    estimator=self.estimator, X=self.X, y=self.y
                )
            trained = self._train(task)
            if trained.state["interrupted"]:
                # an unfinished restart does not compete with whole ones
                self.kept = self.kept or trained
                return
            with seeded(self.plan.seed, self.plan.device):
                loss = evaluate(
                    trained.model,
                    self.plan.data,
                    batch_size=self.plan.batch_size,
                    epoch=self.plan.max_iter,
                    weights=self.plan.weights,
                    pool=self.plan.pool,
                )
            if self.kept is None or loss < lowest:
                lowest, self.kept = loss, trained
            with seeded(None, self.plan.device):
                stop = task.call_on_fit_task_end(
                    estimator=self.estimator, X=self.X, y=self.y
                )
            if stop:
                return

    def _train(self, task):
        """Train a new model, or the one to go on with."""
        plan, resume = self.plan, self.plan.resume
        model = self.estimator._new_module(plan.config)
        if resume is not None:
            model.load_state_dict(resume.weights)
        model = model.to(plan.device)
        self.epochs = Epochs(self.estimator, model, task, self.X, self.y, plan)
        n_before = len(self.epochs.history)
        state, rows = train(
            model,
            plan.data,
            max_iter=plan.max_iter,
            batch_size=plan.batch_size,
            learning_rate=self.estimator._learning_rate,
            weights=plan.weights,
            pool=plan.pool,
            state=None if resume is None else resume.state,
            after_epoch=self.epochs,
        )
        history = self.epochs.history
        # Ctrl-C may have come before the last row was passed on
        history += [dict(row) for row in rows[len(history) - n_before :]]
        return Trained(model, state, history)

    def interrupt(self):
        """Keep what is whole after Ctrl-C: the best restart, or the last epoch.

        Raises
        ------
        KeyboardInterrupt
            If no epoch is over yet.
        """
        if self.kept is None:
            if self.epochs is None or self.epochs.state is None:
                raise KeyboardInterrupt
            model, state = self.epochs.model, self.epochs.state
            restore(model, state, self.plan.device)
            conclude(model, self.plan.data)
            state = state | {"interrupted": True}
            self.kept = Trained(model, state, self.epochs.history)
        warn_user(
            f"Training interrupted by user after {len(self.kept.history)} whole epochs."
        )


class Epochs:
    """The owner of a training's history: callbacks, printing, early stopping."""

    def __init__(self, estimator, model, task, X, y, plan):
        self.estimator, self.model, self.task = estimator, model, task
        self.X, self.y, self.plan = X, y, plan
        self.history = [] if plan.resume is None else list(plan.resume.history)
        self.state = None  # after the last whole epoch
        self.n_done = 0
        self.best, self.n_worse = np.inf, 0
        self.kept = None  # the state that training ends with, if not the last
        estimator._epochs = self
        self._begin()

    def _begin(self):
        # What a callback draws must not change the training.
        with seeded(None, self.plan.device):
            self.epoch_task = self.task.subcontext("epoch")
            self.epoch_task.call_on_fit_task_begin(
                estimator=self.estimator, X=self.X, y=self.y
            )

    def __call__(self, row, state):
        """End the epoch's task and begin the next; return True to stop."""
        est = self.estimator
        self.n_done += 1
        history = [*self.history, dict(row)]
        self.state, self.history = state, history  # at once, whenever Ctrl-C falls
        # For callbacks. Not as the task's metadata: scikit-learn's ScoringMonitor hands
        # that to its scorers, as it would sample weights.
        est.history_ = self.history
        with seeded(None, self.plan.device):
            stop = self.epoch_task.call_on_fit_task_end(
                estimator=est,
                X=self.X,
                y=self.y,
                reconstruction_attributes=self._snapshot,
            )
        if est.verbose:
            terms = ", ".join(
                f"{name} = {value:.4g}"
                for name, value in self.history[-1].items()
                if name not in ("epoch", "seconds")
            )
            print(
                f"Epoch {row['epoch'] + 1}, {terms} ({row['seconds']:.2f} s)",
                flush=True,
            )
        stop = stop or self._no_change(row)
        if not stop and self.n_done < self.plan.max_iter:
            self._begin()
        elif self.kept is not None:
            # with the random state of then, for what it does after training
            restore(self.model, self.kept, self.plan.device)
        return stop

    def add(self, name, value):
        """Add a value to the last epoch's row of the history."""
        self.history[-1][name] = value

    def keep_weights(self):
        """End with the weights of this epoch, unless asked again."""
        kept = {name: self.state[name] for name in ("weights", "rng")}
        self.kept = map_tensors(torch.clone, kept)

    def _no_change(self, row):
        est = self.estimator
        if est.n_iter_no_change is None or row["epoch"] < est._schedule_length():
            return False
        loss = row["loss"]
        self.n_worse = self.n_worse + 1 if loss > self.best - est.tol else 0
        self.best = min(self.best, loss)
        return self.n_worse >= est.n_iter_no_change

    def _snapshot(self):
        """Attributes of an estimator whose fit had stopped here."""
        model = copy.deepcopy(self.model)
        with seeded(None, self.plan.device):
            set_rng_state(self.state["rng"], self.plan.device)
            conclude(model, self.plan.data)
        return self.estimator._fitted_attributes(
            Trained(model, self.state, list(self.history)), self.plan
        )
