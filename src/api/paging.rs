//! Lists, a page at a time, so that neither the signal box nor the client ever has twenty thousand items to write down.

use serde::{Deserialize, Serialize};

use crate::api::directory::{Directory, Row};
use crate::api::extract::Json;
use crate::api::live::Live;
use crate::api::problem::Problem;
use crate::control::step::Control;
use crate::model::time::Now;

/// Items of a page when nothing is said.
const USUAL: u16 = 100;
/// Items of the largest page.
const MOST: u16 = 1000;
/// Items whose state is looked at in one go: the signal box does nothing else meanwhile (about 0.2 ms).
const STRIDE: usize = 1000;
/// How often a page is begun anew because another plan came in force.
const TRIES: usize = 3;
/// Items that are written down in one go, for the same reason.
const WRITTEN: usize = 100;

/// Which page, and of what.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Wanted {
    /// Items at the most.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u16>,
    /// `next` of the page before.
    pub(super) after: Option<String>,
    /// Only what belongs to this service.
    service: Option<String>,
    /// Only what has this in its name or among its addresses; letter case does not matter.
    q: Option<String>,
}

/// Only what is in this state.
#[derive(Debug, Deserialize)]
pub struct InState<S> {
    pub(super) state: Option<S>,
}

/// A page of a list.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Page<T> {
    /// In the order of their names.
    pub items: Vec<T>,
    /// What `after` must be for the page behind this one; `null`: there is none.
    pub next: Option<String>,
    /// Items that the filters leave, on all pages together.
    pub total: usize,
}

/// What makes a list one of services, endpoints or probe streams.
pub(super) struct Kind<I, S> {
    pub(super) list: fn(&Directory) -> &[Row<I>],
    pub(super) stands: fn(&Control, I, Now) -> S,
}

/// A page of a list. The signal box is asked for states only when they decide what is on it, and then in strides.
pub(super) async fn page<I, S, T>(
    live: &Live,
    wanted: &Wanted,
    state: Option<S>,
    kind: &Kind<I, S>,
    show: fn(&Control, &Row<I>, Now) -> Option<T>,
) -> Result<Json<Page<T>>, Problem>
where
    I: Copy + Send + Sync + 'static,
    S: Copy + PartialEq + Send + 'static,
    T: Send + 'static,
{
    for _ in 0..TRIES {
        let directory = live.directory().await?;
        if let Some(page) = attempt(live, &directory, wanted, state, kind, show).await? {
            return Ok(Json(page));
        }
    }
    // Plans come faster than pages.
    Err(Problem::busy())
}

/// A page by the names of `directory`; `None`: another plan came in force meanwhile.
async fn attempt<I, S, T>(
    live: &Live,
    directory: &Directory,
    wanted: &Wanted,
    state: Option<S>,
    kind: &Kind<I, S>,
    show: fn(&Control, &Row<I>, Now) -> Option<T>,
) -> Result<Option<Page<T>>, Problem>
where
    I: Copy + Send + Sync + 'static,
    S: Copy + PartialEq + Send + 'static,
    T: Send + 'static,
{
    let limit = wanted.limit()?;
    let mut found: Vec<&Row<I>> = wanted.among((kind.list)(directory)).collect();
    if let Some(state) = state {
        let Some(left) = in_state(live, directory, found, state, kind.stands).await? else {
            return Ok(None);
        };
        found = left;
    }
    let (rows, next) = cut(&found, wanted.after.as_deref(), limit);
    let mut items = Vec::with_capacity(rows.len());
    for rows in rows.chunks(WRITTEN) {
        let rows: Vec<Row<I>> = rows.iter().map(|row| (*row).clone()).collect();
        let shown = live.look_by(directory, move |control, now| {
            let shown = rows.iter().filter_map(|row| show(control, row, now));
            shown.collect::<Vec<T>>()
        });
        match shown.await? {
            Some(shown) => items.extend(shown),
            None => return Ok(None),
        }
    }
    let total = found.len();
    Ok(Some(Page { items, next, total }))
}

