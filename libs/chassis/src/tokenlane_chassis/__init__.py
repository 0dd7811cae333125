"""What each service process shares: settings, the bus, logs, metrics, traces, and start, drain, stop.

ChassisError
├── StartError              the process cannot start; one line says why
└── BusError
    ├── BusUnavailableError the broker did not answer in time
    ├── MessageTooLargeError
    └── StreamFullError
"""
