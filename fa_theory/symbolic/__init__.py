"""The symbolic engine: proofs for every size, and the discovery of conservation laws."""
