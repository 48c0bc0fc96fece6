"""Temporary: renamed to fa_theory.verification (ft.verify is the function). Use fa_theory.verification."""
from fa_theory.verification import *  # noqa: F403
import sys as _sys, fa_theory.verification as _v
for _n in ("verdict","conserved","identities","bounded","report","suite","instance"):
    _sys.modules["fa_theory.verify."+_n]=getattr(_v,_n) if hasattr(_v,_n) and not callable(getattr(_v,_n)) else __import__("fa_theory.verification."+_n,fromlist=["x"])
