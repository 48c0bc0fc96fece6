"""reduced-flow: the flow of two-layer, linear, scalar FA is an equation in d variables, at any width."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy.integrate import DOP853

from fa_theory.backend import to_numpy
from fa_theory.dynamics.trajectory import BLOW_UP, recorded_times
from fa_theory.model import AdaptiveFeedback, DirectFeedback, FeedbackAlignment, Network, Parameters, Problem
from fa_theory.model.losses import squared

Host = np.ndarray[Any, Any]

_MAX_STEPS = 20_000
_TIGHTENING = 20.0
_MOST_DEGREES = 30
_FALLING = 2.0
_FINEST = 100 * float(np.finfo(float).eps)


class ReducedFlow(NamedTuple):
    """The flow in its reduced variables.

    Attributes
    ----------
    network : Network
        The start.
    t : array, (P,)
        Recorded times, those that were reached.
    u : array, (P, d)
        W_1(t) = W_1(0) + b u(t)^T; with a hidden bias (P, d + 1), its last column for the bias.
    bias : array, (P,)
        The output bias; zeros where there is none.
    loss : array, (P,)
        The mean loss.
    error : array, (P,)
        An estimate of the integrator's error in it.
    shadow_u, shadow_bias : array
        u and the output bias from a looser run; what they differ by estimates the integrator's error.
    outcome : str
        ``"completed"``, ``"diverged"`` or ``"too_many_steps"``.

    Examples
    --------
    >>> import fa_theory as ft
    >>> from fa_theory.dynamics import reduced_flow
    >>> network = ft.initialise("gaussian", (2, 50, 1), seed=0)
    >>> reduced = reduced_flow(network, ft.Problem([[1.0, 0.0], [0.0, 2.0]], [1.0, -1.0]), 1.0, points=3)
    >>> reduced.outcome, reduced.u.shape, reduced.parameters(-1).weights[0].shape  # 2 variables for 150 weights
    ('completed', (3, 2), (50, 2))
    """

    network: Network
    t: Host
    u: Host
    bias: Host
    loss: Host
    error: Host
    shadow_u: Host
    shadow_bias: Host
    outcome: str

    def parameters(self, index: int, *, shadow: bool = False) -> Parameters:
        """Return the weights and biases at the recorded time of that index, NumPy arrays in double precision."""
        u, bias = (self.shadow_u, self.shadow_bias) if shadow else (self.u, self.bias)
        return _lifted(self.network, u[index], float(bias[index]))


def has_reduced_flow(network: Network) -> bool:
    """Tell whether a network has two layers, one output, a linear activation and fixed feedback.

    Examples
    --------
    >>> import fa_theory as ft
    >>> from fa_theory.dynamics import has_reduced_flow
    >>> [has_reduced_flow(ft.initialise("aligned", (2, 5, 1), rule=rule)) for rule in ("fa", "adafa:0", "sign-fa")]
    [True, True, False]
    """
    rule = network.feedback[-1]
    fixed = isinstance(rule, FeedbackAlignment | DirectFeedback) or (
        isinstance(rule, AdaptiveFeedback) and rule.kappa == 0
    )
    return network.depth == 2 and network.widths[-1] == 1 and network.activation.is_linear and fixed


def reduced_flow(
    network: Network, problem: Problem, time: float, points: int = 101, *, accuracy: float = 1e-11
) -> ReducedFlow:
    """Solve the flow of a two-layer, linear, scalar FA network as an equation in d variables.

    W_1(t) = W_1(0) + b u(t)^T, v(t) = v(0) + W_1(0) u + 1/2 b |u|^2 and du/dt = -(1/N) sum_j e_j x_j. The width enters
    through W_1(0)^T W_1(0), W_1(0)^T v(0), W_1(0)^T b, b.v(0) and |b|^2 alone. With a hidden bias (x, 1) stands in
    place of x; an output bias is one more variable. Any loss.

    Parameters
    ----------
    network, problem
        Start and data.
    time : float
        The end, finite and >= 0.
    points : int
        The number of equally spaced recorded times, both ends included.
    accuracy : float
        The relative tolerance of the integrator, in double precision: Taylor series for the squared loss, whose
        equation is polynomial and needs X^T X and X^T Y alone, else SciPy's DOP853.

    Returns
    -------
    ReducedFlow
        With losses, weights at every recorded time, and the difference to a run at a looser tolerance.

    Raises
    ------
    ValueError
        If the network is not of that kind, or an argument is out of range.

    Notes
    -----
    Statement reduced-flow (own).

    Examples
    --------
    >>> import fa_theory as ft
    >>> from fa_theory.dynamics import reduced_flow
    >>> network = ft.Network([[[0.0]], [[0.0]]], "linear", [[[1.0]]])
    >>> reduced = reduced_flow(network, ft.Problem([[1.0]], [1.0]), 20.0, points=2)
    >>> round(float(reduced.u[-1, 0]) ** 3, 9)  # v = 1/2 w^2 and v w = 1 at the end
    2.0
    """
    if not has_reduced_flow(network):
        raise ValueError(
            "network must have two layers, one output, a linear activation and the rule fa, got widths "
            f"{network.widths}, {network.activation.name}, {network.rule_name}"
        )
    if not _FINEST <= accuracy < 1:
        raise ValueError(f"accuracy must lie in [{_FINEST:.2g}, 1), got {accuracy}")
    times = np.asarray(recorded_times(time, points))
    field = _Field.of(network, problem)
    looser = min(accuracy * _TIGHTENING, 1e-2)
    with np.errstate(over="ignore", invalid="ignore"):  # a run that blows up overflows on its way to its outcome
        integrate = _by_series if problem.loss == squared else _integrate  # equal, not the same, in another process
        tight, outcome = integrate(field, times, accuracy)
        loose, _ = integrate(field, times, looser)
        kept = min(len(tight), len(loose))
        outputs, others = (np.stack([field.output(y) for y in run[:kept]]) for run in (tight, loose))
        values, shadows = ([problem.loss.value(f[:, None], field.Y) for f in each] for each in (outputs, others))
        rounding = np.asarray([problem.loss.rounding(f[:, None], field.Y) for f in outputs])
    d = field.X.shape[1]
    return ReducedFlow(
        network=network,
        t=times[:kept],
        u=tight[:kept, :d],
        bias=tight[:kept, d],
        loss=np.asarray([float(np.mean(value)) for value in values]),
        error=np.mean(abs(np.asarray(values) - np.asarray(shadows)), axis=1) + rounding,
        shadow_u=loose[:kept, :d],
        shadow_bias=loose[:kept, d],
        outcome=outcome if kept == len(tight) else "too_many_steps",
    )


class _Field(NamedTuple):
    """The reduced equation; the state is u and the output bias."""

    X: Host
    Y: Host
    loss: Any
    start: Host
    """(u, output bias) at t = 0."""
    trained_bias: bool
    gram: Host
    """W_1(0)^T W_1(0)."""
    end_to_end: Host
    """W_1(0)^T v(0)."""
    sent: Host
    """W_1(0)^T b."""
    aligned: float
    """b.v(0)."""
    feedback: float
    """|b|^2."""

    @classmethod
    def of(cls, network: Network, problem: Problem) -> _Field:
        # one order in memory, so that a copy in another process gives the same numbers bit for bit
        W = to_numpy(network.first_layer_weights()).astype(float, order="C", copy=False)
        v = to_numpy(network.weights[1]).astype(float, order="C", copy=False)[0]
        b = to_numpy(network.feedback[0].matrix(network.weights[1])).astype(float, order="C", copy=False)[:, 0]
        bias = network.biases[1]
        start = np.append(np.zeros(W.shape[1]), 0.0 if bias is None else float(bias[0]))
        return cls(
            X=to_numpy(network.first_layer_inputs(problem.X)).astype(float, order="C", copy=False),
            Y=to_numpy(problem.Y).astype(float, order="C", copy=False),
            loss=problem.loss,
            start=start,
            trained_bias=bias is not None,
            gram=W.T @ W,
            end_to_end=W.T @ v,
            sent=W.T @ b,
            aligned=float(b @ v),
            feedback=float(b @ b),
        )

    def output(self, state: Host) -> Host:
        """Return f(x_j), (N,)."""
        u, bias = state[:-1], state[-1]
        squared = u @ u
        alignment = self.aligned + self.sent @ u + self.feedback * squared / 2  # b.v
        return np.asarray(self.X @ (self.end_to_end + self.gram @ u + self.sent * (squared / 2) + u * alignment) + bias)

    def velocity(self, _time: float, state: Host) -> Host:
        errors = self.loss.derivative(self.output(state)[:, None], self.Y)[:, 0]
        moved = np.mean(errors) if self.trained_bias else 0.0
        return -np.append(errors @ self.X / len(self.X), moved)


class _Series:
    """Taylor coefficients of the reduced equation under the squared loss; buffers are used again at every step.

    With q = |u|^2, alpha = b.v = b.v(0) + s.u + |b|^2 q / 2, s = W_1(0)^T b: f = a.x + c with
    a = W_1(0)^T v(0) + W_1(0)^T W_1(0) u + s q / 2 + u alpha, and du/dt = -(X^T X / N) a - c mean(x) + X^T y / N,
    dc/dt = -a.mean(x) - c + mean(y). All of them are linear in (u, c, s.u, u alpha, q, 1), so that a degree costs one
    product with a matrix and the Cauchy products for u alpha and q.
    """

    def __init__(self, field: _Field, highest: int) -> None:
        N, d = field.X.shape
        self.field, self.highest = field, highest
        self.covariance, centre = field.X.T @ field.X / N, field.X.mean(axis=0)
        a = np.column_stack([field.gram, np.zeros((d, 2)), np.eye(d), field.sent / 2, field.end_to_end])
        u = self.covariance @ a
        u[:, d] += centre
        u[:, -1] -= field.X.T @ field.Y[:, 0] / N
        c = centre @ a
        c[d] += 1
        c[-1] -= field.Y.mean()
        self.matrix = np.vstack([u, c * field.trained_bias, field.sent @ u])
        self.rows = np.zeros((highest + 1, 2 * d + 4))
        self.states, self.products = self.rows[:, : d + 1], self.rows[:, d + 2 : -2]
        self.u, self.backwards = np.zeros((highest + 1, d)), np.zeros((highest + 1, d))  # degree k at place P - k
        self.alpha = np.zeros(highest + 1)  # backwards too

    def expand(self, state: Host, unit: float) -> None:
        """Compute all coefficients at a state, with time counted in units, so that they do not overflow."""
        field, top, rows, u, backwards, alpha = self.field, self.highest, self.rows, self.u, self.backwards, self.alpha
        d = len(state) - 1
        u[0], self.states[0], rows[0, d + 1], rows[0, -1] = state[:d], state, field.sent @ state[:d], 1.0
        constant = field.aligned
        for k in range(top):
            row = rows[k]
            backwards[top - k] = u[k]
            row[-2] = square = np.vdot(u[: k + 1], backwards[top - k :])
            alpha[top - k] = row[d + 1] + field.feedback / 2 * square + constant
            self.products[k] = alpha[top - k :].dot(u[: k + 1])
            move = self.matrix.dot(row)
            move *= -unit / (k + 1)
            rows[k + 1, : d + 2], u[k + 1] = move, move[:d]
            constant = 0.0

    def at(self, time: float, degrees: int) -> Host:
        """Return the state that many units after the expansion's, with coefficients below `degrees`."""
        return np.asarray(time ** np.arange(degrees) @ self.states[:degrees])

    def sizes(self) -> tuple[float, float, float]:
        """Return the sizes of the state and of its last two coefficients."""
        first, before, last = (float(np.dot(row, row)) ** 0.5 for row in self.states[[0, -2, -1]])
        return first, before, last


