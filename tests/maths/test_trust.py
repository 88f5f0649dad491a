"""Labels that the network assigned count after the first steps, as they settle."""

import torch

from sksemi._nn.trust import FIRST_STEPS, Trust


def test_the_first_steps_are_taught_by_given_labels_alone():
    trust = Trust()
    for step in (0, FIRST_STEPS - 1, FIRST_STEPS):
        later = float(step == FIRST_STEPS)
        trust.n_steps.fill_(step)
        assert trust.train()(4, 2).tolist() == [1, 1, later, later]
        assert trust.n_steps == step + 1
        assert trust.eval()(4, 2).tolist() == [1, 1, later, later]
        assert trust.n_steps == step + 1  # an evaluation is no step


def test_assigned_labels_count_as_much_as_labels_have_settled():
    trust = Trust().eval()
    trust.n_steps.fill_(FIRST_STEPS + 1)
    trust.settled.fill_(0.25)
    assert trust(4, 1).tolist() == [1, 0.25, 0.25, 0.25]


def test_without_labels_all_rows_count():
    assert torch.equal(Trust()(3, 0), torch.ones(3))
