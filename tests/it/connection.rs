//! The connection to MySQL fails at the worst moment: no order is lost, none is doubled, unknowns
//! are honest, and the service recovers by itself.

use std::time::Duration;

use hotrow::embedded::Flavor;
use hyper::Method;
use serde_json::json;

use crate::support::client::{Client, lines};
use crate::support::database;
use crate::support::process::Hotrow;
use crate::support::proxy::{Fault, Proxy};
use crate::support::shop::{Load, Shop, sell, until};

const SEED: u64 = 13;

/// An order is answered within this time whatever happens, so that a black hole does not last.
const DEADLINE: [&str; 2] = ["--order-deadline-ms", "5000"];

const SKUS: [&str; 3] = ["a", "b", "c"];

struct Scene {
    shop: Shop,
    proxy: Proxy,
    hotrow: Hotrow,
    client: Client,
    sent: usize,
}

impl Scene {
    async fn open(flavor: Flavor) -> Self {
        Self::stocked(flavor, [400; 3]).await
    }

    async fn stocked(flavor: Flavor, units: [i64; 3]) -> Self {
        let database = database::fresh(flavor).await;
        let proxy = Proxy::start(database.address.port, SEED).await;
        let shop = Shop::open(database).await;
        let hotrow = Hotrow::serve(shop.database.url_through(proxy.port), &DEADLINE).await;
        let client = shop.client(&hotrow);
        for (sku, units) in SKUS.into_iter().zip(units) {
            client.put_stock(sku, units).await;
        }
        Self { shop, proxy, hotrow, client, sent: 0 }
    }

    /// The next orders, of one line and of two.
    async fn sell(&mut self, count: usize) {
        let order = |n: usize| {
            let order = match n % 4 {
                0 => lines(&[("a", 1), ("b", 2)]),
                _ => lines(&[(SKUS[n % 3], 1)]),
            };
            (format!("o-{n}"), order)
        };
        let orders = (self.sent..self.sent + count).map(order).collect();
        self.sent += count;
        sell(&self.client, 16, orders).await;
    }

    /// It recovers by itself, settles what is open, and everything adds up.
    async fn close(&mut self, promised: &[&str]) {
        self.proxy.heal();
        let before = self.shop.answered("201");
        until("orders go through again", async || {
            self.sell(1).await;
            self.shop.answered("201") > before
        })
        .await;
        self.sell(300).await;
        self.shop.settle(&self.client).await;
        self.shop.close(promised).await;
    }
}

/// A load while the fault happens. With `found`, lost commits have to be looked into, and this has
/// to be what was found.
async fn under(flavor: Flavor, fault: Fault, times: usize, found: Option<&str>) {
    let mut scene = Scene::open(flavor).await;
    scene.sell(50).await;
    scene.proxy.arm(fault, times);
    until("the fault has happened as often as it was armed", async || {
        scene.sell(50).await;
        scene.proxy.armed() == 0
    })
    .await;
    scene.proxy.require_hits(&[fault]);
    scene.close(&["order 201"]).await;
    if let Some(found) = found {
        let admin = scene.shop.admin(&scene.hotrow);
        let name = format!("hotrow_commit_resolutions_total{{outcome=\"{found}\"}}");
        assert!(admin.metric(&name).await > 0, "no lost commit was found to be {found}");
    }
}

async fn commit_dropped(flavor: Flavor) {
    under(flavor, Fault::DropCommit, 4, Some("not_landed")).await;
}

async fn ok_swallowed(flavor: Flavor) {
    under(flavor, Fault::SwallowOk, 4, Some("landed")).await;
}

/// Other terms of sale of a SKU are committed and nobody says so.
async fn ok_of_terms_swallowed(flavor: Flavor) {
    let mut scene = Scene::open(flavor).await;
    let put = async |limit: Option<u32>| {
        let body = json!({"available": 400, "purchase_limit": limit});
        scene.client.call(Method::PUT, "/v1/stock/a", Some(body)).await.unwrap()
    };
    scene.proxy.arm(Fault::SwallowOk, 1);
    let unknown = put(Some(3)).await;
    assert_eq!(unknown.status, 504, "{unknown:?}");
    scene.proxy.require_hits(&[Fault::SwallowOk]);
    let limits = "SELECT CONCAT(purchase_limit) FROM stock WHERE sku = 'a'";
    assert_eq!(scene.shop.database.lines(limits).await, ["3"]);
    assert_eq!(put(Some(3)).await.status, 200);
    assert_eq!(put(None).await.status, 200);
    scene.close(&["order 201"]).await;
}

