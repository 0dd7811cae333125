"""The bus's own traffic as a trace: when requests were accepted, and how long they turned out to be."""
