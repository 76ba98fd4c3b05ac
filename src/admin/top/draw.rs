//! The view on a frame of the terminal.

use super::layout::{Placed, place};
use super::section::Tone;
use super::view::View;
use ratatui::Frame;
use ratatui::style::Style;

/// Draws it; before the first look, only that there is one.
pub(super) fn draw(frame: &mut Frame<'_>, view: Option<&View>, colours: bool) {
    let area = frame.area();
    let (width, height) = (area.width.into(), area.height.into());
    let placed = match view {
        Some(view) => place(view, width, height),
        None => {
            vec![Placed { x: 0, y: 0, laid: (Tone::Plain, "redeemq top: reading …".to_owned()) }]
        }
    };
    for Placed { x, y, laid: (tone, line) } in placed {
        let (Ok(x), Ok(y)) = (u16::try_from(x), u16::try_from(y)) else { continue };
        if x < area.width && y < area.height {
            let most = usize::from(area.width - x);
            frame.buffer_mut().set_stringn(x, y, line, most, style(tone, colours));
        }
    }
}

/// Red needs attention; without colours it is reversed.
fn style(tone: Tone, colours: bool) -> Style {
    match tone {
        Tone::Plain => Style::new(),
        Tone::Head => Style::new().bold(),
        Tone::Alarm if colours => Style::new().red().bold(),
        Tone::Alarm => Style::new().reversed(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::tests::sample;
    use super::super::view::Seen;
    use super::*;
    use crate::printable::is_printable;
    use crate::printable::tests::UNPRINTABLE;
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use ratatui::buffer::Buffer;
    use ratatui::style::{Color, Modifier};
    use std::time::Instant;

    /// A worker and an ingress in one, that has done so many jobs of each of three operations.
    fn page(jobs: u32, lanes: u32) -> String {
        let mut page = "redeemq_build_info{version=\"0.1.0\"} 1\n".to_owned();
        for operation in ["goods", "sponsor", "verify"] {
            page += &format!(
                "redeemq_accepted_total{{operation=\"{operation}\"}} {jobs}
redeemq_decided_total{{operation=\"{operation}\",code=\"0000\"}} {jobs}
redeemq_decided_total{{operation=\"{operation}\",code=\"0604\"}} {jobs}\n"
            );
        }
        for (queue, waiting) in [("redeem.dead", 0), ("redeem.requests", 1234)] {
            page += &format!(
                "redeemq_queue_messages{{queue=\"{queue}\"}} {waiting}
redeemq_queue_consumers{{queue=\"{queue}\"}} 1\n"
            );
        }
        for lane in 1..=lanes {
            let paused = u32::from(lane == 40);
            page += &format!(
                "redeemq_lanes_consuming{{lane=\"{lane}\"}} 1
redeemq_lane_paused{{lane=\"{lane}\"}} {paused}\n"
            );
        }
        let goods = "{owner=\"@cola\",goods=\"cola\"}";
        page += &format!("redeemq_goods_remaining{goods} 500\nredeemq_audit_broken 0\n");
        page += "redeemq_results_total{outcome=\"published\"} 7\n";
        for (bound, share) in [("0.01", 0), ("0.025", 2), ("+Inf", 2)] {
            let count = jobs * share;
            page +=
                &format!("redeemq_accepted_to_decided_seconds_bucket{{le=\"{bound}\"}} {count}\n");
        }
        page
    }

    fn view(lanes: u32, others: &[(&str, &str)]) -> View {
        let (begun, mut seen) = (Instant::now(), Seen::default());
        for (seconds, jobs) in [(0, 1_000), (5, 7_000)] {
            let page = page(jobs, lanes);
            let all = [&[("127.0.0.1:9464", page.as_str())], others].concat();
            seen.note(sample(begun, seconds, &all));
        }
        seen.view().expect("a view")
    }

    fn drawn(view: Option<&View>, width: u16, height: u16, colours: bool) -> (Buffer, String) {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a terminal");
        terminal.draw(|frame| draw(frame, view, colours)).expect("drawn");
        let buffer = terminal.backend().buffer().clone();
        let line = |y| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>();
        let screen = (0..height).map(|y| line(y).trim_end().to_owned() + "\n").collect();
        (buffer, screen)
    }

    fn holds(screen: &str, lines: &[&str]) {
        for line in lines {
            assert!(screen.contains(line), "no `{line}` on\n{screen}");
        }
    }

    #[test]
    fn the_usual_window_shows_everything() {
        let (_, screen) = drawn(Some(&view(0, &[])), 80, 24, true);
        holds(
            &screen,
            &[
                "redeemq top  12:00:05 UTC  1 of 1 process answers  rates over 5 s",
                "q: quit\n",
                "JOBS A SECOND  accepted decided refused  QUEUES                waiting consumers",
                "all               3,600   7,200   3,600  redeem.dead                 0         1",
                "goods             1,200   2,400   1,200  redeem.requests         1,234         1",
                "verify            1,200   2,400   1,200  WATCHED           left a second gone in",
                "RESULTS A SECOND",
                "accepted to decided       18 ms   25 ms",
                "@cola/cola         500        -       -",
                "12:00:05 goods    0604 Goods is not enough to redeem                       6,000",
                "HEALTH  oldest job -  reconnects -  dead so far -  audit holds",
            ],
        );
    }

    #[test]
    fn what_does_not_fit_is_counted_and_what_needs_attention_stays() {
        let (_, screen) = drawn(Some(&view(64, &[])), 80, 24, true);
        holds(&screen, &["… 5", " more", "1 paused", "WATCHED", "REFUSALS", "HEALTH"]);
    }

    #[test]
    fn windows_of_any_size_can_be_drawn_on() {
        let view = view(64, &[("h:1", "away: gone")]);
        for (width, height) in [(0, 0), (1, 1), (10, 3), (40, 24), (76, 12), (80, 24), (250, 90)] {
            let (_, screen) = drawn(Some(&view), width, height, true);
            assert!(height < 2 || width < 20 || screen.contains("h:1 is down: gone"), "{screen}");
        }
        holds(&drawn(None, 80, 24, true).1, &["reading"]);
    }

    #[test]
    fn a_narrow_window_has_all_tables_below_each_other() {
        let (_, screen) = drawn(Some(&view(0, &[])), 44, 40, true);
        holds(&screen, &["JOBS A SECOND", "LATENCY", "QUEUES", "WATCHED", "REFUSALS", "HEALTH"]);
    }

    #[test]
    fn labels_and_reasons_of_others_do_nothing_to_the_screen() {
        let hostile: String = UNPRINTABLE.iter().filter(|c| !"\n\r".contains(**c)).collect();
        let page = format!(
            "redeemq_queue_messages{{queue=\"{hostile}\"}} 1
redeemq_results_total{{outcome=\"{hostile}\"}} 1
redeemq_goods_remaining{{owner=\"{hostile}\",goods=\"{hostile}\"}} 1\n"
        );
        let away = format!("away: {hostile}");
        let view = view(0, &[("h:1", &page), ("h:2", &away)]);
        let (_, screen) = drawn(Some(&view), 250, 90, true);
        holds(&screen, &["h:2 is down: \\u{0}", "\\u{202e}"]);
        assert!(screen.lines().all(|line| line.chars().all(is_printable)), "{screen:?}");
        assert!(super::super::text::lines(&view).iter().all(|line| line.chars().all(is_printable)));
    }

    #[test]
    fn red_is_what_needs_attention_and_nothing_else() {
        let red = |buffer: &Buffer| buffer.content.iter().filter(|c| c.fg == Color::Red).count();
        assert_eq!(red(&drawn(Some(&view(0, &[])), 80, 24, true).0), 0);
        let view = view(0, &[("h:1", "away: gone")]);
        let (buffer, _) = drawn(Some(&view), 80, 24, true);
        assert_eq!(red(&buffer), "h:1 is down: gone".len());
    }

    #[test]
    fn without_colours_it_stands_out_all_the_same() {
        let (buffer, _) = drawn(Some(&view(0, &[("h:1", "away: gone")])), 80, 24, false);
        assert!(buffer.content.iter().all(|cell| cell.fg == Color::Reset));
        assert!(buffer[(0, 1)].modifier.contains(Modifier::REVERSED));
    }

    #[test]
    fn before_any_traffic_it_says_so_instead_of_zeros() {
        let mut seen = Seen::default();
        let idle = "redeemq_accepted_total{operation=\"goods\"} 0\n";
        seen.note(sample(Instant::now(), 0, &[("e", idle)]));
        let (_, screen) = drawn(seen.view().as_ref(), 80, 24, true);
        holds(&screen, &["no traffic yet", "not read yet", "none since the start"]);
        assert!(!screen.contains("LATENCY"), "{screen}");
    }
}
