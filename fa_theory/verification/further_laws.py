"""Laws of particular rules and dynamics along a trajectory: dfa-law, matched-decay, midpoint-exactness."""

from __future__ import annotations

from math import exp

import numpy as np

from fa_theory.backend import to_numpy
from fa_theory.bounds import Assumption
from fa_theory.dynamics import GAUSS_METHODS, Trajectory
from fa_theory.laws import (
    FeedbackPair,
    decay_matches,
    dfa_law,
    dfa_law_size,
    feedback_pairs,
    has_quadratic_laws,
    matched_decay,
    matched_laws,
    quadratic_laws,
    steepest_quadratic_law,
)
from fa_theory.model import DirectFeedback
from fa_theory.verification.conserved import (
    LawDrift,
    joined,
    judge_drift,
    law_drift,
    matrix_law_drift,
    neuron_law_drift,
    up_to_next,
)
from fa_theory.verification.verdict import Verdict, first_failure, no_weight_decay, not_applicable, yes_or_no

_RESIDUAL = 8.0
"""A midpoint step counts as solved when its residual is below this many eps times 1 + the largest weight."""


def midpoint_drift(trajectory: Trajectory) -> LawDrift:
    """Measure the quadratic laws along a midpoint run; the tolerance is what the solver's residuals may add up to.

    Examples
    --------
    >>> import fa_theory as ft
    >>> from fa_theory.verification import midpoint_drift
    >>> network, problem = ft.initialise("gaussian", (2, 3, 1)), ft.Problem([[1.0, 0.0], [0.0, 2.0]], [1.0, -1.0])
    >>> run = ft.simulate(network, problem, method="midpoint", steps=5, step_size=0.2)
    >>> bool((midpoint_drift(run).drift < 1e-12).all())  # at a step size of 1/5
    True
    """
    measured = matrix_law_drift if trajectory.network.activation.is_linear else neuron_law_drift
    size = measured(trajectory).size
    drift = law_drift(trajectory, lambda network: joined(quadratic_laws(network)), size)
    largest = max(float(abs(to_numpy(W)).max()) for state in trajectory.states for W in state.weights)
    steepest = max(steepest_quadratic_law(trajectory.network_at(k)) for k in range(len(trajectory.t)))
    solved = _RESIDUAL * trajectory.rounding * (1 + largest) * steepest
    return LawDrift(drift.drift, drift.tolerance + solved, size)


def assess_midpoint_exactness(trajectory: Trajectory) -> Verdict:
    """Judge statement midpoint-exactness on a run of the midpoint rule.

    Examples
    --------
    >>> import fa_theory as ft
    >>> from fa_theory.verification import assess_midpoint_exactness
    >>> network, problem = ft.initialise("gaussian", (2, 3, 1)), ft.Problem([[1.0, 0.0], [0.0, 2.0]], [1.0, -1.0])
    >>> for method in ("midpoint", "gd"):
    ...     run = ft.simulate(network, problem, method=method, steps=5, step_size=0.2)
    ...     assess_midpoint_exactness(run).verdict
    'holds'
    'not_applicable'
    """
    network = trajectory.network
    failure = first_failure(
        no_weight_decay(trajectory.weight_decay),
        yes_or_no("midpoint rule", trajectory.method == "midpoint", f"method {trajectory.method}"),
        yes_or_no("homogeneous activation", network.activation.degree is not None, network.activation.name),
        yes_or_no("a rule with quadratic laws (not sign-fa)", has_quadratic_laws(network), network.rule_name),
    )
    if failure is not None:
        return not_applicable("midpoint-exactness", failure)
    remark = f"; {trajectory.n_steps} steps of at most {trajectory.options['step_size']:g}"
    if trajectory.outcome != "completed":
        remark += f"; the run ended early: {trajectory.outcome}"
    return judge_drift("midpoint-exactness", midpoint_drift(trajectory), trajectory, remark)


