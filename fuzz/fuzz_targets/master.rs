//! Any octets as a master file: never a panic, and whatever was read is a zone in order.
#![no_main]

use std::path::Path;
use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use pointsman::wire::name::Name;
use pointsman::zone::master::{self, Includes};
use pointsman::zone::semantics;

/// Each file includes the rest of the text that is being read.
struct Rest(Vec<u8>);

impl Includes for Rest {
    fn open(&mut self, path: &str, _from: &Path) -> Result<(Arc<Path>, Vec<u8>), String> {
        let half = self.0.len() / 2;
        let text = self.0.split_off(half);
        Ok((Arc::from(Path::new(path)), text))
    }
}

fuzz_target!(|text: &[u8]| {
    let Ok(origin) = Name::from_text("example.test") else {
        return;
    };
    let file = Arc::from(Path::new("zone"));
    let mut zone = master::read(text, &file, &origin, &mut Rest(text.to_vec()));
    for record in zone.contents.records() {
        assert!(Name::from_wire(record.owner).is_ok_and(|owner| owner.is_within(&origin)));
    }
    let before: Vec<Vec<u8>> = zone
        .contents
        .records()
        .map(|record| record.owner.to_vec())
        .collect();
    zone.contents.sort();
    assert!(
        zone.contents
            .records()
            .zip(&before)
            .all(|(now, before)| now.owner.eq_ignore_ascii_case(before))
    );
    let _ = semantics::check(&zone.contents, &zone.places, &[]);
});
