//! The five operations.

/// What is asked for; also the routing key of requests and the second word of results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Operation {
    /// Units of one of the client's goods.
    Goods,
    /// Codes out of one of the client's pools.
    GoodsGroup,
    /// A merchant checks and uses up a coupon.
    Verify,
    /// Units of sponsored goods.
    Sponsor,
    /// Codes out of a sponsored pool.
    SponsorGroup,
}

impl Operation {
    /// All of them.
    pub const ALL: [Operation; 5] = [
        Operation::Goods,
        Operation::GoodsGroup,
        Operation::Verify,
        Operation::Sponsor,
        Operation::SponsorGroup,
    ];

    /// The routing key.
    pub const fn as_str(self) -> &'static str {
        match self {
            Operation::Goods => "goods",
            Operation::GoodsGroup => "goods_group",
            Operation::Verify => "verify",
            Operation::Sponsor => "sponsor",
            Operation::SponsorGroup => "sponsor_group",
        }
    }

    /// Back from the routing key.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|operation| operation.as_str() == text)
    }
}
