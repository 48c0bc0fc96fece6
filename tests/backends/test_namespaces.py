"""One body over all array namespaces: the same numbers, and the namespace, dtype and device that went in."""

from functools import cache

import numpy as np
import pytest
from namespaces import LIBRARIES, PARAMETERS

import fa_theory as ft
from fa_theory.backend import to_numpy
from fa_theory.dynamics import dissipation, feedback_cosines
from fa_theory.model import Network, Problem, feedback_rules

RULES = ("fa", "sign-fa", "adafa:0.5", "backprop", "dfa")
ACTIVATIONS = ("linear", "relu", "leaky_relu:0.25", "power:2", "tanh")
LOSSES = {"squared": 1, "logistic": 1, "exponential": 1, "cross_entropy": 2}
# every rule, every activation and every loss; each rule with a gated and a smooth activation
CASES = [
    *((rule, "leaky_relu:0.25", "squared") for rule in RULES),
    *((rule, "tanh", "logistic") for rule in RULES[::2]),
    *(("fa", name, "squared") for name in ACTIVATIONS),
    *(("adafa:0.5", "relu", loss) for loss in LOSSES),
]
# the other libraries and versions take a part of the cases, as one more version costs seconds
WHOLE = ("numpy", "strict-2025.12-device1-no-data_dependent_shapes-no-boolean_indexing", "torch", "cupy")
QUICK_BOUNDS = {
    "squared": (ft.bounds.descent, ft.bounds.exponential_decay, ft.bounds.multi_output_decay, ft.bounds.gd_decay),
    "exponential": (ft.bounds.descent, ft.bounds.separable_decay),
}
# float64: the bound. float32: a hundred roundings of products of numbers of size one.
TOLERANCE = {np.float64: 1e-10, np.float32: 100 * 2.0**-23}


@cache
def host_arrays(loss, outputs_of_dfa):
    """Return weights, matrices, biases, X and Y as float32 numbers, so that both dtypes hold them."""
    rng = np.random.default_rng(7)
    widths = (3, 4, 3, LOSSES[loss])

    def draw(*shape):
        return rng.standard_normal(shape).astype(np.float32) / 2

    weights = [draw(n, fan_in) for n, fan_in in zip(widths[1:], widths, strict=False)]
    matrices = [draw(W.shape[1], widths[-1] if outputs_of_dfa else W.shape[0]) for W in weights[1:]]
    X, raw = draw(7, 3), draw(7, widths[-1])
    Y = {"squared": raw, "cross_entropy": np.eye(widths[-1])[np.argmax(raw, axis=1)]}.get(loss, np.sign(raw))
    return weights, matrices, [draw(n) for n in widths[1:]], X, Y


def build(make, dtype, rule, activation, loss):
    arrays = host_arrays(loss, rule == "dfa")
    weights, matrices, biases = ([make(np.asarray(each, dtype)) for each in group] for group in arrays[:3])
    given = matrices if rule.partition(":")[0] in ("fa", "dfa", "adafa") else ()
    network = Network(weights, activation, feedback_rules(rule, weights, given), biases)
    return network, Problem(*(make(np.asarray(each, dtype)) for each in arrays[3:]), loss)


def arrays_and_numbers(network, problem):
    """Run everything; return the arrays that belong to the namespace and what is answered on the host."""
    runs = [
        ft.simulate(network, problem, method=method, steps=4, step_size=0.05, points=3, weight_decay=decay, **options)
        for method, decay, options in (("gd", 0.0, {}), ("gd", 0.1, {}), ("sgd", 0.0, {"batch_size": 3}))
    ]
    arrays, numbers = [], []
    for run in runs:
        assert run.outcome == "completed"
        for index, state in enumerate(run.states):
            arrays += [*state.weights, *state.biases, *state.shares, *(run.slopes_at(index) or ())]
        numbers += [run.loss, run.t]
    end = runs[0].network_at(-1)
    arrays += [*end.matrices(), *ft.laws.matrix_law(end), ft.laws.unseen_inputs(end, problem.X)]
    if network.activation.degree is not None:
        arrays += ft.laws.neuron_law(end)
        X, errors = problem.X, problem.Y
        after, drifts = ft.laws.bregman_drift(end, X, errors, 0.05)
        arrays += [*after.weights, *(each for drift in drifts for each in drift)]
        arrays += [each for identity in ft.laws.neuron_identity(end, X, errors) for each in identity]
    split = dissipation(end, problem)
    numbers += [split.rate, *(value for layer in split.layers for value in (*layer[:5], *layer.neurons))]
    numbers += [each.neurons for each in feedback_cosines(end)]
    return arrays, numbers


