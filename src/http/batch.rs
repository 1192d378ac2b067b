//! Many orders in one request. Each stands alone: a bad one is answered in its place and harms no
//! neighbour.

use hyper::StatusCode;
use hyper::header::HeaderValue;

use super::access::Caller;
use super::answer::{self, JSON, Outcome};
use super::body::{Media, Upload};
use super::orders;
use super::problem::Problem;
use super::state::State;
use super::verdict::settle;
use super::wire::{MemberProblem, OrderAnswer, order_id_if_readable, render_into, split_array};
use crate::domain::{LimitKind, Operation, Order, Verdict};
use crate::limits::{BATCH_ORDERS_MAX, BATCH_REQUESTS_MAX};

/// Members that are parsed or answered before other requests get their turn.
const TURN_MEMBERS: usize = 256;

/// `POST /v1/orders/batch`
pub(super) async fn take(state: &State, caller: Caller, upload: Upload<'_>) -> Outcome {
    let full =
        |_| Problem::Overloaded { limit: LimitKind::Process, limit_value: BATCH_REQUESTS_MAX };
    let _slot = state.batches.try_acquire().map_err(full)?;
    let (media, text) = upload.batch().await?;
    let members = match media {
        Media::Json => split_array(&text)?,
        Media::Ndjson => split_lines(&text)?,
    };
    state.access.spend(caller, members.len())?;

    let mut parsed = Vec::with_capacity(members.len());
    for turn in members.chunks(TURN_MEMBERS) {
        parsed.extend(turn.iter().map(|json| orders::parse(json)));
        tokio::task::yield_now().await;
    }
    let operations = parsed.iter().flatten().cloned().map(Operation::Take).collect();
    let mut verdicts = state.lanes.submit_all(operations).await.into_iter();

    let mut results = Results::new(media);
    for (place, (parsed, json)) in parsed.iter().zip(&members).enumerate() {
        match parsed {
            Ok(order) => {
                let verdict = verdicts.next().expect("every submitted operation has its verdict");
                results.push_verdict(order, verdict);
            }
            Err(problem) => results.push_problem(order_id_if_readable(json).as_deref(), problem),
        }
        if place % TURN_MEMBERS == 0 {
            tokio::task::yield_now().await;
        }
    }
    Ok(results.finish())
}

/// The lines that are not blank.
pub(super) fn split_lines(text: &[u8]) -> Result<Vec<&[u8]>, Problem> {
    let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
    let members: Vec<&[u8]> = lines.take(BATCH_ORDERS_MAX + 1).collect();
    if members.len() > BATCH_ORDERS_MAX {
        return Err(Problem::TooManyOrders);
    }
    Ok(members)
}

/// The answer, in the form of the request.
struct Results {
    media: Media,
    text: Vec<u8>,
}

impl Results {
    fn new(media: Media) -> Self {
        let text = match media {
            Media::Json => vec![b'['],
            Media::Ndjson => Vec::new(),
        };
        Self { media, text }
    }

    fn push_verdict(&mut self, order: &Order, verdict: Verdict) {
        match settle(order.id(), "lines", verdict) {
            Ok(done) => {
                let status = if done.replayed { StatusCode::OK } else { StatusCode::CREATED };
                let answer = OrderAnswer::new(order, done.status, done.at, done.expires_at);
                render_into(&mut self.text, &answer.with_http_status(status.as_u16()));
                self.separate();
            }
            Err(problem) => self.push_problem(Some(order.id().as_str()), &problem),
        }
    }

    fn push_problem(&mut self, order_id: Option<&str>, problem: &Problem) {
        let detail = problem.detail();
        let member = MemberProblem::new(order_id, problem.body(&detail));
        render_into(&mut self.text, &member);
        self.separate();
    }

    fn separate(&mut self) {
        self.text.push(match self.media {
            Media::Json => b',',
            Media::Ndjson => b'\n',
        });
    }

    fn finish(mut self) -> answer::Answer {
        let content_type = match self.media {
            Media::Json => {
                // The comma after the last member gives way to the bracket.
                if self.text.last() == Some(&b',') {
                    self.text.pop();
                }
                self.text.push(b']');
                JSON
            }
            Media::Ndjson => HeaderValue::from_static("application/x-ndjson"),
        };
        answer::bytes(StatusCode::OK, content_type, self.text.into())
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;
    use crate::domain::{OrderStatus, Timestamp};

    async fn answered(media: Media, members: &[&str]) -> String {
        let mut results = Results::new(media);
        for json in members {
            match orders::parse(json.as_bytes()) {
                Ok(order) => results.push_verdict(
                    &order,
                    Verdict::Done {
                        at: Timestamp::from_micros(0),
                        replayed: false,
                        status: OrderStatus::Deducted,
                        expires_at: None,
                    },
                ),
                Err(problem) => {
                    let order_id = order_id_if_readable(json.as_bytes());
                    results.push_problem(order_id.as_deref(), &problem);
                }
            }
        }
        let body = results.finish().into_body().collect().await.unwrap().to_bytes();
        String::from_utf8(body.to_vec()).unwrap()
    }

    const MEMBERS: [&str; 4] = [
        r#"{"order_id":"o-1","lines":[{"sku":"A","quantity":1}]}"#,
        r#"{"order_id":"o-2","lines":[{"sku":"A","quantity":0}]}"#,
        r#"{"order_id":"o-3","wrong":1}"#,
        "17",
    ];

    #[tokio::test]
    async fn one_result_an_order_in_order_and_in_json() {
        let text = answered(Media::Json, &MEMBERS).await;
        let results: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
        let statuses: Vec<_> =
            results.iter().map(|result| result["http_status"].as_u64()).collect();
        assert_eq!(statuses, [Some(201), Some(422), Some(400), Some(400)]);
        let ids: Vec<_> = results.iter().map(|result| result["order_id"].as_str()).collect();
        assert_eq!(ids, [Some("o-1"), Some("o-2"), Some("o-3"), None]);
        assert_eq!(results[0]["status"], "deducted");
        assert_eq!(results[1]["field"], "lines[0].quantity");
        assert_eq!(results[1]["status"], 422);
        assert_eq!(results[2]["type"], "/problems/malformed-request");
    }

    #[tokio::test]
    async fn ndjson_is_answered_in_ndjson() {
        let text = answered(Media::Ndjson, &MEMBERS).await;
        assert_eq!(text.lines().count(), MEMBERS.len());
        assert!(text.ends_with('\n'));
        for line in text.lines() {
            serde_json::from_str::<serde_json::Value>(line).unwrap();
        }
    }

    #[tokio::test]
    async fn an_empty_batch_has_an_empty_answer() {
        assert_eq!(answered(Media::Json, &[]).await, "[]");
        assert_eq!(answered(Media::Ndjson, &[]).await, "");
    }

    #[test]
    fn blank_lines_are_no_orders_and_lines_are_counted() {
        let lines = split_lines(b"{}\n\r\n  \n1\r\n\n").unwrap();
        assert_eq!(lines, [b"{}".as_slice(), b"1\r"]);
        assert!(split_lines("x\n".repeat(BATCH_ORDERS_MAX).as_bytes()).is_ok());
        let over = "x\n".repeat(BATCH_ORDERS_MAX + 1);
        let over = split_lines(over.as_bytes());
        assert!(matches!(over, Err(Problem::TooManyOrders)));
    }
}
