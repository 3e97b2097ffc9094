use std::env;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::examine::{Answer, Check};
use super::host::{Distribution, Host};

pub const CHECK: Check = Check { name: "id map programs", look };

const PROGRAMS: [&str; 2] = ["newuidmap", "newgidmap"];

/// What there is of one of them.
#[derive(Clone, Debug, PartialEq)]
enum Program {
    Absent,
    /// By the set-user-ID bit or by file capabilities.
    Privileged,
    Powerless(PathBuf),
}

fn look(host: &Host) -> Answer {
    match host.is_root() {
        true => Answer::fine("not needed by root"),
        false => judge(PROGRAMS.map(find), host.distribution),
    }
}

fn find(name: &str) -> Program {
    let path = env::var_os("PATH").unwrap_or_default();
    let Some(found) = env::split_paths(&path).map(|place| place.join(name)).find(|at| at.is_file())
    else {
        return Program::Absent;
    };
    match is_privileged(&found) {
        true => Program::Privileged,
        false => Program::Powerless(found),
    }
}

fn is_privileged(program: &Path) -> bool {
    /// `S_ISUID`, inode(7)
    const SET_USER_ID: u32 = 0o4000;
    let set_user_id = program.metadata().is_ok_and(|found| found.mode() & SET_USER_ID != 0);
    // Fedora and Arch give it capabilities instead.
    let mut value = [0; 64];
    set_user_id || rustix::fs::getxattr(program, "security.capability", &mut value).is_ok()
}

fn judge(programs: [Program; 2], distribution: Distribution) -> Answer {
    for (name, program) in PROGRAMS.iter().zip(&programs) {
        match program {
            Program::Privileged => {}
            Program::Absent => {
                return Answer::degraded(
                    format!("`{name}` is not installed, so firmwares have one user id only"),
                    install(distribution),
                );
            }
            Program::Powerless(path) => {
                let path = path.display();
                return Answer::degraded(
                    format!("{path} is not set-user-ID, so firmwares have one user id only"),
                    format!("sudo chown root {path} && sudo chmod u+s {path}"),
                );
            }
        }
    }
    Answer::fine("`newuidmap` and `newgidmap`")
}

fn install(distribution: Distribution) -> &'static str {
    match distribution {
        Distribution::Debian => "sudo apt install uidmap",
        Distribution::Fedora => "sudo dnf install shadow-utils",
        Distribution::Suse => "sudo zypper install shadow",
        Distribution::Arch => "sudo pacman -S shadow",
        Distribution::Alpine => "sudo apk add shadow-uidmap",
        Distribution::Unknown => "install the package with `newuidmap` (`uidmap` or `shadow`)",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_trouble_has_its_mend() {
        let check = |programs, mend: Option<&str>| {
            assert_eq!(judge(programs, Distribution::Debian).mend.as_deref(), mend);
        };
        let powerless = Program::Powerless("/usr/bin/newgidmap".into());
        check([Program::Privileged, Program::Privileged], None);
        check([Program::Absent, Program::Absent], Some("sudo apt install uidmap"));
        check(
            [Program::Privileged, powerless],
            Some("sudo chown root /usr/bin/newgidmap && sudo chmod u+s /usr/bin/newgidmap"),
        );
    }
}