async fn connection_reset(flavor: Flavor) {
    under(flavor, Fault::ResetOnCommit, 4, None).await;
}

async fn black_hole_before_commit(flavor: Flavor) {
    // Once: were the commit that resolves it swallowed, too, there would be no time left to find anything.
    under(flavor, Fault::BlackHoleBeforeCommit, 1, Some("not_landed")).await;
}

async fn black_hole_after_commit(flavor: Flavor) {
    under(flavor, Fault::BlackHoleAfterCommit, 2, Some("landed")).await;
}

async fn commit_delayed(flavor: Flavor) {
    under(flavor, Fault::DelayCommit(Duration::from_millis(500)), 4, None).await;
}

async fn commit_lands_late(flavor: Flavor) {
    under(flavor, Fault::LateCommit(Duration::from_millis(300)), 4, None).await;
}

async fn cut_in_the_middle_of_an_answer(flavor: Flavor) {
    under(flavor, Fault::CutInExecute, 4, None).await;
}

async fn answers_in_pieces(flavor: Flavor) {
    under(flavor, Fault::SplitPackets, 10, None).await;
}

/// A commit is under way when the network goes, for longer than an order may wait; then it is back.
async fn the_network_is_gone(flavor: Flavor) {
    let mut scene = Scene::open(flavor).await;
    scene.sell(50).await;
    scene.proxy.arm(Fault::BlackHoleAfterCommit, 1);
    let load = Load::start(&scene.client, 16, "dark", |n| lines(&[(SKUS[n % 3], 1)]));
    until("a commit is under way", async || scene.proxy.armed() == 0).await;
    scene.proxy.black_hole();

    // Nobody waits for ever: everything is answered, and honestly, while the network is gone.
    until("orders are refused", async || scene.shop.answered("database-unavailable") > 0).await;
    until("the outcome is told to be unknown", async || scene.shop.answered("outcome-unknown") > 0)
        .await;
    load.end().await;
    let admin = scene.shop.admin(&scene.hotrow);
    assert_eq!(admin.get("/readyz").await.status, 503);
    assert_eq!(admin.get("/healthz").await.status, 200);

    scene.proxy.heal();
    scene.shop.ready(&scene.hotrow).await;
    scene.close(&["order 201", "order database-unavailable", "order outcome-unknown"]).await;
}

/// Everything at random under load, until each kind has happened: of two SKUs there is more than that takes, since
/// nothing is committed once all is sold.
async fn everything_at_random(flavor: Flavor) {
    let faults = [
        Fault::DropCommit,
        Fault::SwallowOk,
        Fault::ResetOnCommit,
        Fault::DelayCommit(Duration::from_millis(20)),
        Fault::LateCommit(Duration::from_millis(20)),
        Fault::CutInExecute,
        Fault::SplitPackets,
    ];
    let mut scene = Scene::stocked(flavor, [400, 100_000, 100_000]).await;
    for fault in faults {
        scene.proxy.arm_randomly(fault, 30);
    }
    until("every fault has happened", async || {
        scene.sell(200).await;
        faults.iter().all(|&fault| scene.proxy.count(fault) > 0)
    })
    .await;
    scene.proxy.require_hits(&faults);
    scene.close(&["order 201"]).await;
}

both_flavors!(
    commit_dropped,
    ok_swallowed,
    ok_of_terms_swallowed,
    connection_reset,
    black_hole_before_commit,
    black_hole_after_commit,
    commit_delayed,
    commit_lands_late,
    cut_in_the_middle_of_an_answer,
    answers_in_pieces,
    the_network_is_gone,
    everything_at_random,
);
