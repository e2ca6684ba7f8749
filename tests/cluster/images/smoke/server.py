"""A validating webhook that refuses every ConfigMap named "refuse-me", and answers /healthz."""

import http.server
import json
import ssl
import sys


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers the API server."""

    def do_GET(self) -> None:
        """Says that the server is there."""
        self._answer(b"ok")

    def do_POST(self) -> None:
        """Decides about an AdmissionReview."""
        length = int(self.headers["Content-Length"])
        request = json.loads(self.rfile.read(length))["request"]
        response = {"uid": request["uid"], "allowed": request["name"] != "refuse-me"}
        response["status"] = {"message": "the smoke check's webhook was here"}
        review = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview"}
        self._answer(json.dumps({**review, "response": response}).encode())

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main() -> None:
    """Serves with the certificate of /tls for ever."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain("/tls/tls.crt", "/tls/tls.key")
    server = http.server.ThreadingHTTPServer(("", 8443), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    print("serving", file=sys.stderr)
    server.serve_forever()


main()
