//! The start of a session: who we are, and the proof that the server asks for.

use bytes::BytesMut;
use fallible_iterator::FallibleIterator;
use postgres_protocol::authentication::md5_hash;
use postgres_protocol::authentication::sasl::{ChannelBinding, SCRAM_SHA_256, ScramSha256};
use postgres_protocol::message::backend::{AuthenticationSaslBody, Message};
use postgres_protocol::message::frontend;

use super::{PROTOCOL, next, refusal, unsayable};
use crate::health::observation::FaultClass;
use crate::model::check::PostgresCheck;
use crate::probe::line::Line;
use crate::probe::sheet::{Fault, Sheet};

/// Iterations of SCRAM that are worked through: a hundred times PostgreSQL's default. A server that asks for billions
/// wants to keep this node busy.
const MOST_ITERATIONS: u32 = 409_600;

/// Logs in; the server is ready for a question then.
pub(super) async fn login(sheet: &mut Sheet, check: &PostgresCheck, line: &mut Line) -> Result<(), Fault> {
    let parameters = [
        ("user", check.user.as_str()),
        ("database", check.database.as_str()),
        ("application_name", "pointsman"),
        ("client_encoding", "UTF8"),
    ];
    let mut request = BytesMut::new();
    frontend::startup_message(parameters, &mut request).map_err(|error| unsayable(sheet, &error))?;
    line.say(sheet, &request).await?;
    loop {
        match next(sheet, line).await? {
            Message::AuthenticationOk | Message::BackendKeyData(_) => {}
            Message::ReadyForQuery(_) => return Ok(()),
            Message::ErrorResponse(error) => return Err(refusal(sheet, error.fields())),
            Message::AuthenticationCleartextPassword => {
                if !line.is_private {
                    let text =
                        "the server asks for the password in clear text, and TLS is not spoken: not said";
                    return Err(sheet.fault(FaultClass::Status, text));
                }
                let password = password(sheet, check)?;
                prove(sheet, line, password.as_bytes()).await?;
            }
            Message::AuthenticationMd5Password(body) => {
                let password = password(sheet, check)?;
                let hash = md5_hash(check.user.as_bytes(), password.as_bytes(), body.salt());
                prove(sheet, line, hash.as_bytes()).await?;
            }
            Message::AuthenticationSasl(body) => {
                let password = password(sheet, check)?;
                scram(sheet, line, &body, password).await?;
            }
            Message::AuthenticationGss
            | Message::AuthenticationSspi
            | Message::AuthenticationKerberosV5
            | Message::AuthenticationScmCredential => {
                let text =
                    "the server asks for a login that is not spoken here; let it ask for scram-sha-256";
                return Err(sheet.fault(FaultClass::Status, text));
            }
            _ => return Err(line.garbage(sheet, PROTOCOL, "an unexpected message")),
        }
    }
}

fn password<'c>(sheet: &Sheet, check: &'c PostgresCheck) -> Result<&'c str, Fault> {
    match &check.password {
        Some(secret) => Ok(secret.reveal()),
        None => Err(sheet.fault(
            FaultClass::Status,
            format!(
                "the server asks for the password of `{}`; write `password_file`",
                check.user
            ),
        )),
    }
}

async fn prove(sheet: &mut Sheet, line: &mut Line, proof: &[u8]) -> Result<(), Fault> {
    let mut request = BytesMut::new();
    frontend::password_message(proof, &mut request).map_err(|error| unsayable(sheet, &error))?;
    line.say(sheet, &request).await
}

/// SCRAM-SHA-256 (RFC 7677), without channel binding. The server proves itself, too.
async fn scram(
    sheet: &mut Sheet,
    line: &mut Line,
    offered: &AuthenticationSaslBody,
    password: &str,
) -> Result<(), Fault> {
    let knows = offered
        .mechanisms()
        .any(|mechanism| Ok(mechanism == SCRAM_SHA_256))
        .unwrap_or(false);
    if !knows {
        return Err(sheet.fault(FaultClass::Status, "the server offers no SCRAM-SHA-256"));
    }
    let mut scram = ScramSha256::new(password.as_bytes(), ChannelBinding::unsupported());
    let mut request = BytesMut::new();
    frontend::sasl_initial_response(SCRAM_SHA_256, scram.message(), &mut request)
        .map_err(|error| unsayable(sheet, &error))?;
    line.say(sheet, &request).await?;
    match next(sheet, line).await? {
        Message::AuthenticationSaslContinue(body) => {
            if iterations(body.data()).is_none_or(|count| count > MOST_ITERATIONS) {
                return Err(line.garbage(sheet, PROTOCOL, "SCRAM with more iterations than anybody uses"));
            }
            let updated = scram.update(body.data());
            updated.map_err(|error| line.garbage(sheet, PROTOCOL, &error.to_string()))?;
        }
        Message::ErrorResponse(error) => return Err(refusal(sheet, error.fields())),
        _ => return Err(line.garbage(sheet, PROTOCOL, "an unexpected message")),
    }
    request.clear();
    frontend::sasl_response(scram.message(), &mut request).map_err(|error| unsayable(sheet, &error))?;
    line.say(sheet, &request).await?;
    match next(sheet, line).await? {
        Message::AuthenticationSaslFinal(body) => scram.finish(body.data()).map_err(|_wrong| {
            let text = "the server does not know the password itself: it is another one";
            sheet.fault(FaultClass::Status, text)
        }),
        Message::ErrorResponse(error) => Err(refusal(sheet, error.fields())),
        _ => Err(line.garbage(sheet, PROTOCOL, "an unexpected message")),
    }
}

/// `i=4096` of the server's first message (RFC 5802 section 7).
fn iterations(message: &[u8]) -> Option<u32> {
    std::str::from_utf8(message)
        .ok()?
        .split(',')
        .find_map(|part| part.strip_prefix("i="))?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn iterations_are_read_where_they_stand() {
        assert_eq!(iterations(b"r=abc,s=c2FsdA==,i=4096"), Some(4096));
        assert_eq!(iterations(b"r=abc,s=c2FsdA=="), None);
        assert_eq!(iterations(b"i=99999999999"), None);
    }
}
