"""Panelgate and the proxies that it is compared with, each in the shape that is fair to it.

All do the same cryptography (TLS 1.3, AES-128-GCM, X25519, P-256), keep connections to the server open,
stream in both directions, and have one worker for each core that they are given.
"""

import dataclasses
import os
import shutil
import signal

from . import openid

NAME = "proxy.example.com"
SESSION = "session=k3Jd9sLq0Zx7Wc5Vb2Nm8Qe4Rt6Yu1Io; theme=dark"
# How a page's own script asks (Fetch Metadata); browsers send it everywhere.
METADATA = ["Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: empty"]


@dataclasses.dataclass
class Peer:
    """One proxy."""

    name: str
    note: str
    command: list
    address: tuple
    plain: tuple = None
    # Host name, with the port where clients must say it.
    host: str = NAME
    environment: dict = dataclasses.field(default_factory=dict)
    # Further commands whose CPU time is the peer's.
    beside: list = dataclasses.field(default_factory=list)
    # Workloads that it has no part in.
    skips: set = dataclasses.field(default_factory=set)
    stop: int = signal.SIGTERM
    # Refuses who is not signed in.
    checks: bool = False
    cookie: str = SESSION
    prefix: str = ""
    # Gets a session from the running peer.
    sign_in: object = None
    # Where it tells how it is, if it has to come to rest before it is measured.
    metrics: tuple = None
    # Sent with what comes without TLS, as a balancer adds it.
    forwarded: list = dataclasses.field(default_factory=list)
    # The path prefixes and cookies of further people; of how many.
    people: list = dataclasses.field(default_factory=list)
    crowd: int = 0

    @property
    def name_and_port(self):
        return f"{self.host.split(':')[0]}:{self.address[1]}"

    @property
    def headers(self):
        return [f"Cookie: {self.cookie}", *METADATA]


NGINX = """
daemon off; user root; worker_processes {cores}; pid {folder}/{name}.pid; error_log {folder}/{name}.log warn;
events {{ worker_connections 9000; }}
http {{
  access_log off; server_tokens off; http2_recv_buffer_size 1m; tcp_nodelay on;
  keepalive_requests 1000000000; keepalive_timeout 600s;
  client_body_temp_path {folder}/{name}-1; proxy_temp_path {folder}/{name}-2; fastcgi_temp_path {folder}/{name}-3;
  uwsgi_temp_path {folder}/{name}-4; scgi_temp_path {folder}/{name}-5;
  upstream server {{ server {upstream}; keepalive 512; keepalive_requests 1000000000; keepalive_timeout 600s; }}
  {more_http}
  map $http_upgrade $connection_upgrade {{ default ""; websocket upgrade; }}
  server {{
    listen 127.0.0.1:{port} ssl http2 backlog=4096; listen 127.0.0.1:{plain} backlog=4096; server_name {host};
    ssl_certificate {folder}/proxy.pem; ssl_certificate_key {folder}/proxy.key; ssl_protocols TLSv1.2 TLSv1.3;
    ssl_ecdh_curve X25519; ssl_session_cache shared:{name}:10m; ssl_buffer_size 16k;
    client_max_body_size 0; client_body_buffer_size 128k; http2_max_concurrent_streams 128; http2_chunk_size 16k;
    proxy_http_version 1.1; proxy_request_buffering off; proxy_max_temp_file_size 0;
    proxy_buffer_size 8k; proxy_buffers 32 16k; proxy_busy_buffers_size 128k;
    proxy_read_timeout 600s; proxy_send_timeout 600s;
    {more_server}
    location / {{ {headers} proxy_pass https://server; }}
    location = /sse {{ {headers} proxy_buffering off; proxy_pass https://server; }}
  }}
}}
"""
NGINX_HEADERS = (
    "proxy_set_header Host $host; proxy_set_header X-Forwarded-For $remote_addr; "
    "proxy_set_header X-Forwarded-Proto $scheme; proxy_set_header Connection $connection_upgrade; "
    "proxy_set_header Upgrade $http_upgrade;"
)
NGINX_ASKS = (
    "upstream sessions {{ server 127.0.0.1:{aside}; keepalive 64; keepalive_requests 1000000000; keepalive_timeout 600s; }}"
)
NGINX_SUBREQUEST = (
    "location = /.session { internal; proxy_pass http://sessions/; proxy_pass_request_body off; "
    'proxy_set_header Content-Length ""; proxy_set_header Connection ""; }'
)
NGINX_REQUIRES = "auth_request /.session; auth_request_set $person $upstream_http_x_user; proxy_set_header X-Remote-User $person;"

