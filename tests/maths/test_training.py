"""Minibatches and the loop, with a model whose optimum is known."""

import copy
import pickle

import numpy as np
import pytest
import torch
from torch import nn

from sksemi._engine import data as engine_data
from sksemi._engine.data import Data, Minibatches
from sksemi._engine.hashing import GOLDEN, row_hashes, scrambled
from sksemi._engine.training import Loss, evaluate, train


def make_y(n_unlabeled, *n_per_class):
    labeled = np.repeat(np.arange(len(n_per_class)), n_per_class)
    y = np.r_[labeled, np.full(n_unlabeled, -1)]
    return torch.from_numpy(np.random.RandomState(0).permutation(y))


def test_an_epoch_is_one_pass_over_the_unlabeled_rows():
    """MNIST with 100 labels and batches of 200: 599 steps."""
    y = make_y(59_900, *[10] * 10)
    assert Minibatches(y, 200).n_steps == 599


def test_the_stream_is_one_permutation_after_another():
    torch.manual_seed(0)
    y = make_y(37, 3, 3)
    batches = Minibatches(y, 16)
    assert (batches.n_labeled, batches.n_pool, batches.n_steps) == (6, 10, 4)
    drawn = torch.cat([batches.draw()[0][6:] for _ in range(37)])  # 370 rows
    pool = (y < 0).nonzero()[:, 0]
    for passed in drawn.split(37):
        assert torch.equal(passed.sort().values, pool)
    assert not torch.equal(drawn[:37], drawn[37:74])


