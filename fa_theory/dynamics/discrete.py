"""Gradient descent and SGD: W_l <- W_l - eta F_l, with the full data or with seeded minibatches."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np

from fa_theory.backend import is_exact, nearest_float, number_like
from fa_theory.dynamics.decay import WeightDecay, decay_option, with_decay
from fa_theory.dynamics.exact import MAX_BITS
from fa_theory.dynamics.steppers import Stepper, bounded, stepper
from fa_theory.dynamics.storage import Store
from fa_theory.dynamics.trajectory import Trajectory
from fa_theory.model import Network, Parameters, Problem

Host = np.ndarray[Any, Any]
Progress = Callable[[float], None]

_CHECK_EVERY = 1000
"""A run on the host that has diverged is given up after at most so many steps more."""


def recorded_steps(steps: int, points: int) -> list[int]:
    """Return at most `points` numbers of steps, equally spaced from 0 to `steps`, both among them.

    Examples
    --------
    >>> from fa_theory.dynamics import recorded_steps
    >>> recorded_steps(1000, 5), recorded_steps(2, 5)
    ([0, 250, 500, 750, 1000], [0, 1, 2])
    """
    return sorted(set(np.linspace(0, steps, min(points, steps + 1)).round().astype(int).tolist()))


def gradient_descent(
    network: Network,
    problem: Problem,
    *,
    steps: int,
    step_size: Any,
    batch_size: int | None = None,
    seed: int = 0,
    points: int = 101,
    loss_every: int | None = None,
    weight_decay: WeightDecay = 0.0,
    max_bits: int = MAX_BITS,
    store: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> Trajectory:
    """Run gradient descent, or SGD when `batch_size` is given.

    NumPy floats go through preallocated buffers (`fa_theory.dynamics.engine`), all else, and rules of one's own,
    through the plain formulas; the two differ by rounding.

    Parameters
    ----------
    network, problem
        Start and data, of the same dtype and array namespace.
    steps : int
        Number of steps, >= 0.
    step_size : float
        eta, positive and finite; an exact rational where weights and X are.
    batch_size : int, optional
        Samples in a minibatch, drawn without replacement within an epoch; the update is the minibatch's mean.
    seed : int
        Seed of the minibatches.
    points : int
        At most this many states are recorded, equally spaced in steps, the first and the last among them.
    loss_every : int, optional
        Record the loss over all samples every so many steps too, in `loss_t` and `losses`. Gradient descent has it
        from its own forward pass; for SGD each costs a pass over all samples.
    weight_decay : number or sequence of numbers
        lambda_l of every layer, or one for all: W_l <- W_l - eta (F_l + lambda_l W_l), biases too.
    max_bits : int
        The most bits that a numerator or denominator of an exact weight may take.
    store : path, optional
        A folder that the recorded points are written to as the run goes (see `fa_theory.dynamics.storage`), so that
        they need not fit into memory. A run that was stopped goes on from the last part that was written, with the
        same numbers, bit for bit; one that has ended is read.
    progress : callable, optional
        Called with the finished fraction.

    Returns
    -------
    Trajectory
        With the mean loss over all samples. `error` estimates rounding: eps times the square root of the number of
        steps. A run in which weights beyond 1e30 or a loss that is not finite are found ends before them with the
        outcome ``"diverged"``. They are looked for at recorded points, among the recorded losses and, on the host,
        every thousand steps.

    Raises
    ------
    ValueError
        If an argument is out of range, the numbers of an exact run outgrow `max_bits`, or the store holds another run.
    OSError
        If the store cannot be written or read.

    Examples
    --------
    >>> import fa_theory as ft
    >>> from fa_theory.dynamics import gradient_descent
    >>> network = ft.Network([[[0.0]], [[0.0]]], "linear", [[[1.0]]])
    >>> run = gradient_descent(network, ft.Problem([[1.0]], [1.0]), steps=2, step_size=0.5)
    >>> run.t.tolist(), [W.tolist() for W in run.states[-1].weights]
    ([0.0, 0.5, 1.0], [[[1.0]], [[0.25]]])
    """
    network, rates = with_decay(network, weight_decay)
    options = run_options(problem, steps, step_size, batch_size, seed, points, loss_every, rates)
    kept = None if store is None else Store(Path(store), network, problem, options)
    record, now, held = Record(network, problem, options, kept), network, -1
    if kept is not None and kept.ended is not None:
        return record.trajectory()
    if kept is not None and len(kept):
        now, held = network.with_parameters(kept.state(len(kept) - 1)), int(kept.parts[-1]["step"][-1])
    eta = number_like(step_size, problem.X)
    steps_taken = stepper([now], [problem], [eta], rates, batch_size, [seed], max_bits, skip=max(0, held))
    follow(steps_taken, [record], progress=progress, held=held)
    return record.trajectory()


def run_options(
    problem: Problem,
    steps: int = 1000,
    step_size: float = 0.01,
    batch_size: int | None = None,
    seed: int = 0,
    points: int = 101,
    loss_every: int | None = None,
    rates: tuple[float, ...] = (),
) -> dict[str, Any]:
    """Return what a trajectory's options record of a run in steps.

    Raises
    ------
    ValueError
        If one is out of range.
    """
    if steps < 0 or int(steps) != steps:
        raise ValueError(f"steps must be a whole number >= 0, got {steps}")
    if not 0 < nearest_float(step_size) < float("inf"):
        raise ValueError(f"step_size must be a positive finite number, got {step_size}")
    if points < 2 or int(points) != points:
        raise ValueError(f"points must be a whole number of at least 2, got {points}")
    if loss_every is not None and not (loss_every >= 1 and int(loss_every) == loss_every):
        raise ValueError(f"loss_every must be a whole number >= 1, got {loss_every}")
    if batch_size is not None and not 1 <= batch_size <= problem.n_samples:
        raise ValueError(f"batch_size must lie in [1, {problem.n_samples}], got {batch_size}")
    return (
        # plain numbers, as a file of options can hold them
        {
            "steps": int(steps),
            "step_size": step_size if is_exact(problem.X) else float(step_size),
            "points": int(points),
        }
        | ({} if loss_every is None else {"loss_every": int(loss_every)})
        | ({} if batch_size is None else {"batch_size": int(batch_size), "seed": int(seed)})
        | decay_option(rates)
    )


class Record:
    """What is kept of one network's run, in memory or in a store, and how the run stands."""

    def __init__(self, network: Network, problem: Problem, options: dict[str, Any], store: Store | None = None) -> None:
        self.network, self.problem, self.options = network, problem, options
        self.outcome, self.n_steps = "completed", 0
        self._store = store
        self._steps: list[int] = []
        self._losses: list[float] = []
        self._errors: list[float] = []
        self._states: list[Parameters] = []
        self._dense: list[Host] = []

    @property
    def going(self) -> bool:
        """Whether the run has not diverged."""
        return self.outcome == "completed"

    def keep_losses(self, losses: Host) -> None:
        """Keep the losses of `loss_every` that came since the last time; one that is not finite ends the run."""
        wrong = np.flatnonzero(~np.isfinite(losses))
        self._dense.append(losses[: wrong[0]] if wrong.size else losses)
        if wrong.size:
            self.outcome = "diverged"

    def keep_state(self, step: int, parameters: Parameters, output: Any) -> None:
        """Keep a recorded point; a loss that is not finite ends the run before it."""
        loss = nearest_float(self.problem.loss.mean(output, self.problem.Y))
        if not np.isfinite(loss):
            self.outcome = "diverged"
            return
        self._steps.append(step)
        self._losses.append(loss)
        self._errors.append(self.problem.loss.rounding(output, self.problem.Y) * np.sqrt(1 + step))
        self._states.append(parameters)
        if self._store is not None and self._store.is_due(self._states):
            self._store.append(self._part(), self._states)
            self._steps, self._losses, self._errors, self._states, self._dense = [], [], [], [], []

    def _part(self) -> dict[str, Host]:
        return {
            "step": np.asarray(self._steps, dtype=np.int64),
            "loss": np.asarray(self._losses),
            "error": np.asarray(self._errors),
            "losses": np.concatenate([np.zeros(0), *self._dense]),
        }

    def trajectory(self) -> Trajectory:
        """Return the run as far as it came; a store is complete then."""
        part, states = self._part(), cast("Sequence[Parameters]", tuple(self._states))
        if self._store is not None:
            self.outcome, self.n_steps = self._store.end(part, states, self.outcome, self.n_steps)
            part, states = self._store.whole(), self._store.states()
        eta, losses = self.options["step_size"], part["losses"]
        every = self.options.get("loss_every", 1) * eta
        return Trajectory(
            network=self.network,
            problem=self.problem,
            method="sgd" if "batch_size" in self.options else "gd",
            options=self.options,
            t=np.asarray([nearest_float(step * eta) for step in part["step"].tolist()]),
            loss=part["loss"],
            error=part["error"],
            states=states,
            shadow=states,
            slopes=(),
            events=(),
            n_steps=self.n_steps,
            outcome=self.outcome,
            loss_t=np.arange(len(losses)) * nearest_float(every),
            losses=losses,
        )


