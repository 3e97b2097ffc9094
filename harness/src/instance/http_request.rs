//! HTTP/1.1 requests to a server in the guest. One connection each; no redirect is followed, for
//! a test wants to see it.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{Instance, NetError, Response};

/// How long a request may take where nothing else is said.
const TIMEOUT: Duration = Duration::from_secs(10);
/// As much as an answer may hold: a test that downloads more wants `tcp` and its own loop.
const LIMIT: usize = 64 << 20;

/// A request that is sent when it is awaited: a GET, for at most 10 s, unless its methods say
/// otherwise. A redirect is not followed, and an answer may have 64 MiB.
///
/// # Errors
/// Awaiting it gives [`NetError`]: a URL that cannot be asked for, nobody who answers there, no
/// HTTP in the answer, or none in time. A status such as 404 is an answer and no error.
#[must_use = "it is sent when it is awaited"]
#[derive(Debug)]
pub struct Request<'a> {
    instance: &'a Instance,
    method: String,
    url: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    timeout: Duration,
}

impl<'a> Request<'a> {
    pub(super) fn new(instance: &'a Instance, url: String) -> Self {
        let method = "GET".to_owned();
        let (headers, body) = (Vec::new(), Vec::new());
        Self { instance, method, url, headers, body, timeout: TIMEOUT }
    }

    /// Another method than GET.
    pub fn method(mut self, method: impl Into<String>) -> Self {
        self.method = method.into();
        self
    }

    /// Adds a header; one of the same name as ours (`Host`, `Connection`) replaces it.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// What is sent along, with its length.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// For how long at most.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = limit;
        self
    }

    async fn send(self) -> Result<Response, NetError> {
        let target = Target::parse(&self.url)?;
        let request = format!("{} {}", self.method, self.url);
        let limit = self.timeout;
        let late = || NetError::Late { request: request.clone(), limit };
        let talk = |reason: &dyn std::fmt::Display| NetError::Http {
            request: request.clone(),
            reason: reason.to_string(),
        };
        let exchange = async {
            let mut stream = self.instance.tcp(target.port).await?;
            stream.write_all(&self.bytes(&target)).await.map_err(|error| talk(&error))?;
            let mut answer = Vec::new();
            loop {
                let read = stream.read_buf(&mut answer).await;
                // Some small servers reset the connection after their last byte.
                let read = match read {
                    Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => 0,
                    other => other.map_err(|error| talk(&error))?,
                };
                if let Some(response) = parse(&request, &self.method, &answer, read == 0)
                    .map_err(|error| talk(&error))?
                {
                    return Ok(response);
                }
                if answer.len() > LIMIT {
                    return Err(talk(&"the answer is larger than 64 MiB"));
                }
            }
        };
        match tokio::time::timeout(limit, exchange).await {
            Ok(response) => response,
            Err(_) => Err(late()),
        }
    }

    fn bytes(&self, target: &Target) -> Vec<u8> {
        let mut headers = vec![
            ("Host".to_owned(), target.host.clone()),
            ("User-Agent".to_owned(), "fwtest".to_owned()),
            ("Accept".to_owned(), "*/*".to_owned()),
            ("Connection".to_owned(), "close".to_owned()),
        ];
        if !self.body.is_empty() {
            headers.push(("Content-Length".to_owned(), self.body.len().to_string()));
        }
        for (name, value) in &self.headers {
            headers.retain(|(ours, _)| !ours.eq_ignore_ascii_case(name));
            headers.push((name.clone(), value.clone()));
        }
        let mut text = format!("{} {} HTTP/1.1\r\n", self.method, target.path);
        for (name, value) in headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str("\r\n");
        [text.as_bytes(), &self.body].concat()
    }
}