def _by_series(field: _Field, times: Host, tolerance: float) -> tuple[Host, str]:
    """Do what `_integrate` does by Taylor series: the looser of two runs goes by a lower degree too."""
    states, state, time, end = [field.start], field.start, 0.0, float(times[-1])
    top = min(_MOST_DEGREES, 4 - int(np.log(tolerance) / 2))
    series, scale = _Series(field, top), 1 / max(1.0, float(np.max(abs(field.gram))) + abs(field.aligned))
    rate = float(np.linalg.norm(series.covariance)) * (float(np.linalg.norm(field.gram)) + abs(field.aligned))
    unit = min(1 / rate if rate > 0 else 1.0, 1.0)
    for _ in range(_MAX_STEPS):
        if time >= end:
            return np.stack(states), "completed"
        series.expand(state, unit)
        size, before, last = series.sizes()
        if not np.isfinite(last):
            return np.stack(states), "diverged"
        allowed = tolerance * (size + scale)
        step = unit * min(
            (allowed / last) ** (1 / top) if last else np.inf,
            _FALLING * allowed ** (1 / top) / before ** (1 / (top - 1)) if before else np.inf,
        )
        reached = end if step >= end - time else time + step
        if reached == time:
            return np.stack(states), "diverged"
        while len(states) < len(times) and times[len(states)] <= reached:
            states.append(series.at((float(times[len(states)]) - time) / unit, top))
        state, time, unit = series.at((reached - time) / unit, top), reached, min(step, 1.0)
        if not np.all(abs(state) < BLOW_UP):
            return np.stack(states), "diverged"
    return np.stack(states), "too_many_steps"


