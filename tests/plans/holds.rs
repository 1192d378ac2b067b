//! Holds and what settles them, as the tables have them afterwards.

use hotrow::domain::{Goal, Operation, OrderStatus, Refusal, Standing, Timestamp, Verdict};
use hotrow::embedded::Flavor;
use hotrow::engine::{CommitOutcome, Execution, Failure, Verdicts};

use crate::support::make::{
    bought_by, deciding, held_for, merged, settle, settle_until, sku, take,
};
use crate::support::scene::{Scene, land};

fn each(verdicts: Verdicts) -> Vec<Verdict> {
    match verdicts {
        Verdicts::Each(verdicts) => verdicts,
        Verdicts::AllDone(_) => panic!("a decision has a verdict for each"),
    }
}

fn statuses(verdicts: &[Verdict]) -> Vec<Option<OrderStatus>> {
    verdicts
        .iter()
        .map(|verdict| match verdict {
            Verdict::Done { status, .. } => Some(*status),
            Verdict::Refused(_) | Verdict::NotExecuted(_) | Verdict::Unknown => None,
        })
        .collect()
}

async fn a_hold_is_settled_in_each_way(flavor: Flavor) {
    let scene = Scene::new(flavor).await.with(&[("a", 100), ("b", 100)]).await;
    let mut connection = scene.connection();
    let hold = |id: &str, lines| held_for(600, take(id, lines));
    let confirmed = bought_by("anna", hold("c-1", &[("a", 1), ("b", 2)]));
    let released = bought_by("ben", hold("r-1", &[("a", 4)]));
    let kept = bought_by("anna", hold("k-1", &[("a", 8)]));
    let nobodys = hold("n-1", &[("b", 16)]);
    let holds = [&confirmed, &released, &kept, &nobodys].map(Clone::clone).to_vec();
    let Verdicts::AllDone(at) = land(&mut connection, &merged(1, holds)).await else {
        panic!("a merged flush is done as a whole")
    };
    assert_eq!(scene.held().await, ["a 87 13", "b 82 18"]);
    let ends = "SELECT CONCAT_WS(' ', order_id, line, TIMESTAMPDIFF(MICROSECOND, created_at, expires_at)) \
                FROM movement WHERE kind = 'hold' AND order_id = 'c-1' ORDER BY line";
    assert_eq!(scene.lines(ends).await, ["c-1 1 600000000", "c-1 2 600000000"]);
    assert_eq!(
        scene.purchases().await,
        ["a anna c-1 1 held", "a anna k-1 8 held", "a ben r-1 4 held", "b anna c-1 2 held"]
    );

    let settled = vec![
        settle(&confirmed, Standing::Held, Goal::Confirm),
        settle(&released, Standing::Held, Goal::Cancel),
    ];
    land(&mut connection, &merged(2, settled.clone())).await;
    assert_eq!(scene.held().await, ["a 91 8", "b 82 16"]);
    assert_eq!(scene.purchases().await, ["a anna c-1 1", "a anna k-1 8 held", "b anna c-1 2"]);
    // Who repeats it, or wants the contrary, is decided.
    assert_eq!(
        connection.execute(&merged(3, settled.clone())).await,
        Execution::Failed(Failure::Duplicate)
    );
    let mut again = settled;
    again.push(settle(&confirmed, Standing::Held, Goal::Cancel));
    again.push(settle(&released, Standing::Held, Goal::Confirm));
    again.push(take("o-1", &[("a", 1)]));
    let verdicts = each(land(&mut connection, &deciding(4, again)).await);
    let (deducted, cancelled) = (OrderStatus::Deducted, OrderStatus::Cancelled);
    assert_eq!(
        statuses(&verdicts),
        [Some(deducted), Some(cancelled), Some(cancelled), None, Some(deducted)]
    );
    assert!(matches!(verdicts[0], Verdict::Done { replayed: true, at: settled_at, .. }
        if settled_at > at));
    assert_eq!(verdicts[3], Verdict::Refused(Refusal::Settled(cancelled)));
    assert_eq!(scene.held().await, ["a 91 8", "b 84 16"]);
    assert_eq!(scene.purchases().await, ["a anna k-1 8 held"]);
    assert_eq!(
        scene.history().await,
        [
            "c-1 take 1 hold -1 1 anna",
            "c-1 take 2 hold -2 2 anna",
            "c-1 settle 1 confirm 0 -1 -",
            "c-1 settle 2 confirm 0 -2 -",
            "c-1 return 1 cancel 1 - -",
            "c-1 return 2 cancel 2 - -",
            "k-1 take 1 hold -8 8 anna",
            "n-1 take 1 hold -16 16 -",
            "o-1 take 1 deduct -1 - -",
            "r-1 take 1 hold -4 4 ben",
            "r-1 settle 1 release 4 -4 -",
        ]
    );
    // A repeated hold tells when it ends, and so does GET.
    let verdicts = each(match connection.execute(&deciding(5, vec![kept])).await {
        Execution::NothingToWrite { verdicts, .. } => verdicts,
        other @ (Execution::Ready { .. }
        | Execution::Committed { .. }
        | Execution::CommitUnknown
        | Execution::Landed { .. }
        | Execution::Failed(_)) => panic!("{other:?}"),
    });
    let ends_at = Timestamp::from_micros(at.micros() + 600_000_000);
    let (replayed, status) = (true, OrderStatus::Held);
    assert_eq!(verdicts, [Verdict::Done { at, replayed, status, expires_at: Some(ends_at) }]);
    let desk = scene.desk().await;
    let id = hotrow::domain::OrderId::new("order_id", "k-1").unwrap();
    let taken = desk.order(id).await.unwrap().unwrap();
    assert_eq!((taken.standing, taken.expires_at), (Standing::Held, Some(ends_at)));
    assert_eq!(taken.order.buyer().unwrap().as_str(), "anna");
    assert_eq!(taken.order.hold().unwrap().seconds(), 600);
    scene.nothing_is_open().await;
}

