"""What a user reads when the command line itself is refused: the argument, the value and what to type instead."""

from __future__ import annotations

import re
from typing import Any

from fa_theory.choices import likeliest, not_among

_NUMBERS = {"int": "a whole number", "float": "a number"}


def usage_refusal(error: Any) -> str:
    """Return in one line what is wrong with what was typed, from typer's (or click's) error about it.

    Typer's versions differ in the classes of these errors, so they are told apart by what they carry.
    """
    context = getattr(error, "ctx", None)
    if context is None:
        return str(error.format_message())
    if hasattr(error, "possibilities"):
        flags = [flag for each in context.command.params for flag in each.opts] + context.help_option_names
        end = likeliest(error.option_name, flags) or f"; {context.command_path} --help lists the options"
        return f"there is no option {error.option_name}{end}"
    if hasattr(error, "option_name"):
        return _bad_use(error, context)
    param = getattr(error, "param", None)
    if hasattr(error, "param_type"):  # nothing was given for it
        return f"{_name(param)} is missing{_meaning(param)}{_example(context)}"
    if param is not None:
        return _bad_value(error, context)
    message = str(error.message).rstrip(".")
    unknown = re.match(r"No such command '(.*?)'", message)
    if unknown:
        return str(not_among("the command", unknown[1], context.command.commands))
    extra = re.match(r"Got unexpected extra arguments?(?:\(s\))? \((.*)\)", message)
    if extra:
        return _too_much(extra[1], context)
    return message + _example(context)


def system_refusal(error: OSError) -> str:
    """Return what the operating system refused: the file and the reason, without the number of the reason."""
    return f"{error.filename}: {error.strerror}" if error.filename is not None and error.strerror else str(error)


def _bad_value(error: Any, context: Any) -> str:
    name, message = _name(error.param), str(error.message)
    allowed = [each.value for each in error.param.shell_complete(context, "")]
    if hasattr(error.__cause__, "errors"):  # newer typer lets pydantic judge, whose words say nothing to a user
        fault = error.__cause__.errors()[0]
        given, kind = str(fault["input"]), fault["type"].split("_")[0]
        least = fault.get("ctx", {}).get("ge")
        what = _NUMBERS.get(kind, message) if least is None else f"at least {least}"
    else:
        words = re.fullmatch(r"'?(.*?)'? is not (.*?)\.?", message, re.DOTALL)
        if words is None:
            return f"{name}: {message}"
        given, what = words[1], words[2]
    return str(not_among(name, given, allowed)) if allowed else f"{name} must be {what}, got {given!r}"


def _bad_use(error: Any, context: Any) -> str:
    """Say of an option that it needs a value and which, or that it takes none."""
    name = error.option_name
    (param,) = (each for each in context.command.get_params(context) if name in each.opts)
    if param.is_flag:
        return f"{name} takes no value: type {name} alone, or leave it out"
    allowed = [each.value for each in param.shell_complete(context, "")]
    meant = f": one of {', '.join(allowed)}" if allowed else _meaning(param) + _example(context)
    return f"{name} needs a value{meant}"


def _too_much(extra: str, context: Any) -> str:
    taken = [each.metavar for each in context.command.params if each.param_type_name == "argument"]
    what = f"only {' '.join(taken)} besides options" if taken else "nothing but options"
    return f"{context.command.name} takes {what}, got also {extra!r}{_example(context)}"


def _name(param: Any) -> str:
    return str(param.opts[0] if param.param_type_name == "option" else param.metavar)


def _meaning(param: Any) -> str:
    return f" ({param.help.rstrip('.')})" if param.help else ""


def _example(context: Any) -> str:
    """Return the example that a command's help ends with, as the end of a sentence."""
    found = re.search(r"Example: (fa-theory .*)", context.command.help or "")
    return f"; for example: {found[1].strip()}" if found else ""
