//! What is packaged is held by the tools that will read it.

use std::path::Path;
use std::process::Command;

/// Exposure as `systemd-analyze security` counts it, in tenths: 0 is a locked box, 100 a root shell. A name server needs
/// the network and port 53, which alone come to about 1.5.
const MOST_EXPOSED: &str = "20";

#[test]
fn the_systemd_unit_is_valid_and_hardened() {
    let unit =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/pointsman.service"))
            .unwrap();
    assert!(unit.contains("/usr/bin/pointsman"));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pointsman.service");
    // The binary under test stands where the package will have it; the documentation is not installed here.
    std::fs::write(
        &path,
        unit.replace("/usr/bin/pointsman", env!("CARGO_BIN_EXE_pointsman")),
    )
    .unwrap();
    for arguments in [
        &["verify", "--man=no"][..],
        &["security", "--offline=yes", "--threshold", MOST_EXPOSED],
    ] {
        let output = Command::new("systemd-analyze")
            .args(arguments)
            .arg(&path)
            .output()
            .expect("systemd-analyze is installed (Debian: systemd)");
        assert!(
            output.status.success(),
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
}
