//! What happens is seen without a reload of the page; what cannot be seen any more is said.

use super::{World, row};

const WWW: &str = "www.example.test";

#[test]
fn the_row_turns_when_nginx_is_killed_and_a_lost_connection_is_shown_and_heals() {
    let mut world = World::new(["127.0.60.1", "127.0.60.2"], "");
    let browser = &world.browser;
    browser.look(1280, 900, "light");
    browser.open(&world.address(""));
    browser.run("window.neverReloaded = true");
    let row = row(WWW);
    browser.wait("all is well", &format!("return {row}.classList.contains('well')"));
    browser.wait(
        "the signal is clear",
        "return document.body.dataset.aspect === 'clear'",
    );

    world.first.kill();
    let took = browser.wait("the lamp of fra is red", &format!(
        "const lamp = {row}.querySelector('.chip.down'); return lamp !== null && lamp.textContent.includes('fra') && lamp.textContent.includes('down')"
    ));
    println!("the row told of a killed nginx after {took:?}");
    browser.wait(
        "the row says who answers",
        &format!("return {row}.querySelector('.answer').textContent.includes('nyc')"),
    );
    browser.wait(
        "the signal is at caution",
        "return document.body.dataset.aspect === 'caution'",
    );
    browser.wait(
        "the trouble is named",
        "return document.getElementById('troubles').textContent.includes('www.example.test')",
    );
    assert_eq!(browser.run("return document.title.startsWith('(1)')"), true);

    world.first.restart();
    browser.wait(
        "fra is well again",
        &format!("return {row}.classList.contains('well')"),
    );

    // The server dies as by a power cut.
    world.server.take().expect("runs").kill();
    let browser = &world.browser;
    let took = browser.wait(
        "the loss is said",
        "return !document.getElementById('lost').hidden",
    );
    println!("the loss was said after {took:?}");
    assert_eq!(
        browser.run("return document.body.classList.contains('stale')"),
        true
    );
    let said = browser.text("return document.getElementById('lost').textContent");
    assert!(said.contains("lost") && said.contains("true at"), "{said}");

    world.server = Some(world.folder.start());
    let took = browser.wait(
        "it healed",
        "return document.getElementById('lost').hidden && !document.body.classList.contains('stale')",
    );
    println!("it healed {took:?} after the server was ready");
    // And goes on living.
    world.first.kill();
    browser.wait(
        "the lamp is red again",
        &format!("return {row}.querySelector('.chip.down') !== null"),
    );
    assert_eq!(
        browser.run("return window.neverReloaded"),
        true,
        "the page was never reloaded"
    );
}
