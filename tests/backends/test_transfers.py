"""Nothing crosses between host and device inside the step loop, but the order of an epoch's minibatches."""

import counted
import numpy as np
import pytest
from test_namespaces import CASES, build

import fa_theory as ft
from fa_theory.backend import to_numpy


def crossings(steps, case, points=2, **options):
    network, problem = build(counted.Counted, np.float64, *case)
    counted.counts.clear()
    run = ft.simulate(network, problem, steps=steps, step_size=0.01, points=points, **options)
    assert run.outcome == "completed"
    assert run.n_steps == steps
    assert type(run.states[-1].weights[0]) is counted.Counted
    return dict(counted.counts), run


@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
def test_the_host_reads_at_recorded_points_only(weight_decay):
    options = {"method": "gd", "weight_decay": weight_decay}
    for case in CASES:
        few, _ = crossings(1, case, **options)
        many, run = crossings(20, case, **options)
        assert many == few, case  # nothing is sent and nothing is read in nineteen more steps
        assert few["read"] > 0
        plain = ft.simulate(*build(np.array, np.float64, *case), steps=20, step_size=0.01, points=2, **options)
        np.testing.assert_allclose(to_numpy(run.states[-1].weights[0]), plain.states[-1].weights[0], rtol=0, atol=1e-12)


def test_sgd_sends_the_order_of_an_epoch_and_reads_nothing():
    case, options = CASES[0], {"method": "sgd", "batch_size": 3}
    few, _ = crossings(1, case, **options)
    many, _ = crossings(20, case, **options)
    assert many["read"] == few["read"]
    assert many["sent"] - few["sent"] == 9  # ten epochs of two steps in place of one


def test_each_recorded_point_reads_as_often():
    reads = [crossings(12, CASES[0], points=points, method="gd")[0]["read"] for points in (2, 3, 4)]
    assert reads[2] - reads[1] == reads[1] - reads[0] > 0


def test_a_reading_in_the_loop_would_be_counted():
    array = counted.Counted(np.ones(3))
    counted.counts.clear()
    assert float(array[0] + array[1]) == 2
    assert bool(counted.xp.all(array > 0))
    assert to_numpy(array).tolist() == [1, 1, 1]
    counted.xp.take(array, np.array([0]), axis=0)
    assert counted.counts == {"read": 3, "sent": 1}


def test_losses_at_every_step_are_read_at_recorded_points():
    few, _ = crossings(2, CASES[0], method="gd", loss_every=1)
    many, run = crossings(20, CASES[0], method="gd", loss_every=1)
    assert many == few
    assert len(run.losses) == 21
