"""Lemmas that the proofs share, one file each."""
