"""Instances: a network, a problem and how to run them, from a data table or a state file."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fa_theory.data import Table, draw_table, load_iris, make_dataset, read_csv
from fa_theory.dynamics import METHODS
from fa_theory.model import RULES, Network, Problem, feedback_rules, initialise, load_state

USED_BY = {
    "time": ("flow",),
    "accuracy": ("flow",),
    "steps": METHODS[1:],
    "step_size": METHODS[1:],
    "batch_size": ("sgd",),
}
"""The options of a run that only some methods take."""


@dataclass(frozen=True)
class Instance:
    """A network with a problem and the options of its run.

    Attributes
    ----------
    name : str
        A short name for tables and files.
    network : Network
        The start.
    problem : Problem
        Data and loss.
    run : dict
        Keyword arguments of `fa_theory.simulate`.
    description : dict
        Where data and start come from: JSON values, enough to make the instance again.

    Examples
    --------
    >>> from fa_theory.verification import instance_from_data, run_instance
    >>> instance = instance_from_data(rows=[0, 60], width=2, depth=3, run={"method": "midpoint", "steps": 4})
    >>> instance.name, instance.network.widths, instance.problem.n_samples, instance.run
    ('iris fa', (3, 2, 2, 1), 2, {'method': 'midpoint', 'steps': 4})
    >>> run_instance(instance).refuted
    False
    """

    name: str
    network: Network
    problem: Problem
    run: dict[str, Any]
    description: dict[str, Any]


def instance_from_data(
    *,
    data: str | os.PathLike[str] | None = None,
    synthetic: str | None = None,
    target: str | None = None,
    standardize: bool = False,
    rows: Sequence[int] | None = None,
    rule: str = "fa",
    activation: str = "linear",
    loss: str = "squared",
    width: int = 10,
    depth: int = 2,
    biases: bool = False,
    init: str = "aligned",
    alignment: float = 1.0,
    seed: int = 0,
    run: dict[str, Any] | None = None,
    name: str | None = None,
) -> Instance:
    """Make an instance from a CSV file, from drawn data, or from the embedded iris data.

    Parameters
    ----------
    data : path, optional
        A CSV file with a header; every column but the target must be numeric.
    synthetic : str, optional
        ``"Nxd"``, as in ``"50x20"``: data drawn from `seed` instead (see `fa_theory.data.draw_table`).
    target : str, optional
        The label column, or ``COLUMN=VALUE`` for one value against the rest. For iris the default is petal_width
        (squared loss), species=setosa (logistic, exponential) or species (cross_entropy).
    standardize : bool
        Whether features are centred and divided by their standard deviations (recorded in the description).
    rows : sequence of int, optional
        Use these samples only (counted from 0).
    rule, activation, loss : str
        Names, as on the command line.
    width, depth : int
        Neurons in each hidden layer, and the number of layers of weights.
    biases : bool
        Whether every layer has a trained bias.
    init, alignment, seed
        See `fa_theory.model.initialise`.
    run : dict, optional
        Keyword arguments of `fa_theory.simulate`.
    name : str, optional
        A short name.

    Raises
    ------
    ValueError, OSError
        If the file cannot be used, or an argument is out of range.

    Examples
    --------
    >>> from fa_theory.verification import instance_from_data
    >>> instance = instance_from_data(target="species", loss="cross_entropy", width=4, depth=3)
    >>> instance.name, instance.network.widths, instance.problem.n_samples
    ('iris fa', (4, 4, 4, 3), 150)
    """
    if width < 1:
        raise ValueError(f"width must be at least 1, got {width}")
    if depth < 2:
        raise ValueError(f"depth must be at least 2, got {depth}")
    if synthetic is None:
        table: Table = load_iris() if data is None else read_csv(data)
    elif data is not None:
        raise ValueError("synthetic does not go with data: samples are drawn, or read from a file")
    else:
        table, target = draw_table(synthetic, loss, seed), target or "y"
    dataset = make_dataset(table, target, loss, standardize=standardize, rows=rows)
    problem = Problem(dataset.X, dataset.Y, loss)
    widths = (dataset.X.shape[1], *[width] * (depth - 1), dataset.Y.shape[1])
    network = initialise(init, widths, activation, rule, seed=seed, biases=biases, alignment=alignment)
    description: dict[str, Any] = {
        "data": dataset.name,
        "features": list(dataset.features),
        "targets": list(dataset.targets),
        "transforms": list(dataset.transforms),
        "init": init,
        "seed": seed,
    }
    if init == "aligned":
        description["alignment"] = alignment
    return Instance(name or f"{dataset.name} {rule}", network, problem, dict(run or {}), description)


def instance_from_state(
    state: str | os.PathLike[str],
    *,
    rule: str = "fa",
    activation: str = "linear",
    loss: str = "squared",
    run: dict[str, Any] | None = None,
) -> Instance:
    """Make an instance from a state file; rule, activation and loss are not in the file and are given here.

    Raises
    ------
    ValueError, OSError
        If the file cannot be used, or does not fit the rule or the loss.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> import fa_theory as ft
    >>> from fa_theory.model import save_state
    >>> from fa_theory.verification import instance_from_state
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "start.npz"
    ...     save_state(path, ft.initialise("small", (2, 3, 1)), ft.Problem([[1.0, 2.0]], [1.0]))
    ...     instance = instance_from_state(path, activation="relu", run={"time": 2.0})
    >>> instance.name, instance.network.widths, instance.network.activation.name
    ('start.npz fa', (2, 3, 1), 'relu')
    """
    arrays = load_state(state)
    network = Network(arrays.weights, activation, feedback_rules(rule, arrays.weights, arrays.matrices), arrays.biases)
    problem = Problem(arrays.X, arrays.Y, loss)
    return Instance(f"{os.path.basename(state)} {rule}", network, problem, dict(run or {}), {"state": os.fspath(state)})


def command_from_state(instance: Instance, state: str) -> str | None:
    """Return the command that runs an instance again from a file of its start state; None for a rule without a name.

    Examples
    --------
    >>> from fa_theory.verification import command_from_state, instance_from_data
    >>> print(command_from_state(instance_from_data(width=3, run={"time": 5.0}), "start.npz"))
    fa-theory verify --state start.npz --rule fa --activation linear --loss squared --time 5.0
    """
    network = instance.network
    if network.rule_name.partition(":")[0] not in RULES:
        return None
    words = ["fa-theory", "verify", "--state", state, "--rule", network.rule_name]
    words += ["--activation", network.activation.name, "--loss", instance.problem.loss.name]
    for name, value in instance.run.items():
        text = ",".join(map(repr, value)) if isinstance(value, list | tuple) else f"{value}"
        words += [f"--{name.replace('_', '-')}", text]
    return shlex.join(words)
