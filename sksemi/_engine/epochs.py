"""What happens around the epochs of a fit: restarts, callbacks, stopping, Ctrl-C."""

import copy
import dataclasses
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from joblib import effective_n_jobs
from sklearn.utils.parallel import Parallel, delayed
from torch import nn

from sksemi._engine.resuming import Progress
from sksemi._engine.seeds import reseed, seeded, set_rng_state
from sksemi._engine.streaming import STEPS_PER_EPOCH
from sksemi._engine.training import conclude, evaluate, map_tensors, restore, train
from sksemi._nn.precision import moved
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
        self.kept, self.lowest = None, np.inf  # the best Trained so far, its loss
        self.epochs = None  # of the training under way
        self.number = 0  # of that training

    def run(self):
        """Train once, or ``n_init`` times; keep the lowest loss of an evaluation."""
        if self._in_processes():
            # not under torch's generators: workers may be threads, which need them
            self._run_in_processes()
            return
        with seeded(self.plan.seed, self.plan.device):
            if self.plan.n_init == 1:
                self.kept = self._train(self.task)
            else:
                self._run_in_turn()

    def _run_in_turn(self):
        resume = self.plan.resume
        if resume is not None:
            self.number = resume.progress.restart
            self._restore_best(resume.progress.best)
        for number in range(self.number, self.plan.n_init):
            self.number = number
            reseed(self._seed_of(number), self.plan.device)
            with seeded(None, self.plan.device):
                task = self._task()
                task.call_on_fit_task_begin(
                    estimator=self.estimator, X=self.X, y=self.y
                )
            trained = self._train(task)
            if trained.state["interrupted"]:
                # an unfinished restart does not compete with whole ones
                self.kept = self.kept or trained
                return
            loss = self._loss(trained.model)
            if self.kept is None or loss < self.lowest:
                self.lowest, self.kept = loss, trained
            with seeded(None, self.plan.device):
                stop = task.call_on_fit_task_end(
                    estimator=self.estimator, X=self.X, y=self.y
                )
            if self.plan.ranks.any(stop):
                return

    def _in_processes(self):
        """Whether restarts run side by side: where nothing watches or joins them."""
        plan, callbacks = self.plan, getattr(self.estimator, "_skl_callbacks", ())
        alone = plan.resume is None and plan.ranks.size == 1 and not callbacks
        return plan.n_init > 1 and alone and self._n_jobs() > 1

    def _n_jobs(self):
        return min(effective_n_jobs(self.estimator.n_jobs), self.plan.n_init)

    def _run_in_processes(self):
        # the rows go as arrays, which processes share, and become the data there
        plan = dataclasses.replace(self.plan, data=None)
        parallel = Parallel(
            n_jobs=self._n_jobs(),
            return_as="generator",  # in turn; Ctrl-C keeps the best so far
            mmap_mode="c",
        )
        jobs = (
            delayed(_train_alone)(self.estimator, plan, self._task(), number)
            for number in range(plan.n_init)
        )
        for found in parallel(jobs):
            if self.kept is None or found["loss"] < self.lowest:
                self._restore_best(found)

    def _task(self):
        return self.task.subcontext("restart", max_subtasks=self.plan.max_iter)

    def _seed_of(self, number):
        """Seed of a restart: that of the fit for the first."""
        if number == 0:
            return self.plan.seed
        rng = np.random.default_rng([self.plan.seed, number])
        return int(rng.integers(np.iinfo(np.int32).max))

    def _loss(self, model):
        """Return what restarts are compared by."""
        plan = self.plan
        with seeded(plan.seed, plan.device):
            loss = evaluate(
                model,
                plan.data,
                batch_size=plan.batch_size,
                epoch=plan.max_iter,
                weights=plan.weights,
                pool=plan.pool,
            )
        return float(np.mean(plan.ranks.gather(loss)))

    def _train(self, task):
        """Train a new model, or the one to go on with."""
        plan, resume = self.plan, self.plan.resume
        if self.epochs is not None:
            resume = None  # that was the restart before
        model = self.estimator._new_module(plan.config)
        if resume is not None:
            model.load_state_dict(resume.weights)
        model = moved(model, plan.device)
        self.epochs = Epochs(self.estimator, model, task, self, resume)
        if self.epochs.finished:
            state = resume.state
            self.epochs.end(state)
            plan.ranks.once(partial(conclude, model, plan.data), model)
            return Trained(model, state | {"interrupted": False}, self.epochs.history)
        n_before = len(self.epochs.history)
        with plan.ranks.noting_interrupts():
            state, rows = train(
                model,
                plan.data,
                max_iter=plan.max_iter - self.epochs.n_done,
                batch_size=plan.batch_size,
                learning_rate=self.estimator._learning_rate,
                weights=plan.weights,
                pool=plan.pool,
                steps_per_epoch=None if plan.stream is None else STEPS_PER_EPOCH,
                state=None if resume is None else resume.state,
                after_epoch=self.epochs,
                ranks=plan.ranks,
                seed=plan.seed,
            )
        history = self.epochs.history
        # Ctrl-C may have come before the last row was passed on
        history += [dict(row) for row in rows[len(history) - n_before :]]
        return Trained(model, state, history)

    def _restore_best(self, best):
        """Take up the best restart before a fit was cut off, or of other processes."""
        if best is None:
            return
        with seeded(None, self.plan.device):  # a new module draws weights
            model = self.estimator._new_module(self.plan.config)
        model.load_state_dict(best["weights"])
        self.lowest = best["loss"]
        model = moved(model, self.plan.device).eval()
        self.kept = Trained(model, best["state"], best["history"])

    def progress(self):
        """Where the fit is, after the last whole epoch."""
        best = None if self.kept is None else _described(self.kept, self.lowest)
        epochs = self.epochs
        return Progress(
            seed=self.plan.seed,
            n_init=self.plan.n_init,
            fingerprint=self.plan.fingerprint(),
            restart=self.number,
            n_done=epochs.n_done,
            finished=epochs.finished,
            best=best,
            kept=epochs.kept,
            no_change=(epochs.best, epochs.n_worse),
            memory=epochs.memory,
        )

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
            with seeded(None, self.plan.device):
                restore(model, state, self.plan.device)
                conclude(model, self.plan.data)
            state = state | {"interrupted": True}
            self.kept = Trained(model, state, self.epochs.history)
        warn_user(
            f"Training interrupted by user after {len(self.kept.history)} whole epochs."
        )


