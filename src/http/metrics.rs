//! `/metrics`: figures for Prometheus.
//!
//! Architecture invariant: what cannot be had now (a broker that is silent) is left as it was; the
//! other figures are given all the same.

use std::time::Duration;

use super::answer::Answer;
use super::orchestrator::Orchestrator;
use super::problem::Problem;
use super::query::Query;
use crate::domain::workflow::ContentType;
use crate::gpu::view::BrokerView;
use crate::telemetry::metrics::BrokerFigures;

/// How long the broker may take; it answers in microseconds.
const PATIENCE: Duration = Duration::from_millis(500);

/// GET: all figures, as they stand now.
pub(super) async fn show(node: &Orchestrator, query: &Query) -> Result<Answer, Problem> {
    query.only(&[])?;
    let live = node.fold.live_by_type();
    let of_type = |kind: ContentType| (kind.name(), live.get(&kind).copied().unwrap_or(0));
    node.metrics.set_active(&ContentType::ALL.map(of_type));
    if let Ok(Some(view)) = tokio::time::timeout(PATIENCE, node.broker.look()).await {
        node.metrics.set_broker(view.life, &figures(&view));
    }
    let text = node.metrics.text();
    text.map(Answer::metrics).map_err(|error| Problem::new(500, "not_printable", error))
}

fn figures(view: &BrokerView) -> BrokerFigures {
    let counts = &view.counts;
    let devices = view.books.devices.iter();
    let pools = view.books.pools.iter();
    BrokerFigures {
        happened: vec![
            ("granted", counts.granted),
            ("released", counts.released),
            ("revoked", counts.revoked),
            ("refused", counts.refused),
            ("out_of_memory", counts.out_of_memory),
            ("load", counts.loads),
            ("eviction", counts.evictions),
        ],
        waiting: view.books.waiting,
        leases: view.books.leases,
        devices: devices.map(|one| (one.name.clone(), one.budget_bytes, one.used_bytes)).collect(),
        pools: pools.map(|one| (one.pool.name(), one.capacity, one.used)).collect(),
    }
}
