//! SOA and NS of a zone without `records`, made of `nameservers` and `hostmaster`.

use crate::config::defaults;
use crate::wire::name::Name;
use crate::zone::contents::{Contents, TooLarge};

const NS: u16 = 2;
const SOA: u16 = 6;

/// The zone's static contents. `serial` is the file's time of change, which grows with every edit.
///
/// # Errors
/// [`TooLarge`]: never for a zone of this size.
pub(crate) fn contents(
    origin: &Name,
    nameservers: &[&Name],
    hostmaster: &Name,
    serial: u32,
) -> Result<Contents, TooLarge> {
    let mut contents = Contents::new(origin.clone());
    let mut soa = Vec::new();
    let first = nameservers.first().copied().unwrap_or(origin);
    soa.extend_from_slice(first.as_wire());
    soa.extend_from_slice(hostmaster.as_wire());
    for number in [
        serial,
        defaults::MADE_REFRESH,
        defaults::MADE_RETRY,
        defaults::MADE_EXPIRE,
        defaults::MADE_MINIMUM,
    ] {
        soa.extend_from_slice(&number.to_be_bytes());
    }
    contents.push(origin.as_wire(), SOA, defaults::MADE_TTL, &soa)?;
    for nameserver in nameservers {
        contents.push(origin.as_wire(), NS, defaults::MADE_TTL, nameserver.as_wire())?;
    }
    contents.sort();
    Ok(contents)
}
