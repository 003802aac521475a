//! Certificates for practice endpoints, good and bad.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, IsCa, KeyPair,
    KeyUsagePurpose, SanType, date_time_ymd,
};

/// An authority of the test's own, and the folder where everything is written as PEM.
pub(crate) struct Authority {
    folder: PathBuf,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// Years in which a certificate is valid.
pub(crate) type Years = (i32, i32);

/// Valid now.
pub(crate) const NOW: Years = (2020, 2999);

impl Authority {
    /// A new one; its certificate is `NAME.pem` in `folder`.
    pub(crate) fn new(folder: &Path, name: &str) -> Self {
        let mut params = named(name, NOW);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        std::fs::write(folder.join(format!("{name}.pem")), issuer.pem()).unwrap();
        Self {
            folder: folder.to_owned(),
            issuer,
        }
    }

    /// Writes `NAME.pem` and `NAME.key`: a certificate for `hosts`, signed by this authority.
    pub(crate) fn issue(&self, name: &str, hosts: &[&str], years: Years) {
        let key = KeyPair::generate().unwrap();
        let certificate = for_hosts(name, hosts, years)
            .signed_by(&key, &self.issuer)
            .unwrap();
        write(&self.folder, name, &certificate.pem(), &key);
    }
}

/// Writes `NAME.pem` and `NAME.key`: a certificate that signs itself and calls itself an authority, as
/// `openssl req -x509` makes them.
pub(crate) fn self_signed(folder: &Path, name: &str, hosts: &[&str]) {
    let key = KeyPair::generate().unwrap();
    let mut params = for_hosts(name, hosts, NOW);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    write(folder, name, &params.self_signed(&key).unwrap().pem(), &key);
}

fn named(name: &str, years: Years) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date_time_ymd(years.0, 1, 1);
    params.not_after = date_time_ymd(years.1, 1, 1);
    params
}

fn for_hosts(name: &str, hosts: &[&str], years: Years) -> CertificateParams {
    let mut params = named(name, years);
    params.subject_alt_names = hosts
        .iter()
        .map(|host| match host.parse::<IpAddr>() {
            Ok(address) => SanType::IpAddress(address),
            Err(_) => SanType::DnsName((*host).try_into().unwrap()),
        })
        .collect();
    params
}

fn write(folder: &Path, name: &str, certificate: &str, key: &KeyPair) {
    std::fs::write(folder.join(format!("{name}.pem")), certificate).unwrap();
    std::fs::write(folder.join(format!("{name}.key")), key.serialize_pem()).unwrap();
}
