"""descent: from an aligned start the loss never increases, and alignment dominates with a known constant."""

from __future__ import annotations

import numpy as np

from fa_theory.backend import machine_epsilon, to_numpy
from fa_theory.bounds import assumptions as assume
from fa_theory.bounds.bound import Bound, Host
from fa_theory.model import DirectFeedback, FeedbackAlignment, Network, Problem, SignFeedback


def descent(network: Network, problem: Problem) -> Bound:
    """Return the bound L(t) <= L(0), with alignment dominance <G_1, F_1> >= c |F_1|^2.

    With g_i = (1/N) sum_j e_j theta_ij x_j, dL/dt = -|G_2|^2 - sum_i v_i M_i |g_i|^2 and v_i M_i >= -C_i. Hidden biases
    count as weights on a constant input. sign-FA descends from any start, since v_i M_i = |v_i|.

    Parameters
    ----------
    network, problem
        Start and data; any loss.

    Returns
    -------
    Bound
        On the mean loss. `constants` holds ``dominance`` c = min |C_i| / M_i^2 over M_i != 0 for FA and sign-FA with
        all C_i <= 0.

    Notes
    -----
    Statement descent (own). For linear networks sum_i C_i <= 0 is enough, as all g_i agree.
    """
    alignment = assume.initial_alignment(network)
    judged = [
        assume.two_layers(network),
        assume.scalar_output(network),
        assume.piecewise_linear(network),
        assume.aligning_rule(network),
    ]
    if not all(isinstance(rule, SignFeedback) for rule in network.feedback):
        judged.append(assume.aligned_start(network, alignment, strict=False))
    loss = assume.start_loss(network, problem)
    constants = {"s": alignment.total, "start_loss": loss}
    if np.all(alignment.c >= 0) and isinstance(
        network.feedback[-1], FeedbackAlignment | DirectFeedback | SignFeedback
    ):
        squared = to_numpy(network.feedback[-1].matrix(network.weights[-1])).astype(float)[:, 0] ** 2
        if np.any(squared > 0):
            constants["dominance"] = float(np.min(alignment.c[squared > 0] / squared[squared > 0]))

    def never_more(times: Host) -> Host:
        return np.full(times.shape, loss)

    rounding = 64 * machine_epsilon(problem.X)
    return Bound("descent", "loss", tuple(judged), never_more, 0.0, 0.0, rounding, constants)
