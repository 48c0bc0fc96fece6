"""hitting-time-two-sided: hitting-time with the larger losses that come before epsilon, at which tau runs faster."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fa_theory.bounds.bound import Bound
from fa_theory.bounds.float_range import within_floats
from fa_theory.bounds.hitting_time import Course, comparison_of, hitting_time, log_expm1
from fa_theory.model import Network, Problem, max_margin

_CELLS = 2000


@within_floats
def hitting_time_two_sided(network: Network, problem: Problem, epsilon: float | None = None) -> Bound:
    """Bound the time at which the logistic loss reaches epsilon as hitting-time does, by a better use of its clock.

    Let L be above epsilon until tau, I the integral of Q and tau_1 where Q turns positive. Then expm1(N L) exp(I) has
    not grown since, so that it was large before, and the time since tau_1 is at most

        N (tau - tau_1) + N J / expm1(N epsilon),    J = integral from tau_1 to tau of exp(I(s) - I(tau)) ds.

    Until tau_1 the loss was at least epsilon_0, expm1(epsilon_0) = exp(I(tau_1)) expm1(epsilon_1), expm1(N epsilon_1) =
    exp(I(tau) - I(tau_1)) expm1(N epsilon), or epsilon if that is larger; that took N tau_1 / (1 - exp(-N epsilon_0))
    at most. The largest sum of both over tau up to the tau_epsilon of hitting-time is the time.

    Parameters
    ----------
    network, problem
        Start and data, labels +-1.
    epsilon : float, optional
        The loss to reach; half of the loss at the start by default.

    Returns
    -------
    Bound
        That of hitting-time with a `time` that is no later.

    Raises
    ------
    ValueError
        If `epsilon` is not a positive finite number.

    Notes
    -----
    Statement hitting-time-two-sided (own).

    Examples
    --------
    >>> import fa_theory as ft
    >>> network = ft.Network([[[1, 0], [0, 1]], [[2, 1]]], "linear", [[[1], [1]]])
    >>> problem = ft.Problem([[1, 0], [0, 1]], [1, -1], "logistic")
    >>> plain = ft.bounds.hitting_time(network, problem, epsilon=0.1)
    >>> ft.bounds.hitting_time_two_sided(network, problem, epsilon=0.1).time < plain.time
    True
    """
    plain = replace(hitting_time(network, problem, epsilon), id="hitting-time-two-sided")
    if not plain.applicable or plain.time is None or plain.epsilon is None:
        return plain
    margin = max_margin(network.first_layer_inputs(problem.X), problem.Y)
    start = plain.constants["start_loss"]
    comparison = comparison_of(network, problem, margin.direction, margin.lower, margin.scale, start)
    turn, tau = plain.constants["turn"], plain.constants["tau"]
    if tau <= turn:
        return plain
    course = Course(comparison, turn, comparison.integral(turn))
    return replace(plain, time=min(plain.time, _latest(course, tau, plain.epsilon)))


def _latest(course: Course, tau: float, epsilon: float) -> float:
    """Return how long the loss can stay above epsilon until any tau from the turn to this one, cell by cell."""
    n = course.comparison.n_samples
    log_left = log_expm1(n * epsilon)
    ends = np.linspace(course.turn, tau, _CELLS + 1)
    fallen = [course.comparison.integral(end) - course.at_turn for end in ends.tolist()]
    latest, weighted = 0.0, 0.0
    for k, width in enumerate(np.diff(ends).tolist()):
        # I grows: it is least at the beginning of a cell, where epsilon_1 is, and J grows by less than the width
        at_turn = float(np.logaddexp(0, log_left + fallen[k])) / n
        before = float(np.logaddexp(0, log_expm1(at_turn) - course.growth))
        first = course.time_above(course.turn, max(before, epsilon))
        second = n * (float(ends[k + 1]) - course.turn + (weighted + width) * float(np.exp(-log_left)))
        latest = max(latest, first + second)
        weighted = weighted * float(np.exp(fallen[k] - fallen[k + 1])) + width
    return latest
