//! The operator's hand in the browser: nothing is done that was not shown before.

use crate::support::browser::Browser;

use super::{World, row};

const TAB: &str = "\u{E004}";
const ENTER: &str = "\u{E007}";
const ESCAPE: &str = "\u{E00C}";
const DOWN: &str = "\u{E015}";

/// Presses Tab until what has the focus is called so.
fn tab_to(browser: &Browser, name: &str) {
    for _ in 0..60 {
        let focused = browser.text(
            "const a = document.activeElement; return a.getAttribute('aria-label') ?? a.textContent ?? ''",
        );
        if focused.trim() == name {
            return;
        }
        browser.press(TAB);
    }
    panic!("no way by Tab to `{name}`");
}

#[test]
fn an_endpoint_is_drained_and_released_by_the_keyboard_alone_after_what_would_change_was_shown() {
    let world = World::new(["127.0.61.1", "127.0.61.2"], "");
    let browser = &world.browser;
    browser.look(1280, 900, "light");
    browser.open(&world.address(""));

    // To the service: search, go down into the list, open it.
    browser.press("/");
    browser.wait(
        "the search has the focus",
        "return document.activeElement.id === 'query'",
    );
    browser.press("www");
    browser.wait(
        "one row is left",
        "return document.querySelectorAll('.row').length === 1",
    );
    browser.press(DOWN);
    browser.wait(
        "the row has the focus",
        "return document.activeElement.closest('.row') !== null",
    );
    browser.press(ENTER);
    browser.wait(
        "the service is open",
        "return document.querySelectorAll('.endpoint').length === 2",
    );

    tab_to(browser, "Drain fra");
    browser.press(ENTER);
    browser.wait(
        "the dialog is open",
        "return document.getElementById('dialog').open",
    );
    browser.wait(
        "it says what would change",
        "return document.querySelector('.changes')?.textContent.includes('nyc answers') === true",
    );
    let status = || {
        let output = world.folder.run(&["status", "www.example.test"]);
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    assert!(!status().contains("drained"), "nothing is done yet: {}", status());

    // Escape changes nothing, and the focus is where it was.
    browser.press(ESCAPE);
    browser.wait(
        "the dialog is closed",
        "return !document.getElementById('dialog').open",
    );
    assert!(!status().contains("drained"), "{}", status());
    assert_eq!(
        browser.text("return document.activeElement.getAttribute('aria-label')"),
        "Drain fra"
    );

    browser.press(ENTER);
    browser.wait(
        "the dialog may be confirmed",
        "const b = document.querySelector('dialog [type=submit]'); return b !== null && !b.disabled",
    );
    browser.run("document.querySelector('dialog [name=reason]').focus()");
    browser.press("new kernel");
    browser.press(ENTER);
    browser.wait(
        "it is told",
        "return document.getElementById('toasts').textContent.includes('fra drained')",
    );
    browser.wait(
        "the row shows it",
        &format!(
            "return {}.querySelector('.chip.drain')?.textContent.includes('drained') === true",
            row("www.example.test")
        ),
    );
    let said = status();
    assert!(said.contains("drained"), "{said}");
    let listed = world.folder.run(&["overrides"]);
    assert!(String::from_utf8_lossy(&listed.stdout).contains("new kernel"));

    browser.wait(
        "it can be released",
        "return document.querySelector('[aria-label=\"Release fra\"]') !== null",
    );
    browser.run("document.querySelector('[aria-label=\"Release fra\"]').focus()");
    browser.press(ENTER);
    browser.wait(
        "the dialog may be confirmed",
        "const b = document.querySelector('dialog [type=submit]'); return b !== null && !b.disabled",
    );
    browser.run("document.querySelector('dialog [type=submit]').focus()");
    browser.press(ENTER);
    browser.wait(
        "it is released",
        &format!(
            "return {}.querySelector('.chip.drain') === null",
            row("www.example.test")
        ),
    );
    assert!(!status().contains("drained"), "{}", status());
}

#[test]
fn a_refusal_names_its_rule_and_is_passed_only_on_purpose() {
    let world = World::new(["127.0.61.3", "127.0.61.4"], "");
    let browser = &world.browser;
    browser.look(1280, 900, "dark");
    browser.open(&world.address("#service/static2.example.test"));
    browser.wait(
        "it is open",
        "return document.querySelector('[aria-label=\"Drain one\"]') !== null",
    );
    browser.click("[aria-label='Drain one']");
    browser.wait(
        "the rule is named",
        "return document.querySelector('.refused')?.textContent.includes('min_live') === true",
    );
    assert_eq!(
        browser.run("return document.querySelector('dialog [type=submit]').disabled"),
        true
    );
    browser.click("dialog [name=break_glass]");
    browser.wait(
        "it may be confirmed",
        "return !document.querySelector('dialog [type=submit]').disabled",
    );
    browser.wait(
        "it is shown",
        "return document.querySelector('.changes') !== null",
    );
    browser.click("dialog [type=submit]");
    browser.wait(
        "it is done",
        "return document.querySelector('.by-hand .tag.danger') !== null",
    );
}

#[test]
fn the_explain_box_shows_the_answer_and_its_ladder() {
    let world = World::new(["127.0.61.5", "127.0.61.6"], "");
    let browser = &world.browser;
    browser.look(1280, 900, "light");
    browser.open(&world.address("#explain"));
    browser.click(".explain [name=name]");
    browser.press("www.example.test");
    browser.press(ENTER);
    browser.wait(
        "the answer",
        "return document.querySelector('.told pre')?.textContent.includes('127.0.61.5') === true",
    );
    let chosen = browser.text("return document.querySelector('.rung.chosen').textContent");
    assert!(
        chosen.contains("fra is up") && chosen.contains("chosen"),
        "{chosen}"
    );
    let last = browser.text("return [...document.querySelectorAll('.rung')].at(-1).textContent");
    assert!(last.contains("NOERROR with 1 record"), "{last}");
    browser.run("document.querySelector('.explain [name=client]').value = 'no address'");
    browser.click(".explain form button");
    browser.wait(
        "a mistake is said",
        "return document.querySelector('.report .alert') !== null",
    );
}

#[test]
fn a_drill_says_what_will_happen_runs_and_is_ended_from_the_page() {
    let world = World::new(["127.0.61.7", "127.0.61.8"], "");
    let browser = &world.browser;
    browser.look(1280, 900, "light");
    browser.open(&world.address("#drills"));
    browser.wait(
        "drills are there",
        "return document.querySelector('.drills .panel-head button') !== null",
    );
    browser.click(".drills .panel-head button");
    browser.press("www.example.test\u{E007}");
    browser.wait(
        "it says what would happen",
        "return document.querySelector('.changes')?.textContent.includes('nyc answers instead') === true",
    );
    browser.click("dialog [type=submit]");
    browser.wait(
        "it runs",
        "return document.querySelector('.drill')?.textContent.includes('running') === true",
    );
    browser.wait(
        "the row shows who answers meanwhile",
        &format!(
            "return {}.querySelector('.answer b').textContent === 'nyc'",
            row("www.example.test")
        ),
    );
    browser.wait(
        "it can be ended",
        "return document.querySelector('.drill .actions button') !== null",
    );
    browser.run("document.querySelector('.drill .actions button').click()");
    browser.wait(
        "it is over",
        "return document.querySelector('.drill')?.textContent.includes('cancelled') === true",
    );
    browser.wait(
        "everything is as before",
        &format!(
            "return {}.querySelector('.answer b').textContent === 'fra'",
            row("www.example.test")
        ),
    );
}
