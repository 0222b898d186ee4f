//! Questions about people who have signed in, answered from the audit files.

use lab::provider::Patch;
use lab::world::Plan;
use lab::world::Style;
use serde_json::Value;
use tokio::process::Command;

use crate::evidence::audit;
use crate::stage::BINARY;
use crate::stage::Stage;
use crate::stage::until;

/// Runs `panelgate explain` on a world's files; gives the exit code and both outputs.
async fn explain(stage: &Stage, arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(BINARY);
    command.arg("explain").arg("--config").arg(stage.world.config()).args(arguments);
    let output = command.output().await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[tokio::test]
async fn somebody_who_has_signed_in_is_explained_by_their_subject() {
    let stage = Stage::new(Style::Ports).await;
    stage.world.provider.set(|wrong| wrong.token_response = vec![Patch::set("expires_in", 1)]);
    let (code, out, said) = explain(&stage, &["--subject", "sub-of-sam", "--server", "web1"]).await;
    assert_eq!((code, out.as_str()), (64, ""));
    assert!(said.starts_with("error: nobody with the subject sub-of-sam has signed in, as far as"), "{said}");

    stage.signed_in("sam").await;
    let (code, told, _) = explain(&stage, &["--subject", "sub-of-sam", "--server", "web1"]).await;
    assert_eq!(code, 0, "{told}");
    for words in [
        "allowed: web1, any service as any account, of provider sso",
        "Sam Support (sub-of-sam), as the provider last said at 20",
        "groups whm-support, staff",
        "Support through whm-support, may connect",
    ] {
        assert!(told.contains(words), "{words} in {told}");
    }
    assert_eq!(explain(&stage, &["--subject", "sub-of-sam", "--server", "web3"]).await.0, 1);

    // What the provider said since counts, also once somebody has put the file aside.
    stage.world.provider.change_users(|users| users[1].groups = vec!["whm-admins".into()]);
    until("other groups are on record", || stage.outcomes("session.groups_changed").len() == 1).await;
    let file = stage.world.audit_file();
    std::fs::rename(&file, file.with_extension("jsonl.1")).unwrap();
    let (ada, console) = stage.signed_in("ada").await;
    let (code, told, _) =
        explain(&stage, &["--subject", "sub-of-sam", "--server", "web3", "--account", "root", "--format", "json"])
            .await;
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!((code, &told["subject"]["groups"]), (0, &serde_json::json!(["whm-admins"])), "{told}");
    assert_eq!(told["subject"]["iss"], stage.world.issuer());

    let (code, _, said) =
        explain(&stage, &["--subject", "sub-of-sam", "--server", "web1", "--read-since", "2999-01-01"]).await;
    assert_eq!(code, 64);
    assert!(said.contains("the groups of Sam Support (sub-of-sam) were last read at 20"), "{said}");
    let (code, _, said) = explain(&stage, &["--subject", "sub-of-sam", "--groups", "staff", "--server", "web1"]).await;
    assert!(code == 64 && said.contains("cannot be used with"), "{said}");

    // A report runs through both files as well.
    ada.open(&console, "web1", "whostmgrd", "root").await.unwrap();
    std::fs::rename(&file, file.with_extension("jsonl.2")).unwrap();
    ada.open(&console, "web2", "whostmgrd", "root").await.unwrap();
    let (code, told, _) = audit(&stage.world, &["report", "--person", "sub-of-ada", "--since", "1h"]).await;
    assert_eq!(code, 0, "{told}");
    assert!(told.contains("on web1 whostmgrd as root") && told.contains("on web2 whostmgrd as root"), "{told}");
    let (code, told, _) = audit(&stage.world, &["verify"]).await;
    assert_eq!((code, told.lines().last()), (0, Some("the records are whole")), "{told}");
}

#[tokio::test]
async fn two_people_of_one_subject_are_told_apart_by_their_provider() {
    let stage = Stage::planned(Plan { contractors: true, ..Plan::tls(Style::Ports) }).await;
    for (provider, login) in [("contractors", "kim"), ("sso", "ada")] {
        let browser = stage.browser();
        let form = browser.visit(&stage.console(&format!("/sign-in?provider={provider}"))).await.unwrap();
        browser.sign_in_at(&form, login).await.unwrap();
    }

    let (code, _, said) = explain(&stage, &["--subject", "sub-of-ada", "--server", "web1"]).await;
    assert_eq!(code, 64);
    assert!(said.contains("several providers know a sub-of-ada: say which with --issuer https://"), "{said}");
    let issuer = stage.world.contractors.as_ref().unwrap().issuer().to_owned();
    let (code, told, said) =
        explain(&stage, &["--subject", "sub-of-ada", "--issuer", &issuer, "--server", "web1"]).await;
    assert!(code == 0 && told.contains("Kim Contractor (sub-of-ada)"), "{told}{said}");
    assert!(told.contains("of provider contractors"), "{told}");
    // A provider that is gone vouches for nobody.
    let main = std::fs::read_to_string(stage.world.config()).unwrap();
    let alone = stage.world.folder().join("alone.toml");
    std::fs::write(&alone, main.replace(&issuer, "https://elsewhere.localhost")).unwrap();
    let config = alone.to_str().unwrap();
    let asked = ["--config", config, "--subject", "sub-of-ada", "--issuer", &issuer, "--server", "web1"];
    let output = Command::new(BINARY).arg("explain").args(asked).output().await.unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(64));
    assert!(said.contains("no provider of the configuration has the issuer"), "{said}");
}
