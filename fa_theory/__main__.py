"""``python -m fa_theory`` is the command ``fa-theory``."""

from fa_theory.cli import main

if __name__ == "__main__":
    main()
