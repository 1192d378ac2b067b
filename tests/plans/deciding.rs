//! A plan decided order by order, under the locks of its stock rows.

use hotrow::domain::{OrderStatus, Refusal, Shortfall, Timestamp, Verdict};
use hotrow::embedded::Flavor;
use hotrow::engine::{CommitOutcome, Execution, SkuLeft, Verdicts};

use crate::support::make::{adjust, cancel, deciding, merged, sku, take};
use crate::support::scene::{Scene, land, ready};

const CEILING: i64 = 1_000_000_000_000_000;

fn each(verdicts: Verdicts) -> Vec<Verdict> {
    match verdicts {
        Verdicts::Each(verdicts) => verdicts,
        Verdicts::AllDone(_) => panic!("a decision has a verdict for each"),
    }
}

fn short(name: &str, requested: i64, available: i64) -> Shortfall {
    Shortfall { sku: sku(name), requested, available }
}

async fn each_order_gets_its_own_answer(flavor: Flavor) {
    let scene = Scene::new(flavor).await.with(&[("a", 10), ("b", 5), ("c", 5)]).await;
    let mut connection = scene.connection();
    let Verdicts::AllDone(before) =
        land(&mut connection, &merged(1, vec![take("o-1", &[("a", 2)])])).await
    else {
        panic!("a merged flush is done as a whole")
    };
    let plan = deciding(
        2,
        vec![
            take("o-2", &[("a", 5)]),
            take("o-3", &[("a", 4)]),
            take("o-4", &[("a", 3), ("b", 1)]),
            take("o-5", &[("a", 1), ("b", 9), ("c", 5)]),
            take("o-1", &[("a", 2)]),
            take("o-1", &[("a", 3)]),
            take("o-1", &[("a", 2), ("b", 1)]),
            take("o-6", &[("nowhere", 1)]),
            cancel("o-1", &[("a", 2)]),
            cancel("o-1", &[("a", 2)]),
            cancel("nobody", &[("a", 2)]),
            take("o-1", &[("a", 2)]),
            take("o-7", &[("a", 1)]),
            take("o-7", &[("a", 1)]),
            take("o-3", &[("a", 1)]),
        ],
    );
    let verdicts = each(land(&mut connection, &plan).await);
    let Verdict::Done { at, .. } = verdicts[0] else { panic!("{:?}", verdicts[0]) };
    assert!(at > before);
    let done = |status| Verdict::Done { at, replayed: false, status, expires_at: None };
    let again = |at, status| Verdict::Done { at, replayed: true, status, expires_at: None };
    let (deducted, cancelled) = (OrderStatus::Deducted, OrderStatus::Cancelled);
    let expected = [
        done(deducted),
        Verdict::Refused(Refusal::InsufficientStock(vec![short("a", 4, 3)])),
        done(deducted),
        Verdict::Refused(Refusal::InsufficientStock(vec![short("a", 1, 0), short("b", 9, 4)])),
        again(before, deducted),
        Verdict::Refused(Refusal::Mismatch),
        Verdict::Refused(Refusal::Mismatch),
        Verdict::Refused(Refusal::UnknownSku(sku("nowhere"))),
        done(cancelled),
        again(at, cancelled),
        Verdict::Refused(Refusal::UnknownOrder),
        again(before, cancelled),
        done(deducted),
        again(at, deducted),
        done(deducted),
    ];
    assert_eq!(verdicts, expected);
    assert_eq!(scene.stock().await, ["a 0 3", "b 4 2", "c 5 1"]);
    assert_eq!(
        scene.movements().await,
        [
            "o-1 take 1 deduct a -2 1",
            "o-1 settle 1 cancel a 2 2",
            "o-2 take 1 deduct a -5 2",
            "o-3 take 1 deduct a -1 2",
            "o-4 take 1 deduct a -3 2",
            "o-4 take 2 deduct b -1 2",
            "o-7 take 1 deduct a -1 2",
        ]
    );
    assert_eq!(scene.versions().await, ["a 2 1 8 -2 1", "a 3 2 0 -8 5", "b 2 2 4 -1 1"]);
}

