"""What each service process shares: settings, the bus, logs, metrics, traces, and start, drain, stop.

`service`, `settings`, `logs`, `probes` and `tracing` need the extra `service`; the bus, results and errors do not, so
that a client program stays light.

ChassisError
├── StartError              the process cannot start; one line says why
└── BusError
    ├── BusUnavailableError the broker did not answer in time
    ├── MessageTooLargeError
    └── StreamFullError
"""
