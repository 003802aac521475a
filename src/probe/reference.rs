//! Is it them, or is it us? A reference target is reachable whenever this node is well connected.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::health::observation::FaultClass;
use crate::model::check::Way;
use crate::probe::dial;
use crate::probe::sheet::Sheet;

/// Whether packets go to `address` and come back within `budget`: it accepts a connection, or says no to it.
/// With the connection, when there is one, to be left politely once the answer was handed over.
pub(crate) async fn is_reachable(address: SocketAddr, budget: Duration) -> (bool, Option<TcpStream>) {
    let mut sheet = Sheet::begin(Way::default());
    match timeout(budget, dial::connect(&mut sheet, address)).await {
        Ok(Ok(stream)) => (true, Some(stream)),
        Ok(Err(fault)) => (
            matches!(fault.class, FaultClass::Refused | FaultClass::Reset),
            None,
        ),
        Err(_elapsed) => (false, None),
    }
}
