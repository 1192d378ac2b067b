//! What a merged flush leaves in the tables: all of the plan or nothing.

use hotrow::domain::{Goal, Operation, Standing, Timestamp};
use hotrow::embedded::Flavor;
use hotrow::engine::{CommitOutcome, Execution, Failure, Plan, Verdicts};

use crate::support::make::{adjust, cancel, held_for, merged, settle, take};
use crate::support::scene::{Scene, land, ready};

const CEILING: i64 = 1_000_000_000_000_000;

/// Plain takes alone, whatever they have in common: each row says its own SKU and quantity.
async fn what_takes_have_in_common_is_said_right(flavor: Flavor) {
    let flushes = [
        ("one", vec![("a", 2)]),
        ("alike", vec![("a", 2), ("a", 2), ("a", 2)]),
        ("of one quantity", vec![("a", 2), ("b", 2), ("a", 2)]),
        ("of one SKU", vec![("a", 2), ("a", 1), ("a", 2)]),
        ("mixed", vec![("a", 2), ("b", 1), ("a", 1)]),
    ];
    for (what, takes) in flushes {
        let scene = Scene::new(flavor).await.with(&[("a", 10), ("b", 10)]).await;
        let numbered = || takes.iter().enumerate();
        let orders = numbered().map(|(n, line)| take(&format!("o-{n}"), &[*line])).collect();
        land(&mut scene.connection(), &merged(7, orders)).await;
        let row = |(n, (sku, units)): (usize, &(&str, i64))| {
            format!("o-{n} take 1 deduct {sku} -{units} 7")
        };
        assert_eq!(scene.movements().await, numbered().map(row).collect::<Vec<_>>(), "{what}");
    }
}

/// Each form of the ledger rows hands over the time that is in them, and what is left is told whether the update
/// says it or it has to be asked for: of whole flushes, and of such as were prepared.
async fn every_form_tells_when_it_was_recorded(flavor: Flavor) {
    let scene = Scene::new(flavor).await.with(&[("a", 100), ("b", 100)]).await;
    let mut connection = scene.connection();
    let one = |id: &str, sku, units| take(id, &[(sku, units)]);
    let hold = |id: &str| held_for(600, one(id, "a", 1));
    let holds = || (0..4).map(|n| hold(&format!("h-{n}"))).collect();
    land(&mut connection, &merged(1, holds())).await;
    let confirm = |id: &str| settle(&hold(id), Standing::Held, Goal::Confirm);
    let forms: [(&str, [Vec<Operation>; 2]); 7] = [
        ("one", [vec![one("1", "a", 1)], vec![one("2", "a", 1)]]),
        ("alike", ["3", "5"].map(|n| vec![one(n, "a", 2), one(&format!("{n}."), "a", 2)])),
        ("equal", ["7", "9"].map(|n| vec![one(n, "a", 2), one(&format!("{n}."), "b", 2)])),
        ("takes", ["11", "13"].map(|n| vec![one(n, "a", 2), one(&format!("{n}."), "b", 1)])),
        ("holds", [vec![hold("15")], vec![hold("16")]]),
        ("settles", [[0, 1], [2, 3]].map(|two| two.map(|n| confirm(&format!("h-{n}"))).into())),
        ("any", ["19", "21"].map(|n| vec![one(n, "a", 2), adjust(n, "a", 1, None)])),
    ];
    for (flush, (form, [whole, prepared])) in (2..).step_by(2).zip(forms) {
        for (flush, operations, ahead) in [(flush, whole, false), (flush + 1, prepared, true)] {
            let plan = merged(flush, operations);
            let execution = if ahead {
                connection.prepare(&plan).await.unwrap();
                connection.finish(&plan).await
            } else {
                connection.execute(&plan).await
            };
            let Execution::Ready { verdicts, left } = execution else {
                panic!("{form}: {execution:?}")
            };
            assert_eq!(connection.commit(plan.id).await, CommitOutcome::Committed);
            let recorded = format!(
                "SELECT DISTINCT CAST(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', created_at) AS CHAR) \
                 FROM movement WHERE flush_id = {flush}"
            );
            let Verdicts::AllDone(at) = verdicts else { panic!("{form}: {verdicts:?}") };
            assert_eq!(scene.lines(&recorded).await, [at.micros().to_string()], "{form}");
            let skus: Vec<_> = left.iter().map(|left| format!("'{}'", left.sku)).collect();
            let stock = format!(
                "SELECT CONCAT_WS(' ', sku, available) FROM stock WHERE sku IN ({}) ORDER BY sku",
                skus.join(",")
            );
            let told = left.iter().map(|left| format!("{} {}", left.sku, left.available));
            assert_eq!(scene.lines(&stock).await, told.collect::<Vec<_>>(), "{form}");
            let taken =
                format!("SELECT CAST(-delta AS CHAR) FROM stock_version WHERE flush_id = {flush}");
            match &left[..] {
                [only] if form != "settles" => {
                    assert_eq!(scene.lines(&taken).await, [only.taken.unwrap().to_string()]);
                }
                left => assert!(left.iter().all(|left| left.taken.is_none()), "{form}"),
            }
        }
    }
}

