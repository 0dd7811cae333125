import pytest

from tokenlane_worker.engine.endpoint import Endpoint, parse_url


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://engine:8000", Endpoint(host="engine", port=8000)),
        ("http://engine:8000/v1", Endpoint(host="engine", port=8000)),
        ("http://engine:8000/v1/", Endpoint(host="engine", port=8000)),
        ("http://engine/llm/v1", Endpoint(host="engine", port=80, base_path="/llm")),
        ("https://engine", Endpoint(host="engine", port=443, tls=True)),
        ("http://[::1]:9", Endpoint(host="::1", port=9)),
        ("unix:///run/engine.sock", Endpoint(socket_path="/run/engine.sock")),
    ],
)
def test_urls_with_and_without_v1_mean_the_same(url: str, expected: Endpoint) -> None:
    assert parse_url(url) == expected


@pytest.mark.parametrize("url", ["", "engine:8000", "ftp://engine", "http://", "unix://", "http://engine:port"])
def test_what_is_no_engine_url_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"engine URL|[Pp]ort"):
        parse_url(url)


def test_the_host_header_names_the_port_only_if_it_is_not_the_default() -> None:
    assert parse_url("http://engine").host_header == "engine"
    assert parse_url("https://engine:80").host_header == "engine:80"
    assert parse_url("http://[::1]:9").host_header == "[::1]:9"
