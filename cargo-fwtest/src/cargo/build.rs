use std::ffi::OsString;
use std::io::BufReader;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use cargo_metadata::{Artifact, Message};

use super::elf;
use super::project::{Project, cargo};
use crate::cli::{CargoArgs, Color};
use crate::error::Error;

/// A test binary that uses fwtest.
#[derive(Debug)]
pub struct Binary {
    pub path: PathBuf,
    pub target: String,
    pub package: String,
    pub version: String,
    /// The directory of the package's Cargo.toml: where `cargo test` runs its tests.
    pub directory: PathBuf,
}

/// Builds the test targets of `project`; Cargo's own words go to standard error.
pub fn build(project: &Project, args: &CargoArgs, color: Color) -> Result<Vec<Binary>, Error> {
    if project.packages.is_empty() {
        return Ok(Vec::new());
    }
    let cargo = cargo();
    let mut child = Command::new(&cargo)
        .args(arguments(project, args, color))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(Error::os("run", &cargo))?;
    let stdout = child.stdout.take().expect("it was just piped");
    let mut binaries = Vec::new();
    for message in Message::parse_stream(BufReader::new(stdout)) {
        if let Message::CompilerArtifact(artifact) =
            message.map_err(Error::os("read the messages of", &cargo))?
        {
            binaries.extend(binary(project, artifact)?);
        }
    }
    let status = child.wait().map_err(Error::os("wait for", &cargo))?;
    match status.success() {
        true => Ok(binaries),
        false => Err(Error::Build { status }),
    }
}

fn arguments(project: &Project, args: &CargoArgs, color: Color) -> Vec<OsString> {
    let mut words: Vec<OsString> =
        ["test", "--no-run", "--message-format=json-render-diagnostics"].map(Into::into).into();
    words.extend(args.manifest());
    words.extend(args.compilation());
    for package in &project.packages {
        words.extend(["--package".into(), (&package.id.repr).into()]);
    }
    match &args.test[..] {
        // No `--tests`: that would also build the unit tests, which never use fwtest.
        [] => words.extend(["--test".into(), "*".into()]),
        names => words.extend(names.iter().flat_map(|name| ["--test".into(), name.into()])),
    }
    match color {
        Color::Auto => {}
        Color::Always => words.push("--color=always".into()),
        Color::Never => words.push("--color=never".into()),
    }
    words
}

fn binary(project: &Project, artifact: Artifact) -> Result<Option<Binary>, Error> {
    let package = project.packages.iter().find(|package| package.id == artifact.package_id);
    let (Some(package), Some(path)) = (package, artifact.executable) else { return Ok(None) };
    if !artifact.target.is_test() {
        return Ok(None);
    }
    let path = PathBuf::from(path);
    let uses = elf::uses_fwtest(&path).map_err(Error::os("read the sections of", &path))?;
    Ok(uses.then(|| Binary {
        path,
        target: artifact.target.name,
        package: package.name.to_string(),
        version: package.version.to_string(),
        directory: package.manifest_path.parent().map(PathBuf::from).unwrap_or_default(),
    }))
}
