"""The command line: decisions, files, traces, reports; against fakes."""
