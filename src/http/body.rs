//! Reading request bodies: their type, their size, their time.

use std::time::Duration;

use http_body_util::BodyExt;
use hyper::HeaderMap;
use hyper::body::{Body, Bytes, Incoming};
use hyper::header::CONTENT_TYPE;

use super::answer::Failure;
use super::problem::Problem;
use crate::limits::{
    BATCH_BODY_BYTES_MAX, BATCH_BODY_TIME_MS, BODY_BYTES_MAX, BODY_TIME_MS, DISCARD_BYTES_MAX,
};

/// The content types that a call may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Media {
    /// One JSON document.
    Json,
    /// One JSON document a line.
    Ndjson,
}

/// The body of one request, not read yet, and what its head says about it.
pub(super) struct Upload<'a> {
    pub(super) headers: &'a HeaderMap,
    pub(super) body: &'a mut Incoming,
}

impl Upload<'_> {
    /// The body of a call that takes JSON.
    ///
    /// # Errors
    /// Those of [`read`]; [`Problem::Malformed`] without a body; [`Problem::UnsupportedMediaType`].
    pub(super) async fn json(self) -> Result<Bytes, Failure> {
        match media(self.headers) {
            Some(Media::Json) => self.read().await,
            Some(Media::Ndjson) => Err(Problem::UnsupportedMediaType(JSON_TYPE).into()),
            None => Err(self.no_type(JSON_TYPE).into()),
        }
    }

    /// The body of a call that needs none, when there is one.
    ///
    /// # Errors
    /// Those of [`Upload::json`].
    pub(super) async fn json_if_any(self) -> Result<Option<Bytes>, Failure> {
        if self.body.is_end_stream() {
            return Ok(None);
        }
        let media = media(self.headers);
        // One that comes in chunks does not say beforehand that it is empty.
        let json = self.read().await?;
        match media {
            _ if json.is_empty() => Ok(None),
            Some(Media::Json) => Ok(Some(json)),
            Some(Media::Ndjson) | None => Err(Problem::UnsupportedMediaType(JSON_TYPE).into()),
        }
    }

    async fn read(self) -> Result<Bytes, Failure> {
        read(self.body, BODY_BYTES_MAX, Duration::from_millis(BODY_TIME_MS)).await
    }

    /// The body of a batch and its form.
    ///
    /// # Errors
    /// Those of [`Upload::json`].
    pub(super) async fn batch(self) -> Result<(Media, Bytes), Failure> {
        let media = media(self.headers).ok_or_else(|| self.no_type(BATCH_TYPES))?;
        let time = Duration::from_millis(BATCH_BODY_TIME_MS);
        Ok((media, read(self.body, BATCH_BODY_BYTES_MAX, time).await?))
    }

    fn no_type(&self, accepted: &'static str) -> Problem {
        if self.body.is_end_stream() {
            Problem::Malformed("the request has no body".to_owned())
        } else {
            Problem::UnsupportedMediaType(accepted)
        }
    }
}

const JSON_TYPE: &str = "application/json";
const BATCH_TYPES: &str = "application/json or application/x-ndjson";

fn media(headers: &HeaderMap) -> Option<Media> {
    let value = headers.get(CONTENT_TYPE)?.as_bytes();
    if value == b"application/json" {
        return Some(Media::Json);
    }
    let mut parts = std::str::from_utf8(value).ok()?.split(';').map(str::trim);
    let essence = parts.next()?;
    let other_charset = |parameter: &str| {
        parameter.split_once('=').is_some_and(|(name, value)| {
            name.eq_ignore_ascii_case("charset")
                && !value.trim_matches('"').eq_ignore_ascii_case("utf-8")
        })
    };
    if parts.any(other_charset) {
        None
    } else if essence.eq_ignore_ascii_case("application/json") {
        Some(Media::Json)
    } else if essence.eq_ignore_ascii_case("application/x-ndjson") {
        Some(Media::Ndjson)
    } else {
        None
    }
}

/// Reads a body whole. One that says it is too large is refused before it is read.
///
/// # Errors
/// [`Problem::BodyTooLarge`], [`Problem::Malformed`] when its framing is broken, and
/// [`Failure::BodyTooSlow`].
pub(super) async fn read(
    body: &mut Incoming,
    bytes_max: usize,
    time: Duration,
) -> Result<Bytes, Failure> {
    if body.size_hint().lower() > bytes_max as u64 {
        return Err(Problem::BodyTooLarge(bytes_max).into());
    }
    match tokio::time::timeout(time, collect(body, bytes_max)).await {
        Ok(bytes) => Ok(bytes?),
        Err(_elapsed) => Err(Failure::BodyTooSlow),
    }
}

async fn collect(body: &mut Incoming, bytes_max: usize) -> Result<Bytes, Problem> {
    // Nearly every order arrives in one piece, which is then used as it lies.
    let mut first = Bytes::new();
    let mut whole: Vec<u8> = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Problem::Malformed("the body broke off".to_owned()))?;
        let Ok(data) = frame.into_data() else { continue };
        if first.len().max(whole.len()) + data.len() > bytes_max {
            return Err(Problem::BodyTooLarge(bytes_max));
        }
        if first.is_empty() && whole.is_empty() {
            first = data;
        } else {
            if whole.is_empty() {
                whole.extend_from_slice(&first);
            }
            whole.extend_from_slice(&data);
        }
    }
    Ok(if whole.is_empty() { first } else { whole.into() })
}

/// Reads what is left of a refused request's body and forgets it. A socket closed with unread bytes
/// in it resets, and the client, still sending, would lose the answer that tells it why. Whoever
/// sends too much or too slowly does lose it.
pub(super) async fn discard(body: &mut Incoming) {
    let left = body.size_hint().lower();
    if body.is_end_stream() || left > DISCARD_BYTES_MAX {
        return;
    }
    let rest = async {
        let mut bytes = 0;
        while let Some(Ok(frame)) = body.frame().await {
            bytes += frame.data_ref().map_or(0, Bytes::len) as u64;
            if bytes > DISCARD_BYTES_MAX {
                break;
            }
        }
    };
    // Late or not, the answer is next.
    let _late = tokio::time::timeout(Duration::from_millis(BODY_TIME_MS), rest).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_types_are_told_apart() {
        let media_of =
            |value: &str| media(&HeaderMap::from_iter([(CONTENT_TYPE, value.parse().unwrap())]));
        for json in [
            "application/json",
            "Application/JSON",
            "application/json; charset=utf-8",
            "application/json;charset=\"UTF-8\"",
        ] {
            assert_eq!(media_of(json), Some(Media::Json), "{json}");
        }
        assert_eq!(media_of("application/x-ndjson"), Some(Media::Ndjson));
        for other in [
            "application/json; charset=latin1",
            "text/json",
            "application/jsonx",
            "application/problem+json",
            "application/x-www-form-urlencoded",
            "",
        ] {
            assert_eq!(media_of(other), None, "{other}");
        }
        assert_eq!(media(&HeaderMap::new()), None);
    }
}
