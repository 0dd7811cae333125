"""Keys name tenants."""

import json
from hashlib import sha256
from pathlib import Path

import pytest
import structlog

from tokenlane_chassis.errors import StartError
from tokenlane_ingress.auth import KeyFile, Keyring, read_keyring
from tokenlane_ingress.errors import ErrorAnswer

DIGEST = sha256(b"sk-acme").hexdigest()


def write(path: Path, content: object) -> Path:
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


@pytest.mark.parametrize("header", [b"Bearer sk-acme", b"bearer  sk-acme "])
def test_a_key_names_its_tenant(header: bytes) -> None:
    assert Keyring({DIGEST: "acme"}).tenant_of(header) == "acme"


def test_without_keys_everybody_is_the_anonymous_tenant() -> None:
    keyring = Keyring({}, "local")
    assert [keyring.tenant_of(header) for header in (None, b"Bearer EMPTY")] == ["local", "local"]


def test_with_keys_a_wrong_one_is_not_anonymous() -> None:
    keyring = Keyring({DIGEST: "acme"}, "local")
    assert keyring.tenant_of(None) == "local"
    assert isinstance(keyring.tenant_of(b"Bearer sk-wrong"), ErrorAnswer)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "JSON object"),
        ([], "JSON object"),
        ({}, "no key"),
        ({"sk-acme": "acme"}, "entry 1 is not a SHA-256"),
        ({DIGEST: "ac.me"}, "'ac.me'"),
        ({DIGEST: ""}, "''"),
    ],
)
def test_a_wrong_file_refuses_and_tells_no_key(tmp_path: Path, content: object, said: str) -> None:
    with pytest.raises(StartError, match="TOKENLANE_API_KEYS_FILE") as refusal:
        read_keyring(write(tmp_path / "keys.json", content), None)
    assert said in str(refusal.value)
    assert "sk-acme" not in str(refusal.value)


def test_a_missing_file_refuses(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="No such file"):
        read_keyring(tmp_path / "none.json", None)


def test_a_reload_takes_new_keys_and_keeps_the_old_ones_over_a_wrong_file(tmp_path: Path) -> None:
    path = write(tmp_path / "keys.json", {DIGEST: "acme"})
    keys = KeyFile(path, None, structlog.get_logger())
    write(path, {DIGEST: "renamed"})
    keys.reload()
    assert keys.keyring.tenant_of(b"Bearer sk-acme") == "renamed"
    write(path, "{")
    keys.reload()
    assert keys.keyring.tenant_of(b"Bearer sk-acme") == "renamed"
