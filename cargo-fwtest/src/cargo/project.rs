use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use cargo_metadata::{Metadata, MetadataCommand, Package};
use globset::GlobMatcher;

use crate::cli::CargoArgs;
use crate::error::Error;
use crate::select::glob;

/// The library that a package must depend on before its test targets are worth a build.
const LIBRARY: &str = "fwtest";

/// The Cargo project that the command runs in.
#[derive(Debug)]
pub struct Project {
    /// The top of the workspace.
    pub root: PathBuf,
    pub target_directory: PathBuf,
    /// Those that were selected, use fwtest and have test targets.
    pub packages: Vec<Package>,
}

impl Project {
    /// The one whose Cargo.toml is nearest upwards from `directory`, if there is one.
    pub fn find(directory: &Path, args: &CargoArgs) -> Result<Option<Project>, Error> {
        let manifests = directory.ancestors().map(|above| above.join("Cargo.toml"));
        let nearest = match &args.manifest_path {
            Some(path) => Some(directory.join(path.file_name().unwrap_or_default())),
            None => manifests.into_iter().find(|path| path.is_file()),
        };
        let Some(nearest) = nearest else { return Ok(None) };

        // Without dependencies: what a package says of its own is enough, and needs no network.
        let metadata = MetadataCommand::new()
            .cargo_path(cargo())
            .no_deps()
            .other_options(args.manifest().into_iter().map(lossy).collect::<Vec<_>>())
            .exec()
            .map_err(|source| Error::Metadata {
                directory: directory.to_path_buf(),
                source: Box::new(source),
            })?;

        let selected = selected(&metadata, &nearest, args)?;
        let packages = with_targets(selected, &args.test)?;
        let target_directory = match &args.target_dir {
            Some(given) => {
                env::current_dir().map_err(Error::os("find", "the current directory"))?.join(given)
            }
            None => metadata.target_directory.clone().into(),
        };
        Ok(Some(Project {
            root: metadata.workspace_root.clone().into(),
            target_directory,
            packages,
        }))
    }
}

/// The right way to call back into the Cargo that called this command, with its toolchain.
pub fn cargo() -> OsString {
    env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// `MetadataCommand` takes text alone.
fn lossy(word: OsString) -> String {
    word.to_string_lossy().into_owned()
}

/// The packages that `cargo test` would select.
fn selected<'a>(
    metadata: &'a Metadata,
    nearest: &Path,
    args: &CargoArgs,
) -> Result<Vec<&'a Package>, Error> {
    let members = metadata.workspace_packages();
    if args.workspace {
        let excluded = args.exclude.iter().map(|spec| glob(spec)).collect::<Result<Vec<_>, _>>()?;
        let kept = |package: &&Package| !excluded.iter().any(|spec| is(package, spec));
        return Ok(members.into_iter().filter(kept).collect());
    }
    if !args.package.is_empty() {
        let mut found = Vec::new();
        for spec in &args.package {
            let matcher = glob(spec)?;
            let before = found.len();
            found.extend(
                members.iter().filter(|package| is(package, &matcher) || package.id.repr == *spec),
            );
            if found.len() == before {
                let root = metadata.workspace_root.clone().into();
                return Err(Error::NoPackage { spec: spec.clone(), root });
            }
        }
        return Ok(found);
    }
    // Below the top of a workspace the package around the directory is meant; at the top, and
    // where that package is none, what the workspace says.
    let around = members.iter().find(|package| package.manifest_path == nearest);
    match around {
        Some(package) if nearest.parent() != Some(metadata.workspace_root.as_std_path()) => {
            Ok(vec![package])
        }
        _ => Ok(metadata.workspace_default_packages()),
    }
}

fn is(package: &Package, spec: &GlobMatcher) -> bool {
    spec.is_match(package.name.as_str())
        || spec.is_match(format!("{}@{}", package.name, package.version))
}

/// Those of `packages` that use fwtest and have a test target among `wanted` (none: any).
fn with_targets(packages: Vec<&Package>, wanted: &[String]) -> Result<Vec<Package>, Error> {
    let matchers = wanted.iter().map(|name| glob(name)).collect::<Result<Vec<_>, _>>()?;
    let has = |package: &Package, matcher: Option<&GlobMatcher>| {
        let named = |name: &str| matcher.is_none_or(|matcher| matcher.is_match(name));
        package.dependencies.iter().any(|dependency| dependency.name == LIBRARY)
            && package.targets.iter().any(|target| target.is_test() && named(&target.name))
    };
    for (name, matcher) in wanted.iter().zip(&matchers) {
        if !packages.iter().any(|package| has(package, Some(matcher))) {
            return Err(Error::NoTarget { name: name.clone() });
        }
    }
    let wanted = |package: &&Package| match &matchers[..] {
        [] => has(package, None),
        matchers => matchers.iter().any(|matcher| has(package, Some(matcher))),
    };
    Ok(packages.into_iter().filter(wanted).cloned().collect())
}