@cache
def expected(*case):
    return arrays_and_numbers(*build(np.array, np.float64, *case))


def require_close(found, reference, tolerance):
    assert len(found) == len(reference)
    for one, other in zip(found, reference, strict=True):
        host = to_numpy(one) if hasattr(one, "shape") else one
        np.testing.assert_allclose(host, other, rtol=0, atol=tolerance * (1 + np.max(abs(np.asarray(other)))))


@pytest.mark.parametrize("dtype", TOLERANCE, ids=lambda dtype: dtype.__name__)
@pytest.mark.parametrize("library", PARAMETERS)
def test_the_same_numbers_come_out_of_every_library(library, dtype):
    whole = dtype is np.float64 and library.name in WHOLE
    for case in CASES if whole else CASES[::4]:
        with library.flags():
            network, problem = build(library.make, dtype, *case)
            arrays, numbers = arrays_and_numbers(network, problem)
            for array in arrays:
                library.owns(array, problem.X)
            require_close(arrays, expected(*case)[0], TOLERANCE[dtype])
            require_close(numbers, expected(*case)[1], TOLERANCE[dtype])


@pytest.mark.parametrize("library", PARAMETERS)
@pytest.mark.parametrize("options", [{"time": 0.2}, {"method": "midpoint", "steps": 2, "step_size": 0.05}])
def test_flows_keep_the_library(library, options):
    runs = []
    for each in (library, LIBRARIES[0]):
        with each.flags():
            network, problem = build(each.make, np.float64, "fa", "leaky_relu:0.25", "squared")
            run = ft.simulate(network, problem, points=3, **options)
            each.owns(run.states[-1].weights[0], problem.X)
            runs.append((run.loss, to_numpy(run.states[-1].weights[0])))
    require_close(*runs, 1e-9)  # of the flow: steps are chosen from numbers that differ by rounding


@pytest.mark.parametrize("library", PARAMETERS)
@pytest.mark.parametrize("loss", ["squared", "exponential"])
def test_bounds_are_answered_on_the_host(library, loss):
    curves = []
    for each in (library, LIBRARIES[0]):
        with each.flags():
            bounds = [calculate(*two_layers(each.make, loss)) for calculate in QUICK_BOUNDS[loss]]
            assert all(bound.applicable for bound in bounds)
            curves.append([bound([0.0, 1.0, 5.0]) for bound in bounds])
    require_close(*curves, 1e-10)


def two_layers(make, loss):
    network = ft.initialise("aligned", (3, 4, 1), "linear", "fa", seed=2)
    rng = np.random.default_rng(3)
    X = rng.standard_normal((3, 3))
    weights = [make(W) for W in network.weights]
    there = Network(weights, "linear", [make(M) for M in network.matrices()])
    return there, Problem(make(X), make(np.sign(X[:, :1])), loss)


@pytest.mark.parametrize("library", PARAMETERS)
def test_what_is_not_finite_is_refused_in_every_library(library):
    with library.flags(), pytest.raises(ValueError, match=r"^X must be finite, got nan at index \(1, 0\)"):
        Problem(library.make(np.array([[1.0], [np.nan]])), library.make(np.ones((2, 1))))


def test_a_wrong_number_would_be_seen():
    case = CASES[0]
    arrays, _ = expected(*case)
    with pytest.raises(AssertionError):
        require_close([arrays[0] + 1e-9, *arrays[1:]], arrays, 1e-10)


def test_arrays_on_two_devices_are_told_apart():
    here, there = LIBRARIES[2], LIBRARIES[3]
    with pytest.raises(ValueError, match="Y must have the device of X"):
        Problem(here.make(np.ones((2, 1))), there.make(np.ones((2, 1))))
