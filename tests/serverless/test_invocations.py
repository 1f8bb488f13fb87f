"""How functions are invoked other than by aws_proxy and for one answer: streamed, mapped, for later, at once."""

import concurrent.futures
import http.client
import re

from conftest import ANSWER_SECONDS_MAX, wait_until


def streaming(gateway, query):
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=ANSWER_SECONDS_MAX)
    connection.request("GET", f"/default/stream?{query}")
    return connection.getresponse()


def test_a_stream_comes_while_the_function_writes_it(gateway, tmp_path):
    file = tmp_path / "go-on"
    answer = streaming(gateway, f"file={file}")
    assert (answer.status, answer.getheader("x-from")) == (203, "node")
    assert answer.getheader("content-type") == "text/event-stream"
    assert answer.headers.get_all("set-cookie") == ["a=1", "b=2"]
    # The function does not go on until it may.
    assert answer.read(len(b"data: first\n\n")) == b"data: first\n\n"
    file.touch()
    assert answer.read() == b"data: second\n\n"


def test_a_stream_whose_function_dies_is_broken_off(gateway, tmp_path):
    file = tmp_path / "go-on"
    answer = streaming(gateway, f"file={file}&fail=1")
    assert answer.read(len(b"data: first\n\n")) == b"data: first\n\n"
    file.touch()
    try:
        rest = answer.read()
    except (http.client.IncompleteRead, ConnectionError):
        rest = None
    assert rest is None, "a client has to see that this was not the end"
    file = tmp_path / "again"
    file.touch()
    assert streaming(gateway, f"file={file}").read() == b"data: first\n\ndata: second\n\n"


def test_nobody_waits_for_an_event(gateway, tmp_path):
    file = tmp_path / "note"
    answer = gateway.call("POST", "/notes", {"Content-Type": "application/json"}, f'{{"file": "{file}"}}'.encode())
    assert (answer.status, answer.json()) == (202, {"taken": True})
    wait_until("the note", lambda: file.exists() and re.fullmatch(r"[0-9a-f-]{36}", file.read_text()))


def test_a_selection_pattern_finds_what_was_raised(gateway):
    def picky(body):
        return gateway.call("POST", "/picky", {"Content-Type": "application/json"}, body)

    well = picky(b'{"pet": "Rex"}')
    assert (well.status, well.json()) == (200, {"pet": "Rex"})
    missing = picky(b'{"fail": "Rex"}')
    assert (missing.status, missing.json()) == (404, {"type": "NoSuchPet", "message": "[NotFound] Rex"})


def test_ten_callers_at_a_time(gateway):
    def call(number):
        kind = ["python", "node", "asgi/items", "express/items", "typed-event"][number % 5]
        for round in range(5):
            answer = gateway.get(f"/{kind}/{number}-{round}")
            assert answer.status == 200 and f"{number}-{round}" in answer.body.decode(), answer

    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        list(pool.map(call, range(10)))
