//! Checks of the guest's listening sockets. A port counts on whatever address.

use std::collections::BTreeSet;

use super::nearest::nearest;
use super::{Mismatch, Subject};
use crate::instance::{Listener, Listening};
use crate::value::{Port, ValueError};

/// All of `ports` are listened on, and others may be.
///
/// # Errors
/// When one is not; when `ports` is empty or has what is no port.
pub fn check_includes<S: AsRef<str>>(listening: &Listening, ports: &[S]) -> Result<(), Mismatch> {
    let (wanted, expected) = wanted(ports, "")?;
    let open = open(listening);
    if wanted.is_subset(&open) { Ok(()) } else { Err(mismatch(listening, expected, &wanted)) }
}

/// `ports`, and no others, are listened on.
///
/// # Errors
/// When one is not, when another is; when `ports` is empty or has what is no port. An empty list is
/// more often a mistake than a wish: [`check_nothing`] is for that.
pub fn check_only<S: AsRef<str>>(listening: &Listening, ports: &[S]) -> Result<(), Mismatch> {
    let (wanted, expected) = wanted(ports, "only ")?;
    let open = open(listening);
    if wanted == open {
        return Ok(());
    }
    let mut mismatch = mismatch(listening, expected, &wanted);
    let unexpected: Vec<_> = open.difference(&wanted).map(Port::to_string).collect();
    if !unexpected.is_empty() {
        mismatch.actual.push_str(&format!("; unexpected: {}", unexpected.join(", ")));
    }
    Err(mismatch)
}

/// Nothing is listened on.
///
/// # Errors
/// When something is.
pub fn check_nothing(listening: &Listening) -> Result<(), Mismatch> {
    if listening.0.is_empty() {
        return Ok(());
    }
    Err(Mismatch::new("nothing listening", describe(listening)))
}

/// The ports, and how the failure says them.
fn wanted<S: AsRef<str>>(ports: &[S], only: &str) -> Result<(BTreeSet<Port>, String), Mismatch> {
    let texts: Vec<_> = ports.iter().map(AsRef::as_ref).collect();
    let expected = format!("{only}{} listening", texts.join(", "));
    if texts.is_empty() {
        let why = "the list is empty";
        let nearest =
            (!only.is_empty()).then(|| "`nothing()` says that nothing listens".to_owned());
        let expected = format!("{only}the listed ports listening");
        return Err(Mismatch::not_evaluated(expected, why).with_nearest(nearest));
    }
    let parsed: Result<_, ValueError> = texts.iter().map(|text| text.parse()).collect();
    match parsed {
        Ok(wanted) => Ok((wanted, expected)),
        Err(ValueError { message, hint }) => {
            let hint = hint.map(|hint| format!(": {hint}")).unwrap_or_default();
            Err(Mismatch::not_evaluated(expected, format!("{message}{hint}")))
        }
    }
}

fn open(listening: &Listening) -> BTreeSet<Port> {
    listening.0.iter().map(port).collect()
}

fn port(listener: &Listener) -> Port {
    Port { protocol: listener.protocol, number: listener.address.port() }
}

fn mismatch(listening: &Listening, expected: String, wanted: &BTreeSet<Port>) -> Mismatch {
    let open = open(listening);
    let missing: Vec<_> = wanted.difference(&open).collect();
    let mut actual = describe(listening);
    if !missing.is_empty() {
        let ports: Vec<_> = missing.iter().map(ToString::to_string).collect();
        actual.push_str(&format!("; missing: {}", ports.join(", ")));
    }
    let spare: Vec<_> = listening.0.iter().filter(|one| !wanted.contains(&port(one))).collect();
    let near: Vec<_> = missing.iter().filter_map(|port| near(**port, &spare)).collect();
    Mismatch::new(expected, actual).with_nearest((!near.is_empty()).then(|| near.join("\n")))
}

