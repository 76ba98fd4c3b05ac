//! Every code that an answer can carry, in one table. The table in docs/codes.md is tested against it.

/// The code of an answer: `0000`, or why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Code {
    /// Done as asked.
    Success,
    /// `/Auth` with a pair that matches no client.
    BadCredentials,
    /// The client is disabled or unknown.
    ClientDisabled,
    /// No balance row: the player was never imported.
    NoSuchPlayer,
    /// Unknown goods or group, within what the client may see.
    NoSuchGoods,
    /// Nobody of this client holds the coupon.
    CouponNotIssued,
    /// A goods id that is no id.
    InvalidGoodsId,
    /// The coupon has expired.
    CouponUnavailable,
    /// The per-player limit.
    PlayerLimit,
    /// No such code in that group.
    NoSuchCoupon,
    /// Outside the redeem window.
    OutsideWindow,
    /// Stock, codes or the per-client cap.
    NotEnoughGoods,
    /// Points.
    NotEnoughPoints,
    /// Badges.
    NotEnoughBadges,
    /// Custom currencies.
    NotEnoughCustom,
    /// Wrong PIN, disabled branch, branch not allowed: indistinguishable on purpose.
    BranchRefused,
    /// A fault of ours.
    Internal,
    /// The token is forged, expired or renewed.
    InvalidToken,
    /// Too many requests, or too many wrong PINs.
    TooManyRequests,
    /// No token at all.
    TokenRequired,
    /// Parameters absent or blank.
    MissingParameter,
    /// Parameters present but not acceptable.
    InvalidParameter,
    /// The idempotency key (or job id) came before with other content.
    KeyReused,
    /// No such job for this client.
    UnknownJob,
    /// The broker or the database is away; try again.
    Unavailable,
    /// Accepted longer ago than the configured limit.
    TooOld,
    /// Accepted, and the time that a caller waits is over: the decision is still to come.
    Undecided,
}

impl Code {
    /// All codes, in the order of the table.
    pub const ALL: [Code; 27] = [
        Code::Success,
        Code::BadCredentials,
        Code::ClientDisabled,
        Code::NoSuchPlayer,
        Code::NoSuchGoods,
        Code::CouponNotIssued,
        Code::InvalidGoodsId,
        Code::CouponUnavailable,
        Code::PlayerLimit,
        Code::NoSuchCoupon,
        Code::OutsideWindow,
        Code::NotEnoughGoods,
        Code::NotEnoughPoints,
        Code::NotEnoughBadges,
        Code::NotEnoughCustom,
        Code::BranchRefused,
        Code::Internal,
        Code::InvalidToken,
        Code::TooManyRequests,
        Code::TokenRequired,
        Code::MissingParameter,
        Code::InvalidParameter,
        Code::KeyReused,
        Code::UnknownJob,
        Code::Unavailable,
        Code::TooOld,
        Code::Undecided,
    ];

    /// The four digits, the message (`[ ]` and `<names>` are filled in by the answer), and the HTTP
    /// status of a refusal *before publishing*. What a worker decided is 200, save 3001.
    const fn row(self) -> (&'static str, &'static str, u16) {
        match self {
            Code::Success => ("0000", "Success", 200),
            Code::BadCredentials => ("0001", "Invalid API-KEY OR API-SECRET", 401),
            Code::ClientDisabled => ("0002", "Can't Access ,Permission Denied", 403),
            Code::NoSuchPlayer => ("0200", "User doesn't exist", 200),
            Code::NoSuchGoods => ("0501", "Goods not available", 200),
            Code::CouponNotIssued => ("0502", "Goods is not yet redeemed", 200),
            Code::InvalidGoodsId => ("0503", "Invalid goods id", 400),
            Code::CouponUnavailable => ("0504", "Coupon is not available", 200),
            Code::PlayerLimit => ("0601", "User has exceeded redeem limit", 200),
            Code::NoSuchCoupon => ("0602", "Coupon code is invalid for this goods", 200),
            Code::OutsideWindow => ("0603", "Goods is not available to redeem", 200),
            Code::NotEnoughGoods => ("0604", "Goods is not enough to redeem", 200),
            Code::NotEnoughPoints => ("0605", "Point is not enough to redeem", 200),
            Code::NotEnoughBadges => ("0606", "Badge is not enough to redeem", 200),
            Code::NotEnoughCustom => ("0607", "<names> is not enough to redeem", 200),
            Code::BranchRefused => {
                ("0608", "This branch(pincode) is not allowed to verify the goods", 200)
            }
            Code::Internal => ("0800", "There is an internal server error", 500),
            Code::InvalidToken => ("0900", "Invalid token Key", 401),
            Code::TooManyRequests => ("0901", "Request exceeded , Too much request", 429),
            Code::TokenRequired => ("0902", "Token key required", 401),
            Code::MissingParameter => (
                "0903",
                "Invalid parameter , [ ] require , must not be blank or special character",
                400,
            ),
            Code::InvalidParameter => ("2302", "Invalid parameter , [ ]", 400),
            Code::KeyReused => ("3001", "Idempotency key was used with other content", 422),
            Code::UnknownJob => ("3002", "Unknown job", 404),
            Code::Unavailable => ("3003", "Temporarily unavailable , try again", 503),
            Code::TooOld => ("3004", "Job is too old to be judged", 200),
            Code::Undecided => ("3005", "Accepted , not decided yet", 200),
        }
    }

    /// The four digits that callers compare with.
    pub const fn as_str(self) -> &'static str {
        self.row().0
    }

    /// The message, with its placeholders still in it.
    pub const fn message(self) -> &'static str {
        self.row().1
    }

    /// HTTP status of a refusal before publishing.
    pub const fn http_status(self) -> u16 {
        self.row().2
    }

    /// The message with the names that it is about.
    pub fn message_about<S: AsRef<str>>(self, names: &[S]) -> String {
        let joined = |by: &str| {
            let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
            names.join(by)
        };
        self.message()
            .replace("[ ]", &format!("[ {} ]", joined(" , ")))
            .replace("<names>", &joined(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_four_digits_and_distinct() {
        let mut digits: Vec<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert!(digits.iter().all(|d| d.len() == 4 && d.bytes().all(|b| b.is_ascii_digit())));
        digits.dedup();
        assert_eq!(digits.len(), Code::ALL.len());
    }

    #[test]
    fn a_message_names_everything_it_is_about() {
        assert_eq!(
            Code::MissingParameter.message_about(&["player_id", "goods_id"]),
            "Invalid parameter , [ player_id , goods_id ] require , must not be blank or special character"
        );
        assert_eq!(
            Code::NotEnoughCustom.message_about(&["gem", "star"]),
            "gem,star is not enough to redeem"
        );
    }
}