@pytest.mark.parametrize("n_unlabeled", [64, 97, 1000])
def test_a_large_pool_is_shuffled_block_by_block(n_unlabeled, monkeypatch):
    """Still every row once a pass; rows of few blocks at a time, in random order."""
    monkeypatch.setattr(engine_data, "SHUFFLED_ROWS", 50)
    monkeypatch.setattr(engine_data, "BLOCK_ROWS", 10)
    torch.manual_seed(0)
    y = make_y(n_unlabeled, 3, 3)
    batches = Minibatches(y, 16)
    n_rows, longest = 0, 0
    drawn = []
    while n_rows < 3 * n_unlabeled:
        drawn.append(batches.draw()[0][6:])
        n_rows += len(drawn[-1])
        longest = max(longest, len(batches.order))
    assert longest < 50 + 10  # so much is ready, and no more
    pool = (y < 0).nonzero()[:, 0]
    passes = torch.cat(drawn)[: 3 * n_unlabeled].split(n_unlabeled)
    place = torch.full((len(y),), -1)
    place[pool] = torch.arange(n_unlabeled)
    for passed in passes:
        assert torch.equal(passed.sort().values, pool)
        blocks = [len(some.unique()) for some in (place[passed] // 10).split(50)]
        assert max(blocks) == 5 or n_unlabeled % 10  # a short one moves the rest
        steps = place[passed].diff()
        assert (steps == 1).float().mean() < 0.2  # else a block would be in order
    assert not torch.equal(passes[0], passes[1])


def test_order_of_rows_by_value():
    """As by the definition: scrambled hash and number among equal rows."""
    x = torch.randint(3, (200, 3), generator=torch.Generator().manual_seed(0)).float()
    for rows in (x, torch.rand(50, 3), torch.ones(9, 3), x[:1]):
        hashes = row_hashes(rows)
        seen, keys = {}, []
        for value in hashes.tolist():
            seen[value] = number = seen.get(value, -1) + 1
            keys.append((value + number * int(GOLDEN)) % 2**64)
        expected = np.argsort(scrambled(np.array(keys, np.uint64)), kind="stable")
        parts = list(Data(rows, torch.full((len(rows),), -1), 1.0).parts())
        index = torch.cat([part.index for part in parts])
        np.testing.assert_array_equal(index, expected)


@pytest.mark.parametrize("batch_size", [2, 7, 20, 500])
@pytest.mark.parametrize("counts", [(0,), (1,), (5, 1, 9), (30, 30), (2,) * 20])
@pytest.mark.parametrize("n_unlabeled", [0, 1, 40])
def test_steps_are_static(n_unlabeled, counts, batch_size):
    y = make_y(n_unlabeled, *counts)
    if len(y) < 2:
        pytest.skip("one row")
    batches = Minibatches(y, batch_size)
    n_labeled = sum(counts) if n_unlabeled else 0
    expected = min(batch_size // 2, n_labeled)
    expected += min(batch_size - expected, n_unlabeled or sum(counts))
    for _ in range(3):
        index, labels, _ = batches.draw()
        assert len(index) == expected
        assert torch.equal(y[index[: len(labels)]], labels)
        assert (labels >= 0).all()
        assert len(labels) == (len(index) if n_unlabeled == 0 else batches.n_labeled)
        assert (y[index[len(labels) :]] == -1).all()


def test_labeled_draws_are_balanced():
    """As equal as the classes allow, whatever their sizes, and without repeats."""
    torch.manual_seed(0)
    y = make_y(100, 50, 3, 20)
    batches = Minibatches(y, 24)
    for _ in range(50):
        index, labels, _ = batches.draw()
        counts = labels.bincount(minlength=3)
        assert counts[1] == 3  # all that there are
        assert counts.sum() == 12
        assert abs(counts[0] - counts[2]) <= 1
        assert len(index[:12].unique()) == 12


def test_labeled_draws_are_uniform_within_a_class():
    """Counts over many draws, within five standard deviations."""
    torch.manual_seed(0)
    y = make_y(100, 10, 10)
    batches = Minibatches(y, 8)
    n = 3000
    counts = torch.cat([batches.draw()[0][:4] for _ in range(n)]).bincount(
        minlength=120
    )
    counts = counts[y >= 0].double()
    assert ((counts - n * 0.2).abs() < 5 * (n * 0.2 * 0.8) ** 0.5).all()


class Mean(nn.Module):
    """Least squares: the optimum is the mean of the rows."""

    def __init__(self):
        super().__init__()
        self.mean = nn.Parameter(torch.zeros(2))
        self.calls = []

    def loss(self, batch, epoch):
        x = batch.x
        noise = 0.01 * torch.randn_like(x)  # so that random state matters
        terms = {"squares": (x + noise - self.mean).square().sum(1).mean()}
        monitors = {
            "epoch_seen": epoch.clone(),
            "labels": torch.tensor(len(batch.y) * 1.0),
        }
        return Loss(terms, monitors)

    def before_epoch(self, data, epoch):
        assert sum(len(part.x) for part in data.parts()) == 40
        self.calls.append(epoch)

    def after_training(self, data):
        self.calls.append("after")


def make_data():
    torch.manual_seed(1)
    return Data(torch.randint(255, (40, 2)).to(torch.uint8), make_y(30, 5, 5), 255.0)


SETTINGS = {"batch_size": 20, "learning_rate": 0.05}


def test_train_reaches_the_optimum():
    data = make_data()
    model = Mean()
    _, history = train(model, data, max_iter=100, **SETTINGS)
    # labeled rows are a third of the rows, and half of every batch
    weight = torch.where(data.codes >= 0, 0.5 / 10, 0.5 / 30)[:, None]
    mean = (weight * data.x / 255).sum(0)
    torch.testing.assert_close(model.mean.detach(), mean, atol=0.02, rtol=0)
    assert model.calls == [*range(100), "after"]
    assert [row["epoch"] for row in history] == list(range(100))
    assert [row["epoch_seen"] for row in history] == list(range(100))
    assert {row["labels"] for row in history} == {10.0}


def test_resumed_run_is_bit_for_bit_the_same():
    data = make_data()
    torch.manual_seed(2)
    whole = Mean()
    _, whole_history = train(whole, data, max_iter=5, **SETTINGS)
    torch.manual_seed(2)
    parts = Mean()
    state, first = train(parts, data, max_iter=2, **SETTINGS)
    torch.manual_seed(99)
    _, second = train(parts, data, max_iter=3, state=state, **SETTINGS)
    assert torch.equal(whole.mean, parts.mean)
    for a, b in zip(whole_history, first + second, strict=True):
        assert a | {"seconds": 0} == b | {"seconds": 0}


def test_state_is_not_consumed():
    data = make_data()
    torch.manual_seed(2)
    model = Mean()
    state, _ = train(model, data, max_iter=2, **SETTINGS)
    before = model.mean.detach().clone()
    results = []
    for _ in range(2):
        with torch.no_grad():
            model.mean.copy_(before)
        train(model, data, max_iter=2, state=state, **SETTINGS)
        results.append(model.mean.detach().clone())
    assert torch.equal(*results)


def test_after_epoch_stops():
    seen = []

    def after_epoch(row, state):
        seen.append(row)
        assert state["epoch"] == len(seen)
        return len(seen) == 3

    state, history = train(
        Mean(), make_data(), max_iter=50, after_epoch=after_epoch, **SETTINGS
    )
    assert seen == history
    assert state["epoch"] == len(history) == 3


def test_evaluate_changes_nothing():
    data, model = make_data(), Mean()
    torch.manual_seed(3)
    first = evaluate(model, data, batch_size=20, epoch=0)
    torch.manual_seed(3)
    assert evaluate(model, data, batch_size=20, epoch=0) == first
    assert torch.equal(model.mean.detach(), torch.zeros(2))


def test_data_scale_and_types():
    data = make_data()
    rows = data.rows(torch.tensor([3, 1]))
    assert rows.dtype == torch.float32
    torch.testing.assert_close(rows, data.x[[3, 1]].float() / 255)
    index, x, codes = (torch.cat(each) for each in zip(*data.parts(), strict=True))
    torch.testing.assert_close(x, data.x[index].float() / 255)
    assert torch.equal(codes, data.codes[index])
    assert torch.equal(index.sort().values, torch.arange(40))


@pytest.mark.parametrize(("n", "parts"), [(2, 1), (1024, 1), (1025, 2), (5000, 5)])
def test_parts_of_the_data(n, parts):
    """As many as said, of nearly equal size: none of a single row."""
    data = Data(torch.zeros(n, 3), torch.full((n,), -1), 1.0)
    sizes = [len(part.x) for part in data.parts()]
    assert len(sizes) == data.n_parts == parts
    assert sum(sizes) == n
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize(
    ("n_unlabeled", "n_of_class", "n_past", "n_labeled", "share"),
    [
        (59_900, 10, 0, 100, 0),  # a sixth of a row
        (700, 10, 0, 100, 14),
        (700, 10, 600, 100, 14),  # of the rows that are new, as many have labels
        (200, 100, 0, 100, 100),  # 500 would be fair
        (0, 10, 0, 100, 100),  # all have labels
        (500, 0, 0, 0, 0),
    ],
)
def test_a_fair_sample_has_labeled_rows_as_often_as_others(
    n_unlabeled, n_of_class, n_past, n_labeled, share
):
    torch.manual_seed(0)
    y = make_y(n_unlabeled, *[n_of_class] * 10)
    if n_past:
        y = torch.cat([torch.full((n_past,), -1), y])
    batches = Minibatches(y, 200, n_past=n_past)
    data = Data(torch.arange(len(y))[:, None].float(), y, 1.0)
    seen = torch.zeros(len(y))
    for _ in range(50):
        batch = data.batch(*batches.draw())
        fair = torch.arange(len(batch.x))[batch.fair()]
        assert (fair < n_labeled).sum() == share
        assert len(fair.unique()) == len(fair)
        # and every unlabeled one
        assert torch.equal(fair[share:], torch.arange(len(batch.y), len(batch.x)))
        seen[batch.x[fair, 0].long()] += 1
    if 0 < share < n_labeled:  # any of them, within five standard deviations
        p = share / (y >= 0).sum()
        error = seen[y >= 0] - 50 * p
        assert (error.abs() < 5 * (50 * p * (1 - p)) ** 0.5).all()


def test_a_pool_of_all_rows():
    """Every row passes once per epoch, beside the labeled draws."""
    torch.manual_seed(0)
    y = make_y(30, 4, 4)
    batches = Minibatches(y, 12, pool="all")
    assert (batches.n_labeled, batches.n_pool, batches.n_steps) == (6, 6, 7)
    steps = [batches.draw() for _ in range(19)]
    passed = torch.cat([index[6:] for index, _, _ in steps])[: 3 * 38].split(38)
    for rows in passed:
        assert torch.equal(rows.sort().values, torch.arange(38))
    for index, labels, n_extra in steps:
        assert n_extra == 6  # the pool has their share
        assert torch.equal(y[index[:6]], labels)


def test_a_pool_of_all_rows_that_all_have_labels():
    y = make_y(0, 10, 10)
    index, labels, _ = Minibatches(y, 8, pool="all").draw()
    assert len(index) == 8
    assert torch.equal(y[index[:4]], labels)


class Rows(Mean):
    """Of any number of rows."""

    def before_epoch(self, data, epoch):
        pass

    def after_training(self, data):
        pass


def test_a_pass_in_blocks_goes_on_where_it_was(monkeypatch):
    monkeypatch.setattr(engine_data, "SHUFFLED_ROWS", 50)
    monkeypatch.setattr(engine_data, "BLOCK_ROWS", 10)
    X, y = torch.rand(300, 2), make_y(294, 3, 3)
    settings = SETTINGS | {"batch_size": 21}
    torch.manual_seed(0)
    whole = Rows()
    train(whole, Data(X, y, 1.0), max_iter=5, **settings)
    torch.manual_seed(0)
    halves = Rows()
    state, _ = train(halves, Data(X, y, 1.0), max_iter=2, **settings)
    assert 0 < len(state["blocks"]) < 30
    train(halves, Data(X, y, 1.0), max_iter=3, **settings, state=state)
    for a, b in zip(whole.parameters(), halves.parameters(), strict=True):
        assert torch.equal(a, b)


def test_learning_rate_is_read_each_epoch():
    """A rate of 0 from the third epoch on: nothing moves, and the loss stays."""
    torch.manual_seed(0)
    model, data = Mean(), make_data()
    batches = Minibatches(data.codes, SETTINGS["batch_size"])
    seen = []

    def rate(epoch, n_steps):
        assert n_steps == batches.n_steps
        seen.append(epoch)
        return 0.1 if epoch < 2 else 0.0

    state, _ = train(model, data, **SETTINGS | {"learning_rate": rate}, max_iter=2)
    before = copy.deepcopy(model.state_dict())
    train(model, data, **SETTINGS | {"learning_rate": rate}, max_iter=2, state=state)
    assert seen == [0, 1, 2, 3]
    for name, weight in model.state_dict().items():
        assert torch.equal(weight, before[name])


def test_parents_follow_their_rows():
    class Recorder(Mean):
        def loss(self, batch, epoch):
            assert torch.equal(batch.parents, batch.x[:, 0].long() % 3)
            return super().loss(batch, epoch)

    x = torch.arange(40.0)[:, None].expand(40, 2)
    data = Data(x, make_y(30, 5, 5), 1.0, parents=torch.arange(40) % 3)
    train(Recorder(), data, max_iter=2, **SETTINGS)


def test_weights_and_factors_are_applied_to_what_is_minimized():
    """History has terms in their own unit, and their weighted sum."""

    class Two(Mean):
        def loss(self, batch, epoch):
            terms = super().loss(batch, epoch).terms
            terms["size"] = self.mean.square().sum()
            return Loss(terms, {}, {"size": 1 + epoch})

    torch.manual_seed(0)
    weights = {"squares": 2.0, "size": 3.0}
    model = Two()
    _, history = train(model, make_data(), max_iter=5, weights=weights, **SETTINGS)
    for epoch, row in enumerate(history):
        expected = 2 * row["squares"] + 3 * (1 + epoch) * row["size"]
        assert row["loss"] == pytest.approx(expected, rel=1e-5)
    assert list(history[0]) == ["epoch", "loss", "squares", "size", "seconds"]


def test_data_are_copied_and_pickled():
    data = make_data()
    for same in (copy.deepcopy(data), pickle.loads(pickle.dumps(data))):
        assert torch.equal(same.x, data.x)
        assert torch.equal(same.codes, data.codes)
        assert same.scale == data.scale


@pytest.mark.parametrize("repeated", [False, True], ids=["different", "repeated"])
def test_parts_do_not_depend_on_the_order_of_rows(repeated):
    """The same rows in every part, whatever the order they came in."""
    torch.manual_seed(0)
    x = torch.randn(3000, 2)
    if repeated:  # as in a table of categories
        x = (x > 0.5).float()
    codes = torch.arange(3000) % 4 - 1
    order = torch.randperm(3000)
    data = Data(x, codes, 1.0), Data(x[order], codes[order], 1.0)
    for a, b in zip(*(each.parts() for each in data), strict=True):
        assert torch.equal(a.x.sort(0).values, b.x.sort(0).values)
        if not repeated:  # row by row, so that what is drawn for each is the same
            assert torch.equal(a.x, b.x)
            assert torch.equal(a.codes, b.codes)


def test_parts_mix_sorted_and_repeated_rows():
    """No part is of one kind, though the rows come kind by kind."""
    kinds = torch.arange(4).repeat_interleave(1500)
    for x in (kinds[:, None] * 10 + torch.rand(6000, 3), kinds[:, None].float()):
        data = Data(x, torch.full((6000,), -1), 1.0)
        for part in data.parts():
            counts = kinds[part.index].bincount(minlength=4)
            assert counts.min() > 0.7 * len(part.x) / 4
