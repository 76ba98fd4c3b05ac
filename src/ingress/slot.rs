//! The states of one publisher slot. [`super::publisher_task`] connects and publishes; this says what follows.
//!
//! | state | callers are | ends with |
//! |---|---|---|
//! | away | refused: the broker is away | a connection: open |
//! | open | published | a blocked broker: blocked; a lost connection or an unconfirmed window: away |
//! | blocked | refused: the broker is blocked | the end of the block, or of the connection: away |
//!
//! A block is waited for on the connection that was told of it. RabbitMQ tells a new connection of a block only
//! after it has published, so each reconnect would let in a window whose fate nobody knows.

/// Why callers are refused while a slot is away.
pub(super) const AWAY: &str = "the broker is away";
/// Why callers are refused while a slot is blocked.
pub(super) const BLOCKED: &str = "the broker is blocked";

/// The state of a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SlotState {
    /// No connection: connecting, or pausing before the next try.
    Away,
    /// Publishing.
    Open,
    /// Connected, and the broker takes no messages (memory or disk alarm).
    Blocked,
}

/// What the connection says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Health {
    pub(super) is_blocked: bool,
    pub(super) is_usable: bool,
}

/// What happened to a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Event {
    Connected,
    /// The connection was looked at: before each window, and while there is none.
    Checked(Health),
    /// Confirms of a window did not come, and the broker showed no sign of life.
    Unconfirmed(Health),
}

impl SlotState {
    /// The state after an event. An event that a state does not expect changes nothing.
    pub(super) fn after(self, event: Event) -> Self {
        match (self, event) {
            (Self::Away, Event::Connected) => Self::Open,
            (Self::Away, Event::Checked(_) | Event::Unconfirmed(_)) => Self::Away,
            (Self::Open, Event::Checked(health)) => match health {
                Health { is_blocked: true, .. } => Self::Blocked,
                Health { is_usable: false, .. } => Self::Away,
                Health { .. } => Self::Open,
            },
            // Its channel is done with. A block on top of that is waited for first.
            (Self::Open, Event::Unconfirmed(health)) if health.is_blocked => Self::Blocked,
            (Self::Open, Event::Unconfirmed(_)) => Self::Away,
            (Self::Blocked, Event::Checked(Health { is_blocked: true, is_usable: true })) => {
                Self::Blocked
            }
            (Self::Blocked, Event::Checked(_)) => Self::Away,
            (Self::Open | Self::Blocked, Event::Connected)
            | (Self::Blocked, Event::Unconfirmed(_)) => self,
        }
    }

    /// Why callers are refused; none while they are published.
    pub(super) fn refusal(self) -> Option<&'static str> {
        match self {
            Self::Away => Some(AWAY),
            Self::Open => None,
            Self::Blocked => Some(BLOCKED),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WELL: Health = Health { is_blocked: false, is_usable: true };
    const BLOCKED: Health = Health { is_blocked: true, is_usable: true };
    const LOST: Health = Health { is_blocked: false, is_usable: false };
    const LOST_WHILE_BLOCKED: Health = Health { is_blocked: true, is_usable: false };

    #[test]
    fn every_transition() {
        use Event::{Checked, Connected, Unconfirmed};
        use SlotState::{Away, Blocked, Open};
        for (from, event, to) in [
            (Away, Connected, Open),
            (Away, Checked(WELL), Away),
            (Away, Checked(BLOCKED), Away),
            (Away, Checked(LOST), Away),
            (Away, Unconfirmed(WELL), Away),
            (Away, Unconfirmed(BLOCKED), Away),
            (Open, Connected, Open),
            (Open, Checked(WELL), Open),
            (Open, Checked(BLOCKED), Blocked),
            (Open, Checked(LOST), Away),
            (Open, Checked(LOST_WHILE_BLOCKED), Blocked),
            (Open, Unconfirmed(WELL), Away),
            (Open, Unconfirmed(LOST), Away),
            (Open, Unconfirmed(BLOCKED), Blocked),
            (Blocked, Connected, Blocked),
            (Blocked, Checked(BLOCKED), Blocked),
            (Blocked, Checked(WELL), Away),
            (Blocked, Checked(LOST), Away),
            (Blocked, Checked(LOST_WHILE_BLOCKED), Away),
            (Blocked, Unconfirmed(BLOCKED), Blocked),
            (Blocked, Unconfirmed(WELL), Blocked),
        ] {
            assert_eq!(from.after(event), to, "{from:?} {event:?}");
        }
    }

    #[test]
    fn callers_are_published_in_one_state_and_told_why_not_in_the_others() {
        assert_eq!(SlotState::Away.refusal(), Some("the broker is away"));
        assert_eq!(SlotState::Open.refusal(), None);
        assert_eq!(SlotState::Blocked.refusal(), Some("the broker is blocked"));
    }
}
