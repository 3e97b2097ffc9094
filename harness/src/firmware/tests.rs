//! Root file systems that boot and that do not, made by hand.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use insta::assert_snapshot;
use tempfile::TempDir;

use super::craft::{Craft, STATIC};
use super::{PreflightError, preflight};

/// A root file system in the making.
struct Rootfs(TempDir);

const LOADER: &str = "/lib/ld-linux.so.2";
const DYNAMIC: Craft<'static> =
    Craft { interpreter: Some(LOADER), needed: &["libc.so.6"], ..STATIC };
const LIBRARY: Craft<'static> = Craft { kind: 3, ..STATIC };

impl Rootfs {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// With a program interpreter, a C library, and an init that needs both.
    fn dynamic(init: Craft<'_>) -> Self {
        Self::new()
            .file("/sbin/init", init.bytes())
            .file(LOADER, LIBRARY.bytes())
            .file("/lib/libc.so.6", LIBRARY.bytes())
    }

    fn at(&self, path: &str) -> std::path::PathBuf {
        let path = self.0.path().join(path.trim_start_matches('/'));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        path
    }

    fn file(self, path: &str, content: impl AsRef<[u8]>) -> Self {
        fs::write(self.at(path), content).unwrap();
        self.mode(path, 0o755)
    }

    fn mode(self, path: &str, mode: u32) -> Self {
        fs::set_permissions(self.at(path), fs::Permissions::from_mode(mode)).unwrap();
        self
    }

    fn link(self, path: &str, target: &str) -> Self {
        symlink(target, self.at(path)).unwrap();
        self
    }

    fn directory(self, path: &str) -> Self {
        fs::create_dir_all(self.at(path)).unwrap();
        self
    }

    fn missing(self, path: &str) -> Self {
        fs::remove_file(self.at(path)).unwrap();
        self
    }

    /// The path of init and that of its file.
    #[track_caller]
    fn boots(&self) -> (String, String) {
        let init = preflight(self.0.path(), None).unwrap_or_else(|e| panic!("{}", whole(&e)));
        (init.argv.join(" "), init.file.to_string())
    }

    #[track_caller]
    fn error(&self) -> String {
        self.error_with(&[])
    }

    #[track_caller]
    fn error_with(&self, init: &[&str]) -> String {
        let init: Vec<_> = init.iter().map(|word| word.to_string()).collect();
        let error = preflight(self.0.path(), Some(&init)).unwrap_err();
        whole(&error).replace(self.0.path().to_str().unwrap(), "rootfs")
    }
}

/// As the terminal shows it: message, causes, hint.
fn whole(error: &PreflightError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text += &format!("\n  caused by: {error}");
        cause = error.source();
    }
    text + &error.hint().map(|hint| format!("\nhint: {hint}")).unwrap_or_default()
}

#[test]
fn init_is_the_first_candidate_that_exists() {
    let (program, text) = (STATIC.bytes(), "#!/bin/sh\n");
    let rootfs = Rootfs::new().file("/bin/init", &program).directory("/etc/init");
    assert_eq!(rootfs.boots(), ("/bin/init".to_owned(), "/bin/init".to_owned()));
    let rootfs = rootfs.file("/init", text).link("/bin/sh", "init");
    assert_eq!(rootfs.boots(), ("/init".to_owned(), "/init".to_owned()));
    // As in many a firmware: absolute links, which lead nowhere on the host, and a merged /usr.
    let rootfs = Rootfs::new()
        .file("/usr/bin/busybox", &program)
        .link("/bin", "/usr/bin")
        .link("/sbin", "../../usr/bin")
        .link("/usr/bin/init", "/bin/busybox");
    assert_eq!(rootfs.boots(), ("/sbin/init".to_owned(), "/usr/bin/busybox".to_owned()));
}

#[test]
fn a_configured_init_has_its_arguments() {
    let rootfs = Rootfs::new().file("/opt/my init", STATIC.bytes());
    let argv = ["/opt/my init".to_owned(), "splash".to_owned()];
    let init = preflight(rootfs.0.path(), Some(&argv)).unwrap();
    assert_eq!((init.argv, init.file.to_string()), (argv.to_vec(), "/opt/my init".to_owned()));
}

