//! What a request does, as far as its address and form say so.
//!
//! A record for people who read it later, and not a boundary: what is not in the table is passed on all the
//! same, and a page can do things in ways that no table knows. The table is data, `actions.json`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::HashMap;
use std::sync::LazyLock;

use serde::Deserialize;
use url::form_urlencoded;

use crate::model::Action;
use crate::model::Target;

/// The longest value that is recorded, in bytes: an e-mail address.
const LONGEST: usize = 254;

/// Values of one parameter that are recorded.
const MOST_VALUES: usize = 5;

/// The longest name of a function or module.
const LONGEST_NAME: usize = 64;

/// The longest path that is recorded, and the longest segment of one: what is longer is no name.
const LONGEST_PATH: usize = 512;
const LONGEST_SEGMENT: usize = 64;

#[derive(Deserialize)]
struct Table {
    unknown_calls: Parameters,
    whm_api_1: Calls,
    uapi: Calls,
    api_2: Calls,
    screens: Vec<Screen>,
    resources: Resources,
}

#[derive(Deserialize)]
struct Parameters {
    parameters: Vec<String>,
}

type Calls = HashMap<String, Vec<String>>;

#[derive(Deserialize)]
struct Screen {
    path: String,
    verb: String,
    parameters: Vec<String>,
}

#[derive(Deserialize)]
struct Resources {
    extensions: Vec<String>,
    prefixes: Vec<String>,
}

/// Read once; a test reads it too, so that a broken one is never built.
static TABLE: LazyLock<Option<Table>> = LazyLock::new(|| serde_json::from_str(include_str!("actions.json")).ok());

/// What a request does, by its address and as much of its form (`application/x-www-form-urlencoded`) as is
/// known; nothing if the table does not say.
pub fn action(target: &Target, form: &[u8]) -> Option<Action> {
    let table = TABLE.as_ref()?;
    let path = without_token(target.path());
    let said = Said::of(target.query().unwrap_or_default(), form);
    let mut segments = path.split('/').skip(1);
    match (segments.next()?, segments.next(), segments.next()) {
        ("json-api" | "xml-api", Some("cpanel"), None) => table.api_2_or_uapi(&said),
        ("json-api" | "xml-api", Some(function), None) => table.call("whm_api_1", &table.whm_api_1, function, &said),
        ("execute", Some(module), Some(function)) => {
            table.call("uapi", &table.uapi, &format!("{module}/{function}"), &said)
        }
        _ => table.screen(path, &said),
    }
}

/// Whether an address is that of a picture, a script or the like, which say nothing about anybody.
pub fn is_resource(target: &Target) -> bool {
    let Some(table) = TABLE.as_ref() else { return false };
    let path = without_token(target.path());
    let is_like =
        |extension: &str| table.resources.extensions.iter().any(|known| known.eq_ignore_ascii_case(extension));
    table.resources.prefixes.iter().any(|prefix| path.starts_with(prefix.as_str()))
        || path.rsplit_once('.').is_some_and(|(_, extension)| is_like(extension))
}

/// A path as it may be recorded: without the security token, without what is too long to be a name.
pub fn recorded_path(target: &Target) -> Cow<'_, str> {
    let path = without_token(target.path());
    let has_token = path.contains("cpsess");
    if path.len() <= LONGEST_SEGMENT && !has_token {
        return path.into();
    }
    let mut shown = String::with_capacity(path.len());
    for (number, segment) in path.split('/').enumerate() {
        if number > 0 {
            shown.push('/');
        }
        let is_name = segment.len() <= LONGEST_SEGMENT && !(has_token && segment.contains("cpsess"));
        shown.push_str(if is_name { segment } else { "…" });
    }
    shown.truncate(shown.floor_char_boundary(LONGEST_PATH));
    shown.into()
}

/// The path without the security token before it.
fn without_token(path: &str) -> &str {
    let inside = path.strip_prefix("/cpsess").and_then(|rest| {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        rest.get(digits..)
    });
    match inside {
        Some("") => "/",
        Some(rest) if rest.starts_with('/') => rest,
        _ => path,
    }
}

