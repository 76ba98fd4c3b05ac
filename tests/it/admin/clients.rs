use super::world::{Cli, World, in_world};
use argon2::Argon2;
use argon2::password_hash::{PasswordVerifier, phc::PasswordHash};
use clap::CommandFactory as _;
use redeemq::admin::{self, operator::Operator, output::Output};
use redeemq::store::{Role, pool};
use secrecy::SecretString;
use serde_json::json;

#[tokio::test]
async fn a_client_gets_a_key_and_a_secret_that_is_stored_only_as_a_hash() {
    in_world(|world| async move {
        let made = world.ok("client create acme --name Acme").await;
        let (key, secret) =
            (made["api_key"].as_str().expect("text"), made["api_secret"].as_str().expect("text"));
        assert_eq!(made["client_id"], "acme");
        assert!(key.len() == 32 && key.bytes().all(|b| b.is_ascii_hexdigit()), "{key}");
        assert!(secret.len() >= 43, "{secret}");

        let hash = world.value("select api_secret_hash from client").await;
        assert!(hash.starts_with("$argon2id$"), "{hash}");
        let hash = PasswordHash::new(&hash).expect("a PHC text");
        assert!(Argon2::default().verify_password(secret.as_bytes(), &hash).is_ok());
        assert!(!world.value("select row_to_json(c) from client c").await.contains(secret));
        assert_eq!(world.value("select name from client").await, "Acme");

        let other = world.ok("client create other").await;
        assert_ne!(other["api_secret"], made["api_secret"]);
        assert_ne!(other["api_key"], made["api_key"]);
    })
    .await;
}

#[tokio::test]
async fn the_secret_is_shown_once() {
    in_world(|world| async move {
        let made = world.admin("client create acme").await;
        let secret = made.out.lines().last().expect("a line").split_whitespace().last();
        let secret = secret.expect("a secret").to_owned();
        assert_eq!(made.out.matches(&secret).count(), 1);
        assert!(!made.err.contains(&secret));
        let again = world.admin("client create acme").await;
        assert_eq!(again.code, 2);
        assert!(again.err.contains("client `acme` exists already"), "{}", again.err);
        for words in ["client list", "client list --json", "client disable acme", "audit"] {
            let done = world.admin(words).await;
            assert!(!done.out.contains(&secret) && !done.err.contains(&secret), "{done:?}");
            assert!(!done.out.contains("argon2"), "{done:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_client_is_disabled_and_enabled() {
    in_world(|world| async move {
        world.ok("client create acme").await;
        let listed =
            |enabled: bool| json!([{"client_id": "acme", "name": "acme", "enabled": enabled, "answers": "async"}]);
        assert_eq!(world.ok("client list").await, listed(true));
        assert_eq!(world.ok("client disable acme").await["enabled"], false);
        assert_eq!(world.ok("client list").await, listed(false));
        assert_eq!(world.ok("client enable acme").await["enabled"], true);
        assert_eq!(world.ok("client list").await, listed(true));
        let text = world.admin("client list").await.out;
        assert_eq!(text, "CLIENT  STATE    ANSWERS  NAME\nacme    enabled  async    acme\n");
        for words in ["client disable nobody", "client enable nobody"] {
            let done = world.admin(words).await;
            assert_eq!(done.code, 2);
            assert!(done.err.contains("no client `nobody`"), "{}", done.err);
        }
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_a_client_is_a_usage_error() {
    in_world(|world| async move {
        let long = "x".repeat(65);
        for id in ["Acme", "a.b", "*", &long] {
            let done = world.admin(&format!("client create {id}")).await;
            assert_eq!((done.code, done.out.as_str()), (2, ""), "{id}");
        }
        assert_eq!(world.value("select count(*) from client").await, "0");
    })
    .await;
}

#[tokio::test]
async fn a_database_that_is_away_or_empty_is_told_with_what_to_do() {
    in_world(|world| async move {
        world.sql("drop schema public cascade; create schema public").await;
        let done = world.admin("client list").await;
        assert_eq!(done.code, 2);
        assert!(done.err.contains("redeemq migrate"), "{}", done.err);

        let nowhere = SecretString::from("postgres://redeemq@127.0.0.1:1/none");
        let away =
            World { pool: pool(&nowhere, Role::Admin, 1).expect("lazy"), dir: world.dir.clone() };
        let done = away.admin("audit --json").await;
        assert_eq!((done.code, done.out.as_str()), (2, ""));
        assert!(done.err.contains("DATABASE_URL"), "{}", done.err);
    })
    .await;
}

#[test]
fn the_command_line_explains_itself() {
    let mut command = Cli::command();
    command.build();
    command.clone().debug_assert();
    for (path, about) in [
        (vec!["goods", "import"], "Add or change goods and pools"),
        (vec!["coupons", "import"], "Add codes to a pool"),
        (vec!["players", "import"], "Add to what players own"),
        (vec!["branch", "create"], "Add a branch that may verify"),
        (vec!["branch", "list"], "List branches"),
    ] {
        let mut at = &mut command;
        for word in &path {
            at = at.find_subcommand_mut(word).expect("a command");
        }
        let help = at.render_long_help().to_string();
        assert!(help.starts_with(about), "{path:?}: {help}");
    }
}

/// The result is a value to others, such as the metric that shows drift.
#[tokio::test]
async fn run_can_be_spawned() {
    fn is_send<T: Send>(future: T) -> T {
        future
    }
    in_world(|world| async move {
        let mut output = Output::to(true, std::io::sink(), std::io::sink());
        let operator = Operator::new(world.pool.clone(), None);
        is_send(admin::run(admin::Command::Audit, &operator, None, &mut output))
            .await
            .expect("ran");
    })
    .await;
}
