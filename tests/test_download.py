"""Against a server on this machine that does what servers do on bad days."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from ctnlp.download import ATTEMPTS, download
from ctnlp.errors import FetchError

CONTENT = bytes(range(256)) * 4000


class Server:
    """What it answers, one behaviour a request, the last one for all others; and what it was asked for."""

    def __init__(self):
        self.behaviours = ["well"]
        self.content = CONTENT
        self.etag = '"one"'
        self.ranges = []

    def next(self):
        return self.behaviours.pop(0) if len(self.behaviours) > 1 else self.behaviours[0]


@pytest.fixture
def server():
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            behaviour = state.next()
            state.ranges.append(self.headers.get("Range"))
            start = 0
            if behaviour.isdigit():
                self.send_response(int(behaviour))
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            wanted = self.headers.get("Range")
            if wanted and behaviour != "no ranges" and self.headers.get("If-Range") == state.etag:
                start = int(wanted.removeprefix("bytes=").rstrip("-"))
                if start >= len(state.content):
                    self.send_response(416)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                self.send_response(206)
            else:
                self.send_response(200)
            body = state.content[start:]
            self.send_header("Content-Length", str(len(body)))
            if state.etag:
                self.send_header("ETag", state.etag)
            self.end_headers()
            if behaviour == "drops":
                self.wfile.write(body[: len(body) // 2])
                self.wfile.flush()
                self.close_connection = True
                self.connection.close()
                return
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    web = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    web.handle_error = lambda *args: None
    thread = threading.Thread(target=web.serve_forever, daemon=True)
    thread.start()
    state.url = f"http://127.0.0.1:{web.server_port}/corpus.tar.gz"
    yield state
    web.shutdown()
    web.server_close()
    thread.join()


def test_a_file_comes_whole_and_is_not_asked_for_twice(server, tmp_path):
    heard = []
    target = download(server.url, tmp_path / "new" / "file", on_bytes=heard.append)
    assert target.read_bytes() == CONTENT
    assert sum(heard) == len(CONTENT)
    assert download(server.url, target) == target
    assert server.ranges == [None]
    assert [path.name for path in target.parent.iterdir()] == ["file"]


def test_a_dropped_connection_is_taken_up_where_it_broke(server, tmp_path):
    server.behaviours = ["drops", "drops", "well"]
    assert download(server.url, tmp_path / "file", wait=0).read_bytes() == CONTENT
    first, second, third = server.ranges
    assert first is None
    assert second == f"bytes={len(CONTENT) // 2}-"
    assert third == f"bytes={len(CONTENT) * 3 // 4}-"


@pytest.mark.parametrize(
    ("changes", "resumed"),
    [({"behaviours": ["no ranges"]}, True), ({"etag": '"two"', "content": CONTENT[::-1]}, True), ({"etag": ""}, True)],
    ids=["no-ranges", "another-file-by-now", "no-tag-by-now"],
)
def test_what_can_not_be_continued_starts_anew(server, tmp_path, changes, resumed):
    server.behaviours = ["drops"]
    with pytest.raises(FetchError):
        download(server.url, tmp_path / "file", wait=0)
    server.behaviours = ["well"]
    for name, value in changes.items():
        setattr(server, name, value)
    assert download(server.url, tmp_path / "file", wait=0).read_bytes() == server.content


def test_without_a_tag_nothing_is_continued(server, tmp_path):
    server.etag = ""
    server.behaviours = ["drops", "well"]
    assert download(server.url, tmp_path / "file", wait=0).read_bytes() == CONTENT
    assert server.ranges == [None, None]


def test_a_weak_tag_is_none(server, tmp_path):
    server.etag = 'W/"one"'
    server.behaviours = ["drops", "well"]
    assert download(server.url, tmp_path / "file", wait=0).read_bytes() == CONTENT
    assert server.ranges == [None, None]


def test_a_later_call_goes_on_with_what_is_there(server, tmp_path):
    server.behaviours = ["drops"]
    with pytest.raises(FetchError, match=r"the connection broke .*, 5 times; [\d,]+ bytes are kept, and the next try"):
        download(server.url, tmp_path / "file", wait=0)
    assert not (tmp_path / "file").exists()
    kept = (tmp_path / "file.part").stat().st_size
    server.behaviours, server.ranges = ["well"], []
    assert download(server.url, tmp_path / "file").read_bytes() == CONTENT
    assert server.ranges == [f"bytes={kept}-"]


def test_a_part_that_is_already_whole_is_fetched_anew(server, tmp_path):
    (tmp_path / "file.part").write_bytes(CONTENT)
    (tmp_path / "file.part.etag").write_text(server.etag)
    assert download(server.url, tmp_path / "file", wait=0).read_bytes() == CONTENT


@pytest.mark.parametrize("status", ["408", "429", "500", "503"])
def test_a_busy_server_is_asked_again(server, tmp_path, status):
    server.behaviours = [status, status, "well"]
    assert download(server.url, tmp_path / "file", wait=0).read_bytes() == CONTENT


def test_a_server_that_stays_busy_is_given_up(server, tmp_path):
    server.behaviours = ["503"]
    with pytest.raises(FetchError, match="the server answered 503, 5 times; 0 bytes are kept"):
        download(server.url, tmp_path / "file", wait=0)
    assert len(server.ranges) == ATTEMPTS


def test_a_file_that_is_not_there_is_not_asked_for_again(server, tmp_path):
    server.behaviours = ["404"]
    with pytest.raises(FetchError, match="the server answered 404; the file may have moved"):
        download(server.url, tmp_path / "file", wait=0)
    assert len(server.ranges) == 1


def test_no_server_is_told(tmp_path):
    with pytest.raises(FetchError, match="the connection broke"):
        download("http://127.0.0.1:9/corpus.zip", tmp_path / "file", wait=0)
