//! What commands tell people, drawn from the same JSON that programs get.
//!
//! Architecture invariant: nothing here decides or asks anything; a field that is missing is blank.

use std::collections::BTreeMap;

use comfy_table::Table;
use comfy_table::presets::UTF8_FULL_CONDENSED;
use serde_json::Value;

/// Names of channels by id.
pub type ChannelNames = BTreeMap<String, String>;

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED);
    table.set_header(header.iter().copied());
    table
}

/// The member `name` as text, blank when it is null or missing.
#[must_use]
pub fn text(value: &Value, name: &str) -> String {
    match value.get(name) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

fn items<'v>(value: &'v Value, name: &str) -> impl Iterator<Item = &'v Value> {
    value.get(name).and_then(Value::as_array).into_iter().flatten()
}

fn number(value: &Value, name: &str) -> String {
    value.get(name).and_then(Value::as_f64).map(|number| format!("{number:.2}")).unwrap_or_default()
}

/// The line that says how a list goes on; blank on the last page.
fn more(page: &Value) -> String {
    match page.get("next").and_then(Value::as_str) {
        Some(next) => format!("\nthere are more: --after {next}"),
        None => String::new(),
    }
}

/// A page of workflows.
#[must_use]
pub fn workflows(page: &Value, names: &ChannelNames) -> String {
    let mut table = table(&["workflow", "channel", "status", "stage", "started", "cause"]);
    for workflow in items(page, "items") {
        let channel = text(workflow, "channel_id");
        let channel = names.get(&channel).cloned().unwrap_or(channel);
        let mut status = text(workflow, "status");
        if workflow.get("paused").and_then(Value::as_bool) == Some(true) {
            status.push_str(" (paused)");
        }
        table.add_row([
            text(workflow, "id"),
            channel,
            status,
            stage_of(workflow),
            text(workflow, "created_at"),
            text(workflow, "cause"),
        ]);
    }
    format!("{table}{}", more(page))
}

/// The first stage that is not completed; blank when none is left.
fn stage_of(workflow: &Value) -> String {
    let open = items(workflow, "steps")
        .find(|step| !matches!(text(step, "status").as_str(), "completed" | "cancelled"));
    open.map(|step| text(step, "name")).unwrap_or_default()
}

/// One workflow with its stages.
#[must_use]
pub fn workflow(workflow: &Value) -> String {
    let mut table = table(&["stage", "status", "started", "completed", "output"]);
    for step in items(workflow, "steps") {
        let outputs = items(step, "output")
            .map(|output| format!("{} ({} bytes)", text(output, "name"), text(output, "bytes")));
        let outputs: Vec<String> = outputs.collect();
        table.add_row([
            text(step, "name"),
            text(step, "status"),
            text(step, "started_at"),
            text(step, "completed_at"),
            outputs.join("\n"),
        ]);
    }
    let cause = match text(workflow, "cause") {
        cause if cause.is_empty() => cause,
        cause => format!("\ncause: {cause}"),
    };
    let (id, status) = (text(workflow, "id"), text(workflow, "status"));
    format!("workflow {id}: {status}{cause}\n{table}")
}

/// Why a workflow is where it is.
#[must_use]
pub fn why(view: &Value) -> String {
    let part = |name: &str, word: &str| match text(view, name) {
        found if found.is_empty() => found,
        found => format!(" {word} {found}"),
    };
    format!(
        "workflow {} is {}{} since {}{}\n  why:  {}\n  next: {}",
        text(view, "workflow"),
        text(view, "state"),
        part("stage", "at"),
        text(view, "since"),
        part("until", "until"),
        text(view, "reason"),
        text(view, "next"),
    )
}

/// A page of channels.
#[must_use]
pub fn channels(page: &Value) -> String {
    let mut table = table(&["channel", "niche", "state", "live", "sources", "next slot", "id"]);
    for channel in items(page, "items") {
        let next = items(channel, "slots").filter(|slot| slot.get("workflow").is_none()).last();
        table.add_row([
            text(channel, "name"),
            text(channel, "niche"),
            channel_state(channel),
            text(channel, "live_workflows"),
            items(channel, "sources").count().to_string(),
            next.map(|slot| text(slot, "at")).unwrap_or_default(),
            text(channel, "id"),
        ]);
    }
    format!("{table}{}", more(page))
}

fn channel_state(channel: &Value) -> String {
    let is_paused = channel.get("paused").and_then(Value::as_bool) == Some(true);
    match (text(channel, "parked"), is_paused) {
        (parked, _) if !parked.is_empty() => format!("given up: {parked}"),
        (_, true) => "paused".to_owned(),
        (_, false) => "at work".to_owned(),
    }
}

