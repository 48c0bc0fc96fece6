"""Run an instance and judge every statement on it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from fa_theory.backend import is_exact
from fa_theory.bounds import Bound, all_bounds, check_epsilon
from fa_theory.dynamics import OUTCOMES, Progress, Trajectory, simulate
from fa_theory.ledger import proof_evidence
from fa_theory.model import Network, Problem
from fa_theory.verification.bounded import ASSESS, assess_bound, without_decay
from fa_theory.verification.completeness import assess_law_completeness
from fa_theory.verification.conserved import assess_matrix_law, assess_neuron_law, assess_projection_law
from fa_theory.verification.dominance import dominance_json
from fa_theory.verification.further_laws import assess_dfa_law, assess_matched_decay, assess_midpoint_exactness
from fa_theory.verification.identities import assess_bregman_drift, assess_dissipation_split, assess_neuron_identity
from fa_theory.verification.instance import Instance
from fa_theory.verification.measured_decay import MeasuredDecay, measured_decay, measured_decay_json
from fa_theory.verification.predicted import assess_minimum_norm, assess_reduced_flow
from fa_theory.verification.verdict import Verdict

if TYPE_CHECKING:
    from fa_theory.verification.enclosed import Enclosure


@dataclass(frozen=True)
class Report:
    """The run of an instance, its bounds and a verdict on every statement.

    Attributes
    ----------
    instance : Instance
        What was run.
    trajectory : Trajectory
        The run.
    bounds : tuple of Bound
        All bounds, applicable or not.
    verdicts : tuple of Verdict
        One for each statement, in the order of `fa_theory.statements.STATEMENTS`.
    measured_decay : MeasuredDecay or None
        The decay of the loss from its measured rate, for flows without weight decay.
    enclosure : Enclosure or None
        What was enclosed in balls, for a rigorous report.

    Examples
    --------
    >>> import fa_theory as ft
    >>> network, problem = ft.initialise("aligned", (2, 3, 3, 1)), ft.Problem([[1.0, 0.0], [0.0, 2.0]], [1.0, -1.0])
    >>> report = ft.verify(network, problem, time=0.1, points=5)
    >>> report.refuted, report.verdict("matrix-law").verdict, report.verdict("matched-decay").detail
    (False, 'holds', 'weight decay: none in this run')
    >>> sorted(report.to_json())
    ['bounds', 'dominance', 'enclosure', 'instance', 'measured_decay', 'results', 'trajectory']
    """

    instance: Instance
    trajectory: Trajectory
    bounds: tuple[Bound, ...]
    verdicts: tuple[Verdict, ...]
    measured_decay: MeasuredDecay | None = None
    enclosure: Enclosure | None = None

    @property
    def refuted(self) -> bool:
        """Whether any statement is refuted."""
        return any(verdict.verdict == "refuted" for verdict in self.verdicts)

    def verdict(self, statement: str) -> Verdict:
        """Return the verdict on the statement of this id."""
        return next(verdict for verdict in self.verdicts if verdict.id == statement)

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON values: instance, trajectory, bounds, results, dominance, measured decay."""
        return {
            "instance": describe(self.instance),
            "trajectory": trajectory_json(self.trajectory),
            "bounds": [bound_json(bound, self.trajectory.t.tolist()) for bound in self.bounds],
            "enclosure": None if self.enclosure is None else self.enclosure.to_json(),
            "results": [asdict(verdict) | {"proof": proof_evidence(verdict.id)} for verdict in self.verdicts],
            "dominance": dominance_json(self.trajectory),
            "measured_decay": measured_decay_json(self.measured_decay),
        }


def run_instance(
    instance: Instance, progress: Progress | None = None, *, epsilon: float | None = None, rigorous: bool = False
) -> Report:
    """Simulate an instance, evaluate its bounds and judge every statement; `epsilon` is the loss of hitting-time.

    Examples
    --------
    >>> from fa_theory.verification import instance_from_data, run_instance
    >>> run = {"method": "midpoint", "steps": 4}
    >>> instance = instance_from_data(rows=[0, 60], depth=3, width=2, rule="dfa", run=run)
    >>> report = run_instance(instance)
    >>> report.refuted, report.verdict("dfa-law").verdict
    (False, 'holds')
    """
    check_epsilon(epsilon)
    return judge(instance, follow(instance, progress), epsilon=epsilon, rigorous=rigorous)