impl Table {
    fn call(&self, api: &'static str, calls: &Calls, name: &str, said: &Said) -> Option<Action> {
        let parameters = calls.get(name).unwrap_or(&self.unknown_calls.parameters);
        is_name(name).then(|| Action { api, verb: name.to_owned(), object: said.object(parameters) })
    }

    /// cPanel's older way: module and function are parameters.
    fn api_2_or_uapi(&self, said: &Said) -> Option<Action> {
        let first = |names: [&str; 2]| names.into_iter().find_map(|name| said.first(name));
        let module = first(["cpanel_jsonapi_module", "cpanel_xmlapi_module"])?;
        let function = first(["cpanel_jsonapi_func", "cpanel_xmlapi_func"])?;
        let name = format!("{module}/{function}");
        let is_uapi = first(["cpanel_jsonapi_apiversion", "cpanel_xmlapi_apiversion"]).as_deref() == Some("3");
        let (api, calls) = if is_uapi { ("uapi", &self.uapi) } else { ("api_2", &self.api_2) };
        self.call(api, calls, &name, said)
    }

    fn screen(&self, path: &str, said: &Said) -> Option<Action> {
        let path = path.trim_end_matches('/');
        let screen = self.screens.iter().find(|screen| screen.path == path)?;
        Some(Action { api: "screen", verb: screen.verb.clone(), object: said.object(&screen.parameters) })
    }
}

/// What a request says: the pairs of its query and of its form.
struct Said {
    pairs: Vec<(String, String)>,
}

impl Said {
    fn of(query: &str, form: &[u8]) -> Self {
        let pairs = form_urlencoded::parse(query.as_bytes()).chain(form_urlencoded::parse(form));
        Self { pairs: pairs.map(|(name, value)| (name.into_owned(), value.into_owned())).collect() }
    }

    fn first(&self, name: &str) -> Option<String> {
        self.pairs.iter().find(|(other, _)| other == name).map(|(_, value)| value.clone())
    }

    /// The values of these parameters, as far as they look like names.
    fn object(&self, parameters: &[String]) -> BTreeMap<String, String> {
        let mut object: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for (name, value) in &self.pairs {
            if parameters.contains(name) && is_value(value) {
                let values = object.entry(name.clone()).or_default();
                if values.len() < MOST_VALUES && !values.contains(&value.as_str()) {
                    values.push(value);
                }
            }
        }
        object.into_iter().map(|(name, values)| (name, values.join(","))).collect()
    }
}

fn is_name(name: &str) -> bool {
    let is_letter = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'/';
    !name.is_empty() && name.len() <= LONGEST_NAME && name.bytes().all(is_letter)
}

