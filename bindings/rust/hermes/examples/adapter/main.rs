//! Takes the steps of the conformance scenarios with this crate:
//!
//!     adapter SCENARIOS.json [NAME]
//!     adapter --cluster IN OUT NAME COUNT PEERS

mod cluster;
mod steps;

use std::process::ExitCode;
use std::sync::Arc;

use serde_json::{json, Value};

/// What a scenario may need, and Rust has. A str is UTF-8, so it has no bytes that are not.
const HAS: &[&str] =
    &["text", "raw text", "restart", "close", "wait", "names", "events", "descriptor", "nul"];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let well = match words.as_slice() {
        ["--cluster", address_in, address_out, name, count, peers] => {
            cluster::join(address_in, address_out, name, count, peers)
        }
        [path] => run_scenarios(path, None),
        [path, only] => run_scenarios(path, Some(only)),
        _ => panic!("usage: adapter SCENARIOS.json [NAME], or with --cluster"),
    };
    ExitCode::from(u8::from(!well))
}

/// Runs the scenarios of a file; returns whether all went well.
fn run_scenarios(path: &str, only: Option<&str>) -> bool {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{path}: {e}"));
    let document: Value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{path}: {e}"));
    let mut well = true;
    for scenario in steps::list(&document["scenarios"]) {
        if only.is_some_and(|only| scenario["name"] != only) {
            continue;
        }
        let line = run_scenario(scenario, &document["beginnings"]);
        well &= line["ok"] == true;
        println!("{line}");
    }
    well
}

fn run_scenario(scenario: &Value, beginnings: &Value) -> Value {
    let mut line = json!({"runtime": "rust", "scenario": scenario["name"], "ok": true, "why": ""});
    let needs = steps::list(&scenario["needs"]);
    if let Some(lack) = needs.iter().find(|need| !HAS.contains(&need.as_str().unwrap_or(""))) {
        line["lacks"] = lack.clone();
        return line;
    }
    let begin = scenario["begin"].as_str().map_or(&Value::Null, |begin| &beginnings[begin]);
    let run = Arc::new(steps::Run::default());
    let taken = run.take(begin, 0).and_then(|()| run.take(&scenario["steps"], 0));
    run.close_all();
    if let Err(failure) = taken {
        line["ok"] = json!(false);
        line["why"] = json!(failure.to_string());
    }
    line
}
