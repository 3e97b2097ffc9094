//! Servers in the guest.

use std::time::{Duration, Instant};

use fwtest::instance::NetError;
use fwtest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::shell;

#[fwtest::test(firmware = "router")]
async fn tcp_reaches_a_server(fw: &mut Instance) -> Result<()> {
    let server = fw.exec(["nc", "-l", "-p", "7000", "-e", "cat"]).spawn().await?;
    fw.wait(port("tcp:7000")).await?;
    expect!(fw.listening()).only(["tcp:80", "tcp:7000"]).includes(["tcp:7000"]);
    let mut stream = fw.tcp(7000).await?;
    stream.write_all(b"there and back").await?;
    stream.shutdown().await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    assert_eq!(answer, "there and back");
    drop(stream);
    assert_eq!(server.wait().await?.status, ExitStatus::Code(0));
    Ok(())
}

/// A server that is bound to one address is found there.
#[fwtest::test(firmware = "router")]
async fn tcp_reaches_a_server_at_its_own_address(fw: &mut Instance) -> Result<()> {
    shell(fw, "ip addr add 10.9.8.7/32 dev lo").await;
    for (address, number) in [("10.9.8.7", 7001), ("127.0.0.5", 7002), ("[::1]", 7003)] {
        let address = format!("{address}:{number}");
        let server = fw.exec(["httpd", "-f", "-p", &address, "-h", "/var/www"]).spawn().await?;
        fw.wait(port(&format!("tcp:{number}"))).await?;
        expect!(fw.http(format!("http://router:{number}/")).await?).status(200);
        let found = fw.listening().0.into_iter().find(|found| found.address.port() == number);
        assert_eq!(found.expect("it listens").address.to_string(), address);
        server.kill();
    }
    Ok(())
}

/// The least that busybox's DHCP server takes for a client that looks for one.
fn dhcp_discover() -> Vec<u8> {
    let mut packet = vec![0; 240];
    // BOOTREQUEST, Ethernet, six bytes of address.
    packet[..3].copy_from_slice(&[1, 1, 6]);
    packet[28..34].copy_from_slice(&[2, 0, 0, 0, 0, 7]);
    packet[236..240].copy_from_slice(&[0x63, 0x82, 0x53, 0x63]);
    // Message type DISCOVER; end.
    packet.extend([53, 1, 1, 255]);
    packet.resize(300, 0);
    packet
}

#[fwtest::test(firmware = "router")]
async fn udp_reaches_a_server(fw: &mut Instance) -> Result<()> {
    let script = "cd /tmp; : >leases; \
        printf 'interface lo\\nstart 127.0.0.20\\nend 127.0.0.30\\nlease_file /tmp/leases\\n' >conf; \
        exec udhcpd -f -a 10 conf >/dev/console 2>&1";
    let server = fw.exec(["sh", "-c", script]).spawn().await?;
    fw.wait(port("udp:67")).await?;
    expect!(fw.listening()).only(["tcp:80", "udp:67"]);
    let listening = fw.listening();
    assert_eq!(listening.0[1].owners[0].1, "udhcpd");
    fw.udp(67).await?.send(&dhcp_discover()).await?;
    fw.console().expect("sending OFFER").await?;
    server.kill();

    // Nobody is there: it is the guest's own kernel that says so.
    let socket = fw.udp(7004).await?;
    socket.send(b"a packet").await?;
    let answer = tokio::time::timeout(Duration::from_secs(5), socket.recv(&mut [0; 8])).await?;
    let error = answer.expect_err("nobody answers");
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
    Ok(())
}

#[fwtest::test(firmware = "router")]
async fn where_nobody_listens_it_says_who_does(fw: &mut Instance) {
    let start = Instant::now();
    let error = fw.tcp(81).await.expect_err("nobody listens there");
    assert!(matches!(error, NetError::Connect { .. }), "{error}");
    expect!(error.to_string())
        .matches(r"^failed to connect to `127.0.0.1:81`: open are `tcp:80 by httpd\(\d+\)`$");
    let error = fw.http("http://router:81/").await.expect_err("nobody listens there");
    expect!(error.to_string()).contains("open are `tcp:80 by httpd(");
    assert!(start.elapsed() < Duration::from_secs(4), "it took {:?}", start.elapsed());
}

/// A firmware that never brings up `lo` is not reached, and the hint says so.
#[fwtest::test(firmware = "idle")]
async fn where_lo_is_down_the_hint_says_so(fw: &mut Instance) {
    expect!(fw.listening()).nothing();
    let error = fw.tcp(80).await.expect_err("there is no way");
    expect!(error.to_string()).contains("nothing listens");
    expect!(error.hint().unwrap_or_default()).contains("ip link set lo up");
}

#[fwtest::test(firmware = "router")]
async fn what_is_no_http_is_told(fw: &mut Instance) -> Result<()> {
    for (number, answer) in [("7003", "printf 'hello there\\r\\n\\r\\n'"), ("7004", ":")] {
        let server = fw.exec(["nc", "-l", "-p", number, "-e", "sh", "-c", answer]).spawn().await?;
        fw.wait(port(&format!("tcp:{number}"))).await?;
        let error = fw.http(format!("http://router:{number}/")).await.expect_err("it is no HTTP");
        expect!(error.to_string())
            .contains(format!("failed to get `GET http://router:{number}/`: "));
        server.kill();
    }
    fw.exec(["nc", "-l", "-p", "7005", "-e", "sleep", "1000"]).spawn().await?;
    fw.wait(port("tcp:7005")).await?;
    let late = fw.http("http://router:7005/").timeout(Duration::from_millis(100)).await;
    assert_eq!(
        late.expect_err("it never answers").to_string(),
        "failed to get `GET http://router:7005/` within 100ms"
    );
    Ok(())
}
