//! The same over IPv6, which no machine that tests run on needs to have: each test has a network of its own. People
//! come from documentation addresses (RFC 3849), an office is a /64.

use lab::balancer::Setting;
use lab::network;
use lab::world::Style;

use crate::behind::Behind;
use crate::behind::Places;
use crate::behind::exchange;

const BALANCER: &str = "2001:db8::10";
const OFFICE: &str = "2001:db8:0:1::7";
const ELSEWHERE: &str = "2001:db8:0:2::9";
const DOWN: &str = "2001:db8::12";

/// A world whose people come over IPv6 and whose balancer is found there. The gateway is there too, or on IPv4.
async fn behind(file: &str, lines: &str, style: Style, gateway: Option<&str>) -> Behind {
    let [office, elsewhere, down, at] = [OFFICE, ELSEWHERE, DOWN, BALANCER].map(|ip| ip.parse().unwrap());
    let places = Places { office, elsewhere, down, gateway: gateway.map(|ip| ip.parse().unwrap()) };
    Behind::at(places, file, lines, style, Setting { at: Some(at), ..Setting::default() }).await
}

fn apart(name: &str, test: impl Future<Output = ()>) {
    network::apart(&format!("balancers_v6::{name}"), &[BALANCER, OFFICE, ELSEWHERE, DOWN], test).unwrap();
}

#[test]
fn haproxy_passes_tls_through_with_the_proxy_protocol_2() {
    apart("haproxy_passes_tls_through_with_the_proxy_protocol_2", async {
        let lines = "client = \"proxy_protocol\"\n";
        let behind = behind("haproxy/passthrough.cfg", lines, Style::Ports, Some("::1")).await;
        behind.knows_whose_requests_they_are().await;
        behind.leaves_strangers_outside().await;
        let lie = format!("PROXY TCP6 {OFFICE} ::1 40000 443\r\n");
        let answer = exchange(behind.elsewhere, (behind.balancer.ip(), 443).into(), &lie).await;
        assert!(!answer.contains("HTTP"), "{answer}");
    });
}

#[test]
fn nginx_passes_tls_through_with_the_proxy_protocol_1() {
    apart("nginx_passes_tls_through_with_the_proxy_protocol_1", async {
        let lines = "client = \"proxy_protocol\"\n";
        let behind = behind("nginx/passthrough.conf", lines, Style::Ports, Some("::1")).await;
        behind.knows_whose_requests_they_are().await;
        behind.leaves_strangers_outside().await;
    });
}

#[test]
fn haproxy_ends_tls_and_says_forwarded() {
    apart("haproxy_ends_tls_and_says_forwarded", async {
        let lines = "client = \"forwarded\"\ntls = \"balancer\"\n";
        let behind = behind("haproxy/terminating.cfg", lines, Style::Hosts, Some("::1")).await;
        behind.knows_whose_requests_they_are().await;
        behind.leaves_strangers_outside().await;
    });
}

/// The gateways may be reached over IPv4 while people come over IPv6.
#[test]
fn nginx_ends_tls_and_says_x_forwarded_for() {
    apart("nginx_ends_tls_and_says_x_forwarded_for", async {
        let lines = "client = \"x_forwarded_for\"\ntls = \"balancer\"\n";
        let behind = behind("nginx/terminating.conf", lines, Style::Ports, None).await;
        behind.knows_whose_requests_they_are().await;
        behind.leaves_strangers_outside().await;
    });
}