/// The ids of a plan are looked up only if the ledger has any from the first to the last of them.
async fn an_id_is_known_wherever_it_stands_among_the_others(flavor: Flavor) {
    let scene = Scene::new(flavor).await.with(&[("a", 10), ("b", 0)]).await;
    let mut connection = scene.connection();
    let known = ["O-3", "o-3", "o-30", "o-5"];
    land(&mut connection, &merged(1, known.map(|id| take(id, &[("a", 1)])).to_vec())).await;
    let asked: [&[&str]; 8] = [
        &["o-1", "o-2"],
        &["o-31", "o-4"],
        &["o-1", "o-6"],
        &["o-6", "o-5", "o-7"],
        &["o-1", "o-2", "o-3"],
        &["o-29", "o-30", "o-31"],
        &["O-1", "O-3", "O-4"],
        &["o-5", "o-3"],
    ];
    for (flush, ids) in (2..).zip(asked) {
        // Those that are known took another SKU.
        let plan = deciding(flush, ids.iter().map(|id| take(id, &[("b", 1)])).collect());
        let Execution::NothingToWrite { verdicts, .. } = connection.execute(&plan).await else {
            panic!("nothing is left of b")
        };
        let expected = ids.iter().map(|id| {
            Verdict::Refused(if known.contains(id) {
                Refusal::Mismatch
            } else {
                Refusal::InsufficientStock(vec![short("b", 1, 0)])
            })
        });
        assert_eq!(each(verdicts), expected.collect::<Vec<_>>(), "{ids:?}");
    }
}

async fn a_stock_is_filled_up_to_the_ceiling(flavor: Flavor) {
    let scene = Scene::new(flavor).await.with(&[("full", CEILING - 5)]).await;
    let mut connection = scene.connection();
    let plan = deciding(
        1,
        vec![
            adjust("r-1", "full", 6, None),
            adjust("r-2", "full", 5, None),
            adjust("r-3", "full", 1, None),
            adjust("r-2", "full", 5, Some("the reason is no part of the content")),
            adjust("r-2", "full", 4, None),
        ],
    );
    let verdicts = each(land(&mut connection, &plan).await);
    let ceiling =
        |available| Verdict::Refused(Refusal::StockCeiling { sku: sku("full"), available });
    let Verdict::Done { at, .. } = verdicts[1] else { panic!("{:?}", verdicts[1]) };
    let done = |replayed| {
        let status = OrderStatus::Deducted;
        Verdict::Done { at, replayed, status, expires_at: None }
    };
    let expected = [
        ceiling(CEILING - 5),
        done(false),
        ceiling(CEILING),
        done(true),
        Verdict::Refused(Refusal::Mismatch),
    ];
    assert_eq!(verdicts, expected);
    assert_eq!(scene.stock().await, [format!("full {CEILING} 2")]);
    assert_eq!(scene.movements().await, ["r-2 adjust 1 restock full 5 1"]);
}

async fn refusals_alone_write_nothing_and_hold_nothing(flavor: Flavor) {
    let scene = Scene::new(flavor).await.with(&[("a", 1), ("b", 0)]).await;
    let mut connection = scene.connection();
    let plan = deciding(1, vec![take("o-1", &[("b", 1)]), take("o-2", &[("a", 2)])]);
    let refused = |shortfall| Verdict::Refused(Refusal::InsufficientStock(vec![shortfall]));
    let left_of =
        |name, available| SkuLeft { sku: sku(name), available, taken: None, on_terms: false };
    match connection.execute(&plan).await {
        Execution::NothingToWrite { verdicts, mut left } => {
            let expected = vec![refused(short("b", 1, 0)), refused(short("a", 2, 1))];
            assert_eq!(verdicts, Verdicts::Each(expected));
            left.sort_by(|a, b| a.sku.cmp(&b.sku));
            assert_eq!(left, [left_of("a", 1), left_of("b", 0)]);
        }
        other @ (Execution::Ready { .. }
        | Execution::Committed { .. }
        | Execution::CommitUnknown
        | Execution::Landed { .. }
        | Execution::Failed(_)) => {
            panic!("{other:?}")
        }
    }
    scene.nothing_is_open().await;
    assert_eq!(scene.free(&["a", "b"]).await, ["a", "b"]);
    assert_eq!(scene.movements().await, [""; 0]);
    // The connection is as good as before, and a refusal is not remembered.
    let plan = deciding(2, vec![take("o-2", &[("a", 1)])]);
    assert!(connection.session().is_some());
    land(&mut connection, &plan).await;
    assert_eq!(scene.stock().await, ["a 0 2", "b 0 1"]);
}

