//! What `kubectl apply -k deploy` would send, as JSON.

use harness::places::root;
use harness::tools;
use serde_json::Value;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// The validator, and in the versions of November 2026 all that it needs.
const PYTHON: [&str; 10] = [
    "kubernetes-validate==1.37.0",
    "PyYAML==6.0.4",
    "attrs==26.1.0",
    "importlib_resources==7.1.0",
    "jsonschema==4.26.0",
    "jsonschema-specifications==2025.9.1",
    "packaging==26.4",
    "referencing==0.37.0",
    "rpds-py==2026.9.1",
    "typing_extensions==4.16.0",
];

pub fn python(program: &str) -> PathBuf {
    tools::python("kubernetes", &PYTHON).join(program)
}

/// What a program prints of its input, and it must end well.
pub fn piped(command: &mut Command, input: &str) -> String {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let program = command.get_program().to_owned();
    let mut child = command
        .spawn()
        .unwrap_or_else(|error| panic!("this test needs {}: {error}", program.display()));
    child.stdin.take().expect("its input").write_all(input.as_bytes()).expect("read");
    let output = child.wait_with_output().expect("its end");
    let [out, err] =
        [output.stdout, output.stderr].map(|text| String::from_utf8(text).expect("text"));
    assert!(output.status.success(), "{}: {out}{err}", program.display());
    out
}

/// With kustomize as it is in kubectl, 1.27 or newer.
fn render() -> Vec<Value> {
    let mut kubectl = Command::new("kubectl");
    let yaml = piped(kubectl.args(["kustomize", "deploy"]).current_dir(root()), "");
    as_json(&yaml)
}

/// The documents of a YAML text.
pub fn as_json(yaml: &str) -> Vec<Value> {
    let program =
        "import json, sys, yaml; json.dump(list(yaml.safe_load_all(sys.stdin)), sys.stdout)";
    let json = piped(Command::new(python("python")).args(["-c", program]), yaml);
    serde_json::from_str(&json).expect("JSON")
}

pub fn all() -> &'static [Value] {
    static RENDERED: OnceLock<Vec<Value>> = OnceLock::new();
    RENDERED.get_or_init(render)
}

pub fn kind_of(object: &Value) -> &str {
    object["kind"].as_str().expect("a kind")
}

pub fn name_of(object: &Value) -> &str {
    object["metadata"]["name"].as_str().expect("a name")
}

pub fn of_kind(kind: &str) -> Vec<&'static Value> {
    let found: Vec<&Value> = all().iter().filter(|object| kind_of(object) == kind).collect();
    assert!(!found.is_empty(), "there is no {kind}");
    found
}

pub fn one(kind: &str, name: &str) -> &'static Value {
    let found = of_kind(kind).into_iter().find(|object| name_of(object) == name);
    found.unwrap_or_else(|| panic!("there is no {kind} {name}"))
}

pub fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// Every pod that is described, with the name of what describes it.
pub fn pods() -> Vec<(&'static str, &'static Value)> {
    let described = ["Deployment", "Job"].into_iter().flat_map(of_kind);
    described.map(|object| (name_of(object), &object["spec"]["template"])).collect()
}

/// Those that begin before the others among them.
pub fn containers(pod: &Value) -> impl Iterator<Item = &Value> {
    list(&pod["spec"]["initContainers"]).iter().chain(list(&pod["spec"]["containers"]))
}

pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}
