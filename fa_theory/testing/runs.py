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

_FEWEST = 4
_MOST = 128
_ACCURACY = 1e-7
_ROUGH = 1e-3
_SAFETY = 2.0


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
    """

    loss: Host
    error: Host
    steps: int
    origin: str


def states_along(
    rule: UserRule, network: Network, problem: Problem, times: Host, steps: int, most: float = BLOW_UP
) -> Iterator[Network]:
    """Yield the network at each time of the flow, the start included, by `steps` Runge-Kutta steps (RK4) in between.

    Ends early where a weight or bias exceeds `most`.
    """
    parameters = network.parameters
    y = np.asarray(flatten(parameters), dtype=float)

    def velocity(at: Host) -> Host:
        here = network.with_parameters(unflatten(at, parameters))
        return np.asarray(flatten(rule.updates(here, problem.X, errors_of(here, problem))))

    yield network
    with np.errstate(over="ignore", invalid="ignore"):
        for before, after in pairwise(times):
            h = (after - before) / steps
            for _ in range(steps):
                k1 = velocity(y)
                k2 = velocity(y + h / 2 * k1)
                k3 = velocity(y + h / 2 * k2)
                k4 = velocity(y + h * k3)
                y = y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
                if not np.all(abs(y) < most):
                    return
            yield network.with_parameters(unflatten(y, parameters))


def flow_losses(
    rule: UserRule, network: Network, problem: Problem, times: Host, decided: Callable[[Losses], bool]
) -> Losses:
    """Follow the flow with twice as many steps again and again, until two runs agree or say enough.

    They agree when no loss differs by more than 1e-7 of that at the start; they say enough when the error estimate is
    less than 1e-3 of it and `decided`. The estimate is twice the disagreement: the finer run's error is at most that
    wherever halving the step halves it, as it does even where a kink attracts the flow. After 128 steps between two
    times it is what it is.
    """
    steps, coarse = _FEWEST, _losses_along(rule, network, problem, times, _FEWEST)
    while True:
        steps *= 2
        fine, rounding = _losses_along(rule, network, problem, times, steps)
        with np.errstate(invalid="ignore"):
            apart = abs(fine - coarse[0])
        apart = np.where(np.isnan(apart), np.inf, apart)
        total = steps * (len(times) - 1)
        origin = f"twice the disagreement of runs of {total // 2} and {total} steps, plus rounding"
        losses = Losses(fine, _SAFETY * np.maximum.accumulate(apart) + rounding, total, origin)
        enough = np.all(losses.error <= _ROUGH * fine[0]) and decided(losses)
        if enough or np.all(apart <= _ACCURACY * fine[0]) or steps >= _MOST:
            return losses
        coarse = fine, rounding


def step_losses(rule: UserRule, network: Network, problem: Problem, steps: Host, step_size: float) -> Losses:
    """Make steps W <- W + step_size updates and return the loss after the numbers of steps that are asked for."""
    parameters = network.parameters
    y = np.asarray(flatten(parameters), dtype=float)
    losses, rounding = np.full(len(steps), np.inf), np.zeros(len(steps))
    recorded = {int(count): k for k, count in enumerate(steps)}
    with np.errstate(over="ignore", invalid="ignore"):
        for count in range(int(steps[-1]) + 1):
            here = network.with_parameters(unflatten(y, parameters))
            if count in recorded:
                k = recorded[count]
                losses[k], rounding[k] = _loss_and_rounding(rule, here, problem)
                rounding[k] *= np.sqrt(1 + count)
            y = y + step_size * flatten(rule.updates(here, problem.X, errors_of(here, problem)))
            if not np.all(abs(y) < BLOW_UP):
                break
    return Losses(losses, rounding, int(steps[-1]), "rounding in every step")


def _losses_along(rule: UserRule, network: Network, problem: Problem, times: Host, steps: int) -> tuple[Host, Host]:
    losses, rounding = np.full(len(times), np.inf), np.zeros(len(times))
    for k, here in enumerate(states_along(rule, network, problem, times, steps)):
        losses[k], rounding[k] = _loss_and_rounding(rule, here, problem)
    return losses, rounding


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
