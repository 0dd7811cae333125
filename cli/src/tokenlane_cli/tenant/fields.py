"""What can be set for a tenant: the same names and limits in flags, files and listings. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from tokenlane.v1.recovery_pb2 import TenantPolicy
from tokenlane_cli.errors import UsageError
from tokenlane_proto.wishes import PRIORITIES, PRIORITY_NAMES, priority_name

# A week: longer than dead letters are kept.
_LONGEST_S = 7 * 86_400
_UINT32_MAX = 2**32 - 1
_MOST_TOKENS = 10**15


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number. 0: nothing is set. `name` is its flag and its key in a file, `key` that in JSON. The policy's
    `attribute` holds `scale` times what is written."""

    name: str
    key: str
    attribute: str
    most: float
    least: float = 1
    unit: str = ""
    scale: int = 1

    @property
    def whole(self) -> bool:
        """Whether only integers are written."""
        return self.scale == 1 and self.least == 1

    def write(self, policy: TenantPolicy, value: object) -> None:
        """Set it in `policy`. Raises UsageError."""
        if isinstance(value, bool) or not isinstance(value, int if self.whole else (int, float)):
            raise UsageError(f"{self.name} must be a {'whole ' if self.whole else ''}number, not {value!r}")
        if not (value == 0 or self.least <= value <= self.most):
            allowed = f"{self.least:g} to {shown(self.most)}{self.unit and ' ' + self.unit}, or 0 to have nothing set"
            raise UsageError(f"{self.name} must be {allowed}, not {value!r}")
        setattr(policy, self.attribute, value if self.scale == 1 else round(value * self.scale))

    def read(self, policy: TenantPolicy) -> float:
        """As it is written."""
        held: float = getattr(policy, self.attribute)
        # The policy has floats of single precision.
        return held / self.scale if self.scale > 1 else held if self.whole else float(f"{held:.7g}")


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the priorities."""

    name: str
    key: str
    unit: str = ""

    def write(self, policy: TenantPolicy, value: object) -> None:
        """Set it in `policy`. Raises UsageError."""
        if not isinstance(value, str) or value not in PRIORITIES:
            raise UsageError(f"{self.name} must be {PRIORITY_NAMES}, not {value!r}")
        policy.priority = PRIORITIES[value]

    def read(self, policy: TenantPolicy) -> str:
        """As it is written; empty where none is set."""
        return priority_name(policy.priority)


Field = Quantity | Choice
FIELDS: tuple[Field, ...] = (
    Quantity("timeout", "timeout_s", "timeout_ms", _LONGEST_S, 0.001, "s", 1000),
    Quantity("ttft", "ttft_s", "ttft_limit_ms", _LONGEST_S, 0.001, "s", 1000),
    Choice("priority", "priority"),
    Quantity("weight", "weight", "weight", 1000, 0.001),
    Quantity("tokens-in-flight", "tokens_in_flight", "tokens_in_flight", _MOST_TOKENS),
    Quantity("tokens-per-minute", "tokens_per_minute", "tokens_per_minute", _MOST_TOKENS),
    Quantity("requests-queued", "requests_queued", "requests_queued", _UINT32_MAX),
    Quantity("context-tokens", "context_tokens", "context_tokens", _UINT32_MAX),
)
NAMES = tuple(field.name for field in FIELDS)


def write(policy: TenantPolicy, values: Mapping[str, object]) -> None:
    """Set what is given, by names of `FIELDS`, and leave the rest. Raises UsageError."""
    for field in FIELDS:
        if field.name in values:
            field.write(policy, values[field.name])


def described(policy: TenantPolicy) -> str:
    """In one line: timeout 30 s, weight 2."""
    values = [(field, field.read(policy)) for field in FIELDS]
    said = [f"{field.name} {shown(value)}{field.unit and ' ' + field.unit}" for field, value in values if value]
    return ", ".join(said) or "nothing is set"


def shown(value: float | str) -> str:
    """A value for people."""
    return value if isinstance(value, str) else f"{value:,.15g}"