/// The rows that are in a state now; `None`: another plan came in force.
async fn in_state<'d, I, S>(
    live: &Live,
    directory: &Directory,
    rows: Vec<&'d Row<I>>,
    state: S,
    stands: fn(&Control, I, Now) -> S,
) -> Result<Option<Vec<&'d Row<I>>>, Problem>
where
    I: Copy + Send + Sync + 'static,
    S: Copy + PartialEq + Send + 'static,
{
    let mut left = Vec::new();
    for rows in rows.chunks(STRIDE) {
        let ids: Vec<I> = rows.iter().map(|row| row.id).collect();
        let looked = live.look_by(directory, move |control, now| {
            let are = ids.iter().map(|id| stands(control, *id, now) == state);
            are.collect::<Vec<bool>>()
        });
        let Some(are) = looked.await? else {
            return Ok(None);
        };
        let some = rows.iter().zip(are).filter(|(_, is)| *is);
        left.extend(some.map(|(row, _)| *row));
    }
    Ok(Some(left))
}

impl Wanted {
    pub(super) fn limit(&self) -> Result<usize, Problem> {
        match self.limit.unwrap_or(USUAL) {
            limit @ 1..=MOST => Ok(limit.into()),
            limit => Err(Problem::bad(format!("`limit` is {limit}; write 1 to {MOST}"))),
        }
    }

    /// What the filters leave that need no look at states.
    pub(super) fn among<'d, I>(&self, rows: &'d [Row<I>]) -> impl Iterator<Item = &'d Row<I>> {
        let plain = |text: &String| text.trim_end_matches('.').to_ascii_lowercase();
        let service = self.service.as_ref().map(plain);
        let words = self.q.as_ref().map(|words| words.trim().to_lowercase());
        rows.iter().filter(move |row| {
            service
                .as_ref()
                .is_none_or(|service| row.services.iter().any(|name| **name == **service))
                && words.as_ref().is_none_or(|words| row.words.contains(words))
        })
    }
}

/// The page behind `after`, and what the next one is behind.
pub(super) fn cut<'r, 'd, I>(
    rows: &'r [&'d Row<I>],
    after: Option<&str>,
    limit: usize,
) -> (&'r [&'d Row<I>], Option<String>) {
    let from = after.map_or(0, |after| rows.partition_point(|row| row.key.as_str() <= after));
    let rest = rows.get(from..).unwrap_or_default();
    let page = rest.get(..limit).unwrap_or(rest);
    let next = page.last().filter(|_| rest.len() > page.len());
    (page, next.map(|row| row.key.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_one_another_whatever_comes_and_goes() {
        let row = |key: &str| Row {
            key: key.to_owned(),
            id: (),
            services: Vec::new(),
            words: key.to_owned(),
        };
        let rows = ["a", "b", "c", "d", "e"].map(row);
        let rows: Vec<&Row<()>> = rows.iter().collect();
        let keys = |page: &[&Row<()>]| page.iter().map(|row| row.key.clone()).collect::<String>();
        let (first, next) = cut(&rows, None, 2);
        assert_eq!((keys(first).as_str(), next.as_deref()), ("ab", Some("b")));
        let (second, next) = cut(&rows, next.as_deref(), 2);
        assert_eq!((keys(second).as_str(), next.as_deref()), ("cd", Some("d")));
        let (last, next) = cut(&rows, next.as_deref(), 2);
        assert_eq!((keys(last).as_str(), next.as_deref()), ("e", None));
        // The one that the page ended with is gone.
        let (after_gone, _) = cut(&rows, Some("bb"), 2);
        assert_eq!(keys(after_gone), "cd");
        assert_eq!(keys(cut(&rows, Some("z"), 2).0), "");
        assert_eq!(keys(cut(&rows, Some(""), 9).0), "abcde");
    }
}
