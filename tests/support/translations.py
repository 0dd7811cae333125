"""Prose of several languages, from the translations that installed packages carry; English from Python's own manual."""

import gettext
import importlib.util
import pydoc_data.topics
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

LANGUAGES = ("english", "korean", "arabic", "chinese", "japanese", "russian")

# By language: package and folder of translations.
_CATALOGUES = {
    "korean": (("django", "ko"), ("jupyterlab_language_pack_ko_KR", "ko_KR")),
    "arabic": (("django", "ar"), ("django", "ar_DZ")),
    "chinese": (("django", "zh_Hans"), ("jupyterlab_language_pack_zh_CN", "zh_CN")),
    "japanese": (("django", "ja"), ("jupyterlab_language_pack_ja_JP", "ja_JP")),
    "russian": (("django", "ru"), ("jupyterlab_language_pack_ru_RU", "ru_RU")),
}
# What is shorter is a word on a button, or was left in English.
_LEAST_CHARACTERS = 8
_LETTERS = re.compile(r"[^\x00-\x7f]")


@lru_cache
def paragraphs(language: str) -> tuple[str, ...]:
    """All there is of a language, no paragraph twice, in an order that is always the same."""
    found = _manual() if language == "english" else _translated(language)
    kept = {" ".join(text.split()) for text in found}
    return tuple(sorted(text for text in kept if len(text) >= _LEAST_CHARACTERS))


def _manual() -> Iterator[str]:
    for topic in pydoc_data.topics.topics.values():
        yield from topic.split("\n\n")


def _translated(language: str) -> Iterator[str]:
    for package, folder in _CATALOGUES[language]:
        for path in sorted(_home(package).glob(f"**/{folder}/LC_MESSAGES/*.mo")):
            with path.open("rb") as file:
                catalogue: dict[object, str] = vars(gettext.GNUTranslations(file))["_catalog"]
            yield from (text for key, text in catalogue.items() if key and _LETTERS.search(text))


def _home(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise LookupError(f"{package} is not installed")
    return Path(spec.origin).parent
