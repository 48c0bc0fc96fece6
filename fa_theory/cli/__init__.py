"""The command line: parses and prints, computes nothing."""

from fa_theory.cli.commands import main

__all__ = ["main"]
