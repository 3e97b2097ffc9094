//! Root file systems that cannot boot: said before any test, with the path at fault.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use insta::assert_snapshot;

use crate::repo::Repo;

/// What the command says of the firmware; nothing else, and 96.
#[track_caller]
fn refused(repo: &Repo) -> String {
    let ran = repo.run("");
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(96), ""), "{}", ran.stderr);
    ran.stderr
}

#[test]
fn one_that_is_not_there() {
    assert_snapshot!(refused(&Repo::without_rootfs()), @"
    error: failed to boot the firmware `router` from `ROOT/rootfs`
      caused by: there is no such directory

    hint: build the firmware first, or mend `rootfs` in fwtest.toml
    ");
}

#[test]
fn one_that_is_empty() {
    let repo = Repo::without_rootfs();
    fs::create_dir(repo.path("rootfs")).unwrap();
    assert_snapshot!(refused(&repo), @"
    error: failed to boot the firmware `router` from `ROOT/rootfs`
      caused by: the directory is empty

    hint: build the firmware first
    ");
}

#[test]
fn one_that_is_no_directory() {
    let repo = Repo::without_rootfs();
    repo.write("rootfs", "an image");
    assert_snapshot!(refused(&repo), @"
    error: failed to boot the firmware `router` from `ROOT/rootfs`
      caused by: it is not a directory

    hint: unpack the image, and name the directory in `rootfs`
    ");
}

#[test]
fn one_without_an_init() {
    let repo = Repo::idle();
    fs::remove_file(repo.path("rootfs/sbin/init")).unwrap();
    symlink("../lib/systemd/systemd", repo.path("rootfs/bin/init")).unwrap();
    assert_snapshot!(refused(&repo), @r#"
    error: failed to boot the firmware `router` from `ROOT/rootfs`
      caused by: there is no init: `/sbin/init` is missing; `/init` is missing; `/etc/init` is missing; `/bin/init` is a link to `../lib/systemd/systemd`, which is missing

    hint: name it in fwtest.toml: `init = "/usr/bin/my-init"`
    "#);
    repo.configure("init = \"/usr/lib/init\"");
    assert_snapshot!(refused(&repo), @"
    error: failed to boot the firmware `router` from `ROOT/rootfs`
      caused by: there is no init: `/usr/lib/init` is missing

    hint: mend `init` in fwtest.toml, or leave it out
    ");
}

#[test]
fn one_whose_init_is_not_executable() {
    let repo = Repo::idle();
    fs::set_permissions(repo.path("rootfs/sbin/init"), Permissions::from_mode(0o644)).unwrap();
    assert_snapshot!(refused(&repo), @"
    error: failed to boot the firmware `router` from `ROOT/rootfs`
      caused by: `/sbin/init` is not executable: its mode is 0644

    hint: give it mode 0755 where the firmware is built
    ");
}

#[test]
fn one_for_another_machine() {
    let repo = Repo::idle();
    // elf(5): little-endian, and `e_machine` is EM_RISCV or, of the other width, EM_MIPS.
    let head = |class, machine| {
        let mut head = vec![0x7f, b'E', b'L', b'F', class, 1, 1];
        head.resize(16, 0);
        head.extend([2, 0, machine, 0, 1, 0, 0, 0]);
        head.resize(64, 0);
        head
    };
    fs::write(repo.path("rootfs/sbin/init"), head(2, 243)).unwrap();
    let text = refused(&repo).replace(here(), "HERE");
    assert_snapshot!(text, @"
    error: failed to boot the firmware `router` from `ROOT/rootfs`
      caused by: `/sbin/init` is for 64-bit RISC-V, this machine is HERE

    hint: build the firmware for HERE too, or test on a machine of its kind
    ");
    fs::write(repo.path("rootfs/sbin/init"), head(1, 8)).unwrap();
    let text = refused(&repo).replace(here(), "HERE");
    assert_snapshot!(text.lines().nth(1).unwrap(), @"  caused by: `/sbin/init` is for little-endian 32-bit MIPS, this machine is HERE");
}

fn here() -> &'static str {
    if cfg!(target_arch = "x86_64") { "x86-64" } else { "64-bit ARM" }
}

#[test]
fn one_without_the_interpreter_of_its_init() {
    let repo = Repo::idle();
    let init = repo.path("rootfs/sbin/init");
    fs::write(&init, "#!/bin/bash\nexec sleep 1000\n").unwrap();
    assert_snapshot!(refused(&repo), @"
    error: failed to boot the firmware `router` from `ROOT/rootfs`
      caused by: `/sbin/init` needs the interpreter `/bin/bash`, which is missing

    hint: install it into the firmware's root file system
    ");
    fs::write(&init, "#!/bin/sh\r\nexec sleep 1000\r\n").unwrap();
    assert_snapshot!(refused(&repo), @r"
    error: failed to boot the firmware `router` from `ROOT/rootfs`
      caused by: `/sbin/init` needs the interpreter `/bin/sh\r`, which is missing

    hint: the script's lines end with a carriage return: save it with Unix line ends
    ");
}

/// This test is itself a program with an interpreter and libraries.
#[test]
fn one_without_the_libraries_of_its_init() {
    let repo = Repo::idle();
    let init = repo.path("rootfs/sbin/init");
    fs::copy("/proc/self/exe", &init).unwrap();
    let text = refused(&repo);
    let start =
        text.find("needs the interpreter `").expect(&text) + "needs the interpreter `".len();
    let interpreter = &text[start..][..text[start..].find('`').unwrap()];
    assert_snapshot!(text.replace(interpreter, "/lib/ld.so"), @"
    error: failed to boot the firmware `router` from `ROOT/rootfs`
      caused by: `/sbin/init` needs the interpreter `/lib/ld.so`, which is missing

    hint: install it into the firmware's root file system
    ");

    let inside = repo.path(&format!("rootfs{interpreter}"));
    fs::create_dir_all(inside.parent().unwrap()).unwrap();
    fs::copy(interpreter, inside).unwrap();
    let text = refused(&repo);
    assert!(text.contains("`/sbin/init` lacks libraries: `lib"), "{text}");
    assert!(text.contains("`libc.so.6`"), "{text}");
    assert_snapshot!(text.lines().last().unwrap(), @"hint: install them into the firmware's root file system, where its dynamic linker looks");
}

#[test]
fn one_that_would_be_mounted_on_elsewhere() {
    for name in ["dev", "proc", "sys"] {
        let repo = Repo::idle();
        let (inside, outside) = (repo.path("rootfs").join(name), repo.path("outside"));
        fs::create_dir(&outside).unwrap();
        fs::remove_dir(&inside).unwrap();
        symlink(&outside, &inside).unwrap();
        let text = refused(&repo).replace(&format!("/{name}"), "/NAME");
        if name == "dev" {
            assert_snapshot!(text, @"
            error: failed to boot the firmware `router` from `ROOT/rootfs`
              caused by: `/NAME` is a link to `ROOT/outside`

            hint: the sandbox mounts its own `/NAME`: make it a directory, or leave it out
            ");
        }
        assert!(text.contains("`/NAME` is a link to `ROOT/outside`"), "{text}");
        assert_eq!(fs::read_dir(outside).unwrap().count(), 0);
    }
}

/// Links that are not mounted on are the firmware's own business: in the guest they stay in it.
#[test]
fn one_whose_links_lead_outside_boots_and_touches_nothing_there() {
    let repo = Repo::with_init(
        "echo written >/dev/console; echo written >/etc/new; echo written >/etc/passwd; \
         echo written >/var/file; echo booted; exec sleep 1000",
    );
    repo.configure("ready = [{ log = \"booted\" }]");
    let inside = |path: &str| repo.path("rootfs").join(path);
    repo.write("outside/etc/passwd", "untouched");
    repo.write("outside/console", "untouched");
    repo.write("outside/var/file", "untouched");
    fs::remove_dir_all(inside("etc")).unwrap();
    symlink(repo.path("outside/etc"), inside("etc")).unwrap();
    symlink(repo.path("outside/console"), inside("dev/console")).unwrap();
    symlink("../outside/var", inside("var")).unwrap();
    let before = listing(&repo.path("outside"));
    let ran = repo.run("--keep all");
    assert_eq!(ran.code, Some(0), "{}", ran.all());
    assert_eq!(listing(&repo.path("outside")), before);
    let console =
        fs::read_to_string(repo.path("target/fwtest/router.tests.web.says_hello/console.log"));
    assert!(console.unwrap().contains("written\n"), "its own console is another one");
}

/// Every name below a directory, with its content and its time of change.
fn listing(directory: &Path) -> Vec<(String, String, std::time::SystemTime)> {
    let mut list = Vec::new();
    for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
        let (path, metadata) = (entry.path(), entry.metadata().unwrap());
        let content = match metadata.is_dir() {
            true => {
                list.extend(listing(&path));
                String::new()
            }
            false => fs::read_to_string(&path).unwrap(),
        };
        list.push((path.display().to_string(), content, metadata.modified().unwrap()));
    }
    list.sort();
    list
}
