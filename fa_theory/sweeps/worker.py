"""A process that runs instances: batches come as lines of JSON on its input, results go as lines on its output."""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress

READY = b"ready\n"


def main() -> None:
    """Serve until the input ends, or nobody reads the output any more."""
    output = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever else prints must not get among the results
    from fa_theory.sweeps.instances import run_task

    with suppress(BrokenPipeError), output:
        output.write(READY)
        output.flush()
        for line in sys.stdin.buffer:
            request = json.loads(line)
            for number, options in request["batch"]:
                finished = run_task((number, options), request["what"], curves=request["curves"])
                output.write(json.dumps(finished).encode() + b"\n")
                output.flush()


if __name__ == "__main__":
    main()
