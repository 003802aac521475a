//! A zone's records one by one, as a transfer sends them.

use std::borrow::Cow;

use crate::answer::node::{Node, expand};
use crate::answer::snapshot::Snapshot;
use crate::answer::zones::Zone;
use crate::model::id::ZoneId;
use crate::model::time::Moment;
use crate::wire::rtype::{self, compressible};

/// A record of a zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneRecord<'a> {
    /// Owner in wire form, letter case as written.
    pub owner: &'a [u8],
    /// Type number.
    pub rtype: u16,
    /// Seconds.
    pub ttl: u32,
    /// Data in uncompressed wire form.
    pub rdata: Cow<'a, [u8]>,
}

impl Snapshot {
    /// Every record of `zone`: SOA first, then the others in canonical order (without SOA again at the end), glue and
    /// what is occluded included, and of each service every address that may be answered at `now`.
    pub fn records(&self, zone: ZoneId, now: Moment) -> impl Iterator<Item = ZoneRecord<'_>> {
        let zone = self.zones().get(zone.index());
        let table = zone.and_then(|zone| zone.table.as_deref());
        let soa = table
            .and_then(|table| table.apex())
            .into_iter()
            .flat_map(|apex| plain(apex, |rtype| rtype == rtype::SOA));
        let rest = table
            .into_iter()
            .flat_map(|table| table.nodes())
            .flat_map(move |node| {
                let services = zone.into_iter().flat_map(move |zone| self.given(zone, node, now));
                services.chain(plain(node, |rtype| rtype != rtype::SOA))
            });
        soa.chain(rest)
    }

    fn given<'a>(
        &'a self,
        zone: &'a Zone,
        node: Node<'a>,
        now: Moment,
    ) -> impl Iterator<Item = ZoneRecord<'a>> {
        let answers = node.service().and_then(|number| self.service(zone, number));
        answers.into_iter().flat_map(move |answers| {
            let ttl = answers.ttl(now);
            let of = move |rtype: u16, record: &'a [u8]| ZoneRecord {
                owner: node.name(),
                rtype,
                ttl,
                rdata: Cow::Borrowed(record.get(12..).unwrap_or(&[])),
            };
            // A CNAME stands alone: it is transferred when the first that may be answered is one, else addresses are.
            let first = [&answers.a, &answers.aaaa]
                .into_iter()
                .find_map(|family| family.all().next());
            let alias = first.and_then(|record| answers.cname_at(record)).map(|record| {
                let mut data = Vec::new();
                let _ = expand(rtype::CNAME, record.data, node.name(), &mut data);
                ZoneRecord {
                    owner: node.name(),
                    rtype: rtype::CNAME,
                    ttl,
                    rdata: Cow::Owned(data),
                }
            });
            let addresses = [(rtype::A, &answers.a), (rtype::AAAA, &answers.aaaa)]
                .into_iter()
                .filter({
                    let stands_alone = alias.is_some();
                    move |_| !stands_alone
                })
                .flat_map(move |(rtype, family)| {
                    let real = family.all().filter(|record| answers.cname_at(record).is_none());
                    real.map(move |record| of(rtype, record))
                });
            let addresses = alias.into_iter().chain(addresses);
            addresses.chain(answers.extras.iter().flat_map(move |extra| {
                let data = extra.data(answers, node.name()).into_iter();
                data.map(move |rdata| ZoneRecord {
                    owner: node.name(),
                    rtype: extra.rtype,
                    ttl,
                    rdata: Cow::Owned(rdata),
                })
            }))
        })
    }
}

fn plain<'a>(node: Node<'a>, wanted: impl Fn(u16) -> bool + 'a) -> impl Iterator<Item = ZoneRecord<'a>> {
    node.sets()
        .filter(move |set| wanted(set.rtype))
        .flat_map(move |set| {
            set.records().map(move |record| ZoneRecord {
                owner: node.name(),
                rtype: set.rtype,
                ttl: record.ttl,
                rdata: if compressible(set.rtype).is_some() {
                    let mut data = Vec::new();
                    let _ = expand(set.rtype, record.data, node.name(), &mut data);
                    Cow::Owned(data)
                } else {
                    Cow::Borrowed(record.data)
                },
            })
        })
}
