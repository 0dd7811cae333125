"""The engines a worker drives, behind one protocol."""
