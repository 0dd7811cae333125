"""Who asks? An API key names its tenant. Keys are kept as hashes and never written anywhere."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import msgspec
import structlog

from tokenlane_chassis.errors import StartError
from tokenlane_ingress import errors
from tokenlane_ingress.errors import ErrorAnswer
from tokenlane_proto.subjects import is_token

_HEX_DIGEST = re.compile(r"[0-9a-f]{64}")
_SCHEME = b"bearer "


@dataclass(frozen=True, slots=True)
class Keyring:
    """Tenants by the SHA-256 of their keys, in hex. `anonymous` is the tenant of requests without a key, if any."""

    tenants: Mapping[str, str]
    anonymous: str | None = None

    def tenant_of(self, authorization: bytes | None) -> str | ErrorAnswer:
        """The tenant of a request by its Authorization header."""
        if not self.tenants and self.anonymous is not None:
            return self.anonymous
        if authorization is None:
            return self.anonymous or errors.missing_key()
        if authorization[: len(_SCHEME)].lower() != _SCHEME:
            return errors.missing_key()
        digest = sha256(authorization[len(_SCHEME) :].strip()).hexdigest()
        return self.tenants.get(digest) or errors.wrong_key()


def read_keyring(path: Path | None, anonymous: str | None) -> Keyring:
    """The keyring of the settings. Raises StartError with one line that names the setting and never a key."""
    return Keyring(_read_tenants(path) if path else {}, anonymous)


class KeyFile:
    """The keyring of the settings, read again on `reload`; a wrong file leaves the present one in place."""

    def __init__(self, path: Path | None, anonymous: str | None, log: structlog.stdlib.BoundLogger) -> None:
        self._path = path
        self._anonymous = anonymous
        self._log = log
        self.keyring = read_keyring(path, anonymous)

    def reload(self) -> None:
        """Read the file again."""
        try:
            self.keyring = read_keyring(self._path, self._anonymous)
        except StartError as error:
            self._log.error("keys not reloaded", reason=str(error))
        else:
            self._log.info("keys reloaded", keys=len(self.keyring.tenants))


def _read_tenants(path: Path) -> dict[str, str]:
    setting = f"TOKENLANE_API_KEYS_FILE: {path}"
    try:
        tenants = msgspec.json.decode(path.read_bytes(), type=dict[str, str])
    except OSError as error:
        raise StartError(f"{setting}: {error.strerror}") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise StartError(f"{setting}: must be a JSON object of SHA-256 hex digest to tenant") from None
    if not tenants:
        raise StartError(f"{setting}: holds no key")
    for position, (digest, tenant) in enumerate(tenants.items(), 1):
        if not _HEX_DIGEST.fullmatch(digest):
            raise StartError(f"{setting}: entry {position} is not a SHA-256 in lower-case hex")
        if not is_token(tenant):
            raise StartError(f"{setting}: tenant {tenant!r} must be 1 to 64 characters of [A-Za-z0-9_-]")
    return tenants
