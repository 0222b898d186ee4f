//! Starts a double of cPanel & WHM's server for a look, until it is interrupted.

use std::io::Write as _;
use std::net::IpAddr;
use std::path::PathBuf;

use clap::Parser;
use lab::cpsrvd::Cpsrvd;
use lab::cpsrvd::Kind;
use lab::cpsrvd::Service;
use lab::cpsrvd::Settings;
use lab::cpsrvd::behaviours;

/// A double of cPanel & WHM's server. It has no real accounts and no real data.
#[derive(Debug, Parser)]
struct Arguments {
    /// The host name it says it has.
    #[arg(long, default_value = "web1.example.com")]
    hostname: String,
    /// The loopback address it listens on, on all six ports.
    #[arg(long, default_value = "127.0.0.1")]
    ip: IpAddr,
    /// Where the certificate is written as PEM.
    #[arg(long)]
    certificate: Option<PathBuf>,
    /// Where every request is written as JSON at the end.
    #[arg(long)]
    dump: Option<PathBuf>,
    /// Prints the table of behaviours and ends.
    #[arg(long)]
    behaviours: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let mut out = std::io::stdout();
    if arguments.behaviours {
        for behaviour in behaviours::ALL {
            writeln!(out, "{behaviour}")?;
        }
        return Ok(());
    }
    let settings = Settings::new(&arguments.hostname, arguments.ip);
    let accounts = settings.accounts.clone();
    let double = Cpsrvd::start(settings).await?;
    for service in Service::ALL {
        writeln!(out, "{:<10} https://{}", service.name(), double.address(service))?;
    }
    writeln!(out, "pin        sha256/{}", double.spki_sha256())?;
    for account in accounts.iter().filter(|account| account.kind != Kind::Mailbox && !account.suspended) {
        let (user, password) = (&account.user, &account.password);
        writeln!(out, "{user:<10} password {password}, token {}", double.token_for(user))?;
    }
    if let Some(path) = &arguments.certificate {
        std::fs::write(path, double.identity().certificate)?;
    }
    tokio::signal::ctrl_c().await?;
    if let Some(path) = &arguments.dump {
        std::fs::write(path, serde_json::to_vec_pretty(&double.requests())?)?;
    }
    double.stop().await;
    Ok(())
}
