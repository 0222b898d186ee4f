//! The files of `deploy/`, held to the tools that will read them.

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use panelgate::model::Service;
use serde_json::Value;

fn at(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn read(path: &str) -> String {
    fs::read_to_string(at(path)).unwrap()
}

/// What a tool says when it is content. `scripts/setup` installs all of them.
fn content(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let said = [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned()).concat();
    assert!(output.status.success(), "{command:?}: {said}");
    said
}

/// A tool of `tests/deploy/requirements.txt`.
fn python(tool: &str) -> Command {
    Command::new(at("tests/deploy/.venv/bin").join(tool))
}

const UNIT: &str = "deploy/systemd/panelgate.service";

/// `systemd-analyze verify` is content with everything, but it tells what it does not understand.
#[test]
fn systemd_understands_the_unit() {
    let folder = tempfile::tempdir().unwrap();
    let unit = folder.path().join("panelgate.service");
    // The program is not installed where the tests run.
    fs::write(&unit, read(UNIT).replace("/usr/bin/panelgate", "/bin/true")).unwrap();
    let socket = folder.path().join("panelgate.socket");
    fs::write(&socket, read("deploy/systemd/panelgate.socket")).unwrap();
    let said = content(Command::new("systemd-analyze").arg("verify").args([&unit, &socket]));
    assert_eq!(said, "");
    fs::write(&unit, read(UNIT).replace("/usr/bin/panelgate", "/bin/true").replace("PrivateTmp=yes", "PrivateTmp=si"))
        .unwrap();
    let said = content(Command::new("systemd-analyze").arg("verify").arg(&unit));
    assert!(said.contains("Failed to parse boolean value"), "it tells of a mistake: {said}");
}

#[test]
fn the_unit_exposes_as_little_as_the_docs_say() {
    let said = content(Command::new("systemd-analyze").args(["security", "--offline=true"]).arg(at(UNIT)));
    let level = said.rsplit("panelgate.service: ").next().and_then(|rest| rest.split(' ').next()).unwrap();
    let claimed = format!("`systemd-analyze security` gives it {level}");
    assert!(read("docs/operations.md").contains(&claimed), "the docs do not say: {claimed}");
}

/// Started as process 1 of a machine of namespaces: the hardening holds and is in nobody's way, and nobody is refused
/// while the gateway starts anew.
#[test]
fn the_unit_runs_under_systemd() {
    let said = content(Command::new(at("tests/deploy/systemd.sh")).arg(env!("CARGO_BIN_EXE_panelgate")));
    let rest = said
        .strip_prefix("the unit starts the gateway with one power of root's, and it starts anew with nobody refused: ");
    assert!(rest.is_some_and(|rest| rest.ends_with(" answered, 0 failed\n")), "{said}");
}

/// The unit's folders are those of the example, and it waits longer than the gateway takes to stop.
#[test]
fn the_unit_fits_the_configuration() {
    let (unit, config) = (read(UNIT), read("config/panelgate.toml"));
    for (folder, line) in [("/var/lib/panelgate", "StateDirectory"), ("/var/log/panelgate", "LogsDirectory")] {
        assert!(config.contains(folder) && unit.contains(&format!("\n{line}=panelgate\n")), "{folder}");
    }
    assert!(config.contains("# drain_seconds = 30 ") && unit.contains("\nTimeoutStopSec=45\n"));
}

/// A socket that the configuration does not ask for would stop the start.
#[test]
fn the_sockets_are_those_of_the_default_addresses() {
    let unit = read("deploy/systemd/panelgate.socket");
    let mut sockets: Vec<&str> = unit.lines().filter_map(|line| line.strip_prefix("ListenStream=")).collect();
    sockets.sort_unstable();
    let services = Service::ALL.into_iter().map(Service::port);
    let mut expected: Vec<String> =
        services.chain([443]).flat_map(|port| [format!("0.0.0.0:{port}"), format!("[::]:{port}")]).collect();
    expected.sort_unstable();
    assert_eq!(sockets, expected);
}

/// Real packets in network namespaces: a gateway reaches the panels, a stranger does not.
#[test]
fn the_firewall_lets_only_gateways_to_the_panels() {
    let recipe = at("deploy/nftables/cpanel-server.nft");
    let said = content(Command::new(at("tests/deploy/firewall.sh")).arg(&recipe));
    assert_eq!(said, "the gateway reaches the panels, a stranger does not\n");
}

/// The same, looked at by the program itself from either side: what it says is what packets do.
#[test]
fn a_look_from_outside_sees_what_the_firewall_does() {
    let recipe = at("deploy/nftables/cpanel-server.nft");
    let mut look = Command::new(at("tests/deploy/shield.sh"));
    let said = content(look.arg(&recipe).arg(env!("CARGO_BIN_EXE_panelgate")));
    assert_eq!(said, "open without the recipe, closed to strangers with it, open to gateways\n");
}

/// Built without a daemon, and run with a root file system that is only read, as nobody in particular.
#[test]
fn the_image_is_built_and_runs() {
    let said = content(Command::new(at("tests/deploy/image.sh")).arg(env!("CARGO_BIN_EXE_panelgate")));
    assert_eq!(
        said,
        "the image runs as nobody in particular, changes nothing but its state and its log, and ends when told\n"
    );
}

#[test]
fn the_image_is_described_as_it_should_be() {
    assert_eq!(content(python("hadolint").arg(at("deploy/docker/Dockerfile"))), "");
}

/// The file of compose.yaml, read by what is written after the Compose specification: it takes no key that there is
/// not, and no name that is not defined.
const AS_COMPOSE: &str = "import sys, compose_spec; options = compose_spec.PyOptions(); options.apply_merge = True\n\
                          options.from_yaml(sys.stdin.read()).validate()";

#[test]
fn the_compose_file_is_read_as_its_specification_says() {
    let text = read("deploy/compose/compose.yaml");
    let folder = tempfile::tempdir().unwrap();
    let refused = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        let file = folder.path().join("compose.yaml");
        fs::write(&file, text.replacen(from, to, 1)).unwrap();
        let mut reading = python("python");
        !reading.args(["-c", AS_COMPOSE]).stdin(fs::File::open(&file).unwrap()).output().unwrap().status.success()
    };
    assert!(!refused("", ""));
    for (from, to) in
        [("read_only:", "read_olny:"), ("networks: [back]", "networks: [bakc]"), ("interval: 5s", "interval: often")]
    {
        assert!(refused(from, to), "{to} is a mistake");
    }
}

