from html.parser import HTMLParser

import pytest
from hypothesis import given

from reconciler.views.safe_html import Html, element, joined, text
from reconciler.views.text import plain
from tests.views.hostile_text import texts, unsafe


class Read(HTMLParser):
    """What a parser makes of it: elements with their attributes, and the text."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


@given(texts())
def test_text_is_read_back_as_text(value: str) -> None:
    read = Read(f"<p>{text(value)}</p>")
    assert read.elements == [("p", {})]
    assert read.text == plain(value)


@given(texts())
def test_an_attribute_is_read_back_as_one(value: str) -> None:
    read = Read(element("p", title=value, data_other=value))
    assert read.elements == [("p", {"title": plain(value), "data-other": plain(value)})]


@given(texts())
def test_nothing_unsafe_gets_out(value: str) -> None:
    assert not unsafe(element("p", text(value), title=value))


@pytest.mark.parametrize("value", ["<b>", "&amp;", '"', "'", "</p><script>"])
def test_markup_is_text(value: str) -> None:
    assert "<" not in text(value)
    assert Read(text(value)).text == value


def test_elements_nest_and_flags_are_attributes_without_value() -> None:
    inner = joined([text("a"), Html("<br>")], " & ")
    assert element("details", inner, class_="x", open=True, hidden=False) == (
        '<details class="x" open>a &amp; <br></details>'
    )
