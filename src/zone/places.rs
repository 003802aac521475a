//! Where each record of a zone was written: five octets a record besides the order, dropped after the checks.

use std::path::Path;
use std::sync::Arc;

use crate::model::diagnostic::Place;

/// Places of the records of one [`Contents`](crate::zone::contents::Contents), by position in it.
#[derive(Clone, Debug)]
pub struct Places {
    /// The zone's own file.
    file: Arc<Path>,
    /// In the order of reading.
    lines: Vec<u32>,
    /// In the order of reading; 0 past 255: then the whole line is meant.
    columns: Vec<u8>,
    /// From which record on (in the order of reading) which file was read.
    files: Vec<(u32, Arc<Path>)>,
    /// For each position in the contents, which record it is in the order of reading.
    order: Vec<u32>,
}

impl Places {
    /// None yet, of a zone in `file`.
    pub(super) fn new(file: &Arc<Path>) -> Self {
        Self {
            file: Arc::clone(file),
            lines: Vec::new(),
            columns: Vec::new(),
            files: Vec::new(),
            order: Vec::new(),
        }
    }

    /// Of records that came from no file.
    #[must_use]
    pub fn none() -> Self {
        Self::new(&Arc::from(Path::new("")))
    }

    /// The zone's file as a whole.
    #[must_use]
    pub fn whole(&self) -> Place {
        Place {
            file: Arc::clone(&self.file),
            line: 0,
            column: 0,
        }
    }

    /// Notes the place of the next record.
    pub(super) fn push(&mut self, file: &Arc<Path>, line: u32, column: u32) {
        if self.files.last().is_none_or(|(_, last)| !Arc::ptr_eq(last, file)) {
            let from = u32::try_from(self.lines.len()).unwrap_or(u32::MAX);
            self.files.push((from, Arc::clone(file)));
        }
        self.lines.push(line);
        self.columns.push(u8::try_from(column).unwrap_or(0));
    }

    /// Takes over how the contents were sorted.
    pub(super) fn ordered(&mut self, order: Vec<u32>) {
        self.order = order;
    }

    /// Forgets the positions that `keep` says no to, as the contents did.
    pub(super) fn retain(&mut self, mut keep: impl FnMut(usize) -> bool) {
        let mut index = 0;
        self.order.retain(|_| {
            index += 1;
            keep(index - 1)
        });
    }

    /// Where the record at `index` of the contents was written; `None` past the end.
    #[must_use]
    pub fn of(&self, index: usize) -> Option<Place> {
        let read = *self.order.get(index)?;
        let run = self.files.partition_point(|&(from, _)| from <= read);
        let (_, file) = self.files.get(run.checked_sub(1)?)?;
        Some(Place {
            file: Arc::clone(file),
            line: *self.lines.get(read as usize)?,
            column: u32::from(*self.columns.get(read as usize)?),
        })
    }
}
