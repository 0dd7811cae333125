"""Prose of several languages, from the translations that installed packages carry, and what they translate."""

import gettext
import importlib.util
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
# Behind what tells equal words of several meanings apart.
_CONTEXT_ENDS = "\x04"
_LETTERS = re.compile(r"[^\x00-\x7f]")


@lru_cache
def paragraphs(language: str) -> tuple[str, ...]:
    """All there is of a language, no paragraph twice, in an order that is always the same."""
    found = _originals() if language == "english" else _translations(language)
    kept = {" ".join(text.split()) for text in found}
    return tuple(sorted(text for text in kept if len(text) >= _LEAST_CHARACTERS))


def _originals() -> Iterator[str]:
    for language in _CATALOGUES:
        for original, _ in _messages(language):
            text = original if isinstance(original, str) else original[0]
            yield text.rpartition(_CONTEXT_ENDS)[2]


def _translations(language: str) -> Iterator[str]:
    return (text for _, text in _messages(language) if _LETTERS.search(text))


def _messages(language: str) -> Iterator[tuple[str | tuple[str, int], str]]:
    """What is translated (with the number of things, where it depends on it), and the translation."""
    for package, folder in _CATALOGUES[language]:
        for path in sorted(_home(package).glob(f"**/{folder}/LC_MESSAGES/*.mo")):
            with path.open("rb") as file:
                catalogue = vars(gettext.GNUTranslations(file))["_catalog"]
            yield from ((original, text) for original, text in catalogue.items() if original)


def _home(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise LookupError(f"{package} is not installed")
    return Path(spec.origin).parent
