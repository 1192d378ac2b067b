//! The tables of merge modes: what is read, what is refused, what is counted.

use hotrow::domain::{MergeMode, Sku};
use hotrow::embedded::Flavor;
use hotrow::engine::{MergeCount, MergeCounts, MergeModes};
use hotrow::limits::MERGE_MODE_SKUS_MAX;
use hotrow::store::mysql::MergeTable;

use crate::support::make::sku;
use crate::support::scene::Scene;

async fn modes_are_set_read_and_removed(flavor: Flavor) {
    let scene = Scene::new(flavor).await;
    let desk = scene.desk().await;
    assert_eq!(desk.merge_modes().await.unwrap(), MergeTable::default());
    let a = sku("a");
    assert!(desk.set_merge_mode(None, MergeMode::Off).await.unwrap());
    for mode in [MergeMode::On, MergeMode::DryRun, MergeMode::DryRun] {
        assert!(desk.set_merge_mode(Some(&a), mode).await.unwrap());
    }
    let own = [(a.clone(), MergeMode::DryRun)].into_iter().collect();
    let modes = MergeModes { whole: MergeMode::Off, own };
    assert_eq!(desk.merge_modes().await.unwrap(), MergeTable { modes, ..MergeTable::default() });
    assert!(desk.unset_merge_mode(Some(&a)).await.unwrap());
    assert!(!desk.unset_merge_mode(Some(&a)).await.unwrap());
    assert!(desk.unset_merge_mode(None).await.unwrap());
    assert_eq!(desk.merge_modes().await.unwrap(), MergeTable::default());
}

/// By command no more can be set; by SQL they can, and the first by name hold.
async fn the_number_of_skus_has_a_bound(flavor: Flavor) {
    let scene = Scene::new(flavor).await;
    let desk = scene.desk().await;
    let name = |number: usize| sku(&format!("s-{number:04}"));
    let insert = |numbers: std::ops::Range<usize>| {
        let rows: Vec<String> =
            numbers.map(|number| format!("('{}', 'off')", name(number))).collect();
        format!("INSERT INTO merge_mode (sku, mode) VALUES {}", rows.join(","))
    };
    scene.run(&insert(0..MERGE_MODE_SKUS_MAX)).await;
    let set = async |sku: Option<&Sku>| desk.set_merge_mode(sku, MergeMode::DryRun).await.unwrap();
    assert!(!set(Some(&name(MERGE_MODE_SKUS_MAX))).await, "one more");
    assert!(set(Some(&name(7))).await, "one that is there");
    assert!(set(None).await, "all");
    let table = desk.merge_modes().await.unwrap();
    assert_eq!((table.modes.own.len(), table.too_many), (MERGE_MODE_SKUS_MAX, false));
    assert_eq!(table.modes.of(&name(7)), MergeMode::DryRun);

    scene.run(&insert(MERGE_MODE_SKUS_MAX..MERGE_MODE_SKUS_MAX + 50)).await;
    let table = desk.merge_modes().await.unwrap();
    assert_eq!((table.modes.own.len(), table.too_many), (MERGE_MODE_SKUS_MAX, true));
    assert_eq!(table.modes.of(&name(MERGE_MODE_SKUS_MAX - 1)), MergeMode::Off);
    assert_eq!(table.modes.of(&name(MERGE_MODE_SKUS_MAX)), MergeMode::DryRun, "as all others");
}

async fn what_is_no_mode_or_no_sku_is_not_gone_by(flavor: Flavor) {
    let scene = Scene::new(flavor).await;
    // A session without a strict mode stores an empty text for what is none of an ENUM.
    scene
        .run("SET sql_mode = ''; INSERT INTO merge_mode (sku, mode) VALUES ('a', 'of'), ('b', 'off')")
        .await;
    let table = scene.desk().await.merge_modes().await.unwrap();
    assert_eq!(table.unusable, ["a"]);
    assert_eq!(table.modes.own, [(sku("b"), MergeMode::Off)].into_iter().collect());
    for name in ["", "a b", "**", "a*"] {
        let insert = format!("INSERT INTO merge_mode (sku, mode) VALUES ('{name}', 'off')");
        let refused = sqlx::raw_sql(sqlx::AssertSqlSafe(insert));
        assert!(refused.execute(&mut scene.admin().await).await.is_err(), "{name:?}");
    }
}

async fn counts_are_written_over_and_cleaned_up(flavor: Flavor) {
    let scene = Scene::new(flavor).await;
    let desk = scene.desk().await;
    let view = "SELECT CONCAT_WS(' ', sku, mode, processes, orders_off, orders_dry_run, would_be_flushes, \
                COALESCE(would_be_orders_per_flush, '-')) FROM desk_merge_mode ORDER BY sku";
    assert_eq!(scene.lines(view).await, ["* on 0 0 0 0 -"]);
    let count = |off, dry_run, would_be_flushes| MergeCount { off, dry_run, would_be_flushes };
    let mut counts = MergeCounts {
        mode: MergeMode::DryRun,
        whole: count(3, 40, 10),
        own: vec![
            (sku("a"), MergeMode::Off, count(3, 0, 0)),
            (sku("b"), MergeMode::On, count(0, 0, 0)),
        ],
    };
    desk.write_merge_counts(7, &counts).await.unwrap();
    desk.write_merge_counts(8, &counts).await.unwrap();
    scene
        .run("INSERT INTO merge_mode (sku, mode) VALUES ('*', 'dry-run'), ('a', 'off'), ('b', 'off')")
        .await;
    // Of b nobody has read the change yet.
    let expected = ["* dry-run 2 6 80 20 4.0", "a off 2 6 0 0 -", "b off 0 0 0 0 -"];
    assert_eq!(scene.lines(view).await, expected);

    counts.own = vec![(sku("b"), MergeMode::Off, count(1, 0, 0))];
    counts.whole = count(4, 50, 11);
    desk.write_merge_counts(7, &counts).await.unwrap();
    let expected = ["* dry-run 2 7 90 21 4.3", "a off 1 3 0 0 -", "b off 1 1 0 0 -"];
    assert_eq!(scene.lines(view).await, expected);
    scene
        .run("UPDATE merge_count SET updated_at = updated_at - INTERVAL 31 SECOND WHERE instance_id = 8")
        .await;
    let expected = ["* dry-run 1 4 50 11 4.5", "a off 0 0 0 0 -", "b off 1 1 0 0 -"];
    assert_eq!(scene.lines(view).await, expected);
    scene
        .run(
            "UPDATE merge_count SET updated_at = updated_at - INTERVAL 1 DAY WHERE instance_id = 8",
        )
        .await;
    desk.forget_old_merge_counts().await.unwrap();
    let left = "SELECT CONCAT_WS(' ', instance_id, sku) FROM merge_count ORDER BY 1";
    assert_eq!(scene.lines(left).await, ["7 *", "7 b"]);
}

both_flavors!(
    modes_are_set_read_and_removed,
    the_number_of_skus_has_a_bound,
    what_is_no_mode_or_no_sku_is_not_gone_by,
    counts_are_written_over_and_cleaned_up,
);
