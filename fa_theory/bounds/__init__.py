"""Bounds on the loss, one file for each statement, computed from the start and the data alone."""

from collections.abc import Callable, Iterable

from fa_theory.bounds.bound import Assumption, Bound
from fa_theory.bounds.descent import descent
from fa_theory.bounds.exponential_decay import exponential_decay
from fa_theory.bounds.exponential_decay_growth import exponential_decay_growth
from fa_theory.bounds.exponential_decay_path import exponential_decay_path
from fa_theory.bounds.exponential_decay_patterns import exponential_decay_patterns
from fa_theory.bounds.gd_decay import gd_decay
from fa_theory.bounds.gd_decay_growth import gd_decay_growth
from fa_theory.bounds.generalised_decay import generalised_decay
from fa_theory.bounds.hitting_time import check_epsilon, hitting_time
from fa_theory.bounds.hitting_time_two_sided import hitting_time_two_sided
from fa_theory.bounds.linear_decay_growth import linear_decay_growth
from fa_theory.bounds.multi_output_decay import multi_output_decay
from fa_theory.bounds.multi_output_decay_projection import multi_output_decay_projection
from fa_theory.bounds.separable_decay import separable_decay
from fa_theory.bounds.separable_decay_path import separable_decay_path
from fa_theory.bounds.separable_decay_two_sided import separable_decay_two_sided
from fa_theory.model import Network, Problem

BOUNDS: tuple[Callable[..., Bound], ...] = (
    descent,
    exponential_decay,
    separable_decay,
    multi_output_decay,
    hitting_time,
    gd_decay,
    exponential_decay_growth,
    exponential_decay_patterns,
    exponential_decay_path,
    separable_decay_two_sided,
    separable_decay_path,
    hitting_time_two_sided,
    linear_decay_growth,
    multi_output_decay_projection,
    gd_decay_growth,
)
"""All calculators, (network, problem) -> Bound, in the order of the statements."""


def all_bounds(
    network: Network, problem: Problem, *, step_size: float | None = None, epsilon: float | None = None
) -> tuple[Bound, ...]:
    """Return every bound from this start on these data, applicable or not, in the order of the statements.

    Parameters
    ----------
    network, problem
        Start and data.
    step_size : float, optional
        The step size of gradient descent (gd-decay, gd-decay-growth), by default the largest certified one.
    epsilon : float, optional
        The loss to reach (hitting-time and its sharper form), by default half of the loss at the start.

    Raises
    ------
    ValueError
        If an argument is not a positive finite number.

    Examples
    --------
    >>> import fa_theory as ft
    >>> network = ft.Network([[[1, 0], [0, 1]], [[2, 0], [0, 2]]], "linear", [[[1, 0], [0, 1]]])
    >>> found = ft.bounds.all_bounds(network, ft.Problem([[1, 0], [0, 1]], [[1, 0], [0, 1]]))
    >>> len(found), [bound.id for bound in found if bound.applicable]  # the others need one output
    (15, ['multi-output-decay', 'multi-output-decay-projection'])
    """
    options: dict[Callable[..., Bound], dict[str, float | None]] = {
        gd_decay: {"step_size": step_size},
        gd_decay_growth: {"step_size": step_size},
        hitting_time: {"epsilon": epsilon},
        hitting_time_two_sided: {"epsilon": epsilon},
    }
    return tuple(calculate(network, problem, **options.get(calculate, {})) for calculate in BOUNDS)


def sharpest_first(bounds: Iterable[Bound], time: float, method: str = "flow") -> list[Bound]:
    """Return bounds with those that hold of such a run first, from the smallest to the largest at that time.

    Bounds on the loss and on the excess loss are compared as bounds on the loss.

    Parameters
    ----------
    bounds : iterable of Bound
        Bounds of one instance.
    time : float
        The end of the run, >= 0.
    method : {"flow", "gd"}
        The method of the run.

    Examples
    --------
    >>> import fa_theory as ft
    >>> network = ft.Network([[[1, 0], [0, 1]], [[2, 1]]], "linear", [[[1], [1]]])
    >>> problem = ft.Problem([[1, 0], [0, 1]], [1, 1])
    >>> calculators = (ft.bounds.descent, ft.bounds.exponential_decay, ft.bounds.multi_output_decay)
    >>> found = [calculate(network, problem) for calculate in calculators]
    >>> [bound.id for bound in ft.bounds.sharpest_first(found, time=1.0)]
    ['multi-output-decay', 'exponential-decay', 'descent']
    """

    def place(bound: Bound) -> tuple[bool, bool, float, float]:
        value = float(bound([time])[0]) if bound.applicable else 0.0
        # where both vanish beside the floor, the smaller of two bounds on the excess is told by itself
        return not bound.applicable, bound.method != method, value + bound.floor, value

    return sorted(bounds, key=place)


def sharpest(bounds: Iterable[Bound], time: float, method: str = "flow") -> tuple[str, ...]:
    """Return the id of the smallest bound at that time for each quantity (loss, excess loss) of such a run.

    Examples
    --------
    >>> import fa_theory as ft
    >>> network = ft.Network([[[1, 0], [0, 1]], [[2, 1]]], "linear", [[[1], [1]]])
    >>> problem = ft.Problem([[1, 0], [0, 1]], [1, 1])
    >>> found = [calculate(network, problem) for calculate in (ft.bounds.exponential_decay, ft.bounds.gd_decay)]
    >>> ft.bounds.sharpest(found, time=1.0), ft.bounds.sharpest(found, time=1.0, method="gd")
    (('exponential-decay',), ('gd-decay',))
    """
    first: dict[str, str] = {}
    for bound in sharpest_first(bounds, time, method):
        if bound.applicable and bound.method == method:
            first.setdefault(bound.quantity, bound.id)
    return tuple(first.values())


__all__ = [
    "BOUNDS",
    "Assumption",
    "Bound",
    "all_bounds",
    "check_epsilon",
    "descent",
    "exponential_decay",
    "exponential_decay_growth",
    "exponential_decay_path",
    "exponential_decay_patterns",
    "gd_decay",
    "gd_decay_growth",
    "generalised_decay",
    "hitting_time",
    "hitting_time_two_sided",
    "linear_decay_growth",
    "multi_output_decay",
    "multi_output_decay_projection",
    "separable_decay",
    "separable_decay_path",
    "separable_decay_two_sided",
    "sharpest",
    "sharpest_first",
]