/// All four services in namespaces of their own, on the file's own haproxy.cfg and the lines of the docs: each gateway
/// is restarted while people come, and nobody notices.
#[test]
fn what_the_compose_file_describes_runs() {
    let said = content(Command::new(at("tests/deploy/compose.sh")).arg(env!("CARGO_BIN_EXE_panelgate")));
    let rest = said.strip_prefix("two gateways, a database and a balancer, each restarted gateway missed by nobody: ");
    assert!(rest.is_some_and(|rest| rest.ends_with(" answered, 0 failed\n")), "{said}");
}

/// What is mounted is there or made as the file says, everybody may do as little as possible, and the balancer's
/// own program reads its file.
#[test]
fn the_compose_file_is_whole() {
    let file = at("deploy/compose/compose.yaml");
    let as_json = "import json, sys, yaml; json.dump(yaml.safe_load(open(sys.argv[1])), sys.stdout)";
    let whole: Value = serde_json::from_str(&content(python("python").args(["-c", as_json]).arg(file))).unwrap();
    let image = whole["services"]["gateway1"]["image"].as_str().unwrap();
    assert!(image.ends_with(concat!(":", env!("CARGO_PKG_VERSION"))), "{image}");
    for (name, service) in whole["services"].as_object().unwrap() {
        let is_database = name == "database";
        assert!(is_database || service["read_only"] == true && service["cap_drop"][0] == "ALL", "{name}");
        for volume in service["volumes"].as_array().unwrap() {
            let source = volume.as_str().unwrap().split(':').next().unwrap();
            let known = source == "./config" || source == "./haproxy.cfg" || whole["volumes"].get(source).is_some();
            assert!(known, "{name} mounts {source}");
        }
    }
    let balancer = &whole["services"]["balancer"]["networks"]["front"]["ipv4_address"];
    assert!(read("docs/operations.md").contains(balancer.as_str().unwrap()), "the docs name the balancer's address");
    content(Command::new("/usr/sbin/haproxy").args(["-c", "-q", "-f"]).arg(at("deploy/compose/haproxy.cfg")));
}

