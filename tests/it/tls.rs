//! A server that stands for the database and says that it has no TLS: it learns neither user nor password, unless
//! the operator has chosen that.

mod certificate;

use harness::places::binary;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// The code of an SSLRequest, in the place of a protocol's version.
const SSL_REQUEST: u32 = 80_877_103;

/// What such a server is told, beside being asked for TLS.
type Told = Arc<Mutex<Vec<u8>>>;

/// Refuses TLS, and listens on.
async fn stand_for_the_database(mut stream: TcpStream, told: Told) -> std::io::Result<()> {
    let mut first = [0; 8];
    stream.read_exact(&mut first).await?;
    if first[4..] == SSL_REQUEST.to_be_bytes() {
        stream.write_all(b"N").await?;
    } else {
        told.lock().expect("what it was told").extend(first);
    }
    let mut rest = [0; 1_024];
    let length = stream.read(&mut rest).await?;
    told.lock().expect("what it was told").extend(&rest[..length]);
    Ok(())
}

/// Runs a command with such a server at this URL's `PORT`: what the server was told, and what the command said.
async fn run(command: &'static str, url: &str, environment: &[(&str, &str)]) -> (Vec<u8>, Output) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port().to_string();
    let told = Told::default();
    let telling = Arc::clone(&told);
    let serving = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(stand_for_the_database(stream, Arc::clone(&telling)));
        }
    });
    let mut command_line = Command::new(binary());
    command_line
        .args([command, "--json"])
        .env("DATABASE_URL", url.replace("PORT", &port))
        .env("AMQP_URL", "amqp://127.0.0.1:1")
        .env("PGPORT", &port)
        .envs(environment.iter().copied());
    let output = tokio::task::spawn_blocking(move || command_line.output().expect("it runs"));
    let output = output.await.expect("it ends");
    serving.abort();
    let told = told.lock().expect("what it was told").clone();
    (told, output)
}

/// Servers that need not be on this machine, by their names; here they are, as `inet_aton` reads them.
#[tokio::test]
async fn a_server_without_tls_learns_nothing() {
    const USER: [(&str, &str); 2] = [("PGUSER", "tenant"), ("PGPASSWORD", "s3cr3t")];
    for (url, environment) in [
        ("postgres://tenant:s3cr3t@127.1:PORT/d", &[][..]),
        ("postgres://tenant:s3cr3t@0.0.0.0:PORT/d", &[]),
        ("postgresql://tenant@127.1:PORT/d?password=s3cr3t", &[]),
        ("postgres://tenant:s3cr3t@localhost:1/d?host=127.1&port=PORT", &[]),
        ("postgres://tenant:s3cr3t@localhost:PORT/d?hostaddr=0.0.0.0", &[]),
        ("postgres://127.1/d", &USER),
        ("postgres:///d", &[("PGHOST", "127.1"), USER[0], USER[1]]),
        ("postgres:///d", &[("PGHOSTADDR", "0.0.0.0"), ("PGHOST", "localhost"), USER[1]]),
        ("postgres://tenant:s3cr3t@127.1:PORT/d?sslrootcert=/nowhere", &[]),
        ("postgres://tenant:s3cr3t@127.1:PORT/d?sslmode=verify-full", &[]),
        ("postgres://tenant:s3cr3t@127.1:PORT/d?sslmode=require", &[]),
        ("postgres://tenant:s3cr3t@127.1:PORT/d?sslmode=verify-ca", &[("PGSSLMODE", "disable")]),
        ("postgres://tenant:s3cr3t@127.1:PORT/d", &[("PGSSLMODE", "verify-ca")]),
        ("postgres://tenant:s3cr3t@127.1:PORT/d", &[("PGSSLMODE", "nonsense")]),
        ("postgres://tenant:s3cr3t@127.1:PORT/d", &[("PGSSLMODE", "")]),
    ] {
        let (told, output) = run("audit", url, environment).await;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let heard = String::from_utf8_lossy(&told);
        assert!(told.is_empty(), "{url} {environment:?}: it was told {heard:?}");
        assert!(!output.status.success() && said.contains("sslrootcert"), "{url}: {said}");
        assert!(!said.contains("s3cr3t"), "{url}: {said}");
    }
}

#[tokio::test]
async fn a_chosen_mode_is_respected_and_this_machine_needs_none() {
    for (url, environment) in [
        ("postgres://tenant:s3cr3t@127.1:PORT/d?sslmode=disable", &[][..]),
        ("postgres://tenant:s3cr3t@127.1:PORT/d?sslmode=prefer", &[]),
        ("postgres://tenant:s3cr3t@127.1:PORT/d?sslmode=disable", &[("PGSSLMODE", "require")]),
        ("postgres://tenant:s3cr3t@127.1:PORT/d", &[("PGSSLMODE", "disable")]),
        ("postgres://tenant:s3cr3t@127.1:PORT/d", &[("PGSSLMODE", "prefer")]),
        ("postgres://tenant:s3cr3t@127.0.0.1:PORT/d", &[]),
        ("postgres://tenant:s3cr3t@localhost:PORT/d", &[]),
    ] {
        let (told, _) = run("audit", url, environment).await;
        let heard = String::from_utf8_lossy(&told);
        assert!(heard.contains("tenant"), "{url} {environment:?}: it was told {heard:?}");
    }
}

#[tokio::test]
async fn a_doctor_warns_of_less_than_the_default() {
    for (mode, state, words) in [
        ("", "OK", "the server proves who it is"),
        ("?sslmode=verify-full", "OK", "the server proves who it is"),
        ("?sslmode=verify-ca", "WARNING", "verify-ca: any server"),
        ("?sslmode=require", "WARNING", "require: whoever stands between"),
        ("?sslmode=prefer", "WARNING", "prefer: whoever stands between"),
        ("?sslmode=allow", "WARNING", "encrypts nothing"),
        ("?sslmode=disable", "WARNING", "encrypts nothing"),
    ] {
        let url = format!("postgres://tenant:s3cr3t@127.1:PORT/d{mode}");
        let (_, output) = run("doctor", &url, &[]).await;
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let findings = report["findings"].as_array().expect("findings");
        let found = findings
            .iter()
            .find(|finding| finding["what"].as_str().is_some_and(|what| what.contains(words)));
        let found = found.unwrap_or_else(|| panic!("{mode}: {report}"));
        assert_eq!(found["severity"], state.to_lowercase(), "{mode}");
        let remedy = found["remedy"].as_str().unwrap_or_default();
        assert_eq!(remedy.contains("sslrootcert="), state == "WARNING", "{mode}: {remedy}");
    }
}