/// Moves the end of a hold into the past.
async fn let_pass(scene: &Scene, id: &str) {
    scene
        .run(&format!(
            "UPDATE movement SET created_at = created_at - INTERVAL 1 HOUR, \
                 expires_at = expires_at - INTERVAL 1 HOUR WHERE order_id = '{id}' AND step = 'take'; \
             UPDATE purchase SET expires_at = expires_at - INTERVAL 1 HOUR WHERE order_id = '{id}'"
        ))
        .await;
}

async fn the_end_of_a_hold_is_decided_by_the_servers_clock(flavor: Flavor) {
    let scene = Scene::new(flavor).await.with(&[("a", 10)]).await;
    let mut connection = scene.connection();
    let hold = |id: &str| bought_by("anna", held_for(600, take(id, &[("a", 2)])));
    let (early, late, gone) = (hold("early"), hold("late"), hold("gone"));
    let holds = vec![early.clone(), late.clone(), gone.clone()];
    land(&mut connection, &merged(1, holds)).await;
    let_pass(&scene, "late").await;
    let_pass(&scene, "gone").await;
    let until = |id: &'static str| {
        let scene = &scene;
        async move {
            let text = format!(
                "SELECT CAST(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', expires_at) AS CHAR) \
                 FROM movement WHERE order_id = '{id}' AND step = 'take'"
            );
            scene.lines(&text).await[0].parse().unwrap()
        }
    };
    // Too early to expire, too late to confirm: nothing of the flush is written.
    let (ends_early, ends_late) = (until("early").await, until("late").await);
    for (flush, operation) in [
        (2, settle_until(&early, Standing::Held, Goal::Expire, ends_early)),
        (3, settle_until(&late, Standing::Held, Goal::Confirm, ends_late)),
    ] {
        let plan = merged(flush, vec![operation, take("o-1", &[("a", 1)])]);
        assert_eq!(connection.execute(&plan).await, Execution::Failed(Failure::Guard));
    }
    assert_eq!(scene.held().await, ["a 4 6"]);
    // In time it is the other way round.
    let plan = merged(4, vec![settle_until(&gone, Standing::Held, Goal::Expire, ends_late)]);
    land(&mut connection, &plan).await;
    assert_eq!(scene.held().await, ["a 6 4"]);

    let plan = deciding(
        5,
        vec![
            settle(&early, Standing::Held, Goal::Expire),
            // The hold was over, and takes its stock again.
            settle(&late, Standing::Held, Goal::Confirm),
            // As this one, which had given it back.
            settle(&gone, Standing::Expired, Goal::Confirm),
            take("o-2", &[("a", 4)]),
        ],
    );
    let verdicts = each(land(&mut connection, &plan).await);
    let deducted = Some(OrderStatus::Deducted);
    assert_eq!(statuses(&verdicts), [None, deducted, deducted, deducted]);
    assert_eq!(verdicts[0], Verdict::Refused(Refusal::Settled(OrderStatus::Held)));
    assert_eq!(scene.held().await, ["a 0 2"]);
    assert_eq!(scene.purchases().await, ["a anna early 2 held", "a anna gone 2", "a anna late 2"]);
    assert_eq!(
        scene.history().await,
        [
            "early take 1 hold -2 2 anna",
            "gone take 1 hold -2 2 anna",
            "gone settle 1 expire 2 -2 -",
            "gone retake 1 deduct -2 - -",
            "late take 1 hold -2 2 anna",
            "late settle 1 expire 2 -2 -",
            "late retake 1 deduct -2 - -",
            "o-2 take 1 deduct -4 - -",
        ]
    );
}

