"""The command ``fa-theory discover``: how many laws, which, and is that all."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import SpinnerColumn, TimeElapsedColumn

from fa_theory.choices import likeliest
from fa_theory.cli.options import RULES, completing
from fa_theory.cli.output import Format, JsonFile, TableFormat, check_writable, show
from fa_theory.cli.progress import progress_bar
from fa_theory.view.sheet import Sheet

_WHAT, _SEARCH = "Network", "Search"


def discover_command(
    *,
    rule: Annotated[
        str,
        typer.Option(
            help="fa, sign-fa, adafa:K, backprop or dfa", rich_help_panel=_WHAT, autocompletion=completing(*RULES)
        ),
    ] = "fa",
    shape: Annotated[
        str, typer.Option(help="n,d,m: neurons in each hidden layer, inputs, outputs", rich_help_panel=_WHAT)
    ],
    depth: Annotated[int, typer.Option(help="Layers of weights", rich_help_panel=_WHAT)] = 2,
    activation: Annotated[
        str,
        typer.Option(
            help="linear, relu or leaky_relu:A",
            rich_help_panel=_WHAT,
            autocompletion=completing("linear", "relu", "leaky_relu:1/10"),
        ),
    ] = "linear",
    biases: Annotated[
        bool, typer.Option("--biases", help="Train a bias in every layer.", rich_help_panel=_WHAT)
    ] = False,
    friction: Annotated[
        str | None, typer.Option(help="Flow with momentum and this friction (0 or more)", rich_help_panel=_WHAT)
    ] = None,
    field: Annotated[
        str | None,
        typer.Option(
            help="Your own rule, as FILE.py:FUNCTION, a function of SymPy matrices (W1, W2, ..., x, e) -> velocities. "
            "The file is run.",
            rich_help_panel=_WHAT,
        ),
    ] = None,
    patterns: Annotated[
        str | None,
        typer.Option(
            help="Activation patterns that count: reachable (laws near the start) or all (laws everywhere)",
            rich_help_panel=_SEARCH,
            autocompletion=completing("reachable", "all"),
        ),
    ] = None,
    degree: Annotated[
        int, typer.Option(help="Largest degree of polynomial laws; 0 only counts", rich_help_panel=_SEARCH)
    ] = 2,
    seed: Annotated[int, typer.Option(help="Draws feedback, start and points", rich_help_panel=_SEARCH)] = 0,
    form: TableFormat = Format.RICH,
    json_file: JsonFile = None,
) -> None:
    """Count and list what a rule conserves for all data, and say whether that is all.

    Example: fa-theory discover --rule fa --shape 4,3,2 --degree 2
    """
    from fa_theory.symbolic.discovery import discover, discover_function

    check_writable(json_file)
    sizes = _sizes(shape)
    options: dict[str, Any] = {"degree": degree, "seed": seed}
    with _progress() as progress:
        if field is None:
            found = discover(
                rule,
                sizes,
                depth=depth,
                activation=activation,
                biases=biases,
                friction=friction,
                patterns=patterns,
                progress=progress,
                **options,
            )
        else:
            _require_unused(rule=rule != "fa", activation=activation != "linear", biases=biases)
            _require_unused(friction=friction is not None, patterns=patterns is not None)
            widths = (sizes[1], *[sizes[0]] * (depth - 1), sizes[2])
            parameters = {f"W{k + 1}": (widths[k + 1], widths[k]) for k in range(depth)}
            data = {"x": (sizes[1], 1), "e": (sizes[2], 1)}
            found = discover_function(_load(field), parameters, data, progress=progress, **options)
    document = {"rule": field or rule, "shape": list(sizes), "depth": depth, **found.to_json()}
    show([_sheet(found)], document, form, json_file)


def _sizes(shape: str) -> tuple[int, int, int]:
    try:
        n, d, m = (int(each) for each in shape.split(","))
    except ValueError:
        raise ValueError(f"--shape must be three whole numbers n,d,m such as 4,3,2, got {shape!r}") from None
    return n, d, m


def _load(field: str) -> Callable[..., Any]:
    file, _, name = field.rpartition(":")
    path = Path(file)
    if not name.isidentifier() or path.suffix != ".py" or not path.is_file():
        raise ValueError(f"--field must be FILE.py:FUNCTION with a file that exists, got {field!r}")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with _named(path):
        spec.loader.exec_module(module)
    if not hasattr(module, name):
        raise ValueError(f"--field: {path} has no function {name}{likeliest(name, vars(module))}")

    def function(*matrices: Any) -> Any:
        with _named(path):
            return getattr(module, name)(*matrices)

    return function


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Turn whatever the user's file raises into one line that names the file."""
    try:
        yield
    except Exception as error:
        raise ValueError(f"--field: {path} failed: {type(error).__name__}: {error}") from error


def _require_unused(**given: bool) -> None:
    for name, is_given in given.items():
        if is_given:
            raise ValueError(f"--{name} does not go with --field, which holds the rule whole")


@contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """Show what is being done."""
    with progress_bar(SpinnerColumn(), TimeElapsedColumn()) as bar:
        task = bar.add_task("discover", total=None)
        yield lambda message: bar.update(task, description=message)


def _sheet(found: Any) -> Sheet:
    notes = list(found.explanation)
    if found.feedback and found.laws:
        notes.append("Feedback matrices that were drawn:")
        for name, matrix in found.feedback.items():
            rows = [[str(value) for value in row] for row in matrix.tolist()]
            notes.append(f"  {name} = [{', '.join('[' + ', '.join(row) + ']' for row in rows)}]")
    headers = ("law", "formula in Python, indices from 0")
    return Sheet(headers, tuple((law.name, law.python) for law in found.laws), tuple(notes))
