"""What a bound is: assumptions with margins, and a curve that the loss stays below when they hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Host = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Assumption:
    """One assumption of a statement, judged on one instance.

    Attributes
    ----------
    name : str
        What is assumed, in words.
    margin : float
        By how much it holds (positive) or fails (zero or negative), in the units that `detail` states.
    holds : bool or None
        None when the margin is within rounding of the boundary, so that this precision cannot tell.
    detail : str
        What was found.

    Examples
    --------
    >>> import fa_theory as ft
    >>> network = ft.Network([[[1, 0], [0, 1]], [[2, 1]]], "linear", [[[1], [1]]])
    >>> problem = ft.Problem([[1, 0], [0, 1]], [1, 1])
    >>> first = ft.bounds.descent(network, problem).assumptions[0]
    >>> first.name, first.holds, first.detail
    ('two layers', True, 'depth 2')
    """

    name: str
    margin: float
    holds: bool | None
    detail: str


@dataclass(frozen=True)
class Bound:
    """An upper bound on the loss along a run, computed from the start and the data alone.

    Attributes
    ----------
    id : str
        The statement's id.
    quantity : str
        ``"loss"``: the mean loss; ``"excess_loss"``: the mean loss minus `floor`.
    assumptions : tuple of Assumption
        All of the statement's assumptions.
    curve : callable
        Times (P,) -> values (P,). It means something only if the bound is `applicable`.
    rate : float or None
        The exponential rate, 1 / time, for a bound of that form.
    floor : float
        The smallest loss that the model class reaches on the data, subtracted for ``"excess_loss"``.
    rounding : float
        Relative rounding of the curve's values.
    constants : dict
        The quantities that the bound was computed from, by name.
    method : str
        The method of the runs that the bound is about: ``"flow"`` or ``"gd"``.
    step_size : float or None
        The largest step size that the statement certifies, for a bound on gradient descent.
    epsilon, time : float or None
        For a hitting time: the loss is at most `epsilon` at some time no later than `time`.

    Examples
    --------
    >>> import fa_theory as ft
    >>> problem = ft.Problem([[1, 0], [0, 1]], [1, 1])
    >>> bound = ft.bounds.exponential_decay(ft.initialise("aligned", (2, 3, 1)), problem)
    >>> bound.applicable, bound.quantity, bound([0.0, 1.0]).shape
    (True, 'loss', (2,))
    >>> bound = ft.bounds.exponential_decay(ft.initialise("aligned", (2, 3, 3, 1)), problem)
    >>> [assumption.name for assumption in bound.failed]
    ['two layers']
    """

    id: str
    quantity: str
    assumptions: tuple[Assumption, ...]
    curve: Callable[[Host], Host]
    rate: float | None
    floor: float
    rounding: float
    constants: dict[str, float]
    method: str = "flow"
    step_size: float | None = None
    epsilon: float | None = None
    time: float | None = None

    @property
    def applicable(self) -> bool:
        """Whether all assumptions hold."""
        return all(assumption.holds is True for assumption in self.assumptions)

    @property
    def undecided(self) -> bool:
        """Whether no assumption fails, but some cannot be decided at this precision."""
        return not self.applicable and all(assumption.holds is not False for assumption in self.assumptions)

    @property
    def failed(self) -> tuple[Assumption, ...]:
        """The assumptions that do not hold or are undecided."""
        return tuple(assumption for assumption in self.assumptions if assumption.holds is not True)

    def __call__(self, times: Any) -> Host:
        """Evaluate the bound at times >= 0, (P,).

        Raises
        ------
        ValueError
            If an assumption fails (the message names it and its margin), or a time is negative or not finite.
        """
        if not self.applicable:
            first = self.failed[0]
            raise ValueError(f"{self.id} does not apply: {first.name} (margin {first.margin:.3g}; {first.detail})")
        at = np.atleast_1d(np.asarray(times, dtype=float))
        if not np.all((at >= 0) & np.isfinite(at)):
            raise ValueError(f"times must be finite and >= 0, got {at[~((at >= 0) & np.isfinite(at))][0]}")
        return self.curve(at)


def bound_on_excess(
    statement: str,
    judged: Sequence[Assumption],
    curve: Callable[[Host], Host],
    *,
    floor: float,
    excess: float,
    rounding: float,
    condition: float = 1.0,
    **more: Any,
) -> Bound:
    """Return a bound on the loss, or on the excess loss where the best linear map leaves some: floor > 0.

    Parameters
    ----------
    statement, judged, curve, floor
        The bound's `id`, `assumptions`, `curve` and `floor`.
    excess : float
        The excess loss at the start, to which rounding of the floor is relative.
    rounding, condition : float
        Relative rounding of a curve without a floor from well-conditioned quantities; their condition number.
    **more
        Other attributes of the bound.
    """
    lost = condition + (floor / excess if excess else 0.0)
    quantity = "excess_loss" if floor else "loss"
    return Bound(statement, quantity, tuple(judged), curve, floor=floor, rounding=rounding * lost, **more)


def exponential(start: float, rate: float) -> Callable[[Host], Host]:
    """Return the curve start exp(-rate t)."""
    return lambda times: np.asarray(start * np.exp(-rate * times))