class Followed(NamedTuple):
    """What a run gives before it is judged: nearly all of the time that a report takes."""

    trajectory: Trajectory
    measured: MeasuredDecay | None


def follow(instance: Instance, progress: Progress | None = None) -> Followed:
    """Simulate an instance and integrate its measured rate of decay; exact rationals are refused."""
    if is_exact(instance.problem.X):
        raise ValueError("weights and X must be floating-point to be verified, got exact rationals")
    trajectory = simulate(instance.network, instance.problem, progress=progress, **instance.run)
    with _without_warnings():
        return Followed(trajectory, measured_decay(trajectory))


def _without_warnings() -> np.errstate:
    # near the end of a run that diverges squares may overflow; what is then not a number is undecided
    return np.errstate(over="ignore", invalid="ignore")


def judge(instance: Instance, followed: Followed, *, epsilon: float | None = None, rigorous: bool = False) -> Report:
    """Evaluate the bounds of an instance and judge every statement on its run."""
    network, problem, (trajectory, measured) = instance.network, instance.problem, followed
    descent_step = trajectory.options["step_size"] if trajectory.method == "gd" else None
    decay = trajectory.weight_decay
    bounds = tuple(
        without_decay(each, decay) for each in all_bounds(network, problem, step_size=descent_step, epsilon=epsilon)
    )
    # a flow has no step size, and any will do
    step_size = float(trajectory.options.get("step_size", 0.1))
    seed = int(instance.run.get("seed", 0))
    with _without_warnings():
        verdicts = [
            assess_neuron_identity(trajectory),
            assess_neuron_law(trajectory),
            assess_matrix_law(trajectory),
            assess_projection_law(trajectory),
            assess_law_completeness(network, decay),
            assess_dfa_law(trajectory),
            assess_bregman_drift(network, problem, step_size, seed, decay),
            assess_matched_decay(trajectory),
            assess_midpoint_exactness(trajectory),
            assess_dissipation_split(trajectory, measured),
            *(ASSESS.get(bound.id, assess_bound)(bound, trajectory) for bound in bounds),
            assess_reduced_flow(trajectory),
            assess_minimum_norm(trajectory),
        ]
    report = Report(instance, trajectory, bounds, tuple(verdicts), measured)
    return _enclosed(report, epsilon) if rigorous else report


def _enclosed(report: Report, epsilon: float | None) -> Report:
    """Return the report with bounds and verdicts from enclosures, where there are any, and reasons where not."""
    # python-flint takes a tenth of a second to import
    from fa_theory.verification.enclosed import NOT_ENCLOSED, assess_enclosed, enclose_run, with_reason

    try:
        run = enclose_run(report.trajectory, epsilon)
    except ValueError as refused:
        judged = tuple(with_reason(each, str(refused)) for each in report.verdicts)
        return replace(report, verdicts=judged)
    bounds, verdicts = [], {each.id: with_reason(each, NOT_ENCLOSED.get(each.id, "")) for each in report.verdicts}
    for bound in report.bounds:
        enclosed = run.bound(bound.id)
        bounds.append(bound if enclosed is None else enclosed.as_bound(bound))
        if enclosed is not None:
            verdicts[bound.id] = assess_enclosed(enclosed, bound, report.trajectory, run)
    return replace(report, bounds=tuple(bounds), verdicts=tuple(verdicts.values()), enclosure=run)


