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

#[test]
fn a_package_has_the_binary_its_pages_completions_unit_and_documents() {
    let root = tempfile::tempdir().unwrap();
    let install = || {
        let output = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/install"))
            .env("DESTDIR", root.path())
            .env("BINARY", env!("CARGO_BIN_EXE_pointsman"))
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
    };
    install();
    let there = |path: &str| root.path().join(path);
    for path in [
        "usr/bin/pointsman",
        "usr/share/man/man1/pointsman.1.gz",
        "usr/share/man/man1/pointsman-status.1.gz",
        "usr/share/bash-completion/completions/pointsman",
        "usr/share/zsh/vendor-completions/_pointsman",
        "usr/share/fish/vendor_completions.d/pointsman.fish",
        "usr/lib/systemd/system/pointsman.service",
        "usr/lib/systemd/system/pointsman.socket",
        "etc/pointsman/pointsman.toml",
        "usr/share/doc/pointsman/README.md",
        "usr/share/doc/pointsman/docs/configuration.md",
    ] {
        let length = std::fs::metadata(there(path)).map(|found| found.len());
        assert!(length.is_ok_and(|length| length > 100), "{path}");
    }
    // man finds the page by its name, as it would below /usr.
    let page = Command::new("man")
        .args([
            "--manpath",
            &there("usr/share/man").display().to_string(),
            "pointsman-drain",
        ])
        .env("LC_ALL", "C.UTF-8")
        .output()
        .expect("man is installed (Debian: man-db)");
    assert!(
        String::from_utf8_lossy(&page.stdout).contains("--break-glass"),
        "{page:?}"
    );
    // An operator's file is his own.
    std::fs::write(there("etc/pointsman/pointsman.toml"), "node = \"mine\"\n").unwrap();
    install();
    let kept = std::fs::read_to_string(there("etc/pointsman/pointsman.toml")).unwrap();
    assert_eq!(kept, "node = \"mine\"\n");
}
