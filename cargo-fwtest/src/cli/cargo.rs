use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::error::Error;

/// What is built and how: these mean what they mean to `cargo test`.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Building")]
pub struct CargoArgs {
    /// Tests of this package
    #[arg(short, long, value_name = "SPEC")]
    pub package: Vec<String>,

    /// Tests of all packages of the workspace
    #[arg(long)]
    pub workspace: bool,

    /// With --workspace: not this package
    #[arg(long, value_name = "SPEC", requires = "workspace")]
    pub exclude: Vec<String>,

    /// Tests of this test target, and no suites
    #[arg(long, value_name = "NAME|GLOB")]
    pub test: Vec<String>,

    /// Features to activate, separated by spaces or commas
    #[arg(short = 'F', long, value_name = "FEATURES")]
    pub features: Vec<String>,

    /// Activates all features
    #[arg(long)]
    pub all_features: bool,

    /// Leaves the default features out
    #[arg(long)]
    pub no_default_features: bool,

    /// Builds with optimizations
    #[arg(short, long, conflicts_with = "profile")]
    pub release: bool,

    /// Builds with this profile of Cargo's
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,

    /// The Cargo.toml of the package
    #[arg(long, value_name = "PATH")]
    pub manifest_path: Option<PathBuf>,

    /// Where Cargo puts what it builds
    #[arg(long, value_name = "DIRECTORY")]
    pub target_dir: Option<PathBuf>,

    /// Keeps Cargo from the network
    #[arg(long)]
    pub offline: bool,

    /// Keeps Cargo.lock as it is
    #[arg(long)]
    pub locked: bool,

    /// --offline and --locked in one
    #[arg(long)]
    pub frozen: bool,
}

impl CargoArgs {
    /// Where the search for fwtest.toml and Cargo.toml begins.
    pub fn directory(&self) -> Result<PathBuf, Error> {
        let current = env::current_dir().map_err(Error::os("find", "the current directory"))?;
        let above = self.manifest_path.as_deref().and_then(Path::parent);
        Ok(above.map_or_else(|| current.clone(), |above| current.join(above)))
    }

    /// The flags that `cargo metadata` understands too.
    pub fn manifest(&self) -> Vec<OsString> {
        let mut words = Words::default();
        words.pair("--manifest-path", &self.manifest_path);
        words.flag("--offline", self.offline);
        words.flag("--locked", self.locked);
        words.flag("--frozen", self.frozen);
        words.0
    }

    /// The flags that say which test targets.
    pub fn selection(&self) -> Vec<OsString> {
        let mut words = Words::default();
        words.pair("--package", &self.package);
        words.flag("--workspace", self.workspace);
        words.pair("--exclude", &self.exclude);
        words.pair("--test", &self.test);
        words.0
    }

    /// The flags that say how to compile.
    pub fn compilation(&self) -> Vec<OsString> {
        let mut words = Words::default();
        words.pair("--features", &self.features);
        words.flag("--all-features", self.all_features);
        words.flag("--no-default-features", self.no_default_features);
        words.flag("--release", self.release);
        words.pair("--profile", &self.profile);
        words.pair("--target-dir", &self.target_dir);
        words.0
    }
}

#[derive(Default)]
struct Words(Vec<OsString>);

impl Words {
    fn flag(&mut self, name: &str, given: bool) {
        self.0.extend(given.then(|| name.into()));
    }

    fn pair<'a, V: Into<OsString> + Clone + 'a>(
        &mut self,
        name: &str,
        values: impl IntoIterator<Item = &'a V>,
    ) {
        for value in values {
            self.0.extend([name.into(), value.clone().into()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        cargo: CargoArgs,
    }

    #[track_caller]
    fn check(line: &str, manifest: &str, compilation: &str) {
        let cargo = Line::parse_from(line.split(' ')).cargo;
        let joined = |words: Vec<OsString>| words.join(" ".as_ref()).into_string();
        assert_eq!(joined(cargo.manifest()).as_deref(), Ok(manifest));
        assert_eq!(joined(cargo.compilation()).as_deref(), Ok(compilation));
    }

    #[test]
    fn flags_reach_cargo_as_they_were_given() {
        check("x", "", "");
        check("x -r -F a -F b,c", "", "--features a --features b,c --release");
        check("x --profile ci --target-dir t", "", "--profile ci --target-dir t");
        check("x --manifest-path m --locked", "--manifest-path m --locked", "");
    }
}