/// Put together by kustomize as `kubectl apply -k` does it, with the files of `config/`.
#[test]
fn what_kustomize_makes_fits_kubernetes_and_is_of_this_version() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config");
    fs::create_dir(&config).unwrap();
    for file in fs::read_dir(at("deploy/kubernetes")).unwrap().map(|entry| entry.unwrap().path()) {
        fs::copy(&file, folder.path().join(file.file_name().unwrap())).unwrap();
    }
    for file in ["panelgate.toml", "directory.toml"] {
        fs::copy(at("config").join(file), config.join(file)).unwrap();
    }
    let made = content(Command::new(at("target/tools/bin/kubectl")).arg("kustomize").arg(folder.path()));
    let whole = folder.path().join("whole.yaml");
    fs::write(&whole, &made).unwrap();
    content(python("kubernetes-validate").args(["--strict", "--quiet"]).arg(&whole));
    let as_json = "import json, sys, yaml; json.dump(list(yaml.safe_load_all(open(sys.argv[1]))), sys.stdout)";
    let objects: Value = serde_json::from_str(&content(python("python").args(["-c", as_json]).arg(&whole))).unwrap();
    let of_kind = |kind: &str| {
        let objects = objects.as_array().unwrap();
        objects.iter().find(|object| object["kind"] == kind).unwrap_or_else(|| panic!("no {kind}")).clone()
    };
    let pod = &of_kind("Deployment")["spec"]["template"]["spec"];
    let version = concat!(":", env!("CARGO_PKG_VERSION"));
    assert!(pod["containers"][0]["image"].as_str().unwrap().ends_with(version), "{pod}");
    // The name has a mark of the contents, so that other files are other pods.
    let files = of_kind("ConfigMap");
    let name = files["metadata"]["name"].as_str().unwrap();
    assert!(name.starts_with("panelgate-") && made.matches(name).count() == 2, "{name}");
    assert_eq!(files["data"]["panelgate.toml"], read("config/panelgate.toml"));
    for object in objects.as_array().unwrap() {
        assert_eq!(object["metadata"]["namespace"], "panelgate", "{object}");
    }
    let chosen = &of_kind("Deployment")["spec"]["selector"]["matchLabels"];
    assert_eq!(*chosen, of_kind("Service")["spec"]["selector"]);
    assert_eq!(*chosen, of_kind("PodDisruptionBudget")["spec"]["selector"]["matchLabels"]);
    assert_eq!(*chosen, of_kind("NetworkPolicy")["spec"]["podSelector"]["matchLabels"]);
}

#[test]
fn the_manifests_fit_kubernetes() {
    let folder = at("deploy/kubernetes");
    let list = read("deploy/kubernetes/kustomization.yaml");
    let named: Vec<&str> = list.lines().filter_map(|line| line.trim().strip_prefix("- ")).collect();
    let mut files = 0;
    for file in fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
        let name = file.file_name().unwrap().to_str().unwrap().to_owned();
        if file.extension().is_none_or(|extension| extension != "yaml") || name == "kustomization.yaml" {
            continue;
        }
        assert!(named.contains(&&*name), "{name} is not in the kustomization");
        content(python("kubernetes-validate").args(["--strict", "--quiet"]).arg(&file));
        files += 1;
    }
    assert_eq!(files, 4);
    let folder = tempfile::tempdir().unwrap();
    let wrong = folder.path().join("service.yaml");
    fs::write(&wrong, read("deploy/kubernetes/service.yaml").replace("sessionAffinity", "session_affinity")).unwrap();
    let output = python("kubernetes-validate").args(["--strict", "--quiet"]).arg(&wrong).output().unwrap();
    assert!(!output.status.success(), "a field that does not exist is a mistake");
}

/// Every expression of the dashboard asks for the job and the gateways that were chosen, and says what it shows.
#[test]
fn the_dashboard_is_whole() {
    let dashboard: Value = serde_json::from_str(&read("deploy/grafana/panelgate.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap().iter().filter(|panel| panel["type"] != "row");
    let mut places = Vec::new();
    for panel in panels {
        assert!(panel["description"].as_str().is_some_and(|text| text.ends_with('.')), "{}", panel["title"]);
        for target in panel["targets"].as_array().unwrap() {
            let expression = target["expr"].as_str().unwrap();
            assert!(expression.contains(r#"job="$job", instance=~"$instance""#), "{expression}");
        }
        places.push([&panel["gridPos"]["x"], &panel["gridPos"]["y"]]);
    }
    let all = places.len();
    places.sort_by_key(|place| format!("{place:?}"));
    places.dedup();
    assert_eq!(places.len(), all, "no two panels lie on one another");
}
