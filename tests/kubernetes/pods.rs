//! Pods: settings, ports, probes, rights, images, secrets, and the time that they get to end.

use super::manifests::{all, as_json, containers, list, name_of, of_kind, one, pods, text};
use clap::CommandFactory as _;
use harness::blocks::block;
use harness::places::root;
use redeemq::config::Cli;
use redeemq::ingress::routes;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::process::Command;

/// Whether it runs redeemq, which `args` tells the command.
fn command_of(container: &Value) -> Option<&str> {
    text(&container["image"]).starts_with("redeemq:").then(|| text(&container["args"][0]))
}

/// The variables that a command takes.
fn settings_of(command: &str) -> BTreeSet<String> {
    let mut cli = Cli::command();
    cli.build();
    let command = cli.find_subcommand(command).unwrap_or_else(|| panic!("redeemq {command}?"));
    let names = command.get_arguments().filter_map(|argument| argument.get_env());
    names.map(|name| name.to_string_lossy().into_owned()).collect()
}

#[test]
fn each_process_is_given_settings_that_it_takes_and_all_that_it_requires() {
    for (_, pod) in pods() {
        for container in containers(pod) {
            let Some(command) = command_of(container) else { continue };
            let taken = settings_of(command);
            let given: Vec<&str> = list(&container["env"]).iter().map(name_of_variable).collect();
            // Parts of URLs.
            let is_part = |name: &str| {
                let values = list(&container["env"]).iter().filter_map(|v| v["value"].as_str());
                values.into_iter().any(|value| value.contains(&format!("$({name})")))
            };
            for name in &given {
                assert!(taken.contains(*name) || is_part(name), "{command} takes no {name}");
            }
            for required in ["DATABASE_URL", "AMQP_URL", "REDEEMQ_SECRET"] {
                assert_eq!(
                    taken.contains(required),
                    given.contains(&required),
                    "{command}: {required}"
                );
            }
        }
    }
}

fn name_of_variable(variable: &Value) -> &str {
    text(&variable["name"])
}

/// What stands for a password in a URL has to be known before it.
#[test]
fn a_variable_stands_before_those_that_are_made_of_it() {
    for (of, pod) in pods() {
        for container in containers(pod) {
            let mut before = BTreeSet::new();
            for variable in list(&container["env"]) {
                let value = variable["value"].as_str().unwrap_or_default();
                for part in value.split("$(").skip(1) {
                    let (name, _) = part.split_once(')').expect("an end");
                    assert!(before.contains(name), "{of}: {name} comes after {value}");
                }
                before.insert(name_of_variable(variable));
            }
        }
    }
}

fn port_of<'a>(container: &'a Value, name: &Value) -> &'a Value {
    let found = list(&container["ports"]).iter().find(|port| port["name"] == *name);
    &found.unwrap_or_else(|| panic!("no port {name}"))["containerPort"]
}

#[test]
fn ports_are_those_that_the_process_listens_on() {
    let addresses = [("http", "REDEEMQ_HTTP_ADDR"), ("metrics", "REDEEMQ_METRICS_ADDR")];
    for deployment in of_kind("Deployment") {
        for container in containers(&deployment["spec"]["template"]) {
            for port in list(&container["ports"]) {
                let of =
                    addresses.iter().find(|(name, _)| port["name"] == *name).expect("a known port");
                let address = list(&container["env"]).iter().find(|v| v["name"] == of.1);
                let address = text(&address.expect("an address")["value"]);
                assert_eq!(address, format!("0.0.0.0:{}", port["containerPort"]));
            }
        }
    }
    let service = one("Service", "redeemq-ingress");
    let ingress = &one("Deployment", "redeemq-ingress")["spec"]["template"];
    assert_eq!(
        service["spec"]["selector"]["app.kubernetes.io/name"],
        ingress["metadata"]["labels"]["app.kubernetes.io/name"]
    );
    port_of(&ingress["spec"]["containers"][0], &service["spec"]["ports"][0]["targetPort"]);
}

