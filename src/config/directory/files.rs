//! The document as it lies on the disk: one file, or a folder of them that count as one.

use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use aws_lc_rs::digest;
use toml::Spanned;
use toml::de::DeTable;

use crate::config::document;
use crate::config::findings::Findings;
use crate::config::findings::Place;
use crate::config::section::Section;
use crate::config::source::SourceFile;
use crate::config::words::quoted;
use crate::model::DirectoryVersion;

/// More files than servers is some other folder.
const MAX_FILES: usize = 10_000;

/// The files, at least one, in the order of their names.
#[derive(Debug)]
pub(super) struct Files {
    is_folder: bool,
    files: Vec<(Rc<SourceFile>, Arc<str>)>,
}

/// The files as TOML.
#[derive(Debug)]
pub(super) struct Tables<'t>(Vec<Spanned<DeTable<'t>>>);

impl Files {
    /// Reads the file at `path`, or every `*.toml` of the folder there. `name` is how decisions call it.
    pub(super) fn read(path: &Path, name: &str, named_at: Option<Place>, findings: &Findings) -> Option<Self> {
        if !path.is_dir() {
            return Some(Self {
                is_folder: false,
                files: vec![(document::read(path, named_at, findings)?, name.into())],
            });
        }
        findings.source(path);
        let place = named_at.unwrap_or_else(|| whole(Rc::new(SourceFile::unread(path))));
        let shown = quoted(&path.display().to_string());
        let paths = match listed(path) {
            Ok(paths) if paths.is_empty() => {
                findings.problem(
                    place,
                    format!("the folder {shown} holds no file *.toml"),
                    "put the directory's files there, or name another folder or file",
                );
                return None;
            }
            Ok(paths) if paths.len() > MAX_FILES => {
                findings.problem(
                    place,
                    format!("the folder {shown} holds more than {MAX_FILES} files"),
                    "check that this is the folder you mean",
                );
                return None;
            }
            Ok(paths) => paths,
            Err(error) => {
                findings.problem(
                    place,
                    format!("the folder {shown} cannot be read: {error}"),
                    "name a folder that the user who runs panelgate can read",
                );
                return None;
            }
        };
        // All are read before one that cannot be refuses the folder.
        let read: Vec<Option<_>> = paths
            .iter()
            .map(|path| {
                let file = document::read(path, None, findings)?;
                let last = path.file_name().map(|last| last.to_string_lossy()).unwrap_or_default();
                Some((file, format!("{}/{last}", name.trim_end_matches('/')).into()))
            })
            .collect();
        Some(Self { is_folder: true, files: read.into_iter().collect::<Option<_>>()? })
    }

    /// Parses all of them.
    pub(super) fn parse<'t>(&'t self, findings: &Findings) -> Option<Tables<'t>> {
        let parsed: Vec<Option<_>> = self.files.iter().map(|(file, _)| document::parse(file, findings)).collect();
        Some(Tables(parsed.into_iter().collect::<Option<_>>()?))
    }

    /// The top level of each.
    pub(super) fn tops<'t>(&self, tables: &'t Tables<'t>, findings: &'t Findings) -> Vec<Section<'t>> {
        let tables = self.files.iter().zip(&tables.0);
        tables.map(|((file, _), table)| Section::top(Rc::clone(file), findings, table.get_ref())).collect()
    }

    /// How decisions and audit events call a file of these.
    pub(super) fn name(&self, of: &Rc<SourceFile>) -> Arc<str> {
        let found = self.files.iter().find(|(file, _)| Rc::ptr_eq(file, of));
        found.map_or_else(|| Arc::clone(&of.name), |(_, name)| Arc::clone(name))
    }

    /// Where what is missing would stand.
    pub(super) fn place(&self, key: &str) -> Option<Place> {
        let (file, _) = self.files.first()?;
        Some(Place { key: key.to_owned(), ..whole(Rc::clone(file)) })
    }

    /// A hash of all that is written: of a file its text, of a folder also the names.
    pub(super) fn version(&self) -> DirectoryVersion {
        let mut context = digest::Context::new(&digest::SHA256);
        for (file, name) in &self.files {
            if self.is_folder {
                context.update(name.rsplit('/').next().unwrap_or_default().as_bytes());
                context.update(format!("\0{}\0", file.text().len()).as_bytes());
            }
            context.update(file.text().as_bytes());
        }
        let hash = context.finish();
        let digits = hash.as_ref().iter().flat_map(|byte| [byte >> 4, byte & 15]).take(16);
        let version: String = digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect();
        DirectoryVersion(version.into())
    }
}

/// The `*.toml` of a folder that no editor hides, by name.
fn listed(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let is_hidden = path.file_name().is_none_or(|name| name.as_encoded_bytes().starts_with(b"."));
        let is_toml = path.extension().is_some_and(|extension| extension == "toml");
        if is_toml && !is_hidden {
            paths.push(path);
        }
    }
    paths.sort_unstable();
    Ok(paths)
}

fn whole(file: Rc<SourceFile>) -> Place {
    Place { file, span: None, key: String::new() }
}