def dfa_law_drift(trajectory: Trajectory, pairs: tuple[FeedbackPair, ...]) -> LawDrift:
    """Measure the matrix law of every hidden layer under direct feedback, given `feedback_pairs` of the network.

    The tolerance allows for the rounding of the pseudo-inverses, which grows with the condition of the feedback.

    Examples
    --------
    >>> import fa_theory as ft
    >>> from fa_theory.laws import feedback_pairs
    >>> from fa_theory.verification import dfa_law_drift
    >>> network, problem = ft.initialise("gaussian", (2, 3, 3, 1), rule="dfa"), ft.Problem([[1.0, -1.0]], [1.0])
    >>> found = dfa_law_drift(ft.simulate(network, problem, time=0.2, points=5), feedback_pairs(network))
    >>> bool((found.drift <= found.tolerance).all())
    True
    """
    effective = (*(pair.effective for pair in pairs), to_numpy(trajectory.network.matrices()[-1]).astype(float))
    conditions = (*(pair.condition for pair in pairs), 1.0)
    sizes = [dfa_law_size(trajectory.network_at(k), effective) for k in (0, len(trajectory.t) - 1)]
    size = max(map(max, sizes))
    drift = law_drift(trajectory, lambda network: joined(dfa_law(network, effective)), size)
    inverse = trajectory.rounding * max(c * each for both in sizes for c, each in zip(conditions, both, strict=True))
    return LawDrift(drift.drift, drift.tolerance + inverse, size)


def included_kernels(pairs: tuple[FeedbackPair, ...]) -> Assumption:
    """Judge whether null(B_{l+1}) lies inside null(B_l) for every hidden layer but the last.

    Decided over the rationals that the floats are; undecided where floating point sees another rank, or what is lost of
    B_l is rounding. The margin is the smallest singular value over the rank tolerance, less one, or minus the share of
    B_l that is lost.

    Examples
    --------
    >>> import fa_theory as ft
    >>> from fa_theory.laws import feedback_pairs
    >>> from fa_theory.model import DirectFeedback
    >>> from fa_theory.verification import included_kernels
    >>> weights = [[[1.0]], [[2.0]], [[3.0], [4.0]]]
    >>> for below in ([[2.0, 2.0]], [[1.0, -1.0]]):  # the kernel of (1, 1) holds (1, -1)
    ...     network = ft.Network(weights, "linear", [DirectFeedback(below), DirectFeedback([[1.0, 1.0]])])
    ...     included_kernels(feedback_pairs(network)).holds
    True
    False
    """
    name = "null(B_{l+1}) inside null(B_l)"
    judged = [Assumption(name, 1.0, True, "no hidden layer below the last")]
    for pair in pairs:
        where = f"layer {pair.layer + 1}: "
        rounding = 16 * max(pair.effective.shape) * float(np.finfo(float).eps) * pair.condition
        if not pair.included:
            holds = None if pair.lost <= rounding else False
            judged.append(Assumption(name, -pair.lost, holds, f"{where}{pair.lost:.3g} of |B_l| acts on null(B_l+1)"))
        elif pair.float_rank != pair.rank:
            detail = f"{where}B_l+1 has rank {pair.rank}, but {pair.float_rank} in floating point"
            judged.append(Assumption(name, 0.0, None, detail))
        elif pair.rank:
            detail = f"{where}B_l+1 has rank {pair.rank}, condition {pair.condition:.3g}"
            judged.append(Assumption(name, pair.smallest - 1, True, detail))
    return first_failure(*judged) or min(judged, key=lambda each: each.margin)


def assess_dfa_law(trajectory: Trajectory) -> Verdict:
    """Judge statement dfa-law on a trajectory of the flow or a Gauss method (the law is quadratic).

    Examples
    --------
    >>> import fa_theory as ft
    >>> from fa_theory.verification import assess_dfa_law
    >>> problem = ft.Problem([[1.0, -1.0]], [1.0])
    >>> for rule in ("dfa", "fa"):
    ...     run = ft.simulate(ft.initialise("gaussian", (2, 3, 3, 1), rule=rule), problem, time=0.2, points=5)
    ...     assess_dfa_law(run).verdict
    'holds'
    'not_applicable'
    """
    network = trajectory.network
    direct = all(isinstance(rule, DirectFeedback) for rule in network.feedback)
    failure = first_failure(
        no_weight_decay(trajectory.weight_decay),
        yes_or_no("rule is dfa", direct, network.rule_name),
        yes_or_no("linear activation", network.activation.is_linear, network.activation.name),
        yes_or_no(
            "flow, midpoint or Gauss rule", trajectory.method in ("flow", *GAUSS_METHODS), f"method {trajectory.method}"
        ),
    )
    if failure is not None:
        return not_applicable("dfa-law", failure)
    pairs = feedback_pairs(network)
    failure = first_failure(included_kernels(pairs))
    if failure is not None:
        return not_applicable("dfa-law", failure)
    worst = max((pair.condition for pair in pairs), default=1.0)
    remark = f"; {network.depth - 1} hidden layer(s), condition of the feedback at most {worst:.3g}"
    return judge_drift("dfa-law", dfa_law_drift(trajectory, pairs), trajectory, remark)


