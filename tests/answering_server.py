"""A server on this machine that answers as OpenAI's and Anthropic's do, or fails as they do."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def openai_body(text, *, finish="stop"):
    """Make the body of a chat completion."""
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1700000000,
        "model": "invented-1",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish}],
        "usage": {"prompt_tokens": 40, "completion_tokens": 7, "total_tokens": 47},
    }


def anthropic_body(text, *, stop="end_turn"):
    """Make the body of a message."""
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "invented-1",
        "content": [{"type": "text", "text": text}] if text else [],
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": {"input_tokens": 40, "output_tokens": 7},
    }


class AnsweringServer:
    """`with AnsweringServer(replies) as server`: each request gets the next of `replies`, the last one again and again.

    replies (list): Bodies as JSON has them, texts sent as they are, or (status, headers) for a failure.
    """

    def __init__(self, replies):
        self.replies = list(replies)
        self.requests = []  # path, headers, body
        self.error = {"type": "invented", "message": "no"}  # of failures
        self._lock = threading.Lock()

    def __enter__(self):
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with outer._lock:
                    outer.requests.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
                    reply = outer.replies.pop(0) if len(outer.replies) > 1 else outer.replies[0]
                status, headers, content = 200, {}, reply
                if isinstance(reply, tuple):
                    (status, headers), content = reply, {"error": outer.error}
                data = (content if isinstance(content, str) else json.dumps(content)).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *arguments):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *arguments):
        self._server.shutdown()
        self._server.server_close()
