"""Integrators of fixed steps: orders, laws at any step size, honest error estimates, and who drifts instead."""

import json
from dataclasses import replace

import numpy as np
import pytest
from flow_oracles import draw_network, draw_problem

import fa_theory as ft
from fa_theory.backend import machine_epsilon
from fa_theory.cli import main
from fa_theory.dynamics import forward, gauss, reduced_flow, take_step, update_directions
from fa_theory.dynamics.gauss import gauss_tableau
from fa_theory.laws import matrix_law, neuron_law
from fa_theory.model import Network, Problem
from fa_theory.verification import assess_matrix_law, assess_midpoint_exactness, assess_neuron_law

ORDERS = {"midpoint": 2, "gauss": 6, "projection": 4}


@pytest.mark.parametrize("stages", [1, 2, 3])
def test_gauss_coefficients_are_the_textbook_ones(stages):
    """Hairer, Lubich and Wanner, Geometric Numerical Integration, II.1.3."""
    r, q = np.sqrt(3), np.sqrt(15)
    matrix, weights = {
        1: ([[1 / 2]], [1]),
        2: ([[1 / 4, 1 / 4 - r / 6], [1 / 4 + r / 6, 1 / 4]], [1 / 2, 1 / 2]),
        3: (
            [
                [5 / 36, 2 / 9 - q / 15, 5 / 36 - q / 30],
                [5 / 36 + q / 24, 2 / 9, 5 / 36 - q / 24],
                [5 / 36 + q / 30, 2 / 9 + q / 15, 5 / 36],
            ],
            [5 / 18, 4 / 9, 5 / 18],
        ),
    }[stages]
    tableau = gauss_tableau(stages)
    np.testing.assert_allclose(tableau.matrix, matrix, rtol=0, atol=1e-15)
    np.testing.assert_allclose(tableau.weights, weights, rtol=0, atol=1e-15)
    A, b = np.asarray(tableau.matrix), np.asarray(tableau.weights)
    # what keeps quadratic invariants
    np.testing.assert_allclose(b[:, None] * A + (b[:, None] * A).T, np.outer(b, b), rtol=0, atol=1e-15)


def test_orders_against_the_reduced_flow():
    network, problem = draw_network(2, (2, 3, 1), "linear"), draw_problem(2, 4, 2, 1)
    exact = reduced_flow(network, problem, time=2.0, points=2).loss[-1]
    for method, order in ORDERS.items():
        counts = {"midpoint": (32, 64), "gauss": (16, 32), "projection": (128, 256)}[method]
        runs = [ft.simulate(network, problem, method=method, steps=n, step_size=2.0 / n, points=2) for n in counts]
        errors = [abs(run.loss[-1] - exact) for run in runs]
        assert errors[0] / errors[1] == pytest.approx(2**order, rel=0.2), method
        # the estimate is the error, not only of its size
        assert runs[0].error[-1] == pytest.approx(errors[0], rel=0.1), method


@pytest.mark.parametrize("method", ["midpoint", "gauss", "projection"])
def test_biases_several_outputs_and_kinks_without_events(method):
    """All slopes stay as they are: then the flow is smooth and the order is seen there too."""
    network = Network(
        [[[1.0, 0.5], [0.5, 1.0]], [[0.5, 0.2], [0.1, 0.4]]],
        "leaky_relu:0.2",
        [[[0.6, 0.1], [0.2, 0.7]]],
        [[0.1, 0.2], [0.0, 0.1]],
    )
    problem = Problem([[1.0, 0.5], [-1.0, -1.0], [0.3, 1.0]], [[1.0, 0.5], [-0.3, 0.1], [0.8, 0.9]])
    exact = ft.simulate(network, problem, time=1.0, points=2, accuracy=1e-9)
    assert not exact.events
    runs = [ft.simulate(network, problem, method=method, steps=n, step_size=1 / n, points=2) for n in (2, 4)]
    errors = [abs(run.loss[-1] - exact.loss[-1]) for run in runs]
    assert errors[0] / errors[1] > 0.7 * 2 ** ORDERS[method]