/// Names of accounts, domains, packages, tokens and addresses.
fn is_value(value: &str) -> bool {
    let is_letter = |b: u8| b.is_ascii_alphanumeric() || b"._-+@* ".contains(&b);
    !value.is_empty() && value.len() <= LONGEST && value.bytes().all(is_letter)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn said(path: &str, form: &str) -> String {
        match action(&Target::parse(path).unwrap(), form.as_bytes()) {
            Some(Action { api, verb, object }) => {
                let object: Vec<String> = object.iter().map(|(name, value)| format!(" {name}={value}")).collect();
                format!("{api} {verb}{}", object.concat())
            }
            None => "nothing".to_owned(),
        }
    }

    #[test]
    fn calls_have_words() {
        for (path, form, expected) in [
            (
                "/cpsess1234567890/json-api/removeacct?api.version=1&user=example",
                "",
                "whm_api_1 removeacct user=example",
            ),
            ("/cpsess1/json-api/passwd", "user=bob&password=hunter2", "whm_api_1 passwd user=bob"),
            (
                "/cpsess1/json-api/api_token_create?token_name=ci&acl-1=all",
                "",
                "whm_api_1 api_token_create token_name=ci",
            ),
            ("/cpsess1/json-api/brand_new_call?user=bob&note=x", "", "whm_api_1 brand_new_call user=bob"),
            (
                "/cpsess1/execute/Email/add_pop",
                "email=ann&domain=a.example&password=x",
                "uapi Email/add_pop domain=a.example email=ann",
            ),
            (
                "/cpsess1/json-api/cpanel?cpanel_jsonapi_module=Fileman&cpanel_jsonapi_func=fileop&cpanel_jsonapi_apiversion=2&op=unlink",
                "",
                "api_2 Fileman/fileop op=unlink",
            ),
            ("/cpsess1/websocket/Shell?rows=24&cols=80", "", "screen terminal_open"),
            (
                "/cpsess1/scripts/killacct",
                "domain=a.example&user=bob&x=y",
                "screen removeacct domain=a.example user=bob",
            ),
            ("/cpsess1/scripts/command?PFILE=main", "", "nothing"),
            ("/cpsess1/json-api/removeacct?user=a&user=b&user=a", "", "whm_api_1 removeacct user=a,b"),
            ("/cpsess1/json-api/removeacct?user=%0aforged%3A1", "", "whm_api_1 removeacct"),
            ("/cpsess1/json-api/a.b?user=x", "", "nothing"),
        ] {
            assert_eq!(said(path, form), expected, "{path}");
        }
    }

    #[test]
    fn resources_are_told_from_pages() {
        for (path, expected) in [
            ("/cPanel_magic_revision_1700000000/x", true),
            ("/cpsess1/themes/x/icon.PNG", true),
            ("/cpsess1/scripts/command", false),
            ("/", false),
        ] {
            assert_eq!(is_resource(&Target::parse(path).unwrap()), expected, "{path}");
        }
    }

    #[test]
    fn a_recorded_path_holds_no_token() {
        let long = "x".repeat(65);
        for (path, expected) in [
            ("/cpsess1234567890/scripts/x", "/scripts/x".to_owned()),
            ("/cpsess1234567890", "/".to_owned()),
            ("/a/cpsess1234567890/b", "/a/…/b".to_owned()),
            (&format!("/download/{long}"), "/download/…".to_owned()),
        ] {
            assert_eq!(recorded_path(&Target::parse(path).unwrap()), expected);
        }
    }

    #[test]
    fn the_table_can_be_read_and_names_no_secret() {
        let table = TABLE.as_ref().expect("actions.json");
        let of_calls = [&table.whm_api_1, &table.uapi, &table.api_2].into_iter().flat_map(|calls| calls.values());
        let of_screens = table.screens.iter().map(|screen| &screen.parameters);
        let recorded = of_calls.chain(of_screens).chain([&table.unknown_calls.parameters]).flatten();
        for parameter in recorded {
            for word in ["pass", "secret", "key_", "content", "pem", "auth", "cert", "sess"] {
                assert!(!parameter.contains(word), "{parameter}");
            }
        }
    }

    proptest! {
        /// Whatever a call says under names that are not in the table is never recorded.
        #[test]
        fn no_value_outside_the_list_appears(
            function in "(removeacct|passwd|createacct|api_token_create|no_such_call)",
            names in proptest::collection::vec("[a-z_]{1,12}", 1..8),
            in_form in any::<bool>(),
        ) {
            let table = TABLE.as_ref().unwrap();
            let listed = table.whm_api_1.get(&function).unwrap_or(&table.unknown_calls.parameters);
            let pairs: Vec<(String, String)> = names
                .iter()
                .enumerate()
                .map(|(number, name)| (name.clone(), format!("canary{number}canary")))
                .collect();
            let text = form_urlencoded::Serializer::new(String::new()).extend_pairs(&pairs).finish();
            let (query, form) = if in_form { ("", text.as_str()) } else { (text.as_str(), "") };
            let target = Target::parse(&format!("/cpsess1234567890/json-api/{function}?{query}")).unwrap();
            let recorded = serde_json::to_string(&action(&target, form.as_bytes())).unwrap();
            for (name, value) in &pairs {
                prop_assert!(listed.contains(name) || !recorded.contains(value.as_str()), "{} in {}", name, recorded);
            }
            prop_assert!(!recorded.contains("1234567890"));
        }
    }
}
