//! What a person reads: aligned, calm, and honest about what was expected.

#![expect(clippy::print_stdout, reason = "this is the output of the demo")]

use std::io::IsTerminal as _;

/// The page so far, and whether everything on it came out as expected.
#[derive(Default)]
pub struct Page {
    surprises: usize,
}

impl Page {
    pub fn title(&mut self, text: &str) {
        println!("\n{}\n", paint("1", text));
    }

    pub fn heading(&mut self, text: &str) {
        println!("\n{}", paint("1;36", text));
    }

    pub fn line(&mut self, what: &str, how: &str) {
        println!("  {what:<34} {how}");
    }

    /// Text to be copied.
    pub fn plain(&mut self, text: &str) {
        println!("{text}");
    }

    /// One line with an expectation.
    pub fn check(&mut self, what: &str, came: &str, is_expected: bool) {
        let mark = if is_expected { paint("32", "✓") } else { paint("1;31", "✗") };
        println!("{mark} {what:<34} {came}");
        self.surprises += usize::from(!is_expected);
    }

    pub fn fault(&mut self, error: &anyhow::Error) {
        println!("{} {error:#}", paint("1;31", "✗"));
        self.surprises += 1;
    }

    /// The last line; true when all came out right.
    pub fn verdict(&mut self) -> bool {
        match self.surprises {
            0 => println!("\n{}\n", paint("1;32", "Everything came out as promised.")),
            n => println!(
                "\n{}\n",
                paint("1;31", &format!("{n} of the lines above did not come out as promised."))
            ),
        }
        self.surprises == 0
    }
}

fn paint(colour: &str, text: &str) -> String {
    if std::io::stdout().is_terminal() {
        format!("\u{1b}[{colour}m{text}\u{1b}[0m")
    } else {
        text.to_owned()
    }
}
