"""The options that say what an instance is and how it is run, shared by several commands."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, NamedTuple, get_type_hints

import typer

from fa_theory.choices import not_among
from fa_theory.dynamics import METHODS
from fa_theory.model import INITIALISATIONS, LOSSES
from fa_theory.verification import USED_BY, Instance, instance_from_data, instance_from_state

_DATA, _MODEL, _RUN = "Data", "Network", "Run"

RULES = ("fa", "sign-fa", "adafa:1", "backprop", "dfa")
ACTIVATIONS = ("linear", "relu", "leaky_relu:0.1", "power:2", "tanh")


def completing(*words: str) -> Callable[[str], list[str]]:
    """Return what a shell's completion asks: which of the words begin as what was typed."""
    return lambda incomplete: [word for word in words if word.startswith(incomplete)]


def completing_several(one: Callable[[str], list[str]]) -> Callable[[str], list[str]]:
    """Return the completion of words with commas between them: of the last one, from the completion of one."""

    def complete(incomplete: str) -> list[str]:
        before, comma, last = incomplete.rpartition(",")
        return [before + comma + word for word in one(last) if word not in before.split(",")]

    return complete


class InstanceOptions(NamedTuple):
    """What the options say; None: not given."""

    data: Annotated[
        Path | None, typer.Option(help="CSV file with a header; default: embedded iris.", rich_help_panel=_DATA)
    ] = None
    synthetic: Annotated[
        str | None,
        typer.Option(help="Draw data instead: samples x inputs, as in 50x20.", rich_help_panel=_DATA),
    ] = None
    target: Annotated[
        str | None,
        typer.Option(help="Label column, or COLUMN=VALUE for one value against the rest.", rich_help_panel=_DATA),
    ] = None
    standardize: Annotated[
        bool | None,
        typer.Option("--standardize", help="Centre features and divide by their deviations.", rich_help_panel=_DATA),
    ] = None
    state: Annotated[
        Path | None,
        typer.Option(help="Start state (.npz): X, Y, W1, W2, ..., B2, ..., optionally b1, ...", rich_help_panel=_DATA),
    ] = None
    rule: Annotated[
        str | None,
        typer.Option(
            help="fa, sign-fa, adafa:K, backprop or dfa (default fa)",
            rich_help_panel=_MODEL,
            autocompletion=completing(*RULES),
        ),
    ] = None
    activation: Annotated[
        str | None,
        typer.Option(
            help="linear, relu, leaky_relu:A, power:K or tanh (default linear)",
            rich_help_panel=_MODEL,
            autocompletion=completing(*ACTIVATIONS),
        ),
    ] = None
    loss: Annotated[
        str | None,
        typer.Option(
            help=f"{', '.join(LOSSES)} (default squared)",
            rich_help_panel=_MODEL,
            autocompletion=completing(*LOSSES),
        ),
    ] = None
    width: Annotated[
        int | None, typer.Option(help="Neurons in each hidden layer (default 10)", rich_help_panel=_MODEL)
    ] = None
    depth: Annotated[int | None, typer.Option(help="Layers of weights (default 2)", rich_help_panel=_MODEL)] = None
    biases: Annotated[
        bool | None, typer.Option("--biases", help="Train a bias in every layer.", rich_help_panel=_MODEL)
    ] = None
    init: Annotated[
        str | None,
        typer.Option(
            help=f"{', '.join(INITIALISATIONS)} (default aligned)",
            rich_help_panel=_MODEL,
            autocompletion=completing(*INITIALISATIONS),
        ),
    ] = None
    alignment: Annotated[
        float | None,
        typer.Option(help="Total s = -sum C_i of an aligned start (default 1)", rich_help_panel=_MODEL),
    ] = None
    seed: Annotated[
        int | None, typer.Option(help="Seed of the start and of minibatches (default 0)", rich_help_panel=_MODEL)
    ] = None
    method: Annotated[
        str | None,
        typer.Option(
            help=f"{', '.join(METHODS)} (default flow)", rich_help_panel=_RUN, autocompletion=completing(*METHODS)
        ),
    ] = None
    time: Annotated[float | None, typer.Option(help="End of the flow (default 10)", rich_help_panel=_RUN)] = None
    steps: Annotated[
        int | None, typer.Option(help="Steps of every method but flow (default 1000)", rich_help_panel=_RUN)
    ] = None
    step_size: Annotated[
        float | None, typer.Option(help="Step size of every method but flow (default 0.01)", rich_help_panel=_RUN)
    ] = None
    batch_size: Annotated[
        int | None, typer.Option(help="Samples in a minibatch of sgd (default a tenth)", rich_help_panel=_RUN)
    ] = None
    weight_decay: Annotated[
        str | None,
        typer.Option(
            help="Weight decay: one rate, or one for each layer as in 0.1,0.2 (default none)", rich_help_panel=_RUN
        ),
    ] = None
    points: Annotated[int | None, typer.Option(help="Recorded times (default 101)", rich_help_panel=_RUN)] = None
    accuracy: Annotated[
        float | None,
        typer.Option(help="Error in the loss to aim at, relative to the start (default 1e-8)", rich_help_panel=_RUN),
    ] = None

    @property
    def given(self) -> dict[str, Any]:
        """The options that were given."""
        return {name: value for name, value in self._asdict().items() if value is not None}


