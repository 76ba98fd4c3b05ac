//! What a broker says, frame by frame, as far as it closes channels.

/// Bytes of a frame's type, channel and length, before its class and method.
const HEADER: usize = 7;
const METHOD: u8 = 1;
const CHANNEL_CLOSE: [u8; 4] = [0, 20, 0, 40];

/// Reads pieces of any length.
#[derive(Default)]
pub(crate) struct Frames {
    /// The beginning of a frame.
    head: Vec<u8>,
    /// What is left of a frame whose beginning was read.
    rest: usize,
}

impl Frames {
    /// How many channels the broker closes in this piece.
    pub(crate) fn closed_channels(&mut self, piece: &[u8]) -> usize {
        let mut closed = 0;
        for byte in piece {
            if self.rest > 0 {
                self.rest -= 1;
                continue;
            }
            self.head.push(*byte);
            let Some(&[kind, _, _, a, b, c, d]) = self.head.first_chunk::<HEADER>() else {
                continue;
            };
            let length = u32::from_be_bytes([a, b, c, d]) as usize;
            let known = length.min(CHANNEL_CLOSE.len());
            if self.head.len() == HEADER + known {
                closed += usize::from(kind == METHOD && self.head[HEADER..] == CHANNEL_CLOSE);
                self.rest = length - known + 1;
                self.head.clear();
            }
        }
        closed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_closed_channels_are_counted_however_the_pieces_are_cut() {
        let frame = |kind: u8, payload: &[u8]| {
            let length = u32::try_from(payload.len()).expect("a short one").to_be_bytes();
            [&[kind, 0, 7], &length[..], payload, &[0xce]].concat()
        };
        let said = [
            frame(8, &[]),
            frame(1, &[0, 20, 0, 40, 1, 147, 4]),
            frame(3, &[0, 20, 0, 40, 1]),
            frame(1, &[0, 20, 0, 41]),
            frame(1, &[0, 20, 0, 40]),
        ]
        .concat();
        for size in 1..=said.len() {
            let mut frames = Frames::default();
            let closed: usize = said.chunks(size).map(|piece| frames.closed_channels(piece)).sum();
            assert_eq!(closed, 2, "in pieces of {size}");
        }
    }
}