HAPROXY = """
global
  nbthread {cores}
  maxconn 9000
  ssl-default-bind-curves X25519
defaults
  mode http
  option http-keep-alive
  http-reuse always
  timeout connect 5s
  timeout client 600s
  timeout server 600s
  timeout tunnel 3600s
  timeout http-keep-alive 600s
frontend in
  bind 127.0.0.1:{port} ssl crt {folder}/haproxy.pem alpn h2,http/1.1 backlog 4096
  bind 127.0.0.1:{plain} backlog 4096
  option forwardfor
  default_backend server
backend server
  server server {upstream} ssl verify none alpn http/1.1
"""

APACHE = """
ServerRoot {folder}
PidFile {folder}/apache.pid
DefaultRuntimeDir {folder}
ErrorLog {folder}/apache.log
LogLevel error
User www-data
Group www-data
ServerName {host}
{modules}
Listen 127.0.0.1:{port} https
Listen 127.0.0.1:{plain} http
StartServers 1
ServerLimit 64
ThreadsPerChild 64
ThreadLimit 64
MaxRequestWorkers 4096
MinSpareThreads 64
MaxSpareThreads 4096
ListenBacklog 4096
AsyncRequestWorkerFactor 32
KeepAlive On
MaxKeepAliveRequests 0
KeepAliveTimeout 600
Timeout 600
SSLSessionCache shmcb:{folder}/apache-tls(2048000)
SSLProtocol -all +TLSv1.2 +TLSv1.3
SSLOpenSSLConfCmd Groups X25519
Protocols h2 http/1.1
H2MaxSessionStreams 128
H2WindowSize 1048576
SSLProxyEngine on
SSLProxyVerify none
SSLProxyCheckPeerCN off
SSLProxyCheckPeerName off
SSLProxyCheckPeerExpire off
ProxyTimeout 600
OIDCProviderIssuer https://127.0.0.1:{aside}
OIDCProviderAuthorizationEndpoint https://127.0.0.1:{aside}/auth
OIDCProviderTokenEndpoint https://127.0.0.1:{aside}/token
OIDCProviderTokenEndpointAuth client_secret_post
OIDCClientID bench
OIDCClientSecret {secret}
OIDCIDTokenSignedResponseAlg HS256
OIDCRedirectURI /oidc/callback
OIDCCryptoPassphrase {secret}
OIDCScope "openid email"
OIDCSSLValidateServer Off
OIDCSessionInactivityTimeout 7200
OIDCCacheType shm
OIDCPassClaimsAs headers
<Location />
  AuthType openid-connect
  Require claim email:{person}
</Location>
<VirtualHost 127.0.0.1:{port}>
  SSLEngine on
  SSLCertificateFile {folder}/proxy.pem
  SSLCertificateKeyFile {folder}/proxy.key
  ProxyPass /oidc/ !
  ProxyPass / https://{upstream}/ upgrade=websocket keepalive=On ttl=600
</VirtualHost>
<VirtualHost 127.0.0.1:{plain}>
  ProxyPass /oidc/ !
  ProxyPass / https://{upstream}/ upgrade=websocket keepalive=On ttl=600
</VirtualHost>
"""
APACHE_MODULES = (
    "mpm_event authn_core authz_core authz_user socache_shmcb ssl http2 headers proxy proxy_http proxy_wstunnel auth_openidc"
)
APACHE_FOLDER = "/usr/lib/apache2/modules"

