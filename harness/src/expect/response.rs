//! Checks of what an HTTP server answered.

use super::nearest::nearest;
use super::shown::shown;
use super::{Mismatch, Subject, TextMatcher};
use crate::instance::Response;

/// The status code is `status`.
///
/// # Errors
/// When it is not; with where it redirects to, or else the body.
pub fn check_status(response: &Response, status: u16) -> Result<(), Mismatch> {
    if response.status == status {
        return Ok(());
    }
    let actual = match response.header("location") {
        Some(location) => format!("status {}, to {location:?}", response.status),
        None => format!("status {}, with the body\n{}", response.status, shown(&response.text())),
    };
    Err(Mismatch::new(format!("status {status}"), actual).of(&response.request))
}

/// The header `name`, whatever its case, is there, and its value is as `matcher` says. One that is
/// there more than once is a list with commas (RFC 9110, 5.3).
///
/// # Errors
/// When its value is not, and when there is no such header.
pub fn check_header(
    response: &Response,
    name: &str,
    matcher: &TextMatcher,
) -> Result<(), Mismatch> {
    let noun = format!("header `{name}` of {}", response.request);
    let with_name = response.headers.iter().filter(|(header, _)| header.eq_ignore_ascii_case(name));
    let values: Vec<_> = with_name.map(|(_, value)| value.as_str()).collect();
    if values.is_empty() {
        let names = response.headers.iter().map(|(header, _)| (header.as_str(), header.clone()));
        let mismatch = Mismatch::new(matcher.to_string(), "no such header");
        return Err(mismatch.with_nearest(nearest(name, names)).of(noun));
    }
    matcher.check(&values.join(", ")).map_err(|mismatch| mismatch.of(noun))
}

/// The body, as text, is as `matcher` says; what is not UTF-8 is replaced.
///
/// # Errors
/// When it is not.
pub fn check_body(response: &Response, matcher: &TextMatcher) -> Result<(), Mismatch> {
    let body = response.text();
    matcher.check(&body).map_err(|mismatch| mismatch.of(format!("body of {}", response.request)))
}

impl Subject<Response> {
    /// Is that the status code?
    ///
    /// ```no_run
    /// # use fwtest::{expect, expect::contains, instance::Response};
    /// # fn test(response: Response) {
    /// expect!(response).status(200).header("server", contains("uhttpd")).body(contains("Status"));
    /// # }
    /// ```
    pub fn status(self, status: u16) -> Self {
        self.holds(|response| check_status(response, status))
    }

    /// Is the header there, and its value so? Its name is in whatever case. See
    /// [`contains`](crate::expect::contains()), [`equals`](crate::expect::equals) and their like.
    pub fn header(self, name: impl AsRef<str>, matcher: TextMatcher) -> Self {
        self.holds(|response| check_header(response, name.as_ref(), &matcher))
    }

    /// Is the body, as text, so?
    pub fn body(self, matcher: TextMatcher) -> Self {
        self.holds(|response| check_body(response, &matcher))
    }
}

#[cfg(test)]
mod tests {
    use crate::expect;
    use crate::expect::{contains, equals, lacks, matches, report};
    use crate::instance::Response;

    fn response(status: u16, headers: &[(&str, &str)], body: &str) -> Response {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Response {
            request: "GET http://router/".into(),
            status,
            headers: headers.iter().map(owned).collect(),
            body: body.into(),
        }
    }

    fn page() -> Response {
        let headers = [("Server", "uhttpd/2.1"), ("Set-Cookie", "a=1"), ("set-cookie", "b=2")];
        response(200, &headers, "<html>\n<title>status</title>\n</html>\n")
    }

    #[test]
    fn what_holds_passes() {
        expect!(page()).status(200).body(contains("<title>")).body(lacks("error"));
        expect!(page()).header("server", matches("^uhttpd/")).header("SET-COOKIE", contains("b=2"));
        expect!(response(204, &[], "")).body(equals(""));
    }

    #[test]
    fn what_does_not_hold_fails() {
        insta::assert_snapshot!(report::of(|| expect!(page()).status(404)), @"
        expect!(page()) at tests/web.rs:9:5
          expected  GET http://router/: status 404
          actual    status 200, with the body
                    | <html>
                    | <title>status</title>
                    | </html>
        ");
        let login = || response(302, &[("location", "/login")], "Found");
        insta::assert_snapshot!(report::of(|| expect!(login()).status(200)), @r#"
        expect!(login()) at tests/web.rs:9:5
          expected  GET http://router/: status 200
          actual    status 302, to "/login"
        "#);
        insta::assert_snapshot!(report::of(|| expect!(page()).header("server", equals("nginx"))), @r#"
        expect!(page()) at tests/web.rs:9:5
          expected  header `server` of GET http://router/: "nginx"
          actual    "uhttpd/2.1"
        "#);
        insta::assert_snapshot!(report::of(|| expect!(page()).header("set-cookie", lacks("b="))), @r#"
        expect!(page()) at tests/web.rs:9:5
          expected  header `set-cookie` of GET http://router/: lacks "b="
          actual    "a=1, b=2"
        "#);
        insta::assert_snapshot!(report::of(|| expect!(page()).body(contains("Status"))), @r#"
        expect!(page()) at tests/web.rs:9:5
          expected  body of GET http://router/: contains "Status"
          actual    | <html>
                    | <title>status</title>
                    | </html>
          nearest   line 2: "<title>status</title>"
        "#);
        insta::assert_snapshot!(report::of(|| expect!(page()).body(equals("<html>\n</html>\n"))), @"
        expect!(page()) at tests/web.rs:9:5
          expected  body of GET http://router/: 2 lines
          actual    3 lines
          diff      - expected, + actual
                      <html>
                    + <title>status</title>
                      </html>
        ");
    }

    #[test]
    fn a_header_that_is_missing_fails_whatever_is_wanted_of_it() {
        insta::assert_snapshot!(report::of(|| expect!(page()).header("servers", lacks("a"))), @r#"
        expect!(page()) at tests/web.rs:9:5
          expected  header `servers` of GET http://router/: lacks "a"
          actual    no such header
          nearest   Server
        "#);
        insta::assert_snapshot!(report::of(|| expect!(page()).header("etag", equals(""))), @r#"
        expect!(page()) at tests/web.rs:9:5
          expected  header `etag` of GET http://router/: is ""
          actual    no such header
        "#);
    }

    #[test]
    fn what_any_body_would_pass_fails() {
        insta::assert_snapshot!(report::of(|| expect!(page()).body(contains(""))), @r#"
        expect!(page()) at tests/web.rs:9:5
          expected  body of GET http://router/: contains ""
          actual    not evaluated: any text does
        "#);
    }
}