def matched_decay_drift(trajectory: Trajectory) -> LawDrift:
    """Measure how far C_i is from C_i(0) exp(-2 lambda_l t) in the layers whose decay is matched.

    Examples
    --------
    >>> import fa_theory as ft
    >>> from fa_theory.verification import matched_decay_drift
    >>> network, problem = ft.initialise("gaussian", (2, 3, 1)), ft.Problem([[1.0, -1.0]], [1.0])
    >>> found = matched_decay_drift(ft.simulate(network, problem, time=1.0, points=5, weight_decay=[0.1, 0.2]))
    >>> bool((found.drift <= found.tolerance).all())
    True
    """
    rates, start = trajectory.weight_decay, trajectory.network_at(0)
    still = neuron_law_drift(trajectory)
    values, uncertainty = trajectory.along(lambda network: joined(matched_laws(network, rates)))
    expected = np.stack([joined(matched_decay(start, rates, float(t))) for t in trajectory.t])
    largest = up_to_next(np.max(uncertainty, axis=1, initial=0.0))
    drift = np.max(abs(values - expected), axis=1, initial=0.0)
    return LawDrift(drift, largest + trajectory.rounding * still.size, still.size)


def assess_matched_decay(trajectory: Trajectory) -> Verdict:
    """Judge statement matched-decay on a trajectory of the flow with weight decay.

    Layers whose decay is not matched are left out and named; where none is matched it does not apply, and the margin is
    minus the smallest mismatch |q lambda_{l+1} - 2 lambda_l|.

    Examples
    --------
    >>> import fa_theory as ft
    >>> from fa_theory.verification import assess_matched_decay
    >>> network, problem = ft.initialise("gaussian", (2, 3, 1)), ft.Problem([[1.0, -1.0]], [1.0])
    >>> for rates in ([0.1, 0.2], [0.1, 0.1]):  # FA needs lambda_2 = 2 lambda_1
    ...     run = ft.simulate(network, problem, time=1.0, points=5, weight_decay=rates)
    ...     assess_matched_decay(run).verdict
    'holds'
    'not_applicable'
    """
    network, rates = trajectory.network, trajectory.weight_decay
    homogeneous = network.activation.degree is not None
    failure = first_failure(
        yes_or_no("weight decay", bool(rates), "none in this run"),
        yes_or_no("homogeneous activation", homogeneous, network.activation.name),
        yes_or_no("continuous-time flow", trajectory.method == "flow", f"method {trajectory.method}"),
    )
    if failure is not None:
        return not_applicable("matched-decay", failure)
    matches = decay_matches(network, rates)
    told = [
        f"layer {match.layer + 1}: 2 lambda_l = {match.rate:g}, q lambda_l+1 = "
        + ("unknown, Psi is not homogeneous" if match.above is None else f"{match.above:g}")
        for match in matches
        if not match.matched
    ]
    if len(told) == len(matches):
        gaps = [abs(match.above - match.rate) for match in matches if match.above is not None]
        margin = -min(gaps, default=1.0)
        return not_applicable("matched-decay", Assumption("matched decay", margin, False, "; ".join(told)))
    matched = [match for match in matches if match.matched]
    left = exp(-max(match.rate for match in matched) * float(trajectory.t[-1]))
    remark = f"; layer(s) {', '.join(str(match.layer + 1) for match in matched)}, C_i falls to {left:.3g} of its start"
    if told:
        remark += f"; not matched: {'; '.join(told)}"
    return judge_drift("matched-decay", matched_decay_drift(trajectory), trajectory, remark)
