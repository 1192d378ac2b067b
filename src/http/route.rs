//! The paths of both listeners.

use std::borrow::Cow;

use hyper::Method;
use percent_encoding::percent_decode_str;

use super::access::Role;
use super::problem::Problem;
use crate::domain::{InvalidValue, OrderId, Sku};

/// A call of the orders listener. Identifiers are as the path has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OrdersRoute<'a> {
    /// `POST /v1/orders`
    Take,
    /// `POST /v1/orders/batch`
    TakeBatch,
    /// `GET /v1/orders/{order_id}`
    ReadOrder(&'a str),
    /// `POST /v1/orders/{order_id}/confirm`
    Confirm(&'a str),
    /// `POST /v1/orders/{order_id}/cancel`
    Cancel(&'a str),
    /// `GET /v1/stock?sku=…`
    ListStock,
    /// `GET /v1/stock/{sku}`
    ReadStock(&'a str),
    /// `PUT /v1/stock/{sku}`
    OpenStock(&'a str),
    /// `POST /v1/stock/{sku}/adjustments`
    Adjust(&'a str),
    /// `GET /v1/changes`
    ReadChanges,
}

impl OrdersRoute<'static> {
    /// Each call once, with the identifiers of the examples in `/openapi.json`.
    pub(super) const ALL: [Self; 10] = [
        Self::Take,
        Self::TakeBatch,
        Self::ReadOrder("o-1"),
        Self::Confirm("o-2"),
        Self::Cancel("o-1"),
        Self::ListStock,
        Self::ReadStock("ticket"),
        Self::OpenStock("ticket"),
        Self::Adjust("ticket"),
        Self::ReadChanges,
    ];
}

impl<'a> OrdersRoute<'a> {
    /// # Errors
    /// [`Problem::NotFound`] and [`Problem::MethodNotAllowed`].
    pub(super) fn of(method: &Method, path: &'a str) -> Result<Self, Problem> {
        let rest = path.strip_prefix("/v1/").ok_or(Problem::NotFound)?;
        let mut parts = rest.split('/');
        let parts = (parts.next(), parts.next(), parts.next(), parts.next());
        let post = *method == Method::POST;
        let get = *method == Method::GET;
        let (route, allowed) = match parts {
            (Some("orders"), None, ..) => (post.then_some(Self::Take), "POST"),
            // `batch` is also a possible order id.
            (Some("orders"), Some("batch"), None, _) if !get => {
                (post.then_some(Self::TakeBatch), "GET, POST")
            }
            (Some("orders"), Some(id), None, _) if !id.is_empty() => {
                (get.then_some(Self::ReadOrder(id)), "GET")
            }
            (Some("orders"), Some(id), Some("confirm"), None) if !id.is_empty() => {
                (post.then_some(Self::Confirm(id)), "POST")
            }
            (Some("orders"), Some(id), Some("cancel"), None) if !id.is_empty() => {
                (post.then_some(Self::Cancel(id)), "POST")
            }
            (Some("stock"), None, ..) => (get.then_some(Self::ListStock), "GET"),
            (Some("stock"), Some(sku), None, _) if !sku.is_empty() => {
                let put = (*method == Method::PUT).then_some(Self::OpenStock(sku));
                (get.then_some(Self::ReadStock(sku)).or(put), "GET, PUT")
            }
            (Some("stock"), Some(sku), Some("adjustments"), None) if !sku.is_empty() => {
                (post.then_some(Self::Adjust(sku)), "POST")
            }
            (Some("changes"), None, ..) => (get.then_some(Self::ReadChanges), "GET"),
            _ => return Err(Problem::NotFound),
        };
        route.ok_or(Problem::MethodNotAllowed(allowed))
    }

    /// The role that the call needs.
    pub(super) fn role(self) -> Role {
        match self {
            Self::Take | Self::TakeBatch | Self::Confirm(_) | Self::Cancel(_) => Role::Orders,
            Self::OpenStock(_) | Self::Adjust(_) => Role::Stock,
            Self::ReadOrder(_) | Self::ListStock | Self::ReadStock(_) | Self::ReadChanges => {
                Role::Read
            }
        }
    }
}

/// A call of the admin listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AdminRoute {
    /// `GET /`
    LivePage,
    /// `GET /healthz`
    Health,
    /// `GET /readyz`
    Readiness,
    /// `GET /metrics`
    Metrics,
    /// `GET /v1/lanes`
    Lanes,
    /// `GET /openapi.json`
    Document,
}

impl AdminRoute {
    /// Each call once.
    pub(super) const ALL: [Self; 6] =
        [Self::LivePage, Self::Health, Self::Readiness, Self::Metrics, Self::Lanes, Self::Document];

    /// # Errors
    /// [`Problem::NotFound`] and [`Problem::MethodNotAllowed`].
    pub(super) fn of(method: &Method, path: &str) -> Result<Self, Problem> {
        let route = match path {
            "/" => Self::LivePage,
            "/healthz" => Self::Health,
            "/readyz" => Self::Readiness,
            "/metrics" => Self::Metrics,
            "/v1/lanes" => Self::Lanes,
            "/openapi.json" => Self::Document,
            _ => return Err(Problem::NotFound),
        };
        if *method == Method::GET { Ok(route) } else { Err(Problem::MethodNotAllowed("GET")) }
    }

    /// The role that the call needs; probes, the empty live page and the contract need none.
    pub(super) fn role(self) -> Option<Role> {
        match self {
            Self::LivePage | Self::Health | Self::Readiness | Self::Document => None,
            Self::Metrics | Self::Lanes => Some(Role::Admin),
        }
    }
}

/// The order id of a path.
///
/// # Errors
/// [`InvalidValue`] when it is not an identifier.
pub(super) fn order_id(part: &str) -> Result<OrderId, InvalidValue> {
    OrderId::new("order_id", &decoded("order_id", part)?)
}

/// The SKU of a path.
///
/// # Errors
/// [`InvalidValue`] when it is not an identifier.
pub(super) fn sku(part: &str) -> Result<Sku, InvalidValue> {
    Sku::new(&decoded("sku", part)?)
}

fn decoded<'a>(field: &str, part: &'a str) -> Result<Cow<'a, str>, InvalidValue> {
    percent_decode_str(part).decode_utf8().map_err(|_| InvalidValue {
        field: field.to_owned(),
        problem: "is not UTF-8 once percent-decoded".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_of_the_contract_has_its_route() {
        for (method, path, route) in [
            (Method::POST, "/v1/orders", OrdersRoute::Take),
            (Method::POST, "/v1/orders/batch", OrdersRoute::TakeBatch),
            (Method::GET, "/v1/orders/batch", OrdersRoute::ReadOrder("batch")),
            (Method::GET, "/v1/orders/o-1", OrdersRoute::ReadOrder("o-1")),
            (Method::POST, "/v1/orders/o-1/confirm", OrdersRoute::Confirm("o-1")),
            (Method::POST, "/v1/orders/batch/cancel", OrdersRoute::Cancel("batch")),
            (Method::GET, "/v1/stock", OrdersRoute::ListStock),
            (Method::GET, "/v1/stock/A", OrdersRoute::ReadStock("A")),
            (Method::PUT, "/v1/stock/A", OrdersRoute::OpenStock("A")),
            (Method::POST, "/v1/stock/A/adjustments", OrdersRoute::Adjust("A")),
            (Method::GET, "/v1/changes", OrdersRoute::ReadChanges),
        ] {
            assert_eq!(OrdersRoute::of(&method, path).unwrap(), route, "{method} {path}");
        }
    }

    #[test]
    fn other_methods_learn_the_allowed_ones() {
        for (method, path, allowed) in [
            (Method::GET, "/v1/orders", "POST"),
            (Method::HEAD, "/v1/stock", "GET"),
            (Method::PUT, "/v1/orders/batch", "GET, POST"),
            (Method::DELETE, "/v1/orders/o-1", "GET"),
            (Method::POST, "/v1/stock/A", "GET, PUT"),
            (Method::GET, "/v1/orders/o-1/cancel", "POST"),
            (Method::POST, "/v1/changes", "GET"),
        ] {
            let refused = OrdersRoute::of(&method, path);
            let Err(Problem::MethodNotAllowed(found)) = refused else {
                panic!("{method} {path}: {refused:?}")
            };
            assert_eq!(found, allowed, "{method} {path}");
        }
        let refused = AdminRoute::of(&Method::POST, "/metrics");
        assert!(matches!(refused, Err(Problem::MethodNotAllowed("GET"))));
    }

    #[test]
    fn everything_else_is_not_found() {
        for path in [
            "",
            "/",
            "*",
            "/v1",
            "/v1/",
            "/v1/orders/",
            "/v1/orders//cancel",
            "/v1/orders/o-1/",
            "/v1/orders/o-1/cancel/",
            "/v1/orders/o-1/refund",
            "/v1/stock/",
            "/v1/changes/",
            "/v2/orders",
            "/v1/Orders",
            "//v1/orders",
            "/healthz",
        ] {
            let refused = OrdersRoute::of(&Method::GET, path);
            assert!(matches!(refused, Err(Problem::NotFound)), "{path}: {refused:?}");
        }
        for path in ["/openapi", "/v1/lanes/", "/v1/orders", "/healthz/"] {
            let refused = AdminRoute::of(&Method::GET, path);
            assert!(matches!(refused, Err(Problem::NotFound)), "{path}: {refused:?}");
        }
    }

    #[test]
    fn identifiers_are_decoded_and_then_judged() {
        assert_eq!(order_id("a%3Ab").unwrap().as_str(), "a:b");
        for bad in ["a%2Fb", "a%20b", "%00", "%ff", "a%", "ä", &"x".repeat(65), "a+b", "%27"] {
            assert_eq!(order_id(bad).unwrap_err().field, "order_id", "{bad}");
            assert_eq!(sku(bad).unwrap_err().field, "sku", "{bad}");
        }
    }
}
