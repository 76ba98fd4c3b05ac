//! What a player received, as the original service told it.

use super::rfc3339;
use crate::domain::goods::{Asset, Goods};
use crate::domain::outcome::GrantedCode;
use schemars::JsonSchema;
use serde::Serialize;

/// Some units, or one code.
#[derive(Serialize, JsonSchema)]
pub struct Event<'a> {
    #[schemars(extend("const" = "GOODS_RECEIVED"))]
    event_type: &'static str,
    goods_data: GoodsData<'a>,
    value: i64,
}

#[derive(Serialize, JsonSchema)]
struct GoodsData<'a> {
    goods_id: &'a str,
    name: &'a str,
    /// Units in all; null without a bound.
    quantity: Option<i64>,
    /// Units for one player; null without a bound.
    per_user: Option<i64>,
    /// For one unit.
    redeem: Price<'a>,
    date_start: Option<String>,
    date_expire: Option<String>,
    sponsor: Option<&'a str>,
    group: Option<&'a str>,
    /// The coupon's, for goods that are codes.
    code: Option<&'a str>,
    /// Told of codes only; null for one without an end.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    coupon_expires_at: Option<Option<String>>,
}

#[derive(Serialize, Default, JsonSchema)]
struct Price<'a> {
    point: Points,
    badge: Vec<Badge<'a>>,
    custom: Vec<Custom<'a>>,
}

#[derive(Serialize, Default, JsonSchema)]
struct Points {
    point_value: i64,
}

#[derive(Serialize, JsonSchema)]
struct Badge<'a> {
    badge_id: &'a str,
    badge_value: i64,
}

#[derive(Serialize, JsonSchema)]
struct Custom<'a> {
    custom_id: &'a str,
    custom_name: &'a str,
    custom_value: i64,
}

impl<'a> Event<'a> {
    pub(super) fn new(goods: &'a Goods, value: i64, granted: Option<&'a GrantedCode>) -> Self {
        let goods_data = GoodsData {
            goods_id: goods.goods_id.as_str(),
            name: &goods.name,
            quantity: goods.quantity,
            per_user: goods.per_player,
            redeem: Price::of(goods),
            date_start: goods.starts_at.map(rfc3339),
            date_expire: goods.ends_at.map(rfc3339),
            sponsor: goods.sponsor.as_deref(),
            group: goods.group.as_ref().map(|group| group.as_str()),
            code: granted.map(|granted| granted.code.as_str()),
            coupon_expires_at: granted.map(|granted| granted.expires_at.map(rfc3339)),
        };
        Self { event_type: "GOODS_RECEIVED", goods_data, value }
    }
}

impl<'a> Price<'a> {
    fn of(goods: &'a Goods) -> Self {
        let mut price = Self::default();
        for (asset, each) in goods.price.parts() {
            match asset {
                Asset::Point => price.point.point_value = *each,
                Asset::Badge(id) => {
                    price.badge.push(Badge { badge_id: id.as_str(), badge_value: *each });
                }
                Asset::Custom(id) => price.custom.push(Custom {
                    custom_id: id.as_str(),
                    custom_name: id.as_str(),
                    custom_value: *each,
                }),
            }
        }
        price
    }
}
