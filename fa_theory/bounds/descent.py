"""descent: from an aligned start the loss never increases, and alignment dominates with a known constant."""

from __future__ import annotations

import numpy as np

from fa_theory.backend import machine_epsilon, to_numpy
from fa_theory.bounds import assumptions as assume
from fa_theory.bounds.bound import Bound, Host
from fa_theory.bounds.float_range import within_floats
from fa_theory.model import Backprop, DirectFeedback, FeedbackAlignment, Network, Problem, SignFeedback


@within_floats
def descent(network: Network, problem: Problem) -> Bound:
    """Return the bound L(t) <= L(0), with alignment dominance <G_1, F_1> >= c |F_1|^2.

    With g_i = (1/N) sum_j e_j theta_ij x_j, dL/dt = -|G_2|^2 - sum_i v_i M_i |g_i|^2 and v_i M_i >= -C_i.
    Hidden biases count as weights on a constant input; an output bias only adds to the decay. sign-FA and
    backprop descend from any start, since their v_i M_i are |v_i| and v_i^2.

    Parameters
    ----------
    network, problem
        Start and data; any loss.

    Returns
    -------
    Bound
        On the mean loss. `constants` holds ``dominance``, the constant c, where one is known from the start:
        for FA with all C_i <= 0 the least |C_i| / B_i^2 over B_i != 0, for sign-FA the least |C_i|, for
        backprop 1.

    Notes
    -----
    Statement descent (alignment dominance: paper; form and constants: own). For
    linear networks sum_i C_i <= 0 is enough, as all g_i agree.

    Examples
    --------
    >>> import fa_theory as ft
    >>> network = ft.Network([[[1, 0], [0, 1]], [[2, 1]]], "relu", [[[1], [1]]])
    >>> bound = ft.bounds.descent(network, ft.Problem([[1, 0], [0, 1]], [1, 1]))
    >>> bound([0, 7]).tolist()  # the loss never exceeds L(0) = 1/4
    [0.25, 0.25]
    >>> round(bound.constants["dominance"], 9)  # the least -C_i / B_i^2 = B_i v_i - 1/2 |w_i|^2: 1 - 1/2
    0.5
    """
    alignment = assume.initial_alignment(network)
    judged = [
        assume.two_layers(network),
        assume.scalar_output(network),
        assume.piecewise_linear(network),
        assume.aligning_rule(network),
    ]
    if not assume.always_descends(network):
        judged.append(assume.aligned_start(network, alignment, strict=False))
    loss = assume.start_loss(network, problem)
    constants = {"s": alignment.total, "start_loss": loss}
    dominance = _dominance(network, alignment.c)
    if dominance is not None:
        constants["dominance"] = dominance

    def never_more(times: Host) -> Host:
        return np.full(times.shape, loss)

    rounding = 64 * machine_epsilon(problem.X)
    return Bound("descent", "loss", tuple(judged), never_more, 0.0, 0.0, rounding, constants)


def _dominance(network: Network, c: Host) -> float | None:
    """Return the lower bound of v_i M_i / M_i^2 that the start tells, given that v_i M_i >= c_i always."""
    rule = network.feedback[-1]
    if isinstance(rule, Backprop):
        return 1.0
    if not np.all(c >= 0):
        return None
    if isinstance(rule, SignFeedback):
        return float(np.min(c))
    if not isinstance(rule, FeedbackAlignment | DirectFeedback):
        return None
    squared = to_numpy(rule.B).astype(float)[:, 0] ** 2
    reached = squared > 0
    return float(np.min(c[reached] / squared[reached])) if reached.any() else None
