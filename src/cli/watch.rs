//! `--watch`: the same look again and again, on a terminal drawn in place.

use std::process::ExitCode;
use std::time::Duration;

use serde_json::Value;

use crate::cli::client::Client;
use crate::cli::{Common, output, terminal};
use crate::clock::{Clock, SystemClock};

/// Prints what `look` finds, as `text` says it: once, or every `every` until Ctrl-C.
///
/// With `--json` each look is one line. While it is watched, a server that gives no answer is said and asked again.
///
/// # Errors
/// Those of the first look; when the configuration is no use.
pub(super) fn show(
    common: &Common,
    every: Option<Duration>,
    look: impl Fn(&Client) -> anyhow::Result<Value>,
    text: impl Fn(&Value) -> anyhow::Result<String>,
) -> anyhow::Result<ExitCode> {
    let client = Client::new(common)?;
    let first = look(&client)?;
    let Some(every) = every else {
        if common.json {
            output::json(&first)?;
        } else {
            output::line(&text(&first)?);
        }
        return Ok(ExitCode::SUCCESS);
    };
    let (mut seen, mut drawn) = (Ok(first), false);
    loop {
        match &seen {
            Ok(data) if common.json => output::line(&serde_json::to_string(data)?),
            Err(error) if common.json => output::fault(&format!("{error:#}")),
            Ok(data) => draw(&text(data)?, &client, every, &mut drawn),
            Err(error) => draw(&format!("{error:#}"), &client, every, &mut drawn),
        }
        let go_on = client.block_on(async {
            tokio::select! {
                () = tokio::time::sleep(every) => true,
                // A signal that cannot be waited for ends it, as Ctrl-C would.
                _ = tokio::signal::ctrl_c() => false,
            }
        });
        if !go_on {
            return Ok(ExitCode::SUCCESS);
        }
        seen = look(&client);
    }
}

fn draw(text: &str, client: &Client, every: Duration, drawn: &mut bool) {
    let head = format!(
        "{}  {}, every {} s; Ctrl-C ends it",
        SystemClock::start().now().wall,
        client.base(),
        every.as_secs_f64()
    );
    let head = terminal::Style::Faint.paint(&head, terminal::color());
    if !terminal::is_terminal() {
        output::line(&format!("{head}\n\n{text}\n"));
        return;
    }
    output::write(&frame(&head, text, terminal::height(), !*drawn));
    *drawn = true;
}

/// One picture over the last: each line is cleared to its end, and what is left of a longer one below.
fn frame(head: &str, text: &str, height: Option<usize>, first: bool) -> String {
    let mut lines: Vec<&str> = std::iter::once(head)
        .chain(std::iter::once(""))
        .chain(text.lines())
        .collect();
    // The last line stays free for the cursor: a line more would scroll.
    let most = height.map_or(usize::MAX, |height| height.saturating_sub(1).max(1));
    let more;
    if lines.len() > most {
        let hidden = lines.len() - most + 1;
        lines.truncate(most - 1);
        more = format!("… {hidden} more lines: name one service, or make the window higher");
        lines.push(&more);
    }
    let mut picture = String::from(if first { "\x1b[2J\x1b[H" } else { "\x1b[H" });
    for line in lines {
        picture.push_str(line);
        picture.push_str("\x1b[K\r\n");
    }
    picture.push_str("\x1b[J");
    picture
}

#[cfg(test)]
mod tests {
    use super::frame;

    #[test]
    fn a_picture_covers_the_last_one() {
        assert_eq!(
            frame("now", "a\nb", None, true),
            "\x1b[2J\x1b[Hnow\x1b[K\r\n\x1b[K\r\na\x1b[K\r\nb\x1b[K\r\n\x1b[J"
        );
        assert!(frame("now", "a", None, false).starts_with("\x1b[Hnow"));
    }

    #[test]
    fn a_picture_does_not_scroll() {
        let text: Vec<String> = (0..50).map(|line| line.to_string()).collect();
        let picture = frame("now", &text.join("\n"), Some(10), false);
        assert_eq!(picture.matches("\r\n").count(), 9);
        assert!(picture.contains("… 44 more lines"), "{picture:?}");
        // Ten lines high, one free, two of head, one of this: six of 50 are seen.
        assert!(picture.contains("\r\n5\x1b[K") && !picture.contains("\r\n6\x1b[K"));
    }
}