async fn a_flush_leaves_exactly_the_plan(flavor: Flavor) {
    let scene = Scene::new(flavor).await.with(&[("a", 10), ("b", 10), ("c", 10)]).await;
    let mut connection = scene.connection();
    let plan = merged(
        7,
        vec![
            take("o-2", &[("b", 1), ("a", 2)]),
            take("o-1", &[("a", 3)]),
            adjust("o-1", "b", 5, Some("found 'behind' the \\ shelf ☃")),
            adjust("w-1", "a", -1, None),
        ],
    );
    let verdicts = ready(&mut connection, &plan).await;
    assert_eq!(scene.movements().await, [""; 0], "seen before its commit");
    assert_eq!(scene.stock().await, ["a 10 1", "b 10 1", "c 10 1"], "seen before its commit");
    assert_eq!(connection.commit(plan.id).await, CommitOutcome::Committed);

    assert_eq!(scene.stock().await, ["a 4 2", "b 14 2", "c 10 1"]);
    assert_eq!(
        scene.movements().await,
        [
            "o-1 adjust 1 restock b 5 7 found 'behind' the \\ shelf ☃",
            "o-1 take 1 deduct a -3 7",
            "o-2 take 1 deduct a -2 7",
            "o-2 take 2 deduct b -1 7",
            "w-1 adjust 1 write_off a -1 7",
        ]
        .map(str::to_owned)
    );
    assert_eq!(scene.versions().await, ["a 2 7 4 -6 3", "b 2 7 14 4 2"]);
    let recorded = scene
        .lines(
            "SELECT DISTINCT CAST(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', created_at) AS CHAR) FROM movement \
             WHERE flush_id = 7",
        )
        .await;
    assert_eq!(recorded.len(), 1, "a flush is recorded at one time");
    assert_eq!(verdicts, Verdicts::AllDone(Timestamp::from_micros(recorded[0].parse().unwrap())));

    // The next one on the same connection, of one SKU and of one line.
    let plan = merged(8, vec![cancel("o-1", &[("a", 3)])]);
    land(&mut connection, &plan).await;
    let plan = merged(9, vec![take("o-3", &[("a", 7)])]);
    assert_eq!(left(connection.execute(&plan).await), ["a 0"]);
    connection.roll_back().await;
    assert_eq!(scene.stock().await, ["a 7 3", "b 14 2", "c 10 1"]);
    assert_eq!(scene.movements().await[5..], ["o-1 settle 1 cancel a 3 8"]);
    assert_eq!(scene.versions().await, ["a 2 7 4 -6 3", "a 3 8 7 3 1", "b 2 7 14 4 2"]);
    scene.nothing_is_open().await;
}

fn left(execution: Execution) -> Vec<String> {
    match execution {
        Execution::Ready { left, .. } => {
            left.iter().map(|left| format!("{} {}", left.sku, left.available)).collect()
        }
        other @ (Execution::NothingToWrite { .. }
        | Execution::Committed { .. }
        | Execution::CommitUnknown
        | Execution::Landed { .. }
        | Execution::Failed(_)) => {
            panic!("{other:?}")
        }
    }
}

