"""Runs of a user's rule: the flow dW/dt = updates by Runge-Kutta steps, and steps W <- W + step_size updates."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from fa_theory.dynamics import forward
from fa_theory.dynamics.trajectory import BLOW_UP, flatten, unflatten
from fa_theory.model import Network, Problem
from fa_theory.testing.user_rule import UserRule, errors_of

Host = np.ndarray[Any, Any]

_UNRESOLVED = 0.1
_ACCURACY = 1e-7
_ROUGH = 1e-3
_SAFETY = 2.0


class Accuracy(NamedTuple):
    """How a flow is followed: error per step relative to the weights; steps of equal length that are always allowed.

    Half as many shorter ones are allowed too, for fast beginnings.
    """

    tolerance: float
    steps: int


ACCURACIES = (Accuracy(1e-5, 64), Accuracy(1e-7, 256), Accuracy(1e-9, 1024), Accuracy(1e-10, 2048))


class LostError(Exception):
    """Raised where a flow cannot be followed any further; its text is a clause that says where and why."""

    def __init__(self, time: float, why: str, *, undefined: bool) -> None:
        super().__init__(f"at t = {time:.6g} {why}")
        self.time, self.undefined = time, undefined


class Losses(NamedTuple):
    """The loss at the recorded times of a run, with its error.

    Attributes
    ----------
    loss : array, (P,)
        The mean loss; infinite from where the run left the range of floats.
    error : array, (P,)
        How far it may be off.
    steps : int
        How many steps were made.
    origin : str
        Where the error comes from, in words.
    lost : str
        Where and why the run could not be followed to its end, as a clause; empty if it could.
    """

    loss: Host
    error: Host
    steps: int
    origin: str
    lost: str = ""


def states_along(
    rule: UserRule, network: Network, problem: Problem, times: Host, accuracy: Accuracy
) -> Iterator[tuple[Network, int]]:
    """Yield the network at each time of the flow, the start included, and the number of steps so far.

    Steps are pairs of Runge-Kutta steps (RK4), compared with one of twice the length.

    Raises
    ------
    LostError
        Where updates are not finite, weights leave the range of floats, or the steps that are allowed do not resolve
        the flow.
    """
    parameters = network.parameters
    y = np.asarray(flatten(parameters), dtype=float)
    undefined = False

    def velocity(at: Host) -> Host:
        nonlocal undefined
        here = network.with_parameters(unflatten(at, parameters))
        errors = errors_of(here, problem)
        moved = np.asarray(flatten(rule.updates(here, problem.X, errors)))
        # a rule that was given infinite errors, as by an exponential loss, is not to blame
        given = np.all(abs(at) < BLOW_UP) and np.all(abs(errors) < BLOW_UP)
        undefined = undefined or bool(given and not np.isfinite(moved).all())
        return moved

    def why() -> str:
        if undefined:
            return f"the updates of {rule.name} are not finite"
        return "the weights grow without bound" if apart == np.inf else "the steps that are allowed do not resolve it"

    yield network, 0
    count, credit = 0, accuracy.steps // 2
    least = h = float(times[-1]) / accuracy.steps
    with np.errstate(over="ignore", invalid="ignore"):
        for before, after in pairwise(times):
            left = float(after - before)
            while left > 0:
                tried, undefined = min(h, left), False
                whole = _runge_kutta(velocity, y, tried)
                halves = _runge_kutta(velocity, _runge_kutta(velocity, y, tried / 2), tried / 2)
                apart = float(np.max(abs(halves - whole)) / (1 + np.max(abs(y))))
                apart = apart if np.isfinite(apart) else np.inf
                forced = credit <= 0 and tried <= least
                h = tried * float(np.clip(0.9 * (accuracy.tolerance / max(apart, 1e-300)) ** 0.2, 0.2, 4.0))
                h = h if credit > 0 else max(h, least)
                credit -= h < least
                if apart <= accuracy.tolerance or forced:
                    if apart > _UNRESOLVED or not np.all(abs(halves) < BLOW_UP):
                        raise LostError(float(after) - left, why(), undefined=undefined)
                    y, left, count = halves, left - tried, count + 1
                    left = left if left > 1e-12 * tried else 0.0
            yield network.with_parameters(unflatten(y, parameters)), count


def _runge_kutta(velocity: Callable[[Host], Host], y: Host, h: float) -> Host:
    k1 = velocity(y)
    k2 = velocity(y + h / 2 * k1)
    k3 = velocity(y + h / 2 * k2)
    k4 = velocity(y + h * k3)
    return np.asarray(y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4))


def flow_losses(
    rule: UserRule, network: Network, problem: Problem, times: Host, decided: Callable[[Losses], bool]
) -> Losses:
    """Follow the flow more and more accurately until two runs agree or say enough.

    They agree when no loss differs by more than 1e-7 of that at the start; they say enough when the error estimate is
    less than 1e-3 of it and `decided`. The estimate is twice the disagreement: the finer run's error is at most that
    wherever each run at least halves the error of the one before, as it does even where a kink attracts the flow and
    no step is accurate. After the last of `ACCURACIES` it is what it is.
    """
    coarse, _, before, _ = _losses_along(rule, network, problem, times, ACCURACIES[0])
    losses = None
    for accuracy in ACCURACIES[1:]:
        fine, rounding, count, lost = _losses_along(rule, network, problem, times, accuracy)
        with np.errstate(invalid="ignore"):
            apart = abs(fine - coarse)
        apart = np.where(np.isnan(apart), np.inf, apart)
        origin = f"twice the disagreement of runs of {before} and {count} steps, plus rounding"
        losses = Losses(fine, _SAFETY * np.maximum.accumulate(apart) + rounding, count, origin, lost)
        enough = np.all(losses.error <= _ROUGH * fine[0]) and decided(losses)
        if enough or np.all(apart <= _ACCURACY * fine[0]):
            break
        coarse, before = fine, count
    assert losses is not None
    return losses


def step_losses(rule: UserRule, network: Network, problem: Problem, steps: Host, step_size: float) -> Losses:
    """Make steps W <- W + step_size updates and return the loss after the numbers of steps that are asked for."""
    parameters = network.parameters
    y = np.asarray(flatten(parameters), dtype=float)
    losses, rounding = np.full(len(steps), np.inf), np.zeros(len(steps))
    recorded = {int(count): k for k, count in enumerate(steps)}
    lost = ""
    with np.errstate(over="ignore", invalid="ignore"):
        for count in range(int(steps[-1]) + 1):
            here = network.with_parameters(unflatten(y, parameters))
            if count in recorded:
                k = recorded[count]
                losses[k], rounding[k] = _loss_and_rounding(rule, here, problem)
                rounding[k] *= np.sqrt(1 + count)
            moved = flatten(rule.updates(here, problem.X, errors_of(here, problem)))
            y = y + step_size * moved
            if not np.all(abs(y) < BLOW_UP):
                defined = np.isfinite(moved).all()
                why = "the weights grow without bound" if defined else f"the updates of {rule.name} are not finite"
                lost = f"at t = {count * step_size:.6g} {why}"
                break
    return Losses(losses, rounding, int(steps[-1]), "rounding in every step", lost)


def _losses_along(
    rule: UserRule, network: Network, problem: Problem, times: Host, accuracy: Accuracy
) -> tuple[Host, Host, int, str]:
    losses, rounding, count = np.full(len(times), np.inf), np.zeros(len(times)), 0
    try:
        for k, (here, made) in enumerate(states_along(rule, network, problem, times, accuracy)):
            count = made
            losses[k], rounding[k] = _loss_and_rounding(rule, here, problem)
    except LostError as reason:
        return losses, rounding, count, str(reason)
    return losses, rounding, count, ""


def _loss_and_rounding(rule: UserRule, network: Network, problem: Problem) -> tuple[float, float]:
    with np.errstate(over="ignore", invalid="ignore"):
        output = forward(network, problem.X).output
        value = float(problem.loss.mean(output, problem.Y))
        if not np.isfinite(value):
            return float("inf"), 0.0
        # the package's estimate is for float64; a rule in a coarser one moves the weights less accurately
        coarser = max(rule.epsilon / float(np.finfo(float).eps), 1.0)
        return value, problem.loss.rounding(output, problem.Y) * coarser


def quantity_of(values: Callable[[Network], list[Host]]) -> Callable[[Network], Host]:
    """Return a quantity of several arrays as one vector."""
    return lambda network: np.concatenate([np.ravel(part) for part in values(network)])
