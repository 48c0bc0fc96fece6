"""Predictions of a run: the whole flow from fewer variables (reduced-flow), and where it ends (minimum-norm)."""

from __future__ import annotations

from typing import Any

import numpy as np

from fa_theory.backend import machine_epsilon, to_numpy
from fa_theory.bounds import Assumption
from fa_theory.bounds import assumptions as assume
from fa_theory.dynamics import Trajectory, forward, reduced_flow
from fa_theory.laws import end_to_end, predicted_limit, unseen_map
from fa_theory.model import Network, Parameters, Problem, Spectrum, spectrum
from fa_theory.verification.verdict import (
    Verdict,
    first_failure,
    judge_deviation,
    no_weight_decay,
    not_applicable,
    yes_or_no,
)

Host = np.ndarray[Any, Any]

VANISHED = 1e-6
"""The excess loss has vanished when it is less than this part of that at the start."""
SETTLED = 1e-2
"""The weights have settled when the last quarter of the run moved them by less than this part of the whole."""
_TELLING = 1e-2


def _parts(parameters: Parameters) -> list[Host]:
    arrays = (*parameters.weights, *(b for b in parameters.biases if b is not None))
    return [to_numpy(array).astype(float) for array in arrays]


def _distance(one: Parameters, other: Parameters) -> float:
    return max(float(np.max(abs(a - b))) for a, b in zip(_parts(one), _parts(other), strict=True))


def assess_reduced_flow(trajectory: Trajectory) -> Verdict:
    """Judge statement reduced-flow: loss and weights of the run against the d-dimensional equation, at all times.

    The tolerance is the sum of the two integrators' error estimates, and rounding.

    Examples
    --------
    >>> import fa_theory as ft
    >>> from fa_theory.verification import assess_reduced_flow
    >>> network, problem = ft.initialise("gaussian", (2, 5, 1)), ft.Problem([[1.0, 0.0], [0.0, 2.0]], [1.0, -1.0])
    >>> verdict = assess_reduced_flow(ft.simulate(network, problem, time=1.0, points=5))
    >>> verdict.verdict, verdict.detail.partition(",")[0]
    ('holds', '2 variables instead of 15')
    """
    network, problem = trajectory.network, trajectory.problem
    failure = first_failure(
        no_weight_decay(trajectory.weight_decay),
        assume.two_layers(network),
        assume.scalar_output(network),
        assume.linear_activation(network),
        assume.fixed_feedback(network),
        yes_or_no("continuous-time flow", trajectory.method == "flow", f"method {trajectory.method}"),
    )
    if failure is not None:
        return not_applicable("reduced-flow", failure)
    reduced = reduced_flow(network, problem, trajectory.options["time"], trajectory.options["points"])
    count = min(len(trajectory.t), len(reduced.t))
    if count < min(2, trajectory.options["points"]) and trajectory.options["time"] > 0:
        detail = f"nothing to compare after the start ({trajectory.outcome}, reduced flow {reduced.outcome})"
        return Verdict("reduced-flow", "undecided", None, None, detail)
    worst, gap, allowed = -1.0, 0.0, 0.0
    for k in range(count):
        state, shadow = trajectory.states[k], trajectory.shadow[k]
        predicted = reduced.parameters(k)
        size = max(float(np.max(abs(part))) for part in _parts(state))
        rounding = trajectory.rounding + 64 * machine_epsilon(problem.X) * sum(network.widths)
        for found, tolerance in (
            (
                abs(float(trajectory.loss[k] - reduced.loss[k])),
                trajectory.error[k] + reduced.error[k] + rounding * trajectory.loss[k],
            ),
            (
                _distance(state, predicted),
                _distance(state, shadow) + _distance(predicted, reduced.parameters(k, shadow=True)) + rounding * size,
            ),
        ):
            ratio = found / tolerance if tolerance > 0 else float(found > 0)
            if not ratio <= worst:  # keeps a NaN
                worst, gap, allowed = ratio, found, float(tolerance)
    variables = network.first_layer_inputs(problem.X).shape[1] + (network.biases[1] is not None)
    detail = (
        f"{variables} variables instead of {sum(part.size for part in _parts(network.parameters))}, loss and weights "
        f"at {count} times; where they differ most, by {gap:.2e}, tolerance {allowed:.2e}"
    )
    return judge_deviation("reduced-flow", gap, allowed, detail)


