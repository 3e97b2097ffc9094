//! What this command asks of the crate `fwtest`, and the only file that asks it.

use std::process::ExitCode;

pub use fwtest::command::{
    AskError, CacheError, GroupError, Launcher, MaskKind, Means, Missing, ProjectError, StepError,
    SuiteTest, Unavailable, apparmor_available, apparmor_profile, cache_directory, disk_place,
    shell_word, suite_tests,
};
pub use fwtest::firmware::{AppArmor, Config, ConfigError, Firmware, Problem};
pub use fwtest::path::shown;

/// Runs this process as a test binary that holds the suites alone; its arguments are those of
/// libtest-mimic, after [`crate::source::SUITES`].
pub fn suites_main() -> ExitCode {
    // insta takes the place of a snapshot from the crate that its macro stands in; for a suite all
    // of that is set, but its macro has to stand somewhere.
    fwtest::command::suites_main(|settings, name, text| {
        settings.bind(|| fwtest::__private::insta::assert_snapshot!(name, text));
    })
}

/// Whether `firmware` can have AppArmor, where it does not boot without.
pub fn has_apparmor(firmware: &Firmware) -> Result<(), AskError> {
    match firmware.apparmor {
        AppArmor::Required => apparmor_available()
            .map_err(|why| AskError::NoAppArmor(Missing::Unavailable(why).into())),
        AppArmor::Auto | AppArmor::Off => Ok(()),
    }
}

/// Whether `firmware` could boot, as far as a look at its files tells.
pub fn preflight(firmware: &Firmware) -> Result<(), Problem> {
    match fwtest::firmware::preflight(&firmware.rootfs, firmware.init.as_deref()) {
        Ok(_) => Ok(()),
        Err(error) => Err(error.problem),
    }
}
