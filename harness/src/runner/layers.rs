//! The layers that a run has: what contains a firmware, and what records it.

use std::fmt;

use crate::sandbox::{Ids, MaskKind, Means, disk_place};
use crate::toml_error::did_you_mean;

/// What `--require` and FWTEST_REQUIRE name, each with whether this run has it and how that is said.
#[derive(Debug)]
pub(super) struct Layers(Vec<Layer>);

#[derive(Debug)]
struct Layer {
    name: &'static str,
    here: bool,
    /// Nothing where there is nothing to be had.
    words: String,
    /// What is said of one that is not here and was required, if that is not the same.
    why: Option<String>,
}

/// A layer was required, and cannot be had.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum RequireError {
    #[error("unknown layer `{name}` is required")]
    Unknown { name: String, hint: String },
    #[error("the layer `{name}` is required, and this run has it not: {words}")]
    Missing { name: &'static str, words: String },
}

impl RequireError {
    pub(super) fn hint(&self) -> String {
        match self {
            Self::Unknown { hint, .. } => hint.clone(),
            Self::Missing { .. } => {
                "`cargo fwtest doctor` says what this host lacks for it; `--require` and \
                 FWTEST_REQUIRE name what is required"
                    .to_owned()
            }
        }
    }
}

impl Layers {
    /// `apparmor` is why there is none, where there is none.
    pub(super) fn of(ids: &Ids, means: Means, apparmor: Result<(), String>) -> Self {
        let layer =
            |name, here, words: &str| Layer { name, here, words: words.to_owned(), why: None };
        let choose = |here: bool, yes: &'static str, no: &'static str| if here { yes } else { no };
        let users = match ids.single() {
            true => "user namespace with a single id (changes of owner are pretended)".to_owned(),
            false => format!("user namespace with {} ids", ids.count()),
        };
        let time = choose(
            means.time_namespace,
            "time namespace",
            "no time namespace (the uptime is the host's)",
        );
        let recorder = choose(
            means.recorder,
            "seccomp recorder",
            "seccomp filter without a recorder (attempts are the kernel's to refuse, and not told)",
        );
        let mask = match means.mask {
            MaskKind::Fuse => "sysrq mask",
            MaskKind::Fifo => "a FIFO for a sysrq mask (/dev/fuse cannot be opened)",
            MaskKind::NoFile => "",
        };
        Self(vec![
            Layer { name: "ids", here: !ids.single(), words: users, why: None },
            layer("storage", means.user_attributes, upper(means)),
            layer("cgroup", means.cgroup, choose(means.cgroup, "cgroup v2", "no cgroup")),
            layer("time", means.time_namespace, time),
            layer("recorder", means.recorder, recorder),
            layer("mask", means.mask != MaskKind::Fifo, mask),
            Layer {
                name: "apparmor",
                here: apparmor.is_ok(),
                words: choose(apparmor.is_ok(), "AppArmor", "").to_owned(),
                why: apparmor.err(),
            },
        ])
    }

    /// Whether all are here that a list with commas names.
    pub(super) fn check(&self, required: &str) -> Result<(), RequireError> {
        for name in required.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            let Some(layer) = self.0.iter().find(|layer| layer.name == name) else {
                let names: Vec<&str> = self.0.iter().map(|layer| layer.name).collect();
                let known = || format!("there are `{}`", names.join("`, `"));
                let hint = did_you_mean(name, names.iter().copied()).unwrap_or_else(known);
                return Err(RequireError::Unknown { name: name.to_owned(), hint });
            };
            if !layer.here {
                let words = layer.why.as_ref().unwrap_or(&layer.words).clone();
                return Err(RequireError::Missing { name: layer.name, words });
            }
        }
        Ok(())
    }
}

/// In the order in which they lie, with commas.
impl fmt::Display for Layers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<&str> =
            self.0.iter().map(|layer| &*layer.words).filter(|words| !words.is_empty()).collect();
        f.write_str(&words.join(", "))
    }
}

/// Where what an instance writes goes.
fn upper(means: Means) -> &'static str {
    if means.user_attributes {
        return "overlayfs on tmpfs";
    }
    match disk_place() {
        Ok(_) => {
            "overlayfs on disk (tmpfs has no user attributes here; `limits.storage` is not heeded)"
        }
        Err(_) => {
            "overlayfs on tmpfs without user attributes (a directory of the firmware cannot be \
             removed)"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: Means = Means {
        cgroup: true,
        user_attributes: true,
        time_namespace: true,
        recorder: true,
        mask: MaskKind::NoFile,
    };

    fn layers(recorder: bool, mask: MaskKind) -> Layers {
        let apparmor = Err("this kernel has no AppArmor".to_owned());
        Layers::of(&Ids::single_id(1000, 1000), Means { recorder, mask, ..WHOLE }, apparmor)
    }

    #[test]
    fn a_run_says_what_it_has() {
        let single = "user namespace with a single id (changes of owner are pretended), \
                      overlayfs on tmpfs, cgroup v2, time namespace, ";
        assert_eq!(
            layers(true, MaskKind::Fuse).to_string(),
            format!("{single}seccomp recorder, sysrq mask")
        );
        assert_eq!(layers(true, MaskKind::NoFile).to_string(), format!("{single}seccomp recorder"));
        let confined = Layers::of(&Ids::single_id(1000, 1000), WHOLE, Ok(()));
        assert_eq!(confined.to_string(), format!("{single}seccomp recorder, AppArmor"));
        assert_eq!(confined.check("apparmor"), Ok(()));
    }

    #[test]
    fn what_is_required_must_be_there() {
        let layers = layers(false, MaskKind::NoFile);
        assert_eq!(layers.check("cgroup, mask"), Ok(()));
        assert_eq!(layers.check(""), Ok(()));
        let error = layers.check("cgroup,recorder").unwrap_err();
        let expected = "the layer `recorder` is required, and this run has it not: seccomp filter";
        assert!(error.to_string().starts_with(expected), "{error}");
        let error = layers.check("apparmor").unwrap_err();
        let expected = "the layer `apparmor` is required, and this run has it not: this kernel has no AppArmor";
        assert_eq!(error.to_string(), expected);
        let error = layers.check("recoder").unwrap_err();
        assert_eq!(error.to_string(), "unknown layer `recoder` is required");
        assert_eq!(error.hint(), "did you mean `recorder`?");
    }
}
