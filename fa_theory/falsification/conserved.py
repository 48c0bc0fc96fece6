"""Laws and identities, as they stand and with an assumption dropped."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fa_theory.backend import to_numpy
from fa_theory.dynamics import Trajectory, forward, simulate
from fa_theory.falsification.claim import Claim, Outcome
from fa_theory.falsification.families import Coordinates, Family
from fa_theory.falsification.runs import plan_run, plan_state
from fa_theory.laws import dfa_law, dfa_law_size, feedback_pairs, matrix_law, neuron_law, neuron_law_size
from fa_theory.model import Network, Problem
from fa_theory.verification import (
    LawDrift,
    Verdict,
    assess_bregman_drift,
    assess_dfa_law,
    assess_dissipation_split,
    assess_law_completeness,
    assess_matched_decay,
    assess_matrix_law,
    assess_midpoint_exactness,
    assess_minimum_norm,
    assess_neuron_identity,
    assess_neuron_law,
    assess_projection_law,
    assess_reduced_flow,
    law_drift,
)
from fa_theory.verification.conserved import joined, judge_drift, up_to_next
from fa_theory.verification.verdict import judge_deviation

Host = np.ndarray[Any, Any]
Run = dict[str, Any]

_UNIT = "1 - deviation / tolerance"

_RULES = ("fa", "sign-fa", "adafa:2.0", "backprop")
_TWO_LAYERS = tuple(
    Family(widths, N, rule=rule, activation=activation, loss=loss, biases=biases)
    for rule, activation, loss, widths, N, biases in (
        ("fa", "leaky_relu:0.2", "squared", (2, 2, 1), 3, False),
        ("sign-fa", "leaky_relu:0.2", "logistic", (2, 2, 1), 3, True),
        ("adafa:2.0", "relu", "squared", (1, 2, 2), 3, False),
        ("backprop", "power:2", "squared", (2, 2, 1), 2, False),
        ("sign-fa", "linear", "cross_entropy", (2, 2, 2), 2, False),
        ("fa", "power:3", "squared", (1, 2, 1), 2, False),
        ("adafa:0.5", "leaky_relu:0.5", "exponential", (2, 2, 1), 3, True),
    )
)
_DEEP = tuple(
    Family((2, 2, 2, 1), 3, rule=rule, activation=activation)
    for rule, activation in (("fa", "leaky_relu:0.2"), ("adafa:2.0", "linear"), ("dfa", "relu"))
)
_LINEAR = tuple(
    Family(widths, N, rule=rule, biases=biases)
    for rule, widths, N, biases in (
        ("fa", (2, 3, 2), 3, False),
        ("adafa:2.0", (1, 2, 1), 2, True),
        ("sign-fa", (1, 2, 1), 2, False),
        ("backprop", (2, 2, 2, 1), 2, False),
        ("fa", (2, 2, 2, 1), 2, True),
    )
)
_MIDPOINT = tuple(
    Family(widths, 2, rule=rule, activation=activation, method="midpoint")
    for rule, activation, widths in (
        ("fa", "leaky_relu:0.2", (2, 2, 1)),
        ("adafa:2.0", "linear", (2, 2, 1)),
        ("backprop", "power:2", (1, 2, 1)),
        ("fa", "linear", (2, 2, 2, 1)),
    )
)
# coincidences (a zero, two equal rows) are met among eighths
_ROUNDED = tuple(Family(shape, 1, rounded=True) for shape in ((1, 2, 1), (2, 2, 1), (2, 2, 2), (2, 3, 2), (1, 3, 3)))


def _outcome(verdict: Verdict) -> Outcome | None:
    if verdict.evidence is None or verdict.margin is None or verdict.verdict == "not_applicable":
        return None
    return Outcome(verdict.margin, verdict.verdict == "refuted", verdict.detail)


def _along(assess: Callable[[Trajectory], Verdict]) -> Callable[[Network, Problem, Run], Outcome | None]:
    """Return the measure of a statement that is assessed on a run."""
    return lambda network, problem, run: _outcome(assess(simulate(network, problem, **run)))


def _completeness(trajectory: Trajectory) -> Verdict:
    return assess_law_completeness(trajectory.network)


def _twin(network: Network, **changes: Any) -> Network:
    """Return the network with another activation, or without biases."""
    given: dict[str, Any] = {"activation": network.activation, "biases": network.biases} | changes
    return Network(network.weights, given["activation"], network.feedback, given["biases"])


def _drifting(
    statement: str, drift: Callable[[Trajectory], LawDrift]
) -> Callable[[Network, Problem, Run], Outcome | None]:
    """Return the measure of a law that is taken to hold on a run."""

    def measure(network: Network, problem: Problem, run: Run) -> Outcome | None:
        trajectory = simulate(network, problem, **run)
        return _outcome(judge_drift(statement, drift(trajectory), trajectory))

    return measure


def _law_of_twin(law: Callable[[Network], tuple[Any, ...]], **changes: Any) -> Callable[[Trajectory], LawDrift]:
    """Return the drift of a law, evaluated as if the activation were another, or there were no biases."""

    def drift(trajectory: Trajectory) -> LawDrift:
        ends = (_twin(trajectory.network_at(k), **changes) for k in (0, len(trajectory.t) - 1))
        size = 4 * max(float(np.max(joined(neuron_law_size(each)))) for each in ends)
        return law_drift(trajectory, lambda network: joined(law(_twin(network, **changes))), size)

    return drift


def _dfa_of_twin(trajectory: Trajectory) -> LawDrift:
    """Return the drift of the law of deeper layers under direct feedback, as if the activation were linear."""
    pairs = feedback_pairs(trajectory.network)
    effective = (*(pair.effective for pair in pairs), to_numpy(trajectory.network.matrices()[-1]).astype(float))
    size = max(dfa_law_size(trajectory.network, effective))
    return law_drift(trajectory, lambda network: joined(dfa_law(network, effective)[:-1]), size)


def _unmatched(trajectory: Trajectory) -> LawDrift:
    """Return how far C_i is from C_i(0) exp(-2 lambda_1 t)."""
    rate = trajectory.weight_decay[0]
    size = float(np.max(joined(neuron_law_size(trajectory.network))))
    values, uncertainty = trajectory.along(lambda network: joined(neuron_law(network)))
    gap = abs(values - values[0] * np.exp(-2 * rate * trajectory.t)[:, None])
    largest = up_to_next(np.max(uncertainty, axis=1))
    return LawDrift(np.max(gap, axis=1), largest + trajectory.rounding * size, size)


def _by_sample(network: Network, problem: Problem, _run: Run) -> Outcome | None:
    """Compare both sides of neuron-identity when the feedback of sample j is x_j1 B, and B its mean over samples."""
    passed = forward(network, problem.X)
    errors = problem.loss.derivative(passed.output, problem.Y)
    B, factor = network.matrices()[-1], problem.X[:, :1]
    signal = factor * (errors @ B.T) * passed.slopes[-1]
    mean = float(np.mean(factor)) * B
    forward_terms, output_terms = signal * passed.preactivations[0], errors[:, :, None] * passed.inputs[-1][:, None, :]
    left = -np.mean(forward_terms, axis=0)
    right = -np.sum(mean * np.mean(output_terms, axis=0).T, axis=1)
    size = np.mean(abs(forward_terms), axis=0) + np.sum(abs(mean) * np.mean(abs(output_terms), axis=0).T, axis=1)
    gap = float(np.max(abs(left - right) / np.where(size > 0, size, 1)))
    allowed = 1e3 * float(np.finfo(float).eps)
    return _outcome(judge_deviation("neuron-identity", gap, allowed, f"relative gap {gap:.3g}"))


def _plan_decay(matched: bool) -> Callable[[Network, Problem, Family, Coordinates], Run | None]:
    def plan(network: Network, problem: Problem, family: Family, coordinates: Coordinates) -> Run | None:
        run = plan_run(network, problem, family, coordinates)
        if run is None:
            return None
        rate = 0.25 / run["time"]
        equal = family.rule.startswith(("adafa", "backprop"))
        return run | {"weight_decay": [rate, rate if equal == matched else 2 * rate]}

    return plan


def _plan_long(network: Network, problem: Problem, family: Family, coordinates: Coordinates) -> Run | None:
    run = plan_run(network, problem, family, coordinates)
    return None if run is None else run | {"time": 20 * run["time"], "accuracy": 1e-9}


LAW_CLAIMS = (
    Claim("neuron-identity", None, (*_TWO_LAYERS, *_DEEP), plan_state, _along(assess_neuron_identity), _UNIT),
    Claim("neuron-law", None, (*_TWO_LAYERS, *_DEEP), plan_run, _along(assess_neuron_law), _UNIT),
    Claim("matrix-law", None, _LINEAR, plan_run, _along(assess_matrix_law), _UNIT),
    Claim("projection-law", None, (*_TWO_LAYERS, *_LINEAR), plan_state, _along(assess_projection_law), _UNIT),
    Claim("law-completeness", None, _ROUNDED, plan_state, _along(_completeness), "1 or -1"),
    Claim(
        "dfa-law",
        None,
        (
            Family((2, 2, 2, 1), 2, rule="dfa"),
            Family((1, 2, 3, 2), 2, rule="dfa"),
            Family((1, 2, 2, 2, 1), 2, rule="dfa"),
        ),
        plan_run,
        _along(assess_dfa_law),
        _UNIT,
    ),
    Claim(
        "bregman-drift",
        None,
        (*_TWO_LAYERS, *_DEEP),
        plan_state,
        lambda network, problem, run: _outcome(assess_bregman_drift(network, problem, run["step_size"], 0)),
        "1 or -1",
    ),
    Claim("matched-decay", None, _TWO_LAYERS, _plan_decay(True), _along(assess_matched_decay), _UNIT),
    Claim("midpoint-exactness", None, _MIDPOINT, plan_run, _along(assess_midpoint_exactness), _UNIT),
    Claim("dissipation-split", None, (*_TWO_LAYERS, *_DEEP), plan_state, _along(assess_dissipation_split), _UNIT),
    Claim(
        "reduced-flow",
        None,
        (Family((2, 3, 1), 3), Family((1, 2, 1), 2, biases=True), Family((2, 2, 1), 3, loss="logistic")),
        plan_run,
        _along(assess_reduced_flow),
        _UNIT,
    ),
    Claim(
        "minimum-norm",
        None,
        (Family((2, 2, 1), 1, start="aligned"), Family((2, 3, 1), 2, start="aligned")),
        _plan_long,
        _along(assess_minimum_norm),
        _UNIT,
    ),
    Claim(
        "neuron-identity",
        "one feedback for all samples",
        (Family((1, 2, 1), 2), Family((2, 2, 1), 3, activation="leaky_relu:0.2")),
        plan_state,
        _by_sample,
        _UNIT,
    ),
    Claim(
        "neuron-law",
        "homogeneous activation",
        (Family((1, 1, 1), 1, activation="tanh"), Family((2, 2, 1), 2, activation="tanh", loss="logistic")),
        plan_run,
        _drifting("neuron-law", _law_of_twin(neuron_law, activation="linear")),
        _UNIT,
    ),
    Claim(
        "matrix-law",
        "linear activation",
        (Family((1, 2, 1), 2, activation="leaky_relu:0.2"), Family((2, 2, 1), 3, activation="relu")),
        plan_run,
        _drifting("matrix-law", _law_of_twin(matrix_law, activation="linear")),
        _UNIT,
    ),
    Claim(
        "matrix-law",
        "bias term",
        (Family((1, 2, 1), 2, biases=True), Family((2, 2, 1), 2, rule="backprop", biases=True)),
        plan_run,
        _drifting("matrix-law", _law_of_twin(matrix_law, biases=None)),
        _UNIT,
    ),
    Claim(
        "matrix-law",
        "no sign change",
        (Family((1, 2, 1), 1, rule="sign-fa"), Family((2, 2, 1), 2, rule="sign-fa")),
        plan_run,
        _drifting("matrix-law", _law_of_twin(matrix_law)),
        _UNIT,
    ),
    Claim(
        "dfa-law",
        "linear activation",
        (Family((2, 2, 2, 1), 2, rule="dfa", activation="leaky_relu:0.2"),),
        plan_run,
        _drifting("dfa-law", _dfa_of_twin),
        _UNIT,
    ),
    Claim(
        "matched-decay",
        "matched decay",
        (Family((1, 2, 1), 2), Family((2, 2, 1), 2, rule="sign-fa"), Family((1, 2, 1), 2, rule="backprop")),
        _plan_decay(False),
        _drifting("matched-decay", _unmatched),
        _UNIT,
    ),
    Claim(
        "midpoint-exactness",
        "a rule with quadratic laws",
        (Family((1, 1, 1), 1, rule="sign-fa", method="midpoint"),),
        plan_run,
        _drifting("midpoint-exactness", _law_of_twin(neuron_law)),
        _UNIT,
    ),
)
