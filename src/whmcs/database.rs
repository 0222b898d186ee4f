//! The database's answer to our query, line by line.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use serde::Deserialize;

use crate::whmcs::error::WhmcsError;
use crate::whmcs::found::Found;
use crate::whmcs::found::FoundServer;
use crate::whmcs::found::Role;

/// The query, for the database's own client.
pub const QUERY: &str = include_str!("servers.sql");

/// Bytes of an answer that are read at most: a hundred thousand servers take less.
pub const LARGEST_ANSWER: u64 = 64 * 1024 * 1024;

/// Rows that are taken at most.
const MOST: usize = 400_000;

/// One line.
#[derive(Deserialize)]
#[serde(tag = "row", rename_all = "snake_case", deny_unknown_fields)]
enum Row {
    Begin { format: u32 },
    Server(ServerRow),
    Permission { server: u64, role: u64 },
    Group { server: u64, name: String },
    Role { id: u64, name: String, connects: u64, people: u64 },
    End { servers: usize, permissions: usize, groups: usize, roles: usize },
}

/// A row of `tblservers`.
#[derive(Deserialize)]
struct ServerRow {
    id: u64,
    name: String,
    hostname: String,
    ipaddress: String,
    module: String,
    username: String,
    secure: String,
    port: Option<u64>,
    disabled: u64,
}

/// Reads the answer.
pub fn read(text: &str) -> Result<Found, WhmcsError> {
    let mut rows = Rows::default();
    for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
        if number > MOST {
            return Err(WhmcsError::TooMany(MOST));
        }
        let row = serde_json::from_str(line).map_err(|source| WhmcsError::Line { line: number, source })?;
        rows.take(row)?;
    }
    rows.together()
}

/// What has been read so far.
#[derive(Default)]
struct Rows {
    has_begun: bool,
    has_ended: bool,
    servers: BTreeMap<u64, FoundServer>,
    roles: BTreeMap<u64, Role>,
    permissions: Vec<(u64, u64)>,
    groups: Vec<(u64, String)>,
}

impl Rows {
    fn take(&mut self, row: Row) -> Result<(), WhmcsError> {
        if self.has_ended {
            return Err(not_whole("there is more after its end"));
        }
        match row {
            Row::Begin { format: 1 } if !self.has_begun => self.has_begun = true,
            Row::Begin { format } => return Err(not_whole(&format!("it begins in the middle, with format {format}"))),
            _ if !self.has_begun => return Err(not_whole("its beginning is missing")),
            Row::Server(row) => {
                let id = row.id;
                if self.servers.insert(id, row.into()).is_some() {
                    return Err(WhmcsError::Twice("servers", id));
                }
            }
            Row::Permission { server, role } => self.permissions.push((server, role)),
            Row::Group { server, name } => self.groups.push((server, name)),
            Row::Role { id, name, connects, people } => {
                if self.roles.insert(id, Role { id, name, connects: connects > 0, people }).is_some() {
                    return Err(WhmcsError::Twice("roles", id));
                }
            }
            Row::End { servers, permissions, groups, roles } => {
                let read = [self.servers.len(), self.permissions.len(), self.groups.len(), self.roles.len()];
                let said = [servers, permissions, groups, roles];
                if read != said {
                    return Err(not_whole(&format!("it has {read:?} rows and says {said:?}")));
                }
                self.has_ended = true;
            }
        }
        Ok(())
    }

    fn together(mut self) -> Result<Found, WhmcsError> {
        if !self.has_ended {
            return Err(not_whole("its end is missing"));
        }
        // What belongs to a server that is gone is nothing to carry.
        let permissions: BTreeSet<_> = self.permissions.into_iter().collect();
        for (server, role) in permissions {
            self.servers.entry(server).and_modify(|server| server.only_roles.push(role));
        }
        for (server, group) in self.groups {
            self.servers.entry(server).and_modify(|server| server.groups.push(group));
        }
        let roles = Some(self.roles.into_values().collect());
        Ok(Found { servers: self.servers.into_values().collect(), roles })
    }
}

impl From<ServerRow> for FoundServer {
    fn from(row: ServerRow) -> Self {
        Self {
            id: row.id,
            name: row.name,
            hostname: row.hostname,
            address: row.ipaddress,
            module: row.module,
            username: Some(row.username),
            is_secure: Some(row.secure == "on"),
            port: row.port.filter(|port| *port != 0),
            is_disabled: row.disabled != 0,
            active: None,
            only_roles: Vec::new(),
            groups: Vec::new(),
        }
    }
}

fn not_whole(how: &str) -> WhmcsError {
    WhmcsError::NotWhole(how.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEGIN: &str = r#"{"row":"begin","format":1}"#;
    const PERMISSION: &str = r#"{"row":"permission","server":1,"role":2}"#;
    const SERVER: &str = r#"{"row":"server","id":1,"name":"a","hostname":"a.example","ipaddress":"","module":"cpanel","username":"root","secure":"on","port":null,"disabled":0}"#;

    fn end(servers: usize, permissions: usize) -> String {
        format!(r#"{{"row":"end","servers":{servers},"permissions":{permissions},"groups":0,"roles":0}}"#)
    }

    fn lines(lines: &[&str]) -> Result<Found, WhmcsError> {
        read(&lines.join("\n"))
    }

    #[test]
    fn an_answer_that_lost_a_line_is_refused() {
        let whole = lines(&[BEGIN, SERVER, PERMISSION, &end(1, 1)]).unwrap();
        assert_eq!(whole.servers.first().unwrap().only_roles, [2]);
        let missing: [&[&str]; 6] = [
            &[BEGIN, SERVER, PERMISSION],
            &[BEGIN, SERVER, &end(1, 1)],
            &[BEGIN, PERMISSION, &end(1, 1)],
            &[SERVER, PERMISSION, &end(1, 1)],
            &[BEGIN, SERVER, &end(1, 0), PERMISSION],
            &[],
        ];
        for answer in missing {
            assert!(matches!(lines(answer), Err(WhmcsError::NotWhole(_))), "{answer:?}");
        }
    }

    #[test]
    fn what_is_no_row_is_refused_with_its_line() {
        let too_large = SERVER.replace("\"id\":1", "\"id\":18446744073709551616");
        let negative = SERVER.replace("\"id\":1", "\"id\":-1");
        for wrong in ["id\tname", "{}", r#"{"row":"secret"}"#, &too_large, &negative] {
            let error = lines(&[BEGIN, wrong, &end(1, 0)]).unwrap_err();
            assert!(matches!(error, WhmcsError::Line { line: 2, .. }), "{wrong}: {error}");
        }
        let error = lines(&[BEGIN, SERVER, SERVER, &end(2, 0)]).unwrap_err();
        assert!(matches!(error, WhmcsError::Twice("servers", 1)));
    }
}