CADDY = """
{{
  admin off
  auto_https off
  default_sni {host}
  log {{
    output discard
  }}
  servers {{
    protocols h1 h2
  }}
}}
(server) {{
  reverse_proxy https://{upstream} {{
    flush_interval 0
    transport http {{
      tls_insecure_skip_verify
      keepalive 600s
      keepalive_idle_conns 4096
      keepalive_idle_conns_per_host 4096
      versions 1.1
    }}
  }}
}}
https://{host}:{port} {{
  bind 127.0.0.1
  tls {folder}/proxy.pem {folder}/proxy.key {{
    curves x25519
  }}
  import server
}}
http://{host}:{plain} {{
  bind 127.0.0.1
  import server
}}
"""


BALANCER = """
global
  nbthread {cores}
  maxconn 9000
  ssl-default-bind-curves X25519
defaults
  mode http
  option http-keep-alive
  timeout connect 5s
  timeout client 600s
  timeout server 600s
  timeout tunnel 3600s
  timeout http-keep-alive 600s
frontend people
  bind {balancer}:443 ssl crt {folder}/haproxy.pem alpn h2,http/1.1 backlog 4096
  bind {balancer}:2087 ssl crt {folder}/haproxy.pem alpn h2,http/1.1 backlog 4096
  # Everybody here connects from an address that is a balancer's to Panelgate.
  http-request set-header X-Forwarded-For 192.0.2.7
  http-request set-header X-Forwarded-Proto https
  default_backend gateway
backend gateway
  # To the port that the person came to.
  server gateway {balanced} source 127.0.0.1
"""


def signed_in(stage):
    """Opens a panel for each person that the workload at hand needs."""

    def sign_in(peer):
        way = stage.open(peer.address[0])
        peer.prefix, peer.cookie, peer.host = way["prefix"], way["cookie"], f"{way['name']}:{peer.address[1]}"
        ways = [stage.open(peer.address[0]) for _ in range(peer.crowd)]
        peer.people = [f"{way['prefix']} Cookie: {way['cookie']}" for way in ways]

    return sign_in


def panelgate(stage, program, cores):
    """Panelgate as it is in life: session, policy, header allowlists and audit, on its own store."""
    return Peer(
        "panelgate", "everything on: session, policy, header allowlists, audit",
        [program, "serve", "--config", stage.path("panelgate.toml")], (stage.gateway, 2087),
        environment={"TOKIO_WORKER_THREADS": str(cores)}, skips={"AP"}, checks=True, sign_in=signed_in(stage),
        metrics=(stage.gateway, 9090),
    )


def bare(stage, base):
    """A proxy of Panelgate's own libraries that only passes on: what no gateway of these libraries can save."""
    address, plain = ("127.0.0.1", base + 50), ("127.0.0.1", base + 51)
    command = [stage.tool, "bare", "--address", f"{address[0]}:{address[1]}", "--plain", f"{plain[0]}:{plain[1]}",
               "--server", stage.upstream, "--folder", stage.folder]
    return Peer("bare", "hyper, rustls and tokio, passing on and nothing else: the floor", command, address, plain,
                skips={"G", "H"})


def checked(stage, base):
    """The same that looks up a session and writes a line for each request: the least that knows who asks."""
    peer = bare(stage, base + 2)
    session = SESSION.split("; ")[0].removeprefix("session=")
    return dataclasses.replace(peer, name="bare-checked", note="bare, with a session looked up and a line written",
                               command=[*peer.command, "--session", session], checks=True)


