"""The HTML report: by itself, and safe to open."""

from dataclasses import replace
from html.parser import HTMLParser

import pytest

from tests.unit.cli.plan.made import ANSWER, HOSTILE, REPORT, hostile
from tokenlane_cli.plan.page import html_page

VOID = {"meta", "br", "link", "img", "input", "hr"}


class Page(HTMLParser):
    """Tags, attributes and text; raises where tags do not close in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def text() -> str:
    return html_page(ANSWER)


def test_it_needs_nothing_else(text: str) -> None:
    page = Page(text)
    assert not {"script", "link", "img", "iframe", "object", "embed"} & set(page.tags)
    assert all(value.startswith("#") for name, value in page.attributes if name in ("src", "href", "xlink:href"))
    assert not any(name.startswith("on") for name, _ in page.attributes)
    for outside in ("http:", "https:", "@import", "url(/", "url(h", "//cdn"):
        assert outside not in text


def test_it_has_all_there_is(text: str) -> None:
    page = Page(text)
    assert page.tags.count("svg") == 2
    words = " ".join(page.text.split())
    for part in (*REPORT.verdict, *REPORT.warnings, ANSWER.command, "seed 0", "412 fleets", "data sheet, roofline"):
        assert part in words
    assert all(option.title in words for option in REPORT.options)
    assert "vllm serve meta-llama/Llama-3.1-70B-Instruct \\ --tensor-parallel-size 4 --max-model-len 16384" in words
    assert "not simulated" in words
    assert words.index(REPORT.verdict[0]) < words.index("The options")


def test_both_drawings_take_their_colours_from_the_page_and_share_no_id(text: str) -> None:
    drawings = text[text.index("<svg") :]
    assert "var(--c" in drawings
    assert "#ffffff" not in drawings
    assert "prefers-color-scheme: dark" in text
    ids = [value for name, value in Page(text).attributes if name == "id"]
    assert len(ids) == len(set(ids)) > 10


def test_names_from_elsewhere_are_text() -> None:
    text = html_page(hostile())
    page = Page(text)
    assert "script" not in page.tags
    assert HOSTILE in page.text
    assert "\x1b" not in text


def test_without_a_recommendation_there_are_no_settings() -> None:
    text = html_page(replace(ANSWER, report=replace(REPORT, best=None, boundaries=(), warnings=())))
    page = Page(text)
    assert "vllm serve" not in page.text
    assert "(recommended)" not in page.text
    assert page.tags.count("svg") == 1


def test_objectives_out_of_reach_leave_the_verdict() -> None:
    text = html_page(replace(ANSWER, report=replace(REPORT, best=None, boundaries=(), options=())))
    page = Page(text)
    assert "table" not in page.tags
    assert REPORT.verdict[0] in page.text