async fn an_expired_hold_whose_stock_is_gone_stays_expired(flavor: Flavor) {
    let scene = Scene::new(flavor).await.with(&[("a", 2)]).await;
    let mut connection = scene.connection();
    let hold = held_for(600, take("h-1", &[("a", 2)]));
    land(&mut connection, &merged(1, vec![hold.clone()])).await;
    let_pass(&scene, "h-1").await;
    land(&mut connection, &merged(2, vec![settle_until(&hold, Standing::Held, Goal::Expire, 1)]))
        .await;
    land(&mut connection, &merged(3, vec![take("o-1", &[("a", 1)])])).await;
    let confirm = settle(&hold, Standing::Expired, Goal::Confirm);
    let plan = merged(4, vec![confirm.clone()]);
    assert_eq!(connection.execute(&plan).await, Execution::Failed(Failure::Guard));
    let plan = deciding(5, vec![confirm, take("o-2", &[("a", 1)])]);
    let verdicts = each(land(&mut connection, &plan).await);
    assert_eq!(verdicts[0], Verdict::Refused(Refusal::Settled(OrderStatus::Expired)));
    assert_eq!(scene.held().await, ["a 0 0"]);
}

async fn held_lowered_by_hand_gives_back_what_there_is(flavor: Flavor) {
    let scene = Scene::new(flavor).await.with(&[("a", 10)]).await;
    let mut connection = scene.connection();
    let hold = held_for(600, take("h-1", &[("a", 3)]));
    land(&mut connection, &merged(1, vec![hold.clone()])).await;
    scene.run("UPDATE stock SET held = 1 WHERE sku = 'a'").await;
    let confirm = settle(&hold, Standing::Held, Goal::Confirm);
    let plan = merged(2, vec![confirm.clone()]);
    assert_eq!(connection.execute(&plan).await, Execution::Failed(Failure::Guard));
    let verdicts = each(land(&mut connection, &deciding(3, vec![confirm])).await);
    assert_eq!(statuses(&verdicts), [Some(OrderStatus::Deducted)]);
    assert_eq!(scene.held().await, ["a 7 0"]);
}

async fn other_content_is_a_mismatch(flavor: Flavor) {
    let scene = Scene::new(flavor).await.with(&[("a", 10)]).await;
    let mut connection = scene.connection();
    let hold = bought_by("anna", held_for(600, take("h-1", &[("a", 1)])));
    land(&mut connection, &merged(1, vec![hold.clone()])).await;
    let plan = deciding(
        2,
        vec![
            // For how long is no part of the content.
            bought_by("anna", held_for(5, take("h-1", &[("a", 1)]))),
            bought_by("anna", take("h-1", &[("a", 1)])),
            held_for(600, take("h-1", &[("a", 1)])),
            bought_by("ben", held_for(600, take("h-1", &[("a", 1)]))),
            take("o-1", &[("a", 1)]),
        ],
    );
    let verdicts = each(land(&mut connection, &plan).await);
    assert_eq!(statuses(&verdicts)[0], Some(OrderStatus::Held));
    for verdict in &verdicts[1..4] {
        assert_eq!(*verdict, Verdict::Refused(Refusal::Mismatch));
    }
}

/// The operation alone, beside takes, and beside what is not a take: each has its own form of the update.
fn beside_others(operation: &Operation) -> [Vec<Operation>; 3] {
    let order = take("beside", &[("b", 1)]);
    let hold = held_for(600, order.clone());
    [vec![], vec![order], vec![hold]].map(|mut others| {
        others.insert(0, operation.clone());
        others
    })
}

