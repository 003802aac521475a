//! What `serve` takes.

use clap::Args;

/// What `serve` takes.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Take over from the server that runs, without losing a query; without one, start as usual
    #[arg(long)]
    pub(crate) takeover: bool,
    /// This name, and all below it, is going to be answered otherwise
    #[arg(long, value_name = "NAME", requires = "takeover")]
    pub(crate) announce: Vec<String>,
    /// What `pointsman plan` lists is going to be answered otherwise
    #[arg(long, requires = "takeover")]
    pub(crate) announce_plan: bool,
    /// So many live queries are answered on trial, and about as many made up
    #[arg(long, value_name = "N", default_value_t = 1000, requires = "takeover")]
    pub(crate) shadow_queries: usize,
    /// For so many seconds live queries are looked at
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "1", requires = "takeover")]
    pub(crate) shadow_for: f64,
}

/// `2`, `0.5`, `2s`: at most 20 seconds.
fn seconds(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('s').unwrap_or(text).parse::<f64>();
    number
        .ok()
        .filter(|seconds| (0.0..=20.0).contains(seconds))
        .ok_or_else(|| "write seconds, 0 to 20, e.g. 2 or 0.5".to_owned())
}