/// What listens where nobody asked and could be meant: on the same number in another protocol, or
/// on one that looks alike (8080 for 80).
fn near(missing: Port, spare: &[&Listener]) -> Option<String> {
    let number = missing.number.to_string();
    let numbers: Vec<_> = spare.iter().map(|one| one.address.port().to_string()).collect();
    let same = numbers.iter().position(|other| *other == number);
    let alike = || nearest(&number, numbers.iter().map(String::as_str).zip(0..));
    same.or_else(alike).map(|index| format!("{}, for {missing}", title(spare[index])))
}

fn describe(listening: &Listening) -> String {
    if listening.0.is_empty() {
        return "nothing listening".to_owned();
    }
    let mut titles: Vec<_> = listening.0.iter().map(title).collect();
    titles.dedup(); // one server on 0.0.0.0 and on [::]
    titles.join(", ")
}

/// `tcp:8080 on 127.0.0.1 by uhttpd(143)`, without what says nothing.
fn title(listener: &Listener) -> String {
    let mut title = port(listener).to_string();
    let ip = listener.address.ip();
    if !ip.is_unspecified() {
        title.push_str(&format!(" on {ip}"));
    }
    let owners: Vec<_> = listener
        .owners
        .iter()
        .map(|(pid, comm)| format!("{}({pid})", comm.escape_debug()))
        .collect();
    if !owners.is_empty() {
        title.push_str(&format!(" by {}", owners.join(" and ")));
    }
    title
}

/// A port is `tcp:80` or `udp:53`, whatever the address.
impl Subject<Listening> {
    /// Are all of `ports` listened on? Fails where the list is empty.
    ///
    /// ```no_run
    /// # use fwtest::{expect, instance::Listening};
    /// # fn test(listening: Listening) {
    /// expect!(listening).includes(["tcp:80"]);
    /// # }
    /// ```
    pub fn includes<S: AsRef<str>>(self, ports: impl IntoIterator<Item = S>) -> Self {
        let ports: Vec<S> = ports.into_iter().collect();
        self.holds(|listening| check_includes(listening, &ports))
    }

    /// Are `ports`, and no others, listened on? Fails where the list is empty:
    /// [`nothing`](Self::nothing) is for that.
    pub fn only<S: AsRef<str>>(self, ports: impl IntoIterator<Item = S>) -> Self {
        let ports: Vec<S> = ports.into_iter().collect();
        self.holds(|listening| check_only(listening, &ports))
    }

    /// Is nothing listened on?
    pub fn nothing(self) -> Self {
        self.holds(check_nothing)
    }
}

#[cfg(test)]
mod tests {
    use crate::expect;
    use crate::expect::report;
    use crate::instance::{Listener, Listening, Protocol};

    fn listener(protocol: Protocol, address: &str, owner: Option<(i32, &str)>) -> Listener {
        let address = address.parse().expect("an address");
        let owners = owner.into_iter().map(|(pid, comm)| (pid, comm.to_owned())).collect();
        Listener { protocol, address, owners }
    }

    fn seen() -> Listening {
        Listening(vec![
            listener(Protocol::Tcp, "0.0.0.0:22", Some((99, "dropbear"))),
            listener(Protocol::Tcp, "[::]:22", Some((99, "dropbear"))),
            listener(Protocol::Tcp, "0.0.0.0:8080", Some((143, "uhttpd"))),
            listener(Protocol::Udp, "127.0.0.1:53", None),
        ])
    }

    #[test]
    fn what_holds_passes() {
        expect!(seen()).includes(["tcp:22"]).includes(["udp:53", "tcp:8080"]);
        expect!(seen()).only(vec!["udp:53".to_owned(), "tcp:22".into(), "tcp:8080".into()]);
        expect!(Listening::default()).nothing();
    }

