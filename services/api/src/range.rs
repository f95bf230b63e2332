//! Byte ranges (RFC 9110, 14.2) of files that come as a stream.

use bytes::Bytes;
use futures::{Stream, StreamExt, future::ready};
use std::ops::Range;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Span {
    Whole,
    Part(Range<u64>),
    Unsatisfiable,
}

/// One range is honoured; several or a broken header are answered with the whole file.
pub fn parse(header: Option<&str>, length: u64) -> Span {
    let spec = header.and_then(|h| h.trim().strip_prefix("bytes="));
    let Some((first, last)) = spec.filter(|s| !s.contains(',')).and_then(|s| s.split_once('-')) else {
        return Span::Whole;
    };
    let number = |text: &str| text.trim().parse::<u64>().ok();
    let range = match (number(first), number(last)) {
        (Some(first), Some(last)) if first <= last => first..last.saturating_add(1).min(length),
        (Some(first), None) if last.trim().is_empty() => first..length,
        (None, Some(suffix)) if first.trim().is_empty() && suffix > 0 => {
            length.saturating_sub(suffix)..length
        }
        (None, Some(0)) if first.trim().is_empty() => return Span::Unsatisfiable,
        _ => return Span::Whole,
    };
    if range.start >= length { Span::Unsatisfiable } else { Span::Part(range) }
}

/// The bytes of `span` out of the whole; ends as soon as they have passed.
pub fn cut<E>(
    whole: impl Stream<Item = Result<Bytes, E>>,
    span: Range<u64>,
) -> impl Stream<Item = Result<Bytes, E>> {
    let mut at = 0;
    whole
        .map(move |chunk| {
            let chunk = chunk?;
            let begin = at;
            at += chunk.len() as u64;
            let from = span.start.clamp(begin, at) - begin;
            let to = span.end.clamp(begin, at) - begin;
            Ok((chunk.slice(from as usize..to as usize), begin >= span.end))
        })
        .take_while(|part| ready(!matches!(part, Ok((_, true)))))
        .map(|part| part.map(|(bytes, _)| bytes))
        .filter(|part| ready(!matches!(part, Ok(bytes) if bytes.is_empty())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::stream;

    #[test]
    fn ranges_as_players_send_them() {
        assert_eq!(parse(None, 10), Span::Whole);
        assert_eq!(parse(Some("bytes=0-"), 10), Span::Part(0..10));
        assert_eq!(parse(Some("bytes=2-4"), 10), Span::Part(2..5));
        assert_eq!(parse(Some("bytes=2-99"), 10), Span::Part(2..10));
        assert_eq!(parse(Some("bytes=-3"), 10), Span::Part(7..10));
        assert_eq!(parse(Some("bytes=10-"), 10), Span::Unsatisfiable);
        assert_eq!(parse(Some("bytes=-0"), 10), Span::Unsatisfiable);
        for odd in ["bytes=4-2", "bytes=1-2,4-5", "lines=1-2", "bytes=x-y", "bytes=-"] {
            assert_eq!(parse(Some(odd), 10), Span::Whole, "{odd}");
        }
    }

    #[tokio::test]
    async fn every_span_of_every_chunking_is_the_same_bytes() {
        let whole: Vec<u8> = (0..20).collect();
        for size in 1..=20 {
            for (from, to) in [(0, 20), (0, 1), (19, 20), (5, 15), (7, 7)] {
                let chunks = whole.chunks(size).map(|c| Ok::<_, ()>(Bytes::copy_from_slice(c)));
                let parts: Vec<_> = cut(stream::iter(chunks), from..to).collect().await;
                let bytes: Vec<u8> = parts.into_iter().flat_map(Result::unwrap).collect();
                assert_eq!(bytes, whole[from as usize..to as usize], "{size} {from}..{to}");
            }
        }
    }
}