_RUN_OPTIONS = ("method", "time", "steps", "step_size", "batch_size", "points", "accuracy")
_DATA_OPTIONS = ("data", "synthetic", "target", "standardize", "width", "depth", "biases", "init", "alignment")
_NAMES = ("rule", "activation", "loss")


def make_instance(options: InstanceOptions) -> Instance:
    """Make the instance that the options describe.

    Raises
    ------
    ValueError, OSError
        If an option is out of range, a file cannot be used, or options contradict each other.
    """
    given = options.given
    method = given.get("method", "flow")
    if method not in METHODS:
        raise not_among("--method", method, METHODS)
    for name, methods in USED_BY.items():
        if name in given and method not in methods:
            raise ValueError(f"--{name.replace('_', '-')} is for --method {' or '.join(methods)}, not {method}")
    run = {name: given[name] for name in _RUN_OPTIONS if name in given}
    if method == "sgd":
        run["seed"] = given.get("seed", 0)
    if "weight_decay" in given:
        run["weight_decay"] = _rates(given["weight_decay"])
    names = {name: given[name] for name in _NAMES if name in given}
    if "state" in given:
        clash = [name for name in _DATA_OPTIONS if name in given]
        if clash:
            raise ValueError(f"--{clash[0]} does not go with --state, which holds data and weights already")
        return instance_from_state(given["state"], run=run, **names)
    start = {name: given[name] for name in (*_DATA_OPTIONS, "seed") if name in given}
    return instance_from_data(run=run, **names, **start)


def _rates(given: str) -> float | list[float]:
    try:
        rates = [float(part) for part in given.split(",")]
    except ValueError:
        raise ValueError(f"--weight-decay must be a number, or numbers as in 0.1,0.2, got {given!r}") from None
    return rates[0] if len(rates) == 1 else rates


def with_instance_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command that takes ``options: InstanceOptions`` one parameter for each of its fields instead."""

    def with_fields(**arguments: Any) -> None:
        fields = {name: arguments.pop(name) for name in InstanceOptions._fields}
        command(options=InstanceOptions(**fields), **arguments)

    hints = inspect.get_annotations(command, eval_str=True)
    parameters = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
        for (name, default), annotation in zip(
            InstanceOptions._field_defaults.items(),
            get_type_hints(InstanceOptions, include_extras=True).values(),
            strict=True,
        )
    ]
    own = [
        parameter.replace(annotation=hints[name], kind=inspect.Parameter.KEYWORD_ONLY)
        for name, parameter in inspect.signature(command).parameters.items()
        if name != "options"
    ]
    # not functools.wraps, whose __wrapped__ would lead typer to the command's own annotations
    with_fields.__name__, with_fields.__doc__ = command.__name__, command.__doc__
    with_fields.__signature__ = inspect.Signature([*parameters, *own])  # type: ignore[attr-defined]
    with_fields.__annotations__ = {each.name: each.annotation for each in [*parameters, *own]}
    return with_fields
