//! How much room a reply has, what it says besides records, and how it is closed.

use crate::answer::served::Served;
use crate::answer::snapshot::{About, Outcome, Settings, Transport};
use crate::wire::compose::{AA, Composer, Header, Mark, QR, TC};
use crate::wire::edns::{ExtendedError, OptReply};
use crate::wire::places::Places;
use crate::wire::query::Query;
use crate::wire::subnet::ClientSubnet;

/// Every UDP client takes this much (RFC 1035 section 4.2.1), and no EDNS payload counts for less (RFC 6891 section
/// 6.2.5).
const LEAST: u16 = 512;

/// A reply under way.
pub(crate) struct Reply<'o, 's> {
    pub(crate) composer: Composer<'o>,
    /// AA.
    pub(crate) authoritative: bool,
    /// TC.
    pub(crate) truncated: bool,
    /// RCODE, extended bits included.
    pub(crate) rcode: u16,
    /// The boundary before the first record.
    pub(crate) beginning: Mark,
    /// Whose answer it is.
    pub(crate) served: &'o mut Served,
    opt: Option<OptReply<'s>>,
    header: Header,
    qtype: u16,
}

impl<'o, 's> Reply<'o, 's> {
    /// Begins the reply to `query`: its question, and room for OPT when it has one. `subnet` is what is heeded of what
    /// was told of the client.
    #[inline]
    pub(crate) fn begin(
        query: &Query<'_>,
        settings: &'s Settings,
        transport: Transport,
        subnet: Option<ClientSubnet>,
        out: &'o mut [u8],
        (places, served): (&'o mut Places, &'o mut Served),
    ) -> Self {
        let limit = match (transport, query.edns) {
            (Transport::Udp, None) => LEAST,
            (Transport::Udp, Some(edns)) => edns.payload.min(settings.udp_payload).max(LEAST),
            (Transport::Tcp | Transport::Tls | Transport::Quic | Transport::Https, _) => u16::MAX,
        };
        let mut composer = Composer::begin(out, usize::from(limit), query.question_octets(), places);
        let opt = query.edns.map(|edns| OptReply {
            payload: settings.udp_payload,
            rcode_high: 0,
            dnssec_ok: edns.dnssec_ok,
            nsid: edns.nsid.then_some(&*settings.nsid),
            subnet: subnet.map(|subnet| (subnet, 0)),
            keepalive: None,
            error: None,
            padding: (edns.padded && transport.is_encrypted()).then_some(0),
        });
        // Question, OPT, NSID and the client's subnet fit into 512 octets together, see `Settings`.
        let opt = opt.filter(|opt| composer.reserve(opt.length()));
        let &[id_high, id_low, flags] = query.octets.first_chunk().unwrap_or(&[0; 3]);
        Self {
            beginning: composer.mark(),
            composer,
            served,
            authoritative: false,
            truncated: false,
            rcode: 0,
            opt,
            header: Header {
                id: [id_high, id_low],
                flags: QR | (flags & 0x79), // OPCODE and RD as they came
                rcode_low: 0,
            },
            qtype: query.question.map_or(0, |question| question.qtype),
        }
    }

    /// Notes that what is answered holds for clients that share so many bits of their addresses.
    #[inline]
    pub(crate) fn tailored(&mut self, scope: u8) {
        if let Some(OptReply {
            subnet: Some((_, widest)),
            ..
        }) = &mut self.opt
        {
            *widest = scope.max(*widest);
        }
    }

    /// Says how long the connection may be idle.
    #[cold]
    pub(crate) fn keep(&mut self, tenths: u16) {
        if let Some(opt) = &mut self.opt
            && opt.keepalive.is_none()
            && self.composer.reserve(6)
        {
            opt.keepalive = Some(tenths);
        }
    }

    /// Adds an extended error, when the client speaks EDNS and there is room.
    pub(crate) fn say(&mut self, error: ExtendedError<'s>) {
        if let Some(opt) = &mut self.opt
            && opt.error.is_none()
            && self.composer.reserve(6 + error.text.len())
        {
            opt.error = Some(error);
        }
    }

    /// Closes the message.
    #[inline]
    pub(crate) fn finish(mut self) -> Outcome {
        self.header.flags |= if self.authoritative { AA } else { 0 } | if self.truncated { TC } else { 0 };
        self.header.rcode_low = (self.rcode & 15) as u8;
        if let Some(opt) = &mut self.opt {
            opt.rcode_high = (self.rcode >> 4) as u8;
            if opt.padding.is_some() {
                opt.pad(self.composer.position(), self.composer.capacity());
            }
        }
        let about = About {
            rcode: self.rcode,
            qtype: self.qtype,
            truncated: self.truncated,
        };
        Outcome::Reply {
            len: self.composer.finish(self.header, self.opt.as_ref()),
            about,
        }
    }
}
