//! Events to syslog over UDP and a local socket, where nobody answers.

use lab::gateway::Gateway;
use lab::world::Plan;
use lab::world::Style;
use lab::world::World;
use tokio::net::UdpSocket;
use tokio::net::UnixDatagram;
use tokio::time::timeout;

use crate::stage::BINARY;
use crate::stage::PATIENCE;
use crate::stage::Stage;
use crate::stage::problem;
use crate::stage::until;

async fn stage(target: impl FnOnce(&World) -> String) -> Stage {
    let world = World::start(Plan::tls(Style::Ports)).await.unwrap();
    let main = std::fs::read_to_string(world.config()).unwrap();
    let line = format!("file = \"audit.jsonl\"\nsyslog = \"{}\"\n", target(&world));
    std::fs::write(world.config(), main.replace("file = \"audit.jsonl\"\n", &line)).unwrap();
    let gateway = Gateway::spawn(BINARY, &world).await.unwrap();
    Stage { world, gateway }
}

/// A message of RFC 5424 with the event in it, which is the one in the file without its place in the chain.
fn check(message: &str, kind: &str) {
    let (head, json) = message.split_once(" - {").unwrap_or_else(|| panic!("{message}"));
    let words: Vec<&str> = head.split(' ').collect();
    assert_eq!((words[0], words[2], words[3], words[5]), ("<85>1", "connect.example.com", "panelgate", kind));
    let event: serde_json::Value = serde_json::from_str(&format!("{{{json}")).unwrap();
    assert_eq!((&event["kind"], &event["time"]), (&kind.into(), &words[1].into()));
    assert!(event.get("seq").is_none() && event.get("prev").is_none());
}

#[tokio::test]
async fn over_udp_each_event_is_a_datagram() {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    let stage = stage(|_| format!("udp:{address}")).await;
    let mut buffer = vec![0; 65_536];
    let next = async |buffer: &mut Vec<u8>| {
        let (length, _) = timeout(PATIENCE, socket.recv_from(buffer)).await.expect("a message comes").unwrap();
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    };
    check(&next(&mut buffer).await, "gateway.started");
    stage.signed_in("ada").await;
    check(&next(&mut buffer).await, "sign_in");
}

#[tokio::test]
async fn over_a_local_socket_each_event_is_a_datagram_and_one_that_is_away_stops_acts() {
    let mut socket = None;
    let stage = stage(|world| {
        let path = world.folder().join("log");
        socket = Some(UnixDatagram::bind(&path).unwrap());
        format!("unix:{}", path.display())
    })
    .await;
    let socket = socket.unwrap();
    let mut buffer = vec![0; 65_536];
    let length = timeout(PATIENCE, socket.recv(&mut buffer)).await.expect("a message comes").unwrap();
    check(std::str::from_utf8(&buffer[..length]).unwrap(), "gateway.started");
    let (ada, console) = stage.signed_in("ada").await;
    let length = timeout(PATIENCE, socket.recv(&mut buffer)).await.expect("a message comes").unwrap();
    check(std::str::from_utf8(&buffer[..length]).unwrap(), "sign_in");

    let path = stage.world.folder().join("log");
    drop(socket);
    std::fs::remove_file(&path).unwrap();
    let answer = ada.ask_to_open(&console, "web1", "whostmgrd", "root").await.unwrap();
    assert_eq!((answer.status, &*problem(&answer).0), (503, "audit_unavailable"));
    assert!(stage.world.server(1).requests().is_empty(), "nothing was begun");
    // One that is started again is found again.
    let socket = UnixDatagram::bind(&path).unwrap();
    ada.open(&console, "web1", "whostmgrd", "root").await.unwrap();
    let mut heard = String::new();
    until("the opening is heard of", || {
        while let Ok(length) = socket.try_recv(&mut buffer) {
            heard.push_str(&String::from_utf8_lossy(&buffer[..length]));
        }
        heard.contains("panel.open")
    })
    .await;
}
