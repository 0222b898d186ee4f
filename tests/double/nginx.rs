//! A plain gateway: nginx with `proxy_pass`, as it is set up by hand.
//!
//! Nothing in it is meant to break: WebSockets are upgraded, bodies are not limited, cookies and redirects
//! are treated as nginx does on its own.

use std::fmt::Write as _;
use std::fs;
use std::net::IpAddr;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;

use lab::cpsrvd::Cpsrvd;
use lab::cpsrvd::Service;
use lab::loopback::Loopback;
use lab::pki::Authority;
use tempfile::TempDir;
use tokio::process::Child;
use tokio::process::Command;

use super::ready;

/// Where a plain gateway puts the panels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// `https://connect.example.com/web1/`
    Prefix,
    /// `https://web1.connect.example.com/`
    Host,
}

/// What a plain gateway says in `Host`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HostHeader {
    /// The server's own name and port: what nginx does by default.
    Servers,
    /// `proxy_set_header Host $host`, as in most examples.
    Kept,
}

/// A running nginx.
#[derive(Debug)]
pub(crate) struct Nginx {
    shape: Shape,
    pub(crate) authority: Authority,
    /// Where it listens: one upstream address here, a pool of two there.
    one: Loopback,
    pool: Loopback,
    _egress: [Loopback; 2],
    _folder: TempDir,
    _child: Child,
}

impl Nginx {
    /// Starts an nginx in front of a server.
    pub(crate) async fn start(server: &Cpsrvd, shape: Shape, host: HostHeader) -> Self {
        let claim = || Loopback::claim().unwrap();
        let (one, pool, egress) = (claim(), claim(), [claim(), claim()]);
        let authority = Authority::new().unwrap();
        let identity = authority.issue(&["connect.example.com", "*.connect.example.com"]).unwrap();
        let folder = tempfile::Builder::new().prefix("nginx-").tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        write("gateway.pem", &identity.certificate);
        write("gateway.key", &identity.key);
        let mut servers = String::new();
        for (listen, bind) in [(&one, String::new()), (&pool, "proxy_bind $egress;\n".to_owned())] {
            write_servers(&mut servers, (shape, host), (server, listen.ip()), &bind);
        }
        write("nginx.conf", &format!("{}{servers}}}\n", head(egress.each_ref().map(Loopback::ip))));
        let child = spawn(folder.path());
        for ip in [one.ip(), pool.ip()] {
            ready::listening(SocketAddr::new(ip, 443)).await;
        }
        Self { shape, authority, one, pool, _egress: egress, _folder: folder, _child: child }
    }

    /// Where nginx answers, with one upstream address or with a pool of them.
    pub(crate) fn address(&self, pool: bool) -> IpAddr {
        if pool { self.pool.ip() } else { self.one.ip() }
    }

    /// Where a service begins.
    pub(crate) fn base(&self, service: Service) -> String {
        match self.shape {
            Shape::Prefix => format!("https://connect.example.com{}", prefix(service)),
            Shape::Host => format!("https://{}/", name(service)),
        }
    }

    /// All names that lead to this gateway.
    pub(crate) fn names() -> impl Iterator<Item = String> {
        Service::ALL.into_iter().map(|service| name(service).to_owned()).chain(["connect.example.com".to_owned()])
    }
}

fn prefix(service: Service) -> &'static str {
    match service {
        Service::Whostmgrd => "/web1/",
        Service::Cpaneld => "/web1-cpanel/",
        Service::Webmaild => "/web1-webmail/",
    }
}

fn name(service: Service) -> &'static str {
    match service {
        Service::Whostmgrd => "web1.connect.example.com",
        Service::Cpaneld => "web1-cpanel.connect.example.com",
        Service::Webmaild => "web1-webmail.connect.example.com",
    }
}

fn head([one, two]: [IpAddr; 2]) -> String {
    format!(
        "daemon off;\nmaster_process off;\npid nginx.pid;\nerror_log error.log;\n\
         events {{ worker_connections 512; }}\n\
         http {{\n\
         access_log off;\n\
         client_body_temp_path body;\nproxy_temp_path proxy;\nfastcgi_temp_path fastcgi;\n\
         uwsgi_temp_path uwsgi;\nscgi_temp_path scgi;\n\
         ssl_certificate gateway.pem;\nssl_certificate_key gateway.key;\n\
         proxy_http_version 1.1;\n\
         map $http_upgrade $connection_upgrade {{ default upgrade; '' close; }}\n\
         # The one-time login leaves by one address of the pool, what follows by the other.\n\
         map $arg_session $egress {{ default {one}; '' {two}; }}\n"
    )
}

fn write_servers(
    text: &mut String,
    (shape, host): (Shape, HostHeader),
    (server, listen): (&Cpsrvd, IpAddr),
    bind: &str,
) {
    let location = |service: Service, path: &str| {
        let port = service.port();
        let host = match host {
            HostHeader::Servers => server.authority(service),
            HostHeader::Kept => "$host".to_owned(),
        };
        // With the server's name in `proxy_pass`, nginx would itself send that name as `Host` and bring
        // redirects to it back here. There is no name server for it, so both are spelt out.
        let name = server.hostname();
        format!(
            "location {path} {{\nproxy_pass https://{}:{port}/;\n\
             proxy_redirect https://{name}:{port}/ {path};\n\
             proxy_set_header Host {host};\n\
             proxy_set_header Upgrade $http_upgrade;\nproxy_set_header Connection $connection_upgrade;\n\
             {bind}}}\n",
            server.ip()
        )
    };
    let mut add = |name: &str, locations: &str| {
        writeln!(text, "server {{\nlisten {listen}:443 ssl;\nserver_name {name};\n{locations}}}").unwrap();
    };
    let console = "location = / { default_type text/html; return 200 '<title>Console</title>'; }\n";
    match shape {
        Shape::Prefix => {
            let panels: String = Service::ALL.map(|service| location(service, prefix(service))).concat();
            add("connect.example.com", &format!("{console}{panels}"));
        }
        Shape::Host => {
            add("connect.example.com", console);
            for service in Service::ALL {
                add(name(service), &location(service, "/"));
            }
        }
    }
}

/// One process, so that it ends with the test whatever becomes of it.
fn spawn(folder: &Path) -> Child {
    Command::new("/usr/sbin/nginx")
        .arg("-p")
        .arg(folder)
        .args(["-e", "error.log", "-c", "nginx.conf"])
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("nginx starts: scripts/setup installs it")
}
