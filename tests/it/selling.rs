//! Many clients, little stock: sold to the last unit, never below, nobody refused wrongly.

use hotrow::embedded::Flavor;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::task::JoinSet;

use crate::support::client::lines;
use crate::support::database;
use crate::support::history::Lines;
use crate::support::shop::{Orders, Shop, sell};

const SEED: u64 = 11;

/// 64 clients, 5,000 orders of 1 to 3 units, a stock of 1,000.
async fn sell_out(flavor: Flavor) {
    let shop = Shop::open(database::fresh(flavor).await).await;
    let hotrow = shop.serve(&[]).await;
    let client = shop.client(&hotrow);
    client.put_stock("hot", 1_000).await;

    let mut rng = StdRng::seed_from_u64(SEED);
    let orders: Orders = (0..5_000)
        .map(|n| (format!("o-{n}"), lines(&[("hot", rng.random_range(1..=3))])))
        .collect();
    sell(&client, 64, orders).await;

    let books = shop.close(&["order 201", "order insufficient-stock"]).await;
    // There were far more orders of one unit than would fit: some unit left over would have been
    // sold.
    assert_eq!(books.stock[0].available, 0);
    let merged = books.versions.iter().map(|version| version.orders).max();
    assert!(merged > Some(1), "nothing was ever merged");
    let stock = client.get_stock("hot").await;
    assert_eq!((stock.status, stock.body["available"].as_i64()), (200, Some(0)));
}

/// Orders of several lines over five SKUs, mixed with single ones, cancellations and restocks.
async fn several_lines(flavor: Flavor) {
    const SKUS: [&str; 5] = ["a", "b", "c", "d", "e"];
    let shop = Shop::open(database::fresh(flavor).await).await;
    let hotrow = shop.serve(&[]).await;
    let client = shop.client(&hotrow);
    for sku in SKUS {
        client.put_stock(sku, 150).await;
    }

    let mut clients = JoinSet::new();
    for number in 0..32 {
        let client = client.clone();
        clients.spawn(async move {
            let mut rng = StdRng::seed_from_u64(SEED + number);
            for n in 0..60 {
                let id = format!("o-{number}-{n}");
                let width = if rng.random_bool(0.5) { 1 } else { rng.random_range(2..=5) };
                let mut lines = Lines::new();
                for _ in 0..width {
                    // The same SKU twice is summed.
                    *lines.entry(SKUS[rng.random_range(0..SKUS.len())].to_owned()).or_default() +=
                        rng.random_range(1..=3);
                }
                let taken = client.order(&id, &lines).await.status() == Some(201);
                if taken && rng.random_bool(0.1) {
                    let read = client.get_order(&id).await;
                    assert_eq!(
                        (read.status, &read.body["status"]),
                        (200, &"deducted".into()),
                        "{read:?}"
                    );
                }
                if taken && rng.random_bool(0.2) {
                    client.cancel(&id).await;
                }
                if rng.random_bool(0.02) {
                    let (sku, delta) =
                        (SKUS[rng.random_range(0..SKUS.len())], rng.random_range(-5..=20));
                    client
                        .adjust(&format!("r-{number}-{n}"), sku, if delta == 0 { 1 } else { delta })
                        .await;
                }
            }
        });
    }
    clients.join_all().await;

    let books =
        shop.close(&["order 201", "order insufficient-stock", "cancel 200", "adjust 201"]).await;
    assert!(books.movements.iter().any(|movement| movement.sku == "e"));
}

/// The same over batches: each order in them stands alone.
async fn batches(flavor: Flavor) {
    const BATCH: usize = 100;
    let shop = Shop::open(database::fresh(flavor).await).await;
    let hotrow = shop.serve(&[]).await;
    let client = shop.client(&hotrow);
    for sku in ["hot", "warm"] {
        client.put_stock(sku, 2_000).await;
    }
    let mut clients = JoinSet::new();
    for number in 0..8 {
        let client = client.clone();
        clients.spawn(async move {
            let mut rng = StdRng::seed_from_u64(SEED + number);
            for round in 0..8 {
                let order = |n| {
                    let lines = match rng.random_range(0..4) {
                        0 => lines(&[("hot", 1), ("warm", 2)]),
                        1 => lines(&[("warm", rng.random_range(1..=3))]),
                        _ => lines(&[("hot", rng.random_range(1..=3))]),
                    };
                    // Some ids come twice, in the same batch and over rounds.
                    let name = if n % 10 == 0 { n / 20 } else { n + round * BATCH };
                    (format!("o-{number}-{name}"), lines)
                };
                let orders: Orders = (0..BATCH).map(order).collect();
                client.batch(&orders).await;
            }
        });
    }
    clients.join_all().await;

    let kinds = ["order 201", "order 200", "order insufficient-stock", "order order-mismatch"];
    shop.close(&kinds).await;
}

both_flavors!(sell_out, several_lines, batches);
