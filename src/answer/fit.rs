//! How much room a reply has, what it says besides records, and how it is closed.

use crate::answer::ask::Shown;
use crate::answer::limiter::Kind;
use crate::answer::served::Served;
use crate::answer::snapshot::{About, Outcome, Settings, Transport};
use crate::wire::compose::{AA, Composer, Header, Mark, QR, Section, TC};
use crate::wire::cookie::Cookies;
use crate::wire::edns::{ExtendedError, OptReply};
use crate::wire::places::Places;
use crate::wire::query::Query;
use crate::wire::rtype::rcode;
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
    limited: bool,
    shown: Shown,
}

/// What a query says of its client, as far as it is believed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known {
    /// How it came.
    pub(crate) transport: Transport,
    /// What is heeded of what was told of the client.
    pub(crate) subnet: Option<ClientSubnet>,
    /// What the client's cookie is worth.
    pub(crate) shown: Shown,
    /// Its cookie, and the one it gets.
    pub(crate) cookie: Option<Cookies>,
}

impl Known {
    /// Whether the source address may be anybody's.
    #[inline]
    pub(crate) fn is_claimed(&self) -> bool {
        self.transport.is_datagram() && self.shown != Shown::Good
    }
}

impl<'o, 's> Reply<'o, 's> {
    /// Begins the reply to `query`: its question, and room for OPT when it has one.
    #[inline]
    pub(crate) fn begin(
        query: &Query<'_>,
        settings: &'s Settings,
        known: &Known,
        out: &'o mut [u8],
        (places, served): (&'o mut Places, &'o mut Served),
    ) -> Self {
        let limit = match (known.transport, query.edns) {
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
            subnet: known.subnet.map(|subnet| (subnet, 0)),
            cookie: known.cookie,
            keepalive: None,
            error: None,
            padding: (edns.padded && known.transport.is_encrypted()).then_some(0),
        });
        if let Some(most) = settings.max_without
            && known.is_claimed()
        {
            composer.narrow(usize::from(most), opt.as_ref().map_or(0, OptReply::length));
        }
        // Question, OPT, NSID, the client's subnet and cookies fit into 512 octets together, see `Settings`.
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
            limited: false,
            shown: known.shown,
        }
    }

    /// What kind of answer it has become.
    #[inline]
    pub(crate) fn kind(&self) -> Kind {
        match self.rcode {
            0 if self.composer.count(Section::Answer) > 0 || self.truncated => Kind::Positive,
            0 if !self.authoritative => Kind::Referral,
            0 => Kind::NoData,
            rcode::NXDOMAIN => Kind::NxDomain,
            _ => Kind::Error,
        }
    }

    /// Leaves of the answer what is no longer than the query was: the client comes again by TCP, or, where the answer
    /// is BADCOOKIE, with the cookie that stands in it (and is 16 octets that the query did not have).
    #[cold]
    pub(crate) fn cut_short(&mut self, bad_cookie: bool, limited: bool) {
        self.composer.roll_back(self.beginning);
        let kind = self.kind();
        self.authoritative = false;
        self.truncated = !bad_cookie;
        self.limited = limited;
        if bad_cookie {
            self.rcode = rcode::BADCOOKIE;
        } else if kind != Kind::Error {
            self.rcode = 0;
        }
        if let Some(opt) = &mut self.opt {
            *opt = OptReply {
                payload: opt.payload,
                dnssec_ok: opt.dnssec_ok,
                cookie: opt.cookie.filter(|_| bad_cookie),
                ..OptReply::default()
            };
        }
        self.served.clear();
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
            limited: self.limited,
            cookie: self.shown,
        };
        Outcome::Reply {
            len: self.composer.finish(self.header, self.opt.as_ref()),
            about,
        }
    }
}
