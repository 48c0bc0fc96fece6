"""Laws of particular rules and dynamics along a trajectory: midpoint-exactness."""

from __future__ import annotations

from fa_theory.backend import to_numpy
from fa_theory.dynamics import Trajectory
from fa_theory.laws import has_quadratic_laws, quadratic_laws, steepest_quadratic_law
from fa_theory.verification.conserved import (
    LawDrift,
    joined,
    judge_drift,
    law_drift,
    matrix_law_drift,
    neuron_law_drift,
)
from fa_theory.verification.verdict import Verdict, first_failure, not_applicable, yes_or_no

_RESIDUAL = 8.0
"""A midpoint step counts as solved when its residual is below this many eps times 1 + the largest weight."""


def midpoint_drift(trajectory: Trajectory) -> LawDrift:
    """Measure the quadratic laws along a midpoint run; the tolerance is what the solver's residuals may add up to."""
    measured = matrix_law_drift if trajectory.network.activation.is_linear else neuron_law_drift
    size = measured(trajectory).size
    drift = law_drift(trajectory, lambda network: joined(quadratic_laws(network)), size)
    largest = max(float(abs(to_numpy(W)).max()) for state in trajectory.states for W in state.weights)
    steepest = max(steepest_quadratic_law(trajectory.network_at(k)) for k in range(len(trajectory.t)))
    solved = _RESIDUAL * trajectory.rounding * (1 + largest) * steepest
    return LawDrift(drift.drift, drift.tolerance + solved, size)


def assess_midpoint_exactness(trajectory: Trajectory) -> Verdict:
    """Judge statement midpoint-exactness on a run of the midpoint rule."""
    network = trajectory.network
    failure = first_failure(
        yes_or_no("midpoint rule", trajectory.method == "midpoint", f"method {trajectory.method}"),
        yes_or_no("homogeneous activation", network.activation.degree is not None, network.activation.name),
        yes_or_no("a rule with quadratic laws (not sign-fa)", has_quadratic_laws(network), network.rule_name),
    )
    if failure is not None:
        return not_applicable("midpoint-exactness", failure)
    remark = f"; {trajectory.n_steps} steps of {trajectory.options['step_size']:g}"
    if trajectory.outcome != "completed":
        remark += f"; the run ended early: {trajectory.outcome}"
    return judge_drift("midpoint-exactness", midpoint_drift(trajectory), trajectory, remark)