def assess_minimum_norm(trajectory: Trajectory) -> Verdict:
    """Judge statement minimum-norm on a run that has converged: the end-to-end map against its predicted limit.

    What excess loss is left allows a distance of sqrt(2 N (L - L*)) over the smallest non-zero singular value of X; the
    tolerance is twice that, as the layers above the first are still on their way too, and rounding. Where it exceeds a
    hundredth of the map, the row is undecided.

    Examples
    --------
    >>> import fa_theory as ft
    >>> from fa_theory.verification import assess_minimum_norm
    >>> network, problem = ft.initialise("zero", (3, 2, 1)), ft.Problem([[1.0, 2.0, 0.0]], [1.0])
    >>> [assess_minimum_norm(ft.simulate(network, problem, time=t, points=21)).verdict for t in (30.0, 0.1)]
    ['holds', 'not_applicable']
    """
    network, problem = trajectory.network, trajectory.problem
    failure = first_failure(
        no_weight_decay(trajectory.weight_decay),
        assume.linear_activation(network),
        assume.loss_is(problem, "squared"),
        yes_or_no(
            "no bias above the first layer",
            all(b is None for b in network.biases[1:]),
            f"{sum(b is not None for b in network.biases[1:])} of them",
        ),
    )
    if failure is not None:
        return not_applicable("minimum-norm", failure)
    data = spectrum(network.first_layer_inputs(problem.X))
    end = trajectory.network_at(len(trajectory.t) - 1)
    left = _excess(end, problem, data)
    failure = first_failure(_vanished(trajectory, data, left), _settled(trajectory))
    if failure is not None:
        return not_applicable("minimum-norm", failure)
    limit, reached = predicted_limit(network, end, problem), end_to_end(end)
    gap, size = float(np.linalg.norm(reached - limit)), float(np.linalg.norm(limit))
    smallest = np.sqrt(data.smallest_nonzero * problem.n_samples)
    condition = float(np.sqrt(data.largest / data.smallest_nonzero)) if data.rank else 1.0
    rounding = (trajectory.rounding + 64 * machine_epsilon(problem.X) * sum(network.widths)) * condition
    allowed = 2 * float(np.sqrt(2 * problem.n_samples * left) / smallest) if data.rank else 0.0
    allowed += rounding * (size + _size(end))
    unseen = float(np.linalg.norm(unseen_map(network, end, problem)))
    detail = (
        f"end-to-end map of norm {np.linalg.norm(reached):.4g}, {gap:.2e} from its predicted limit (tolerance "
        f"{allowed:.2e}), which is {unseen:.2e} from the minimum-norm map"
    )
    if allowed > _TELLING * size and gap <= allowed and size > 0:
        return Verdict("minimum-norm", "undecided", "float-checked", None, f"the tolerance tells little: {detail}")
    return judge_deviation("minimum-norm", gap, allowed, detail)


def _size(network: Network) -> float:
    """Return the product of the norms of all layers, the size of what `end_to_end` adds up."""
    first = float(np.linalg.norm(to_numpy(network.first_layer_weights()).astype(float)))
    return first * float(np.prod([np.linalg.norm(to_numpy(W).astype(float)) for W in network.weights[1:]]))


def _excess(network: Network, problem: Problem, data: Spectrum) -> float:
    """Return L - L*, the part of the loss that lies in the span of the data."""
    errors = to_numpy(forward(network, problem.X).output - problem.Y).astype(float)
    return float(np.sum((data.column_basis.T @ errors) ** 2)) / (2 * problem.n_samples)


def _vanished(trajectory: Trajectory, data: Spectrum, left: float) -> Assumption:
    """Judge whether the excess loss has vanished; the margin is that part of it at the start, subtracted from 1e-6."""
    start = _excess(trajectory.network, trajectory.problem, data)
    part = left / start if start > 0 else 0.0 if left == 0 else 1.0
    detail = f"excess loss {left:.3g} after {start:.3g} at the start"
    resolved = left <= float(trajectory.error[-1])
    return Assumption("the excess loss has vanished", VANISHED - part, part <= VANISHED or resolved, detail)


def _settled(trajectory: Trajectory) -> Assumption:
    """Judge whether the weights have settled; the margin is the last quarter's part of the whole, from 1e-2."""
    late = int(np.searchsorted(trajectory.t, 0.75 * trajectory.t[-1]))
    end = trajectory.states[-1]
    moved, last = _distance(end, trajectory.states[0]), _distance(end, trajectory.states[late])
    size = max(float(np.max(abs(part))) for part in _parts(end))
    part = last / moved if moved > trajectory.rounding * size else 0.0
    detail = f"the last quarter of the run moved them by {part:.2e} of the whole"
    return Assumption("the weights have settled", SETTLED - part, part <= SETTLED, detail)