@pytest.mark.parametrize("rule", ["fa", "adafa:0.5", "backprop", "dfa"])
@pytest.mark.parametrize(
    ("name", "widths"), [("linear", (2, 3, 2, 2)), ("leaky_relu:0.2", (2, 3, 1)), ("power:2", (2, 3, 1))]
)
def test_gauss_keeps_quadratic_laws_at_any_step_size(rule, name, widths):
    network, problem = draw_network(5, widths, name, rule, biases=True, scale=0.6), draw_problem(5, 4, 2, widths[-1])
    run = ft.simulate(network, problem, method="gauss", steps=4, step_size=0.4, points=5)
    assert run.outcome == "completed"
    laws = (*(C for C in neuron_law(network)), *(matrix_law(network) if name == "linear" else ()))
    for k in range(5):
        now = run.network_at(k)
        moved = (*neuron_law(now), *(matrix_law(now) if name == "linear" else ()))
        for old, new in zip(laws, moved, strict=True):
            assert np.max(abs(new - old)) <= 1e-13 * (1 + np.max(abs(old)))
    assert assess_neuron_law(run).verdict == "holds"
    assert assess_matrix_law(run).verdict == ("holds" if name == "linear" else "not_applicable")
    # the statement is of the midpoint rule
    assert assess_midpoint_exactness(run).detail == "midpoint rule: method gauss"


def explicit_run(network, problem, steps, h, stages):
    """Euler (one stage) and the classical Runge-Kutta method (four), written out on the package's directions."""

    def F(at):
        passed = forward(at, problem.X)
        return update_directions(at, passed, problem.loss.derivative(passed.output, problem.Y))

    now = network
    for _ in range(steps):
        one = F(now)
        if stages == 1:
            now = now.with_parameters(take_step(now.parameters, one, h))
            continue
        two = F(now.with_parameters(take_step(now.parameters, one, h / 2)))
        three = F(now.with_parameters(take_step(now.parameters, two, h / 2)))
        four = F(now.with_parameters(take_step(now.parameters, three, h)))
        weights = tuple(
            W - h / 6 * (a + 2 * b + 2 * c + d)
            for W, a, b, c, d in zip(now.weights, *(each.weights for each in (one, two, three, four)), strict=True)
        )
        now = now.with_parameters(now.parameters._replace(weights=weights))
    return now


def test_explicit_methods_drift_and_the_projection_does_not():
    network, problem = draw_network(5, (2, 3, 2, 1), "leaky_relu:0.2", "adafa:0.5"), draw_problem(5, 4, 2, 1)

    def drift(now):
        return max(np.max(abs(a - b)) for a, b in zip(neuron_law(now), neuron_law(network), strict=True))

    euler, classical = (drift(explicit_run(network, problem, 10, 0.1, stages)) for stages in (1, 4))
    projected = ft.simulate(network, problem, method="projection", steps=10, step_size=0.1)
    assert projected.outcome == "completed"
    assert max(drift(projected.network_at(k)) for k in range(11)) < 1e-14
    assert euler > 1e-3
    assert 1e-8 < classical < euler
    # it is the classical method but for the projection
    other = explicit_run(network, problem, 10, 0.1, 4)
    gap = max(np.max(abs(a - b)) for a, b in zip(other.weights, projected.states[-1].weights, strict=True))
    assert 0 < gap < 100 * classical


def test_sign_fa_drifts_across_a_sign_change_and_the_projection_holds_it():
    network, problem = Network([[[2.0], [0.3]], [[0.5, 1.0]]], "linear", "sign-fa"), Problem([[1.0]], [[-3.0]])
    laws = {}
    for method in ("gauss", "projection"):
        run = ft.simulate(network, problem, method=method, steps=10, step_size=0.05, points=11)
        assert run.outcome == "completed"
        laws[method] = np.asarray([neuron_law(run.network_at(k))[0] for k in range(11)])
        signs = np.asarray([np.sign(state.weights[1][0]) for state in run.states])
        assert np.any(signs != signs[0])
        before = int(np.argmax(np.any(signs != signs[0], axis=1)))
        assert np.max(abs(laws[method][:before] - laws[method][0])) < 1e-14
    assert np.max(abs(laws["gauss"] - laws["gauss"][0])) > 1e-4
    assert np.max(abs(laws["projection"] - laws["projection"][0])) < 1e-14
    assert assess_neuron_law(run).verdict == "not_applicable"