async fn a_flush_tells_what_it_leaves(flavor: Flavor) {
    let scene = Scene::new(flavor).await.with(&[("a", 10), ("b", 20)]).await;
    let mut connection = scene.connection();
    let plan = merged(1, vec![take("o-1", &[("b", 1), ("a", 2)]), take("o-2", &[("b", 1)])]);
    assert_eq!(left(connection.execute(&plan).await), ["a 8", "b 18"]);
    assert_eq!(connection.commit(plan.id).await, CommitOutcome::Committed);
}

/// The plan fails like this, leaves nothing, and its neighbour on the same connection goes through.
async fn fails(scene: &Scene, plan: &Plan, failure: Failure) {
    let (stock, movements, versions) =
        (scene.stock().await, scene.movements().await, scene.versions().await);
    let mut connection = scene.connection();
    assert_eq!(connection.execute(plan).await, Execution::Failed(failure), "{plan:?}");
    scene.nothing_is_open().await;
    assert_eq!(scene.stock().await, stock, "{plan:?}");
    assert_eq!(scene.movements().await, movements, "{plan:?}");
    assert_eq!(scene.versions().await, versions, "{plan:?}");
    let next = take(&format!("next-{}", plan.id.0), &[("spare", 1)]);
    land(&mut connection, &merged(plan.id.0 + 1000, vec![next])).await;
}

async fn a_plan_that_does_not_fit_leaves_nothing(flavor: Flavor) {
    let stock = [("a", 5), ("b", 5), ("full", CEILING - 5), ("spare", 100)];
    let scene = Scene::new(flavor).await.with(&stock).await;
    let unfit = [
        vec![take("o-1", &[("a", 6)])],
        vec![take("o-1", &[("a", 5)]), take("o-2", &[("a", 1)])],
        vec![take("o-1", &[("a", 1)]), take("o-2", &[("b", 6)])],
        vec![take("o-1", &[("nowhere", 1)])],
        vec![take("o-1", &[("a", 1), ("nowhere", 1)])],
        vec![adjust("r-1", "full", 6, None)],
        vec![adjust("r-1", "full", 6, None), take("o-1", &[("b", 1)])],
        // In the end it would fit, on the way it does not.
        vec![take("o-1", &[("a", 6)]), adjust("r-1", "a", 1, None)],
        vec![adjust("r-1", "full", 6, None), take("o-1", &[("full", 1)])],
    ];
    for (flush, operations) in (1..).zip(unfit) {
        fails(&scene, &merged(flush, operations), Failure::Guard).await;
    }
    // To the last unit it fits.
    let mut connection = scene.connection();
    let exact = vec![take("o-1", &[("a", 5)]), adjust("r-1", "full", 5, None)];
    land(&mut connection, &merged(100, exact)).await;
    let full = format!("full {CEILING} 2");
    assert_eq!(scene.stock().await, ["a 0 2", "b 5 1", &full, "spare 91 10"]);
}

/// Many SKUs of which most give one unit to one order, and a few more: one statement takes what all give, another what
/// these give beyond. Both have to fit.
async fn what_few_skus_give_beyond_the_others_is_taken_apart(flavor: Flavor) {
    let name = |n: usize| format!("s{n:02}");
    // The second takes one more unit of two orders, the third one of three units.
    let mut orders: Vec<Operation> = (0..80)
        .map(|n| take(&format!("o-{n}"), &[(&*name(n), if n == 2 { 3 } else { 1 })]))
        .collect();
    orders.push(take("again", &[("s01", 1)]));
    let names: Vec<String> = (0..80).map(name).collect();
    for (available, fits) in [(3, true), (2, false)] {
        let mut stock: Vec<(&str, i64)> = names.iter().map(|name| (&**name, 3)).collect();
        stock[2].1 = available;
        let scene = Scene::new(flavor).await.with(&stock).await;
        let mut connection = scene.connection();
        let plan = merged(7, orders.clone());
        if !fits {
            let before = scene.stock().await;
            assert_eq!(connection.execute(&plan).await, Execution::Failed(Failure::Guard));
            assert_eq!(scene.stock().await, before);
            assert_eq!(scene.movements().await, [""; 0]);
            continue;
        }
        let told = left(connection.execute(&plan).await);
        assert_eq!(told[..4], ["s00 2", "s01 1", "s02 0", "s03 2"]);
        assert_eq!(connection.commit(plan.id).await, CommitOutcome::Committed);
        let changed = |n: usize| match n {
            1 => (1, -2, 2),
            2 => (0, -3, 1),
            _ => (2, -1, 1),
        };
        let expected = |form: fn(&str, (i64, i64, i64)) -> String| {
            names.iter().enumerate().map(|(n, name)| form(name, changed(n))).collect::<Vec<_>>()
        };
        assert_eq!(scene.stock().await, expected(|name, (left, ..)| format!("{name} {left} 2")));
        let version =
            |name: &str, (left, delta, orders)| format!("{name} 2 7 {left} {delta} {orders}");
        assert_eq!(scene.versions().await, expected(version));
    }
}

