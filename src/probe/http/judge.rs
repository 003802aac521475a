//! A body held against what is expected of it.

use hyper::header::HeaderValue;

use crate::health::observation::FaultClass;
use crate::probe::http::json;
use crate::probe::http::question::Matcher;
use crate::probe::sheet::{Fault, Sheet};
use crate::probe::tcp::contains_from;

/// A body being read.
pub(crate) struct Reading<'a> {
    matcher: Option<&'a Matcher>,
    limit: usize,
    kept: Vec<u8>,
    octets: usize,
    matched: bool,
}

impl<'a> Reading<'a> {
    /// Reads at most `limit` octets for `matcher`; keeps nothing when nothing is looked for.
    pub(crate) fn new(matcher: Option<&'a Matcher>, limit: usize) -> Self {
        Self {
            matcher,
            limit,
            kept: Vec::new(),
            octets: 0,
            matched: false,
        }
    }

    /// Octets read so far.
    pub(crate) fn octets(&self) -> usize {
        self.octets
    }

    /// What was kept of them.
    pub(crate) fn kept(&self) -> &[u8] {
        &self.kept
    }

    /// Takes some more. Whether that is enough to judge.
    pub(crate) fn take(&mut self, data: &[u8]) -> bool {
        let room = self.limit.saturating_sub(self.octets);
        let data = data.get(..room).unwrap_or(data);
        self.octets = self.octets.saturating_add(data.len());
        if let Some(matcher) = self.matcher {
            let searched = self.kept.len();
            self.kept.extend_from_slice(data);
            if let Matcher::Substring(text) = matcher {
                self.matched = contains_from(&self.kept, text.as_bytes(), searched);
            }
        }
        self.matched || self.octets >= self.limit
    }

    /// The verdict. A regular expression sees the body as a whole, so that `$` means its end.
    pub(crate) fn at_the_end(&self, sheet: &mut Sheet) -> Result<(), Fault> {
        let Some(matcher) = self.matcher else {
            return Ok(());
        };
        let (found, wanted) = match matcher {
            Matcher::Substring(text) => (self.matched || text.is_empty(), format!("contain `{text}`")),
            Matcher::Regex(regex) => (regex.is_match(&self.kept), format!("match `{regex}`")),
            Matcher::Json(pointer, equals) => {
                let judged = if self.octets >= self.limit {
                    Err(format!(
                        "the body is no less than {} octets, too long to be judged as JSON",
                        self.limit
                    ))
                } else {
                    json::judge(&self.kept, pointer, equals.as_ref())
                };
                return judged.map_err(|text| {
                    sheet.keep_excerpt(&self.kept);
                    sheet.fault(FaultClass::Content, text)
                });
            }
        };
        if found {
            return Ok(());
        }
        sheet.keep_excerpt(&self.kept);
        let body = if self.octets >= self.limit {
            format!("the first {} octets of the body do", self.limit)
        } else if self.octets == 0 {
            "body is empty, it does".to_owned()
        } else {
            "body does".to_owned()
        };
        Err(sheet.fault(FaultClass::Content, format!("{body} not {wanted}")))
    }
}

/// The length that an answer promised.
pub(crate) fn declared_length(header: Option<&HeaderValue>) -> Option<u64> {
    header?.to_str().ok()?.parse().ok()
}