async fn a_limit_counts_all_orders_of_a_buyer(flavor: Flavor) {
    let scene = Scene::new(flavor).await.with(&[("a", 100), ("b", 100)]).await;
    let mut connection = scene.connection();
    let by = |buyer, id: &str, units| bought_by(buyer, take(id, &[("a", units)]));
    let hold = |buyer, id: &str, units| held_for(600, by(buyer, id, units));
    // Before there was a limit.
    let before = vec![by("anna", "o-1", 1), hold("ben", "h-1", 2), hold("cleo", "h-2", 2)];
    land(&mut connection, &merged(1, before)).await;
    let_pass(&scene, "h-2").await;
    scene.run("UPDATE stock SET purchase_limit = 2 WHERE sku = 'a'").await;
    // Nothing is taken without looking.
    for operations in beside_others(&by("dora", "o-2", 1)) {
        let plan = merged(2, operations);
        assert_eq!(connection.execute(&plan).await, Execution::Failed(Failure::Guard));
    }
    let release = settle(&hold("ben", "h-1", 2), Standing::Held, Goal::Cancel);
    let plan = deciding(
        3,
        vec![
            by("anna", "o-3", 2),
            by("anna", "o-4", 1),
            by("anna", "o-5", 1),
            by("ben", "o-6", 1),
            release,
            by("ben", "o-7", 2),
            // A hold that is over does not count any more.
            by("cleo", "o-8", 2),
            settle(&hold("cleo", "h-2", 2), Standing::Held, Goal::Confirm),
            take("o-9", &[("a", 1)]),
            bought_by("anna", take("o-10", &[("b", 50)])),
        ],
    );
    let verdicts = each(land(&mut connection, &plan).await);
    let over =
        |already| Verdict::Refused(Refusal::PurchaseLimit { sku: sku("a"), limit: 2, already });
    let (deducted, cancelled) = (Some(OrderStatus::Deducted), Some(OrderStatus::Cancelled));
    assert_eq!(verdicts[0], over(1));
    assert_eq!(verdicts[2], over(2));
    assert_eq!(verdicts[3], over(2));
    assert_eq!(verdicts[7], Verdict::Refused(Refusal::Settled(OrderStatus::Expired)));
    assert_eq!(verdicts[8], Verdict::Refused(Refusal::BuyerNeeded(sku("a"))));
    assert_eq!(
        statuses(&verdicts),
        [None, deducted, None, None, cancelled, deducted, deducted, None, None, deducted]
    );
    assert_eq!(
        scene.purchases().await,
        [
            "a anna o-1 1",
            "a anna o-4 1",
            "a ben o-7 2",
            "a cleo h-2 2 held",
            "a cleo o-8 2",
            "b anna o-10 50"
        ]
    );
    assert_eq!(scene.held().await, ["a 92 2", "b 50 0"]);
}

async fn a_sku_is_sold_in_its_window_only(flavor: Flavor) {
    let scene = Scene::new(flavor).await.with(&[("a", 10), ("b", 10)]).await;
    let mut connection = scene.connection();
    let hold = held_for(600, take("h-1", &[("a", 1)]));
    land(&mut connection, &merged(1, vec![hold.clone()])).await;
    let mut flush = 1;
    for (window, open) in [
        ("sale_starts_at = UTC_TIMESTAMP(6) + INTERVAL 1 HOUR, sale_ends_at = NULL", false),
        ("sale_starts_at = UTC_TIMESTAMP(6) - INTERVAL 1 HOUR, sale_ends_at = NULL", true),
        ("sale_starts_at = NULL, sale_ends_at = UTC_TIMESTAMP(6)", false),
        ("sale_starts_at = NULL, sale_ends_at = UTC_TIMESTAMP(6) + INTERVAL 1 HOUR", true),
    ] {
        scene.run(&format!("UPDATE stock SET {window} WHERE sku = 'a'")).await;
        flush += 2;
        let order = take(&format!("o-{flush}"), &[("a", 1)]);
        for operations in beside_others(&order) {
            let executed = connection.execute(&merged(flush, operations)).await;
            connection.roll_back().await;
            if open {
                assert!(matches!(executed, Execution::Ready { .. }), "{window}: {executed:?}");
            } else {
                assert_eq!(executed, Execution::Failed(Failure::Guard), "{window}");
            }
        }
        if open {
            continue;
        }
        match connection.execute(&deciding(flush + 1, vec![order])).await {
            Execution::NothingToWrite { verdicts, left } => {
                let refused = &each(verdicts)[0];
                assert!(matches!(refused, Verdict::Refused(Refusal::SaleNotOpen { .. })));
                assert!(left[0].on_terms, "the next is decided at once");
            }
            other @ (Execution::Ready { .. }
            | Execution::Committed { .. }
            | Execution::CommitUnknown
            | Execution::Landed { .. }
            | Execution::Failed(_)) => panic!("{window}: {other:?}"),
        }
    }
    // Who holds something may confirm it, or give it back, at any time.
    scene.run("UPDATE stock SET sale_ends_at = UTC_TIMESTAMP(6) WHERE sku = 'a'").await;
    let confirmed = merged(99, vec![settle(&hold, Standing::Held, Goal::Confirm)]);
    let executed = connection.execute(&confirmed).await;
    let Execution::Ready { left, .. } = executed else { panic!("{executed:?}") };
    assert!(left[0].on_terms, "it did not look at them, so the next order is not sent to fail");
    assert_eq!(connection.commit(confirmed.id).await, CommitOutcome::Committed);
    assert_eq!(scene.held().await, ["a 9 0", "b 10 0"]);
}

both_flavors!(
    a_hold_is_settled_in_each_way,
    the_end_of_a_hold_is_decided_by_the_servers_clock,
    an_expired_hold_whose_stock_is_gone_stays_expired,
    held_lowered_by_hand_gives_back_what_there_is,
    other_content_is_a_mismatch,
    a_limit_counts_all_orders_of_a_buyer,
    a_sku_is_sold_in_its_window_only,
);