#[test]
fn a_root_file_system_is_a_directory_with_something_in_it() {
    let rootfs = Rootfs::new();
    assert_snapshot!(rootfs.error(), @"
    failed to boot from `rootfs`
      caused by: the directory is empty
    hint: build the firmware first
    ");
    assert_snapshot!(whole(&preflight(Path::new("no/such"), None).unwrap_err()), @"
    failed to boot from `no/such`
      caused by: there is no such directory
    hint: build the firmware first, or mend `rootfs` in fwtest.toml
    ");
    let rootfs = rootfs.file("/image", "");
    let error = preflight(&rootfs.at("/image"), None).unwrap_err();
    assert_snapshot!(whole(&error).replace(rootfs.0.path().to_str().unwrap(), "."), @"
    failed to boot from `./image`
      caused by: it is not a directory
    hint: unpack the image, and name the directory in `rootfs`
    ");
}

#[test]
fn what_is_mounted_on_is_a_directory_or_missing() {
    let rootfs = Rootfs::new().file("/init", STATIC.bytes());
    rootfs.directory("/dev").directory("/proc").boots();
    let rootfs = Rootfs::new().file("/init", STATIC.bytes());
    assert_snapshot!(rootfs.link("/dev", "/tmp/dev").error(), @"
    failed to boot from `rootfs`
      caused by: `/dev` is a link to `/tmp/dev`
    hint: the sandbox mounts its own `/dev`: make it a directory, or leave it out
    ");
    let rootfs = Rootfs::new().file("/init", STATIC.bytes());
    assert_snapshot!(rootfs.file("/proc", "").error(), @"
    failed to boot from `rootfs`
      caused by: `/proc` is a regular file
    hint: the sandbox mounts its own `/proc`: make it a directory, or leave it out
    ");
    let rootfs = Rootfs::new().file("/init", STATIC.bytes());
    assert_snapshot!(rootfs.directory("/s").link("/sys", "s").error(), @"
    failed to boot from `rootfs`
      caused by: `/sys` is a link to `s`
    hint: the sandbox mounts its own `/sys`: make it a directory, or leave it out
    ");
}

#[test]
fn a_missing_init_says_what_was_tried() {
    assert_snapshot!(Rootfs::new().directory("/bin").error(), @r#"
    failed to boot from `rootfs`
      caused by: there is no init: `/sbin/init` is missing; `/init` is missing; `/etc/init` is missing; `/bin/init` is missing
    hint: name it in fwtest.toml: `init = "/usr/bin/my-init"`
    "#);
    let rootfs = Rootfs::new()
        .link("/sbin/init", "../bin/busybox")
        .directory("/init")
        .link("/etc", "/private/etc")
        .link("/bin/init", "init2")
        .link("/bin/init2", "init");
    assert_snapshot!(rootfs.error(), @r#"
    failed to boot from `rootfs`
      caused by: there is no init: `/sbin/init` is a link to `../bin/busybox`, which is missing; `/init` is a directory; `/etc/init` is missing: `/etc` is a link to `/private/etc`, which is missing; `/bin/init` is a link that leads back to itself
    hint: name it in fwtest.toml: `init = "/usr/bin/my-init"`
    "#);
    assert_snapshot!(rootfs.error_with(&["/usr/sbin/init"]), @"
    failed to boot from `rootfs`
      caused by: there is no init: `/usr/sbin/init` is missing
    hint: mend `init` in fwtest.toml, or leave it out
    ");
    // On the host this would be found.
    assert_snapshot!(rootfs.link("/run", "/../../../../bin/sh").error_with(&["/run"]), @"
    failed to boot from `rootfs`
      caused by: there is no init: `/run` is a link to `/../../../../bin/sh`, which is missing
    hint: mend `init` in fwtest.toml, or leave it out
    ");
}

#[test]
fn what_the_kernel_would_not_run_is_named() {
    let program = STATIC.bytes();
    let rootfs = Rootfs::new().file("/sbin/init", &program).mode("/sbin/init", 0o644);
    assert_snapshot!(rootfs.error(), @"
    failed to boot from `rootfs`
      caused by: `/sbin/init` is not executable: its mode is 0644
    hint: give it mode 0755 where the firmware is built
    ");
    assert_snapshot!(Rootfs::new().file("/init", "echo hello\n").error(), @"
    failed to boot from `rootfs`
      caused by: `/init` is neither an ELF file nor a script
    hint: a script begins with `#!` and its interpreter: `#!/bin/sh`
    ");
    assert_snapshot!(Rootfs::new().file("/init", "").error(), @"
    failed to boot from `rootfs`
      caused by: `/init` is neither an ELF file nor a script
    hint: a script begins with `#!` and its interpreter: `#!/bin/sh`
    ");
    assert_snapshot!(Rootfs::new().file("/init", "#!  \n").error(), @"
    failed to boot from `rootfs`
      caused by: `/init` is neither an ELF file nor a script
    hint: a script begins with `#!` and its interpreter: `#!/bin/sh`
    ");
    let object = Craft { kind: 1, ..STATIC };
    assert_snapshot!(Rootfs::new().file("/init", object.bytes()).error(), @"
    failed to boot from `rootfs`
      caused by: `/init` is a broken ELF file: its type is not a program's
    hint: it may have been cut off: build it anew
    ");
}

#[cfg(target_arch = "x86_64")]
#[test]
fn a_program_is_for_some_machine() {
    let arm = Craft { machine: 40, is_64_bit: false, ..STATIC };
    assert_snapshot!(Rootfs::new().file("/init", arm.bytes()).error(), @"
    failed to boot from `rootfs`
      caused by: `/init` is for 32-bit ARM, this machine is x86-64
    hint: build the firmware for x86-64 too, or test on a machine of its kind
    ");
    let mut mips = Craft { machine: 8 << 8, is_64_bit: false, ..STATIC }.bytes();
    mips[5] = 2;
    assert_snapshot!(Rootfs::new().file("/init", mips).error(), @"
    failed to boot from `rootfs`
      caused by: `/init` is for big-endian 32-bit MIPS, this machine is x86-64
    hint: build the firmware for x86-64 too, or test on a machine of its kind
    ");
    // The shell of a script is a program too.
    let rootfs = Rootfs::new().file("/init", "#!/bin/sh").file("/bin/sh", arm.bytes());
    assert_snapshot!(rootfs.error(), @"
    failed to boot from `rootfs`
      caused by: `/bin/sh` is for 32-bit ARM, this machine is x86-64
    hint: build the firmware for x86-64 too, or test on a machine of its kind
    ");
    // An x86-64 kernel runs 32-bit x86.
    Rootfs::new().file("/init", Craft { machine: 3, is_64_bit: false, ..STATIC }.bytes()).boots();
    let i386 = Craft { machine: 3, is_64_bit: false, ..DYNAMIC };
    let rootfs = Rootfs::dynamic(i386);
    assert_snapshot!(rootfs.error(), @"
    failed to boot from `rootfs`
      caused by: `/sbin/init` needs the interpreter `/lib/ld-linux.so.2`, which is for x86-64
    ");
    let library = Craft { kind: 3, machine: 3, is_64_bit: false, ..STATIC };
    let rootfs = rootfs.file(LOADER, library.bytes());
    assert_snapshot!(rootfs.error(), @"
    failed to boot from `rootfs`
      caused by: `/sbin/init` lacks libraries: `libc.so.6` (`/lib/libc.so.6` is for x86-64)
    ");
    rootfs.file("/usr/lib32/libc.so.6", library.bytes()).boots();
}

#[test]
fn an_interpreter_is_there_and_executable() {
    Rootfs::dynamic(DYNAMIC).boots();
    assert_snapshot!(Rootfs::dynamic(DYNAMIC).missing(LOADER).error(), @"
    failed to boot from `rootfs`
      caused by: `/sbin/init` needs the interpreter `/lib/ld-linux.so.2`, which is missing
    hint: install it into the firmware's root file system
    ");
    assert_snapshot!(Rootfs::dynamic(DYNAMIC).mode(LOADER, 0o644).error(), @"
    failed to boot from `rootfs`
      caused by: `/sbin/init` needs the interpreter `/lib/ld-linux.so.2`, which is not executable (mode 0644)
    hint: give it mode 0755 where the firmware is built
    ");
    let script = |text: &str| Rootfs::new().file("/bin/sh", STATIC.bytes()).file("/init", text);
    script("#!/bin/sh").boots();
    script("#! \t/bin/sh -e\n").boots();
    assert_snapshot!(script("#!/bin/bash\n").error(), @"
    failed to boot from `rootfs`
      caused by: `/init` needs the interpreter `/bin/bash`, which is missing
    hint: install it into the firmware's root file system
    ");
    assert_snapshot!(script("#!/bin/sh\r\n").error(), @r"
    failed to boot from `rootfs`
      caused by: `/init` needs the interpreter `/bin/sh\r`, which is missing
    hint: the script's lines end with a carriage return: save it with Unix line ends
    ");
    assert_snapshot!(script("#!/bin\n").error(), @"
    failed to boot from `rootfs`
      caused by: `/init` needs the interpreter `/bin`, which is a directory
    ");
    assert_snapshot!(script("#!/init\n").error(), @"
    failed to boot from `rootfs`
      caused by: `/init` is a script whose interpreter is a script, and so on
    ");
}

#[test]
fn libraries_are_found_where_ld_so_looks() {
    let moved = |to: &str| {
        let rootfs = Rootfs::dynamic(DYNAMIC).missing("/lib/libc.so.6");
        rootfs.file(to, LIBRARY.bytes())
    };
    moved("/usr/lib64/libc.so.6").boots();
    moved("/opt/c/libc.so.6")
        .file("/etc/ld.so.conf", "include ld.so.conf.d/*.conf\n/opt/c\n")
        .boots();
    moved("/opt/c/libc.so.6").file("/etc/ld.so.conf.d/c.conf", "# ours\n/opt/c # here\n").boots();
    let init = Craft { runpath: Some("/a:$ORIGIN/../opt/${LIB}"), ..DYNAMIC };
    moved("/opt/lib/libc.so.6").file("/sbin/init", init.bytes()).boots();
    let init = Craft { rpath: Some("/opt"), ..DYNAMIC };
    moved("/opt/libc.so.6").file("/sbin/init", init.bytes()).boots();
    let init = Craft { needed: &["/opt/any.so", "libc.so.6"], ..DYNAMIC };
    Rootfs::dynamic(init).file("/opt/any.so", LIBRARY.bytes()).boots();
    // $ORIGIN is where the file is, not where the link to it is.
    let init = Craft { runpath: Some("$ORIGIN/lib"), ..DYNAMIC };
    let rootfs = moved("/opt/lib/libc.so.6").missing("/sbin/init").file("/opt/init", init.bytes());
    rootfs.link("/sbin/init", "/opt/init").boots();
    // musl's interpreter is the C library too.
    let musl = "/lib/ld-musl-x86_64.so.1";
    let init = Craft { interpreter: Some(musl), needed: &["libc.musl-x86_64.so.1"], ..STATIC };
    Rootfs::new().file("/init", init.bytes()).file(musl, LIBRARY.bytes()).boots();
    // What Android's loader does is not known here.
    let init = Craft { interpreter: Some("/system/bin/linker64"), ..DYNAMIC };
    Rootfs::new().file("/init", init.bytes()).file("/system/bin/linker64", LIBRARY.bytes()).boots();
}

#[test]
fn missing_libraries_are_named() {
    let init = Craft { needed: &["libz.so.1", "libc.so.6", "libm.so.6"], ..DYNAMIC };
    assert_snapshot!(Rootfs::dynamic(init).error(), @"
    failed to boot from `rootfs`
      caused by: `/sbin/init` lacks libraries: `libz.so.1`; `libm.so.6`
    hint: install them into the firmware's root file system, where its dynamic linker looks
    ");
    let init = Craft { needed: &["liba.so", "libb.so", "libc.so.6"], ..DYNAMIC };
    let library = Craft { needed: &["libb.so", "libz.so.1"], ..LIBRARY };
    let rootfs = Rootfs::dynamic(init).file("/lib/liba.so", library.bytes());
    assert_snapshot!(rootfs.file("/lib/libb.so", library.bytes()).error(), @"
    failed to boot from `rootfs`
      caused by: `/sbin/init` lacks libraries: `libz.so.1` (for `/lib/liba.so`)
    hint: install them into the firmware's root file system, where its dynamic linker looks
    ");
    let rootfs =
        Rootfs::dynamic(DYNAMIC).missing("/lib/libc.so.6").link("/lib/libc.so.6", "libc-2.39.so");
    assert_snapshot!(rootfs.error(), @"
    failed to boot from `rootfs`
      caused by: `/sbin/init` lacks libraries: `libc.so.6` (`/lib/libc.so.6` is a link to `libc-2.39.so`, which is missing)
    ");
    assert_snapshot!(Rootfs::dynamic(DYNAMIC).file("/lib/libc.so.6", "GROUP ( libc.so )").error(), @"
    failed to boot from `rootfs`
      caused by: `/lib/libc.so.6` is a broken ELF file: it does not begin like one
    hint: it may have been cut off: build it anew
    ");
}

/// Whatever is cut off or flipped, there is an answer and no panic.
#[test]
fn a_broken_file_is_an_error() {
    let init = Craft { runpath: Some("/a"), ..DYNAMIC }.bytes();
    let rootfs = Rootfs::dynamic(DYNAMIC);
    assert_snapshot!(Rootfs::new().file("/init", &init[..10]).error(), @"
    failed to boot from `rootfs`
      caused by: `/init` is a broken ELF file: it ends, or goes wrong, in its first 20 bytes
    hint: it may have been cut off: build it anew
    ");
    assert_snapshot!(Rootfs::new().file("/init", &init[..40]).error(), @"
    failed to boot from `rootfs`
      caused by: `/init` is a broken ELF file: invalid ELF header size or alignment
    hint: it may have been cut off: build it anew
    ");
    assert_snapshot!(Rootfs::new().file("/init", &init[..100]).error(), @"
    failed to boot from `rootfs`
      caused by: `/init` is a broken ELF file: invalid ELF program header size or alignment
    hint: it may have been cut off: build it anew
    ");
    assert_snapshot!(Rootfs::new().file("/init", &init[..init.len() - 40]).error(), @"
    failed to boot from `rootfs`
      caused by: `/init` is a broken ELF file: its interpreter's name is past its end
    hint: it may have been cut off: build it anew
    ");
    for length in 0..init.len() {
        fs::write(rootfs.at("/sbin/init"), &init[..length]).unwrap();
        preflight(rootfs.0.path(), None).unwrap_err();
    }
    for index in 0..init.len() {
        for value in [0, 1, 0x7f, 0xff] {
            let mut flipped = init.clone();
            flipped[index] = value;
            fs::write(rootfs.at("/sbin/init"), &flipped).unwrap();
            let _ = preflight(rootfs.0.path(), None);
        }
    }
}

#[test]
fn what_cannot_be_read_is_named() {
    let errors = crate::testing::as_an_ordinary_user(|| {
        let file = Rootfs::dynamic(DYNAMIC).mode("/sbin/init", 0o311).error();
        let rootfs = Rootfs::dynamic(DYNAMIC).mode("/sbin", 0o600);
        let directory = rootfs.error();
        let rootfs = rootfs.mode("/sbin", 0o700).mode("/", 0);
        let all = rootfs.error();
        let _removable = rootfs.mode("/", 0o700);
        [file, directory, all]
    });
    assert_snapshot!(errors[0], @"
    failed to boot from `rootfs`
      caused by: failed to read `/sbin/init` in it
      caused by: Permission denied (os error 13)
    hint: whoever runs the tests has to be able to read the whole firmware
    ");
    assert_snapshot!(errors[1], @"
    failed to boot from `rootfs`
      caused by: failed to read `/sbin/init` in it
      caused by: Permission denied (os error 13)
    hint: whoever runs the tests has to be able to read the whole firmware
    ");
    assert_snapshot!(errors[2], @"
    failed to boot from `rootfs`
      caused by: failed to read `/` in it
      caused by: Permission denied (os error 13)
    hint: whoever runs the tests has to be able to read the whole firmware
    ");
}
