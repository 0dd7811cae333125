"""Text of each kind is told from its bytes, whether the client escapes it or not."""

import base64
import inspect
import json
import textwrap

import pytest

from tokenlane_classifier.category import Category, categorize

ENGLISH = "Requests that arrive first are answered first, unless a shorter one can be served in between. "
GERMAN = "Größere Anfragen müssen länger warten, während kürzere früher beantwortet werden können. "
CHINESE = "请求通过消息总线到达，然后根据估计的令牌预算被分配到短通道或长通道。"  # noqa: RUF001
KOREAN = "요청은 메시지 버스를 통해 도착하고 예산에 따라 레인에 배정됩니다. "
RUSSIAN = "Запросы поступают через шину сообщений и распределяются по полосам. "
ARABIC = "تصل الطلبات عبر ناقل الرسائل ثم توزع على المسارات. "
CODE = inspect.getsource(textwrap)
TABLE = "\n".join(f"{n},{n * 37 % 1013},{n * n % 997}.25" for n in range(400))
BASE64 = base64.b64encode(bytes(n * 97 % 251 for n in range(6_000))).decode()


def body(text: str, escaped: bool = False) -> bytes:
    chat = {"model": "m", "messages": [{"role": "user", "content": text}], "max_tokens": 64}
    return json.dumps(chat, ensure_ascii=escaped).encode()


@pytest.mark.parametrize(
    ("text", "plain", "escaped"),
    [
        (ENGLISH * 20, Category.LATIN, Category.LATIN),
        (GERMAN * 20, Category.LATIN, Category.LATIN),
        ("“Well,” she said, “it arrives when it arrives — and not before…” " * 20, Category.LATIN, Category.LATIN),
        (CHINESE * 20, Category.CJK, Category.ESCAPED_CJK),
        (KOREAN * 20, Category.CJK, Category.ESCAPED_CJK),
        (RUSSIAN * 20, Category.OTHER_SCRIPT, Category.ESCAPED),
        (ARABIC * 20, Category.OTHER_SCRIPT, Category.ESCAPED),
        (CODE, Category.CODE, Category.CODE),
        (json.dumps({"rows": [{"name": "a", "tags": ["b", "c"]}] * 50}), Category.CODE, Category.CODE),
        (TABLE, Category.NUMERIC, Category.NUMERIC),
        (BASE64, Category.DENSE, Category.DENSE),
    ],
)
def test_kinds_of_text(text: str, plain: Category, escaped: Category) -> None:
    assert categorize(body(text)) is plain
    assert categorize(body(text, escaped=True)) is escaped


@pytest.mark.parametrize("text", [ENGLISH, CHINESE, RUSSIAN])
def test_a_long_body_is_of_the_kind_of_its_short_form(text: str) -> None:
    assert categorize(body(text * 20)) is categorize(body(text * 20_000))


def test_a_long_document_outweighs_an_english_instruction() -> None:
    assert categorize(body(ENGLISH * 10 + CHINESE * 2_000)) is Category.CJK


@pytest.mark.parametrize("raw", [b"", body("hi")])
def test_a_greeting_is_not_code(raw: bytes) -> None:
    assert categorize(raw) is Category.LATIN
