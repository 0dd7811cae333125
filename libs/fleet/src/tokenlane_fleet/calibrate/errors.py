"""What calibration refuses."""

from tokenlane_fleet.errors import FleetError


class CalibrationError(FleetError):
    """These samples are too few, or no measurements at all; the message names what is wrong."""