def follow(stepper: Stepper, records: Sequence[Record], *, progress: Progress | None, held: int = -1) -> None:
    """Take the steps that the records' options ask for and keep them; every record ends where its network diverges.

    Parameters
    ----------
    stepper : Stepper
        Runs one network for each record.
    records : sequence of Record
        Of the same numbers of steps and points.
    progress : callable or None
        Called with the finished fraction.
    held : int
        The step that the networks are at, if the records hold it already; -1 for networks at their start.
    """
    options = records[0].options
    steps, every = options["steps"], options.get("loss_every", 0)
    # gradient descent steps from the pass over all samples, SGD needs it only where something is recorded
    whole = "batch_size" not in options
    record_at = set(recorded_steps(steps, options["points"]))
    # a run that diverges may overflow before it is given up
    with np.errstate(over="ignore", invalid="ignore"):
        for step in range(max(0, held), steps + 1):
            new = step > held
            recording, noting = new and step in record_at, new and every and step % every == 0
            if whole or recording or noting:
                stepper.forward()
            if noting:
                stepper.note_losses()
            if recording or (stepper.on_host and step % _CHECK_EVERY == 0):
                _look(stepper, records, step, recording=recording, noted=bool(every))
                if not any(record.going for record in records):
                    break
                if recording and progress is not None and steps:
                    progress(step / steps)
            if step < steps:
                stepper.advance()


def _look(stepper: Stepper, records: Sequence[Record], step: int, *, recording: bool, noted: bool) -> None:
    """Find out which networks have diverged, and keep what there is to keep of the others."""
    losses = stepper.read_losses() if noted else None
    for member, record in enumerate(records):
        if not record.going:
            continue
        record.n_steps = step
        if losses is not None:
            record.keep_losses(losses[:, member])
        parameters = stepper.parameters(member)
        if not bounded(parameters):
            record.outcome = "diverged"
        if recording and record.going:
            record.keep_state(step, parameters, stepper.output(member))
