//! Programs that forge a proof, or go around one, must not compile, and for the right reason.
//!
//! Each file in `tests/proofs` names the error that it must end with in its first line. `control.rs` uses
//! the same types as it should and must compile, so that the others do not fail for a reason of their own.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

#[test]
fn a_forged_proof_does_not_compile() {
    let library = library();
    let mut files: Vec<_> = fs::read_dir("tests/proofs").unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() > 5, "the programs are missing");
    let mut wrong = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let expected = text.lines().next().and_then(|line| line.strip_prefix("// must fail: "));
        let (compiled, message) = compile(&file, &library);
        match expected {
            None if compiled => {}
            None => wrong.push(format!("{}: must compile\n{message}", file.display())),
            Some(_) if compiled => wrong.push(format!("{}: compiled", file.display())),
            Some(code) if message.contains(&format!("error[{code}]")) => {}
            Some(code) => wrong.push(format!("{}: failed without {code}\n{message}", file.display())),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// Compiles a file against the library; whether it worked, and what the compiler said.
fn compile(file: &Path, library: &Path) -> (bool, String) {
    let output = tempfile::tempdir().unwrap();
    let done = Command::new(env!("CARGO").replace("cargo", "rustc"))
        .args(["--edition", "2024", "--crate-type", "lib", "--emit", "metadata", "--out-dir"])
        .arg(output.path())
        .arg("--extern")
        .arg(format!("panelgate={}", library.display()))
        .arg("-L")
        .arg(format!("dependency={}", library.parent().unwrap().display()))
        .arg(file)
        .output()
        .unwrap();
    (done.status.success(), String::from_utf8(done.stderr).unwrap())
}

/// The library that this test is linked with: the newest beside its own executable.
fn library() -> PathBuf {
    let executable = std::env::current_exe().unwrap();
    let named = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.starts_with("libpanelgate-") && path.extension().is_some_and(|extension| extension == "rlib")
    };
    let beside = fs::read_dir(executable.parent().unwrap()).unwrap().map(|entry| entry.unwrap().path());
    let newest = beside.filter(named).max_by_key(|path| fs::metadata(path).unwrap().modified().unwrap());
    newest.expect("the library lies beside its tests")
}
