//! A DBA changes rows by hand while orders are taken.

use hotrow::domain::{Available, Terms};
use hotrow::embedded::Flavor;
use hotrow::engine::{Execution, Failure, Mode, Plan, Verdicts};
use hotrow::store::StockOpening;

use crate::support::make::{merged, sku, take};
use crate::support::scene::{Scene, land};

const MODES: [Mode; 2] = [Mode::Merged, Mode::Deciding];

async fn a_stock_set_by_hand_is_taken_as_it_is(flavor: Flavor) {
    let scene = Scene::new(flavor).await.with(&[("a", 10), ("b", 10)]).await;
    let mut connection = scene.connection();
    land(&mut connection, &merged(1, vec![take("o-1", &[("a", 3), ("b", 3)])])).await;
    scene.run("UPDATE stock SET available = 2 WHERE sku = 'a'").await;
    assert_eq!(scene.stock().await, ["a 2 2", "b 7 2"], "the version is hotrow's");
    // What was remembered no longer fits, what is there does.
    let too_much = merged(2, vec![take("o-2", &[("a", 3)])]);
    assert_eq!(connection.execute(&too_much).await, Execution::Failed(Failure::Guard));
    scene.run("UPDATE stock SET available = 100 WHERE sku = 'a'").await;
    for (flush, mode) in (3..).zip(MODES) {
        let orders = vec![take(&format!("o-{flush}"), &[("a", 40), ("b", 1)])];
        land(&mut connection, &Plan { mode, ..merged(flush, orders) }).await;
    }
    assert_eq!(scene.stock().await, ["a 20 4", "b 5 4"]);
    assert_eq!(
        scene.versions().await,
        [
            "a 2 1 7 -3 1",
            "a 3 3 60 -40 1",
            "a 4 4 20 -40 1",
            "b 2 1 7 -3 1",
            "b 3 3 6 -1 1",
            "b 4 4 5 -1 1",
        ]
    );
}

async fn a_row_deleted_by_hand_is_an_unknown_sku(flavor: Flavor) {
    let scene = Scene::new(flavor).await.with(&[("a", 10), ("b", 10)]).await;
    let mut connection = scene.connection();
    land(&mut connection, &merged(1, vec![take("o-1", &[("a", 3)])])).await;
    scene.run("DELETE FROM stock WHERE sku = 'a'").await;
    let plan = merged(2, vec![take("o-2", &[("b", 1)]), take("o-3", &[("a", 1)])]);
    assert_eq!(connection.execute(&plan).await, Execution::Failed(Failure::Guard));
    let plan = Plan { mode: Mode::Deciding, ..plan };
    let Verdicts::Each(verdicts) = land(&mut connection, &plan).await else { panic!("{plan:?}") };
    assert_eq!(format!("{:?}", verdicts[1]), "Refused(UnknownSku(a))");
    assert_eq!(scene.stock().await, ["b 9 2"]);
    assert_eq!(
        scene.movements().await,
        ["o-1 take 1 deduct a -3 1", "o-2 take 1 deduct b -1 2"],
        "what was recorded stays"
    );
    // Opening it again would forget what was sold.
    let desk = scene.desk().await;
    let open_again = || desk.open_stock(sku("a"), Available::new(10).unwrap(), Terms::default());
    let opening = open_again().await.unwrap();
    assert_eq!(opening, StockOpening::RowMissing);
    assert_eq!(scene.stock().await, ["b 9 2"]);
    scene.run("INSERT INTO stock (sku, available, version) VALUES ('a', 7, 2)").await;
    let opening = open_again().await.unwrap();
    assert_eq!(opening, StockOpening::Same);
    land(&mut connection, &merged(3, vec![take("o-4", &[("a", 7)])])).await;
    assert_eq!(scene.stock().await, ["a 0 3", "b 9 2"]);
}

/// A version that is recorded already is the statement's fault, not a known order: deciding again would
/// not help.
async fn a_version_set_back_by_hand_fails_its_own_orders_only(flavor: Flavor) {
    let scene = Scene::new(flavor).await.with(&[("a", 10), ("b", 10)]).await;
    let mut connection = scene.connection();
    land(&mut connection, &merged(1, vec![take("o-1", &[("a", 3)])])).await;
    scene.run("UPDATE stock SET version = 1 WHERE sku = 'a'").await;
    for (flush, mode) in (2..).zip(MODES) {
        let plan = Plan { mode, ..merged(flush, vec![take("o-2", &[("a", 1), ("b", 1)])]) };
        assert_eq!(connection.execute(&plan).await, Execution::Failed(Failure::Statement));
        scene.nothing_is_open().await;
    }
    scene.run("UPDATE stock SET version = 2 WHERE sku = 'a'").await;
    land(&mut connection, &merged(4, vec![take("o-2", &[("a", 1), ("b", 1)])])).await;
    assert_eq!(scene.stock().await, ["a 6 3", "b 9 2"]);
}

/// A trigger or a constraint of the shop's own refuses one SKU: said as the statement's fault, and
/// nothing is left.
async fn a_rule_of_the_shop_refuses_its_own_orders_only(flavor: Flavor) {
    let scene = Scene::new(flavor).await.with(&[("a", 10), ("b", 10)]).await;
    scene
        .run("ALTER TABLE stock ADD CONSTRAINT keep_one CHECK (sku <> 'a' OR available > 0)")
        .await;
    let mut connection = scene.connection();
    for (flush, mode) in (1..).zip(MODES) {
        let orders = vec![take("o-1", &[("b", 1)]), take("o-2", &[("a", 10)])];
        let plan = Plan { mode, ..merged(flush, orders) };
        assert_eq!(connection.execute(&plan).await, Execution::Failed(Failure::Statement));
        scene.nothing_is_open().await;
        assert_eq!(scene.movements().await, [""; 0]);
    }
    land(&mut connection, &merged(3, vec![take("o-1", &[("b", 1), ("a", 9)])])).await;
    assert_eq!(scene.stock().await, ["a 1 2", "b 9 2"]);
}

both_flavors!(
    a_stock_set_by_hand_is_taken_as_it_is,
    a_row_deleted_by_hand_is_an_unknown_sku,
    a_version_set_back_by_hand_fails_its_own_orders_only,
    a_rule_of_the_shop_refuses_its_own_orders_only,
);
