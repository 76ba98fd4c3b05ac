//! A real Postgres with a certificate: it is trusted by its root certificate and the address in it, and by nothing
//! else.

use harness::{Site, eventually};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Leads to this machine, and is no loopback address by its name.
const ADDRESS: &str = "0.0.0.0";

/// Runs openssl in a folder.
fn openssl(folder: &Path, arguments: &str) {
    let mut command = Command::new("openssl");
    command.args(arguments.split(' ')).current_dir(folder);
    let output = command.output().expect("this test needs openssl");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "openssl {arguments}: {said}");
}

/// An authority, `ca.crt`, and `server.crt` and `server.key` that it has signed for [`ADDRESS`].
fn authority(folder: PathBuf) -> PathBuf {
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join("server.ext"), format!("subjectAltName=IP:{ADDRESS}\n"))
        .expect("written");
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    openssl(&folder, &format!("req -x509 {key} -keyout ca.key -out ca.crt -subj /CN=ca -days 2"));
    openssl(&folder, &format!("req {key} -keyout server.key -out server.csr -subj /CN=server"));
    openssl(
        &folder,
        "x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile server.ext -out server.crt",
    );
    folder
}

/// Writes a file where the server reads its own, as the server's user.
fn written(from: &Path, to: &str) -> String {
    let octal: String =
        std::fs::read(from).expect("a file").iter().map(|byte| format!("\\{byte:03o}")).collect();
    format!("copy (select '') to program 'cat >/dev/null; umask 077; printf ''{octal}'' >{to}'")
}

/// Whether the server offers TLS.
async fn until_tls_is(site: &Site, state: &str) {
    eventually("the server has read its settings", async || {
        let ssl = sqlx::query_scalar::<_, String>("show ssl").fetch_one(&site.store).await;
        ssl.expect("on or off") == state
    })
    .await;
}

#[tokio::test]
async fn a_server_is_trusted_by_its_root_certificate_and_its_address() {
    let site = Site::open().await;
    let ours = authority(std::env::temp_dir().join(format!("{}-ours", site.name)));
    let other = authority(std::env::temp_dir().join(format!("{}-other", site.name)));
    let setting = |name: &str, value: &str| format!("alter system set {name} = '{value}'");
    let (certificate, key) = ("redeemq-test.crt", "redeemq-test.key");
    site.administer(&[
        written(&ours.join("server.crt"), certificate),
        written(&ours.join("server.key"), key),
        setting("ssl_cert_file", certificate),
        setting("ssl_key_file", key),
        setting("ssl", "on"),
        "select pg_reload_conf()".to_owned(),
    ])
    .await;
    until_tls_is(&site, "on").await;

    let root = |folder: &Path| format!("sslrootcert={}", folder.join("ca.crt").display());
    let (ours_root, other_root) = (root(&ours), root(&other));
    // Another way to say the same address, which is not in the certificate.
    let elsewhere = "host=::ffff:0.0.0.0";
    let mut failures = Vec::new();
    for (query, is_trusted) in [
        (ours_root.clone(), true),
        (format!("sslmode=verify-full&{ours_root}"), true),
        (format!("{elsewhere}&sslmode=verify-ca&{ours_root}"), true),
        ("sslmode=require".to_owned(), true),
        (String::new(), false),
        (other_root.clone(), false),
        (format!("sslmode=verify-ca&{other_root}"), false),
        (format!("{elsewhere}&{ours_root}"), false),
    ] {
        let url = site.database_url.replace("127.0.0.1", ADDRESS);
        let url = format!("{url}{}{query}", if url.contains('?') { '&' } else { '?' });
        let output = site.run_with(&["audit"], &[("DATABASE_URL", &url)]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let is_told = said.contains("sslrootcert=/path") && said.contains("certificate");
        if (output.status.success(), is_told) != (is_trusted, !is_trusted) {
            failures.push(format!("{query}: {said}"));
        }
    }

    let mut back: Vec<String> = ["ssl", "ssl_cert_file", "ssl_key_file"]
        .iter()
        .map(|name| format!("alter system reset {name}"))
        .collect();
    back.push("select pg_reload_conf()".to_owned());
    back.push(format!("copy (select '') to program 'cat >/dev/null; rm {certificate} {key}'"));
    site.administer(&back).await;
    until_tls_is(&site, "off").await;
    for folder in [ours, other] {
        std::fs::remove_dir_all(folder).expect("removed");
    }
    assert!(failures.is_empty(), "{failures:#?}");
    site.close().await;
}