def test_the_projection_keeps_what_it_projects_onto_and_nothing_else():
    """The matrix law's diagonal is the neuron law; off it the classical method drifts on."""
    network, problem = draw_network(3, (2, 3, 1), "linear", "fa", biases=True), draw_problem(3, 4, 2, 1)
    run = ft.simulate(network, problem, method="projection", steps=10, step_size=0.2)
    moved = abs(matrix_law(run.network_at(-1))[0] - matrix_law(network)[0])
    assert np.max(np.diag(moved)) < 1e-14
    assert np.max(moved) > 1e-9
    # a law that is kept by force says nothing about the theory
    assert assess_neuron_law(run).verdict == "not_applicable"
    assert assess_matrix_law(run).detail.endswith("method projection")


def test_a_step_in_pieces_is_estimated_by_halving_the_pieces(monkeypatch):
    """Steps too large for the iteration are cut, and then a run of half the step size would be the same run."""
    network, problem = draw_network(2, (2, 3, 1), "linear"), draw_problem(2, 4, 2, 1)
    exact = reduced_flow(network, problem, time=4.0, points=2)
    monkeypatch.setattr(gauss, "_ITERATIONS", 12)
    for method in ("midpoint", "gauss"):
        run = ft.simulate(network, problem, method=method, steps=1, step_size=4.0, points=2)
        assert run.outcome == "completed"
        assert run.n_steps > 1
        assert 0.5 < abs(run.loss[-1] - exact.loss[-1]) / run.error[-1] < 1.5


def test_float32_and_dead_neurons():
    network, problem = draw_network(2, (2, 3, 1), "linear"), draw_problem(2, 4, 2, 1)
    single = Network(
        [W.astype(np.float32) for W in network.weights], "linear", [network.matrices()[0].astype(np.float32)]
    )
    data = Problem(problem.X.astype(np.float32), problem.Y.astype(np.float32))
    for method in ORDERS:
        run = ft.simulate(single, data, method=method, steps=10, step_size=0.1, points=2)
        assert run.outcome == "completed"
        assert run.states[-1].weights[0].dtype == np.float32
        moved = neuron_law(run.network_at(-1))[0] - neuron_law(single)[0]
        assert np.max(abs(moved)) < 100 * machine_epsilon(data.X)
    # backprop from nothing: no gradient of any law, and none is needed
    still = Network([np.zeros((2, 2)), np.zeros((1, 2))], "linear", "backprop")
    run = ft.simulate(still, problem, method="projection", steps=2, step_size=0.1)
    assert run.outcome == "completed"
    assert not np.any(run.states[-1].weights[0])


def test_blow_ups_and_what_is_refused():
    network, problem = draw_network(2, (2, 3, 1), "linear"), draw_problem(2, 4, 2, 1)
    run = ft.simulate(network, problem, method="projection", steps=40, step_size=50.0)
    assert run.outcome == "diverged"
    assert np.all(np.isfinite(run.loss))
    with pytest.raises(ValueError, match="weight_decay must be 0 for method projection"):
        ft.simulate(network, problem, method="projection", weight_decay=0.1)
    curved = Network(network.weights, "tanh", "backprop")
    with pytest.raises(ValueError, match="projection needs the neuron law, which activation tanh has not"):
        ft.simulate(curved, problem, method="projection")
    assert ft.simulate(curved, problem, method="gauss", steps=3, step_size=0.1).completed


def test_a_law_off_by_a_billionth_under_gauss_is_refuted():
    network, problem = draw_network(2, (2, 3, 1), "linear"), draw_problem(2, 4, 2, 1)
    run = ft.simulate(network, problem, method="gauss", steps=5, step_size=0.2, points=6)
    assert assess_neuron_law(run).verdict == "holds"
    states = (*run.states[:-1], run.states[-1]._replace(weights=tuple(W + 1e-9 for W in run.states[-1].weights)))
    assert assess_neuron_law(replace(run, states=states, shadow=states)).verdict == "refuted"


@pytest.mark.parametrize("method", ["gauss", "projection"])
def test_the_command_line_knows_them(method, tmp_path):
    path = tmp_path / "run.json"
    with pytest.raises(SystemExit) as stop:
        main(["simulate", "--method", method, "--steps", "4", "--step-size", "0.001", "--json", str(path)])
    assert stop.value.code == 0
    run = json.loads(path.read_text())
    assert method in json.dumps(run)
    assert "completed" in json.dumps(run)
