//! What tests of several modules need.

/// Runs `test` where permissions count. File access of a thread goes by its own ids: setfsuid(2).
pub(crate) fn as_an_ordinary_user<T: Send>(test: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let test = scope.spawn(|| {
            if rustix::process::geteuid().is_root() {
                nix::unistd::setfsgid(nix::unistd::Gid::from_raw(65534));
                nix::unistd::setfsuid(nix::unistd::Uid::from_raw(65534));
            }
            test()
        });
        test.join().unwrap()
    })
}