/// One channel with its slots and sources.
#[must_use]
pub fn channel(channel: &Value) -> String {
    let mut slots = table(&["slot", "workflow", "why it has none"]);
    for slot in items(channel, "slots") {
        slots.add_row([text(slot, "at"), text(slot, "workflow"), text(slot, "reason")]);
    }
    let mut sources = table(&["source", "role", "state", "last read", "next look", "problem"]);
    for source in items(channel, "sources") {
        let problem = source.get("last_error").filter(|error| !error.is_null());
        let problem = problem.map(|error| match error.get("message") {
            Some(_) => text(error, "message"),
            None => text(source, "last_error"),
        });
        sources.add_row([
            text(source, "source"),
            text(source, "role"),
            text(source, "state"),
            text(source, "last_ok"),
            text(source, "next_poll"),
            problem.unwrap_or_default(),
        ]);
    }
    format!(
        "channel {} ({}): {}, {}\n{slots}\n{sources}",
        text(channel, "name"),
        text(channel, "id"),
        text(channel, "niche"),
        channel_state(channel),
    )
}

/// What a simulation gave: one line per policy, and one per policy and kind of work.
#[must_use]
pub fn simulation(report: &Value) -> String {
    let share = |value: &Value, name: &str| match value.get(name).and_then(Value::as_f64) {
        Some(share) => format!("{:.1} %", share * 100.0),
        None => String::new(),
    };
    let mut policies = table(&[
        "policy",
        "makespan s",
        "lease busy",
        "bytes used",
        "loads",
        "evictions",
        "deadlines missed",
        "out of memory",
    ]);
    let mut kinds =
        table(&["policy", "kind", "grants", "refused", "mean wait s", "99 % s", "longest s"]);
    for (name, policy) in members(report, "policies") {
        policies.add_row([
            name.clone(),
            number(policy, "makespan_s"),
            share(policy, "lease_busy"),
            share(policy, "byte_second_utilisation"),
            text(policy, "loads"),
            text(policy, "evictions"),
            text(policy, "deadline_misses"),
            text(policy, "oom"),
        ]);
        for (kind, met) in members(policy, "kinds") {
            kinds.add_row([
                name.clone(),
                kind.clone(),
                text(met, "grants"),
                text(met, "refused"),
                number(met, "mean_wait_s"),
                number(met, "p99_wait_s"),
                number(met, "max_wait_s"),
            ]);
        }
    }
    format!("simulated, not measured:\n{policies}\n{kinds}")
}

/// What became of a simulated node's videos.
#[must_use]
pub fn engine(report: &Value) -> String {
    let mut channels =
        table(&["channel", "videos", "published", "parked", "mean s", "99 % s", "longest s"]);
    for (name, channel) in members(report, "channels") {
        channels.add_row([
            name.clone(),
            text(channel, "videos"),
            text(channel, "published"),
            text(channel, "parked"),
            number(channel, "mean_s"),
            number(channel, "p99_s"),
            number(channel, "max_s"),
        ]);
    }
    format!(
        "simulated, not measured; seconds are from asking to publication:\n{channels}\nthe last after {} \
         s; {} events, {} failed attempts, {} restarts; every promise held",
        number(report, "makespan_s"),
        text(report, "events"),
        text(report, "failed_attempts"),
        text(report, "restarts"),
    )
}