def _described(trained, loss):
    """Return a restart as plain values and tensors."""
    return {
        "loss": loss,
        "weights": trained.model.state_dict(),
        "state": trained.state,
        "history": trained.history,
    }


def _train_alone(estimator, plan, task, number):
    """Train one restart, in another process.

    Returns
    -------
    dict
        As `_described`, with tensors on the CPU.
    """
    plan.data = estimator._data(plan.rows, plan.device)
    restarts = Restarts(estimator, plan, task, None, None)
    with seeded(restarts._seed_of(number), plan.device):
        trained = restarts._train(task)
        described = _described(trained, restarts._loss(trained.model))
    return map_tensors(torch.Tensor.cpu, described)


class Epochs:
    """The owner of a training's history: callbacks, printing, early stopping.

    Parameters
    ----------
    estimator : estimator
        The one under fit.
    model : nn.Module
    task : CallbackContext
        Of the training.
    restarts : Restarts
    resume : Resume or None

    Attributes
    ----------
    memory : dict
        For callbacks: plain values that a checkpoint saves, and that are there again
        when the training goes on.
    """

    def __init__(self, estimator, model, task, restarts, resume):
        self.estimator, self.model, self.task = estimator, model, task
        self.restarts, self.plan = restarts, restarts.plan
        self.X, self.y = restarts.X, restarts.y
        self.history = [] if resume is None else list(resume.history)
        self.state = None  # after the last whole epoch
        self.n_done, self.finished = 0, False
        self.best, self.n_worse = np.inf, 0
        self.kept = None  # the state that training ends with, if not the last
        self.memory = {}
        self.savers = []
        self.snapshot = None
        progress = None if resume is None else resume.progress
        if progress is not None:
            self.n_done = progress.n_done
            self.finished = progress.finished or self.n_done >= self.plan.max_iter
            self.best, self.n_worse = progress.no_change
            self.kept, self.memory = progress.kept, progress.memory
        estimator._epochs = self
        if resume is not None:
            estimator.history_ = self._rows()
        if not self.finished:
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
        # For callbacks, which add to it by `add` alone. Not as the task's metadata:
        # scikit-learn's ScoringMonitor hands that to its scorers, as it would sample
        # weights.
        est.history_ = self._rows()
        self.own_names = set(row)
        self.savers, self.snapshot = [], None
        with seeded(None, self.plan.device):
            stop = self.epoch_task.call_on_fit_task_end(
                estimator=est,
                X=self.X,
                y=self.y,
                reconstruction_attributes=self._snapshot,
            )
        if est.verbose and self.plan.ranks.rank == 0:
            terms = ", ".join(
                f"{name} = {value:.4g}"
                for name, value in self.history[-1].items()
                if name not in ("epoch", "seconds")
            )
            print(
                f"Epoch {row['epoch'] + 1}, {terms} ({row['seconds']:.2f} s)",
                flush=True,
            )
        stop = self.plan.ranks.any(stop or self._no_change(row))
        self.finished = stop or self.n_done >= self.plan.max_iter
        for save in self.savers if self.plan.ranks.rank == 0 else []:
            with seeded(None, self.plan.device):
                save(self._checkpoint)
        if self.finished:
            self.end(state)
        else:
            self._begin()
        self.plan.ranks.raise_interrupt()
        return stop

    def end(self, state):
        """Give the model the weights that training ends with."""
        # with the random state of then, for what it does after training
        restore(self.model, self.kept or state, self.plan.device)

    def _rows(self):
        return [dict(row) for row in self.history]

    def add(self, values):
        """Add values to the row of the epoch that has just ended.

        Raises
        ------
        ValueError
            If no epoch has, or training itself has written one of these names.
        """
        if self.state is None:
            raise ValueError("No epoch of this fit has ended yet.")
        taken = sorted(self.own_names.intersection(values))
        if taken:
            raise ValueError(
                f"Training has written {', '.join(taken)} into history_ itself. Choose "
                "another name."
            )
        self.history[-1] |= values
        self.estimator.history_[-1] |= values

    def save_by(self, save):
        """Have a callback's function called when all have seen this epoch.

        It is given a function that returns the estimator as fitted so far, with all
        that its fit needs to go on.
        """
        self.savers.append(save)

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
        if self.snapshot is None:
            model = copy.deepcopy(self.model)
            with seeded(None, self.plan.device):
                set_rng_state(self.state["rng"], self.plan.device)
                conclude(model, self.plan.data)
            self.snapshot = self.estimator._fitted_attributes(
                Trained(model, self.state, self.history), self.plan
            )
        # the rows that callbacks see, so that what they add is in fitted_estimator's
        return self.snapshot | {"history_": list(self.estimator.history_)}

    def _checkpoint(self):
        """Estimator as fitted so far, with all that its fit needs to go on."""
        est = self.estimator._view()
        for name in ("_epochs", "_skl_callbacks"):
            vars(est).pop(name, None)
        vars(est).update(self._snapshot() | {"history_": self._rows()})
        if self.plan.stream is not None:  # whole after every call
            return est
        progress = vars(self.restarts.progress())
        est._progress = map_tensors(
            lambda t: t.detach().cpu(), {"state": self.state, "progress": progress}
        )
        return est