async fn a_known_id_leaves_nothing(flavor: Flavor) {
    let scene = Scene::new(flavor).await.with(&[("a", 100), ("b", 100), ("spare", 100)]).await;
    let mut connection = scene.connection();
    let known =
        vec![take("o-1", &[("a", 1)]), take("o-2", &[("a", 1)]), adjust("r-1", "a", 1, None)];
    land(&mut connection, &merged(1, known)).await;
    land(&mut connection, &merged(2, vec![cancel("o-2", &[("a", 1)])])).await;
    let repeated = [
        vec![take("o-1", &[("a", 1)])],
        vec![take("o-3", &[("a", 1)]), take("o-1", &[("a", 1)])],
        // Other content under a known id.
        vec![take("o-1", &[("b", 1)])],
        vec![take("o-1", &[("b", 1), ("a", 1)])],
        vec![adjust("r-1", "b", 7, None)],
        vec![cancel("o-2", &[("a", 1)])],
        // Twice in one plan.
        vec![take("o-4", &[("a", 1)]), take("o-4", &[("a", 1)])],
        vec![take("o-4", &[("a", 1)]), take("o-4", &[("a", 1), ("b", 1)])],
        vec![cancel("o-1", &[("a", 1)]), cancel("o-1", &[("a", 1)])],
    ];
    for (flush, operations) in (3..).zip(repeated) {
        fails(&scene, &merged(flush, operations), Failure::Duplicate).await;
    }
}

async fn ids_are_compared_byte_by_byte(flavor: Flavor) {
    let scene = Scene::new(flavor).await.with(&[("sku", 10), ("SKU", 20), ("Sku", 30)]).await;
    let mut connection = scene.connection();
    let plan = merged(
        1,
        vec![
            take("order", &[("sku", 1)]),
            take("ORDER", &[("SKU", 2)]),
            take("Order", &[("Sku", 3), ("sku", 1)]),
            adjust("ORDER", "sku", 1, None),
        ],
    );
    land(&mut connection, &plan).await;
    assert_eq!(scene.stock().await, ["SKU 18 2", "Sku 27 2", "sku 9 2"]);
    let sessions = scene.sessions().await;
    let failed = connection.execute(&merged(2, vec![take("Order", &[("sku", 1)])])).await;
    assert_eq!(failed, Execution::Failed(Failure::Duplicate));
    assert_eq!(scene.sessions().await, sessions, "a new session for each repeated order");
    land(&mut connection, &merged(3, vec![take("oRDER", &[("sku", 1)])])).await;
    let failed = connection.execute(&merged(4, vec![take("o-1", &[("sKU", 1)])])).await;
    assert_eq!(failed, Execution::Failed(Failure::Guard), "a SKU of another case is unknown");
}

both_flavors!(
    a_flush_leaves_exactly_the_plan,
    every_form_tells_when_it_was_recorded,
    what_takes_have_in_common_is_said_right,
    a_flush_tells_what_it_leaves,
    a_plan_that_does_not_fit_leaves_nothing,
    what_few_skus_give_beyond_the_others_is_taken_apart,
    a_known_id_leaves_nothing,
    ids_are_compared_byte_by_byte,
);