/// The broker's books: devices, pools and who holds what.
#[must_use]
pub fn gpu(view: &Value) -> String {
    let bytes = |value: &Value, name: &str| {
        let bytes = value.get(name).and_then(Value::as_u64);
        bytes.map(|bytes| format!("{} MiB", bytes >> 20)).unwrap_or_default()
    };
    let mut told = Vec::new();
    if view.get("life").and_then(Value::as_u64) == Some(0) {
        told.push("no node runs here; this is what one would share out:".to_owned());
    }
    let mut devices =
        table(&["device", "memory", "may be leased", "in use", "others use", "busy", "degrees"]);
    let readings: Vec<&Value> = items(view, "readings").collect();
    for (index, device) in items(view, "devices").enumerate() {
        let reading = readings.get(index).copied().unwrap_or(&Value::Null);
        let percent = text(reading, "utilisation_percent");
        devices.add_row([
            text(device, "name"),
            bytes(device, "total_bytes"),
            bytes(device, "budget_bytes"),
            bytes(device, "used_bytes"),
            bytes(device, "foreign_bytes"),
            if percent.is_empty() { percent } else { format!("{percent} %") },
            text(reading, "temperature_c"),
        ]);
    }
    match items(view, "devices").count() {
        0 => told.push("no GPU: every stage uses the processor".to_owned()),
        _ => told.push(devices.to_string()),
    }
    let mut pools = table(&["of the host", "there are", "held", "wait for it"]);
    for pool in items(view, "pools") {
        let is_memory = text(pool, "pool").ends_with("memory");
        let amount = |name: &str| if is_memory { bytes(pool, name) } else { text(pool, name) };
        pools.add_row([
            text(pool, "pool"),
            amount("capacity"),
            amount("used"),
            text(pool, "waiting"),
        ]);
    }
    told.push(pools.to_string());
    let mut held = table(&["lease", "channel", "device", "bytes", "of the host", "held s"]);
    for lease in items(view, "held") {
        let host = items(lease, "host")
            .map(|share| format!("{} {}", text(share, "amount"), text(share, "pool")));
        let seconds = lease.get("held_ms").and_then(Value::as_u64).unwrap_or(0) / 1_000;
        held.add_row([
            text(lease, "lease"),
            text(lease, "channel"),
            text(lease, "device"),
            bytes(lease, "bytes"),
            host.collect::<Vec<_>>().join(", "),
            seconds.to_string(),
        ]);
    }
    let count =
        |name: &str| view.get("counts").map(|counts| text(counts, name)).unwrap_or_default();
    if view.get("life").and_then(Value::as_u64) > Some(0) {
        told.push(format!(
            "leases so far: {} granted, {} returned, {} taken away; {} requests refused",
            count("granted"),
            count("released"),
            count("revoked"),
            count("refused")
        ));
    }
    if items(view, "held").count() > 0 {
        told.push(held.to_string());
    }
    told.join("\n")
}

/// What the self-test of the GPUs found.
#[must_use]
pub fn selftest(report: &Value) -> String {
    let cards = items(report, "cards").map(|card| {
        let mut table = table(&["check", "", "what was seen"]);
        for check in items(card, "checks") {
            let passed = check.get("passed").and_then(Value::as_bool) == Some(true);
            let word = if passed { "ok" } else { "FAILED" };
            table.add_row([text(check, "name"), word.to_owned(), text(check, "detail")]);
        }
        let mib = |name: &str| card.get(name).and_then(Value::as_u64).unwrap_or(0) >> 20;
        format!(
            "gpu {}: {}, compute {}, {} MiB, of which {} MiB may be leased\n{table}",
            text(card, "ordinal"),
            text(card, "name"),
            text(card, "compute"),
            mib("memory_bytes"),
            mib("budget_bytes"),
        )
    });
    cards.collect::<Vec<_>>().join("\n")
}

fn members<'v>(value: &'v Value, name: &str) -> impl Iterator<Item = (&'v String, &'v Value)> {
    value.get(name).and_then(Value::as_object).into_iter().flatten()
}

/// A page of topics.
#[must_use]
pub fn trends(page: &Value) -> String {
    let mut table =
        table(&["channel", "topic", "score", "competition", "first seen", "peak", "used"]);
    for row in items(page, "items") {
        table.add_row([
            text(row, "channel"),
            text(row, "title"),
            number(row, "viral_score"),
            number(row, "competition_level"),
            text(row, "first_detected"),
            text(row, "peak_prediction"),
            text(row, "used"),
        ]);
    }
    format!("{table}{}", more(page))
}

/// A script, scene by scene.
#[must_use]
pub fn script(view: &Value) -> String {
    let mut lines: Vec<String> = Vec::new();
    for scene in items(view, "scenes") {
        let (number, seconds) = (text(scene, "scene_number"), text(scene, "duration"));
        lines.push(format!("scene {number} ({seconds} s): {}", text(scene, "visual_description")));
        lines.push(format!("  {}\n", text(scene, "narration")));
    }
    if let Some(metadata) = view.get("metadata") {
        lines.push(format!(
            "{} s, {} words, grade {}",
            text(metadata, "estimated_duration"),
            text(metadata, "word_count"),
            text(metadata, "complexity_score"),
        ));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_list_names_channels_and_says_how_it_goes_on() {
        let page = json!({ "items": [{
            "id": "w-1", "channel_id": "c-1", "status": "processing", "paused": true,
            "cause": null, "created_at": "2026-11-22T10:00:00.000Z",
            "steps": [{ "name": "trend", "status": "completed" }, { "name": "script", "status": "running" }],
        }], "next": "w-1" });
        let names = ChannelNames::from([("c-1".to_owned(), "deep-sea".to_owned())]);
        let told = workflows(&page, &names);
        for part in ["w-1", "deep-sea", "processing (paused)", "script", "--after w-1"] {
            assert!(told.contains(part), "{part}: {told}");
        }
    }

    #[test]
    fn what_is_missing_is_blank() {
        for draw in [workflow, why, channels, channel, trends, script] {
            assert!(!draw(&json!({})).contains("null"));
        }
    }
}
