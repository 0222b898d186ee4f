//! A browser as far as a sign-in needs one: cookies, redirects and forms.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use http::header;
use url::Url;

/// More steps than any sign-in has.
const MAX_STEPS: usize = 20;

/// A browser with its cookies.
#[derive(Debug)]
pub(crate) struct Browser {
    client: reqwest::Client,
    cookies: BTreeMap<String, String>,
    /// How often a form asked for a password.
    pub(crate) passwords_typed: usize,
}

impl Browser {
    /// A browser that knows one host's address and, if given, trusts one more authority.
    pub(crate) fn new(host: &str, address: SocketAddr, authority: Option<&str>) -> Self {
        let roots = authority.map(|pem| reqwest::Certificate::from_pem(pem.as_bytes()).unwrap());
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .resolve(host, address)
            .tls_certs_merge(roots)
            .build()
            .unwrap();
        Self { client, cookies: BTreeMap::new(), passwords_typed: 0 }
    }

    /// Goes where it is sent, fills in what it is asked, and stops in front of `end`: the address there.
    pub(crate) async fn travel(&mut self, start: &Url, end: &Url, login: &str, password: &str) -> Url {
        let mut step = Step::Get(start.clone());
        for _ in 0..MAX_STEPS {
            let at = step.url().clone();
            if at.as_str().starts_with(end.as_str()) {
                return at;
            }
            let response = self.send(step).await;
            if let Some(location) = response.headers().get(header::LOCATION) {
                step = Step::Get(at.join(location.to_str().unwrap()).unwrap());
                continue;
            }
            let status = response.status();
            let page = response.text().await.unwrap();
            assert!(status.is_success() && page.contains("<form"), "{at} answered {status} and no form: {page}");
            step = self.fill(&at, &page, login, password);
        }
        panic!("never arrived at {end}");
    }

    /// Gets one address, without following.
    pub(crate) async fn get(&mut self, url: &Url) -> reqwest::Response {
        self.send(Step::Get(url.clone())).await
    }

    async fn send(&mut self, step: Step) -> reqwest::Response {
        let request = match step {
            Step::Get(url) => self.client.get(url),
            Step::Post(url, fields) => self.client.post(url).form(&fields),
        };
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let response = request.header(header::COOKIE, cookies.join("; ")).send().await.unwrap();
        for cookie in response.headers().get_all(header::SET_COOKIE) {
            let (name, rest) = cookie.to_str().unwrap().split_once('=').unwrap();
            let value = rest.split(';').next().unwrap();
            if value.is_empty() {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        response
    }

    fn fill(&mut self, at: &Url, page: &str, login: &str, password: &str) -> Step {
        let form = tags(page, "<form").next().unwrap();
        let action = at.join(&attribute(form, "action").unwrap_or_default()).unwrap();
        let mut fields = Vec::new();
        for input in tags(page, "<input") {
            let Some(name) = attribute(input, "name") else { continue };
            let value = match name.as_str() {
                "login" => login.to_owned(),
                "password" => {
                    self.passwords_typed += 1;
                    password.to_owned()
                }
                _ => attribute(input, "value").unwrap_or_default(),
            };
            fields.push((name, value));
        }
        // The button that agrees, where a page asks whether to sign out.
        for button in tags(page, "<button") {
            if let Some(name @ ("logout" | "confirm")) = attribute(button, "name").as_deref() {
                fields.push((name.to_owned(), attribute(button, "value").unwrap_or_default()));
            }
        }
        Step::Post(action, fields)
    }
}

enum Step {
    Get(Url),
    Post(Url, Vec<(String, String)>),
}

impl Step {
    fn url(&self) -> &Url {
        match self {
            Self::Get(url) | Self::Post(url, _) => url,
        }
    }
}

/// The opening tags of a kind, up to their closing bracket.
fn tags<'a>(page: &'a str, open: &'a str) -> impl Iterator<Item = &'a str> {
    page.match_indices(open).map(move |(place, _)| page[place..].split('>').next().unwrap())
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
    let value = rest.split('"').next()?;
    Some(value.replace("&amp;", "&").replace("&quot;", "\"").replace("&#39;", "'"))
}