impl<'a> IntoFuture for Request<'a> {
    type Output = Result<Response, NetError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

/// A URL's parts. Whatever its host, the request goes to the instance.
#[derive(Debug, PartialEq, Eq)]
struct Target {
    host: String,
    port: u16,
    path: String,
}

impl Target {
    fn parse(url: &str) -> Result<Self, NetError> {
        let bad = |reason| NetError::Url { url: url.to_owned(), reason };
        if url.bytes().any(|byte| byte.is_ascii_control() || byte == b' ') {
            return Err(bad("it has blanks or control characters; write them as `%20`"));
        }
        if url.starts_with('/') {
            return Ok(Self { host: "localhost".to_owned(), port: 80, path: url.to_owned() });
        }
        let rest = match url.split_once("://") {
            Some(("http", rest)) => rest,
            Some(("https", _)) => return Err(bad("https is not supported")),
            _ => return Err(bad("it begins neither with `http://` nor with `/`")),
        };
        let (host, path) = match rest.find(['/', '?']) {
            Some(at) if rest[at..].starts_with('/') => (&rest[..at], rest[at..].to_owned()),
            Some(at) => (&rest[..at], format!("/{}", &rest[at..])),
            None => (rest, "/".to_owned()),
        };
        let path = path.split('#').next().unwrap_or("/").to_owned();
        let port = match host.rsplit_once(':') {
            Some((_, digits)) if !host.ends_with(']') => {
                digits.parse().map_err(|_| bad("its port is no number from 1 to 65535"))?
            }
            _ => 80,
        };
        if host.is_empty() {
            return Err(bad("it has no host"));
        }
        Ok(Self { host: host.to_owned(), port, path })
    }
}

/// The response that `bytes` are, `None` while there is more to come.
fn parse(
    request: &str,
    method: &str,
    bytes: &[u8],
    ended: bool,
) -> Result<Option<Response>, String> {
    let mut storage = [httparse::EMPTY_HEADER; 128];
    let mut head = httparse::Response::new(&mut storage);
    let start =
        match head.parse(bytes).map_err(|error| format!("the answer is no HTTP: {error}"))? {
            httparse::Status::Complete(start) => start,
            httparse::Status::Partial if bytes.is_empty() && ended => {
                return Err("the server closed the connection without an answer".to_owned());
            }
            httparse::Status::Partial if ended => {
                return Err("the answer ends within its headers".to_owned());
            }
            httparse::Status::Partial => return Ok(None),
        };
    let status = head.code.unwrap_or_default();
    if (100..200).contains(&status) && status != 101 {
        return parse(request, method, &bytes[start..], ended);
    }
    let headers: Vec<(String, String)> = head
        .headers
        .iter()
        .map(|header| {
            let value = String::from_utf8_lossy(header.value).trim().to_owned();
            (header.name.to_owned(), value)
        })
        .collect();
    let mut response = Response { request: request.to_owned(), status, headers, body: Vec::new() };
    let rest = &bytes[start..];
    let bodiless = method == "HEAD" || matches!(status, 204 | 304);
    let chunked = response
        .header("Transfer-Encoding")
        .is_some_and(|coding| coding.to_ascii_lowercase().ends_with("chunked"));
    let length = response.header("Content-Length").map(str::parse::<usize>);
    response.body = if bodiless {
        Vec::new()
    } else if chunked {
        match unchunk(rest)? {
            Some(body) => body,
            None if ended => return Err("the answer ends within a chunk".to_owned()),
            None => return Ok(None),
        }
    } else if let Some(length) = length {
        let length = length.map_err(|_| "its Content-Length is no number".to_owned())?;
        match rest.get(..length) {
            Some(body) => body.to_vec(),
            None if ended => {
                return Err(format!("the answer ends after {} of {length} bytes", rest.len()));
            }
            None => return Ok(None),
        }
    } else if ended {
        rest.to_vec()
    } else {
        return Ok(None);
    };
    Ok(Some(response))
}

/// A chunked body put together, `None` while there is more to come.
fn unchunk(mut bytes: &[u8]) -> Result<Option<Vec<u8>>, String> {
    let mut body = Vec::new();
    loop {
        let (start, size) = match httparse::parse_chunk_size(bytes) {
            Ok(httparse::Status::Complete(found)) => found,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(_) => return Err("a chunk's size is no number".to_owned()),
        };
        if size == 0 {
            return Ok(Some(body));
        }
        let size = usize::try_from(size).map_err(|_| "a chunk is too large".to_owned())?;
        let end = start.checked_add(size).ok_or("a chunk is too large")?;
        let (Some(chunk), Some(rest)) = (bytes.get(start..end), bytes.get(end + 2..)) else {
            return Ok(None);
        };
        body.extend_from_slice(chunk);
        bytes = rest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_where_and_what() {
        let check = |url: &str, expected: Option<(&str, u16, &str)>| {
            let target = Target::parse(url).ok();
            let found = target.as_ref().map(|t| (t.host.as_str(), t.port, t.path.as_str()));
            assert_eq!(found, expected, "{url}");
        };
        check("http://router/", Some(("router", 80, "/")));
        check("http://router", Some(("router", 80, "/")));
        check("http://router:8080/a?b#c", Some(("router:8080", 8080, "/a?b")));
        check("http://[::1]/x", Some(("[::1]", 80, "/x")));
        check("http://router?q", Some(("router", 80, "/?q")));
        check("/status", Some(("localhost", 80, "/status")));
        check("https://router/", None);
        check("router/", None);
        check("http:///x", None);
        check("http://router:http/", None);
        check("http://router/a b", None);
    }

    #[track_caller]
    fn check(bytes: &str, ended: bool, expected: Result<Option<&str>, &str>) {
        let parsed = parse("GET /", "GET", bytes.as_bytes(), ended);
        let found = parsed.map(|response| response.map(|response| response.text().into_owned()));
        let found = found.as_ref().map(Option::as_deref).map_err(String::as_str);
        assert_eq!(found, expected, "{bytes:?}");
    }

    #[test]
    fn a_body_ends_where_its_server_says() {
        let head = "HTTP/1.1 200 OK\r\n";
        check(&format!("{head}Content-Length: 2\r\n\r\nabc"), false, Ok(Some("ab")));
        check(&format!("{head}Content-Length: 4\r\n\r\nabc"), false, Ok(None));
        check(
            &format!("{head}Content-Length: 4\r\n\r\nabc"),
            true,
            Err("the answer ends after 3 of 4 bytes"),
        );
        check(&format!("{head}\r\nabc"), false, Ok(None));
        check(&format!("{head}\r\nabc"), true, Ok(Some("abc")));
        check("HTTP/1.0 204 No Content\r\n\r\n", false, Ok(Some("")));
        let chunked = format!("{head}Transfer-Encoding: chunked\r\n\r\n");
        check(&format!("{chunked}3\r\nabc\r\n1;x\r\nd\r\n0\r\n\r\n"), false, Ok(Some("abcd")));
        check(&format!("{chunked}3\r\nab"), false, Ok(None));
        check(&format!("{chunked}3\r\nab"), true, Err("the answer ends within a chunk"));
        check("", true, Err("the server closed the connection without an answer"));
        check("HTTP/1.1 200", true, Err("the answer ends within its headers"));
        check("SSH-2.0-dropbear\r\n", false, Err("the answer is no HTTP: invalid HTTP version"));
        check(
            &format!("HTTP/1.1 100 Continue\r\n\r\n{head}Content-Length: 1\r\n\r\nx"),
            false,
            Ok(Some("x")),
        );
    }
}
