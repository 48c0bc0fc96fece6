"""Many runs at once: networks of the same shapes as one batch, in blocks that fit the cache, over threads."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from math import ceil
from typing import Any

from threadpoolctl import threadpool_limits

from fa_theory.backend import require_same_kind
from fa_theory.choices import not_among
from fa_theory.dynamics.decay import WeightDecay, with_decay
from fa_theory.dynamics.discrete import Progress, Record, follow, run_options
from fa_theory.dynamics.engine import has_engine, hidden_bytes
from fa_theory.dynamics.simulate import METHODS, check_fit, default_batch_size, simulate
from fa_theory.dynamics.steppers import EngineStepper
from fa_theory.dynamics.trajectory import Trajectory
from fa_theory.model import Network, Problem

_BLOCK_BYTES = 1 << 20
_OPTIONS = ("steps", "time", "points", "loss_every", "accuracy")


def ensemble(
    networks: Sequence[Network],
    problems: Problem | Sequence[Problem],
    *,
    method: str = "gd",
    step_size: float | Sequence[float] = 0.01,
    seed: int | Sequence[int] = 0,
    batch_size: int | None = None,
    weight_decay: WeightDecay = 0.0,
    threads: int | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> tuple[Trajectory, ...]:
    """Run a learning rule from many networks of the same shapes, as `simulate` does from each.

    For gd and sgd the networks are stacked: an array operation goes over a block of them (`block_size`), and the blocks
    are spread over threads, which NumPy lets run beside each other. Meanwhile BLAS is held to one thread in the whole
    process. The operations on a network are those of its own run, but the order of the sums within matrix products may
    differ, so that the numbers agree up to rounding. A run that diverges ends by itself and stops no other. Runs by
    other methods, and networks that the NumPy engine does not know (other array libraries, feedback rules of your
    own), go one by one over the threads.

    Parameters
    ----------
    networks : sequence of Network
        Of the same shapes, dtype, activation, biases and kinds of feedback rules.
    problems : Problem or sequence of Problem
        One for all, or one for each network, of the same shapes and loss.
    method, batch_size, weight_decay
        As in `simulate`, the same for all.
    step_size, seed : number or sequence of numbers
        As in `simulate`, one for all or one for each network.
    threads : int, optional
        At most so many threads; as many as there are cores by default.
    progress : callable, optional
        Called with the finished fraction.
    **options
        What else `simulate` takes, the same for all: ``steps``, ``time``, ``points``, ``loss_every``, ``accuracy``.

    Returns
    -------
    tuple of Trajectory
        One for each network, in their order.

    Raises
    ------
    ValueError
        If an argument is out of range, the numbers of networks and problems do not fit, or their shapes differ.

    Examples
    --------
    >>> import fa_theory as ft
    >>> starts = [ft.initialise("aligned", (2, 4, 1), seed=seed) for seed in range(3)]
    >>> problem = ft.Problem([[1.0, 0.0], [0.0, 2.0]], [1.0, -1.0])
    >>> runs = ft.ensemble(starts, problem, steps=20, step_size=0.05)
    >>> alone = ft.simulate(starts[2], problem, method="gd", steps=20, step_size=0.05)
    >>> len(runs), bool(abs(runs[2].loss - alone.loss).max() < 1e-12)
    (3, True)
    """
    if method not in METHODS:
        raise not_among("method", method, METHODS)
    for name in options:
        if name not in _OPTIONS:
            raise not_among("an option of an ensemble", name, _OPTIONS)
    members, given = list(networks), [problems] if isinstance(problems, Problem) else list(problems)
    if not members:
        raise ValueError("networks must hold at least one network, got none")
    if len(given) not in (1, len(members)):
        raise ValueError(f"problems must be one, or one for each of {len(members)} networks, got {len(given)}")
    if threads is not None and threads < 1:
        raise ValueError(f"threads must be at least 1, got {threads}")
    for k, network in enumerate(members):
        _require_alike(k, network, members[0], given[k % len(given)], given[0])
    n_threads = threads or _cores()
    each = [
        {"step_size": eta, "seed": number}
        for eta, number in zip(
            _per_member("step_size", step_size, len(members)), _per_member("seed", seed, len(members)), strict=True
        )
    ]
    common: dict[str, Any] = {"method": method, "batch_size": batch_size, "weight_decay": weight_decay, **options}
    if method in ("gd", "sgd") and has_engine(members[0], given[0]):
        size, run = block_size(members[0], given[0], len(members), n_threads), _run_stack
    else:
        size, run = 1, _run_each
    starts = range(0, len(members), size)
    jobs: list[Callable[[], list[Trajectory]]] = [
        partial(
            run,
            members[start : start + size],
            given if len(given) == 1 else given[start : start + size],
            each[start : start + size],
            common,
        )
        for start in starts
    ]
    trajectories: list[Trajectory] = []
    with threadpool_limits(limits=1, user_api="blas"), ThreadPoolExecutor(n_threads) as pool:
        futures = [pool.submit(job) for job in jobs]
        try:
            for future in futures:
                trajectories += future.result()
                if progress is not None:
                    progress(len(trajectories) / len(members))
        finally:
            for future in futures:
                future.cancel()
    return tuple(trajectories)


def block_size(network: Network, problem: Problem, n_members: int, threads: int) -> int:
    """Return how many networks are stacked in one block.

    Buffers of the hidden layers of about 1 MB in all: operations on less are too short for the Python between them and
    for the threads that take turns at it, and operations on much more leave the cache of a core (512 KB to 2 MB on
    today's machines). `make bench` measures sizes on both sides. No thread is left without a block.
    """
    fitting = max(1, round(_BLOCK_BYTES / hidden_bytes(network, problem.n_samples)))
    return min(fitting, ceil(n_members / threads))


def _run_each(
    networks: list[Network], problems: list[Problem], each: list[dict[str, Any]], common: dict[str, Any]
) -> list[Trajectory]:
    return [simulate(network, problems[k % len(problems)], **each[k], **common) for k, network in enumerate(networks)]


def _run_stack(
    networks: list[Network], problems: list[Problem], each: list[dict[str, Any]], common: dict[str, Any]
) -> list[Trajectory]:
    own = [problems[k % len(problems)] for k in range(len(networks))]
    for network, problem in zip(networks, own, strict=True):
        check_fit(network, problem)
    # as in `simulate`, options of the flow say nothing to steps
    common = {name: value for name, value in common.items() if name not in ("time", "accuracy")}
    method, weight_decay = common.pop("method"), common.pop("weight_decay")
    if method == "gd":
        common["batch_size"] = None
    elif common["batch_size"] is None:
        common["batch_size"] = default_batch_size(problems[0])
    decaying = [with_decay(network, weight_decay) for network in networks]
    rates = decaying[0][1]
    records = [
        Record(network, problem, run_options(problem, rates=rates, **one, **common))
        for (network, _), problem, one in zip(decaying, own, each, strict=True)
    ]
    stepper = EngineStepper(
        [network for network, _ in decaying],
        problems,
        [one["step_size"] for one in each],
        rates,
        common["batch_size"],
        [one["seed"] for one in each],
    )
    follow(stepper, records, progress=None)
    return [record.trajectory() for record in records]


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _per_member(name: str, given: Any, count: int) -> list[Any]:
    values = list(given) if hasattr(given, "__len__") else [given] * count
    if len(values) != count:
        raise ValueError(f"{name} must be one number, or one for each of {count} networks, got {len(values)}")
    return values


def _require_alike(k: int, network: Network, first: Network, problem: Problem, first_problem: Problem) -> None:
    for what, of in _FACTS.items():
        if of(network) != of(first):
            raise ValueError(f"networks must have the same {what}, got {of(first)} and, at index {k}, {of(network)}")
    require_same_kind(f"the weights of network {k}", network.weights[0], "those of network 0", first.weights[0])
    for what, of_problem in _PROBLEM_FACTS.items():
        if of_problem(problem) != of_problem(first_problem):
            raise ValueError(
                f"problems must have the same {what}, got {of_problem(first_problem)} and, at index {k}, "
                f"{of_problem(problem)}"
            )


_FACTS: dict[str, Callable[[Network], Any]] = {
    "widths": lambda network: network.widths,
    "activation": lambda network: network.activation.name,
    "biases": lambda network: [b is not None for b in network.biases],
    "feedback rules": lambda network: [type(rule).__name__ for rule in network.feedback],
}
_PROBLEM_FACTS: dict[str, Callable[[Problem], Any]] = {
    "shapes": lambda problem: (tuple(problem.X.shape), tuple(problem.Y.shape)),
    "loss": lambda problem: problem.loss.name,
}