#[test]
fn probes_ask_what_is_there() {
    let served = |port: &Value, path: &Value| match text(port) {
        "metrics" => ["/livez", "/readyz"].contains(&text(path)),
        _ => routes::all().iter().any(|route| route.method == "get" && route.path == text(path)),
    };
    for deployment in of_kind("Deployment") {
        let container = &deployment["spec"]["template"]["spec"]["containers"][0];
        for probe in ["livenessProbe", "readinessProbe"] {
            let asked = &container[probe]["httpGet"];
            port_of(container, &asked["port"]);
            assert!(served(&asked["port"], &asked["path"]), "{}: {asked}", name_of(deployment));
        }
        let alive = &container["livenessProbe"]["httpGet"]["path"];
        assert_eq!(
            alive,
            "/livez",
            "an outage of the broker is no reason to end {}",
            name_of(deployment)
        );
    }
    let ingress =
        &one("Deployment", "redeemq-ingress")["spec"]["template"]["spec"]["containers"][0];
    // Where no crowd of callers can keep a probe from its answer.
    let expected = json!({"path": "/readyz", "port": "metrics"});
    assert_eq!(ingress["readinessProbe"]["httpGet"], expected);
}

#[test]
fn no_container_may_do_more_than_it_must() {
    for (of, pod) in pods() {
        let whole = &pod["spec"]["securityContext"];
        assert_eq!(whole["runAsNonRoot"], true, "{of}");
        assert_eq!(whole["seccompProfile"]["type"], "RuntimeDefault", "{of}");
        assert_eq!(pod["spec"]["automountServiceAccountToken"], false, "{of}");
        for container in containers(pod) {
            let context = json!({
                "allowPrivilegeEscalation": false,
                "readOnlyRootFilesystem": true,
                "capabilities": {"drop": ["ALL"]},
            });
            assert_eq!(container["securityContext"], context, "{of}");
            assert!(container["resources"]["requests"]["memory"].is_string(), "{of}");
            assert!(container["resources"]["limits"]["memory"].is_string(), "{of}");
        }
    }
}

/// The user of the image, which has no name there.
#[test]
fn processes_run_as_the_user_of_the_image() {
    let image = std::fs::read_to_string(root().join("Dockerfile")).expect("a Dockerfile");
    for (of, pod) in pods() {
        let context = &pod["spec"]["securityContext"];
        let user = format!("\nUSER {}:{}\n", context["runAsUser"], context["runAsGroup"]);
        assert!(image.contains(&user), "{of}:{user}");
    }
}

#[test]
fn a_process_gets_the_time_that_it_takes_to_end() {
    let page = std::fs::read_to_string(root().join("docs/operations.md")).expect("a page");
    let (_, rest) = page.split_once("exits with 0\nwithin ").expect("how long it takes");
    let takes: u64 = rest.split(' ').next().expect("a number").parse().expect("seconds");
    for deployment in of_kind("Deployment") {
        let pod = &deployment["spec"]["template"]["spec"];
        let pause = &pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"];
        let gets = pod["terminationGracePeriodSeconds"].as_u64().expect("seconds");
        assert!(
            gets >= takes + pause.as_u64().unwrap_or(0) + 5,
            "{}: {gets} s",
            name_of(deployment)
        );
    }
}

#[test]
fn images_are_pinned_and_those_that_the_compose_file_runs() {
    let compose = std::fs::read_to_string(root().join("docker-compose.yml")).expect("a file");
    let broker = text(&one("RabbitmqCluster", "redeemq-rabbitmq")["spec"]["image"]);
    let images = pods().into_iter().flat_map(|(_, pod)| containers(pod)).map(|c| text(&c["image"]));
    for image in images.chain([broker]) {
        let (name, version) = image.split_once(':').expect("a version");
        match name {
            "redeemq" => assert_eq!(version, env!("CARGO_PKG_VERSION")),
            _ => assert!(compose.contains(&format!("image: {image}\n")), "{image} in compose"),
        }
        assert!(
            version.split('-').next().is_some_and(|v| v.contains('.')),
            "{image} is not pinned"
        );
    }
    let database = text(&one("Cluster", "redeemq-postgres")["spec"]["imageName"]);
    let version =
        database.split([':', '-']).find(|part| part.starts_with(|c: char| c.is_ascii_digit()));
    let same = format!("image: postgres:{}\n", version.expect("a version"));
    assert!(compose.contains(&same), "{database} is none of compose");
}