    #[test]
    fn what_does_not_hold_fails() {
        insta::assert_snapshot!(report::of(|| expect!(seen()).includes(["tcp:80", "tcp:22"])), @"
        expect!(seen()) at tests/web.rs:9:5
          expected  tcp:80, tcp:22 listening
          actual    tcp:22 by dropbear(99), tcp:8080 by uhttpd(143), udp:53 on 127.0.0.1; missing: tcp:80
          nearest   tcp:8080 by uhttpd(143), for tcp:80
        ");
        insta::assert_snapshot!(report::of(|| expect!(seen()).includes(["tcp:53", "tcp:443"])), @"
        expect!(seen()) at tests/web.rs:9:5
          expected  tcp:53, tcp:443 listening
          actual    tcp:22 by dropbear(99), tcp:8080 by uhttpd(143), udp:53 on 127.0.0.1; missing: tcp:53, tcp:443
          nearest   udp:53 on 127.0.0.1, for tcp:53
        ");
        insta::assert_snapshot!(report::of(|| expect!(seen()).only(["tcp:22", "udp:53"])), @"
        expect!(seen()) at tests/web.rs:9:5
          expected  only tcp:22, udp:53 listening
          actual    tcp:22 by dropbear(99), tcp:8080 by uhttpd(143), udp:53 on 127.0.0.1; unexpected: tcp:8080
        ");
        insta::assert_snapshot!(report::of(|| expect!(seen()).only(["tcp:22", "tcp:80"])), @"
        expect!(seen()) at tests/web.rs:9:5
          expected  only tcp:22, tcp:80 listening
          actual    tcp:22 by dropbear(99), tcp:8080 by uhttpd(143), udp:53 on 127.0.0.1; missing: tcp:80; unexpected: tcp:8080, udp:53
          nearest   tcp:8080 by uhttpd(143), for tcp:80
        ");
        insta::assert_snapshot!(report::of(|| expect!(seen()).nothing()), @"
        expect!(seen()) at tests/web.rs:9:5
          expected  nothing listening
          actual    tcp:22 by dropbear(99), tcp:8080 by uhttpd(143), udp:53 on 127.0.0.1
        ");
        insta::assert_snapshot!(report::of(|| expect!(Listening::default()).only(["tcp:80"])), @"
        expect!(Listening::default()) at tests/web.rs:9:5
          expected  only tcp:80 listening
          actual    nothing listening; missing: tcp:80
        ");
        insta::assert_snapshot!(report::of(|| expect!(Listening::default()).includes(["tcp:80"])), @"
        expect!(Listening::default()) at tests/web.rs:9:5
          expected  tcp:80 listening
          actual    nothing listening; missing: tcp:80
        ");
    }

    #[test]
    fn an_empty_list_fails() {
        const NONE: [&str; 0] = [];
        insta::assert_snapshot!(report::of(|| expect!(seen()).includes(NONE)), @"
        expect!(seen()) at tests/web.rs:9:5
          expected  the listed ports listening
          actual    not evaluated: the list is empty
        ");
        insta::assert_snapshot!(report::of(|| expect!(Listening::default()).only(NONE)), @"
        expect!(Listening::default()) at tests/web.rs:9:5
          expected  only the listed ports listening
          actual    not evaluated: the list is empty
          nearest   `nothing()` says that nothing listens
        ");
    }

    #[test]
    fn what_is_no_port_fails() {
        insta::assert_snapshot!(report::of(|| expect!(seen()).includes(["tcp:22", "8080"])), @"
        expect!(seen()) at tests/web.rs:9:5
          expected  tcp:22, 8080 listening
          actual    not evaluated: `8080` is not a port: write `tcp:80` or `udp:53`, with a number from 1 to 65535
        ");
        insta::assert_snapshot!(report::of(|| expect!(seen()).only(["tcp:http"])), @"
        expect!(seen()) at tests/web.rs:9:5
          expected  only tcp:http listening
          actual    not evaluated: `tcp:http` is not a port: write `tcp:80` or `udp:53`, with a number from 1 to 65535
        ");
    }
}
