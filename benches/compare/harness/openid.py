"""The least of an OpenID Provider that mod_auth_openidc signs somebody in with."""

import base64
import hashlib
import hmac
import http.client
import http.server
import json
import os
import socket
import ssl
import threading
import time
import urllib.parse

SECRET = "bench-secret-0123456789abcdef012"
PERSON = "alice@example.com"
STEPS = 8


def encoded(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Provider(http.server.BaseHTTPRequestHandler):
    """Signs everybody in as the same person, without asking."""

    protocol_version = "HTTP/1.1"
    asked = {}

    def log_message(self, *_):
        pass

    def do_GET(self):
        query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query))
        code = os.urandom(8).hex()
        self.asked[code] = query
        answer = urllib.parse.urlencode({"code": code, "state": query["state"]})
        self.send_response(302)
        self.send_header("Location", f"{query['redirect_uri']}?{answer}")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_POST(self):
        form = dict(urllib.parse.parse_qsl(self.rfile.read(int(self.headers["content-length"])).decode()))
        asked = self.asked.pop(form["code"])
        now = int(time.time())
        claims = {
            "iss": f"https://127.0.0.1:{self.server.server_port}", "sub": "alice", "aud": asked["client_id"],
            "iat": now, "exp": now + 7200, "nonce": asked.get("nonce"), "email": PERSON,
        }
        head = encoded(json.dumps({"alg": "HS256", "typ": "JWT"}).encode())
        token = f"{head}.{encoded(json.dumps(claims).encode())}"
        signature = hmac.new(SECRET.encode(), token.encode(), hashlib.sha256).digest()
        answer = {"access_token": "a" * 32, "token_type": "Bearer", "expires_in": 7200,
                  "id_token": f"{token}.{encoded(signature)}"}
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def start(port, certificate, key):
    """Serves in a thread until the process ends."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Provider)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()


def ask(host, address, path, authority, headers):
    """One GET over TLS to an address, under a name: status, headers, body."""
    context = ssl.create_default_context(cafile=authority)
    # The provider's certificate is the proxies' own: its name is not what is measured.
    context.check_hostname = False
    connection = http.client.HTTPConnection(*address, timeout=10)
    connection.sock = context.wrap_socket(socket.create_connection(address, 10), server_hostname=host.split(":")[0])
    connection.request("GET", path, headers={"Host": host, **headers})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, answer.getheaders(), body


def sign_in(peer, authority):
    """Walks through the redirects of a sign-in and gives the `Cookie` header that it ends with."""
    cookies = {}
    url = f"https://{peer.name_and_port}/b/128"
    for _ in range(STEPS):
        parts = urllib.parse.urlsplit(url)
        ours = parts.hostname != "127.0.0.1"
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())} if ours else {}
        address = peer.address if ours else ("127.0.0.1", parts.port)
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        status, answered, body = ask(parts.netloc, address, path, authority, {"Accept": "text/html", **headers})
        for name, value in answered:
            if ours and name.lower() == "set-cookie":
                key, _, content = value.split(";")[0].partition("=")
                cookies[key] = content
        if status == 200 and ours:
            return "; ".join(f"{name}={value}" for name, value in cookies.items() if value)
        location = dict((name.lower(), value) for name, value in answered).get("location")
        if not location:
            raise RuntimeError(f"the sign-in at {peer.name} ended with {status}: {body[:200]!r}")
        url = urllib.parse.urljoin(url, location)
    raise RuntimeError(f"the sign-in at {peer.name} goes in circles")