def _integrate(field: _Field, times: Host, tolerance: float) -> tuple[Host, str]:
    """Return the states at the times that were reached, (P', d + 1), and the outcome."""
    states = [field.start]
    end = float(times[-1])
    if end == 0:
        return np.stack(states), "completed"
    # the state starts at zero; a move that changes the outputs by one unit sets its scale
    scale = 1 / max(1.0, float(np.max(abs(field.gram))) + abs(field.aligned))
    solver = DOP853(field.velocity, 0.0, field.start, end, rtol=tolerance, atol=tolerance * scale)
    for _ in range(_MAX_STEPS):
        solver.step()
        if solver.status == "failed" or not np.all(abs(solver.y) < BLOW_UP):
            return np.stack(states), "diverged"
        between = solver.dense_output()
        while len(states) < len(times) and times[len(states)] <= solver.t:
            states.append(np.asarray(between(times[len(states)])))
        if solver.status == "finished":
            return np.stack(states), "completed"
    return np.stack(states), "too_many_steps"


def _lifted(network: Network, u: Host, bias: float) -> Parameters:
    W = to_numpy(network.first_layer_weights()).astype(float)
    v = to_numpy(network.weights[1]).astype(float)
    b = to_numpy(network.feedback[0].matrix(network.weights[1])).astype(float)[:, 0]
    first = W + np.outer(b, u)
    last = v + (W @ u + b * (u @ u) / 2)[None, :]
    inputs = network.widths[0]
    hidden = None if network.biases[0] is None else first[:, inputs]
    output = None if network.biases[1] is None else np.asarray([bias])
    return Parameters((first[:, :inputs], last), (hidden, output))