async fn a_decision_counts_what_was_committed_while_it_waited(flavor: Flavor) {
    let scene = Scene::new(flavor).await.with(&[("a", 5)]).await;
    let mut first = scene.connection();
    let before = merged(1, vec![take("o-1", &[("a", 4)])]);
    ready(&mut first, &before).await;
    let mut second = scene.connection();
    let plan = deciding(2, vec![take("o-1", &[("a", 4)]), take("o-2", &[("a", 2)])]);
    let deciding = tokio::spawn(async move { second.execute(&plan).await });
    crate::support::sight::until("the decision waits for the lock", async || {
        scene.one_waits().await || deciding.is_finished()
    })
    .await;
    first.commit(before.id).await;
    match deciding.await.unwrap() {
        Execution::NothingToWrite { verdicts, .. } => {
            let verdicts = each(verdicts);
            assert!(matches!(verdicts[0], Verdict::Done { replayed: true, at, .. }
                if at > Timestamp::from_micros(0)));
            let refused = Refusal::InsufficientStock(vec![short("a", 2, 1)]);
            assert_eq!(verdicts[1], Verdict::Refused(refused));
        }
        other @ (Execution::Ready { .. }
        | Execution::Committed { .. }
        | Execution::CommitUnknown
        | Execution::Landed { .. }
        | Execution::Failed(_)) => {
            panic!("{other:?}")
        }
    }
}

/// What is read ahead of the locks is used if nothing was written meanwhile, else read again.
async fn what_was_read_ahead_holds_until_something_is_written(flavor: Flavor) {
    for meanwhile in [None, Some("o-2"), Some("o-9")] {
        let scene = Scene::new(flavor).await.with(&[("a", 5), ("b", 5)]).await;
        let mut connection = scene.connection();
        land(&mut connection, &merged(1, vec![take("o-1", &[("a", 1)])])).await;
        let orders = ["o-1", "o-2", "o-3"].map(|id| take(id, &[("a", 1)]));
        let plan = deciding(2, [&orders[..], &[take("o-4", &[("a", 3)])]].concat());
        connection.prepare(&plan).await.unwrap();
        assert_eq!(scene.free(&["a", "b"]).await, ["a", "b"]);
        // Another SKU tells nothing about this one.
        land(&mut scene.connection(), &merged(3, vec![take("o-5", &[("b", 1)])])).await;
        if let Some(id) = meanwhile {
            land(&mut scene.connection(), &merged(4, vec![take(id, &[("a", 1)])])).await;
        }
        let Execution::Ready { verdicts, .. } = connection.finish(&plan).await else {
            panic!("o-3 is new and fits")
        };
        assert_eq!(connection.commit(plan.id).await, CommitOutcome::Committed);
        let replayed = each(verdicts).into_iter().map(|verdict| match verdict {
            Verdict::Done { replayed, .. } => Some(replayed),
            Verdict::Refused(_) | Verdict::NotExecuted(_) | Verdict::Unknown => None,
        });
        let second = Some(meanwhile == Some("o-2"));
        assert_eq!(replayed.collect::<Vec<_>>(), [Some(true), second, Some(false), None]);
        let left = if meanwhile == Some("o-9") { "a 1 4" } else { "a 2 " };
        assert!(scene.stock().await[0].starts_with(left), "{meanwhile:?}");
        // It is gone with its plan.
        connection.prepare(&deciding(5, vec![take("o-1", &[("a", 1)])])).await.unwrap();
        connection.roll_back().await;
        let again = connection.execute(&deciding(6, vec![take("o-3", &[("a", 1)])])).await;
        let Execution::NothingToWrite { verdicts, .. } = again else { panic!("{again:?}") };
        assert!(matches!(each(verdicts)[0], Verdict::Done { replayed: true, .. }));
    }
}

both_flavors!(
    what_was_read_ahead_holds_until_something_is_written,
    each_order_gets_its_own_answer,
    an_id_is_known_wherever_it_stands_among_the_others,
    a_stock_is_filled_up_to_the_ceiling,
    refusals_alone_write_nothing_and_hold_nothing,
    a_decision_counts_what_was_committed_while_it_waited,
);