def balanced(stage, program, cores):
    """The same behind HAProxy, at which TLS ends; for plain HTTP the load itself is the balancer."""
    bundle(stage)
    text = BALANCER.format(folder=stage.folder, cores=cores, balancer=stage.balancer, balanced=stage.balanced)
    return Peer(
        "panelgate-behind", "the same behind HAProxy, with the CPU time of both; AP is Panelgate alone",
        [program, "serve", "--config", stage.path("balanced.toml")], (stage.balancer, 2087), (stage.balanced, 2087),
        environment={"TOKIO_WORKER_THREADS": str(cores)}, checks=True, sign_in=signed_in(stage),
        metrics=(stage.balanced, 9090),
        beside=[["haproxy", "-db", "-f", stage.write("balancer.cfg", text)]],
        forwarded=["X-Forwarded-For: 192.0.2.7", "X-Forwarded-Proto: https"],
    )


def replica(stage, program, number):
    """One of two Panelgates that share a PostgreSQL database."""
    return Peer(
        f"replica-{number}", "everything on, with PostgreSQL",
        [program, "serve", "--config", stage.path(f"replica-{number}.toml")], (stage.replicas[number - 1], 2087),
        environment={"TOKIO_WORKER_THREADS": "1"}, skips={"AP"}, checks=True, sign_in=signed_in(stage),
    )


def bundle(stage):
    """The certificate and its key in one file, as HAProxy wants them."""
    with open(stage.path("proxy.pem")) as chain, open(stage.path("proxy.key")) as key:
        stage.write("haproxy.pem", chain.read() + key.read())


def others(stage, cores, base):
    """The peers whose programs are installed."""
    fill = {"folder": stage.folder, "upstream": stage.upstream, "cores": cores, "host": NAME}
    places = [{**fill, "port": base + 10 * n, "plain": base + 10 * n + 1, "aside": base + 10 * n + 2} for n in range(5)]

    def peer(name, note, command, place, **more):
        return Peer(name, note, command, ("127.0.0.1", place["port"]), ("127.0.0.1", place["plain"]), **more)

    if shutil.which("nginx"):
        text = NGINX.format(name="nginx", more_http="", more_server="", headers=NGINX_HEADERS, **places[0])
        yield peer("nginx", "no session check: the reference", ["nginx", "-c", stage.write("nginx.conf", text)],
                   places[0], stop=signal.SIGQUIT)
        text = NGINX.format(
            name="nginx-auth", more_http=NGINX_ASKS.format(**places[1]), more_server=NGINX_SUBREQUEST,
            headers=f"{NGINX_REQUIRES} {NGINX_HEADERS}", **places[1],
        )
        check = [stage.tool, "session-check", "--address", f"127.0.0.1:{places[1]['aside']}", "--cookie", SESSION]
        yield peer("nginx-auth", "auth_request to a local service that looks up one cookie",
                   ["nginx", "-c", stage.write("nginx-auth.conf", text)], places[1], beside=[check], checks=True,
                   stop=signal.SIGQUIT)
    if shutil.which("haproxy"):
        bundle(stage)
        yield peer("haproxy", "no session check",
                   ["haproxy", "-db", "-f", stage.write("haproxy.cfg", HAPROXY.format(**places[2]))], places[2])
    if shutil.which("apache2") and os.path.exists(f"{APACHE_FOLDER}/mod_auth_openidc.so"):
        modules = "\n".join(f"LoadModule {name}_module {APACHE_FOLDER}/mod_{name}.so" for name in APACHE_MODULES.split())
        text = APACHE.format(modules=modules, secret=openid.SECRET, person=openid.PERSON, **places[3])
        openid.start(places[3]["aside"], stage.path("proxy.pem"), stage.path("proxy.key"))

        def sign_in(apache):
            apache.cookie = openid.sign_in(apache, stage.path("authority.pem"))

        yield peer("apache-oidc", "mod_auth_openidc with a session in shared memory",
                   ["apache2", "-DFOREGROUND", "-f", stage.write("apache.conf", text)], places[3], checks=True,
                   sign_in=sign_in)
    if shutil.which("caddy"):
        home = {name: stage.folder for name in ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME")}
        yield peer("caddy", "no session check",
                   ["caddy", "run", "--config", stage.write("Caddyfile", CADDY.format(**places[4])), "--adapter", "caddyfile"],
                   places[4], environment={**home, "GOMAXPROCS": str(cores)})