/// No secret is in the files: they name those that `deploy/kubernetes/secrets` prints.
#[test]
fn secrets_are_named_and_not_contained() {
    assert!(all().iter().all(|object| object["kind"] != "Secret"));
    let [command] = block("deploy/kubernetes/secrets").try_into().expect("one command");
    let (print, _) = command.split_once(" | ").expect("and who takes it");
    let made =
        Command::new("bash").args(["-c", print]).current_dir(root()).output().expect("it runs");
    let mut made = as_json(&String::from_utf8(made.stdout).expect("text"));
    made.retain(|object| object["kind"] == "Secret");
    let key_is_there = |name: &Value, key: &Value| {
        let secret = made.iter().find(|secret| secret["metadata"]["name"] == *name);
        // The operator of the broker makes it.
        name == "redeemq-rabbitmq-default-user"
            || secret.is_some_and(|it| !it["stringData"][text(key)].is_null())
    };
    for (of, pod) in pods() {
        for variable in containers(pod).flat_map(|container| list(&container["env"])) {
            let (name, from) = (name_of_variable(variable), &variable["valueFrom"]["secretKeyRef"]);
            let is_secret = ["PASSWORD", "SECRET"].iter().any(|end| name.ends_with(end));
            assert!(!is_secret || from.is_object(), "{of}: {name} is contained");
            assert!(
                from.is_null() || key_is_there(&from["name"], &from["key"]),
                "{of}: nothing makes {from}"
            );
        }
    }
    let users =
        one("Cluster", "redeemq-postgres")["spec"]["managed"]["roles"].as_array().expect("users");
    for user in users {
        let secret =
            made.iter().find(|secret| secret["metadata"]["name"] == user["passwordSecret"]["name"]);
        assert_eq!(secret.expect("a secret")["stringData"]["username"], user["name"]);
    }
}

#[test]
fn budgets_are_for_what_runs_and_leave_room_to_move() {
    let least = |name: &str| match name {
        "redeemq-worker" => one("ScaledObject", name)["spec"]["minReplicaCount"].as_u64(),
        name => one("Deployment", name)["spec"]["replicas"].as_u64(),
    };
    for budget in of_kind("PodDisruptionBudget") {
        let name = name_of(budget);
        let labels = &one("Deployment", name)["spec"]["template"]["metadata"]["labels"];
        let selected = &budget["spec"]["selector"]["matchLabels"]["app.kubernetes.io/name"];
        assert_eq!(labels["app.kubernetes.io/name"], *selected, "{name}");
        let keeps = budget["spec"]["minAvailable"].as_u64().expect("how many");
        assert!(least(name).expect("how many") > keeps, "{name} could never be moved");
    }
    assert_eq!(of_kind("PodDisruptionBudget").len(), of_kind("Deployment").len());
}

/// Whoever stands between would get the password otherwise.
#[test]
fn the_database_proves_who_it_is_by_the_certificate_that_is_mounted() {
    let authority = format!("{}-ca", name_of(of_kind("Cluster")[0]));
    let mut asking = 0;
    for (of, pod) in pods() {
        for container in containers(pod) {
            let value = |name: &str| {
                let found = list(&container["env"]).iter().find(|v| v["name"] == name);
                found.and_then(|variable| variable["value"].as_str())
            };
            let url = value("DATABASE_URL").or(value("PGHOST"));
            let Some(url) = url.filter(|url| url.contains("redeemq-postgres")) else { continue };
            asking += 1;
            let (mode, file) = match url.split_once("?sslmode=") {
                Some((_, rest)) => rest.split_once("&sslrootcert=").expect("a certificate"),
                None => (
                    value("PGSSLMODE").expect("a mode"),
                    value("PGSSLROOTCERT").expect("a certificate"),
                ),
            };
            assert_eq!(mode, "verify-full", "{of}");
            let (folder, file) = file.rsplit_once('/').expect("a path");
            let mounts = list(&container["volumeMounts"]);
            let mount = mounts.iter().find(|mount| mount["mountPath"] == folder).expect("a mount");
            let volumes = list(&pod["spec"]["volumes"]);
            let volume = volumes.iter().find(|volume| volume["name"] == mount["name"]);
            // The secret has the authority's key as well.
            let expected = json!({
                "secretName": authority,
                "items": [{"key": "ca.crt", "path": file}],
            });
            assert_eq!(volume.expect("a volume")["secret"], expected, "{of}");
        }
    }
    assert_eq!(asking, 4);
}
