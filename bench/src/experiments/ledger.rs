//! What the ids and the size of the ledger cost: rows with scattered ids go to scattered pages.

use super::contest::CLOSED_LOOP;
use super::run_weight_s;
use crate::bench::{Audit, Bench, Played, played};
use crate::books::audit;
use crate::collector::Collector;
use crate::orders::{IdOrder, Orders};
use crate::outcome::Outcome;
use crate::report::Experiment;
use crate::report::table::number;
use crate::servers::database::Database;
use crate::subjects::Subject;
use crate::turn::Tally;
use crate::workload::Workload;

/// The two on an empty ledger; the third is random ids on the big one.
const EMPTY: [(&str, IdOrder); 2] =
    [("time-empty", IdOrder::Time), ("random-empty", IdOrder::Random)];
const BIG: &str = "random-big";
/// Each round on the big ledger continues with other numbers.
const NUMBERS_A_ROUND: u64 = 1 << 40;

pub(super) async fn measure(bench: &mut Bench) -> Outcome<Experiment> {
    let rows = bench.settings.ledger_rows();
    let workload = Workload::one_hot()?.named("ledger");
    let title = format!(
        "hotrow on one hot SKU: time-ordered and random ids on an empty ledger, random ids on one of {rows} rows"
    );
    let collector = Collector::new(workload.name, title, CLOSED_LOOP);
    let big = bench.mysql.fresh(&workload).await?;
    let measured = rounds(bench, &workload, &big, collector).await;
    bench.mysql.drop(big).await?;
    measured
}

async fn rounds(
    bench: &mut Bench,
    workload: &Workload,
    big: &Database,
    mut collector: Collector,
) -> Outcome<Experiment> {
    let settings = bench.settings.clone();
    let rows = settings.ledger_rows();
    let mut loaded = 0;
    big.preload(rows, |done| {
        bench.progress.doing(format!(
            "filling the ledger: {} of {} rows",
            number(done as f64),
            number(rows as f64)
        ));
        bench.progress.done_quietly((done - loaded) as f64 / 60_000.0);
        loaded = done;
    })
    .await?;
    let mut sold = Tally::default();
    for round in 0..settings.rounds() {
        for (name, id_order) in EMPTY {
            let orders = Orders::with_ids(workload, id_order, 0);
            let run = bench
                .on_fresh(&settings, orders, Audit::Flushes, async |stage| {
                    Subject::Hotrow.play(stage).await
                })
                .await;
            note(bench, &mut collector, name, round, run)?;
        }
        let orders =
            Orders::with_ids(workload, IdOrder::Random, (round as u64 + 1) * NUMBERS_A_ROUND);
        let stage = bench.stage(&settings, big, orders);
        let run = match Subject::Hotrow.play(&stage).await {
            Ok(window) => played(&stage.turn, window, None, Vec::new()),
            Err(error) => Err(error),
        };
        sold.accepted += stage.turn.tally().accepted;
        note(bench, &mut collector, BIG, round, run)?;
    }
    // Once, since it reads all rows.
    bench.progress.doing("auditing the big ledger".to_owned());
    if let Err(error) = audit(big, sold, rows as u64, true).await {
        bench.failed("ledger random-big", &error);
    }
    collector.finish()
}

fn note(
    bench: &mut Bench,
    collector: &mut Collector,
    name: &str,
    round: usize,
    run: Outcome<Played>,
) -> Outcome<()> {
    let what = format!("ledger {name}, round {}", round + 1);
    match run {
        Ok(played) => {
            let rate = number(played.window.accepted_per_s());
            bench.progress.done(run_weight_s(&bench.settings), &format!("{what}: {rate} orders/s"));
            collector.run(name, played)?;
        }
        Err(error) => bench.failed(&what, &error),
    }
    Ok(())
}
