"""The standard suite: runs over Fisher's iris that between them exercise every statement, and their summary."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context

from fa_theory.bounds import check_epsilon
from fa_theory.statements import STATEMENTS
from fa_theory.verification.instance import Instance, instance_from_data
from fa_theory.verification.report import Followed, Report, follow, judge
from fa_theory.verification.verdict import VERDICTS

RULES = ("fa", "sign-fa", "adafa:1", "backprop")

_FLOWERS = (0, 60, 100, 120)
"""One setosa, one versicolor and two virginica: with a bias, five inputs for four independent samples."""


_RUN = {"points": 51, "accuracy": 1e-6}


def standard_suite(seed: int = 0) -> tuple[Instance, ...]:
    """Return the instances of the standard suite over iris; features are standardised throughout.

    For FA, sign-FA, adaFA(1) and backprop: petal width by a linear network (exponential-decay on the excess loss),
    four flowers by leaky ReLU with biases (exponential-decay with kinks), setosa against the rest with logistic loss
    (separable-decay). For FA: exponential loss, three species at once (multi-output-decay), networks of four layers,
    DFA (dfa-law), weight decay (matched-decay), steps of the midpoint rule, and gradient descent (with a certified
    step size: gd-decay; until it has converged: minimum-norm).

    Examples
    --------
    >>> from fa_theory.verification import standard_suite
    >>> suite = standard_suite()
    >>> len(suite), suite[0].name, sorted({instance.network.depth for instance in suite})
    (21, 'petal width, linear, fa', [2, 3, 4])
    """

    def instance(name: str, **options: object) -> Instance:
        return instance_from_data(name=name, standardize=True, seed=seed, **options)  # type: ignore[arg-type]

    suite = []
    for rule in RULES:
        suite += [
            instance(f"petal width, linear, {rule}", rule=rule, run=_RUN | {"time": 10.0}),
            instance(
                f"four flowers, leaky, {rule}",
                rule=rule,
                activation="leaky_relu:0.5",
                biases=True,
                rows=_FLOWERS,
                run=_RUN | {"time": 10.0},
            ),
            instance(
                f"setosa, leaky, logistic, {rule}",
                rule=rule,
                activation="leaky_relu:0.2",
                loss="logistic",
                width=5,
                run=_RUN | {"time": 10.0},
            ),
        ]
    suite += [
        instance(
            "setosa, leaky, exponential, fa",
            activation="leaky_relu:0.2",
            loss="exponential",
            width=5,
            run=_RUN | {"time": 10.0},
        ),
        instance("three species, linear, fa", target="species", alignment=10.0, run=_RUN | {"time": 20.0}),
        instance("petal width, linear, four layers, fa", depth=4, width=6, biases=True, run=_RUN | {"time": 5.0}),
        instance("petal width, linear, gd", run={"method": "gd", "steps": 5000, "step_size": 5e-4, "points": 51}),
        instance(
            "three flowers, linear, gd to the end",
            rows=_FLOWERS[:3],
            run={"method": "gd", "steps": 500, "step_size": 0.1, "points": 51},
        ),
        instance(
            "three species, leaky, four layers, sgd",
            target="species",
            loss="cross_entropy",
            activation="leaky_relu:0.2",
            depth=4,
            width=6,
            run={"method": "sgd", "steps": 300, "step_size": 0.05, "batch_size": 16, "seed": seed},
        ),
        instance(
            "three species, linear, three layers, dfa",
            target="species",
            rule="dfa",
            depth=3,
            width=4,
            biases=True,
            run=_RUN | {"time": 3.0},
        ),
        instance(
            "petal width, linear, matched decay, fa",
            biases=True,
            run=_RUN | {"time": 10.0, "weight_decay": [0.05, 0.1]},
        ),
        instance(
            "petal width, linear, three layers, midpoint",
            depth=3,
            width=4,
            run={"method": "midpoint", "steps": 40, "step_size": 0.1, "points": 11},
        ),
    ]
    return tuple(suite)


def run_suite(
    instances: Sequence[Instance],
    progress: Callable[[Instance, float], None] | None = None,
    *,
    epsilon: float | None = None,
    rigorous: bool = False,
    jobs: int = 1,
) -> Iterator[Report]:
    """Run instances and yield each report in their order, as soon as it and those before it are finished.

    Parameters
    ----------
    instances : sequence of Instance
        What to run.
    progress : callable, optional
        Called with the instance that is waited for and the finished fraction of its run (0 with several jobs).
    epsilon, rigorous
        As in `fa_theory.verify`.
    jobs : int
        How many processes run them; with 1 all is done in this process. The reports are the same.

    Raises
    ------
    ValueError
        If `jobs` is not positive, or `epsilon` is out of range.

    Examples
    --------
    >>> from fa_theory.verification import instance_from_data, run_suite
    >>> options = {"rows": [0, 60], "depth": 3, "width": 2, "run": {"method": "midpoint", "steps": 4}}
    >>> for report in run_suite([instance_from_data(rule=rule, **options) for rule in ("fa", "backprop")]):
    ...     report.instance.name, report.verdict("neuron-law").verdict
    ('iris fa', 'holds')
    ('iris backprop', 'holds')
    """
    if jobs < 1:
        raise ValueError(f"jobs must be at least 1, got {jobs}")
    check_epsilon(epsilon)
    with _followed(instances, progress, min(jobs, len(instances))) as runs:
        for instance, run in zip(instances, runs, strict=True):
            yield judge(instance, run, epsilon=epsilon, rigorous=rigorous)


@contextmanager
def _followed(
    instances: Sequence[Instance], progress: Callable[[Instance, float], None] | None, jobs: int
) -> Iterator[Iterator[Followed]]:
    if jobs <= 1:
        yield (follow(each, None if progress is None else partial(progress, each)) for each in instances)
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        futures = [pool.submit(follow, each) for each in instances]
        try:
            yield (_awaited(each, future, progress) for each, future in zip(instances, futures, strict=True))
        finally:
            for future in futures:
                future.cancel()


def _awaited(
    instance: Instance, future: Future[Followed], progress: Callable[[Instance, float], None] | None
) -> Followed:
    if progress is not None:
        progress(instance, 0.0)
    return future.result()


@dataclass(frozen=True)
class Summary:
    """The verdicts of several runs on one statement.

    Attributes
    ----------
    id : str
        The statement's id.
    verdict : str
        The gravest verdict of all runs: refuted, else undecided, else holds, else not applicable.
    evidence : str or None
        The evidence of the runs that hold, weakest first if they differ.
    margin : float or None
        The smallest margin of the runs with that verdict.
    detail : str
        In how many runs it holds, where the margin is smallest, and in how many it does not apply.

    Examples
    --------
    >>> from fa_theory.verification import instance_from_data, run_instance, summarise
    >>> options = {"rows": [0, 60], "depth": 3, "width": 2, "run": {"method": "midpoint", "steps": 4}}
    >>> instances = [instance_from_data(activation=phi, **options) for phi in ("linear", "leaky_relu:0.2")]
    >>> rows = summarise(map(run_instance, instances))
    >>> row = next(each for each in rows if each.id == "matrix-law")
    >>> row.verdict, row.evidence, row.detail
    ('holds', 'float-checked', 'holds in 1 of 1, smallest margin: iris fa; not applicable in 1')
    """

    id: str
    verdict: str
    evidence: str | None
    margin: float | None
    detail: str


def summarise(reports: Iterable[Report]) -> tuple[Summary, ...]:
    """Sum up the verdicts of several reports, one row for each statement.

    Examples
    --------
    >>> from fa_theory.verification import instance_from_data, run_instance, summarise
    >>> options = {"rows": [0, 60], "depth": 3, "width": 2, "run": {"method": "midpoint", "steps": 4}}
    >>> rows = summarise(run_instance(instance_from_data(seed=seed, **options)) for seed in range(2))
    >>> {row.id: row.verdict for row in rows if row.id in ("neuron-law", "matrix-law", "dfa-law")}
    {'neuron-law': 'holds', 'matrix-law': 'holds', 'dfa-law': 'not_applicable'}
    """
    reports = tuple(reports)
    rows = []
    for statement in STATEMENTS:
        found = [(report, report.verdict(statement)) for report in reports]
        gravest = min((verdict.verdict for _, verdict in found), key=VERDICTS.index)
        having = [(report, verdict) for report, verdict in found if verdict.verdict == gravest]
        measured = [(verdict.margin, report) for report, verdict in having if verdict.margin is not None]
        margin, where = min(measured, key=lambda pair: pair[0]) if measured else (None, having[0][0])
        evidence = sorted({verdict.evidence for _, verdict in having if verdict.evidence}, reverse=True)
        absent = sum(verdict.verdict == "not_applicable" for _, verdict in found)
        detail = f"{gravest.replace('_', ' ')} in {len(having)} of {len(found) - absent or len(found)}"
        if margin is not None:
            detail += f", smallest margin: {where.instance.name}"
        if absent and gravest != "not_applicable":
            detail += f"; not applicable in {absent}"
        rows.append(Summary(statement, gravest, ", ".join(evidence) or None, margin, detail))
    return tuple(rows)
