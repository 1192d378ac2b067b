//! What the sweep reads, and which deadlines it removes.

use hotrow::domain::{Goal, Standing};
use hotrow::embedded::Flavor;
use hotrow::store::mysql::{Deadline, DeadlineConnection, DueOrder, SweepConnection};

use crate::support::make::{held_for, merged, settle, take};
use crate::support::scene::{LONG, Scene, land, run};

/// Deadlines that were over a second ago, of holds that are not in the ledger but for `h-2`.
async fn scene(flavor: Flavor) -> Scene {
    let scene = Scene::new(flavor).await.with(&[("a", 10), ("b", 10)]).await;
    let hold = held_for(600, take("h-2", &[("a", 2), ("b", 1)]));
    let settled = settle(&hold, Standing::Held, Goal::Cancel);
    let mut connection = scene.connection();
    land(&mut connection, &merged(1, vec![hold])).await;
    land(&mut connection, &merged(2, vec![settled])).await;
    scene
        .run(
            "DELETE FROM hold_deadline; \
             INSERT INTO hold_deadline (due_at, order_id) \
             SELECT UTC_TIMESTAMP(6) - INTERVAL 1 SECOND, 'h-1' UNION ALL \
             SELECT UTC_TIMESTAMP(6) - INTERVAL 1 SECOND, 'h-2' UNION ALL \
             SELECT UTC_TIMESTAMP(6) - INTERVAL 1 SECOND, 'h-3' UNION ALL \
             SELECT UTC_TIMESTAMP(6) + INTERVAL 600 SECOND, 'h-4'",
        )
        .await;
    scene
}

async fn due(sweep: &mut SweepConnection, last: Option<&Deadline>, limit: usize) -> Vec<Deadline> {
    let due = sweep.due(last, limit).await.unwrap();
    due.into_iter().map(|hold| hold.deadline).collect()
}

async fn waiting(scene: &Scene) -> Vec<String> {
    scene.lines("SELECT order_id FROM hold_deadline ORDER BY order_id").await
}

async fn holds_that_are_due_come_in_pages_with_what_the_ledger_has(flavor: Flavor) {
    let scene = scene(flavor).await;
    let mut sweep = SweepConnection::acquire(&scene.address, LONG).await.unwrap().unwrap();
    let first = sweep.due(None, 2).await.unwrap();
    assert_eq!(first.len(), 2, "two holds, one of them with four movements");
    assert_eq!(first[0].order, DueOrder::Gone);
    let DueOrder::Known(order) = &first[1].order else { panic!("{first:?}") };
    assert_eq!((order.order.lines().len(), order.standing), (2, Standing::Cancelled));
    let last = &first[1].deadline;
    let rest = due(&mut sweep, Some(last), 2).await;
    assert_eq!(rest.iter().map(|due| due.order_id.as_str()).collect::<Vec<_>>(), ["h-3"]);
}

/// What somebody has made of one order by hand keeps no other hold.
async fn an_order_that_cannot_be_read_is_told_beside_the_others(flavor: Flavor) {
    for change in [
        "expires_at = expires_at + INTERVAL 2 DAY",
        "kind = IF(step = 'settle', 'hold', kind)",
        "sku = CONCAT('-', line, '?')",
    ] {
        let scene = scene(flavor).await;
        let hold = held_for(600, take("h-3", &[("a", 1)]));
        land(&mut scene.connection(), &merged(3, vec![hold])).await;
        scene.run(&format!("UPDATE movement SET {change} WHERE order_id = 'h-2'")).await;
        let mut sweep = SweepConnection::acquire(&scene.address, LONG).await.unwrap().unwrap();
        let due = sweep.due(None, 10).await.unwrap();
        assert_eq!((due.len(), &due[1].order), (3, &DueOrder::Unreadable), "{change}");
        assert!(matches!(due[2].order, DueOrder::Known(_)), "{due:?}");
    }
}

async fn only_what_is_settled_is_forgotten(flavor: Flavor) {
    let scene = scene(flavor).await;
    let mut sweep = SweepConnection::acquire(&scene.address, LONG).await.unwrap().unwrap();
    let mut forgetting = DeadlineConnection::open(&scene.address, LONG).await.unwrap();
    let deadlines = due(&mut sweep, None, 10).await;
    let [first, between, last] = deadlines.as_slice() else { panic!("{deadlines:?}") };
    // As many as there are from the first to the last of these.
    forgetting.forget(&[last.clone(), first.clone(), between.clone()]).await.unwrap();
    assert_eq!(waiting(&scene).await, ["h-4"]);
    // One between them is not settled, and may have been committed after the others were read.
    scene.run(&put_back(&deadlines)).await;
    forgetting.forget(&[first.clone(), last.clone()]).await.unwrap();
    assert_eq!(waiting(&scene).await, ["h-2", "h-4"]);
    // One between them may be committed or not: it is not waited for longer than a lock is.
    scene.run(&put_back(&[first.clone(), last.clone()])).await;
    scene.run("DELETE FROM hold_deadline WHERE order_id = 'h-2'").await;
    let mut other = scene.admin().await;
    run(&mut other, &format!("BEGIN; {}", put_back(std::slice::from_ref(between)))).await;
    forgetting.forget(&[first.clone(), last.clone()]).await.unwrap();
    run(&mut other, "COMMIT").await;
    assert_eq!(waiting(&scene).await, ["h-2", "h-4"]);
    // Nothing is left open that would hold up the next.
    forgetting.forget(std::slice::from_ref(between)).await.unwrap();
    assert_eq!(waiting(&scene).await, ["h-4"]);
}

fn put_back(deadlines: &[Deadline]) -> String {
    let rows = deadlines.iter().map(|Deadline { due_at, order_id }| {
        let micros = due_at.micros();
        let id = order_id.as_str();
        format!("(TIMESTAMP '1970-01-01 00:00:00' + INTERVAL {micros} MICROSECOND, '{id}')")
    });
    let rows: Vec<String> = rows.collect();
    format!("INSERT INTO hold_deadline (due_at, order_id) VALUES {}", rows.join(", "))
}

both_flavors!(
    holds_that_are_due_come_in_pages_with_what_the_ledger_has,
    an_order_that_cannot_be_read_is_told_beside_the_others,
    only_what_is_settled_is_forgotten,
);
