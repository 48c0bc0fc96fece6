"""The proofs of the statements, one file each, named by the statement's id (with underscores)."""
