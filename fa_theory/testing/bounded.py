"""Assert that the loss of a user's own rule stays below a bound."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fa_theory.bounds import BOUNDS, Bound
from fa_theory.choices import not_among
from fa_theory.model import Network, Problem
from fa_theory.testing.arguments import require_number
from fa_theory.testing.conserved import UndecidedError
from fa_theory.testing.instance_code import instance_code
from fa_theory.testing.runs import Losses, flow_losses, step_losses
from fa_theory.testing.user_rule import (
    Rule,
    UserRule,
    check_parameters,
    finite_updates,
    name_of,
    require_host,
)

Host = np.ndarray[Any, Any]

_HOPELESS = 0.1
_CALCULATORS = {calculate.__name__.replace("_", "-"): calculate for calculate in BOUNDS}


def assert_bound(
    rule: Rule,
    bound: str | Bound | Callable[..., Any],
    network: Network,
    problem: Problem,
    *,
    time: float | None = None,
    steps: int | None = None,
    step_size: float | None = None,
    points: int = 11,
    xp: Any = None,
) -> None:
    """Assert that the loss along a rule's run stays below a bound, at every recorded time.

    Parameters
    ----------
    rule : callable
        ``rule(weights, X, e) -> updates``, see `fa_theory.testing.UserRule`.
    bound : str, Bound or callable
        A statement's id, such as ``"exponential-decay"``, computed from `network` and `problem`; a bound that was
        computed already; or a function of your own, times (P,) -> values of the mean loss (P,).
    network, problem
        Start and data, in NumPy floats.
    time : float, optional
        The end of a run of the flow dW_l/dt = updates; 1 by default.
    steps, step_size : optional
        In place of `time`: the run is W_l <- W_l + step_size updates. A bound on gradient descent needs this; there
        the default is 100 steps of the largest certified size.
    points : int
        At how many times the loss is compared, the start included.
    xp : module, optional
        The library of `rule`: ``numpy``, ``torch``, ``jax.numpy``, ...

    Raises
    ------
    AssertionError
        If the loss exceeds the bound by more than the tolerance. The message names the first time, both values and the
        tolerance, and ends with NumPy code that fails in the same way.
    UndecidedError
        If the run could not be followed: the error estimate exceeds a tenth of the loss, of that at the start
        too, and the bound.
    TypeError, ValueError
        If an argument is not of its kind, or an assumption of the bound fails (the message names it).

    Notes
    -----
    The tolerance at each time is the error estimate of the loss (see `fa_theory.testing.runs.flow_losses`; for steps,
    rounding) plus the bound's own relative rounding.

    Examples
    --------
    >>> import numpy as np
    >>> import fa_theory as ft
    >>> from fa_theory.testing import assert_bound
    >>> def feedback_alignment(weights, X, e, feedback):
    ...     (W, V), (B,) = weights, feedback
    ...     return [-(e @ B.T).T @ X / len(X), -e.T @ (X @ W.T) / len(X)]
    >>> network = ft.Network([[[0.5, 1.0]], [[2.0]]], "linear", [[[1.0]]])
    >>> problem = ft.Problem([[1.0, -1.0], [0.0, 2.0]], [1.0, 0.5])
    >>> assert_bound(feedback_alignment, "exponential-decay", network, problem)
    >>> assert_bound(feedback_alignment, lambda t: 5 * np.exp(-9 * t), network, problem)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    AssertionError: feedback_alignment breaks the bound: at t = 0.9, loss 0.00173895 > 0.0015177, by 0.000221...
    """
    __tracebackhide__ = True  # pytest shows the message, not the assertion's own lines
    require_host(network, problem)
    points = int(require_number("points", points, least=2, whole=True))
    if step_size is not None:
        step_size = require_number("step_size", step_size, above=True)
    user = UserRule(rule, xp)
    known = _known_bound(bound, network, problem, step_size)
    run = _checked_run(known, time, steps, step_size)
    counts = np.unique(np.linspace(0, run.get("steps", points - 1), points).round().astype(int))
    times = counts * run["step_size"] if "steps" in run else np.linspace(0.0, run["time"], points)
    floor, rounding = (known.floor, known.rounding) if isinstance(known, Bound) else (0.0, 16 * np.finfo(float).eps)
    values = _values(known, times)

    def told(found: str) -> str:
        name = known.id if isinstance(known, Bound) else name_of(known, "bound")
        spelled = f'"{name}"' if isinstance(known, Bound) else name
        arguments = ", ".join(f"{key}={value!r}" for key, value in run.items())
        library = "" if user.xp is np else f", xp={user.xp.__name__}"
        call = f"assert_bound({user.name}, {spelled}, network, problem, {arguments}, points={points}{library})"
        code = instance_code(user, network, problem, call)
        return (
            f"{user.name} breaks {'the bound' if name == 'bound' else name}: {found}\nThe start, as NumPy code:\n{code}"
        )

    def compared(losses: Losses) -> tuple[Host, Host]:
        return losses.loss - floor - values, losses.error + rounding * abs(values)

    def decided(losses: Losses) -> bool:
        excess, tolerance = compared(losses)
        return bool(np.all(abs(excess[1:]) > tolerance[1:]))  # at the start both may be the same number

    with user.remembers_nothing():
        try:
            finite_updates(user, network, problem)
        except FloatingPointError as error:
            raise AssertionError(told(str(error))) from None
        if "time" in run:
            losses = flow_losses(user, network, problem, times, decided)
        else:
            losses = step_losses(user, network, problem, counts, run["step_size"])
        excess, tolerance = compared(losses)
        # a loss that is zero from the start is known up to rounding only, which is more than a tenth of it
        hopeless = _HOPELESS * np.maximum(losses.loss[0], losses.loss) + (1 + losses.steps) * losses.error[0]
        lost = (np.isinf(losses.error) | (losses.error > hopeless)) & (losses.error > values)
        wrong = ~(excess <= tolerance) & ~lost
        if wrong.any():
            k = int(np.flatnonzero(wrong)[0])
            raise AssertionError(told(_in_words(times[k], losses, k, values[k], floor, tolerance[k])))
        if lost.any():
            k = int(np.flatnonzero(lost)[0])
            raise UndecidedError(
                f"undecided: at t = {times[k]:.6g} the loss of {user.name} is {losses.loss[k]:.6g}, give or take "
                f"{losses.error[k]:.3g}, after {losses.steps} steps; the bound is {values[k]:.6g}."
                f"{_lost(losses)} Try a shorter run"
            )


def _known_bound(bound: Any, network: Network, problem: Problem, step_size: float | None) -> Any:
    if isinstance(bound, str):
        if bound not in _CALCULATORS:
            raise not_among("bound", bound, _CALCULATORS, ", a Bound or a function")
        calculate = _CALCULATORS[bound]
        return calculate(network, problem, step_size) if bound.startswith("gd-") else calculate(network, problem)
    if not callable(bound):
        raise TypeError(f"bound must be a statement's id, a Bound or a function, got {type(bound).__name__}")
    check_parameters(bound, "bound", ("times",), ())
    return bound


def _checked_run(bound: Any, time: float | None, steps: int | None, step_size: float | None) -> dict[str, Any]:
    method = bound.method if isinstance(bound, Bound) else None
    stepwise = steps is not None or step_size is not None or method == "gd"
    if stepwise and time is not None:
        raise ValueError("a run has a time, or steps and a step_size, not both (gradient descent has no time)")
    if stepwise and method == "flow":
        raise ValueError(f"{bound.id} is about the flow: give time in place of steps and step_size")
    if not stepwise:
        return {"time": require_number("time", 1.0 if time is None else time, above=True)}
    size: Any = step_size if step_size is not None or method != "gd" else bound.step_size
    if size is None and isinstance(bound, Bound):
        bound([0.0])  # says which assumption fails, so that no step size is certified
    size = require_number("step_size", size, above=True)
    count = require_number("steps", 100 if steps is None else steps, least=1, whole=True)
    return {"steps": int(count), "step_size": size}


def _values(bound: Any, times: Host) -> Host:
    returned = np.asarray(bound(times.copy()))
    if returned.dtype.kind not in "iuf":
        raise TypeError(f"bound must return real numbers, got dtype {returned.dtype}")
    values = returned.astype(float)
    if values.shape not in ((), times.shape):
        raise ValueError(f"bound must return one value for each of {len(times)} times, got shape {values.shape}")
    if np.isnan(values).any():
        k = int(np.argmax(np.isnan(np.broadcast_to(values, times.shape))))
        raise ValueError(f"bound must not return NaN, got it at t = {times[k]:.6g}")
    if np.all(values == np.inf):
        raise ValueError("bound must be finite at some time, got inf at all: it says nothing")
    return np.broadcast_to(values, times.shape)


def _in_words(time: float, losses: Losses, k: int, value: float, floor: float, tolerance: float) -> str:
    loss = losses.loss[k] - floor
    what = "excess loss" if floor else "loss"
    return (
        f"at t = {time:.6g}, {what} {loss:.6g} > {value:.6g}, by {loss - value:.3g}\n"
        f"  predicted: {what} <= {value:.6g}{f' (over the floor {floor:.6g})' if floor else ''}\n"
        f"  tolerance: {tolerance:.3g} = {losses.error[k]:.3g} ({losses.origin}) + the bound's own rounding"
        f"{'' if np.isfinite(loss) else _lost(losses)}"
    )


def _lost(losses: Losses) -> str:
    return f" The run cannot be followed further: {losses.lost}." if losses.lost else ""
