"""Check every proof and write the ledger that is shipped: ``python -m fa_theory.proofs`` (``make ledger``)."""

import sys
from pathlib import Path

from fa_theory.files import replacing
from fa_theory.ledger import render_ledger
from fa_theory.proofs import check_proofs

if __name__ == "__main__":
    checked = check_proofs()
    for each in checked:
        print(f"{each.id:28} {each.status:8} {each.evidence}  {each.failure}")
    entries = {
        each.id: {
            "status": each.status,
            "steps": each.steps,
            "controls": each.controls,
            "by_hand": each.by_hand,
            "cites": each.cites,
        }
        for each in checked
    }
    with replacing(Path(__file__).with_name("ledger.json")) as stream:
        stream.write(render_ledger(entries).encode())
    sys.exit(any(each.status != "proved" for each in checked))
