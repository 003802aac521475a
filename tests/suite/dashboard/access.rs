//! Everybody can use it, nothing leaves the host, and it looks as it should: structure, names, contrast, screenshots.

use std::path::PathBuf;

use super::World;
use crate::support::browser::Browser;

/// What is looked at, and where.
const VIEWS: [&str; 5] = [
    "#services",
    "#service/www.example.test",
    "#timeline",
    "#explain/www.example.test",
    "#overrides",
];
const SIZES: [(u32, u32); 3] = [(390, 844), (1024, 768), (1600, 1000)];

/// Text that is hard to read on its ground: less than 4.5 : 1, or 3 : 1 when it is large (WCAG 2.2, 1.4.3).
const CONTRAST: &str = r"
const parse = (text) => {
  const canvas = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
  canvas.fillStyle = text; canvas.fillRect(0, 0, 1, 1);
  const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
  return [r, g, b, a / 255];
};
const over = ([r, g, b, a], under) => [r, g, b].map((one, i) => one * a + under[i] * (1 - a)).concat(1);
const ground = (element) => {
  const layers = [];
  for (let one = element; one; one = one.parentElement) layers.push(parse(getComputedStyle(one).backgroundColor));
  return layers.reverse().reduce((under, layer) => over(layer, under), [255, 255, 255, 1]);
};
const light = (colour) => {
  const [r, g, b] = colour.map((one) => { const c = one / 255; return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const poor = [];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const element = walker.currentNode.parentElement;
  if (walker.currentNode.data.trim() === '' || element.closest('.hidden, [hidden], script, datalist, option, svg, .skip, :disabled')) continue;
  if (!element.checkVisibility()) continue;
  const style = getComputedStyle(element);
  const under = ground(element);
  const ink = over(parse(style.color), under);
  const [a, b] = [light(ink), light(under)].sort((x, y) => y - x);
  const ratio = (a + 0.05) / (b + 0.05);
  const size = parseFloat(style.fontSize);
  const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
  if (ratio < (large ? 3 : 4.5)) poor.push(`${ratio.toFixed(2)} ${element.className || element.tagName}: ${walker.currentNode.data.trim().slice(0, 40)}`);
}
return poor;
";

/// Controls without a name, images without one, fields without a label, ids that are there twice, and text beyond the edge.
const NAMES: &str = r"
const wrong = [];
const name = (one) => one.getAttribute('aria-label') ?? (one.labels?.length ? [...one.labels].map((l) => l.textContent).join(' ') : null) ?? (one.getAttribute('aria-labelledby') ? document.getElementById(one.getAttribute('aria-labelledby'))?.textContent : null) ?? one.textContent;
for (const one of document.querySelectorAll('a, button, input, select, summary, fieldset, nav, main, aside, dialog[open], [role=img], [role=region], [role=feed]')) {
  if (!one.checkVisibility()) continue;
  if (one.matches('fieldset') ? one.querySelector('legend') === null : (name(one) ?? '').trim() === '') wrong.push(`no name: ${one.outerHTML.slice(0, 90)}`);
}
for (const one of document.querySelectorAll('svg')) if (one.getAttribute('role') !== 'img' && one.closest('[aria-hidden=true]') === null) wrong.push(`an image neither named nor hidden: ${one.outerHTML.slice(0, 90)}`);
const ids = [...document.querySelectorAll('[id]')].map((one) => one.id);
for (const id of new Set(ids)) if (ids.filter((one) => one === id).length > 1) wrong.push(`twice: #${id}`);
for (const [what, count] of [['header', 1], ['nav', 1], ['main', 1], ['aside', 1], ['h1', 1]]) if (document.querySelectorAll(`body > ${what}, .stage > ${what}, .said > ${what}`).length !== count) wrong.push(`${what}: not ${count}`);
if (document.documentElement.lang !== 'en') wrong.push('no language');
if (document.documentElement.scrollWidth > innerWidth) wrong.push(`wider than the screen: ${document.documentElement.scrollWidth} of ${innerWidth}`);
return wrong;
";

fn none(browser: &Browser, check: &str, what: &str) {
    let found = browser.run(check);
    assert_eq!(found.as_array().map(Vec::len), Some(0), "{what}: {found:#}");
}

#[test]
fn every_view_is_readable_and_named_at_three_sizes_in_light_and_dark_and_nothing_leaves_the_host() {
    let mut world = World::new(["127.0.62.1", "127.0.62.2"], "");
    let drained = world.folder.run(&[
        "drain",
        "www.example.test/nyc",
        "--reason",
        "new kernel",
        "--owner",
        "alice@ops",
    ]);
    assert!(drained.status.success(), "{drained:?}");
    world.first.kill();
    let browser = &world.browser;
    // Everything that the browser asks for is written down, whoever asks.
    browser.devtools("Network.enable", serde_json::json!({}));
    let pictures = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/screenshots");
    for (width, height) in SIZES {
        for colours in ["light", "dark"] {
            browser.look(width, height, colours);
            for view in VIEWS {
                browser.go("about:blank");
                browser.go(&world.address(view));
                browser.wait("it is there", "return document.body.dataset.ready === ''");
                browser.wait("the view is there", "return document.querySelector('#side h2') !== null && !document.querySelector('#side').textContent.includes('undefined')");
                browser.wait("the trouble is seen", "return document.body.dataset.aspect !== 'waiting' && document.getElementById('troubles').childElementCount > 0");
                if view.starts_with("#explain") {
                    browser.wait(
                        "the ladder is there",
                        "return document.querySelector('.ladder') !== null",
                    );
                }
                if view.starts_with("#service/") {
                    browser.wait(
                        "endpoints are there",
                        "return document.querySelectorAll('.endpoint').length === 2",
                    );
                }
                browser.wait(
                    "the signal stands still",
                    "return document.getAnimations().every((one) => one.playState !== 'running')",
                );
                let what = format!("{view} {width}x{height} {colours}");
                none(browser, CONTRAST, &what);
                none(browser, NAMES, &what);
                let name = view.trim_start_matches('#').split('/').next().unwrap_or_default();
                browser.screenshot(&pictures.join(format!("{name}-{width}x{height}-{colours}.png")));
                let foreign = browser.run(
                    "return performance.getEntriesByType('resource').map((one) => one.name).filter((one) => !one.startsWith(location.origin + '/'))",
                );
                assert_eq!(foreign.as_array().map(Vec::len), Some(0), "{foreign}");
            }
        }
    }
    // What the page would like to fetch from elsewhere, its policy refuses.
    let refused = browser.text(
        "return fetch('http://192.0.2.1/', { mode: 'no-cors' }).then(() => 'fetched', (error) => error.name)",
    );
    assert_eq!(refused, "TypeError");
    let injected = browser.text(
        "try { document.body.insertAdjacentHTML('beforeend', '<b>x</b>'); return 'inserted'; } catch (error) { return error.name; }",
    );
    assert_eq!(injected, "TypeError", "no text becomes markup");
    browser.run("const script = document.createElement('style'); script.append('body { display: none }'); document.head.append(script)");
    assert_eq!(
        browser.text("return getComputedStyle(document.body).display"),
        "grid",
        "no inline style counts"
    );
}

#[test]
fn a_token_is_asked_for_kept_for_the_tab_and_a_wrong_one_is_refused() {
    let world = World::new(["127.0.62.3", "127.0.62.4"], "token_file = \"api.token\"");
    let browser = &world.browser;
    browser.look(1280, 900, "light");
    browser.go(&world.address(""));
    let asked = "return document.querySelector('dialog [name=token]') !== null";
    browser.wait("it asks", asked);
    browser.press("wrong\u{E007}");
    browser.wait(
        "it asks again",
        "return document.querySelector('dialog [name=token]')?.value === ''",
    );
    assert_eq!(
        browser.run("return document.querySelectorAll('.row').length"),
        0,
        "nothing is shown without one"
    );
    browser.press("secret-of-the-house\u{E007}");
    browser.wait("rows", "return document.querySelectorAll('.row').length === 2");
    browser.wait(
        "it is live",
        "return ['live', 'polling'].includes(document.getElementById('link').dataset.link)",
    );
    browser.go("about:blank");
    browser.open(&world.address("#service/www.example.test"));
    assert_eq!(browser.run(asked), false, "it is known to this tab");
    assert_eq!(
        browser.run("return localStorage.getItem('pointsman.token')"),
        serde_json::Value::Null
    );
}
