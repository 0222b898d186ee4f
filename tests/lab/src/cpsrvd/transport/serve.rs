//! One connection: request after request, answer after answer.

use std::io::Error;
use std::net::SocketAddr;
use std::sync::Arc;

use super::body::Incoming;
use super::connection::Connection;
use super::connection::Next;
use super::head::Request;
use super::io::Io;
use super::write;
use super::write::Keep;
use crate::cpsrvd::answer::Answer;
use crate::cpsrvd::answer::Body;
use crate::cpsrvd::answer::HTML;
use crate::cpsrvd::exchange::Exchange;
use crate::cpsrvd::faults::Injected;
use crate::cpsrvd::route;
use crate::cpsrvd::service::Endpoint;
use crate::cpsrvd::shared::Shared;
use crate::cpsrvd::streams;
use crate::cpsrvd::switches::Framing;
use crate::cpsrvd::switches::Switches;

/// The far end of a connection.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    pub(crate) endpoint: Endpoint,
    /// Counts the connections of this double.
    pub(crate) connection: u64,
    /// The name that the client asked for in TLS.
    pub(crate) sni: Option<String>,
}

pub(super) async fn serve(shared: Arc<Shared>, io: Io, peer: Peer) -> Result<(), Error> {
    let mut connection = Connection::new(io, Arc::clone(&shared.moved));
    loop {
        let switches = shared.switches();
        let head = match connection.next_head(switches.keep_alive_idle).await? {
            Next::Head(head) => head,
            Next::TooLong => return refuse(&shared, connection, &switches, "a head that is too long").await,
            Next::End => return connection.close().await,
        };
        // What was switched while the connection was idle holds for this request.
        let switches = shared.switches();
        let request = match Request::parse(&head, switches.refuse_ambiguous_requests) {
            Ok(request) => request,
            Err(reason) => return refuse(&shared, connection, &switches, &reason.to_string()).await,
        };
        let entry = shared.log.request(&peer, &request, &switches);
        let fault = shared.faults.for_target(&request.target);
        if let Some(Injected::Bytes(bytes)) = &fault {
            connection.write(bytes).await?;
            connection.io.reset_on_close()?;
            return Ok(());
        }
        if let Some(Injected::Wire(bytes, end)) = &fault {
            connection.write(bytes).await?;
            if *end {
                return connection.close().await;
            }
            continue;
        }
        match &fault {
            Some(Injected::Unread(bytes)) => {
                connection.write(bytes).await?;
                return std::future::pending().await;
            }
            Some(Injected::Before(delay)) => tokio::time::sleep(*delay).await,
            Some(Injected::Hold(cue)) => cue.taken().await,
            Some(Injected::Answer(_) | Injected::Delivered(_) | Injected::Bytes(_) | Injected::Wire(..)) | None => {}
        }
        let mut exchange = Exchange::new(&shared, &switches, &request, &peer, Incoming::new(&mut connection, &request));
        let answer = match fault {
            Some(Injected::Answer(answer)) => *answer,
            Some(Injected::Delivered(delivery)) => {
                Answer { delivery, framing: Some(Framing::ContentLength), ..route::answer(&mut exchange).await }
            }
            Some(
                Injected::Before(_) | Injected::Hold(_) | Injected::Unread(_) | Injected::Bytes(_) | Injected::Wire(..),
            )
            | None => route::answer(&mut exchange).await,
        };
        let unread = !exchange.incoming.is_finished();
        shared.log.body(entry, exchange.incoming.read(), &exchange.body);
        let whose = (&peer, &request);
        if let Body::Takeover(takeover) = answer.body {
            shared.log.access(entry, whose, &answer.logged, (101, 0), &switches);
            return streams::take_over(&shared, connection, takeover).await;
        }
        let sent = write::send(&mut connection, Some(&request), &answer, &switches, unread).await?;
        shared.log.access(entry, whose, &answer.logged, (answer.status, sent.size), &switches);
        match sent.keep {
            Keep::Open => {}
            Keep::Close => return connection.close().await,
            Keep::Reset => return connection.io.reset_on_close(),
        }
    }
}

async fn refuse(shared: &Shared, mut connection: Connection, switches: &Switches, reason: &str) -> Result<(), Error> {
    shared.log.error(reason);
    let answer = Answer::new(400, "Bad Request", HTML, "<html><body><h1>Bad request</h1></body></html>\n")
        .framed(Framing::ContentLength)
        .closing();
    write::send(&mut connection, None, &answer, switches, true).await?;
    connection.close().await
}