def verify(
    network: Network,
    problem: Problem,
    *,
    progress: Progress | None = None,
    epsilon: float | None = None,
    rigorous: bool = False,
    **run: Any,
) -> Report:
    """Simulate a network on a problem and judge every statement of the theory on the run.

    Parameters
    ----------
    network, problem
        Start and data.
    progress : callable, optional
        Called with the finished fraction of the present run.
    epsilon : float, optional
        The loss to reach (statement hitting-time); half of the loss at the start by default.
    rigorous : bool
        Whether bounds, and losses where it can be done, are enclosed in balls from the exact values of the inputs and
        compared with certainty. Such rows have the evidence ``"enclosed"``; the others say why they have not.
    **run
        Keyword arguments of `fa_theory.simulate`: method, time, steps, step_size, points, accuracy, ...

    Returns
    -------
    Report
        With a verdict for every statement; ``report.to_json()`` has what the command line writes.

    Raises
    ------
    ValueError
        If an argument is out of range, or network and problem do not fit each other.

    Examples
    --------
    >>> import fa_theory as ft
    >>> network, problem = ft.initialise("aligned", (2, 3, 1)), ft.Problem([[1.0, 0.0], [0.0, 2.0]], [1.0, -1.0])
    >>> report = ft.verify(network, problem, time=1.0, points=5)
    >>> [report.verdict(statement).verdict for statement in ("neuron-law", "exponential-decay", "dfa-law")]
    ['holds', 'holds', 'not_applicable']
    """
    return run_instance(Instance("instance", network, problem, run, {}), progress, epsilon=epsilon, rigorous=rigorous)


def describe(instance: Instance) -> dict[str, Any]:
    """Return JSON values that record the instance: sizes, names, options, precision and version.

    Examples
    --------
    >>> from fa_theory.verification import describe, instance_from_data
    >>> record = describe(instance_from_data(rows=[0, 60], width=2, seed=3))
    >>> record["data"], record["seed"], record["widths"], record["precision"]
    ('iris', 3, [3, 2, 1], 'float64')
    """
    network, problem = instance.network, instance.problem
    return {
        "name": instance.name,
        **instance.description,
        "samples": problem.n_samples,
        "widths": list(network.widths),
        "biases": [b is not None for b in network.biases],
        "rule": network.rule_name,
        "activation": network.activation.name,
        "loss": problem.loss.name,
        "run": instance.run,
        "precision": str(problem.X.dtype),
        "version": version("fa_theory"),
    }


def trajectory_json(trajectory: Trajectory) -> dict[str, Any]:
    """Return JSON values of a trajectory.

    Examples
    --------
    >>> import json
    >>> import fa_theory as ft
    >>> from fa_theory.verification import trajectory_json
    >>> network, problem = ft.initialise("zero", (1, 2, 1)), ft.Problem([[1.0]], [2.0])
    >>> run = ft.simulate(network, problem, method="gd", steps=2, step_size=0.5, points=2)
    >>> written = json.loads(json.dumps(trajectory_json(run)))
    >>> written["t"], written["loss"][0], written["outcome"]
    ([0.0, 1.0], 2.0, 'completed')
    """
    events = [asdict(event) for event in trajectory.events]
    return {
        "t": trajectory.t.tolist(),
        "loss": trajectory.loss.tolist(),
        "error": trajectory.error.tolist(),
        "method": trajectory.method,
        "options": trajectory.options,
        "outcome": trajectory.outcome,
        "outcome_text": OUTCOMES[trajectory.outcome],
        "unique": trajectory.unique,
        "n_steps": trajectory.n_steps,
        "events": events,
    }


def bound_json(bound: Bound, times: list[float]) -> dict[str, Any]:
    """Return JSON values of a bound, with its curve at the given times where it applies.

    Examples
    --------
    >>> import fa_theory as ft
    >>> from fa_theory.verification import bound_json
    >>> network, problem = ft.initialise("aligned", (2, 3, 1)), ft.Problem([[1.0, 0.0], [0.0, 2.0]], [1.0, -1.0])
    >>> record = bound_json(ft.bounds.exponential_decay(network, problem), [0.0, 1.0])
    >>> record["applicable"], record["t"], record["value"][1] < record["value"][0]
    (True, [0.0, 1.0], True)
    """
    return {
        "id": bound.id,
        "applicable": bound.applicable,
        "assumptions": [asdict(assumption) for assumption in bound.assumptions],
        "rate": bound.rate if bound.applicable else None,
        "t": times if bound.applicable else [],
        "value": bound(times).tolist() if bound.applicable else [],
        "quantity": bound.quantity,
        "floor": bound.floor,
        "constants": bound.constants,
        "method": bound.method,
        "step_size": bound.step_size,
        "epsilon": bound.epsilon,
        "time": bound.time,
    }
